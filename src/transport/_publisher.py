"""Send to all subscribers, and know when one of them is not reading.

ZeroMQ keeps a queue for each subscriber and, left alone, drops silently what does not fit: that is
how kernels lose output, even the idle status. Here a full queue refuses the message:

| state   | a queue is full                                    | all have room                   |
|---------|----------------------------------------------------|---------------------------------|
| steady  | keep the message → **waiting**                     | send                            |
| waiting | nothing read for `PATIENCE_S` → leave out who is   | send what was kept → **steady** |
|         | full, send to the others → **steady**              |                                 |

So a slow subscriber gets everything, at its own pace; one that stopped reading costs the others
`PATIENCE_S` once, and is told what it missed if it ever reads again.

Two things that ZeroMQ does and does not document make this work. A subscriber to whom a message
could not be given is left out, and fills no queue, until it has emptied half of its own. And it
tells us of progress only at each half of a queue, which a slow line may take minutes for: so some
messages are *marked*, which is to ask when everybody has taken them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import zmq

from assay.protocol import Buffer
from assay.transport._frames import NOBLOCK, Mark, send_frames, size_of
from assay.transport._sockets import Socket

__all__ = ["Publisher"]

PATIENCE_S = 3.0
"""How long everybody waits for a subscriber whose queue is full and that takes nothing: long enough
for a client that is busy with something else, shorter than the 4 seconds after which the best-known
client gives up waiting for idle."""

LAST_PATIENCE_S = 0.5
"""The same when the kernel is about to end."""

RETRY_S = 0.005
"""How often a full queue is tried; ZeroMQ cannot tell when it has room again."""

LOOK_BACK_S = 0.5
"""How often one who was left out is looked after."""

MARK_EVERY = 50
"""Messages from one mark to the next, small against `IOPUB_QUEUE_MESSAGES`; a mark takes 20 µs."""

MAX_KEPT_BYTES = 32 * 1024 * 1024
"""What may be kept before writers have to wait."""

MESSAGE_BYTES = 1024
"""What a small message takes in memory besides its frames."""


class _LeftOut(NamedTuple):
    """Somebody who stopped reading."""

    mark: Mark | None
    """The last one that it was sent: taken means that it reads again."""

    after: int
    """How many messages had been sent."""


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
        self._held = False
        self._kept: deque[list[Buffer]] = deque()
        self._kept_bytes = 0
        self._sent = 0
        self._marks: deque[Mark] = deque()
        self._until_mark = MARK_EVERY
        self._patience_s = PATIENCE_S
        self._waiting_since: float | None = None
        self._left_out: deque[_LeftOut] = deque()

    @property
    def timeout_s(self) -> float | None:
        """When `pump` is to be called again; None if there is nothing to do."""
        if self._kept:
            return RETRY_S
        return LOOK_BACK_S if self._left_out else None

    @property
    def is_waiting(self) -> bool:
        """True if something is kept for a subscriber whose queue is full."""
        return bool(self._kept)

    def publish(self, frames: list[Buffer]) -> None:
        """Send *frames* now, or keep them for `pump`."""
        if not self._kept and self._try(frames):
            return
        self._kept.append(frames)
        self._kept_bytes += _weight(frames)
        if self._kept_bytes > MAX_KEPT_BYTES and not self._held:
            self._held = True
            self._hold(True)

    def pump(self) -> None:
        """Send what was kept, as far as it goes."""
        while self._kept and self._try(self._kept[0]):
            self._kept_bytes -= _weight(self._kept.popleft())
        if self._held and self._kept_bytes <= MAX_KEPT_BYTES // 2:
            self._held = False
            self._hold(False)
        if self._left_out:
            self._look_back()

    def hurry(self) -> None:
        """Wait less long for a subscriber that takes nothing: the end is near."""
        self._patience_s = LAST_PATIENCE_S

    def give_up(self) -> None:
        """Send what was kept to those who have room: there is no more time."""
        while self._kept:
            self._send_to_those_with_room(self._kept.popleft())
        self._kept_bytes = 0

    def _try(self, frames: list[Buffer]) -> bool:
        try:
            self._send(frames)
        except zmq.Again:
            now = self._now()
            if self._taken() or self._waiting_since is None:
                self._waiting_since = now
            if now - self._waiting_since < self._patience_s:
                return False
            self._send_to_those_with_room(frames)
        self._waiting_since = None
        return True

    def _send(self, frames: list[Buffer]) -> None:
        mark = send_frames(self._socket, frames, NOBLOCK, mark=self._until_mark <= 0)
        self._sent += 1
        self._until_mark -= 1
        if mark is not None:
            self._until_mark = MARK_EVERY
            self._taken()
            self._marks.append(mark)

    def _taken(self) -> bool:
        """Forget the marks that everybody has taken; return True if there were any."""
        before = len(self._marks)
        while self._marks and self._marks[0].done:
            self._marks.popleft()
        return len(self._marks) < before

    def _send_to_those_with_room(self, frames: list[Buffer]) -> None:
        last = self._marks[-1] if self._marks else None
        self._left_out.append(_LeftOut(last, self._sent))
        self._marks.clear()
        self._socket.setsockopt(zmq.XPUB_NODROP, 0)
        try:
            self._send(frames)
        finally:
            self._socket.setsockopt(zmq.XPUB_NODROP, 1)

    def _look_back(self) -> None:
        """Tell those who read again what they missed."""
        missed = 0
        while self._left_out and ((mark := self._left_out[0].mark) is None or mark.done):
            missed = max(missed, self._sent - self._left_out.popleft().after)
        if missed:
            self.publish(self._notice(missed))


def _weight(frames: list[Buffer]) -> int:
    return size_of(frames) + MESSAGE_BYTES
