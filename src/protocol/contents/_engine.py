"""Contents that only engines of a parallel cluster know: outside the 5.5 text, still spoken."""

from __future__ import annotations

from typing import ClassVar, Literal

from attrs import frozen

from assay.protocol.wire._message import Content

__all__ = [
    "AbortReply",
    "AbortRequest",
    "ApplyReply",
    "ApplyRequest",
    "ClearReply",
    "ClearRequest",
]


@frozen(kw_only=True, eq=False, repr=False)
class ApplyRequest(Content):
    """Call a function; function and arguments are in the buffers."""

    msg_type: ClassVar[str] = "apply_request"


@frozen(kw_only=True, eq=False, repr=False)
class ApplyReply(Content):
    """Say that the call returned; its result is in the buffers."""

    msg_type: ClassVar[str] = "apply_reply"

    status: Literal["ok"] = "ok"
    """Always ``ok``; a failure has another form (SHELL-10)."""


@frozen(kw_only=True, eq=False, repr=False)
class AbortRequest(Content):
    """Do not handle the requests with these ids when their turn comes."""

    msg_type: ClassVar[str] = "abort_request"

    msg_ids: str | tuple[str, ...] = ()
    """One id, several, or none for the whole queue."""


@frozen(kw_only=True, eq=False, repr=False)
class AbortReply(Content):
    """Say that the ids are remembered."""

    msg_type: ClassVar[str] = "abort_reply"

    status: Literal["ok"] = "ok"
    """Always ``ok``; a failure has another form (SHELL-10)."""


@frozen(kw_only=True, eq=False, repr=False)
class ClearRequest(Content):
    """Empty the user's namespace."""

    msg_type: ClassVar[str] = "clear_request"


@frozen(kw_only=True, eq=False, repr=False)
class ClearReply(Content):
    """Say that the namespace is empty."""

    msg_type: ClassVar[str] = "clear_reply"

    status: Literal["ok"] = "ok"
    """Always ``ok``."""
