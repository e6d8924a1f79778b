"""What the operating system knows of the connections that ZeroMQ made.

ZeroMQ does not say which subscriber is behind, nor cut one off. But with each subscription comes
the descriptor of the connection that it came by, and of a descriptor the system says how much the
peer has taken. Descriptors are only asked here, never read or closed: they are ZeroMQ's. One that
was closed and opened again meanwhile gives a figure of another connection, which costs a wait or a
notice too many and nothing else.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from assay._isolation import os
from assay._platform._connections import PROGRESS_IS_SEEN, progress_of

if TYPE_CHECKING:
    import _socket

__all__ = ["Connections", "Progress", "borrowed", "cut", "inode_of"]

MAX_CONNECTION_BYTES = 64 * 1024
MAX_TOTAL_BYTES = 512 * 1024
"""Bytes of topics that one connection, and all together, may subscribe to. Clients have one
subscription, or some of 60 bytes; and ZeroMQ takes about 50 bytes of memory for each of these."""

SHUT_RDWR: Final = 2
"""Of `socket`, which is not imported before it is needed."""

SUBSCRIPTION_BYTES = 16
"""What a subscription counts besides its topic."""


class Progress(NamedTuple):
    """How far the peer of a connection is, as the system sees it."""

    taken: int
    """Bytes since it began; 0 where that cannot be seen (ipc; systems other than Linux)."""

    pending: int
    """Bytes that wait in the system."""


class Connections:
    """The connections of one XPUB socket, by descriptor; for one thread."""

    def __init__(self) -> None:
        self._topics: dict[int, int] = {}
        self._last: dict[int, Progress] = {}
        self._inodes: dict[int, int | None] = {}
        """What tells a connection from one that got its descriptor later."""

    @property
    def count(self) -> int:
        """How many there were when they were looked at last."""
        return len(self._topics)

    @property
    def are_seen(self) -> bool:
        """True if there are some, and the system says how far their peers are."""
        return PROGRESS_IS_SEEN and any(True for _ in self._look())

    def subscribed(self, descriptor: int, topic: bytes) -> bool:
        """Note a subscription; return False, and cut the connection, if it is one too many.

        One of a connection that has ended (-1) is not noted: there is nothing to ask.
        """
        if descriptor < 0:
            return True
        weight = self._topics.get(descriptor, 0) + len(topic) + SUBSCRIPTION_BYTES
        self._topics[descriptor] = weight
        inode = self._inodes[descriptor] = inode_of(descriptor)
        if weight <= MAX_CONNECTION_BYTES and self._total() <= MAX_TOTAL_BYTES:
            return True
        del self._topics[descriptor]
        if inode is not None:
            cut(descriptor)
        return False

    def unsubscribed(self, descriptor: int, topic: bytes) -> None:
        """Note that a subscription has ended; -1 for one of a connection that has ended."""
        if descriptor not in self._topics:
            return
        weight = self._topics.get(descriptor, 0) - len(topic) - SUBSCRIPTION_BYTES
        self._topics[descriptor] = max(0, weight)

    def progressed(self) -> bool:
        """Return True if a peer has taken something since the last call that was there to take.

        Of one that had nothing to take then, only where the system counts what it takes, and only
        if there is something now: ZeroMQ's answers to heartbeats are taken as well.
        """
        found = False
        for descriptor, progress in self._look():
            before = self._last.get(descriptor, progress)
            waits = before.pending > 0 or progress.pending > 0
            found = found or (waits and progress.taken != before.taken)
            found = found or (before.pending > 0 and progress.pending != before.pending)
            self._last[descriptor] = progress
        return found

    def behind(self) -> dict[int, Progress]:
        """Return the connections whose peers have something to take."""
        return {descriptor: found for descriptor, found in self._look() if found.pending}

    def progress(self, descriptor: int) -> Progress | None:
        """Return how far a peer is; None if it is gone, or cannot be seen here."""
        return _progress(descriptor)

    def _look(self) -> Iterator[tuple[int, Progress]]:
        for descriptor in [*self._topics]:
            progress = self.progress(descriptor)
            if progress is None or inode_of(descriptor) != self._inodes.get(descriptor):
                self._topics.pop(descriptor)
                self._last.pop(descriptor, None)
            else:
                yield descriptor, progress

    def _total(self) -> int:
        total = sum(self._topics.values())
        if total > MAX_TOTAL_BYTES:  # some of these may be gone
            for _ in self._look():
                pass
            total = sum(self._topics.values())
        return total


def _progress(descriptor: int) -> Progress | None:
    try:
        with borrowed(descriptor) as connection:
            return Progress(*progress_of(connection))
    except OSError:
        return None


def cut(descriptor: int) -> None:
    """End the connection that has *descriptor*; ZeroMQ finds it ended, and closes it.

    Takes no descriptor: there may be none left.
    """
    with suppress(OSError), borrowed(descriptor) as connection:  # else it is gone, or its peer
        connection.shutdown(SHUT_RDWR)


@contextmanager
def borrowed(descriptor: int) -> Iterator[_socket.socket]:
    """Give the connection that has *descriptor*, to ask; it stays ZeroMQ's.

    None of the program's code is called, and whether the connection blocks stays as it is.

    Raises:
        OSError: there is none.
    """
    # Not of `socket`: a program may replace the class there, and its default timeout would have the
    # connection block no more.
    import _socket  # noqa: PLC0415 - only once there are connections

    if descriptor < 0:  # ZeroMQ's for a connection that has ended; a ValueError otherwise
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    kind = _socket.SOCK_STREAM | int(getattr(_socket, "SOCK_NONBLOCK", 0))
    connection = _socket.socket(type=kind, fileno=descriptor)
    try:
        yield connection
    finally:
        connection.detach()


def inode_of(descriptor: int) -> int | None:
    """Return what tells an open file from a later one of its number; None if it is gone."""
    try:
        return os.fstat(descriptor).st_ino
    except OSError:
        return None  # it is gone, or there is none
