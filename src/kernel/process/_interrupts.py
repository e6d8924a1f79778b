"""Interrupts: by signal from outside, by message from the I/O thread, always in the main thread.

Theory of operation. There is one way in: SIGINT to the main thread, whether a terminal, a server
or the I/O thread (`Interrupts.send`, for an interrupt_request) sends it. Python notes the signal
and calls the handler between two instructions of the main thread, so that the handler always sees
a consistent interpreter and never a consistent kernel. What it does depends on where that is:

| the main thread                    | SIGINT does                                        |
|------------------------------------|----------------------------------------------------|
| waits for a request                | nothing (CTRL-10)                                  |
| starts up, and a cell waits        | nothing now; it comes again once that cell runs    |
| has taken a cell, and is on the    | nothing now; it comes again as the code begins     |
| way to its code                    | (`expect`)                                         |
| runs a cell                        | raises KeyboardInterrupt (CTRL-11)                 |
| awaits a cell whose code waits     | cancels the cell's task, which raises the same     |
| the same, and other code on the    | the same; if that code still blocks the loop a     |
| loop runs                          | moment later, raises KeyboardInterrupt in it       |
| is where nothing may be raised     | the same, a moment later                           |
| runs a cell in which another       | the same, but where that kernel says               |
| kernel serves (`embed`)            | (`LentInterrupts`); elsewhere a moment later       |

*Where something may be raised* is exactly inside `allowed`: around user code, and nowhere in the
kernel's own. The flag is set last on the way in and cleared first on the way out, and both ways are
inside the handlers' own `try`, so that an interrupt is in the cell or not at all.

*Where nothing may be raised* although user code runs: between `hold` and `release`, where something
must not be done by half; where Python itself takes a lock (`LOCKING`); where it swallows what is
raised, that is in finalizers (the unraisable hook sees it), in the functions that are called around
a fork, and in what shows a warning. There the handler asks for the same signal again (`put_off`);
nothing waits for it.

*A signal that ends no wait.* Python's handler runs when the main thread next looks, but a signal
that arrives just before that thread begins to wait in the system ends no wait. The I/O thread
learns of each signal by a pipe and pings the main thread a moment later, and again until it looks
(`_signal_pipe`): a ping can come just before a wait as well.

*A handler that is not ours.* While a cell runs, SIGINT is the program's: it may put any handler
there, and interrupts by both ways call that. When the cell has ended ours is back, whatever was
left (`_signal_handlers`), so that the next cell can be interrupted. Programs that take SIGINT over
for a while do so only where it has Python's default handler (trio, `asyncio.Runner`), and give it
back by setting that one (asyncio). So ours is what `signal.default_int_handler` names.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from importlib import _bootstrap
from threading import get_ident  # by name: gevent replaces the module's
from types import CodeType, FrameType, TracebackType
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from assay.kernel.process._main_thread import is_main_thread, main_thread_ident
from assay.kernel.process._patches import Kind, patches
from assay.kernel.process._signal_handlers import Reclaim, SignalHandlers, keep_signals_back
from assay.kernel.process._system import interruptible
from assay.transport import get_logger

if TYPE_CHECKING:
    from assay.kernel.process._thread_interrupts import ThreadInterrupts

__all__ = [
    "MASK",
    "MAX_PUT_OFF",
    "STUCK_S",
    "Interrupts",
    "LentInterrupts",
    "end_at_user_code",
    "interrupts_of_this_thread",
    "is_locking",
    "of_thread",
    "put_off_in",
]

MASK = signal.pthread_sigmask(signal.SIG_BLOCK, ())
"""The signals that the main thread blocked at the start, as child processes are to."""

of_thread: dict[int, ThreadInterrupts] = {}
"""What interrupts the threads of subshells."""


def interrupts_of_this_thread() -> ThreadInterrupts | None:
    """Return what interrupts the caller's thread; None in the main thread and the user's own."""
    return of_thread.get(get_ident()) if of_thread else None


logger = get_logger("assay.kernel")

SHOW_WARNING = {"WarningMessage.__init__", "_showwarnmsg"}
"""What C code calls to show a warning; the program's own ``showwarning`` runs in the second."""

