"""Contents on the control channel: what must not wait behind user code."""

from __future__ import annotations

from typing import ClassVar, Literal

from attrs import frozen
from msgspec import UNSET, UnsetType

from assay.protocol._json import Json
from assay.protocol._message import Content

__all__ = [
    "CreateSubshellReply",
    "CreateSubshellRequest",
    "DebugEvent",
    "DebugReply",
    "DebugRequest",
    "DeleteSubshellReply",
    "DeleteSubshellRequest",
    "InterruptReply",
    "InterruptRequest",
    "ListSubshellReply",
    "ListSubshellRequest",
    "ShutdownReply",
    "ShutdownRequest",
]


@frozen(kw_only=True)
class ShutdownRequest(Content):
    """End the kernel (messages.md §Kernel shutdown, CTRL-04); on shell deprecated since 5.4."""

    msg_type: ClassVar[str] = "shutdown_request"

    restart: bool = False
    """A new kernel will follow; the kernel only echoes it (AMB-40)."""


@frozen(kw_only=True)
class ShutdownReply(Content):
    """Say that the kernel has shut down safely (CTRL-06); sent on IOPub as well (CTRL-07)."""

    msg_type: ClassVar[str] = "shutdown_reply"

    restart: bool = False
    status: Literal["ok"] = "ok"


@frozen(kw_only=True)
class InterruptRequest(Content):
    """Interrupt what runs (messages.md §Kernel interrupt, CTRL-09)."""

    msg_type: ClassVar[str] = "interrupt_request"


@frozen(kw_only=True)
class InterruptReply(Content):
    """Say that the interrupt was delivered (CTRL-09, AMB-41)."""

    msg_type: ClassVar[str] = "interrupt_reply"

    status: Literal["ok"] = "ok"


@frozen(kw_only=True)
class CreateSubshellRequest(Content):
    """Start a subshell (SUBSHELL-02)."""

    msg_type: ClassVar[str] = "create_subshell_request"


@frozen(kw_only=True)
class CreateSubshellReply(Content):
    """Name the subshell that was started (SUBSHELL-02)."""

    msg_type: ClassVar[str] = "create_subshell_reply"

    subshell_id: str
    status: Literal["ok"] = "ok"


@frozen(kw_only=True)
class DeleteSubshellRequest(Content):
    """End a subshell (SUBSHELL-03)."""

    msg_type: ClassVar[str] = "delete_subshell_request"

    subshell_id: str


@frozen(kw_only=True)
class DeleteSubshellReply(Content):
    """Say that the subshell has ended (SUBSHELL-03)."""

    msg_type: ClassVar[str] = "delete_subshell_reply"

    status: Literal["ok"] = "ok"


@frozen(kw_only=True)
class ListSubshellRequest(Content):
    """Ask which subshells there are (SUBSHELL-04)."""

    msg_type: ClassVar[str] = "list_subshell_request"


@frozen(kw_only=True)
class ListSubshellReply(Content):
    """List the subshells without the main one (SUBSHELL-04, SUBSHELL-05)."""

    msg_type: ClassVar[str] = "list_subshell_reply"

    subshell_id: tuple[str, ...]
    """A list under a singular name, as the public text has it (AMB-32)."""

    status: Literal["ok"] = "ok"


@frozen(kw_only=True)
class DebugRequest(Content):
    """A request of the Debug Adapter Protocol (DEBUG-02)."""

    msg_type: ClassVar[str] = "debug_request"

    seq: int
    command: str
    arguments: Json | UnsetType = UNSET
    type: Literal["request"] = "request"


@frozen(kw_only=True)
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


@frozen(kw_only=True)
class DebugEvent(Content):
    """An event of the Debug Adapter Protocol, on IOPub (DEBUG-03)."""

    msg_type: ClassVar[str] = "debug_event"

    seq: int
    event: str
    body: Json | UnsetType = UNSET
    type: Literal["event"] = "event"
