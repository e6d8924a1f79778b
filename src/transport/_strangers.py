"""Bound what peers without the key make ZeroMQ keep.

Seen: ZeroMQ bounds the messages of a queue, and neither their bytes nor the frames of one message.
A peer that never ends its message takes all memory before there is anything to verify, and so does
one that sends heartbeats and takes no echo.
Here: the system counts what comes by a connection. Those that no trusted message has come by may
send `MAX_BYTES` together; then the one that has sent most is cut. On the heartbeat, where nothing
is verified, what counts are bytes whose echo was not taken.

Seen: a message of one byte takes 64 bytes and more until it is read, and its frames cannot be
counted. Here: once they have sent `FREE_BYTES`, the process may not become `MAX_GROWTH_BYTES`
larger. What connections have left that have ended counts until all is read; if that is too much,
no more are let in meanwhile.

Seen: within one call, ZeroMQ's XPUB reads whatever has come, so subscribers that send without end
kept the I/O thread there. Here: a thread of its own looks and cuts, and searches for more once it
has cut one, since the I/O thread may not get to say which were accepted. A subscriber may send
`MAX_IOPUB_BYTES`.

At rest nothing is polled. A connection is watched beside ZeroMQ, which reads it: what arrives is
reported once, and from `LOOK_AGAIN_S` later on once more. With its first trusted message a
connection is forgotten. Where the system does not count so (all but Linux), nothing is bounded.
"""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from assay._clock import monotonic
from assay._isolation import os
from assay._platform import Arrivals, block_signals, make_arrivals
from assay._platform._connections import traffic_of
from assay._platform._memory import Residence, give_back_memory
from assay.protocol import Channel, ConnectionFile, Transport
from assay.transport._connections import borrowed, cut, inode_of
from assay.transport._logger import get_logger
from assay.transport._reactor import Reactor

__all__ = ["Strangers", "StrangersThread", "follow_strangers"]

logger = get_logger("assay.transport")

MAX_BYTES = 128 * 1024 * 1024
"""A client's first message is small as a rule, but behind a connection that was lost it may have a
large buffer."""

FREE_BYTES = 4 * 1024 * 1024
"""What all may send whatever becomes of the memory: 128 MB in messages without a byte."""

MAX_GROWTH_BYTES = 64 * 1024 * 1024
"""How much larger the process may become while they send more, besides what they send. The user's
program may be the cause, which costs a client only if its first message is above `FREE_BYTES`."""

MAX_IOPUB_BYTES = 256 * 1024
"""Four times what `Connections` takes of subscriptions."""

FORGIVEN_BYTES = 64
"""Of each connection in a second: ZeroMQ's own heartbeats are no messages, and small."""

FORGIVEN_IOPUB_BYTES = 4_096
"""The same of a subscriber, who may change his mind now and then."""

LOOK_AGAIN_S = 0.05
"""From one look at a connection to the next. ZeroMQ reads less than 100 MB meanwhile."""

SEARCH_S = 2.0
"""How long more are searched for after one was cut."""

KEYED = frozenset({Channel.CONTROL, Channel.SHELL, Channel.STDIN})
"""Where messages are verified."""


DESCRIPTORS = "/proc/self/fd"
"""The open files of the process, where there is such a folder."""

FIRST_DESCRIPTORS = 4_096
"""Those that are looked at where there is none: numbers are given from the lowest on."""

ANYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - to compare with
"""What stands for all addresses of this machine."""


class Watcher(Protocol):
    """What is used of a `Reactor`."""

    def watch(self, source: int, ready: Callable[[], None]) -> None:
        """Call *ready* whenever *source*, a descriptor, is readable."""
        ...

    def call_later(self, delay_s: float, function: Callable[[], None]) -> None:
        """Call *function* once."""
        ...


class Stranger:
    """A connection that no trusted message has come by."""

    def __init__(self, channel: Channel, inode: int, since: float, *, is_doubtful: bool) -> None:
        self.channel = channel
        self.inode = inode
        self.since = since
        self.held = 0
        """Bytes that ZeroMQ may keep, when it was looked at last; what came before it was followed
        is among them, since the I/O thread may have been kept from following it."""
        self.is_doubtful = is_doubtful
        """True while messages of an earlier connection may wait that had the same descriptor."""


