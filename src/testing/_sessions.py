"""Two ends of a conversation in memory, with a clock that stands and ids that count."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import count

from attrs import define, field, frozen

from assay.protocol import (
    DEFAULT_SCHEME,
    Buffer,
    Content,
    Delivery,
    Message,
    MsgId,
    Session,
    SessionId,
    reply_type,
)

__all__ = [
    "NOON",
    "End",
    "Link",
    "as_bytes",
    "counted_ids",
    "linked_sessions",
    "make_session",
    "standing_clock",
]

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""The time at which every conversation of a test takes place."""

KEY = b"a key for tests"


def standing_clock(moment: datetime = NOON) -> Callable[[], datetime]:
    """Return a clock that always shows *moment*."""
    return lambda: moment


def counted_ids(prefix: str = "m") -> Callable[[], MsgId]:
    """Return a source of the ids ``m-1``, ``m-2``, … under *prefix*."""
    numbers = count(1)
    return lambda: MsgId(f"{prefix}-{next(numbers)}")


def make_session(
    key: bytes = KEY,
    *,
    name: str = "s",
    signature_scheme: str = DEFAULT_SCHEME,
    replay_window: int | None = None,
) -> Session:
    """Return a session whose every byte is known beforehand.

    Args:
        key: Signs the messages; empty for none.
        name: The session's id, and the prefix of its message ids.
        signature_scheme: As for `Session`.
        replay_window: As for `Session`.
    """
    return Session(
        key,
        session=SessionId(name),
        now=standing_clock(),
        new_id=counted_ids(name),
        username="tester",
        signature_scheme=signature_scheme,
        replay_window=replay_window,
    )


@define
class End:
    """One end of a link: a session, and the frames that wait to be received."""

    session: Session
    """Signs what is sent and verifies what is received."""

    inbox: deque[list[bytes]] = field(factory=deque)
    """Each entry is one ZeroMQ message; a test may reorder, spoil, repeat or drop them."""

    _peer: End | None = None

    def send(self, message: Message[Content], identities: Sequence[bytes] = ()) -> list[bytes]:
        """Put *message* into the other end's inbox and return its frames."""
        assert self._peer is not None, "an end without a link has no peer to send to"
        frames = as_bytes(self.session.encode(message, identities))
        self._peer.inbox.append(frames)
        return frames

    def say(self, content: Content, *, to: Delivery[Content] | None = None) -> Message[Content]:
        """Send *content* under a fresh header, as the answer *to* a delivery, and return it.

        A content that fits several types, such as an `ErrorReply`, is the reply to the request that
        was delivered (SHELL-03).

        Raises:
            LocalError: *content* fits several types and there is no delivery.
        """
        parent = None if to is None else to.message.header
        msg_type = "" if content.msg_type or parent is None else reply_type(parent.msg_type)
        message = self.session.message(content, parent=parent, msg_type=msg_type)
        self.send(message, () if to is None else to.identities)
        return message

    def receive(self) -> Delivery[Content]:
        """Decode and return the oldest waiting message.

        Raises:
            RemoteError: the message was refused; it is gone from the inbox all the same.
            IndexError: none waits.
        """
        return self.session.decode(self.inbox.popleft())

    def connect(self, peer: End) -> None:
        """Send to *peer* from now on."""
        self._peer = peer


@frozen
class Link:
    """Two ends that receive what the other sends."""

    client: End
    """The end that asks."""

    kernel: End
    """The end that answers."""


def linked_sessions(
    key: bytes = KEY,
    *,
    signature_scheme: str = DEFAULT_SCHEME,
    replay_window: int | None = None,
) -> Link:
    """Return a client's and a kernel's session with the same key, joined in memory."""
    client, kernel = (
        End(
            make_session(
                key, name=name, signature_scheme=signature_scheme, replay_window=replay_window
            )
        )
        for name in ("client", "kernel")
    )
    client.connect(kernel)
    kernel.connect(client)
    return Link(client, kernel)


def as_bytes(frames: Sequence[Buffer]) -> list[bytes]:
    """Return the *frames* as a socket would hand them over."""
    return [bytes(frame) for frame in frames]
