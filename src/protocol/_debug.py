"""Contents of the debugger: the Debug Adapter Protocol in Jupyter's envelopes."""

from __future__ import annotations

from typing import ClassVar, Literal

from attrs import frozen
from msgspec import UNSET, UnsetType

from assay.protocol._json import Json
from assay.protocol._message import Content

__all__ = [
    "DebugEvent",
    "DebugReply",
    "DebugRequest",
]


@frozen(kw_only=True, eq=False, repr=False)
class DebugRequest(Content):
    """A request of the Debug Adapter Protocol (DEBUG-02)."""

    msg_type: ClassVar[str] = "debug_request"

    seq: int
    command: str
    arguments: Json | UnsetType = UNSET
    type: Literal["request"] = "request"


@frozen(kw_only=True, eq=False, repr=False)
class DebugReply(Content):
    """A response of the Debug Adapter Protocol; has no ``status`` (DEBUG-04, AMB-02)."""

    msg_type: ClassVar[str] = "debug_reply"

    seq: int
    request_seq: int
    command: str
    success: bool
    message: str | UnsetType = UNSET
    """Why it failed, where `success` is false."""

    body: Json | UnsetType = UNSET
    type: Literal["response"] = "response"


@frozen(kw_only=True, eq=False, repr=False)
class DebugEvent(Content):
    """An event of the Debug Adapter Protocol, on IOPub (DEBUG-03)."""

    msg_type: ClassVar[str] = "debug_event"

    seq: int
    event: str
    body: Json | UnsetType = UNSET
    type: Literal["event"] = "event"
