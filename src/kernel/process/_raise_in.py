"""Raise an exception in another thread, where no signal handler runs."""

from __future__ import annotations

import ctypes
import inspect
import sys
from opcode import opmap
from threading import get_ident  # by name: gevent replaces the module's
from types import FrameType, FunctionType

from assay.kernel.process._interrupts import FINISHING, LOCKING, put_off_in

__all__ = ["INTERRUPT", "raise_in", "take_back"]


class _NothingError(BaseException):
    """Takes the place of what is not to be raised."""


class _Interrupt(KeyboardInterrupt):
    """Becomes a KeyboardInterrupt where it is raised, and not in the middle of a lock.

    A thread that waits for the interpreter looks for what is to be raised, from Python 3.13 on, one
    step behind where it is seen to wait. That may be the first step of a function that gives a lock
    back, which has not begun then and is never called again. So its work is done here: Python calls
    this class where it raises it.
    """

    def __new__(cls) -> KeyboardInterrupt:  # type: ignore[misc]  # no instance of it is wanted
        # As few calls as can be: the struck function may be near the limit of recursion.
        frame = sys._getframe(1)
        if frame.f_code in LOCKING:
            _finish(frame)
        return KeyboardInterrupt()


put_off_in(_Interrupt.__new__.__code__)

INTERRUPT = _Interrupt if sys.version_info >= (3, 12) else KeyboardInterrupt
"""What interrupts. Python 3.11 calls the class somewhere else, and raises where one is seen."""


def _finish(frame: FrameType) -> None:
    """Do what the function of *frame* does, if it only begins there and must be run."""
    code = frame.f_code
    if code.co_name in FINISHING and code.co_code[frame.f_lasti] == opmap["RESUME"]:
        names, others, _, values = inspect.getargvalues(frame)
        rest = values[others] if others is not None else ()
        FunctionType(code, frame.f_globals)(*[values[name] for name in names], *rest)


def raise_in(thread: int, kind: type[BaseException]) -> None:
    """Raise *kind* in *thread* when it next runs Python code."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(kind))


def take_back() -> None:
    """Take back what is to be raised in the calling thread and has not been.

    Something else is raised in its place and caught. To ask for nothing leaves Python believing, in
    every thread, that there is something to raise: whatever is traced then (a debugger, a profile
    of coverage) hangs at the first line of the next function, at least in Python 3.11.
    """
    try:
        raise_in(get_ident(), _NothingError)
        while True:
            pass
    except _NothingError:
        return
