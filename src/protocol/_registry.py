"""Every message type of the protocol: its class, channels, direction, reply and versions.

The table is static and its classes are imported when they are first asked for: making an attrs
class takes about half a millisecond, and a kernel that starts needs four of them.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from importlib import import_module

from assay.protocol._message import Aborted, Content, ErrorReply, Unknown
from attrs import field, frozen

__all__ = ["MESSAGE_TYPES", "Channel", "MessageType", "Sender", "content_class", "reply_type"]


class Channel(StrEnum):
    """A socket of the kernel (WIRE-01), in the spelling of the connection file's ports."""

    SHELL = "shell"
    CONTROL = "control"
    STDIN = "stdin"
    IOPUB = "iopub"
    HB = "hb"


class Sender(StrEnum):
    """Which side sends a message type."""

    CLIENT = "client"
    KERNEL = "kernel"
    BOTH = "both"


@frozen(kw_only=True)
class MessageType:
    """What the protocol says of one message type."""

    name: str
    """As in the header's ``msg_type``."""

    class_name: str
    """The content's class, a public name of `assay.protocol`."""

    module: str = field(repr=False)
    channels: frozenset[Channel]
    """Where the public text allows it."""

    sender: Sender
    reply: str | None = None
    """The type of the answer, for requests."""

    since: str = "5.0"
    """The protocol version that brought it; 5.0 also stands for what is older."""

    deprecated: str | None = None
    """The version that deprecated it."""

    official: bool = True
    """False for what is spoken but not written in the 5.5 text."""

    @property
    def content(self) -> type[Content]:
        """The class of its content."""
        found: type[Content] = getattr(import_module(self.module), self.class_name)
        return found


def _table() -> dict[str, MessageType]:
    shell, control = frozenset({Channel.SHELL}), frozenset({Channel.CONTROL})
    both = shell | control
    comm = frozenset({Channel.SHELL, Channel.IOPUB})
    requests: tuple[tuple[str, str, str, frozenset[Channel], str, str | None, bool], ...] = (
        # request and reply without their suffix, class, module, channels, since, deprecated
        ("execute", "Execute", "_shell", shell, "5.0", None, True),
        ("inspect", "Inspect", "_shell", shell, "5.0", None, True),
        ("complete", "Complete", "_shell", shell, "5.0", None, True),
        ("history", "History", "_shell", shell, "5.0", None, True),
        ("is_complete", "IsComplete", "_shell", shell, "5.0", None, True),
        ("connect", "Connect", "_shell", shell, "5.0", "5.1", True),
        ("comm_info", "CommInfo", "_shell", shell, "5.1", None, True),
        ("kernel_info", "KernelInfo", "_info", both, "5.0", None, True),
        ("shutdown", "Shutdown", "_control", both, "5.0", None, True),
        ("interrupt", "Interrupt", "_control", control, "5.3", None, True),
        ("debug", "Debug", "_control", control, "5.5", None, True),
        ("create_subshell", "CreateSubshell", "_control", control, "5.5", None, True),
        ("delete_subshell", "DeleteSubshell", "_control", control, "5.5", None, True),
        ("list_subshell", "ListSubshell", "_control", control, "5.5", None, True),
        ("apply", "Apply", "_engine", shell, "5.0", None, False),
        ("abort", "Abort", "_engine", control, "5.0", None, False),
        ("clear", "Clear", "_engine", control, "5.0", None, False),
    )
    rows: list[MessageType] = []
    for name, class_name, module, channels, since, deprecated, official in requests:
        for suffix, sender in (("request", Sender.CLIENT), ("reply", Sender.KERNEL)):
            rows.append(
                MessageType(
                    name=f"{name}_{suffix}",
                    class_name=f"{class_name}{suffix.capitalize()}",
                    module=f"assay.protocol.{module}",
                    channels=channels,
                    sender=sender,
                    reply=f"{name}_reply" if suffix == "request" else None,
                    since=since,
                    deprecated=deprecated,
                    official=official,
                )
            )
    others: tuple[tuple[str, str, str, frozenset[Channel], Sender, str], ...] = (
        ("stream", "Stream", "_iopub", frozenset({Channel.IOPUB}), Sender.KERNEL, "5.0"),
        ("display_data", "DisplayData", "_iopub", frozenset({Channel.IOPUB}), Sender.KERNEL, "5.0"),
        (
            "update_display_data",
            "UpdateDisplayData",
            "_iopub",
            frozenset({Channel.IOPUB}),
            Sender.KERNEL,
            "5.1",
        ),
        (
            "execute_input",
            "ExecuteInput",
            "_iopub",
            frozenset({Channel.IOPUB}),
            Sender.KERNEL,
            "5.0",
        ),
        (
            "execute_result",
            "ExecuteResult",
            "_iopub",
            frozenset({Channel.IOPUB}),
            Sender.KERNEL,
            "5.0",
        ),
        ("error", "Error", "_iopub", frozenset({Channel.IOPUB}), Sender.KERNEL, "5.0"),
        ("status", "Status", "_iopub", frozenset({Channel.IOPUB}), Sender.KERNEL, "5.0"),
        ("clear_output", "ClearOutput", "_iopub", frozenset({Channel.IOPUB}), Sender.KERNEL, "5.0"),
        (
            "iopub_welcome",
            "IopubWelcome",
            "_iopub",
            frozenset({Channel.IOPUB}),
            Sender.KERNEL,
            "5.5",
        ),
        ("debug_event", "DebugEvent", "_control", frozenset({Channel.IOPUB}), Sender.KERNEL, "5.5"),
        ("comm_open", "CommOpen", "_comm", comm, Sender.BOTH, "5.0"),
        ("comm_msg", "CommMsg", "_comm", comm, Sender.BOTH, "5.0"),
        ("comm_close", "CommClose", "_comm", comm, Sender.BOTH, "5.0"),
        (
            "input_request",
            "InputRequest",
            "_stdin",
            frozenset({Channel.STDIN}),
            Sender.KERNEL,
            "5.0",
        ),
        ("input_reply", "InputReply", "_stdin", frozenset({Channel.STDIN}), Sender.CLIENT, "5.0"),
    )
    rows.extend(
        MessageType(
            name=name,
            class_name=class_name,
            module=f"assay.protocol.{module}",
            channels=channels,
            sender=sender,
            reply="input_reply" if name == "input_request" else None,
            since=since,
        )
        for name, class_name, module, channels, sender, since in others
    )
    return {row.name: row for row in rows}


MESSAGE_TYPES: dict[str, MessageType] = _table()
"""Every message type we know, by name."""


def reply_type(msg_type: str) -> str:
    """Return the type that answers *msg_type*, known or not (SHELL-03)."""
    return f"{msg_type.removesuffix('_request')}_reply"


@cache
def _own_class(msg_type: str) -> type[Content]:
    row = MESSAGE_TYPES.get(msg_type)
    return row.content if row else Unknown


def content_class(msg_type: str, status: object = None) -> type[Content]:
    """Return the class for the content of a *msg_type* message.

    Args:
        msg_type: Any text; `Unknown` is for types that are not in `MESSAGE_TYPES`.
        status: The content's ``status``: a reply that failed or was aborted has a class of its own.
    """
    if status is not None and msg_type.endswith("_reply"):
        if status == "error":
            return ErrorReply
        if status in ("aborted", "abort"):
            return Aborted
    return _own_class(msg_type)
