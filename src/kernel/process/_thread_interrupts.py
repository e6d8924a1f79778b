"""Interrupts of code in a thread that is not the main one, where no signal handler runs.

**Theory of operation.** Python can be asked to raise an exception in another thread as soon as that
runs its next instruction of Python code. Unlike a signal handler that cannot look where the thread
is and leave it alone; so whether it may be asked for is agreed on under a lock. `enter` and `leave`
stand around user code. `leave` takes back what has been asked for and not been raised yet: an
interrupt is in the code or not at all. Both may be struck themselves, and what follows them in the
kernel's own code makes sure (`ensure_left`).

| the thread                          | an interrupt does                                  |
|-------------------------------------|----------------------------------------------------|
| waits for a request                 | nothing                                            |
| has taken a cell, and is on the way | raises KeyboardInterrupt as the code begins        |
| to its code                         | (`expect`)                                         |
| runs Python code                    | raises KeyboardInterrupt                           |
| sleeps (`time.sleep`)               | wakes it, and raises the same                      |
| waits for a condition, as for an    | wakes it, and raises the same: what would wake it  |
| event, a queue or a future          | is a lock that any thread may open (`end_wait`)    |
| awaits, and its event loop waits    | cancels the cell's task, which raises the same     |
| the same, and other code blocks the | the same; if it still does a moment later, raises  |
| loop                                | KeyboardInterrupt in it                            |
| runs a loop of its own, such as     | ends that between two of its steps; if it does not |
| `asyncio.run` (`RunningLoop`)       | come round, raises the same a moment later         |
| is in C code, or waits in the       | raises KeyboardInterrupt when that returns: no     |
| system for a lock or a socket       | system lets a thread be called back from there     |
| is where nothing may be raised      | the same, a moment later (`hold`, finalizers)      |
| begins to give a lock back, just as | the same, when that is done (`_raise_in`)          |
| it is raised                        |                                                    |
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from importlib import _bootstrap
from threading import (
    TIMEOUT_MAX,
    Condition,
    Lock,
    get_ident,
)  # by name: gevent replaces the module's
from types import FrameType
from typing import Any, Protocol

from assay._clock import monotonic
from assay.kernel.process._frames import look_at
from assay.kernel.process._interrupts import (
    MASK,
    MAX_PUT_OFF,
    STUCK_S,
    is_locking,
    of_thread,
)
from assay.kernel.process._patches import Kind, patches
from assay.kernel.process._running_loops import RunningLoop

__all__ = ["InterruptibleLoop", "ThreadInterrupts", "end_wait", "is_importing"]

RETRY_S = 0.001
"""When an interrupt comes again that struck where it must not raise."""

WAITS_S = 0.05
"""The same, where that is not over after a while: the thread waits for something."""


class InterruptibleLoop(Protocol):
    """What an event loop offers whose thread is interrupted."""

    def interrupt(self) -> bool:
        """Cancel what waits in the loop for a running cell; False if nothing does."""
        ...

    @property
    def is_stuck(self) -> bool:
        """True while an interrupt that it took waits for code that blocks the loop."""
        ...

    def forget_interrupt(self) -> None:
        """Take back an interrupt that came too late for any cell."""
        ...

    def nudge(self) -> None:
        """Wake the loop, if it waits; from any thread."""
        ...


class ThreadInterrupts(AbstractContextManager[None]):
    """The interrupts of one thread, which calls `begin` and `end`; what stands inside is user code.

    An interrupt that is put off is one interrupt still, however often it is tried again: it counts
    once, strikes once, and only the code that it was meant for.

    Args:
        later: Calls a function some seconds from now, in another thread.
    """

    def __init__(self, later: Callable[[float, Callable[[], None]], None]) -> None:
        self._later = later
        self._lock = Lock()
        self._ident = 0
        self._is_entered = False
        self._is_held = False
        self._is_expected = False
        self._is_early = False
        self._is_pending = False
        self._is_asked = False
        self._put_off_in: int | None = None
        """What `entries` was when an interrupt was put off that is still to come again."""
        self._times_put_off = 0
        self._sleep = Lock()
        self._sleep.acquire()
        self.loop: InterruptibleLoop | None = None
        """The thread's event loop, if it has one."""
        self.running: RunningLoop | None = None
        """The innermost loop that user code runs itself."""
        self.count = 0
        """How often user code has been interrupted; also where it has caught that."""
        self.entries = 0
        """How often user code has been entered: tells one run from the next."""

    # --- In the thread.

    def begin(self) -> None:
        """Be the interrupts of the caller's thread, which blocks no more signals than the main one.

        They would be blocked in the child processes that it starts as well.
        """
        signal.pthread_sigmask(signal.SIG_SETMASK, MASK)
        import assay.kernel.process._raise_in  # noqa: F401, PLC0415 - expensive, and needed for threads alone

        self._ident = get_ident()
        if not of_thread:
            _patch_sleep()
        of_thread[self._ident] = self

    def end(self) -> None:
        """End with user code, and forget the caller's thread: it is about to end."""
        self.ensure_left()
        of_thread.pop(self._ident, None)

    def allowed(self) -> AbstractContextManager[None]:
        """Allow an interrupt to raise KeyboardInterrupt inside; in user code nothing changes."""
        return nullcontext() if self._is_entered else self

    def expect(self) -> None:
        """Keep what comes from now on for the user code that begins next."""
        with self._lock:
            self._is_expected, self._is_early = True, False

    def expect_no_more(self) -> None:
        """Drop what came too early: the request is over, and may have run no code."""
        with self._lock:
            self._is_expected = self._is_early = False

    def __enter__(self) -> None:
        with self._lock:
            is_early, self._is_expected, self._is_early = self._is_early, False, False
            if is_early:
                self.count += 1
                raise KeyboardInterrupt
            self.entries += 1
            self._is_pending = False
            self._times_put_off = 0
            self.running = None
            self._is_entered = True

    def __exit__(self, *_: object) -> None:
        self.ensure_left()

    def ensure_left(self) -> None:
        """End with user code, also where it has been ended, or the end was struck itself."""
        while self._is_entered or self._is_held:
            try:
                with self._lock:
                    self._is_entered = self._is_held = False
                    self._take_back()
                    if self.loop is not None:
                        self.loop.forget_interrupt()
            except KeyboardInterrupt:
                # It was raised between the end of the code and here: the code has done its work.
                self._is_entered = True

    def hold(self) -> None:
        """Put interrupts off from now on: what follows must not be done by half."""
        try:
            with self._lock:
                self._is_held = True
            for _ in range(2):  # what was asked for before is raised now, and not later
                pass
        except KeyboardInterrupt:
            self._is_held = False
            raise

    def ensure_held(self) -> None:
        """Put interrupts off, also where one strikes just now: it has done what it was to do."""
        while not self._is_held:
            with suppress(KeyboardInterrupt):
                self.hold()

    @property
    def is_held(self) -> bool:
        """True from `hold` to `release`."""
        return self._is_held

    def release(self) -> None:
        """Put them off no longer."""
        with self._lock:
            self._is_held = False
            # First: what is raised may be raised at once, in the middle of this.
            is_pending, self._is_pending = self._is_pending, False
            if is_pending and self._is_entered:
                self._strike()

    def take(self, loop: RunningLoop) -> bool:
        """Take the interrupt that *loop* is to end by; False if it has struck already."""
        with self._lock:
            is_asked, loop.is_asked = loop.is_asked, False
        return is_asked

    def hand_on(self, loop: RunningLoop) -> None:
        """Have an interrupt strike the code around *loop*, which has ended before it struck."""
        with self._lock:
            is_asked, loop.is_asked = loop.is_asked, False
            if is_asked and self._is_entered:
                self._strike()

    def put_off(self) -> None:
        """Send an interrupt again that Python has swallowed."""
        # Without the lock: a finalizer runs in the middle of anything, also of what holds it.
        self._try_later(self._strike)

    # --- In any other thread.

    def interrupt(self) -> bool:
        """Interrupt the user code that the thread runs; False if it runs none."""
        with self._lock:
            if not self._is_entered:
                self._is_early = self._is_expected
                return False
            self.count += 1
            self._strike()
        return True

    def is_in(self, entries: int) -> bool:
        """Return True while the thread still runs the code whose entry `entries` counted."""
        return self._is_entered and self.entries == entries

    def raise_if_stuck(self, entries: int) -> None:
        """Interrupt what blocks the loop on which a cell is to be cancelled."""
        with self._lock:
            if self.is_in(entries):
                self._strike_if_stuck()

    # --- With the lock, while user code is entered.

    def _strike(self) -> None:
        if self._is_held:
            self._is_pending = True
        elif self.loop is None or not self.loop.interrupt():
            self._strike_code(self._strike)

    def _strike_code(self, again: Callable[[], None]) -> None:
        if self.running is not None and self.running.ask():
            entries = self.entries
            self._later(STUCK_S, lambda: self.raise_if_stuck(entries))
        else:
            self._raise(again)

    def _strike_if_stuck(self) -> None:
        if self._is_held:
            self._try_later(self._strike_if_stuck)
        elif self.running is not None and self.running.is_asked:
            self._raise(self._strike_if_stuck)
        elif self.loop is not None and self.loop.is_stuck:
            self._strike_code(self._strike_if_stuck)

    def _try_later(self, strike: Callable[[], None]) -> None:
        """Call *strike* in a moment, for the same code; once, however many interrupts there are."""
        entries = self.entries
        if self._put_off_in == entries:  # what was put off for earlier code is no interrupt of this
            return
        self._put_off_in = entries

        def try_again() -> None:
            with self._lock:
                if self._put_off_in == entries:
                    self._put_off_in = None
                if self.is_in(entries):
                    strike()

        self._later(RETRY_S if self._times_put_off < MAX_PUT_OFF else WAITS_S, try_again)

    def _raise(self, strike: Callable[[], None]) -> None:
        """Raise KeyboardInterrupt in the thread, or call *strike* again where that must not be."""
        from assay.kernel.process._raise_in import INTERRUPT, raise_in  # noqa: PLC0415 - as in `begin`

        # Where the thread is now it will be struck, or one step behind that (`INTERRUPT`): it waits
        # for the interpreter, or in C code.
        if look_at(self._ident, self._must_wait):
            self._times_put_off += 1
            self._try_later(strike)
            return
        self._times_put_off = 0
        self._is_asked = True
        if self.running is not None:
            self.running.is_asked = False
        raise_in(self._ident, INTERRUPT)
        if self._sleep.locked():
            self._sleep.release()
        if self.loop is not None:
            self.loop.nudge()
        look_at(self._ident, end_wait)

    def _must_wait(self, frame: FrameType | None) -> bool:
        """Return True where nothing may be raised.

        That is not for long but where the thread waits for a lock, which no interrupt would end: it
        would strike just when the lock is taken, and nothing would give that back.
        """
        if is_locking(frame):
            return True
        return self._times_put_off < MAX_PUT_OFF and is_importing(frame)

    def _take_back(self) -> None:
        from assay.kernel.process._raise_in import take_back  # noqa: PLC0415 - as in `begin`

        if self._is_asked:
            self._is_asked = False
            take_back()

    # --- Sleep.

    def sleep(self, seconds: float) -> None:
        """Sleep as `time.sleep` does, until an interrupt comes."""
        self._sleep.acquire(blocking=False)  # an earlier interrupt has left it open
        end = monotonic() + seconds
        while (left := end - monotonic()) > 0:
            self._sleep.acquire(timeout=min(left, TIMEOUT_MAX))


