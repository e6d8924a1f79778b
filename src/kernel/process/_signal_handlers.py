"""The kernel's own signal handlers, and what becomes of those that user code leaves behind.

While user code runs, all signals are its own: whatever it, a library or asyncio installs is what
Python calls. When it has ended (a cell, a completion, a turn of its event loop):

| signal                      | what was left behind       | from then on                         |
|-----------------------------|----------------------------|--------------------------------------|
| taken, `Reclaim.ALWAYS`     | anything                   | the kernel's handler                 |
| taken, `Reclaim.IF_DEFAULT` | the default action         | the kernel's handler                 |
| the same                    | a handler, or ignored      | that; it is the program's choice     |
| any other                   | a handler of Python's      | the same, and guarded                |

Python runs a handler in the main thread, between two instructions of whatever stands there. While
that is the kernel's own code, what the handler raises must end nothing: it is guarded, that is,
called by a function that reports what it raises. Before user code runs again each guard is taken
off, so that a program finds the handler that it installed, and gets what that raises.

Between the code's last instruction and the guards, a handler may strike in the kernel's own code.
So the first step is a call of the system's that keeps all signals back (`keep_signals_back`), and
the last one delivers them. What Python had noted before still raises, once for each signal: each
step is repeated until it was done undisturbed, and what was raised is shown at the end.

A signal that is taken is unblocked as well, and its handler installed anew although nothing seems
to have changed: C code, or `signal.siginterrupt`, changes what Python cannot look up.

Nearly all code leaves the handlers alone, and is left after one look at all of them: each has to be
the very object that stood there when code was left the last time (`_left`). Noted is what was put
there, not what is found then: what a late handler of the user's changes is seen the next time.
"""

from __future__ import annotations

import _imp as imp
import _signal  # type: ignore[import-not-found]  # typeshed lacks it; signal's take ten times as long
import enum
import signal
import sys
from collections import Counter
from collections.abc import Callable, Collection
from functools import partial
from operator import is_
from types import FrameType
from typing import TypeAlias, TypeGuard

from assay._fields import Fields
from assay.transport import get_logger

__all__ = ["Handler", "Reclaim", "SignalHandlers", "Undisturbed", "keep_signals_back"]

logger = get_logger("assay.kernel")

Handler: TypeAlias = Callable[[int, FrameType | None], object]
Action: TypeAlias = Handler | int
"""What Python has installed for a signal: a handler, or one of `SIG_DFL` and `SIG_IGN`."""

ENDING = frozenset({signal.SIGTERM, signal.SIGHUP})
"""A handler of these that exits means the process, not the code that runs."""

FAULTS = {signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV}
"""What code causes itself; kept back, it would end the process without a trace."""

GUARDED = tuple(sorted(map(int, signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})))
"""Plain numbers: to look up all handlers by members of the enum takes three times as long."""

UNKNOWN = (object(),) * len(GUARDED)
"""What no signal has."""

OF_PROGRAMS = frozenset(GUARDED) - FAULTS - ENDING - {signal.SIGINT}
"""What means nothing to the kernel."""

keep_signals_back: Callable[[], Collection[int]] = partial(
    _signal.pthread_sigmask, signal.SIG_BLOCK, frozenset(GUARDED) - FAULTS
)
"""Keep signals from this thread from now on; return those that have been kept from it already. No
instruction of Python's comes in between, where a handler could strike."""


class Undisturbed:
    """No handler of the program's strikes inside: what it raises would end that by half.

    In the main thread, where signals are handled. Those that the kernel itself needs come all the
    same.
    """

    def __enter__(self) -> None:
        self._before = _signal.pthread_sigmask(_signal.SIG_BLOCK, ())
        try:
            # What has come before is handled in this call, and may raise.
            _signal.pthread_sigmask(_signal.SIG_BLOCK, OF_PROGRAMS)
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, self._before)


class Reclaim(enum.Enum):
    """When the kernel takes a signal back from user code that has ended."""

    ALWAYS = enum.auto()
    IF_DEFAULT = enum.auto()


class _Taken(Fields):
    handler: Action
    reclaim: Reclaim
    before: object


