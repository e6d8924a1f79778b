"""Sign, encode, verify and decode the messages of one session: bytes in, values out.

A `Session` opens nothing, waits for nothing and knows no time: key, ids and clock are handed in, so
that a test can replay a conversation to the byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Generic, TypeAlias, TypeVar

from attrs import field, frozen
from msgspec import UNSET

from assay._value import Value
from assay.protocol._errors import ContentError, FramingError, LocalError, shorten
from assay.protocol._shapes import is_mapping
from assay.protocol.wire._arguments import (
    LISTS,
    check_around,
    check_bytes,
    check_dicts,
    check_function,
    check_instance,
    check_text,
)
from assay.protocol.wire._framing import DELIMITER, Buffer, split
from assay.protocol.wire._json import EMPTY_OBJECT, Json, JsonObject, decode_object, encode_json
from assay.protocol.wire._message import (
    PROTOCOL_VERSION,
    C_co,
    Content,
    Header,
    Message,
    MsgId,
    SessionId,
)
from assay.protocol.wire._registry import MESSAGE_TYPES, meant
from assay.protocol.wire._sending import check_metadata, check_moment
from assay.protocol.wire._signing import DEFAULT_SCHEME, ReplayWindow, Signer
from assay.protocol.wire._structure import (
    content_json,
    header_json,
    structure,
    structure_content,
    with_article,
)

__all__ = ["Delivery", "Envelope", "Session"]

C = TypeVar("C", bound=Content)

_set_raw = object.__setattr__

_Verified: TypeAlias = tuple[
    tuple[bytes, ...], Header, Header | None, JsonObject, JsonObject, tuple[Buffer, ...]
]
"""Identities, header, parent header, metadata, content and buffers of a trusted message."""


@frozen(kw_only=True, eq=False, repr=False)
class Delivery(Value, Generic[C_co]):
    """A message and the way it came."""

    identities: tuple[bytes, ...]
    """The routing prefix; a reply goes back under the same one (WIRE-03). On IOPub the topic."""

    message: Message[C_co]
    """What was sent."""


@frozen(kw_only=True, eq=False, repr=False)
class Envelope(Value):
    """A trusted message whose header has been read and whose content has not.

    The header is enough to route a message, and to answer it should the content be wrong.
    """

    identities: tuple[bytes, ...]
    """The routing prefix; a reply goes back under the same one (WIRE-03). On IOPub the topic."""

    header: Header
    """Who sent it, when, and of which type."""

    parent_header: Header | None
    """The header of the message that caused this one; None is the empty object."""

    metadata: Mapping[str, Json] = field(repr=False, hash=False)
    """Free for extensions (HDR-16)."""

    content: JsonObject = field(repr=False, hash=False)
    """As it came, not yet read as what the type wants."""

    buffers: tuple[Buffer, ...] = field(repr=False, hash=False)
    """Raw bytes that go with the content (WIRE-09)."""

    def message(self) -> Message[Content]:
        """Return the typed message.

        Raises:
            ContentError: the content does not fit the message type (WIRE-19).
        """
        return Message(
            header=self.header,
            parent_header=self.parent_header,
            metadata=self.metadata,
            content=structure_content(self.header.msg_type, self.content),
            buffers=self.buffers,
        )


class Session:
    """One end of a conversation.

    Any threads may call `header`, `message`, `encode`, `pack` and `pack_json` at once, if *now* and
    *new_id* allow it. `open` and `decode` remember what they have seen: one thread at a time.

    Args:
        key: The connection file's ``key`` as bytes; empty switches signing and checking off.
        session: Names this run of a kernel or client (HDR-03).
        now: Returns the aware time for a header's date.
        new_id: Returns a fresh message id at each call (HDR-02).
        username: Stands in the headers; may be empty.
        signature_scheme: ``hmac-`` and a hash of `hashlib` (SIGN-11).
        allow_broken_scheme: Accept ``hmac-md5``.
        replay_window: How many verified signatures are remembered; 0 accepts repetitions.

    Raises:
        LocalError: the *key* is no bytes (SIGN-05), the signature scheme is unknown (SIGN-12), or
            another argument is not what it should be.
    """

    def __init__(
        self,
        key: bytes,
        *,
        session: SessionId,
        now: Callable[[], datetime],
        new_id: Callable[[], MsgId],
        username: str = "",
        signature_scheme: str = DEFAULT_SCHEME,
        allow_broken_scheme: bool = False,
        replay_window: int | None = None,
    ) -> None:
        check_text(session, "session")
        check_text(username, "username")
        check_function(now, "now", "the time", "HDR-07")
        check_function(new_id, "new_id", "a fresh message id", "HDR-02")
        self.session = session
        self.username = username
        self.signer = Signer(key, signature_scheme, allow_broken=allow_broken_scheme)
        self._now = now
        self._new_id = new_id
        self._replay = ReplayWindow() if replay_window is None else ReplayWindow(replay_window)
        self._header_ends: dict[str, bytes] = {}

    def header(self, msg_type: str, *, subshell_id: str | None = None) -> Header:
        """Return a fresh header: new id, current date (UTC, ``Z``), our version.

        Raises:
            LocalError: *msg_type* is no text.
        """
        check_text(msg_type, "msg_type")
        return Header(
            msg_id=self._fresh_id(),
            msg_type=msg_type,
            session=self.session,
            username=self.username,
            date=self._date_json()[1:-1].decode(),
            version=PROTOCOL_VERSION,
            subshell_id=UNSET if subshell_id is None else subshell_id,
        )

    def message(
        self,
        content: C,
        *,
        parent: Header | None = None,
        msg_type: str = "",
        metadata: Mapping[str, Json] | None = None,
        buffers: Sequence[Buffer] = (),
        subshell_id: str | None = None,
    ) -> Message[C]:
        """Return a new message with *content* under a fresh header.

        Args:
            content: What to say.
            parent: The header of the message that causes this one (HDR-12).
            msg_type: Needed for an `ErrorReply`, `Aborted` or `Unknown`; others know their own.
            metadata: Free for extensions.
            buffers: Raw bytes that go along.
            subshell_id: The subshell a request is for.

        Raises:
            LocalError: *content* and *msg_type* do not say one type, *content* is no content,
                *parent* no header, or *buffers* no list of bytes.
        """
        if type(buffers) is not tuple:
            check_bytes("buffers", buffers, "WIRE-09")
        if parent is not None and not isinstance(parent, Header):
            raise LocalError(
                f"parent: wanted the header of a message, found {shorten(parent)}",
                requirement="HDR-12",
            )
        return Message(
            header=self.header(_type_of(content, msg_type), subshell_id=subshell_id),
            parent_header=parent,
            metadata=metadata or {},
            content=content,
            buffers=tuple(buffers),
        )

    def encode(self, message: Message[Content], identities: Sequence[bytes] = ()) -> list[Buffer]:
        """Return the signed frames of *message* behind the routing prefix *identities*.

        Raises:
            JsonError: a part of the content or of the metadata has no JSON form.
            LocalError: a field of the content or a header, the metadata or a buffer has a type that
                no reader takes; the message names it by its path. Or *message* is none.
        """
        if type(message) is not Message or type(message.header) is not Header:
            _check_message(message)
        return self._frames(
            header_json(message.header),
            EMPTY_OBJECT if message.parent_header is None else header_json(message.parent_header),
            _metadata_json(message.metadata),
            content_json(message.content),
            identities,
            message.buffers,
        )

    def pack(
        self,
        content: Content,
        *,
        parent: bytes = EMPTY_OBJECT,
        msg_type: str = "",
        metadata: Mapping[str, Json] | None = None,
        buffers: Sequence[Buffer] = (),
        identities: Sequence[bytes] = (),
    ) -> list[Buffer]:
        """Build, encode and sign in one go: `encode` of `message`, in half the time.

        Args:
            content: What to say.
            parent: The parent header as bytes, such as `Header.raw`.
            msg_type: As for `message`.
            metadata: Free for extensions.
            buffers: Raw bytes that go along.
            identities: The routing prefix, or the topic.

        Raises:
            LocalError: *content* and *msg_type* do not say one type, or as for `encode`.
            JsonError: a part of the content or of the metadata has no JSON form.
        """
        if not isinstance(parent, bytes):
            raise LocalError(
                f"parent: wanted a header as bytes, such as Header.raw, found {shorten(parent)}",
                requirement="HDR-12",
            )
        return self.pack_json(
            _type_of(content, msg_type),
            content_json(content),
            parent=parent,
            metadata=_metadata_json(metadata),
            buffers=buffers,
            identities=identities,
        )

    def pack_json(
        self,
        msg_type: str,
        content: bytes,
        *,
        parent: bytes = EMPTY_OBJECT,
        metadata: bytes = EMPTY_OBJECT,
        buffers: Sequence[Buffer] = (),
        identities: Sequence[bytes] = (),
    ) -> list[Buffer]:
        """As `pack`, for a content and metadata that are JSON already.

        Raises:
            LocalError: *msg_type* is no text; a part, a buffer or an identity is no bytes object.
        """
        if type(msg_type) is not str:
            check_text(msg_type, "msg_type")
        end = self._header_ends.get(msg_type)
        if end is None:
            end = self._header_ends[msg_type] = self._header_end(msg_type)
        msg_id = encode_json(self._fresh_id())
        header = b'{"msg_id":%b,"date":%b,%b' % (msg_id, self._date_json(), end)
        return self._frames(header, parent, metadata, content, identities, buffers)

    def open(self, frames: Sequence[Buffer]) -> Envelope:
        """Verify one ZeroMQ message and read its header.

        In this order: shape, trust, replay, header. A message that is refused changes nothing.

        Raises:
            LocalError: *frames* is no list of bytes.
            FramingError: the frames are no message (WIRE-18).
            SignatureError: the signature is missing or wrong (SIGN-07, SIGN-09).
            ReplayError: the message was seen before (SIGN-14).
        """
        identities, header, parent_header, metadata, content, buffers = self._verified(frames)
        return Envelope(
            identities=identities,
            header=header,
            parent_header=parent_header,
            metadata=metadata,
            content=content,
            buffers=buffers,
        )

    def decode(self, frames: Sequence[Buffer]) -> Delivery[Content]:
        """Verify and decode one ZeroMQ message.

        Raises:
            LocalError: *frames* is no list of bytes.
            FramingError: the frames are no message (WIRE-18).
            SignatureError: the signature is missing, wrong or seen before.
            ContentError: the content does not fit the message type (WIRE-19).
        """
        identities, header, parent_header, metadata, content, buffers = self._verified(frames)
        message = Message(
            header=header,
            parent_header=parent_header,
            metadata=metadata,
            content=structure_content(header.msg_type, content),
            buffers=buffers,
        )
        return Delivery(identities=identities, message=message)

    def _verified(self, frames: Sequence[Buffer]) -> _Verified:
        identities, signature, header, parent_header, metadata, content, buffers = split(frames)
        self.signer.verify(signature, header, parent_header, metadata, content)
        # What is signed and yet malformed is refused before it is remembered.
        verified = (
            identities,
            read_header(header),
            _read_parent(parent_header),
            {} if metadata == EMPTY_OBJECT else decode_object(metadata, "metadata", null=True),
            decode_object(content, "content"),
            buffers,
        )
        if self.signer.has_key:
            self._replay.enter(signature)
        return verified

    def _fresh_id(self) -> MsgId:
        msg_id = self._new_id()
        if type(msg_id) is not str:
            check_text(msg_id, "msg_id")
        return msg_id

    def _date_json(self) -> bytes:
        # The codec writes a date in a tenth of the time of `isoformat`, but none of a subclass.
        now = self._now()
        if type(now) is datetime and now.tzinfo is not None:
            return encode_json(now)
        check_moment(now)
        return encode_json(now.isoformat().replace("+00:00", "Z"))

    def _header_end(self, msg_type: str) -> bytes:
        rest = {
            "msg_type": msg_type,
            "session": self.session,
            "username": self.username,
            "version": PROTOCOL_VERSION,
        }
        return encode_json(rest)[1:]

    def _frames(  # noqa: PLR0917 - the order of the frames
        self,
        header: bytes,
        parent_header: bytes,
        metadata: bytes,
        content: bytes,
        identities: Sequence[bytes],
        buffers: Sequence[Buffer],
    ) -> list[Buffer]:
        if buffers or type(buffers) is not tuple or type(identities) not in LISTS:
            check_around(identities, buffers)
        frames: list[Buffer] = [
            *identities,
            DELIMITER,
            b"",
            header,
            parent_header,
            metadata,
            content,
        ]
        for frame in frames:
            if type(frame) is not bytes:  # no set of the classes: not each of them has a hash
                check_around(identities, buffers)
                check_dicts(header, parent_header, metadata, content)
                break
        frames[-5] = self.signer.sign(header, parent_header, metadata, content)
        return [*frames, *buffers]


def read_header(data: bytes, part: str = "header") -> Header:
    """Return the header in a frame; it keeps *data* as `Header.raw`.

    Raises:
        FramingError: not a JSON object with a ``msg_id`` and a ``msg_type``, or a field that the
            protocol names has the wrong type (HDR-01).
    """
    return _header(decode_object(data, part), data, part)


def _read_parent(data: bytes) -> Header | None:
    if data == EMPTY_OBJECT:
        return None
    value = decode_object(data, "parent_header", null=True)
    return _header(value, data, "parent_header") if value else None


def _header(value: JsonObject, data: bytes, part: str) -> Header:
    try:
        header = structure(Header, value)
    except ContentError as error:
        raise FramingError(f"{part}: {'; '.join(error.faults)}", requirement="HDR-01") from error
    _set_raw(header, "_raw", data)
    return header


def _metadata_json(metadata: Mapping[str, Json] | None) -> bytes:
    if not metadata and (metadata is None or is_mapping(metadata)):
        return EMPTY_OBJECT
    check_metadata(metadata)
    return encode_json(metadata, "metadata")


def _check_message(message: Message[Content]) -> None:
    check_instance(message, Message, "a Message, as message() makes it", "WIRE-02")
    check_instance(message.header, Header, "a message with a Header", "HDR-01")


def _type_of(content: Content, msg_type: str) -> str:
    if not isinstance(content, Content):
        raise LocalError(
            f"wanted a content, such as ExecuteRequest(code='1'), found {shorten(content)}",
            requirement="HDR-18",
        )
    own = content.msg_type
    if own and msg_type in ("", own):  # most
        return own
    if type(msg_type) is not str:
        check_text(msg_type, "msg_type")
    if own and msg_type and own != msg_type:
        name = with_article(type(content).__name__)
        raise LocalError(f"wanted a content for {msg_type!r}{meant(msg_type)}, found {name}")
    if not own and not msg_type:
        name = with_article(type(content).__name__)
        raise LocalError(f"wanted a msg_type for {name}, which fits several, found none")
    if not own and msg_type not in MESSAGE_TYPES and (hint := meant(msg_type)):
        raise LocalError(
            f"wanted a type that is known, or one unlike those that are, found {msg_type!r}{hint}; "
            "register_message_type makes one of your own known"
        )
    return own or msg_type
