"""The I/O thread: one owner for every socket of a kernel.

No other thread touches a socket. Other threads append to the outbound log; requests are verified
and read here and handed to a `Receiver`, which decides whose work they are. Two parties that use
one socket's edge-triggered descriptor lose wake-ups; that fault cannot be written here (decision
0004). The loop itself is the `Reactor`; here stands what a kernel sends and receives by it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from threading import get_ident  # by name: gevent replaces the module's
from typing import TYPE_CHECKING, Protocol

import zmq

from assay._clock import monotonic, sleep
from assay._platform import block_signals
from assay.protocol import (
    EMPTY_OBJECT,
    Buffer,
    Channel,
    ConnectionFile,
    Envelope,
    IopubWelcome,
    RemoteError,
    Session,
    StreamName,
    encode_json,
)
from assay.transport._connections import Connections
from assay.transport._frames import descriptor_of, has_come, receive_frames
from assay.transport._log import IOPUB, OutboundLog, Outgoing
from assay.transport._logger import get_logger
from assay.transport._publisher import PATIENCE_S, RETRY_S, Publisher
from assay.transport._reactor import Reactor
from assay.transport._replies import Replies
from assay.transport._sharing import prepare_marks
from assay.transport._sockets import LINGER_MS, KernelSockets, Socket, monitor
from assay.transport._spare import SpareDescriptors, are_free
from assay.transport._text import Run, Text
from assay.transport._topics import Topics

if TYPE_CHECKING:
    from assay.transport._admission import Admission
    from assay.transport._recorder import Recorder
    from assay.transport._strangers import Strangers, StrangersThread

__all__ = ["IoThread", "Receiver"]

logger = get_logger("assay.transport")

FIRST_WINDOW_S = 0.001
LAST_WINDOW_S = 0.05
"""Text is sent with whatever gathers in a window after it. The window doubles while a program keeps
printing: the first line is on the screen at once, and 100,000 lines make few messages. Replies and
displays do not wait for it, and take the text before them along."""

LINE_S = 0.006
CROWDED_LINE_S = 0.1
"""How long text that ends in the middle of a line waits for the rest of it: the second if others
have written behind it, since its thread then has to wait for them to get the interpreter. Not if a
reply waits behind it: a line is not worth that, and a lane that has replied waits for its next
request.
"""

PRINT_S = 1.0
"""How long it waits while its thread is within one call of `print`, which ends it: from its newest
text on, since a thread may wait so long for a processor, and what the call writes may also go to a
file that takes nothing. A reply waits no longer for all lines before it."""

LONG_LINE = 256 * 1024
"""Characters of a line that a reply does not wait for, once so many of it have been taken: nobody
reads it as one, and 30,000 numbers have fewer."""

LONGEST_PRINT_S = 10.0
"""The longest time that others wait for one line."""

DEFERRAL_S = 0.002
"""How often it is looked whether the line has ended."""

SOON_S = 0.001
"""How long a busy status may wait for the reply, or a display for another, to leave together."""

MESSAGES_A_TURN = 100
"""Messages read from one socket before the others have their turn."""

TURNS_TO_DRAIN = 100
"""A client that sends faster than we read must not make `IoThread.drain` go on for ever."""

CLOSING_S = 2.0
"""How long the end waits for subscribers whose queues are full; with `LINGER_MS` shorter than the
five seconds that clients give a kernel."""

REQUESTS = (Channel.CONTROL, Channel.SHELL, Channel.STDIN)
"""What is received from, first to last."""

SUBSCRIBE = 1
"""The first byte of a subscription, as XPUB reports it; 0 is an unsubscription."""


class Receiver(Protocol):
    """Takes the requests; called in the I/O thread, so it must not wait."""

    def receive(self, channel: Channel, envelope: Envelope) -> None:
        """Take a trusted message that came by *channel*."""
        ...


ADMISSION_DESCRIPTORS = 24
"""What monitors of sockets and the collector of marked frames take, and some more: ZeroMQ ends the
process where it finds none."""

ADMIT_AGAIN_S = 10.0
"""When it is tried again to follow clients if descriptors were scarce."""


class IoThread:
    """Own the sockets of a kernel and run the loop that serves them.

    Args:
        sockets: Bound; used by this object's thread alone from `start` on.
        session: Verifies what comes in and signs what is published here.
        receiver: Takes the requests.
        topics: Name what is published here.
        recorder: Sees each message.
        patience_s: How long all wait for a peer that takes nothing, and then do without it.
        welcomes: Answer each subscription.
    """

    def __init__(
        self,
        sockets: KernelSockets,
        session: Session,
        receiver: Receiver,
        topics: Topics,
        recorder: Recorder | None = None,
        *,
        patience_s: float = PATIENCE_S,
        welcomes: bool = True,
    ) -> None:
        self._welcomes = welcomes
        self._recorder = recorder
        self._sockets = sockets
        self._session = session
        self._receiver = receiver
        self._topics = topics
        self._connections = Connections()
        reactor = self._reactor = Reactor()
        self.unwatch = reactor.unwatch
        """Forgets a descriptor; only in the I/O thread once it runs."""
        self.call_later = reactor.call_later
        """Calls a function in the I/O thread; only from there (`Reactor.call_later`)."""
        self.log = OutboundLog(reactor.wake)
        reactor.woken = self.log.wakeup_received
        self._publisher = Publisher(
            sockets.iopub,
            now=monotonic,
            notice=self._missed_notice,
            hold=partial(self._hold_for, sockets.iopub),
            connections=self._connections,
            patience_s=patience_s,
            sent=None if recorder is None else partial(recorder.sent, IOPUB),
            filler=self._welcome_to if welcomes else None,
        )
        self.spare = SpareDescriptors()
        self._admission: Admission | None = None
        self._strangers: Strangers | None = None
        self._strangers_thread: StrangersThread | None = None
        self._replies = Replies(
            sockets,
            now=monotonic,
            hold=partial(self._hold_for, sockets.shell),
            on_dropped=self._warn_of_dropped,
            patience_s=patience_s,
        )
        self._holding: set[Socket] = set()
        """What writers wait for: that IOPub or that clients take what was sent."""
        self._room_in_queues = int(sockets.iopub.getsockopt(zmq.FD))
        self._text_sources: dict[int, Callable[[], None]] = {}
        self._reads_text = True
        self._window_s = FIRST_WINDOW_S
        self._text_due: float | None = None
        self._soon_due: float | None = None
        self._open_line: Run | None = None
        self._line = (0, 0)
        self._open_since = self._line_since = self._without_reply = 0.0
        self._thread = threading.Thread(target=self._run, name="assay-io", daemon=True)
        self._readers = {c: self._reader(c) for c in REQUESTS} | {Channel.IOPUB: self._welcome}
        self._watch_sockets()

    def start(self) -> None:
        """Begin to receive and send."""
        self._thread.start()

    @property
    def ident(self) -> int | None:
        """The thread's identifier, once it runs."""
        return self._thread.ident

    def stop(self) -> None:
        """Send what the log holds, close the sockets and end the thread; from another thread."""
        if self._thread.ident is None:
            self._close(linger_ms=0)
            return
        self.log.call(self._reactor.stop)
        self._thread.join()

    def watch_text(self, descriptor: int, ready: Callable[[], None]) -> None:
        """Do as `watch` does, but only while there is room for the text that comes.

        What comes by such a descriptor is put into the log by this thread, which cannot wait; so
        the program at the other end does, as on any full pipe.
        """
        self._text_sources[descriptor] = ready
        if self._reads_text:
            self.watch(descriptor, ready)

    def watch(self, descriptor: int | Socket, ready: Callable[[], None]) -> None:
        """Call *ready* in the I/O thread whenever *descriptor*, or a socket, is readable.

        Once the thread runs, only it may call this (see `OutboundLog.call`).
        """
        self._reactor.watch(descriptor, ready)

    def admit_clients(self, heartbeat: Socket | None, connection: ConnectionFile) -> None:
        """Let clients in where descriptors are scarce (`Admission`), and bound `Strangers`.

        Only in the I/O thread. Where descriptors are so scarce already that those of its own could
        not be had, it is tried again later.

        Args:
            heartbeat: The monitor of its socket, which another context has.
            connection: The ports of all.
        """
        from assay.transport._admission import Admission  # noqa: PLC0415 - not before the first reply
        from assay.transport._strangers import follow_strangers  # noqa: PLC0415 - the same

        if not are_free(ADMISSION_DESCRIPTORS):
            self.call_later(ADMIT_AGAIN_S, partial(self.admit_clients, heartbeat, connection))
            return
        prepare_marks()
        with self.spare.lent():
            endpoint = self._sockets.shell.getsockopt_string(zmq.LAST_ENDPOINT)
            followed = self._strangers_thread = follow_strangers(
                connection, endpoint, lambda channel: self.log.call(self._readers[channel])
            )
            strangers = self._strangers = followed.strangers if followed is not None else None
            accepted = partial(self._accept, strangers) if strangers is not None else None
            self._admission = Admission(self._reactor, self.spare, accepted)
            monitors = [
                monitor(self._sockets.of(channel)) for channel in (*REQUESTS, Channel.IOPUB)
            ]
            if strangers is not None:
                strangers.accept_all()
        for one in (*monitors, heartbeat):
            if one is not None:
                self._admission.follow(one)
        # Behind the monitors: a connection is known before its second message.
        self._watch_sockets()

    def _accept(self, strangers: Strangers, descriptor: int) -> None:
        strangers.accept(descriptor)
        for channel in REQUESTS:
            as_of = strangers.changes
            if not has_come(self._sockets.of(channel)):
                strangers.have_read_all(channel, as_of)

    def _watch_sockets(self) -> None:
        for channel in (*REQUESTS, Channel.IOPUB):
            self._reactor.unwatch(self._sockets.of(channel))
            self._reactor.watch(self._sockets.of(channel), self._readers[channel])

    def schedule_flush(self) -> None:
        """Look at the log within `SOON_S` without being woken; only in the I/O thread.

        A thread that appends several messages one after the other need not wake us for each.
        """
        self.log.expected = True
        if self._soon_due is None:
            self._soon_due = monotonic() + SOON_S

    def drain(self, channel: Channel) -> None:
        """Receive everything that has come by *channel*; only in the I/O thread."""
        socket = self._sockets.of(channel)
        read = self._readers[channel]
        for _ in range(TURNS_TO_DRAIN):
            if not has_come(socket):
                return
            read()

    def end(self) -> None:
        """Send what the log holds and close the sockets, in the I/O thread; the process ends."""
        self._send_the_rest()
        self._sockets.close()

    # The rest runs in the I/O thread.

    def _run(self) -> None:
        # A signal is for the main thread: a call of the system that it waits in returns early only
        # if the signal is delivered there.
        block_signals()
        self.log.owner = get_ident()
        try:
            self._reactor.run(self._each_turn)
            self._send_the_rest()
        finally:
            self._close()

    def _close(self, linger_ms: int = LINGER_MS) -> None:
        self.log.close()
        self.spare.close()
        if self._strangers_thread is not None:
            self._strangers_thread.close()
        self._sockets.close(linger_ms)
        self._reactor.close()

    def _each_turn(self) -> float | None:
        """Send what it is time for; return the seconds until it is time for more, at most."""
        self._flush()
        self._publisher.pump()
        if self._replies.timeout_s is not None:
            self._replies.pump()
        self._wait_for_queues(self._publisher.is_waiting)
        self._read_text(self.log.has_room)
        due = _earlier(self._text_due, self._soon_due)
        wait_s = max(0.0, due - monotonic()) if due is not None else None
        return _earlier(wait_s, _earlier(self._publisher.timeout_s, self._replies.timeout_s))

    def _wait_for_queues(self, waiting: bool) -> None:
        """Let ZeroMQ wake us while a queue is full, when a subscriber has taken something."""
        if waiting == self._reactor.is_watched(self._room_in_queues):
            return
        if waiting:
            self.watch(self._room_in_queues, self._note_taken)
        else:
            self.unwatch(self._room_in_queues)

    def _note_taken(self) -> None:
        self._sockets.iopub.getsockopt(zmq.EVENTS)  # this alone makes ZeroMQ take note

    def _read_text(self, reads: bool) -> None:
        if reads == self._reads_text:
            return
        self._reads_text = reads
        for descriptor, ready in [*self._text_sources.items()]:
            if reads:
                self.watch(descriptor, ready)
            elif self._reactor.is_watched(descriptor):
                self.unwatch(descriptor)
            else:  # nothing was left at its other end
                del self._text_sources[descriptor]

    def _flush(self) -> None:
        """Send what the log holds if it is time, and decide when it will be."""
        now = monotonic()
        text_is_due = self._text_due is not None and now >= self._text_due
        is_soon = self._soon_due is not None and now >= self._soon_due
        if self.log.urgent or text_is_due or is_soon:
            self._soon_due = None
            # Before taking: what comes later and finds no look expected wakes us.
            self.log.expected = False
            if self.log.shows_more:
                self.schedule_flush()
            line = self._overdue(now)
            is_printed = line is not None and self._is_printed(line, now)
            if is_printed and not self._may_part(now):
                line = None
            but_for, in_part = (None, line) if is_printed else (line, None)
            found_text = self._send_entries(patient=True, but_for=but_for, in_part=in_part)
            if (line := self.log.open_line()) is not None:
                self._defer(line, now)
                return
            self._open_line = None
            if text_is_due:
                self._text_due = None
                self._window_s = min(LAST_WINDOW_S, self._window_s * 2)
            if found_text:
                self._wait_for_text(now)
            elif self._text_due is None:
                self._window_s = FIRST_WINDOW_S
                if self.log.unmute_text_wakeups():
                    self._wait_for_text(now)
        elif len(self.log):
            self._wait_for_text(now)

    def _overdue(self, now: float) -> Run | None:
        """Return the line that we stopped at if it has had its time."""
        line = self._open_line
        is_short = line is self.log.newest or self.log.has_reply
        patience_s = LINE_S if is_short else CROWDED_LINE_S
        if line is None or now < self._open_since + patience_s or line.line != self._line:
            return None
        return line

    def _is_printed(self, line: Run, now: float) -> bool:
        """Return True if the end of *line* is to be waited for, since it is printed just now."""
        has_time = now < min(
            self._open_since + PRINT_S,
            self._without_reply + (PRINT_S if line.begun <= LONG_LINE else 0),
            self._line_since + LONGEST_PRINT_S,
        )
        try:
            return has_time and self.log.goes_on(line.thread)
        except Exception:  # it looks at the program's own frames; what is written has to leave
            logger.exception("whether a line is printed just now could not be found")
            return False

    def _may_part(self, now: float) -> bool:
        """Return True if what there is of a line that is being printed may leave before the rest.

        A thread of few texts is not long about it, where the processors are busy with others.
        """
        return self.log.has_reply or now >= self._open_since + CROWDED_LINE_S

    def _defer(self, line: Run, now: float) -> None:
        """Look again in a moment: `print` writes the end of a line separately."""
        if self._open_line is None or not self.log.has_reply:
            self._without_reply = now
        if line is not self._open_line or line.line != self._line:
            if line is not self._open_line or line.line[1]:  # not the same, taken in part
                self._line_since = now
            self._open_line, self._line, self._open_since = line, line.line, now
        self._text_due = now + DEFERRAL_S
        self.log.mute_text_wakeups()

    def _wait_for_text(self, now: float) -> None:
        if self._text_due is None:
            self._text_due = now + self._window_s
            self.log.mute_text_wakeups()

    def _send_entries(
        self, *, patient: bool = False, but_for: Run | None = None, in_part: Run | None = None
    ) -> bool:
        if has_come(self._sockets.iopub):
            self._welcome()  # before what comes now (AMB-19)
        found_text = False
        for entry in self.log.take(patient=patient, but_for=but_for, in_part=in_part):
            try:
                if isinstance(entry, Text):
                    found_text = True
                    self._publisher.publish_each(self._messages(entry), entry.weigh)
                elif isinstance(entry, Outgoing):
                    self._send(entry)
                else:
                    entry()
            except Exception:  # the loop must outlive whatever is wrong with one entry
                logger.exception("an entry of the outbound log failed")
        return found_text

    def _send(self, entry: Outgoing) -> None:
        channel, frames, size = entry
        if channel is IOPUB:
            self._publisher.publish(frames, size)
            return
        if self._recorder is not None:
            self._recorder.sent(channel, frames)
        self._replies.send(channel, frames, size)

    def _messages(self, text: Text) -> Iterator[list[Buffer]]:
        """Make the messages of *text*, each when there is room for it."""
        name, parent, _ = text
        try:
            for part in text.messages():
                yield self._stream(name, parent, part)
        except Exception:  # as in `_send_entries`; `Publisher.pump` calls this as well
            logger.exception("a text of the outbound log failed")

    def _stream(self, name: StreamName, parent: bytes, text: str) -> list[Buffer]:
        return self._session.pack_json(
            "stream",
            encode_json({"name": name, "text": text}),
            parent=parent,
            identities=(self._topics.of_stream(name),),
        )

    def _hold_for(self, socket: Socket, held: bool) -> None:
        if held:
            self._holding.add(socket)
        else:
            self._holding.discard(socket)
        self.log.hold(bool(self._holding))

    def _warn_of_dropped(self, count: int) -> None:
        text = f"[assay] a client had stopped reading its replies; it missed {count} of them\n"
        self._publisher.publish(self._stream(StreamName.STDERR, EMPTY_OBJECT, text))

    def _missed_notice(self, missed: int) -> list[Buffer]:
        text = f"[assay] a client had stopped reading; it missed up to {missed} messages\n"
        return self._stream(StreamName.STDERR, EMPTY_OBJECT, text)

    def _reader(self, channel: Channel) -> Callable[[], None]:
        socket = self._sockets.of(channel)

        def read() -> None:
            for _ in range(MESSAGES_A_TURN):
                strangers = self._strangers
                as_of = strangers.changes if strangers is not None else 0
                origin: list[int] | None = (
                    [] if strangers is not None and channel in strangers.keyed else None
                )
                try:
                    frames = receive_frames(socket, origin)
                except zmq.Again:
                    break
                self._receive(channel, frames, origin)
                as_of = strangers.changes if strangers is not None else 0
                if not has_come(socket):
                    break
            else:
                return
            if strangers is not None and channel in strangers.keyed:
                strangers.have_read_all(channel, as_of)

        return read

    def _receive(self, channel: Channel, frames: list[Buffer], origin: list[int] | None) -> None:
        if self._recorder is not None:
            self._recorder.received(channel, frames)
        try:
            envelope = self._session.open(frames)
        except RemoteError as error:
            # Dropped without a trace on the wire (WIRE-23, SIGN-10).
            logger.warning("%s: dropped a message: %s", channel, error)
            return
        if envelope.header.session == self._session.session:
            # Who listens on IOPub needs no key, and has messages of ours that are signed with it.
            logger.warning("%s: dropped a message: it is the kernel's own, sent back", channel)
            return
        if origin and self._strangers is not None:
            self._strangers.trust(channel, origin[0])
        self._receiver.receive(channel, envelope)

    def _welcome(self) -> None:
        """Answer each new subscription (IOPUB-02 to IOPUB-06)."""
        socket = self._sockets.iopub
        for _ in range(MESSAGES_A_TURN):
            as_of = self._strangers.changes if self._strangers is not None else 0
            try:
                frame = socket.recv(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                if self._strangers is not None:
                    self._strangers.have_read_all(Channel.IOPUB, as_of)
                return
            data, whole = frame.bytes, True
            while socket.getsockopt(zmq.RCVMORE):
                socket.recv()
                whole = False
            if data and whole:
                self._subscribed(data[0] == SUBSCRIBE, data[1:], descriptor_of(frame))

    def _subscribed(self, begins: bool, topic: bytes, descriptor: int) -> None:
        if not begins:
            self._connections.unsubscribed(descriptor, topic)
            return
        if not self._connections.subscribed(descriptor, topic):
            logger.warning("iopub: cut a connection off that subscribed to too much")
            return
        if not self._welcomes:
            return
        try:
            welcome = self._welcome_to(topic)
        except UnicodeDecodeError:
            return
        self._publisher.publish(welcome)

    def _welcome_to(self, topic: Buffer) -> list[Buffer]:
        """Make what a subscription to *topic* is answered by, which all subscribers to it get."""
        subscription = str(topic, "utf-8")
        return self._session.pack(
            IopubWelcome(subscription=subscription), identities=(bytes(topic),)
        )

    def _is_waiting(self) -> bool:
        return self._publisher.is_waiting or self._replies.is_waiting

    def _send_the_rest(self) -> None:
        self._send_entries()
        self._publisher.shorten_patience()
        end = monotonic() + CLOSING_S
        while self._is_waiting() and monotonic() < end:
            sleep(RETRY_S)
            self._publisher.pump()
            self._replies.pump()
        self._publisher.give_up()


def _earlier(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return one if other is None else other
    return min(one, other)
