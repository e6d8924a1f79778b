"""What becomes a response that failed."""

from __future__ import annotations

from assay.protocol import AssayError

__all__ = ["DebuggerError"]


class DebuggerError(AssayError):
    """A request of the debugger cannot be answered; its text tells the client why."""
