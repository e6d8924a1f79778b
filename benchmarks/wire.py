"""Messages as frames: the least that a client of a kernel needs.

Requests are made before the clock starts, and replies are looked at after it has stopped. In
between, `is_idle` and `answers` find what they wait for by searching bytes.
"""

from __future__ import annotations

import hmac
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

DELIMITER: Final = b"<IDS|MSG>"
DATE: Final = "2020-01-01T00:00:00.000000Z"
PROTOCOL_VERSION: Final = "5.5"

ENCODER: Final = msgspec.json.Encoder()
DECODER: Final = msgspec.json.Decoder()

Json = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request, signed and ready to be sent more than once or not at all."""

    msg_id: bytes
    """The id in its header, as the bytes that an answer's parent frame must contain."""
    msg_type: str
    """Its type; the answer's is this with `_reply` for `_request`."""
    frames: tuple[bytes, ...]
    """Delimiter, signature, header, parent header, metadata, content, buffers."""


@dataclass(frozen=True, kw_only=True)
class Received:
    """One message as it came, taken apart."""

    msg_type: str
    parent_id: str
    """The `msg_id` of the parent header, or empty."""
    content: Json
    buffers: tuple[bytes, ...] = ()


class WireError(Exception):
    """A message is not one of the protocol, or its signature is wrong."""


@dataclass(kw_only=True)
class Writer:
    """Makes requests of one client session, with ids that count up."""

    key: bytes
    """The secret of the connection file; empty means that nothing is signed."""
    session: str
    """The session id; it begins every `msg_id`, so it must be unique among clients."""
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def request(
        self, msg_type: str, content: Json | None = None, buffers: Sequence[bytes] = ()
    ) -> Request:
        """Return a signed request; *content* is an empty object when not given."""
        msg_id = f"{self.session}-{next(self._numbers):08d}"
        header = ENCODER.encode(
            {
                "msg_id": msg_id,
                "msg_type": msg_type,
                "session": self.session,
                "username": "benchmark",
                "date": DATE,
                "version": PROTOCOL_VERSION,
            }
        )
        parts = (header, b"{}", b"{}", ENCODER.encode(content or {}))
        frames = (DELIMITER, signature(self.key, parts), *parts, *buffers)
        return Request(msg_id=msg_id.encode(), msg_type=msg_type, frames=frames)

    def execute(self, code: str) -> Request:
        """Return an execute request as a notebook sends it: stored, not silent."""
        return self.request(
            "execute_request",
            {
                "code": code,
                "silent": False,
                "store_history": True,
                "user_expressions": {},
                "allow_stdin": False,
                "stop_on_error": True,
            },
        )


def signature(key: bytes, parts: Sequence[bytes]) -> bytes:
    """Return the hex HMAC-SHA256 of the four JSON frames, or nothing without a key."""
    if not key:
        return b""
    return hmac.digest(key, b"".join(parts), "sha256").hex().encode()


def is_idle(frames: Sequence[bytes], msg_id: bytes) -> bool:
    """Return whether *frames* are the idle status of the request *msg_id*.

    A status has no buffers, so its content is the last frame and its parent the third last.
    """
    return b'"idle"' in frames[-1] and msg_id in frames[-3] and b"execution_state" in frames[-1]


def answers(frames: Sequence[bytes], msg_id: bytes) -> bool:
    """Return whether the parent of *frames* is the request *msg_id*, wherever it stands."""
    return any(msg_id in frame for frame in frames[-3:-1])


def is_marked(frames: Sequence[bytes], mark: bytes) -> bool:
    """Return whether *mark* is in the header or the content of *frames*; not the parent."""
    start = frames.index(DELIMITER)
    return mark in frames[start + 2] or mark in frames[start + 5]


def read(frames: Sequence[bytes], key: bytes | None = None) -> Received:
    """Take a message apart.

    Args:
        frames: As received: any identities or topic, the delimiter, and the rest.
        key: Where given, the signature is verified with it.

    Raises:
        WireError: Frames are missing, are not JSON, or do not have the signature of *key*.
    """
    try:
        start = list(frames[:8]).index(DELIMITER)
        parts = frames[start + 2 : start + 6]
        header, parent, _, content = (DECODER.decode(part) for part in parts)
        msg_type, parent_id = str(header["msg_type"]), str((parent or {}).get("msg_id", ""))
    except (ValueError, LookupError, TypeError, AttributeError, msgspec.MsgspecError) as error:
        raise WireError(f"not a message: {error}") from error
    if key is not None and frames[start + 1] != signature(key, parts):
        raise WireError(f"wrong signature on {msg_type}")
    buffers = tuple(frames[start + 6 :])
    return Received(msg_type=msg_type, parent_id=parent_id, content=content, buffers=buffers)
