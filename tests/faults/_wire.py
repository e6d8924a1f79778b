"""Frames, signatures and headers, written a second time: nothing here is shared with the product.

Plain dictionaries and dataclasses, so that a fault can spoil any part of a message and a kernel
starts in a tenth of a second.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

DELIMITER = b"<IDS|MSG>"

SHELL, CONTROL, STDIN, IOPUB = "shell", "control", "stdin", "iopub"

Fields = dict[str, object]
"""One of the four dictionaries of a message."""


class RejectedError(Exception):
    """A message that is dropped: it cannot be parsed, or its signature is wrong."""


@dataclass(kw_only=True, slots=True)
class Incoming:
    """A message of a client: its routing prefix, its four dictionaries, its buffers."""

    channel: str
    prefix: list[bytes]
    signature: bytes
    signed: list[bytes]
    """The four serialised dictionaries, as they arrived."""

    header: Fields
    parent: Fields
    metadata: Fields
    content: Fields
    buffers: list[bytes]
    on_control: bool = False
    aborted: bool = False

    @property
    def type(self) -> str:
        """The `msg_type`, empty if it is no text."""
        value = self.header.get("msg_type")
        return value if isinstance(value, str) else ""


@dataclass(kw_only=True, slots=True)
class Outgoing:
    """A message of the kernel, which a fault may change in any way before it is serialised."""

    channel: str
    prefix: list[bytes]
    header: Fields
    parent: Fields
    content: Fields
    metadata: Fields = field(default_factory=dict)
    buffers: list[bytes] = field(default_factory=list)
    cause: Incoming | None = None
    """The request that led to it."""

    @property
    def type(self) -> str:
        """The `msg_type`."""
        return str(self.header.get("msg_type"))

    def copy(self) -> Outgoing:
        """Return a message that can be changed without changing this one."""
        return Outgoing(
            channel=self.channel,
            prefix=list(self.prefix),
            header=dict(self.header),
            parent=dict(self.parent),
            content=dict(self.content),
            metadata=dict(self.metadata),
            buffers=list(self.buffers),
            cause=self.cause,
        )


def dumps(value: Mapping[str, object]) -> bytes:
    """Return *value* as JSON in UTF-8; what JSON cannot hold becomes null or a question mark."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:
        text = json.dumps(finite(value), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def finite(value: object) -> object:
    """Return *value* with null for every number that is none or endless."""
    match value:
        case float() if not math.isfinite(value):
            return None
        case dict():
            return {key: finite(item) for key, item in value.items()}
        case list() | tuple():
            return [finite(item) for item in value]
        case _:
            return value


def loads(frame: bytes) -> Fields:
    """Return the object that *frame* holds.

    Raises:
        RejectedError: it holds anything else.
    """
    try:
        value = json.loads(frame.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise RejectedError(f"no JSON: {error}") from error
    if not isinstance(value, dict):
        raise RejectedError("no object")
    return value


def _no_constant(word: str) -> object:
    raise RejectedError(f"{word} is no JSON")


def split(frames: Sequence[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Return what stands before the first delimiter, and what stands behind it."""
    if DELIMITER not in frames:
        raise RejectedError("no delimiter")
    at = list(frames).index(DELIMITER)
    rest = list(frames[at + 1 :])
    if len(rest) < 5:
        raise RejectedError("frames are missing")
    return list(frames[:at]), rest


def parse(channel: str, prefix: list[bytes], rest: list[bytes]) -> Incoming:
    """Return the message of the frames behind the delimiter."""
    header, parent, metadata, content = map(loads, rest[1:5])
    for key in ("msg_id", "msg_type"):
        if not isinstance(header.get(key), str):
            raise RejectedError(f"the header has no {key}")
    return Incoming(
        channel=channel,
        prefix=prefix,
        signature=rest[0],
        signed=rest[1:5],
        header=header,
        parent=parent,
        metadata=metadata,
        content=content,
        buffers=rest[5:],
        on_control=channel == CONTROL,
    )


class Signer:
    """The key and the hash of a connection file."""

    def __init__(self, key: bytes, scheme: str) -> None:
        kind, _, name = scheme.partition("-")
        if kind != "hmac" or name not in hashlib.algorithms_available:
            raise ValueError(f"unknown signature scheme {scheme!r}")
        self.key = key
        self.hash = name

    def sign(self, parts: Sequence[bytes]) -> bytes:
        """Return the signature of *parts*; empty without a key."""
        if not self.key:
            return b""
        made = hmac.new(self.key, digestmod=self.hash)
        for part in parts:
            made.update(part)
        return made.hexdigest().encode("ascii")


def now() -> str:
    """Return the time in ISO 8601 and UTC, with microseconds."""
    seconds = time.time()
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1e6):06d}Z"


def new_id() -> str:
    """Return an id that no other message has."""
    return os.urandom(16).hex()
