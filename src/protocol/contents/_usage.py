"""What a kernel's process and its machine use: a request of frontends that show resources.

The public text does not have it; IPython's kernel and jupyter-resource-usage speak it.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from attrs import frozen
from msgspec import UNSET, UnsetType

from assay.protocol.wire._json import JsonObject
from assay.protocol.wire._message import Content
from assay.protocol.wire._registry import Channel, Sender, register_message_type

__all__ = ["UsageReply", "UsageRequest", "register_usage"]


@frozen(kw_only=True, eq=False, repr=False)
class UsageRequest(Content):
    """Ask what the kernel uses; on control, so that it is answered while a cell runs (AMB-37)."""

    msg_type: ClassVar[str] = "usage_request"


@frozen(kw_only=True, eq=False, repr=False)
class UsageReply(Content):
    """Say what the kernel uses; what cannot be found out is left out (AMB-37)."""

    msg_type: ClassVar[str] = "usage_reply"

    hostname: str | UnsetType = UNSET
    """The name of the machine."""

    pid: int | UnsetType = UNSET
    """The process of the kernel."""

    kernel_cpu: float | UnsetType = UNSET
    """Per cent of one processor that the process and its children took since the last request."""

    kernel_memory: int | UnsetType = UNSET
    """Bytes that the process and its children hold; what they share is divided where known."""

    host_cpu_percent: float | UnsetType = UNSET
    """Per cent of all processors of the machine that were busy since the last request."""

    cpu_count: int | UnsetType | None = UNSET
    """How many processors the machine has."""

    host_virtual_memory: JsonObject | UnsetType = UNSET
    """Bytes of the machine's memory: ``total``, ``available`` and ``percent`` at least."""

    status: Literal["ok"] | UnsetType = UNSET
    """IPython's kernel leaves it out; here it is ``ok`` (SHELL-08)."""


def register_usage() -> None:
    """Make both types known to the process, for a client that asks and a kernel that answers.

    They are no types of the protocol: see `register_message_type`, which this calls.
    """
    register_message_type(
        UsageRequest, channels={Channel.CONTROL}, sender=Sender.CLIENT, reply="usage_reply"
    )
    register_message_type(UsageReply, channels={Channel.CONTROL}, sender=Sender.KERNEL)
