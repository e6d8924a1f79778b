"""Errors of cells: where one comes from, and which was shown last in each context.

Other threads may show theirs meanwhile.
"""

from __future__ import annotations

from contextvars import ContextVar
from types import CodeType

from assay.protocol import Error

__all__ = ["is_cancelled", "is_raised_in", "newest_error", "note_error"]

_newest: ContextVar[Error | None] = ContextVar("assay-shown-error", default=None)

newest_error = _newest.get
"""Returns the error that was shown last in the caller's context; compare it with an earlier one."""

note_error = _newest.set
"""Notes that an error has been shown."""


def is_raised_in(code: CodeType, error: BaseException) -> bool:
    """Return True if *error* was raised in *code* itself."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code is code


def is_cancelled(error: BaseException) -> bool:
    """Return True if *error* is how asyncio ends a task."""
    from asyncio import CancelledError  # noqa: PLC0415 - there is a loop: it has been imported

    return isinstance(error, CancelledError)
