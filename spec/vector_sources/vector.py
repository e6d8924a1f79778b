"""Build one vector: serialise, sign and put the frames in order, from values written by hand."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = [
    "DELIMITER",
    "KEY",
    "SHA256",
    "Json",
    "JsonObject",
    "Sent",
    "Vector",
    "header",
    "invalid",
    "message",
    "opened",
    "sign",
    "text",
]

Json = object
"""A value that JSON can hold."""

JsonObject = Mapping[str, Json]
Vector = dict[str, Json]

DELIMITER = b"<IDS|MSG>"
KEY = "a0436f6c-1916-498b-8eb9-e81ab9368e84"
SHA256 = "hmac-sha256"
VALID = {"result": "valid"}
PARTS = ("header", "parent_header", "metadata", "content")
CLIENT_ID = "0b1d5a3e-6c1f-4a57-9d7e-2f0c3a4b5c6d"
KERNEL_ID = "7e57ab1e-2b2b-4c4c-8d8d-9f9f0a0a1b1b"


def text(value: Json) -> bytes:
    """Return *value* as compact JSON in UTF-8, keys in the order given."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def sign(key: str, dicts: Sequence[bytes], scheme: str = SHA256) -> bytes:
    """Return the signature of *dicts*, which are hashed in the order given; empty without a key."""
    if not key:
        return b""
    hashed = hmac.new(key.encode("utf-8"), b"".join(dicts), scheme.removeprefix("hmac-"))
    return hashed.hexdigest().encode("ascii")


def header(
    msg_type: str, changes: JsonObject | None = None, *, version: str = "5.5"
) -> dict[str, Json]:
    """Return a header as protocol 5.5 wants it; *changes* replace or add fields."""
    return {
        "msg_id": f"{CLIENT_ID}_{msg_type}",
        "msg_type": msg_type,
        "session": CLIENT_ID if msg_type.endswith("_request") else KERNEL_ID,
        "username": "ada",
        "date": "2026-01-02T03:04:05.678901Z",
        "version": version,
        **(changes or {}),
    }


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One message as its sender put it on the wire."""

    header: Json = field(default_factory=lambda: header("status"))
    parent_header: Json = field(default_factory=dict)
    metadata: Json = field(default_factory=dict)
    content: Json = field(default_factory=lambda: {"execution_state": "idle"})
    buffers: Sequence[bytes] = ()
    identities: Sequence[bytes] = ()
    key: str = KEY
    scheme: str = SHA256
    written: Mapping[str, bytes] = field(default_factory=dict)
    """Frames whose bytes are not the plain serialisation, by the name of their part."""

    signature: bytes | None = None
    """What stands in the signature frame, where it is not the right one."""

    @property
    def dicts(self) -> list[bytes]:
        """The four frames that are signed."""
        return [self.written.get(part, text(getattr(self, part))) for part in PARTS]

    @property
    def frames(self) -> list[bytes]:
        """All frames in order."""
        right = sign(self.key, self.dicts, self.scheme)
        signature = right if self.signature is None else self.signature
        return [*self.identities, DELIMITER, signature, *self.dicts, *self.buffers]

    @property
    def decoded(self) -> dict[str, Json]:
        """What a receiver gets."""
        values: dict[str, Json] = {part: getattr(self, part) for part in PARTS}
        return {**values, "buffers": [bytes(buffer).hex() for buffer in self.buffers]}


def message(
    number: str,
    reason: str,
    *requirements: str,
    sent: Sent | None = None,
    frames: Sequence[bytes] | None = None,
    result: str = "valid",
    stage: str = "",
    breaks: str = "",
    decoded: bool | None = None,
    exact: Sequence[JsonObject] = (),
    kind: str = "message",
    protocol: str = "5.5",
    channel: str = "",
) -> Vector:
    """Return the vector of one message.

    Args:
        number: The id without ``VEC-``; given once and never again.
        reason: One sentence.
        requirements: Ids from the register.
        sent: The message; `Sent()` if left out.
        frames: What arrives, where it is not what `Sent.frames` gives.
        result: ``valid``, ``invalid`` or ``either``.
        stage: Where a receiver notices, for invalid ones.
        breaks: The requirement that an invalid one breaks.
        decoded: Whether to state the decoded value; left out: if the header can be trusted.
        exact: Numbers that `decoded` cannot hold safely, by JSON pointer.
        kind: See docs/spec-format.md.
        protocol: The version that the sender speaks.
        channel: The channel it belongs to, where that matters.
    """
    sent = sent or Sent()
    arrived = sent.frames if frames is None else list(frames)
    if decoded is None:
        decoded = result == "valid" or stage == "content"
    vector: Vector = {"id": f"VEC-{number}", "kind": kind, "protocol": protocol}
    if channel:
        vector["channel"] = channel
    vector["reason"] = reason
    vector["requirements"] = list(dict.fromkeys([*requirements, *([breaks] if breaks else [])]))
    vector["result"] = result
    if result == "invalid":
        vector |= {"stage": stage, "breaks": breaks}
    vector |= {"key": sent.key, "signature_scheme": sent.scheme}
    if decoded:
        vector["identities"] = [identity.hex() for identity in sent.identities]
    vector["frames"] = [frame.hex() for frame in arrived]
    if decoded:
        vector["decoded"] = sent.decoded
    if exact:
        vector["exact"] = list(exact)
    return vector


def invalid(
    number: str,
    reason: str,
    stage: str,
    breaks: str,
    *requirements: str,
    sent: Sent | None = None,
    frames: Sequence[bytes] | None = None,
    protocol: str = "5.5",
    channel: str = "",
) -> Vector:
    """Return the vector of a message that a receiver has to refuse; arguments as for `message`."""
    return message(
        number,
        reason,
        *requirements,
        sent=sent,
        frames=frames,
        result="invalid",
        stage=stage,
        breaks=breaks,
        protocol=protocol,
        channel=channel,
    )


def opened(
    sent: Sent, outcome: Mapping[str, str] = VALID, *, frames: Sequence[bytes] | None = None
) -> Vector:
    """Return one step of a sequence; *outcome* holds ``result``, ``stage`` and ``breaks``."""
    arrived = sent.frames if frames is None else frames
    step: Vector = {**outcome, "frames": [frame.hex() for frame in arrived]}
    if outcome["result"] == "valid":
        step["identities"] = [identity.hex() for identity in sent.identities]
        step["decoded"] = sent.decoded
    return step