class SignalHandlers:
    """Who handles which signal; everything is called in the main thread."""

    def __init__(self) -> None:
        self._taken: dict[int, _Taken] = {}
        self._guards: dict[int, _Guard] = {}
        self._left: tuple[object, ...] = UNKNOWN
        """What each of `GUARDED` had when user code was left."""
        self._ours: tuple[tuple[int, ...], tuple[Action, ...]] = ((), ())
        """Those of them that are taken, and by which handlers."""
        self._raised: Counter[int] = Counter()
        """How often which handler has raised since user code ended."""
        self.exit: Callable[[SystemExit], None] = _report_exit
        """Called when a handler of the user's for an ending signal exits while no code runs."""

        self.after_code: Callable[[], None] = lambda: None
        """Called as well when user code has ended: for what else it may have left behind."""

    def take(self, number: int, handler: Action, reclaim: Reclaim = Reclaim.IF_DEFAULT) -> None:
        """Install *handler* for the signal *number*, and again where user code has not left it."""
        # Without its enum: `_signal` takes a plain number.
        handler = int(handler) if isinstance(handler, int) else handler
        before = _signal.signal(number, handler)
        self._taken[number] = _Taken(handler=handler, reclaim=reclaim, before=before)

    def is_ours(self, number: int) -> bool:
        """Return True if the kernel's own handler is installed for the signal *number*."""
        taken = self._taken.get(number)
        return taken is not None and _signal.getsignal(number) == taken.handler

    def enter_code(self) -> None:
        """Take the guards off: user code has its handlers again, and gets what they raise."""
        if self._raised:
            self._log_repeated()
        while self._guards:
            number, guard = self._guards.popitem()
            if _signal.getsignal(number) is guard:
                _signal.signal(number, guard.handler)

    def leave_code(self, kept_back: Collection[int] | None = None) -> None:
        """Take back what the kernel needs, and guard the rest.

        A handler of the user's may raise meanwhile, once for each signal that arrives.

        Args:
            kept_back: What `keep_signals_back` returned, if it has just been called.
        """
        raised: list[BaseException] = []
        while True:
            try:
                if kept_back is None or raised:
                    found = keep_signals_back()
                    kept_back = found if kept_back is None else kept_back
                if all(map(is_, map(_signal.getsignal, GUARDED), self._left)):
                    tuple(map(_signal.signal, *self._ours))
                else:
                    self._take_stock()
                self.after_code()
                if imp.lock_held():
                    _release_import_lock()
            except BaseException as error:  # noqa: BLE001 - a handler may raise anything
                raised.append(error)
            else:
                break
        self._let_signals_come(kept_back)
        for one in raised:
            _report("a signal", one)

    def _let_signals_come(self, kept_back: Collection[int]) -> None:
        """Keep back what the user's code had kept back, but for what the kernel needs."""
        # All of them: what they were before has been lost to a handler that raised just then.
        lost = len(kept_back) >= len(GUARDED) - len(FAULTS)
        mask = set(kept_back).difference(self._taken) if kept_back and not lost else ()
        _signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def ignore_left(self) -> None:
        """Ignore what user code has left handlers for; at the end of the process.

        Python is about to forget them, and a timer that still runs would end it by its signal.
        """
        for number in GUARDED:
            if number not in ENDING and isinstance(_signal.getsignal(number), _Guard):
                _signal.signal(number, int(signal.SIG_IGN))

    def restore(self) -> None:
        """Install what was there before, where the kernel's own handler still is."""
        self.enter_code()
        for number in tuple(self._taken):
            self.give_back(number)

    def give_back(self, number: int) -> None:
        """Install for the signal *number* what was there before, if it is still the kernel's."""
        is_ours = self.is_ours(number)
        taken = self._taken.pop(number, None)
        if is_ours and taken is not None and _is_action(taken.before):
            _signal.signal(number, taken.before)

    def _take_stock(self) -> None:
        """Take back and guard what is to be, and note what each signal has then."""
        self._left = UNKNOWN
        self._reclaim()
        found = [_signal.getsignal(number) for number in GUARDED]
        ours: list[tuple[int, Action]] = []
        for at, (number, present) in enumerate(zip(GUARDED, found, strict=True)):
            taken = self._taken.get(number)
            if taken is not None and present == taken.handler:
                ours.append((number, taken.handler))
            # Not what is noted counts: a handler may have raised before its guard was installed.
            elif callable(present) and not isinstance(present, _Guard):
                found[at] = guard = self._guards[number] = _Guard(present, self._on_raised)
                _signal.signal(number, guard)
        self._ours = tuple(number for number, _ in ours), tuple(handler for _, handler in ours)
        self._left = tuple(found)

    def _reclaim(self) -> None:
        for number, taken in self._taken.items():
            if taken.reclaim is Reclaim.ALWAYS:
                _signal.signal(number, taken.handler)
                continue
            present = _signal.getsignal(number)
            if present in (signal.SIG_DFL, taken.handler):
                _signal.signal(number, taken.handler)

    def _on_raised(self, number: int, error: BaseException) -> None:
        self._raised[number] += 1
        if isinstance(error, SystemExit) and number in ENDING:
            self.exit(error)
        elif self._raised[number] == 1:
            # Once: a timer of the user's may come back before a traceback is written.
            _report(_name(number), error)

    def _log_repeated(self) -> None:
        raised, self._raised = self._raised, Counter()
        for number, times in raised.items():
            if times > 1:
                logger.warning("the handler of %s raised %d times", _name(number), times)


class _Guard:
    """Calls a handler of the user's while none of the user's code runs."""

    def __init__(self, handler: Handler, raised: Callable[[int, BaseException], None]) -> None:
        self.handler = handler
        self._raised = raised

    def __call__(self, number: int, frame: FrameType | None) -> None:
        try:
            self.handler(number, frame)
        except BaseException as error:  # noqa: BLE001 - it may raise anything
            trace = error.__traceback__
            self._raised(number, error.with_traceback(trace.tb_next if trace else None))


def _release_import_lock() -> None:
    """Release Python's import lock where a handler has raised in the middle of an import.

    Another thread that imports anything, or forgets a module, would wait for it for ever.
    """
    while imp.lock_held():
        try:
            imp.release_lock()
        except RuntimeError:  # another thread imports something
            return


def _report(what: str, error: BaseException) -> None:
    """Show *error*, which nothing can catch, as Python shows what ends a thread."""
    try:
        import traceback  # noqa: PLC0415 - the start has no time for it

        print(f"Exception in the handler of {what} while no cell was running:", file=sys.stderr)
        traceback.print_exception(error, file=sys.stderr)
    except Exception:  # the user's stream, or the exception itself
        logger.exception("the handler of %s raised while no cell was running", what)


def _report_exit(error: SystemExit) -> None:
    _report("a signal", error)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal has only a number
        return f"signal {number}"


def _is_action(found: object) -> TypeGuard[Action]:
    return callable(found) or isinstance(found, int)
