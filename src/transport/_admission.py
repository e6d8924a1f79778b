"""What becomes of clients that connect when the process has no descriptors left.

Seen: ZeroMQ's thread tries to accept such a connection again and again, and takes a processor for
that until the client gives up. It reports this by the monitor of each listening socket.
Here: a spare descriptor is given up each time, so that the connection is accepted. Once the kernel
needs the spare ones that are left itself, the connection is cut, which frees its descriptor again.
ZeroMQ's clients come back a tenth of a second later, and get in when descriptors are free.

Monitors are hardly ever ready, and for a socket that is polled ZeroMQ makes four calls of the
system in each turn of the loop. So what is polled is the monitor's descriptor. It is readable once
for whatever has come since the monitor was found empty: each time, all is read.
"""

from __future__ import annotations

import errno
import socket  # noqa: F401 - for `cut`: when it is called, nothing can be imported
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Protocol

import zmq

from assay._clock import monotonic
from assay._platform import make_descriptor_limit
from assay.transport._connections import cut
from assay.transport._frames import NOBLOCK
from assay.transport._logger import get_logger
from assay.transport._sockets import Socket
from assay.transport._spare import RESERVED, SpareDescriptors, are_free

__all__ = ["Admission"]

logger = get_logger("assay.transport")

descriptor_limit = make_descriptor_limit()

RETRY_S = 0.05
"""When a monitor is looked at again if no descriptor could be given up: until then ZeroMQ waits
with what it holds."""

SAY_AGAIN_S = 60.0
"""From one warning to the next: a shortage may last hours, and clients retry ten times a second."""

EVENTS_A_TURN = 4_000
"""More than a monitor keeps: ZeroMQ may write faster than they are read."""

EVENT, VALUE = slice(0, 2), slice(2, 6)
"""The parts of a monitor's first frame."""

EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE})


class Watcher(Protocol):
    """What is used of a `Reactor`."""

    def watch(self, source: int, ready: Callable[[], None]) -> None:
        """Call *ready* whenever *source*, a descriptor, is readable."""
        ...

    def unwatch(self, source: int) -> None:
        """Forget *source*."""
        ...

    def call_later(self, delay_s: float, function: Callable[[], None]) -> None:
        """Call *function* once."""
        ...


class Admission:
    """Accept clients while there are descriptors; for one thread.

    Args:
        reactor: Calls back when a monitor has events.
        spare: What is given up.
        accepted: Called with the descriptor of each connection that is let in.
    """

    def __init__(
        self,
        reactor: Watcher,
        spare: SpareDescriptors,
        accepted: Callable[[int], None] | None = None,
    ) -> None:
        self._reactor = reactor
        self._let_in = accepted
        self._spare = spare
        self._said_at = -SAY_AGAIN_S

    def follow(self, monitor: Socket) -> None:
        """Look after the socket that *monitor* belongs to (`Socket.get_monitor_socket`)."""
        descriptor = int(monitor.getsockopt(zmq.FD))
        self._reactor.watch(descriptor, partial(self._read, monitor, descriptor))
        self._read(monitor, descriptor)  # what has come by now does not make it readable

    def _read(self, monitor: Socket, descriptor: int) -> None:
        # All that has come, before anything is done about a failure: behind a thousand failures
        # there may be the connection to cut.
        events = list(islice(_events(monitor), EVENTS_A_TURN))
        for event, value in events:
            if event == zmq.EVENT_ACCEPTED:
                self._accepted(value)
        failed = any(e == zmq.EVENT_ACCEPT_FAILED and v in EXHAUSTED for e, v in events)
        if failed and not self._make_room():
            self._reactor.unwatch(descriptor)
            self._reactor.call_later(RETRY_S, partial(self.follow, monitor))
        elif len(events) == EVENTS_A_TURN:
            self._reactor.call_later(0, partial(self._read, monitor, descriptor))

    def _accepted(self, descriptor: int) -> None:
        enough = self._spare.refill() or self._spare.are_lent  # what is lent comes back
        if not enough and len(self._spare) <= RESERVED:
            cut(descriptor)
        elif self._let_in is not None:
            self._let_in(descriptor)

    def _make_room(self) -> bool:
        """Return True once a descriptor is free; ZeroMQ may have tried many times meanwhile."""
        if are_free(1):
            return True
        now = monotonic()
        if now - self._said_at >= SAY_AGAIN_S:
            self._said_at = now
            logger.warning(
                "the process has used up its %s file descriptors: until it closes some, one more "
                "client can connect; the limit is that of ulimit -n",
                descriptor_limit(),
            )
        return len(self._spare) > RESERVED and self._spare.give_up()


def _events(monitor: Socket) -> Iterator[tuple[int, int]]:
    """Give what has happened to a socket, and the descriptor or error that goes with it."""
    while True:
        try:
            frame, _ = monitor.recv_multipart(NOBLOCK)
        except zmq.Again:
            return
        yield (
            int.from_bytes(frame[EVENT], sys.byteorder),
            int.from_bytes(frame[VALUE], sys.byteorder),
        )
