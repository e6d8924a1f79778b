"""Interrupts of a thread that are put off: each is one, however often it is tried again."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assay.kernel.process._interrupts import MAX_PUT_OFF
from assay.kernel.process._patches import patches
from assay.kernel.process._thread_interrupts import ThreadInterrupts
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
        for step in (code, _steps):
            try:
                step()
            except KeyboardInterrupt:
                self.strikes += 1

    def passes(self) -> None:
        """Say that the thread is there, and wait for the other side."""
        self.begun.set()
        while not self.gate.wait(0.001):  # where it can be struck
            pass

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


def try_again(thread: Struck) -> None:
    """Call the one thing that is to be called in a moment."""
    (again,) = thread.later
    thread.later.clear()
    again()


def _pass(reached: threading.Event, goes_on: threading.Event) -> None:
    reached.set()
    _until(goes_on)


def _until(event: threading.Event) -> None:
    while not event.wait(0.001):
        pass
