"""Interrupts of a thread that are put off: each is one, however often it is tried again."""

from __future__ import annotations

import ctypes
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path

import pytest

from assay.kernel.process._interrupts import MAX_PUT_OFF
from assay.kernel.process._patches import patches
from assay.kernel.process._raise_in import INTERRUPT
from assay.kernel.process._running_loops import RunningLoop
from assay.kernel.process._thread_interrupts import ThreadInterrupts, end_wait
from tests.limits import HANG_LIMIT_S

SOME = range(1000)
"""Steps of Python code, in which what was asked for is raised."""

MODULE = "module_that_waits"


class Struck:
    """A thread with interrupts, and what it was struck by.

    Args:
        work: What the thread does; it calls `count` around what may be struck.
    """

    def __init__(self, work: Callable[[Struck], None]) -> None:
        self.later: list[Callable[[], None]] = []
        """What is to be called in a moment."""
        self.interrupts = ThreadInterrupts(lambda _, call: self.later.append(call))
        self.strikes = 0
        self.begun, self.gate = threading.Event(), threading.Event()
        self._work = work
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def count(self, code: Callable[[], object]) -> None:
        """Run *code*, and some steps behind it, and count if either is struck."""
        try:
            try:
                code()
            except KeyboardInterrupt:
                self.strikes += 1
            _steps()
        except KeyboardInterrupt:  # also where it strikes between the two
            self.strikes += 1

    def passes(self) -> None:
        """Say that the thread is there, and wait for the other side."""
        self.begun.set()
        _until(self.gate)

    def end(self) -> None:
        """Let the thread go on to its end."""
        self.gate.set()
        self._thread.join(HANG_LIMIT_S)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        self.interrupts.begin()
        try:
            self._work(self)
        finally:
            self.interrupts.end()


def _steps() -> None:
    for _ in SOME:
        pass


@pytest.fixture(autouse=True)
def _unpatched() -> Iterator[None]:
    """Undo what an interruptible thread changes in the process."""
    mark = patches.mark()
    yield
    patches.undo_since(mark)


def test_interrupt_that_was_held_strikes_once() -> None:
    """It is raised where it is held no longer, and not again where the next thing was held."""

    def work(thread: Struck) -> None:
        interrupts = thread.interrupts
        with interrupts.allowed():
            interrupts.hold()
            thread.passes()
            for _ in range(3):
                thread.count(interrupts.release)
                thread.count(interrupts.hold)
            thread.count(interrupts.release)

    thread = Struck(work)
    assert thread.begun.wait(HANG_LIMIT_S)
    thread.interrupts.interrupt()
    thread.end()

    assert thread.strikes == 1
    assert thread.interrupts.count == 1


@pytest.fixture
def _module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A module whose import waits."""
    (tmp_path / f"{MODULE}.py").write_text("from __main__ import waiting_import\nwaiting_import()")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop(MODULE, None)


def importing(thread: Struck) -> None:
    """Import the module."""
    vars(sys.modules["__main__"])["waiting_import"] = thread.passes
    try:
        __import__(MODULE)
    finally:
        del vars(sys.modules["__main__"])["waiting_import"]


def test_interrupt_that_is_early_strikes_what_it_was_for() -> None:
    """What comes before the expected code strikes as that begins, and no code behind it."""

    def enter(interrupts: ThreadInterrupts) -> None:
        with interrupts.allowed():
            pass

    def work(thread: Struck) -> None:
        thread.interrupts.expect()
        thread.passes()
        for _ in range(2):
            thread.count(lambda: enter(thread.interrupts))

    thread = Struck(work)
    assert thread.begun.wait(HANG_LIMIT_S)
    thread.interrupts.interrupt()
    thread.end()

    assert thread.strikes == 1
    assert thread.interrupts.count == 1


@pytest.mark.parametrize(
    "goes_on",
    [
        pytest.param(ThreadInterrupts.expect_no_more, id="that ran no code"),
        pytest.param(ThreadInterrupts.expect, id="whose start failed"),
    ],
)
def test_interrupt_of_one_request_strikes_no_other(
    goes_on: Callable[[ThreadInterrupts], None],
) -> None:
    """What comes before a request's code is dropped if that never runs."""

    def work(thread: Struck) -> None:
        thread.interrupts.expect()
        thread.passes()
        goes_on(thread.interrupts)
        with thread.interrupts.allowed():
            pass

    thread = Struck(work)
    assert thread.begun.wait(HANG_LIMIT_S)
    thread.interrupts.interrupt()
    thread.end()

    assert thread.interrupts.count == 0