class Strangers:
    """The connections that may be those of peers without the key.

    Its methods are for any thread. What *reactor* calls runs in the reactor's.

    Args:
        reactor: Calls back when something has come.
        arrivals: Says so.
        channels: By the ports that they are bound to.
        address: The one that they are bound to, as a number; an empty one is any.
        read_all: Called with a channel, without waiting: what is there is to be read, and then
            `have_read_all` to be called.
    """

    def __init__(
        self,
        reactor: Watcher,
        arrivals: Arrivals,
        channels: Mapping[int, Channel],
        address: str = "",
        read_all: Callable[[Channel], None] = lambda _: None,
    ) -> None:
        self._read_all = read_all
        self._reactor = reactor
        self._arrivals = arrivals
        self._channels = channels
        self._address = "" if address in ANYWHERE else address
        self._lock = threading.Lock()
        self._known: dict[int, Stranger] = {}
        self._left: Counter[Channel] = Counter()
        """Bytes of those that have ended, of which something may wait to be read."""
        self._inodes: dict[int, int] = {}
        """Of the connection that has each descriptor, or had it last."""
        self._seen: set[int] = set()
        """What was reported and is not armed again."""
        self._residence = Residence()
        self._resident_before = self._residence.bytes()
        """The memory of the process when those together had sent `FREE_BYTES`, or before."""
        self.changes = 0
        """How many connections have come or ended; before a channel is found empty, it is read for
        `have_read_all`."""
        self._is_full = False
        """True while nobody is let in."""
        self._search_until = 0.0
        self._asked: set[Channel] = set()
        """The channels that are to be read, for what was left."""
        self._gives_back = False
        """True while memory may be freed of one that was cut, or of much that was left."""
        self.keyed: set[Channel] = set()
        """The channels by which one of them may send a trusted message."""
        reactor.watch(arrivals.fileno(), self._look)

    def accept(self, descriptor: int) -> None:
        """Follow a connection, if it is one to a channel of the kernel's."""
        with self._lock:
            self._accept(descriptor)

    def accept_all(self) -> None:
        """Follow the connections that the process has by now."""
        with self._lock:
            self._accept_all()

    def trust(self, channel: Channel, descriptor: int) -> None:
        """Follow a connection no more: a trusted message has come by it.

        ZeroMQ names the descriptor that a message came by, which another connection may have by
        now. So one whose descriptor was used before is trusted only for what comes behind
        `have_read_all`, which is known at once where no message waits when it is accepted.
        """
        with self._lock:
            stranger = self._known.get(descriptor)
            if stranger is None or stranger.channel is not channel or stranger.is_doubtful:
                return
            del self._known[descriptor]
            self._arrivals.disarm(descriptor)
            self._note_channels()

    def have_read_all(self, channel: Channel, as_of: int) -> None:
        """Know that no message waits at *channel*: none of connections that have ended.

        Args:
            channel: What was read.
            as_of: What `changes` was before it was found empty. If a connection has come or ended
                since, another thread has seen that, and what it has sent may wait.
        """
        with self._lock:
            if as_of != self.changes:
                if channel in self._asked:
                    self._read_all(channel)
                return
            del self._left[channel]
            self._asked.discard(channel)
            for stranger in self._known.values():
                if stranger.channel is channel:
                    stranger.is_doubtful = False

    def close(self) -> None:
        """Follow nothing any more."""
        with self._lock:
            self._known.clear()
            self.keyed = set()
            self._arrivals.close()
            self._residence.close()

    def _accept(self, descriptor: int) -> None:
        channel, inode = self._channel_of(descriptor), inode_of(descriptor)
        if channel is None or inode is None or self._inodes.get(descriptor) == inode:
            return
        if (ended := self._known.get(descriptor)) is not None:
            self._forget(descriptor, ended)
        if self._is_full:
            cut(descriptor)
            return
        self.changes += 1
        self._known[descriptor] = Stranger(
            channel, inode, monotonic(), is_doubtful=descriptor in self._inodes
        )
        self._inodes[descriptor] = inode
        if channel in KEYED:
            self.keyed.add(channel)
        self._arm(descriptor)

    def _accept_all(self) -> None:
        for descriptor in _open_descriptors():
            self._accept(descriptor)

    def _forget(self, descriptor: int, stranger: Stranger) -> None:
        """Know that a connection has ended: what it has sent may wait to be read."""
        self.changes += 1
        del self._known[descriptor]
        if stranger.channel is not Channel.HB:  # whose echoes are gone with it
            self._left[stranger.channel] += stranger.held
        self._gives_back = self._gives_back or self._left.total() > FREE_BYTES

    def _channel_of(self, descriptor: int) -> Channel | None:
        if (found := end_of(descriptor)) is None:
            return None
        address, port = found
        return self._channels.get(port) if self._address in {"", address} else None

    def _arm(self, descriptor: int) -> None:
        try:
            self._arrivals.arm(descriptor)
        except OSError:  # it has ended, and ZeroMQ was faster
            if (stranger := self._known.get(descriptor)) is not None:
                self._forget(descriptor, stranger)

    def _look(self) -> None:
        """Look at those that something has come by, and again in a moment."""
        with self._lock:
            arrived = self._arrivals.arrived()
            if not self._seen:
                self._reactor.call_later(LOOK_AGAIN_S, self._look_again)
            self._seen.update(arrived)
            self._measure(arrived)

    def _look_again(self) -> None:
        if self._look_at_seen():
            give_back_memory()  # takes a while: not under the lock

    def _look_at_seen(self) -> bool:
        """Return True if memory is to be given back."""
        with self._lock:
            seen, self._seen = self._seen, set()
            for descriptor in seen:
                if descriptor in self._known:
                    self._arm(descriptor)
            if searches := monotonic() < self._search_until:
                self._accept_all()
            # Behind that: what ZeroMQ has read by now is counted, and what comes later is reported.
            self._measure(self._known if searches else seen)
            self._note_channels()
            self._ask()
            gives_back = self._gives_back and not (searches or self._left)
            self._gives_back = self._gives_back and not gives_back
            if self._gives_back or self._is_full:
                self._reactor.call_later(LOOK_AGAIN_S, self._look_again)
            elif self._total() > FREE_BYTES:  # some may end without a report
                self._reactor.call_later(SEARCH_S, self._look_again)
            return gives_back

    def _ask(self) -> None:
        """Have read what is left."""
        for channel in self._left.keys() - self._asked:
            self._asked.add(channel)
            self._read_all(channel)

    def _measure(self, descriptors: Iterable[int]) -> None:
        """Look at some; at all of them, if they have sent too much."""
        resident = self._residence.bytes()
        if self._total() <= FREE_BYTES:
            self._resident_before = resident
        self._note_held(descriptors)
        self._bound_subscribers()
        if self._total() > FREE_BYTES:
            self._note_held(self._known)  # some may have ended without a report
            self._bound_all(resident)
        else:
            self._is_full = False

    def _bound_subscribers(self) -> None:
        for descriptor, stranger in [*self._known.items()]:
            if stranger.channel is Channel.IOPUB and stranger.held > MAX_IOPUB_BYTES:
                self._cut(descriptor)

    def _bound_all(self, resident: int) -> None:
        most = self._resident_before + MAX_GROWTH_BYTES
        self._is_full = resident > most + self._total()
        allowed = FREE_BYTES if self._is_full else MAX_BYTES
        while self._known and self._total() - self._left.total() > allowed:
            self._cut(max(self._known, key=lambda descriptor: self._known[descriptor].held))

    def _note_held(self, descriptors: Iterable[int]) -> None:
        now = monotonic()
        for descriptor in [*descriptors]:
            if (stranger := self._known.get(descriptor)) is None:
                continue
            held = held_of(descriptor, stranger.channel)
            if held is None or inode_of(descriptor) != stranger.inode:
                self._forget(descriptor, stranger)
            else:
                is_subscriber = stranger.channel is Channel.IOPUB
                each_second = FORGIVEN_IOPUB_BYTES if is_subscriber else FORGIVEN_BYTES
                forgiven = int(each_second * max(0.0, now - stranger.since))
                stranger.held = max(0, held - forgiven)

    def _cut(self, descriptor: int) -> None:
        stranger = self._known[descriptor]
        self._forget(descriptor, stranger)
        logger.warning(
            "%s: cut a connection off that sent %.1f MB and nothing that bears the key's signature"
            if stranger.channel in KEYED
            else "%s: cut a connection off that sent %.1f MB",
            stranger.channel,
            stranger.held / 1_000_000,
        )
        self._arrivals.disarm(descriptor)
        cut(descriptor)
        self._search_until = monotonic() + SEARCH_S
        self._gives_back = True
        self._reactor.call_later(LOOK_AGAIN_S, self._look_again)

    def _total(self) -> int:
        return sum(stranger.held for stranger in self._known.values()) + self._left.total()

    def _note_channels(self) -> None:
        channels = {stranger.channel for stranger in self._known.values()}
        self.keyed = (channels | self._left.keys()) & KEYED


