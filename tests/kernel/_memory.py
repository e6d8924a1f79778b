"""Parts of a kernel without a process: a log that sends nothing, and what it was given to send."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from queue import SimpleQueue

from attrs import define, field

from assay.protocol import (
    Buffer,
    Channel,
    Content,
    Envelope,
    Message,
    MsgId,
    Session,
    SessionId,
)
from assay.transport import When
from tests.limits import HANG_LIMIT_S

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def make_session(name: str) -> Session:
    """Return a session whose clock stands still."""
    numbers = count(1)
    return Session(
        b"secret",
        session=SessionId(name),
        now=lambda: NOON,
        new_id=lambda: MsgId(f"{name}-{next(numbers)}"),
    )


def received(content: Content, *, client: str = "client", msg_type: str = "") -> Envelope:
    """Return *content* as a kernel receives it from a client of that name.

    *msg_type* is for a content that has no type of its own.
    """
    sender = make_session(client)
    message = sender.message(content, msg_type=msg_type)
    frames: list[Buffer] = [client.encode(), *sender.encode(message)]
    return make_session("kernel").open([bytes(frame) for frame in frames])


def topic(msg_type: str) -> bytes:
    """Return the topic of an IOPub message."""
    return msg_type.encode()


@define
class MemoryLog:
    """The outbound log, and the I/O thread that takes from it, step by step."""

    waiting: SimpleQueue[Callable[[], None]] = field(factory=SimpleQueue)
    """What the I/O thread is to call."""
    sent: list[tuple[Channel, Message[Content]]] = field(factory=list)
    """What was posted, in order, as a client decodes it."""

    def post(self, channel: Channel, frames: list[Buffer], when: When = When.NOW) -> None:
        """Decode and note a message."""
        del when
        envelope = make_session("reader").open([bytes(frame) for frame in frames])
        self.sent.append((channel, envelope.message()))

    def call(self, function: Callable[[], None]) -> None:
        """Let *function* wait for `step`."""
        self.waiting.put(function)

    def step(self) -> None:
        """Call what has waited longest, as the I/O thread does; wait for it if need be."""
        self.waiting.get(timeout=HANG_LIMIT_S)()
