"""Every message type of the protocol: its class, channels, direction, reply and versions.

The table is static and its classes are imported when they are first asked for: making an attrs
class takes about half a millisecond, and a kernel that starts needs four of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from importlib import import_module

from attrs import field, frozen

from assay.protocol._value import Value
from assay.protocol.wire._message import Aborted, Content, ErrorReply, Unknown

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


@frozen(kw_only=True, eq=False, repr=False)
class MessageType(Value):
    """What the protocol says of one message type."""

    name: str
    """As in the header's ``msg_type``."""

    class_name: str
    """The content's class, a public name of `assay.protocol`."""

    module: str = field(repr=False)
    """Where the class is; `content` imports it."""

    channels: frozenset[Channel]
    """Where the public text allows it."""

    sender: Sender
    """Which side sends it."""

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


def _one(
    name: str,
    module: str,
    channels: frozenset[Channel],
    sender: Sender,
    *,
    reply: str | None = None,
    since: str = "5.0",
    deprecated: str | None = None,
    official: bool = True,
) -> MessageType:
    return MessageType(
        name=name,
        class_name="".join(word.capitalize() for word in name.split("_")),
        module=f"assay.protocol.contents.{module}",
        channels=channels,
        sender=sender,
        reply=reply,
        since=since,
        deprecated=deprecated,
        official=official,
    )


def _pair(
    name: str,
    module: str,
    channels: frozenset[Channel],
    *,
    since: str = "5.0",
    deprecated: str | None = None,
    official: bool = True,
) -> Iterator[MessageType]:
    """Give a client's request and the kernel's reply to it."""
    request, reply = f"{name}_request", f"{name}_reply"
    for row, sender, answer in ((request, Sender.CLIENT, reply), (reply, Sender.KERNEL, None)):
        yield _one(
            row,
            module,
            channels,
            sender,
            reply=answer,
            since=since,
            deprecated=deprecated,
            official=official,
        )


_SHELL = frozenset({Channel.SHELL})
_CONTROL = frozenset({Channel.CONTROL})
_STDIN = frozenset({Channel.STDIN})
_IOPUB = frozenset({Channel.IOPUB})

_ROWS = (
    *_pair("execute", "_execute", _SHELL),
    *_pair("inspect", "_introspection", _SHELL),
    *_pair("complete", "_introspection", _SHELL),
    *_pair("history", "_introspection", _SHELL),
    *_pair("is_complete", "_introspection", _SHELL),
    *_pair("connect", "_introspection", _SHELL, deprecated="5.1"),
    *_pair("comm_info", "_introspection", _SHELL, since="5.1"),
    *_pair("kernel_info", "_info", _SHELL | _CONTROL),
    *_pair("shutdown", "_control", _SHELL | _CONTROL),
    *_pair("interrupt", "_control", _CONTROL, since="5.3"),
    *_pair("debug", "_debug", _CONTROL, since="5.5"),
    *_pair("create_subshell", "_subshell", _CONTROL, since="5.5"),
    *_pair("delete_subshell", "_subshell", _CONTROL, since="5.5"),
    *_pair("list_subshell", "_subshell", _CONTROL, since="5.5"),
    *_pair("apply", "_engine", _SHELL, official=False),
    *_pair("abort", "_engine", _CONTROL, official=False),
    *_pair("clear", "_engine", _CONTROL, official=False),
    _one("stream", "_iopub", _IOPUB, Sender.KERNEL),
    _one("display_data", "_iopub", _IOPUB, Sender.KERNEL),
    _one("update_display_data", "_iopub", _IOPUB, Sender.KERNEL, since="5.1"),
    _one("execute_input", "_execute", _IOPUB, Sender.KERNEL),
    _one("execute_result", "_execute", _IOPUB, Sender.KERNEL),
    _one("error", "_execute", _IOPUB, Sender.KERNEL),
    _one("status", "_status", _IOPUB, Sender.KERNEL),
    _one("clear_output", "_iopub", _IOPUB, Sender.KERNEL),
    _one("iopub_welcome", "_status", _IOPUB, Sender.KERNEL, since="5.5"),
    _one("debug_event", "_debug", _IOPUB, Sender.KERNEL, since="5.5"),
    _one("comm_open", "_comm", _SHELL | _IOPUB, Sender.BOTH),
    _one("comm_msg", "_comm", _SHELL | _IOPUB, Sender.BOTH),
    _one("comm_close", "_comm", _SHELL | _IOPUB, Sender.BOTH),
    _one("input_request", "_stdin", _STDIN, Sender.KERNEL, reply="input_reply"),
    _one("input_reply", "_stdin", _STDIN, Sender.CLIENT),
)

MESSAGE_TYPES: Mapping[str, MessageType] = {row.name: row for row in _ROWS}
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