class StrangersThread:
    """A thread that follows strangers, from when it is made until it is closed.

    Args:
        arrivals: Says that something has come.
        channels: By the ports that they are bound to.
        address: The one that they are bound to, as a number.
        read_all: Lets the I/O thread read what is there.
    """

    def __init__(
        self,
        arrivals: Arrivals,
        channels: Mapping[int, Channel],
        address: str,
        read_all: Callable[[Channel], None],
    ) -> None:
        self._reactor = Reactor()
        self._reactor.woken = self._reactor.stop
        self.strangers = Strangers(self._reactor, arrivals, channels, address, read_all)
        self._thread = threading.Thread(target=self._run, name="assay-strangers", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Follow nothing any more, and end the thread."""
        self._reactor.wake()
        self._thread.join()
        self.strangers.close()
        self._reactor.close()

    def _run(self) -> None:
        block_signals()
        self._reactor.run(lambda: None)


def follow_strangers(
    connection: ConnectionFile, endpoint: str, read_all: Callable[[Channel], None]
) -> StrangersThread | None:
    """Return what follows strangers; None where the system does not count what they send.

    None as well for ipc: its files are the user's own.

    Args:
        connection: The ports of all channels.
        endpoint: What ZeroMQ has bound one of them to, ``tcp://address:port``; the address of all.
        read_all: Lets the I/O thread read what is there, and say so (`Strangers.have_read_all`).
    """
    if connection.transport is Transport.IPC or (arrivals := make_arrivals()) is None:
        return None
    channels = {connection.port(channel): channel for channel in Channel}
    address = endpoint.removeprefix("tcp://").rpartition(":")[0]
    return StrangersThread(arrivals, channels, _without_zone(address.strip("[]")), read_all)


def _open_descriptors() -> Iterable[int]:
    """Return the numbers of the process's open files, among others perhaps."""
    try:
        return [int(name) for name in os.listdir(DESCRIPTORS)]
    except OSError:  # no /proc is mounted here, or no descriptor is left
        return range(FIRST_DESCRIPTORS)


def _without_zone(address: str) -> str:
    return address.partition("%")[0]


def held_of(descriptor: int, channel: Channel) -> int | None:
    """Return the bytes that ZeroMQ may keep of a connection; None if that has ended."""
    try:
        with borrowed(descriptor) as connection:
            sent, taken = traffic_of(connection)
    except OSError:
        return None
    return sent - taken if channel is Channel.HB else sent


def end_of(descriptor: int) -> tuple[str, int] | None:
    """Return the address and port of this machine that a connection was made to.

    None if it is no connection, or a socket that listens.
    """
    try:
        with borrowed(descriptor) as connection:
            if connection.family not in {socket.AF_INET, socket.AF_INET6}:
                return None
            connection.getpeername()
            address, port = connection.getsockname()[:2]
            return _without_zone(address), port
    except OSError:
        return None