IMPORTING = getattr(getattr(_bootstrap, "_find_and_load", None), "__code__", None)


def is_importing(frame: FrameType | None) -> bool:
    """Return True if *frame* belongs to an import.

    From C code, which reads files meanwhile, the next step may be to give the module's lock back: a
    thread is struck just there, and no thread could import the module any more.
    """
    while frame is not None:
        if frame.f_code is IMPORTING:
            return True
        frame = frame.f_back
    return False


def end_wait(frame: FrameType | None) -> bool:
    """Wake a thread that is in *frame*, if it waits for a condition; it has something to raise.

    Returns:
        False if it does not wait so.
    """
    if frame is None or frame.f_code is not Condition.wait.__code__:
        return False
    # What `Condition.notify` releases, the same from 3.2 to 3.14.
    waiter: Any = frame.f_locals.get("waiter")
    with suppress(RuntimeError, AttributeError):  # it has been woken, or is not that far yet
        waiter.release()
    return True


def _patch_sleep() -> None:
    def make(sleep: Callable[[float], None]) -> Callable[[float], None]:
        if getattr(sleep, "is_interruptible", False):
            return sleep

        def interruptible_sleep(seconds: float, /) -> None:
            """Sleep for *seconds*, which may be less than a whole one."""
            own = of_thread.get(get_ident())
            if own is None or type(seconds) not in (int, float) or not 0 < seconds < math.inf:
                sleep(seconds)
            else:
                own.sleep(seconds)

        interruptible_sleep.__name__ = "sleep"
        interruptible_sleep.is_interruptible = True  # type: ignore[attr-defined]  # a mark
        return interruptible_sleep

    patches.patch(
        time,
        "sleep",
        make,
        kind=Kind.CORRECTNESS,
        reason="with a subshell: an interrupt ends the sleep of a cell in it",
    )
