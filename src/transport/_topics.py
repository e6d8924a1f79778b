"""The topic frame of an IOPub message (WIRE-12)."""

from __future__ import annotations

from typing import NamedTuple

from assay.protocol import SessionId, StreamName

__all__ = ["Topics"]


class Topics(NamedTuple):
    """How one sender names what it publishes."""

    prefix: bytes
    """Before the message type, with its dot."""

    stream_prefix: bytes = b"stream."
    """Before the name of a stream, with its dot."""

    @classmethod
    def of_kernel(cls, session: SessionId) -> Topics:
        """Return ``kernel.SESSION.status`` and so on, and ``stream.stdout``."""
        return cls(prefix=b"kernel.%b." % session.encode())

    @classmethod
    def of_engine(cls, number: int) -> Topics:
        """Return ``engine.N.status`` and so on, and ``engine.N.stdout``."""
        prefix = b"engine.%d." % number
        return cls(prefix=prefix, stream_prefix=prefix)

    def of(self, msg_type: str) -> bytes:
        """Return the topic of a message of *msg_type*."""
        return self.prefix + msg_type.encode()

    def of_stream(self, name: StreamName) -> bytes:
        """Return the topic of a stream message with the text of *name*."""
        return self.stream_prefix + name.encode()
