"""Methods that must not be ``async``: the kernel calls them and uses what they return.

A coroutine in place of an answer, which is never awaited, would only be a warning of Python's
somewhere, and for some methods not even an error: `is_blank` would be true of every cell.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from assay.kernel._errors import StartError

if TYPE_CHECKING:
    from assay.kernel._interpreter import Interpreter

__all__ = ["refuse_async", "why_not_plain"]

OF_AN_INTERPRETER = (
    "attach",
    "is_blank",
    "execute",
    "complete",
    "inspect",
    "is_complete",
    "history",
    "comm",
    "comm_info",
    "close",
)

CO_ASYNC = 0x80 | 0x200
"""The flags of code that makes a coroutine or an asynchronous generator; `inspect` has them, which
a kernel's start does not import for this."""


def why_not_plain(owner: object, name: str, methods: Iterable[str]) -> str:
    """Return which of the *methods* of *owner*, called *name*, is async; nothing if none is."""
    for method in methods:
        found = getattr(owner, method, None)
        code = getattr(getattr(found, "__func__", found), "__code__", None)
        if code is not None and code.co_flags & CO_ASYNC:
            return f"{name}.{method}: wanted a method, found an async one"
    return ""


def refuse_async(interpreter: Interpreter) -> None:
    """Do nothing if all methods of *interpreter* are plain.

    Raises:
        StartError: one is async.
    """
    name = type(interpreter).__name__
    if reason := why_not_plain(interpreter, name, OF_AN_INTERPRETER):
        raise StartError(f"{reason}: for cells that await, derive from assay.kernel.Language")