@pytest.mark.usefixtures("_module")
def test_interrupt_in_an_import_strikes_once_and_behind_it() -> None:
    """It is tried again until the import is over; two that come meanwhile are tried as one."""
    behind, goes_on = threading.Event(), threading.Event()

    def work(thread: Struck) -> None:
        with thread.interrupts.allowed():
            thread.count(lambda: importing(thread))
            thread.count(lambda: _pass(behind, goes_on))

    thread = Struck(work)
    assert thread.begun.wait(HANG_LIMIT_S)
    for _ in range(2):
        thread.interrupts.interrupt()
    for _ in range(5):
        try_again(thread)
    thread.gate.set()
    assert behind.wait(HANG_LIMIT_S)
    try_again(thread)
    goes_on.set()
    thread.end()

    assert thread.strikes == 1
    assert thread.interrupts.count == 2


@pytest.mark.usefixtures("_module")
def test_interrupt_that_was_put_off_spares_later_code() -> None:
    """What it was meant for has ended: what the thread enters next is not struck."""
    entered, goes_on = threading.Event(), threading.Event()

    def work(thread: Struck) -> None:
        with thread.interrupts.allowed():
            thread.count(lambda: importing(thread))
        with thread.interrupts.allowed():
            entered.set()
            thread.count(lambda: _until(goes_on))

    thread = Struck(work)
    assert thread.begun.wait(HANG_LIMIT_S)
    thread.interrupts.interrupt()
    thread.gate.set()
    assert entered.wait(HANG_LIMIT_S)
    try_again(thread)
    goes_on.set()
    thread.end()

    assert thread.strikes == 0
    assert not thread.later


@pytest.mark.usefixtures("_module")
def test_interrupt_of_later_code_is_put_off_on_its_own() -> None:
    """One that was put off for code that has ended does not stand for that of the next."""
    left, goes_on, behind, tried = (threading.Event() for _ in range(4))

    def work(thread: Struck) -> None:
        with thread.interrupts.allowed():
            thread.count(lambda: importing(thread))
        sys.modules.pop(MODULE)
        left.set()
        goes_on.wait(HANG_LIMIT_S)
        with thread.interrupts.allowed():
            thread.count(lambda: importing(thread))
            thread.count(lambda: _pass(behind, tried))

    thread = Struck(work)
    assert thread.begun.wait(HANG_LIMIT_S)
    thread.interrupts.interrupt()
    thread.gate.set()
    assert left.wait(HANG_LIMIT_S)
    thread.begun.clear()
    thread.gate.clear()
    goes_on.set()
    assert thread.begun.wait(HANG_LIMIT_S)
    thread.interrupts.interrupt()
    thread.gate.set()
    assert behind.wait(HANG_LIMIT_S)
    for again in thread.later[:]:
        again()
    tried.set()
    thread.end()

    assert thread.strikes == 1


class Announced:
    """A lock, and a thread that says that it is about to take it."""

    def __init__(self, lock: threading.Lock, thread: Struck) -> None:
        self._lock, self._thread = lock, thread
        self.acquire, self.release = lock.acquire, lock.release

    def __enter__(self) -> bool:
        self._thread.begun.set()
        return self._lock.__enter__()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_interrupt_never_strikes_where_a_lock_is_taken() -> None:
    """However long that takes: it would strike when the lock is taken, and leave it locked. It
    strikes behind that."""
    lock = threading.Lock()
    behind, goes_on = threading.Event(), threading.Event()

    def take(thread: Struck) -> None:
        condition = threading.Condition(Announced(lock, thread))  # type: ignore[arg-type]  # a lock
        with condition:
            _pass(behind, goes_on)

    def work(thread: Struck) -> None:
        with thread.interrupts.allowed():
            thread.count(lambda: take(thread))

    with lock:
        thread = Struck(work)
        assert thread.begun.wait(HANG_LIMIT_S)
        thread.interrupts.interrupt()
        for _ in range(2 * MAX_PUT_OFF):
            try_again(thread)
    assert behind.wait(HANG_LIMIT_S)
    try_again(thread)
    goes_on.set()
    thread.end()

    assert thread.strikes == 1
    assert not lock.locked()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.11 looks where it is seen to wait")
