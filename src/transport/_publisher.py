"""Send to all subscribers, and know when one of them is not reading.

ZeroMQ keeps a queue for each subscriber and, left alone, drops silently what does not fit: that is
how kernels lose output, even the idle status. Here a full queue refuses the message:

| state   | a queue is full                          | all have room                       |
|---------|------------------------------------------|-------------------------------------|
| steady  | keep the message → **waiting**           | send                                |
| waiting | after `PATIENCE_S` like that → **lossy** | send what was kept → **steady**     |
| lossy   | send to those who have room, and count   | send, tell the count → **steady**   |

So a slow subscriber gets everything, at its own pace; one that stopped reading costs the others
`PATIENCE_S` once, and is told what it missed if it ever reads again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import zmq
from assay.protocol import Buffer
from assay.transport._frames import send_frames, size_of
from assay.transport._sockets import Socket

__all__ = ["Publisher"]

PATIENCE_S = 1.0
"""How long everybody waits for a subscriber whose queue is full and does not move: a client that is
alive empties some of 2,000 messages in that time."""

RETRY_S = 0.005
"""How often a full queue is tried; ZeroMQ cannot tell when it has room again."""

MAX_KEPT_BYTES = 64 * 1024 * 1024
"""What may be kept before writers have to wait."""


class Publisher:
    """The sender of one XPUB socket that has ``XPUB_NODROP`` set.

    Args:
        socket: Used by this object alone.
        now: A monotonic clock, in seconds.
        notice: Returns the message that says how many messages a subscriber missed.
        hold: Called with True when too much is kept, with False when it is not any more.
    """

    def __init__(
        self,
        socket: Socket,
        *,
        now: Callable[[], float],
        notice: Callable[[int], list[Buffer]],
        hold: Callable[[bool], None],
    ) -> None:
        self._socket = socket
        self._now = now
        self._notice = notice
        self._hold = hold
        self._kept: deque[list[Buffer]] = deque()
        self._kept_bytes = 0
        self._refused_since: float | None = None
        self._missed = 0

    @property
    def timeout_s(self) -> float | None:
        """When `pump` is to be called again; None if there is nothing to do."""
        return RETRY_S if self._kept else None

    def publish(self, frames: list[Buffer]) -> None:
        """Send *frames* now, or keep them for `pump`."""
        if not self._kept and self._try(frames):
            return
        self._kept.append(frames)
        self._kept_bytes += size_of(frames)
        if self._kept_bytes > MAX_KEPT_BYTES:
            self._hold(True)

    def pump(self) -> None:
        """Send what was kept, as far as it goes."""
        while self._kept and self._try(self._kept[0]):
            self._kept_bytes -= size_of(self._kept.popleft())
        if self._kept_bytes <= MAX_KEPT_BYTES // 2:
            self._hold(False)

    def _try(self, frames: list[Buffer]) -> bool:
        if self._offer(frames):
            self._refused_since = None
            if self._missed:
                missed, self._missed = self._missed, 0
                self.publish(self._notice(missed))
            return True
        if self._missed == 0:
            if self._refused_since is None:
                self._refused_since = self._now()
            if self._now() - self._refused_since < PATIENCE_S:
                return False
        self._send_to_those_with_room(frames)
        return True

    def _offer(self, frames: list[Buffer]) -> bool:
        try:
            send_frames(self._socket, frames, zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def _send_to_those_with_room(self, frames: list[Buffer]) -> None:
        self._missed += 1
        self._socket.setsockopt(zmq.XPUB_NODROP, 0)
        try:
            send_frames(self._socket, frames, zmq.NOBLOCK)
        finally:
            self._socket.setsockopt(zmq.XPUB_NODROP, 1)
