"""Comm messages as programs and clients send them: their data may be any JSON.

Spec: the data of a comm message are an object (COMM-06). Seen: Bokeh's `push_notebook` sends text,
clients send text and lists, and other kernels carry them. Here: what carries comms between a
program and its client takes them as they are; the library's own classes, and who judges messages,
go by the text. Decision 0028.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen
from msgspec import UNSET, UnsetType

from assay.protocol import Content, Json

__all__ = ["CarriedClose", "CarriedMsg", "CarriedOpen"]


@frozen(kw_only=True, eq=False, repr=False)
class CarriedOpen(Content):
    """A `CommOpen` with any data."""

    msg_type: ClassVar[str] = "comm_open"

    comm_id: str
    """Names the new comm."""

    target_name: str
    """What is to answer on the other side."""

    data: Json = field(factory=dict)
    """The data of the message: any JSON."""

    target_module: str | UnsetType | None = UNSET
    """A module to import for the target."""


@frozen(kw_only=True, eq=False, repr=False)
class CarriedMsg(Content):
    """A `CommMsg` with any data."""

    msg_type: ClassVar[str] = "comm_msg"

    comm_id: str
    """The comm that it belongs to."""

    data: Json = field(factory=dict)
    """As in `CarriedOpen`."""


@frozen(kw_only=True, eq=False, repr=False)
class CarriedClose(Content):
    """A `CommClose` with any data."""

    msg_type: ClassVar[str] = "comm_close"

    comm_id: str
    """The comm that is closed."""

    data: Json = field(factory=dict)
    """As in `CarriedOpen`."""