def test_interrupt_that_comes_as_a_lock_is_given_back_leaves_it_open() -> None:
    """Python 3.13 looks for it one step late, where `Condition.__exit__` begins: too late for it to
    be put off."""
    lock = threading.Lock()
    condition = threading.Condition(lock)

    def leave() -> None:
        with condition:
            _ask_for_the_next_call()

    with pytest.raises(KeyboardInterrupt) as raised:
        leave()

    assert raised.traceback[-1].name == "__exit__"
    assert not lock.locked()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="as above")
def test_interrupt_that_comes_as_a_lock_is_taken_again_leaves_it_taken() -> None:
    """What waited for a condition has its lock: to give it back is no error."""
    lock = threading.Lock()
    condition = threading.Condition(lock)

    def wait() -> None:
        with condition:
            state = condition._release_save()  # type: ignore[attr-defined]  # as `wait` does
            try:
                _ask_for_the_next_call()
            finally:
                condition._acquire_restore(state)  # type: ignore[attr-defined]  # as above

    with pytest.raises(KeyboardInterrupt) as raised:
        wait()

    assert raised.traceback[-1].name == "_acquire_restore"
    assert not lock.locked()


class Loop:
    """A loop that comes round when it is asked to, or never."""

    def __init__(self) -> None:
        self.called: list[Callable[[], None]] = []
        self.steps: list[str] = []

    def run(self, thread: Struck) -> None:
        """Run until what has been called in the loop ends it."""
        with RunningLoop(self.called.append, _raise):
            thread.passes()
            for call in self.called:
                call()
            self.steps.append("goes on")


def _raise() -> None:
    raise KeyboardInterrupt


def test_interrupt_ends_a_loop_where_it_comes_round() -> None:
    """It strikes between two steps of a loop that the code runs, and once."""
    loop = Loop()

    def work(thread: Struck) -> None:
        with thread.interrupts.allowed():
            thread.count(lambda: loop.run(thread))

    thread = Struck(work)
    assert thread.begun.wait(HANG_LIMIT_S)
    thread.interrupts.interrupt()
    thread.end()
    for again in thread.later:  # it is looked at whether the loop is stuck
        again()

    assert (thread.strikes, loop.steps, len(loop.called)) == (1, [], 1)


def test_interrupt_strikes_code_that_keeps_a_loop_from_coming_round() -> None:
    """A moment later it is raised in what blocks the loop, which it does not end as well then."""
    loop = Loop()
    struck = threading.Event()

    def block(thread: Struck) -> None:
        with RunningLoop(loop.called.append, _raise):
            try:
                thread.passes()
            except KeyboardInterrupt:
                struck.set()
                loop.called[0]()
                loop.steps.append("goes on")
                raise

    def work(thread: Struck) -> None:
        with thread.interrupts.allowed():
            thread.count(lambda: block(thread))

    thread = Struck(work)
    assert thread.begun.wait(HANG_LIMIT_S)
    thread.interrupts.interrupt()
    settle(thread)
    assert struck.wait(HANG_LIMIT_S)
    thread.end()

    assert (thread.strikes, loop.steps) == (1, ["goes on"])


def test_interrupt_of_a_stuck_loop_strikes_nothing_that_is_held() -> None:
    """What must not be done by half keeps the loop from coming round, and is struck behind that."""
    held, goes_on, never = (threading.Event() for _ in range(3))
    steps: list[str] = []

    def block(thread: Struck) -> None:
        with RunningLoop(lambda _: None, _raise):
            thread.passes()
            thread.interrupts.hold()
            try:
                _pass(held, goes_on)
                steps.append("done")
            finally:
                thread.interrupts.release()
            _until(never)

    def work(thread: Struck) -> None:
        with thread.interrupts.allowed():
            thread.count(lambda: block(thread))

    thread = Struck(work)
    assert thread.begun.wait(HANG_LIMIT_S)
    thread.interrupts.interrupt()  # asks the loop, which does not come round
    thread.gate.set()
    assert held.wait(HANG_LIMIT_S)
    try_again(thread)  # as after a while
    goes_on.set()
    while thread.later:
        try_again(thread)
    thread.end()

    assert (thread.strikes, steps) == (1, ["done"])


