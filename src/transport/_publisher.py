"""Send to all subscribers, and know when one of them is not reading.

Theory of operation
-------------------

ZeroMQ keeps a queue for each subscriber and, left alone, drops silently what does not fit: that is
how kernels lose output, even the idle status. Here its queues are short (`IOPUB_QUEUE_MESSAGES`),
a full one refuses the message, and what was refused is kept here, where it is counted in bytes:

| state   | a queue is full                                    | all have room                   |
|---------|----------------------------------------------------|---------------------------------|
| steady  | keep the message → **waiting**                     | send                            |
| waiting | nothing taken for `PATIENCE_S` → leave out those   | send what was kept → **steady** |
|         | that are full, send to the others → **steady**     |                                 |

So a slow subscriber gets everything, at its own pace; one that stopped reading costs the others
`PATIENCE_S` once, and gets a notice of what it missed if it ever reads again. Where all have
something to take there are no others, and the wait is `PATIENCE_ALONE` times as long.

*Slow or stopped.* A subscriber that takes one byte is alive. Two things show it: a *marked*
message, for which pyzmq reports that all have taken it, and the figures that the operating system
keeps for each connection (`Connections`). While the publisher waits it sends nothing, so a
subscriber that reads has soon taken all that it was sent, and only one that takes nothing keeps it
waiting.

*Left out.* A subscriber to whom a message could not be given fills no queue, and gets nothing,
until it has emptied half of its own; ZeroMQ does not report that moment. So we note for each
connection that was behind how many bytes it had still to take, and publish the notice when it has
taken them. Each connection counts alone: another that is still stopped does not matter. It may have
been given the first messages again by then, so the figure is a bound: "up to". Where connections
cannot be seen, the last mark does.

*Left out again.* A notice is a message like others: it waits behind what is kept, and one that
fills its queue again meanwhile does not get it. So what a subscriber missed is forgotten only when
all have room for its notice. If it is left out before, it is noted anew, and its next notice counts
from where it was left out first.

*Bounds.* ZeroMQ holds `IOPUB_QUEUE_MESSAGES` for a subscriber that stopped. Of large messages it is
not given that many: `MAX_FLYING_BYTES`, or one that is larger. To leave a subscriber out, the
length of the queues is halved for the moment; not further, since ZeroMQ learns only at each half
that a message was taken, and one that reads everything would look full. So one that holds few large
messages is given *fillers* first, small messages that mean nothing new to any client, after which
its queue is half full; those who read take theirs. To end the connection instead ended the process:
ZeroMQ crashed.

*Text.* What is kept of a text is what it is made of; its messages are made one at a time, as there
is room. All this runs in the I/O thread.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

import zmq

from assay.protocol import Buffer
from assay.transport._connections import Connections, Progress
from assay.transport._frames import COPIED_BYTES, NOBLOCK, send_frames, settled
from assay.transport._logger import get_logger
from assay.transport._sharing import Mark
from assay.transport._sockets import IOPUB_QUEUE_MESSAGES, Socket

__all__ = ["Publisher"]

logger = get_logger("assay.transport")

PATIENCE_S = 3.0
"""How long all wait for a subscriber whose queue is full and that takes nothing: long enough
for a client that is busy with something else, shorter than the 4 seconds after which the best-known
client gives up waiting for idle."""

PATIENCE_ALONE = 4
"""So many times as long where all subscribers have something to take: none of them waits for
another, and one that is left out loses what the others do not gain."""

LAST_PATIENCE_S = 0.5
"""The same when the kernel is about to end."""

RETRY_S = 0.005
"""How often a full queue is tried; ZeroMQ does not report when it has room again."""

LOOK_BACK_S = 0.5
"""How often one that was left out is looked after while nothing is sent."""

PROGRESS_S = 0.05
"""How often it is looked whether a slow subscriber has taken anything."""

MARK_EVERY = 8
"""Messages from one mark to the next; a mark takes 20 µs, and a thread of pyzmq's to note that all
have taken it."""

SEEN_MARK_EVERY = 64
"""The same where the system shows what subscribers take."""

MAX_KEPT_BYTES = 6 * 1024 * 1024
"""What may be kept before writers have to wait. `OutboundLog.MAX_BYTES` can come on top of it."""

MAX_FLYING_BYTES = 8 * 1024 * 1024
"""What ZeroMQ is given of large messages that not all have taken, if they are more than one."""

FILLED_S = 0.5
"""How long those who read have to begin with their fillers. While one of them has some to take, all
wait for it as for others, and each byte that one takes begins the wait anew."""

FILLERS = IOPUB_QUEUE_MESSAGES // 2
"""How many small messages make a queue full enough to be left out. A large message that has not
left is in ZeroMQ's hands, perhaps not in the queue any more, so it does not count. One that reads
everything looks as if it had up to half a queue, and has room for these as well."""

MESSAGE_BYTES = 1024
"""What a small message takes in memory besides its frames."""

FRAMING_BYTES = 80
"""What ZeroMQ adds to a message on the wire, at most."""

BATCH_BYTES = 8 * 1024
"""What ZeroMQ puts together of small messages before it gives them to the system; these are in no
queue any more."""


class _StalledSubscriber(NamedTuple):
    """A subscriber that stopped reading and was left out."""

    after: int
    """How many messages had been sent when it missed the first that it has no notice of."""

    mark: Mark | None
    """The last one that it was sent, if no descriptor is known: taken means that it reads again."""

    descriptor: int | None = None
    """Its connection."""

    target: int = 0
    """The bytes that it has taken once it has taken all that it was sent; 0 if not known."""

    given: int = 0
    """The bytes that the system had been given for it when it was noted."""

    notice: _Kept | None = None
    """What counts what it missed, once it reads again."""

    @property
    def is_told(self) -> bool:
        """True if the notice has been sent to this subscriber as well."""
        return self.notice is not None and self.notice.first() is None

    def again(self, progress: Progress, queued: int) -> _StalledSubscriber:
        """Return what to note now: a new value if messages may have been left out since."""
        given = progress.taken + progress.pending
        if self.notice is None and given == self.given:
            return self  # it has not been given anything since
        target = max(self.target, given) + queued if self.target else 0
        return self._replace(target=target, given=given, notice=None)


class _Kept:
    """Messages for which there was no room; one at a time is made."""

    __slots__ = ("next", "others", "weight")

    def __init__(
        self,
        first: tuple[list[Buffer], int] | None,
        others: Iterator[list[Buffer]] | None = None,
        weight: int = 0,
    ) -> None:
        self.next = first
        """The one that is to be sent first, if it is made, and the bytes in its frames."""
        self.others = others
        self.weight = weight + (first[1] + MESSAGE_BYTES if first is not None else 0)
        """What all take in memory."""

    def first(self) -> tuple[list[Buffer], int] | None:
        """Return the message that is to be sent first; None if there are no more."""
        if self.next is None and self.others is not None:
            frames = next(self.others, None)
            self.next = settled(frames) if frames is not None else None
        return self.next


class Publisher:
    """The sender of one XPUB socket that has ``XPUB_NODROP`` set.

    Args:
        socket: Used by this object alone.
        now: A monotonic clock, in seconds.
        notice: Returns the message that counts how many messages a subscriber missed.
        hold: Called with True when too much is kept, with False when it is not any more.
        connections: The connections of the subscribers.
        patience_s: How long all wait for a subscriber that takes nothing.
        sent: Is called with each message that has been sent, in this order.
        filler: Returns a small message with a topic, which means nothing new to those who get it.
            Without it a subscriber that stopped is given large messages until its queue is full.
    """

    def __init__(
        self,
        socket: Socket,
        *,
        now: Callable[[], float],
        notice: Callable[[int], list[Buffer]],
        hold: Callable[[bool], None],
        connections: Connections | None = None,
        patience_s: float = PATIENCE_S,
        sent: Callable[[list[Buffer]], None] | None = None,
        filler: Callable[[Buffer], list[Buffer]] | None = None,
    ) -> None:
        self._socket = socket
        self._show_sent = sent
        self._filler = filler
        self._now = now
        self._notice = notice
        self._hold = hold
        self._connections = connections or Connections()
        self._held = False
        self._kept: deque[_Kept] = deque()
        self._kept_bytes = 0
        self._sent = 0
        self._marks: deque[Mark] = deque()
        """Of messages that not all have taken."""
        self._flying: deque[tuple[Mark, int]] = deque()
        self._flying_bytes = 0
        self._queued: deque[int] = deque(maxlen=IOPUB_QUEUE_MESSAGES + 1)
        # A queue holds more than that: one that is full has a mark. Not the first message, which is
        # on a kernel's way to its first answer (`prepare_marks`).
        self._until_mark = MARK_EVERY
        self._patience_s = patience_s
        self._waiting_since: float | None = None
        self._has_filled = False
        """True if fillers were sent since the wait began."""
        self._suspects: dict[int, Progress] = {}
        """The connections that were behind when they were sent, and have taken nothing since."""
        self._patience_alone = PATIENCE_ALONE
        self._none_waits = False
        """True if all had something to take when it was looked last."""
        self._others_fill = False
        """True if one that is no suspect had."""
        self._looked_at = -math.inf
        self._stalled: list[_StalledSubscriber] = []
        self._drained: dict[int, float] = {}

    @property
    def timeout_s(self) -> float | None:
        """When `pump` is to be called again; None if there is nothing to do."""
        if self._kept:
            return RETRY_S
        return LOOK_BACK_S if self._stalled else None

    @property
    def is_waiting(self) -> bool:
        """True if something is kept for a subscriber whose queue is full."""
        return bool(self._kept)

    @property
    def kept_bytes(self) -> int:
        """What is kept here."""
        return self._kept_bytes

    def publish(self, frames: list[Buffer], size: int | None = None) -> None:
        """Send *frames*, in which there are *size* bytes, now, or keep them for `pump`."""
        if size is None:
            frames, size = settled(frames)
        if not self._kept and self._try(frames, size):
            return
        # Another one like it is on its way already, and one more in the log.
        self._keep(_Kept((frames, size)), size)

    def publish_each(self, messages: Iterator[list[Buffer]], weigh: Callable[[], int]) -> None:
        """Send *messages*, each of which is made when there is room for it.

        Those that a slow subscriber makes wait are kept as what they are made of: encoded, they
        would fill fresh memory each time, which takes as long as to sign them.

        Args:
            messages: Of one text, however long.
            weigh: Returns what those that are not made yet take in memory.
        """
        first: tuple[list[Buffer], int] | None = None
        if not self._kept:
            for frames in messages:
                first = settled(frames)
                if not self._try(*first):
                    break
            else:
                return
        self._keep(_Kept(first, messages, weigh()), 0)

    def pump(self) -> None:
        """Send what was kept, as far as it goes."""
        if self._stalled:
            self._notify_recovered()
        while (message := self._first_kept()) is not None and self._try(*message):
            self._note_sent(message[1])
        if self._held and self._kept_bytes <= MAX_KEPT_BYTES // 2:
            self._held = False
            self._hold(False)
        if self._stalled:
            self._forget_told()

    def shorten_patience(self) -> None:
        """Wait less long for a subscriber that takes nothing: the end is near."""
        self._patience_s = LAST_PATIENCE_S
        self._patience_alone = 1

    def give_up(self) -> None:
        """Send what was kept to those who have room: there is no more time."""
        while (message := self._first_kept()) is not None:
            self._send_to_those_with_room(*message)
            if self._show_sent is not None:
                self._show_sent(message[0])
            self._note_sent(message[1])

    def _keep(self, kept: _Kept, more: int) -> None:
        """Keep messages; hold writers if there is no room for them and *more* bytes."""
        self._kept.append(kept)
        self._kept_bytes += kept.weight
        if self._kept_bytes + more > MAX_KEPT_BYTES and not self._held:
            self._held = True
            self._hold(True)

    def _first_kept(self) -> tuple[list[Buffer], int] | None:
        """Return the first of the messages that are kept and its bytes; None if none is left."""
        while self._kept:
            if (message := self._kept[0].first()) is not None:
                return message
            self._kept_bytes -= self._kept.popleft().weight
        return None

    def _note_sent(self, size: int) -> None:
        """Know that the first message that is kept, of *size* bytes, has been sent."""
        first = self._kept[0]
        first.next = None
        less = min(first.weight, size)
        first.weight -= less
        self._kept_bytes -= less

    def _try(self, frames: list[Buffer], size: int) -> bool:
        """Send a message, or return False: it is to be kept."""
        is_flying_too_much = size > COPIED_BYTES and self._is_flying_too_much(size)
        if is_flying_too_much or not self._is_accepted(frames, size):
            if not self._has_waited_enough():
                return False
            if is_flying_too_much and self._filler is not None and not self._has_filled:
                self._fill(frames[0], self._filler)
                return False
            self._send_to_those_with_room(frames, size)
        self._waiting_since = None
        self._has_filled = False
        self._suspects.clear()
        if self._show_sent is not None:
            self._show_sent(frames)
        return True

    def _is_accepted(self, frames: list[Buffer], size: int) -> bool:
        try:
            self._send(frames, size)
        except zmq.Again:
            return False
        return True

    def _fill(self, topic: Buffer, filler: Callable[[Buffer], list[Buffer]]) -> None:
        """Fill the queue of one that takes nothing, so that it can be left out.

        All who are to get the message that waits get these.
        """
        self._has_filled = True
        self._waiting_since = self._now()
        self._suspects = self._connections.behind()
        self._others_fill = True  # until it is looked
        for _ in range(FILLERS):
            frames, size = settled(filler(topic))
            if not self._is_accepted(frames, size):
                return  # its queue is full
            if self._show_sent is not None:
                self._show_sent(frames)

    def _has_waited_enough(self) -> bool:
        now = self._now()
        if self._has_progressed(now) or self._waiting_since is None:
            self._waiting_since = now
            self._suspects.clear()
        return now - self._waiting_since >= self._patience_now()

    def _patience_now(self) -> float:
        if not self._suspects:
            return self._patience_s * (self._patience_alone if self._none_waits else 1)
        return self._patience_s if self._others_fill else min(FILLED_S, self._patience_s)

    def _has_progressed(self, now: float) -> bool:
        """Return True if one that may have stopped has taken something."""
        progress = self._taken()
        # Not each time that a wait begins: a program that shows much makes a thousand in a second.
        if now - self._looked_at >= PROGRESS_S:
            self._looked_at = now
            progress |= self._look(now)
        return progress

    def _look(self, now: float) -> bool:
        found = self._connections.progressed()
        behind = self._connections.behind()
        if not self._suspects:
            self._none_waits = 0 < len(behind) == self._connections.count
            return found
        if self._has_suspect_progressed():
            return True
        # Fillers that others take are no progress of those that may have stopped.
        self._others_fill = not behind.keys() <= self._suspects.keys()
        if found:
            self._waiting_since = now
        return False

    def _has_suspect_progressed(self) -> bool:
        for descriptor, before in self._suspects.items():
            now = self._connections.progress(descriptor)
            if now is None or now.taken != before.taken or now.pending < before.pending:
                return True
        return False

    def _is_flying_too_much(self, size: int) -> bool:
        flying = self._flying
        while flying and flying[0][0].done:
            self._flying_bytes -= flying.popleft()[1]
        return bool(flying) and self._flying_bytes + size > MAX_FLYING_BYTES

    def _send(self, frames: list[Buffer], size: int) -> None:
        mark = send_frames(self._socket, frames, NOBLOCK, mark=self._until_mark <= 0, size=size)
        self._sent += 1
        self._queued.append(size + FRAMING_BYTES)
        self._until_mark -= 1
        if mark is not None:
            self._until_mark = SEEN_MARK_EVERY if self._connections.are_seen else MARK_EVERY
            self._taken()
            self._marks.append(mark)
            if size > COPIED_BYTES:
                self._flying.append((mark, size))
                self._flying_bytes += size

    def _taken(self) -> bool:
        """Forget the marks that all have taken; return True if there were any."""
        before = len(self._marks)
        while self._marks and self._marks[0].done:
            self._marks.popleft()
        return len(self._marks) < before

    def _send_to_those_with_room(self, frames: list[Buffer], size: int) -> None:
        self._note_stalled()
        self._marks.clear()
        # What they hold is theirs from now on, and bounded by their queues.
        self._flying.clear()
        self._flying_bytes = 0
        self._socket.setsockopt(zmq.XPUB_NODROP, 0)
        self._socket.setsockopt(zmq.SNDHWM, IOPUB_QUEUE_MESSAGES // 2)
        try:
            self._send(frames, size)
        finally:
            self._socket.setsockopt(zmq.SNDHWM, IOPUB_QUEUE_MESSAGES)
            self._socket.setsockopt(zmq.XPUB_NODROP, 1)

    def _note_stalled(self) -> None:
        """Note who may miss the next message, also of those that had missed some before."""
        behind = self._connections.behind()
        queued = sum(self._queued) + BATCH_BYTES
        self._forget_told()
        is_noted = self._note_again(behind, queued)
        for descriptor, (taken, pending) in behind.items():
            given = taken + pending
            target = given + queued if taken else 0
            self._stalled.append(_StalledSubscriber(self._sent, None, descriptor, target, given))
        if not (behind or is_noted):
            self._note_unseen()

    def _note_again(self, behind: dict[int, Progress], queued: int) -> bool:
        """Take known ones out of *behind*; return True if one may have missed messages again."""
        is_noted = False
        for index, one in enumerate(self._stalled):
            progress = behind.pop(one.descriptor or 0, None)
            if progress is not None and (again := one.again(progress, queued)) is not one:
                self._stalled[index] = again
                self._drained.pop(one.descriptor or 0, None)
                is_noted = True
        return is_noted

    def _note_unseen(self) -> None:
        """Note a subscriber without a known connection; it may have been noted so before."""
        last = self._marks[-1] if self._marks else None
        after = (one.after for one in self._stalled if one.descriptor is None)
        self._stalled.append(_StalledSubscriber(min(after, default=self._sent), last))

    def _notify_recovered(self) -> None:
        """Keep a notice for the subscribers that read again: how many messages they missed."""
        waiting = self._stalled
        self._stalled = []
        recovered: list[_StalledSubscriber] = []
        for one in waiting:
            if one.descriptor is None:
                is_back = one.mark is None or one.mark.done
            elif (progress := self._connections.progress(one.descriptor)) is None:
                continue  # it is gone
            else:
                is_back = one.notice is None and self._has_caught_up(one, progress)
            (recovered if is_back and one.notice is None else self._stalled).append(one)
        for after in sorted({one.after for one in recovered}, reverse=True):
            frames, size = settled(self._notice(self._sent - after))
            notice = _Kept((frames, size))
            self._keep(notice, size)
            same = (one for one in recovered if one.after == after)
            self._stalled += [one._replace(notice=notice) for one in same]

    def _forget_told(self) -> None:
        """Forget the subscribers whose notice has been sent, to them too."""
        self._stalled = [one for one in self._stalled if not one.is_told]

    def _has_caught_up(self, one: _StalledSubscriber, progress: Progress) -> bool:
        descriptor = one.descriptor or 0
        if one.target and progress.taken >= one.target:
            return self._drained.pop(descriptor, 0.0) >= 0
        if progress.pending:
            self._drained.pop(descriptor, None)
            return False
        # Twice, since ZeroMQ may be about to give the system more.
        now = self._now()
        if now - self._drained.setdefault(descriptor, now) < RETRY_S:
            return False
        del self._drained[descriptor]
        return True
