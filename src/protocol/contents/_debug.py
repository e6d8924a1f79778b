"""Contents of the debugger: the Debug Adapter Protocol in Jupyter's envelopes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from attrs import frozen
from msgspec import UNSET, UnsetType

from assay.protocol.wire._json import Json
from assay.protocol.wire._message import Content

__all__ = [
    "DebugEvent",
    "DebugReply",
    "DebugRequest",
]


@frozen(kw_only=True, eq=False, repr=False)
class DebugRequest(Content):
    """A request of the Debug Adapter Protocol (DEBUG-02)."""

    msg_type: ClassVar[str] = "debug_request"

    # Seen: the text's own examples have no `seq`, here and below.
    absent: ClassVar[Mapping[str, Json]] = {"seq": 0}

    seq: int
    """Counts the messages of the client, from 1; 0 for one that came without."""

    command: str
    """The name of the request; Jupyter adds dumpCell, debugInfo and others (DEBUG-05 to
    DEBUG-11).
    """

    arguments: Json | UnsetType = UNSET
    """What the Debug Adapter Protocol, or Jupyter's addition, says of this command."""

    type: Literal["request"] = "request"
    """Always ``request``."""


@frozen(kw_only=True, eq=False, repr=False)
class DebugReply(Content):
    """A response of the Debug Adapter Protocol; has no ``status`` (DEBUG-04, AMB-02)."""

    msg_type: ClassVar[str] = "debug_reply"

    # Seen: ipykernel and xeus-python leave out `seq`, ipykernel sends an empty object while its
    # debugger is not started. Which request is answered, the parent header tells.
    absent: ClassVar[Mapping[str, Json]] = {
        "seq": 0,
        "request_seq": 0,
        "command": "",
        "success": False,
    }

    seq: int
    """Counts the messages of the debugger, from 1; 0 for one that came without."""

    request_seq: int
    """The `seq` of the request (DEBUG-04); 0 if it is not stated."""

    command: str
    """The command of the request (DEBUG-04); empty if it is not stated."""

    success: bool
    """False if the request failed, or does not say; `message` then says why."""

    message: str | UnsetType = UNSET
    """Why it failed, where `success` is false."""

    body: Json | UnsetType = UNSET
    """What the Debug Adapter Protocol, or Jupyter's addition, says of this command."""

    type: Literal["response"] = "response"
    """Always ``response``."""


@frozen(kw_only=True, eq=False, repr=False)
class DebugEvent(Content):
    """An event of the Debug Adapter Protocol, on IOPub (DEBUG-03)."""

    msg_type: ClassVar[str] = "debug_event"

    absent: ClassVar[Mapping[str, Json]] = {"seq": 0}

    seq: int
    """Counts the messages of the debugger, from 1; 0 for one that came without."""

    event: str
    """The name of the event: ``stopped``, ``output`` and so on."""

    body: Json | UnsetType = UNSET
    """What the Debug Adapter Protocol says of this event."""

    type: Literal["event"] = "event"
    """Always ``event``."""
