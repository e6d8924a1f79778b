"""A message as plain dicts, and one that is being reworded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from attrs import define, field

from assay.protocol._shapes import is_mapping, is_sequence
from assay.protocol.versions._memory import Asked
from assay.protocol.versions._reading import fault, read_text
from assay.protocol.versions._version import ProtocolVersion
from assay.protocol.wire._arguments import check_instance, check_mapping
from assay.protocol.wire._framing import Buffer
from assay.protocol.wire._json import Json, JsonObject, decode_object
from assay.protocol.wire._message import Content, Header, Message
from assay.protocol.wire._structure import structure, structure_content, unstructure

__all__ = [
    "KEPT",
    "Draft",
    "MessageDict",
    "read_message",
    "structure_message",
    "unstructure_message",
]

KEPT = "older_protocol"
"""The metadata key under which `up` puts what 5.5 has no place for, and where `down` finds it."""

ABORTED = ("aborted", "abort")


class MessageDict(TypedDict):
    """A message of any version as JSON objects; no class is needed for what an old one says.

    Version 3 has no metadata on the wire; here it is an empty object.
    """

    header: JsonObject
    parent_header: JsonObject
    metadata: JsonObject
    content: JsonObject
    buffers: tuple[Buffer, ...]


def structure_message(message: Mapping[str, object]) -> Message[Content]:
    """Return the typed message that *message*, of protocol 5, says.

    Raises:
        ContentError: header, parent header or content do not fit (WIRE-19, HDR-01).
        FramingError: one of the dicts came as bytes that are no JSON object.
    """
    data = read_message(message)
    header = structure(Header, data["header"])
    return Message(
        header=header,
        parent_header=structure(Header, data["parent_header"]) if data["parent_header"] else None,
        metadata=data["metadata"],
        content=structure_content(header.msg_type, data["content"]),
        buffers=data["buffers"],
    )


def unstructure_message(message: Message[Content]) -> MessageDict:
    """Return the dicts of a typed *message*.

    Raises:
        LocalError: *message* is none.
    """
    check_instance(message, Message, "a Message", "WIRE-02")
    parent = message.parent_header
    return MessageDict(
        header=unstructure(message.header),
        parent_header={} if parent is None else unstructure(parent),
        metadata=dict(message.metadata),
        content=unstructure(message.content),
        buffers=tuple(message.buffers),
    )


def read_message(message: Mapping[str, object]) -> MessageDict:
    """Return *message* with each dict an object of its own.

    A dict may come as the bytes of its frame. Only the header is needed; the others may be absent.

    Raises:
        ContentError: a part is no object, or the header lacks its id or type (HDR-01).
        FramingError: a part came as bytes that are no JSON object.
        LocalError: *message* is no mapping.
    """
    wanted = "a message as a mapping, such as unstructure_message() returns"
    check_mapping(message, wanted, "WIRE-02")
    header = _object(message, "header")
    for name in ("msg_id", "msg_type"):
        read_text(header, name)
    return MessageDict(
        header=header,
        parent_header=_object(message, "parent_header"),
        metadata=_object(message, "metadata"),
        content=_object(message, "content"),
        buffers=_buffers(message),
    )


def _object(message: Mapping[str, object], part: str) -> dict[str, Json]:
    value = message.get(part)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return decode_object(bytes(value), part)
    if value is None and part != "header":
        return {}
    if not is_mapping(value):
        raise fault(part, "an object", value)
    return dict(value)


def _buffers(message: Mapping[str, object]) -> tuple[Buffer, ...]:
    value = message.get("buffers")
    if value is None:
        return ()
    if not is_sequence(value) or isinstance(value, (str, bytes, bytearray, memoryview)):
        raise fault("buffers", "a list of bytes", value)
    for place, buffer in enumerate(value):
        if not isinstance(buffer, (bytes, bytearray, memoryview)):
            raise fault(f"buffers[{place}]", "bytes", buffer)
    return tuple(value)


@define(kw_only=True)
class Draft:
    """A message on its way from one version to another, changed in place by the rules."""

    version: ProtocolVersion
    """The old one, whichever way the message goes."""

    header: dict[str, Json]
    parent_header: dict[str, Json]
    metadata: dict[str, Json]
    content: dict[str, Json]
    buffers: tuple[Buffer, ...]

    asked: Asked | None = None
    """What the parent asked, where that is remembered."""

    noted: Asked | None = None
    """What this message asks, to be remembered once it has been translated."""

    dropped: bool = False
    """The other version has no such message."""

    _kept: dict[str, Json] = field(factory=dict)

    @property
    def msg_type(self) -> str:
        """The type in the header."""
        return read_text(self.header, "msg_type")

    @property
    def failed(self) -> bool:
        """True for a reply that says why there is no answer, or that nothing was done."""
        return self.content.get("status") in ("error", *ABORTED)

    @property
    def aborted(self) -> bool:
        """True for a reply to a request that was never handled, in either spelling."""
        return self.content.get("status") in ABORTED

    def keep(self, **fields: Json) -> None:
        """Keep what 5.5 has no place for, in the metadata."""
        self._kept.update(fields)
        self.metadata[KEPT] = dict(self._kept)

    def take_kept(self) -> None:
        """Take what another translator kept out of the metadata, for `kept`."""
        value = self.metadata.pop(KEPT, None)
        self._kept = dict(value) if is_mapping(value) else {}

    def kept(self, name: str) -> Json:
        """Return what was kept as *name*, if anything: any JSON, since another program sent it."""
        return self._kept.get(name)

    def finished(self) -> MessageDict:
        """Return the message."""
        return MessageDict(
            header=self.header,
            parent_header=self.parent_header,
            metadata=self.metadata,
            content=self.content,
            buffers=self.buffers,
        )
