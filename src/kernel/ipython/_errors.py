"""Which error was shown last, in each context: other threads may show theirs meanwhile."""

from __future__ import annotations

from contextvars import ContextVar

from assay.protocol import Error

__all__ = ["newest_error", "note_error"]

_newest: ContextVar[Error | None] = ContextVar("assay-shown-error", default=None)

newest_error = _newest.get
"""Returns the error that was shown last in the caller's context; compare it with an earlier one."""

note_error = _newest.set
"""Notes that an error has been shown."""
