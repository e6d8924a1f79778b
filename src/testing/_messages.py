"""Keys, ids, headers and whole messages."""

from __future__ import annotations

from datetime import UTC
from typing import get_args

from hypothesis import strategies as st

from assay import protocol
from assay.protocol import (
    MESSAGE_TYPES,
    PROTOCOL_VERSION,
    UNSET,
    Content,
    Header,
    Json,
    Message,
    MsgId,
    SessionId,
    UnsetType,
)
from assay.testing._contents import contents, contents_of, extras
from assay.testing._values import json_objects, texts

__all__ = ["headers", "ids", "keys", "message_types", "messages", "register_types", "schemes"]

NOT_IN_A_ROW = ("DebugVariable", "RegistrationReply", "UsageReply")
"""One of each module whose contents are those of no message type of the protocol."""

VERSIONS = ("5.0", "5.1", "5.2", "5.3", "5.4", PROTOCOL_VERSION, "5.6", "5.10", "6.0")
"""None below 5, and none left out: a reader of older versions takes the contents for theirs."""


def keys() -> st.SearchStrategy[bytes]:
    """Signing keys, never empty: short, of one block of the hash, and longer than that."""
    lengths = st.sampled_from([1, 36, 63, 64, 65, 127, 128, 129, 300])
    return st.binary(min_size=1, max_size=40) | lengths.flatmap(
        lambda length: st.binary(min_size=length, max_size=length)
    )


def schemes() -> st.SearchStrategy[str]:
    """Signature schemes that every Python has."""
    names = ("sha256", "sha512", "sha1", "sha224", "sha384", "sha3_256", "sha3_512", "blake2b")
    return st.sampled_from([f"hmac-{name}" for name in names])


def ids() -> st.SearchStrategy[str]:
    """Ids: opaque, so any text that is not empty (HDR-02, AMB-13)."""
    return st.uuids().map(str) | texts().filter(bool)


def message_types() -> st.SearchStrategy[str]:
    """Names of the message types in the registry."""
    return st.sampled_from(sorted(MESSAGE_TYPES))


_UNSET: st.SearchStrategy[UnsetType] = st.just(UNSET)
_IDS = ids()
_TYPES = message_types() | texts()
_DATES = _UNSET | st.datetimes(timezones=st.just(UTC)).map(lambda date: date.isoformat())
_VERSIONS = st.sampled_from(VERSIONS)
_SUBSHELLS = _UNSET | st.none() | _IDS
_EXTRAS = extras(Header)


@st.composite
def headers(draw: st.DrawFn, msg_type: str | None = None) -> Header:
    """Return a valid header of a *msg_type* message, of any if None.

    Ids and names are any text, the date may be absent, and there may be unknown keys.
    """
    return Header(
        msg_id=MsgId(draw(_IDS)),
        msg_type=draw(_TYPES) if msg_type is None else msg_type,
        session=SessionId(draw(texts())),
        username=draw(texts()),
        date=draw(_DATES),
        version=draw(_VERSIONS),
        subshell_id=draw(_SUBSHELLS),
        extra=draw(_EXTRAS),
    )


_PARENTS = st.none() | headers()
_ASKED_IN = headers("execute_request")
_METADATA: st.SearchStrategy[dict[str, Json]] = st.just({}) | json_objects()
_BUFFERS = st.lists(st.binary(max_size=20), max_size=3).map(tuple)


@st.composite
def messages(
    draw: st.DrawFn, msg_type: str | None = None, *, may_fail: bool = True
) -> Message[Content]:
    """Return a valid message of *msg_type*, of any type in the registry if None.

    It may have a parent, metadata and buffers, whether or not its type has a use for them; a reply
    and a prompt have the header of a request as parent. A reply may say that the request failed,
    unless *may_fail* is false.
    """
    name = draw(message_types()) if msg_type is None else msg_type
    return Message(
        header=draw(headers(name)),
        parent_header=draw(_parents(name)),
        metadata=draw(_METADATA),
        content=draw(contents(name, may_fail=may_fail)),
        buffers=draw(_BUFFERS),
    )


def _parents(msg_type: str) -> st.SearchStrategy[Header | None]:
    if msg_type.endswith("_reply"):
        return headers(f"{msg_type.removesuffix('_reply')}_request")
    if msg_type == "input_request":
        return _ASKED_IN
    return st.none() if msg_type == "iopub_welcome" else _PARENTS


def register_types() -> None:
    """Have Hypothesis's `from_type` draw valid contents, headers and messages of their classes."""
    for row in MESSAGE_TYPES.values():
        st.register_type_strategy(row.content, contents_of)
    protocol.preload(*NOT_IN_A_ROW)
    for cls in Content.__subclasses__():
        if cls.__module__.startswith(protocol.__name__):
            st.register_type_strategy(cls, contents_of)
    st.register_type_strategy(Content, contents())
    st.register_type_strategy(Header, headers())
    st.register_type_strategy(Message, _messages_of)


def _messages_of(cls: type[Message[Content]]) -> st.SearchStrategy[Message[Content]]:
    """Return messages of the content that *cls* names in brackets, of any if it names none."""
    for content in get_args(cls):
        if isinstance(content, type) and issubclass(content, Content) and content.msg_type:
            return messages(content.msg_type, may_fail=False)
    return messages()