STUCK_S = 0.25
"""How long code may block the loop on which a cell is to be cancelled until it is struck."""

MAX_PUT_OFF = 100
"""How often an interrupt is put off because of a warning or a lock: a tenth of a second and more.
What takes longer waits for something, and only an interrupt may end that."""


def end_at_user_code(trace: TracebackType | None, *beyond: CodeType) -> None:
    """Cut from *trace*, that of a KeyboardInterrupt, the signal handler that raised it.

    Whatever called the handler and is not the user's either is cut with it, from the first of the
    functions *beyond*.
    """
    cut = {Interrupts._handle.__code__, *beyond}
    while trace is not None and trace.tb_next is not None:
        if trace.tb_next.tb_frame.f_code in cut:
            trace.tb_next = None
        trace = trace.tb_next


@runtime_checkable
class SignalledLoop(Protocol):
    """What an event loop offers that handles signals itself."""

    def pass_on_signals(self, numbers: Iterable[int], /) -> None:
        """Run what the loop's signal handlers are for each of *numbers*, in any thread."""
        ...

    @property
    def is_stuck(self) -> bool:
        """True while an interrupt that it took waits for code that blocks the loop."""
        ...

    def is_wakeup(self, descriptor: int, /) -> bool:
        """Return True if *descriptor* is where Python writes signals for the loop."""
        ...


