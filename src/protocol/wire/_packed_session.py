"""A session whose dicts are not JSON on the wire, and that marks each message with its sender.

Schedulers of parallel clusters let their users choose how header, parent header, metadata and
content become bytes. Everything above the session goes on in JSON: dicts that come are written as
JSON once, dicts that leave are read from it once. A cluster that stays with JSON pays nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from assay.protocol._errors import FramingError
from assay.protocol.wire._arguments import check_around
from assay.protocol.wire._framing import DELIMITER, Buffer, split
from assay.protocol.wire._json import EMPTY_OBJECT, Json, decode_json, decode_object, encode_json
from assay.protocol.wire._message import MsgId, SessionId
from assay.protocol.wire._session import Session, _Verified, read_header
from assay.protocol.wire._signing import DEFAULT_SCHEME

__all__ = ["PackedSession", "Packer"]


class Packer(Protocol):
    """How one dict of a message becomes a frame."""

    def pack(self, value: Json, /) -> bytes:
        """Return the frame of *value*."""
        ...

    def unpack(self, data: bytes, /) -> object:
        """Return what is in a frame; its signature has been verified."""
        ...


class PackedSession(Session):
    """A `Session` with the packer of a cluster.

    Args:
        key: As for `Session`, and so are the others that are not named here.
        session: As above.
        now: As above.
        new_id: As above.
        username: As above.
        signature_scheme: As above.
        packer: None for JSON.
        metadata: Stands in the metadata of each message that is sent.
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
        packer: Packer | None = None,
        metadata: Mapping[str, Json] | None = None,
    ) -> None:
        super().__init__(
            key,
            session=session,
            now=now,
            new_id=new_id,
            username=username,
            signature_scheme=signature_scheme,
        )
        self._packer = packer
        self._mark = encode_json(metadata or {})

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
        """As `Session.pack_json`, with the sender's mark in the metadata."""
        if metadata == EMPTY_OBJECT:
            metadata = self._mark
        elif self._mark != EMPTY_OBJECT:
            metadata = b"%b,%b" % (self._mark[:-1], metadata[1:])
        return super().pack_json(
            msg_type,
            content,
            parent=parent,
            metadata=metadata,
            buffers=buffers,
            identities=identities,
        )

    def _verified(self, frames: Sequence[Buffer]) -> _Verified:
        if self._packer is None:
            return super()._verified(frames)
        identities, signature, header, parent_header, metadata, content, buffers = split(frames)
        # Before anything is unpacked: to unpack may mean to run code.
        self.signer.verify(signature, header, parent_header, metadata, content)
        parent = self._as_json(parent_header, "parent_header")
        verified = (
            identities,
            read_header(self._as_json(header, "header")),
            None if parent == EMPTY_OBJECT else read_header(parent, "parent_header"),
            decode_object(self._as_json(metadata, "metadata"), "metadata"),
            decode_object(self._as_json(content, "content"), "content"),
            buffers,
        )
        if self.signer.has_key:
            self._replay.enter(signature)
        return verified

    def _as_json(self, data: bytes, part: str) -> bytes:
        assert self._packer is not None, "called only then"
        try:
            value = self._packer.unpack(data)
        except Exception as error:
            raise FramingError(
                f"{part}: wanted a dict in the packing of the cluster, found another frame",
                requirement="WIRE-06",
            ) from error
        if not isinstance(value, dict):
            raise FramingError(
                f"{part}: wanted a dict, found a {type(value).__name__}", requirement="WIRE-06"
            )
        return encode_json(value, part)

    def _frames(  # noqa: PLR0917 - the order of the frames
        self,
        header: bytes,
        parent_header: bytes,
        metadata: bytes,
        content: bytes,
        identities: Sequence[bytes],
        buffers: Sequence[Buffer],
    ) -> list[Buffer]:
        if self._packer is None:
            return super()._frames(header, parent_header, metadata, content, identities, buffers)
        check_around(identities, buffers)
        pack = self._packer.pack
        dicts = [pack(decode_json(part)) for part in (header, parent_header, metadata, content)]
        signature = self.signer.sign(*dicts)
        return [*identities, DELIMITER, signature, *dicts, *buffers]
