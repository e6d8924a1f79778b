"""A message of the kernel, taken apart without being refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from attrs import frozen

from assay.protocol import DELIMITER, Channel, Parts, read_parts

__all__ = ["Arrival", "Object"]

Object: TypeAlias = Mapping[str, object]
"""A JSON object, as it came."""

SIGNATURE = 1
BUFFERS = 6
"""Places behind the delimiter: signature, four dicts, then the buffers."""


@frozen(kw_only=True, eq=False)
class Arrival:
    """One message that the kernel sent, right or wrong: a part that cannot be read is empty."""

    index: int
    """Its place in the traffic of the kernel under test."""

    channel: Channel
    frames: tuple[bytes, ...]
    parts: Parts

    @classmethod
    def read(cls, index: int, channel: Channel, frames: tuple[bytes, ...]) -> Arrival:
        """Return *frames*, taken apart."""
        return cls(index=index, channel=channel, frames=frames, parts=read_parts(frames))

    @property
    def msg_type(self) -> str:
        """The type in the header, or nothing."""
        return self.parts.msg_type

    @property
    def msg_id(self) -> str:
        """The id in the header, or nothing."""
        return self.parts.msg_id

    @property
    def parent_id(self) -> str:
        """The id in the parent header, or nothing."""
        return self.parts.parent_id

    @property
    def header(self) -> Object:
        """The header."""
        return self.parts.header

    @property
    def parent_header(self) -> Object:
        """The parent header."""
        return self.parts.parent_header

    @property
    def metadata(self) -> Object:
        """The metadata."""
        return self.parts.metadata

    @property
    def content(self) -> Object:
        """The content."""
        return self.parts.content

    @property
    def identities(self) -> tuple[bytes, ...]:
        """What stands before the delimiter; on IOPub the topic."""
        return self.parts.identities or ()

    @property
    def signature(self) -> bytes:
        """The frame behind the delimiter."""
        behind = self._behind
        return behind[0] if behind else b""

    @property
    def dicts(self) -> tuple[bytes, ...]:
        """The four frames behind the signature, as they came."""
        return self._behind[SIGNATURE : BUFFERS - 1]

    @property
    def buffers(self) -> tuple[bytes, ...]:
        """The frames behind the content."""
        return self._behind[BUFFERS - 1 :]

    @property
    def state(self) -> str:
        """The state that a status message tells; nothing for others."""
        state = self.content.get("execution_state") if self.msg_type == "status" else ""
        return state if isinstance(state, str) else ""

    @property
    def status(self) -> object:
        """The status of a reply: ``ok``, ``error``, ``aborted``, or whatever stands there."""
        return self.content.get("status")

    def text(self, key: str) -> str:
        """Return the text under *key* of the content, or nothing."""
        value = self.content.get(key)
        return value if isinstance(value, str) else ""

    @property
    def _behind(self) -> tuple[bytes, ...]:
        if DELIMITER not in self.frames:
            return ()
        return self.frames[self.frames.index(DELIMITER) + 1 :]
