"""Contents of comms: one-way messages between a kernel's objects and a client's."""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen
from msgspec import UNSET, UnsetType

from assay.protocol.wire._json import JsonObject
from assay.protocol.wire._message import Content

__all__ = ["CommClose", "CommMsg", "CommOpen"]


@frozen(kw_only=True, eq=False, repr=False)
class CommOpen(Content):
    """Open a comm with the other side's target of this name (COMM-01)."""

    msg_type: ClassVar[str] = "comm_open"

    comm_id: str
    """Names the new comm; both sides know it by this (COMM-02)."""

    target_name: str
    """What is to answer on the other side; if nothing does, it closes the comm (COMM-03)."""

    data: JsonObject = field(factory=dict)
    """A JSON object of the comm's own making (COMM-06)."""

    target_module: str | UnsetType | None = UNSET
    """A module to import for the target; in the public text for a year, still sent."""


@frozen(kw_only=True, eq=False, repr=False)
class CommMsg(Content):
    """Say something over an open comm (COMM-04)."""

    msg_type: ClassVar[str] = "comm_msg"

    comm_id: str
    """The comm that it belongs to."""

    data: JsonObject = field(factory=dict)
    """A JSON object of the comm's own making (COMM-06)."""


@frozen(kw_only=True, eq=False, repr=False)
class CommClose(Content):
    """Close a comm (COMM-05)."""

    msg_type: ClassVar[str] = "comm_close"

    comm_id: str
    """The comm that is closed."""

    data: JsonObject = field(factory=dict)
    """A JSON object of the comm's own making (COMM-06); may be empty."""
