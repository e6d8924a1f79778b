"""What a kernel without debugpy answers: a failure that says how to get it (DEBUG-14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.protocol import DebugReply

if TYPE_CHECKING:
    from assay.kernel._request import Request
    from assay.protocol import DebugRequest

__all__ = ["INSTALL", "refuse"]

INSTALL = "wanted debugpy, which is not installed: pip install 'assay-kernel[debugger]'"


def refuse(_: Request, content: DebugRequest) -> DebugReply:
    """Answer any request of a debugger by a failure."""
    return DebugReply(
        seq=content.seq,
        request_seq=content.seq,
        command=content.command,
        success=False,
        message=INSTALL,
        body={},
    )
