"""Every message type of the protocol: its class, channels, direction, reply and versions.

The table is static and its classes are imported when they are first asked for: making an attrs
class takes about half a millisecond, and a kernel that starts needs four of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import TypeVar

from attrs import field, frozen

from assay._value import Value
from assay.protocol._errors import LocalError, shorten
from assay.protocol.wire._arguments import check_text
from assay.protocol.wire._message import Aborted, Content, ErrorReply, Unknown

__all__ = [
    "MESSAGE_TYPES",
    "Channel",
    "MessageType",
    "Sender",
    "channel_named",
    "content_class",
    "forget_message_type",
    "meant",
    "message_type",
    "register_message_type",
    "reply_type",
    "sender_named",
]


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
        if (own := _CLASSES.get(self.name)) is not None:
            return own
        found: type[Content] = getattr(import_module(self.module), self.class_name)
        return found


_CLASSES: dict[str, type[Content]] = {}
"""The classes of types that a program has registered."""


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

_KNOWN = {row.name: row for row in _ROWS}

MESSAGE_TYPES: Mapping[str, MessageType] = MappingProxyType(_KNOWN)
"""Every message type we know, by name: those of the protocol, and those that were registered."""

OWN_NAMES = frozenset(_KNOWN)
"""The types of the protocol, which cannot be replaced."""


def message_type(name: str) -> MessageType:
    """Return what is known of the message type *name*.

    Raises:
        LocalError: nothing is; the message names the nearest that is known.
    """
    check_text(name, "message type")
    found = _KNOWN.get(name)
    if found is None:
        raise LocalError(f"wanted a message type, found {name!r}{meant(name)}")
    return found


def meant(name: str) -> str:
    """Return which known type *name* is a misspelling of, in words; empty if it is unlike all."""
    from difflib import get_close_matches  # noqa: PLC0415 - for errors alone

    near = get_close_matches(str(name), _KNOWN, 1, 0.85) if name not in _KNOWN else []
    return f" (did you mean {near[0]!r}?)" if near else ""


def register_message_type(
    content: type[Content],
    *,
    channels: Iterable[Channel | str],
    sender: Sender | str,
    reply: str | None = None,
) -> MessageType:
    """Make a message type of a program's own known, for the whole process.

    From then on contents of the type are read into *content*, written, and judged by `validate`
    (HDR-18) like those of the protocol.

    Args:
        content: A frozen attrs class with keyword-only fields, derived from `Content`; its
            ``msg_type`` is the name.
        channels: Where it travels.
        sender: Who sends it: ``client``, ``kernel`` or ``both``.
        reply: For a request, the type of the answer.

    Raises:
        LocalError: the class is no attrs class, or names no type, or one of the protocol's or of
            another class; or there is no such channel or sender.
    """
    _check_class(content)
    if isinstance(channels, str):
        raise LocalError(f"wanted a set of channels, found {channels!r}")
    name = content.msg_type
    if not name:
        raise LocalError(f"wanted a class with a msg_type, found {content.__name__} without one")
    if name in OWN_NAMES:
        raise LocalError(f"wanted a type that the protocol does not have, found {name!r}")
    if _CLASSES.get(name, content) is not content:
        other = _CLASSES[name].__name__
        raise LocalError(f"wanted a new type, found {name!r}, which is registered for {other}")
    row = MessageType(
        name=name,
        class_name=content.__name__,
        module=content.__module__,
        channels=frozenset(map(channel_named, channels)),
        sender=sender_named(sender),
        reply=reply,
        official=False,
    )
    _CLASSES[name] = content
    _KNOWN[name] = row
    _own_class.cache_clear()
    return row


def _check_class(content: object) -> None:
    if not isinstance(content, type) or not issubclass(content, Content):
        raise LocalError(f"wanted a class derived from Content, found {shorten(content)}")
    if "__attrs_attrs__" not in vars(content):
        raise LocalError(
            f"wanted an attrs class, found {content.__name__} without @frozen(kw_only=True): "
            "its fields would not be known"
        )


def channel_named(name: Channel | str) -> Channel:
    """Return the channel of this name.

    Raises:
        LocalError: there is none.
    """
    return _member(Channel, name, "channel")


def sender_named(name: Sender | str) -> Sender:
    """Return the side of this name.

    Raises:
        LocalError: there is none.
    """
    return _member(Sender, name, "sender")


M = TypeVar("M", Channel, Sender)


def _member(kind: type[M], name: object, what: str) -> M:
    if isinstance(name, str) and name in list(kind):
        return kind(name)
    names = ", ".join(map(repr, map(str, kind)))
    raise LocalError(f"wanted a {what}, one of {names}, found {shorten(name)}")


def forget_message_type(name: str) -> None:
    """Undo `register_message_type`; nothing happens if *name* is not registered."""
    if _CLASSES.pop(name, None) is not None:
        del _KNOWN[name]
        _own_class.cache_clear()


def reply_type(msg_type: str) -> str:
    """Return the type that answers *msg_type*, known or not (SHELL-03).

    Raises:
        LocalError: *msg_type* is no text.
    """
    check_text(msg_type, "message type")
    return f"{msg_type.removesuffix('_request')}_reply"


@cache
def _own_class(msg_type: str) -> type[Content]:
    row = _KNOWN.get(msg_type)
    return row.content if row else Unknown


def content_class(msg_type: str, status: object = None) -> type[Content]:
    """Return the class for the content of a *msg_type* message.

    Args:
        msg_type: Any text; `Unknown` is for types that are not in `MESSAGE_TYPES`.
        status: The content's ``status``: a reply that failed or was aborted has a class of its own.

    Raises:
        LocalError: *msg_type* is no text.
    """
    if type(msg_type) is not str:
        check_text(msg_type, "message type")
    if status is not None and msg_type.endswith("_reply"):
        if status == "error":
            return ErrorReply
        if status in ("aborted", "abort"):
            return Aborted
    return _own_class(msg_type)
