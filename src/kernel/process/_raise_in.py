"""Raise an exception in another thread, where no signal handler runs."""

from __future__ import annotations

import ctypes
from typing import Any

__all__ = ["raise_in"]


def raise_in(thread: int, kind: type[BaseException] | None) -> None:
    """Raise *kind* in *thread* when it next runs Python code; None takes that back."""
    what: Any = ctypes.py_object(kind) if kind is not None else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), what)
