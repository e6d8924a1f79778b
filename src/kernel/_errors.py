"""Why a kernel does not start, or cannot answer."""

from __future__ import annotations

from assay.protocol import AssayError

__all__ = ["StartError", "UnavailableError"]


class StartError(AssayError):
    """The process, or the interpreter, lacks what a kernel needs."""


class UnavailableError(AssayError):
    """A request cannot be answered just now, for a reason outside of the kernel."""
