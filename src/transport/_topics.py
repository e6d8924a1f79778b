"""The topic frame of an IOPub message (WIRE-12)."""

from __future__ import annotations

from assay._fields import Fields
from assay.protocol import SessionId, StreamName

__all__ = ["EngineTopics", "Topics"]


class Topics(Fields):
    """How one sender names what it publishes."""

    prefix: bytes
    """Before the message type, with its dot."""

    stream_prefix: bytes = b"stream."
    """Before the name of a stream, with its dot."""

    @classmethod
    def of_kernel(cls, session: SessionId) -> Topics:
        """Return ``kernel.SESSION.status`` and so on, and ``stream.stdout``."""
        return cls(prefix=b"kernel.%b." % session.encode())

    def of(self, msg_type: str) -> bytes:
        """Return the topic of a message of *msg_type*."""
        return self.prefix + msg_type.encode()

    def of_stream(self, name: StreamName) -> bytes:
        """Return the topic of a stream message with the text of *name*."""
        return self.stream_prefix + name.encode()


class EngineTopics(Topics):
    """How an engine of a parallel cluster names what it publishes (ENGINE-12)."""

    @classmethod
    def of_engine(cls, number: int) -> EngineTopics:
        """Return ``engine.N.status`` and so on, and ``engine.N.stdout``."""
        prefix = b"engine.%d." % number
        return cls(prefix=prefix, stream_prefix=prefix)

    def of(self, msg_type: str) -> bytes:
        """Return the topic of a message of *msg_type*."""
        if msg_type == "data_message":
            return b"datapub"
        return self.prefix + SHORT_NAMES.get(msg_type, msg_type).encode()


SHORT_NAMES = {"display_data": "displaypub", "shutdown_reply": "shutdown"}
"""Types that listeners know by another name."""
