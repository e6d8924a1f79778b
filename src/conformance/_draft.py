"""A message to the kernel under test, of which any part may be wrong."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum

from attrs import evolve, field, frozen

from assay.conformance._arrival import Object
from assay.protocol import DELIMITER, PROTOCOL_VERSION, Signer, encode_json

__all__ = ["ABSENT", "Absent", "Draft"]


class Absent(Enum):
    """The one value that leaves a key out."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT
"""In `Draft.with_header` and `with_content`: leave this key out."""


@frozen(kw_only=True, eq=False)
class Draft:
    """A message before it is sent; right, until a part is replaced."""

    header: Object | bytes
    parent_header: Object | bytes = field(factory=dict)
    metadata: Object | bytes = field(factory=dict)
    content: Object | bytes = field(factory=dict)
    buffers: tuple[bytes, ...] = ()

    identities: tuple[bytes, ...] = ()
    """Frames before the delimiter, behind the identity that ZeroMQ adds."""

    signature: bytes | None = None
    """Instead of the right one."""

    judged: bool = True
    """Whether the conversation that follows is judged by the rules for all traffic. False for a
    message that is wrong, or whose answer the text leaves open."""

    msg_id: str
    msg_type: str

    @classmethod
    def make(cls, msg_type: str, content: Object, *, session: str, username: str) -> Draft:
        """Return a right message with a fresh header."""
        msg_id = str(uuid.uuid4())
        header = {
            "msg_id": msg_id,
            "msg_type": msg_type,
            "session": session,
            "username": username,
            "date": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "version": PROTOCOL_VERSION,
        }
        return cls(header=header, content=content, msg_id=msg_id, msg_type=msg_type)

    def with_header(self, **changes: object) -> Draft:
        """Return a copy with other values in the header; `ABSENT` leaves a key out."""
        return evolve(self, header=_changed(self.header, changes))

    def with_content(self, **changes: object) -> Draft:
        """Return a copy with other values in the content; `ABSENT` leaves a key out."""
        return evolve(self, content=_changed(self.content, changes))

    def with_parts(
        self,
        *,
        header: Object | bytes | None = None,
        parent_header: Object | bytes | None = None,
        metadata: Object | bytes | None = None,
        content: Object | bytes | None = None,
        buffers: tuple[bytes, ...] | None = None,
        identities: tuple[bytes, ...] | None = None,
        signature: bytes | None = None,
    ) -> Draft:
        """Return a copy with other parts: objects, or bytes that stand in the frame as they are."""
        return evolve(
            self,
            header=self.header if header is None else header,
            parent_header=self.parent_header if parent_header is None else parent_header,
            metadata=self.metadata if metadata is None else metadata,
            content=self.content if content is None else content,
            buffers=self.buffers if buffers is None else buffers,
            identities=self.identities if identities is None else identities,
            signature=self.signature if signature is None else signature,
        )

    def unjudged(self) -> Draft:
        """Return a copy whose conversation is not judged by the rules for all traffic."""
        return evolve(self, judged=False)

    def frames(self, signer: Signer) -> tuple[bytes, ...]:
        """Return the frames, signed unless another signature is given."""
        dicts = [
            _frame(part) for part in (self.header, self.parent_header, self.metadata, self.content)
        ]
        signature = signer.sign(*dicts) if self.signature is None else self.signature
        return (*self.identities, DELIMITER, signature, *dicts, *self.buffers)


def _frame(part: Object | bytes) -> bytes:
    return part if isinstance(part, bytes) else encode_json(part)


def _changed(part: Object | bytes, changes: Mapping[str, object]) -> Object:
    assert not isinstance(part, bytes)
    both = {**part, **changes}
    return {key: value for key, value in both.items() if value is not ABSENT}