class Interrupts:
    """The interrupts of the main thread: installed there, sent from any thread.

    Args:
        handlers: Takes SIGINT, and takes it back from user code.
    """

    def __init__(self, handlers: SignalHandlers | None = None) -> None:
        self.handlers = handlers or SignalHandlers()
        """The handlers of all signals."""

        self._may_raise = False
        self._is_entered = False
        self._is_held = False
        self._is_expected = False
        self._is_early = False
        self._times_put_off = 0
        self._report_unraisable = sys.unraisablehook
        self._handler = self._handle  # one object, so that `is` finds it
        self._user_code = _UserCode(self)
        self.count = 0
        """How often user code has been interrupted; also where it has caught that."""

        self.cancel: Callable[[], bool] = lambda: False
        """Tried first: an event loop may cancel a task instead (`UserLoop.interrupt`)."""

        self.tell: Callable[[], None] | None = None
        """Ends code of the language's that does not come back to Python; for the I/O thread."""

        self.loop: SignalledLoop | None = None
        """The user's event loop, if signals mean anything to it."""

        self.may_strike: Callable[[], bool] = lambda: True
        """Returns False where another kernel works in the middle of the cell, and must not be
        struck; called in any thread."""

        self.put_off: Callable[[], None] = lambda: None
        """Sees to it that the signal comes again in a moment; called in the main thread."""

        self.settle: Callable[[], None] | None = None
        """Lets an interrupt strike that is on its way, where none comes by our handler."""

        self.look_again: Callable[[], None] = lambda: None
        """Sees to it that the signal comes again if the loop is stuck then; called as `put_off`."""

    def install(self) -> None:
        """Take SIGINT over."""
        self.handlers.take(signal.SIGINT, self._handler, Reclaim.ALWAYS)
        patches.patch(
            signal,
            "default_int_handler",
            lambda _: self._handler,
            kind=Kind.CORRECTNESS,
            reason="trio and asyncio take SIGINT over only from Python's default handler, and give "
            "it back by setting that one",
        )
        self._report_unraisable = patches.patch(
            sys,
            "unraisablehook",
            lambda _: self._on_unraisable,
            kind=Kind.CORRECTNESS,
            reason="an interrupt that Python swallows in a finalizer comes again",
        )

        patches.patch(
            os,
            "system",
            interruptible,
            kind=Kind.CORRECTNESS,
            reason="C's own has the process ignore SIGINT meanwhile",
        )

    def restore(self) -> None:
        """Give SIGINT back."""
        patches.undo(os, "system")
        patches.undo(sys, "unraisablehook")
        patches.undo(signal, "default_int_handler")
        self.handlers.give_back(signal.SIGINT)

    def allowed(self) -> AbstractContextManager[None]:
        """Allow an interrupt to raise KeyboardInterrupt inside, and other signals what they raise.

        In the middle of user code, and in another thread while that waits, nothing changes.
        """
        return nullcontext() if self._is_entered else self._user_code

    def expect(self) -> None:
        """Keep what comes from now on for the user code that begins next.

        Its client is told next that the kernel is busy with it.
        """
        self._is_early = False
        self._is_expected = True

    def expect_no_more(self) -> None:
        """Drop what came too early: the request is over, and may have run no code."""
        self._is_expected = self._is_early = False

    def enter(self) -> None:
        """Begin with user code; an interrupt that came a moment too early strikes at once."""
        self._times_put_off = 0
        self._is_held = False  # a handler of the program's may have kept it from being released
        self._is_entered = True
        try:
            self.handlers.enter_code()
            self._may_raise = True
            # First: from here on none is early.
            is_early = self._is_early
            self.expect_no_more()
            if is_early:
                signal.raise_signal(signal.SIGINT)  # for a handler of the program's as well
        except BaseException:  # of a handler whose guard has just been taken off
            self.leave()
            raise

    def leave(self, kept_back: Collection[int] | None = None) -> None:
        """End with user code; also where it has been ended, or has not begun.

        Args:
            kept_back: What `keep_signals_back` returned, if it has just been called.
        """
        try:
            if kept_back is None:
                kept_back = keep_signals_back()
        finally:
            self._may_raise = False
            self.handlers.leave_code(kept_back)
            self._is_entered = False

    def ensure_left(self) -> None:
        """End with user code where that has not been done: what was to do it was struck itself."""
        if self._is_entered:
            self.leave()

    def hold(self) -> None:
        """Put interrupts off from now on: what follows must not be done by half."""
        self._is_held = True
        if self.settle is not None:
            try:
                self.settle()
            except BaseException:
                self._is_held = False
                raise

    @property
    def is_held(self) -> bool:
        """True from `hold` to `release`."""
        return self._is_held

    def release(self) -> None:
        """Put them off no longer; in a forked child as well."""
        self._is_held = False

    def after_fork(self) -> None:
        """Let interrupts raise, as in an ordinary process: this is a forked child."""
        self._may_raise = True

    def send(self, *, children: bool = True) -> None:
        """Interrupt the main thread.

        Args:
            children: Interrupt the child processes as well, as a terminal's Ctrl-C does. Only done
                where the kernel leads its process group: the group is then its own.
        """
        if children and os.getpgrp() == os.getpid():
            os.killpg(os.getpgrp(), signal.SIGINT)
        else:
            signal.pthread_kill(main_thread_ident(), signal.SIGINT)

    def tell_language(self, *, runs: bool | None = None) -> None:
        """Let the language end what runs; in the I/O thread.

        Args:
            runs: False if nothing does; by default it is looked at.
        """
        if self.tell is None or not (self._may_raise if runs is None else runs):
            return
        try:
            self.tell()
        except Exception:  # an author's, in a thread that must go on
            logger.exception("what a language does to be interrupted has failed")

    def _handle(self, _number: int, frame: FrameType | None, /) -> None:
        if not is_main_thread():
            raise KeyboardInterrupt  # no signal: a program calls `signal.default_int_handler`
        code = frame.f_code if frame is not None else None
        if not self._may_raise:
            self._is_early = self._is_expected
            return
        if self._is_held or code in MUST_NOT_RAISE or not self.may_strike():
            self.put_off()
        elif self._times_put_off < MAX_PUT_OFF and (_shows_warning(frame) or is_locking(frame)):
            self._times_put_off += 1
            self.put_off()
        else:
            self._times_put_off = 0
            self.count += 1
            if not self.cancel():
                raise KeyboardInterrupt
            self.look_again()

    def _on_unraisable(self, unraisable: sys.UnraisableHookArgs, /) -> None:
        if (own := interrupts_of_this_thread()) is not None:
            if issubclass(unraisable.exc_type, KeyboardInterrupt):
                own.put_off()
            else:
                self._report_unraisable(unraisable)
            return
        if self._may_raise and issubclass(unraisable.exc_type, KeyboardInterrupt):
            # The next one may come before this function is left: Python swallows it here as well.
            was_held, self._is_held = self._is_held, True
            try:
                self.put_off()
            finally:
                self._is_held = was_held
        else:
            self._report_unraisable(unraisable)


