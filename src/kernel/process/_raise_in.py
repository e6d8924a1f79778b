"""Raise an exception in another thread, where no signal handler runs."""

from __future__ import annotations

import ctypes
from threading import get_ident  # by name: gevent replaces the module's

__all__ = ["raise_in", "take_back"]


class _NothingError(BaseException):
    """Takes the place of what is not to be raised."""


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
