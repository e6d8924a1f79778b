"""Why a kernel does not start."""

from __future__ import annotations

from assay.protocol import AssayError

__all__ = ["StartError"]


class StartError(AssayError):
    """The process, or the interpreter, lacks what a kernel needs."""