class LentInterrupts:
    """The interrupts of a cell in the middle of which another kernel serves.

    Inside, none strikes but where that kernel says so: it begins and ends undisturbed. What has
    come meanwhile strikes behind it.
    """

    def __init__(self, interrupts: Interrupts) -> None:
        self._interrupts = interrupts
        self._before = interrupts.may_strike, interrupts.cancel, interrupts.put_off
        self.reset()

    def reset(self) -> None:
        """Have none strike: the other kernel does not serve."""
        self.may_strike: Callable[[], bool] = lambda: False
        """Returns True where one may."""
        self.put_off: Callable[[], bool] = lambda: False
        """Has one come again that may not, unless that is left to the lender: then False."""

    def __enter__(self) -> Self:
        lender = self._interrupts
        lender.may_strike = self._may_strike  # first: from here on none strikes
        lender.cancel, lender.put_off = _cancel_nothing, self._put_off_there_or_here
        return self

    def __exit__(self, *_: object) -> None:
        lender = self._interrupts
        may_strike, lender.cancel, lender.put_off = self._before
        lender.may_strike = may_strike

    def _may_strike(self) -> bool:
        return self.may_strike()

    def _put_off_there_or_here(self) -> None:
        if not self.put_off():
            self._before[-1]()


def _cancel_nothing() -> bool:
    return False


class _UserCode(AbstractContextManager[None]):
    """What stands inside is user code."""

    # A class of its own: the functions of `contextlib` would be struck before they called ours.
    def __init__(self, interrupts: Interrupts) -> None:
        self._interrupts = interrupts

    def __enter__(self) -> None:
        self._interrupts.enter()

    def __exit__(self, *_: object) -> None:
        kept_back = None
        try:
            kept_back = keep_signals_back()
        finally:
            self._interrupts.leave(kept_back)


MUST_NOT_RAISE = {
    function.__code__
    for function in (Interrupts.hold, Interrupts.release, Interrupts._on_unraisable)
}
"""Where an interrupt is put off although it is not held: before it is, and after."""


def _locking() -> Iterator[CodeType]:
    """Yield the code of Python's own that takes or gives back a lock, step by step."""
    # Private names; where there is none, nothing is looked for.
    lock = getattr(_bootstrap, "_ModuleLock", None)
    manager = getattr(_bootstrap, "_ModuleLockManager", None)
    for owner, names in (
        (_bootstrap, ("_get_module_lock", "_lock_unlock_module")),
        (lock, ("acquire", "release")),
        (manager, ("__enter__", "__exit__")),
        (threading.Condition, ("__enter__", "__exit__", "_release_save", "_acquire_restore")),
        (threading.Thread, ("start",)),
    ):
        for name in names:
            if (function := getattr(owner, name, None)) is not None:
                yield function.__code__
                # What forgets the lock of a module runs whenever that is freed.
                yield from (one for one in function.__code__.co_consts if isinstance(one, CodeType))


LOCKING = set(_locking())
"""Where an interrupt would leave a lock locked that other threads need: that of a module which is
imported, or of an event."""

FINISHING = {"__exit__", "_acquire_restore", "release"}
"""What those of them are called that must be run once they are called."""


def put_off_in(*functions: CodeType) -> None:
    """Put interrupts off while the code of *functions* runs, which take or give back a lock."""
    LOCKING.update(functions)


DEPTH = 4
"""How deep these call each other."""


def is_locking(frame: FrameType | None) -> bool:
    """Return True if *frame*, where a thread is, belongs to what is in `LOCKING`."""
    for _ in range(DEPTH):
        if frame is None:
            return False
        if frame.f_code in LOCKING:
            return True
        frame = frame.f_back
    return False


def _shows_warning(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_qualname in SHOW_WARNING:
            return True
        frame = frame.f_back
    return False
