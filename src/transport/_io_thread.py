"""The I/O thread: one owner for every socket.

Nobody else touches a socket. Other threads append to the outbound log; requests are verified and
read here and handed to a `Receiver`, which decides whose work they are. Two parties that use one
socket's edge-triggered descriptor lose wake-ups; that fault cannot be written here (decision 0004).
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable
from threading import get_ident  # by name: gevent replaces the module's
from time import sleep
from typing import Protocol

import zmq

from assay.protocol import (
    Buffer,
    Channel,
    Envelope,
    IopubWelcome,
    RemoteError,
    Session,
    StreamName,
    encode_json,
)
from assay.transport._frames import NOBLOCK, POLLIN, receive_frames, send_frames
from assay.transport._log import OutboundLog, Outgoing, Text
from assay.transport._logger import get_logger
from assay.transport._publisher import RETRY_S, Publisher
from assay.transport._sockets import KernelSockets, Socket
from assay.transport._wakeup import Wakeup

__all__ = ["IoThread", "Receiver"]

logger = get_logger("assay.transport")

FIRST_WINDOW_S = 0.001
LAST_WINDOW_S = 0.05
"""Text is sent with whatever gathers in a window after it. The window doubles while a program keeps
printing: the first line is on the screen at once, and 100,000 lines make few messages. Replies and
displays do not wait for it, and take the text before them along."""

DEFERRAL_S = 0.002
MAX_DEFERRALS = 3
"""How long, and how often, text that ends in the middle of a line waits for the rest of it."""

SOON_S = 0.001
"""How long a busy status may wait for the reply, or a display for another, to leave together."""

MESSAGES_A_TURN = 100
"""Messages read from one socket before the others have their turn."""

TURNS_TO_DRAIN = 100
"""A client that sends faster than we read must not make `IoThread.drain` go on for ever."""

CLOSING_S = 2.0
"""How long the end waits for subscribers whose queues are full; with `LINGER_MS` shorter than the
five seconds that clients give a kernel."""

COMPLAIN_EVERY_S = 1.0
"""Whoever sends us rubbish must not fill the log, or a pipe that nobody reads."""

FAULTS = {signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV}
"""Signals that a thread causes itself; to block them would end the process without a trace."""

SUBSCRIBE = 1
"""The first byte of a subscription, as XPUB reports it; 0 is an unsubscription."""


class Receiver(Protocol):
    """Whoever takes the requests; called in the I/O thread, so it must not wait."""

    def receive(self, channel: Channel, envelope: Envelope) -> None:
        """Take a trusted message that came by *channel*."""
        ...


class IoThread:
    """Own the sockets of a kernel and run the poller loop.

    Args:
        sockets: Bound; used by this object's thread alone from `start` on.
        session: Verifies what comes in and signs what is published here.
        receiver: Takes the requests.
        topic: Returns the topic of an IOPub message type.
    """

    def __init__(
        self,
        sockets: KernelSockets,
        session: Session,
        receiver: Receiver,
        topic: Callable[[str], bytes],
    ) -> None:
        self._sockets = sockets
        self._session = session
        self._receiver = receiver
        self._topic = topic
        self._wakeup = Wakeup()
        self.log = OutboundLog(self._wakeup.set)
        self._publisher = Publisher(
            sockets.iopub, now=time.monotonic, notice=self._missed_notice, hold=self.log.hold
        )
        self._poller = zmq.Poller()
        self._ready: dict[Socket | int, Callable[[], None]] = {}
        self._deadlines: dict[Callable[[], None], float] = {}
        self._window_s = FIRST_WINDOW_S
        self._text_due: float | None = None
        self._soon_due: float | None = None
        self._deferrals = 0
        self._running = True
        self._dropped = 0
        self._complained = -COMPLAIN_EVERY_S
        self._thread = threading.Thread(target=self._run, name="assay-io", daemon=True)
        self.watch(self._wakeup.fileno(), self._hear)
        for channel in (Channel.CONTROL, Channel.SHELL, Channel.STDIN):
            self._watch_socket(sockets.of(channel), self._reader(channel))
        self._watch_socket(sockets.iopub, self._welcome)

    def start(self) -> None:
        """Begin to receive and send."""
        self._thread.start()

    @property
    def ident(self) -> int | None:
        """The thread's identifier, once it runs."""
        return self._thread.ident

    def stop(self) -> None:
        """Send what has been said, close the sockets and end the thread; from another thread."""
        if self._thread.ident is None:
            self.log.close()
            self._sockets.close(linger_ms=0)
            return
        self.log.call(self._stop)
        self._thread.join()

    def watch(self, descriptor: int, ready: Callable[[], None]) -> None:
        """Call *ready* in the I/O thread whenever *descriptor* is readable.

        Once the thread runs, only it may call this (see `OutboundLog.call`).
        """
        self._poller.register(descriptor, POLLIN)
        self._ready[descriptor] = ready

    def unwatch(self, descriptor: int) -> None:
        """Forget *descriptor*; only in the I/O thread once it runs."""
        if self._ready.pop(descriptor, None) is not None:
            self._poller.unregister(descriptor)

    def call_later(self, delay_s: float, function: Callable[[], None]) -> None:
        """Call *function* once in the I/O thread, *delay_s* seconds from now; only from there."""
        self._deadlines[function] = time.monotonic() + delay_s

    def look_soon(self) -> None:
        """Look at the log within `SOON_S`, even if nobody wakes us; only in the I/O thread.

        Whoever appends several messages one after the other need not wake us for each.
        """
        self.log.expected = True
        if self._soon_due is None:
            self._soon_due = time.monotonic() + SOON_S

    def drain(self, channel: Channel) -> None:
        """Receive everything that has come by *channel*; only in the I/O thread."""
        socket = self._sockets.of(channel)
        read = self._ready[socket]
        for _ in range(TURNS_TO_DRAIN):
            if not int(socket.getsockopt(zmq.EVENTS)) & POLLIN:
                return
            read()

    def end(self) -> None:
        """Send what has been said and close the sockets, in the I/O thread; the process ends."""
        self._send_the_rest()
        self._sockets.close()

    # The rest runs in the I/O thread.

    def _run(self) -> None:
        # A signal is for the main thread: a call of the system that it waits in returns early only
        # if the signal is delivered there.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - FAULTS)
        self.log.owner = get_ident()
        try:
            while self._running:
                self._turn()
            self._send_the_rest()
        finally:
            self.log.close()
            self._sockets.close()

    def _turn(self) -> None:
        for ready, event in self._poller.poll(self._timeout_ms()):
            handler = self._ready.get(ready)
            if handler is None:  # a handler before it stopped watching it
                continue
            try:
                handler()
            except Exception:  # the loop must outlive whatever one handler does
                logger.exception("a handler of the I/O thread failed")
            if isinstance(ready, int) and not event & POLLIN:
                # Nobody can write to it any more, or it is closed: it would be ready for ever.
                self.unwatch(ready)
        self._run_deadlines()
        self._flush()
        self._publisher.pump()

    def _timeout_ms(self) -> int | None:
        dues = [due for due in (self._text_due, self._soon_due) if due is not None]
        dues.extend(self._deadlines.values())
        waits = [max(0.0, min(dues) - time.monotonic())] if dues else []
        if (retry := self._publisher.timeout_s) is not None:
            waits.append(retry)
        # Rounded up: a poll of 0 ms before a deadline would spin.
        return math.ceil(min(waits) * 1000) if waits else None

    def _hear(self) -> None:
        self._wakeup.clear()
        self.log.heard()

    def _run_deadlines(self) -> None:
        if not self._deadlines:
            return
        now = time.monotonic()
        for function in [f for f, due in self._deadlines.items() if due <= now]:
            del self._deadlines[function]
            try:
                function()
            except Exception:  # the loop must outlive whatever one handler does
                logger.exception("a deadline of the I/O thread failed")

    def _flush(self) -> None:
        """Send what the log holds if it is time, and decide when it will be."""
        now = time.monotonic()
        text_is_due = self._text_due is not None and now >= self._text_due
        is_soon = self._soon_due is not None and now >= self._soon_due
        if not self.log.urgent and (text_is_due or is_soon) and self._may_end_line(now):
            return
        if self.log.urgent or text_is_due or is_soon:
            self._deferrals = 0
            self._soon_due = None
            # Before taking: what comes later and finds nobody who is to look wakes us.
            self.log.expected = False
            if self.log.shows_more:
                self.look_soon()
            found_text = self._send_entries()
            if text_is_due:
                self._text_due = None
                self._window_s = min(LAST_WINDOW_S, self._window_s * 2)
            if found_text:
                self._wait_for_text(now)
            elif self._text_due is None:
                self._window_s = FIRST_WINDOW_S
                if self.log.watch_text():
                    self._wait_for_text(now)
        elif len(self.log):
            self._wait_for_text(now)

    def _may_end_line(self, now: float) -> bool:
        """Put text off for a moment if its line goes on: `print` writes the end separately."""
        if self._deferrals == MAX_DEFERRALS or not self.log.is_mid_line():
            return False
        self._deferrals += 1
        self._text_due = now + DEFERRAL_S
        self._soon_due = None
        return True

    def _wait_for_text(self, now: float) -> None:
        if self._text_due is None:
            self._text_due = now + self._window_s
            self.log.rest_text()

    def _send_entries(self) -> bool:
        found_text = False
        for entry in self.log.take():
            try:
                if isinstance(entry, Text):
                    found_text = True
                    self._publisher.publish(self._stream(entry))
                elif isinstance(entry, Outgoing):
                    self._send(entry)
                else:
                    entry()
            except Exception:  # the loop must outlive whatever is wrong with one entry
                logger.exception("an entry of the outbound log failed")
        return found_text

    def _send(self, entry: Outgoing) -> None:
        if entry.channel is Channel.IOPUB:
            self._publisher.publish(entry.frames)
        else:
            send_frames(self._sockets.of(entry.channel), entry.frames, NOBLOCK)

    def _stream(self, entry: Text) -> list[Buffer]:
        return self._session.pack_json(
            "stream",
            encode_json({"name": entry.name, "text": entry.text}),
            parent=entry.parent,
            identities=(b"stream." + entry.name.encode(),),
        )

    def _missed_notice(self, missed: int) -> list[Buffer]:
        text = f"[assay] a client had stopped reading; it missed up to {missed} messages\n"
        return self._stream(Text(StreamName.STDERR, b"{}", text))

    def _watch_socket(self, socket: Socket, ready: Callable[[], None]) -> None:
        self._poller.register(socket, POLLIN)
        self._ready[socket] = ready

    def _reader(self, channel: Channel) -> Callable[[], None]:
        socket = self._sockets.of(channel)

        def read() -> None:
            for _ in range(MESSAGES_A_TURN):
                try:
                    frames = receive_frames(socket)
                except zmq.Again:
                    return
                self._receive(channel, frames)

        return read

    def _receive(self, channel: Channel, frames: list[bytes]) -> None:
        try:
            envelope = self._session.open(frames)
        except RemoteError as error:
            # Dropped without a trace on the wire (WIRE-18, SIGN-10).
            self._complain(channel, error)
            return
        self._receiver.receive(channel, envelope)

    def _complain(self, channel: Channel, error: RemoteError) -> None:
        self._dropped += 1
        now = time.monotonic()
        if now - self._complained >= COMPLAIN_EVERY_S:
            logger.warning("%s: dropped %s messages; the last: %s", channel, self._dropped, error)
            self._dropped, self._complained = 0, now

    def _welcome(self) -> None:
        """Answer each new subscription (IOPUB-02 to IOPUB-06)."""
        socket = self._sockets.iopub
        for _ in range(MESSAGES_A_TURN):
            try:
                frames = socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            topic = frames[0][1:]
            if len(frames) > 1 or not frames[0] or frames[0][0] != SUBSCRIBE:
                continue
            try:
                subscription = topic.decode("utf-8")
            except UnicodeDecodeError:
                continue
            welcome = self._session.pack(
                IopubWelcome(subscription=subscription), identities=(topic,)
            )
            self._publisher.publish(welcome)

    def _stop(self) -> None:
        self._running = False

    def _send_the_rest(self) -> None:
        self._send_entries()
        self._publisher.hurry()
        end = time.monotonic() + CLOSING_S
        while self._publisher.is_waiting and time.monotonic() < end:
            sleep(RETRY_S)
            self._publisher.pump()
        self._publisher.give_up()
