"""The two that are compared: our protocol layer and jupyter_client's `Session`.

Each offers the same operations by name. An operation is prepared for a number of messages and
then does its work for all of them, so that what is prepared is not timed.
"""

from __future__ import annotations

import hmac
import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Final, Protocol

from jupyter_client import session as theirs

import assay.protocol as ours

# The way that `Session` itself takes; the public `unstructure` is for people.
from assay.protocol.wire._structure import content_json
from benchmarks.layer.cases import Case
from benchmarks.wire import ENCODER

KEY: Final = b"9f0c5f1e-6a53-4a8e-bb1c-1f0f3f6a3c55"

Work = Callable[[], object]
"""Does an operation for each prepared message; returns the last result."""

MAKE: Final = "make"
"""Build, encode and sign: from a content to frames."""
PACK: Final = "make (one go)"
"""The same by the shorter way, where there is one; compared with the other side's `make`."""
READ: Final = "read"
"""Verify and decode: from frames to a message, typed where the side has types."""
ENCODE: Final = "encode"
"""Content to JSON."""
DECODE: Final = "decode"
"""JSON of the four frames to dictionaries."""
SIGN: Final = "sign"
VERIFY: Final = "verify"
STRUCTURE: Final = "structure"
"""Dictionary to typed content."""
OPERATIONS: Final = (MAKE, PACK, READ, ENCODE, DECODE, SIGN, VERIFY, STRUCTURE)


class Side(Protocol):
    """One implementation."""

    name: str

    def prepare(self, operation: str, case: Case, count: int) -> Work | None:
        """Return the work for *count* messages, or nothing if this side has no such operation."""


class Ours:
    """The package of this project."""

    name = "assay"

    def prepare(self, operation: str, case: Case, count: int) -> Work | None:
        """Return the work; every `read` gets messages of its own, as replays are refused."""
        session, content = _our_session(), ours.structure_content(case.msg_type, _plain(case))
        many, buffers = range(count), case.buffers
        match operation:
            case "make":
                make = session.message
                return lambda: [session.encode(make(content, buffers=buffers)) for _ in many]
            case "make (one go)":
                return lambda: [session.pack(content, buffers=buffers) for _ in many]
            case "read":
                messages = [_bytes(session.pack(content, buffers=buffers)) for _ in many]
                reader = _our_session()
                return lambda: [reader.decode(frames) for frames in messages]
            case "structure":
                plain, structure = _plain(case), ours.structure_content
                return lambda: [structure(case.msg_type, plain) for _ in many]
            case _:
                return self._part(operation, session.pack(content), content, many)

    @staticmethod
    def _part(
        operation: str, packed: Sequence[ours.Buffer], content: ours.Content, many: range
    ) -> Work | None:
        _, signature, *parts = _bytes(packed)
        header, parent, metadata, body = parts[:4]
        signer = ours.Signer(KEY)
        match operation:
            case "encode":
                return lambda: [content_json(content) for _ in many]
            case "decode":
                decode = ours.decode_json
                return lambda: [[decode(part) for part in parts] for _ in many]
            case "sign":
                return lambda: [signer.sign(header, parent, metadata, body) for _ in many]
            case "verify":
                check = signer.verify
                return lambda: [check(signature, header, parent, metadata, body) for _ in many]
        return None


class Theirs:
    """The session of jupyter_client."""

    name = "jupyter_client"

    def prepare(self, operation: str, case: Case, count: int) -> Work | None:
        """Return the work; see `Ours.prepare`."""
        session, content, many = _their_session(), _plain(case), range(count)
        match operation:
            case "make" | "make (one go)":
                make, encode = session.msg, session.serialize
                return lambda: [encode(make(case.msg_type, content)) for _ in many]
            case "read":
                made = [session.serialize(session.msg(case.msg_type, content)) for _ in many]
                messages = [[*frames, *case.buffers] for frames in made]
                reader = _their_session()
                split, decode = reader.feed_identities, reader.deserialize
                return lambda: [decode(split(frames)[1]) for frames in messages]
            case _:
                return self._part(operation, session.msg(case.msg_type, content), many)

    @staticmethod
    def _part(operation: str, message: dict[str, object], many: range) -> Work | None:
        session = _their_session()
        _, signature, *parts = session.serialize(message)
        match operation:
            case "encode":
                return lambda: [session.pack(message["content"]) for _ in many]
            case "decode":
                return lambda: [[session.unpack(part) for part in parts] for _ in many]
            case "sign":
                return lambda: [session.sign(parts) for _ in many]
            case "verify":
                same = hmac.compare_digest
                return lambda: [same(signature, session.sign(parts)) for _ in many]
        return None


def versions() -> dict[str, str]:
    """Return the versions of both sides and of the codecs they use."""
    names = ("assay-kernel", "jupyter_client", "msgspec", "orjson", "attrs")
    return {name: _version(name) for name in names}


def check(case: Case) -> None:
    """Let each side read what the other made; both must see the same content.

    Raises:
        AssertionError: They do not.
    """
    content = ours.structure_content(case.msg_type, _plain(case))
    made_by_us = _bytes(_our_session().pack(content, buffers=case.buffers))
    read_by_them = _their_session().deserialize(_their_session().feed_identities(made_by_us)[1])
    assert read_by_them["content"] == case.content, case.name
    session = _their_session()
    made_by_them = session.serialize(session.msg(case.msg_type, _plain(case)))
    read_by_us = _our_session().decode([*made_by_them, *case.buffers]).message
    assert read_by_us.content == content, case.name


def _plain(case: Case) -> dict[str, ours.Json]:
    """Return the content as a decoder gives it, so that no side can change the case's own."""
    return ours.decode_object(ENCODER.encode(case.content), "content")


def _bytes(frames: Sequence[ours.Buffer]) -> list[bytes]:
    return [bytes(frame) if not isinstance(frame, bytes) else frame for frame in frames]


def _our_session() -> ours.Session:
    numbers = itertools.count()
    return ours.Session(
        KEY,
        session=ours.SessionId("5" * 32),
        now=lambda: datetime.now(UTC),
        new_id=lambda: ours.MsgId(f"{'5' * 32}_{next(numbers)}"),
        username="benchmark",
    )


def _their_session() -> theirs.Session:
    return theirs.Session(key=KEY, username="benchmark")


def _version(name: str) -> str:
    try:
        return version(name)
    except ImportError:
        return "not installed"