def test_interrupt_of_a_loop_that_is_over_strikes_behind_it() -> None:
    """A loop that ends before it comes round leaves the interrupt to the code around it."""
    asked: list[Callable[[], None]] = []

    def work(thread: Struck) -> None:
        def run() -> None:
            with RunningLoop(asked.append, _raise):
                thread.passes()

        with thread.interrupts.allowed():
            thread.count(run)

    thread = Struck(work)
    assert thread.begun.wait(HANG_LIMIT_S)
    thread.interrupts.interrupt()
    thread.end()
    asked[0]()

    assert thread.strikes == 1


@pytest.mark.parametrize("is_asked", [False, True], ids=["closed", "asked already"])
def test_interrupt_is_raised_where_a_loop_cannot_be_asked(is_asked: bool) -> None:
    """A loop that is closed, or has been asked in vain, is struck as any code."""

    def refuse(_: Callable[[], None]) -> None:
        if not is_asked:
            raise RuntimeError("Event loop is closed")

    def work(thread: Struck) -> None:
        with thread.interrupts.allowed(), RunningLoop(refuse, _raise):
            thread.count(thread.passes)
            _until(thread.gate)

    thread = Struck(work)
    assert thread.begun.wait(HANG_LIMIT_S)
    for _ in range(1 + is_asked):
        thread.interrupts.interrupt()
    settle(thread)
    thread.end()

    assert thread.strikes == 1


def wait_for_condition() -> None:
    """Wait, with the lock of the condition."""
    condition = threading.Condition(threading.Lock())  # its owner takes no other lock twice
    try:
        with condition:
            condition.wait()
    finally:
        assert condition.acquire(blocking=False)


@pytest.mark.parametrize(
    "wait",
    [
        threading.Event().wait,
        partial(threading.Event().wait, 10 * HANG_LIMIT_S),
        queue.Queue[None]().get,
        Future[None]().result,
        threading.Semaphore(0).acquire,
        wait_for_condition,
    ],
    ids=["event", "event for a time", "queue", "future", "semaphore", "condition"],
)
def test_interrupt_ends_a_wait_for_a_condition(wait: Callable[[], object]) -> None:
    """It is raised where the thread waits for another one, and the locks are as outside."""

    def work(thread: Struck) -> None:
        def wait_where_it_counts() -> None:
            thread.begun.set()
            wait()

        with thread.interrupts.allowed():
            thread.count(wait_where_it_counts)

    thread = Struck(work)
    assert thread.begun.wait(HANG_LIMIT_S)
    thread.interrupts.interrupt()
    settle(thread)
    thread.end()

    assert thread.strikes == 1


def test_thread_that_waits_for_nothing_is_not_woken() -> None:
    """Neither one that has ended, nor one whose wait has not begun, is a wait that can be ended."""
    frame = sys._getframe()

    assert not end_wait(None)
    assert not end_wait(frame)


def settle(thread: Struck) -> None:
    """Do all that is to be done in a moment; a thread that gives a lock back is not struck yet."""
    while thread.later:
        thread.later.pop(0)()


def try_again(thread: Struck) -> None:
    """Call the one thing that is to be called in a moment."""
    (again,) = thread.later
    thread.later.clear()
    again()


def _pass(reached: threading.Event, goes_on: threading.Event) -> None:
    reached.set()
    _until(goes_on)


def _until(event: threading.Event) -> None:
    while not event.is_set():  # where it can be struck: no lock is taken
        pass


def _ask_for_the_next_call() -> None:
    """Ask for an interrupt of this thread so that it comes with the next call, and not here."""
    ask = partial(
        ctypes.pythonapi.PyThreadState_SetAsyncExc,
        ctypes.c_ulong(threading.get_ident()),
        ctypes.py_object(INTERRUPT),
    )
    for _ in iter(ask, 1):  # Python looks for it behind a call, and not behind a step of a loop
        raise AssertionError("there is no such thread")
