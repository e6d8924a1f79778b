"""A message as a value: header, parent header, metadata, content, buffers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar, Generic, Literal, NewType, TypeVar

from attrs import field, frozen
from msgspec import UNSET, UnsetType

from assay._value import Value
from assay.protocol.wire._framing import Buffer
from assay.protocol.wire._json import Json, JsonObject

__all__ = [
    "PROTOCOL_VERSION",
    "UNSET",
    "Aborted",
    "Content",
    "ErrorReply",
    "Header",
    "Message",
    "MsgId",
    "SessionId",
    "Unknown",
    "UnsetType",
]

PROTOCOL_VERSION = "5.5"
"""What every header and the kernel_info_reply announce (HDR-09, AMB-11)."""

MsgId = NewType("MsgId", str)
"""Names one message; opaque (HDR-02, AMB-13)."""

SessionId = NewType("SessionId", str)
"""Names one run of a kernel or one client; opaque (HDR-03)."""


@frozen(kw_only=True, eq=False, repr=False)
class Header(Value):
    """Say who sent what, when (messaging.rst §Message Header, HDR-01).

    A header that was received keeps its bytes, so that it can be echoed as it came (HDR-15).
    """

    msg_id: MsgId
    """Unique for each message (HDR-02)."""

    msg_type: str
    """Decides the structure of the content (HDR-18)."""

    session: SessionId = SessionId("")
    """The run of the kernel, or the client, that sent it."""

    username: str = ""
    """May be empty or meaningless (HDR-10)."""

    date: str | UnsetType = UNSET
    """ISO 8601; absent from peers that speak 5.0 or less (HDR-07, HDR-08). See `sent_at`."""

    version: str | UnsetType = UNSET
    """The protocol version of the sender; absent below 5.0 (HDR-09)."""

    subshell_id: str | UnsetType | None = UNSET
    """The subshell a request is for; absent or null means the main shell (SUBSHELL-07)."""

    _extra: JsonObject = field(factory=dict, repr=False, hash=False)
    """Keys that the protocol does not name, written back as they came (WIRE-15)."""

    # Not an argument: a header that `attrs.evolve` changed is no longer the one that came.
    _raw: bytes | None = field(default=None, init=False, eq=False, repr=False)

    @property
    def extra(self) -> JsonObject:
        """Keys that the protocol does not name."""
        return self._extra

    @property
    def raw(self) -> bytes | None:
        """The frame this header came in; None for one made here."""
        return self._raw

    @property
    def sent_at(self) -> datetime | None:
        """`date` as an aware time; None if it is absent or no date.

        Spec: the date is ISO 8601 with a zone (HDR-07). Seen: older peers leave the zone out.
        Here: a missing zone is read as UTC.
        """
        if isinstance(self.date, UnsetType):
            return None
        try:
            moment = datetime.fromisoformat(self.date)
        except ValueError:
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@frozen(kw_only=True, eq=False, repr=False)
class Content(Value):
    """What a message says: the base of one class for each message type.

    A field whose default is `UNSET` is absent from the wire while it has that value.
    """

    msg_type: ClassVar[str] = ""
    """The type whose content this is; empty where several types share a class."""

    absent: ClassVar[Mapping[str, Json]] = {}
    """What a reader takes for fields that a sender must write and known peers leave out."""

    _extra: JsonObject = field(factory=dict)

    @property
    def extra(self) -> JsonObject:
        """Keys that the protocol does not name, written back as they came (WIRE-15)."""
        return self._extra


@frozen(kw_only=True, eq=False, repr=False)
class Unknown(Content):
    """The content of a message type that the registry does not hold (WIRE-14): all is `extra`."""


@frozen(kw_only=True, eq=False, repr=False)
class ErrorReply(Content):
    """Answer any request whose handling failed (messaging.rst §Request-Reply, SHELL-10)."""

    # Seen: akernel sends none of the three, ipykernel 7.4 no name for an unknown subshell.
    absent: ClassVar[Mapping[str, Json]] = {"ename": "", "evalue": ""}

    ename: str
    """The exception's class."""

    evalue: str
    """The exception's text."""

    traceback: tuple[str, ...] = ()
    """Lines or blocks of text, with ANSI colours or without."""

    execution_count: int | UnsetType = UNSET
    """Present on an execute_reply, whatever its status (SHELL-13)."""

    status: Literal["error"] = "error"
    """Always ``error``."""


@frozen(kw_only=True, eq=False, repr=False)
class Aborted(Content):
    """Answer a request that was never handled; deprecated since 5.1 (SHELL-11, SHELL-12)."""

    execution_count: int | UnsetType = UNSET
    """Present on an execute_reply, whatever its status (SHELL-13)."""

    status: Literal["aborted", "abort"] = "aborted"
    """``aborted``, or ``abort`` as the text had it until 2026 (AMB-01)."""


C_co = TypeVar("C_co", bound=Content, covariant=True)


@frozen(kw_only=True, eq=False, repr=False)
class Message(Value, Generic[C_co]):
    """One message, of a client or of a kernel (WIRE-02)."""

    header: Header
    """Who sent it, when, and of which type."""

    parent_header: Header | None = None
    """The header of the message that caused this one; None is the empty object (HDR-14)."""

    metadata: Mapping[str, Json] = field(factory=dict, hash=False)
    """Free for extensions (HDR-16)."""

    content: C_co
    """What it says, of the class that goes with the header's type."""

    buffers: tuple[Buffer, ...] = field(default=(), hash=False)
    """Raw bytes that go with the content (WIRE-09)."""
