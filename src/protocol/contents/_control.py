"""Contents on the control channel: what must not wait behind user code."""

from __future__ import annotations

from typing import ClassVar, Literal

from attrs import frozen

from assay.protocol.wire._message import Content

__all__ = [
    "InterruptReply",
    "InterruptRequest",
    "ShutdownReply",
    "ShutdownRequest",
]


@frozen(kw_only=True, eq=False, repr=False)
class ShutdownRequest(Content):
    """End the kernel (messaging.rst §Kernel shutdown, CTRL-04); on shell deprecated since 5.4."""

    msg_type: ClassVar[str] = "shutdown_request"

    restart: bool = False
    """A new kernel will follow; the kernel only echoes it (AMB-40)."""


@frozen(kw_only=True, eq=False, repr=False)
class ShutdownReply(Content):
    """Say that the kernel has shut down safely (CTRL-06); sent on IOPub as well (CTRL-07)."""

    msg_type: ClassVar[str] = "shutdown_reply"

    restart: bool = False
    """As in the request (CTRL-04)."""

    status: Literal["ok"] = "ok"
    """Always ``ok``; a failure has another form (SHELL-10)."""


@frozen(kw_only=True, eq=False, repr=False)
class InterruptRequest(Content):
    """Interrupt what runs (messaging.rst §Kernel interrupt, CTRL-09)."""

    msg_type: ClassVar[str] = "interrupt_request"


@frozen(kw_only=True, eq=False, repr=False)
class InterruptReply(Content):
    """Say that the interrupt was delivered (CTRL-09, AMB-41)."""

    msg_type: ClassVar[str] = "interrupt_reply"

    status: Literal["ok"] = "ok"
    """Always ``ok``; a failure has another form (SHELL-10)."""
