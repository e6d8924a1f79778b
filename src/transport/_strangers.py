"""Bound what peers without the key make ZeroMQ keep.

Seen: ZeroMQ bounds the messages of a queue, and neither their bytes nor the frames of one message.
A peer that never ends its message takes all memory before there is anything to verify, and so does
one that sends heartbeats and takes no echo.
Here: the system counts what comes by a connection. Those that no trusted message has come by may
send `MAX_BYTES` together; then the one that has sent most is cut. On the heartbeat, where nothing
is verified, what counts are bytes whose echo was not taken.

At rest nothing is polled. A connection is watched beside ZeroMQ, which reads it: what arrives is
reported once, and from `LOOK_AGAIN_S` later on once more. With its first trusted message a
connection is forgotten. Where the system does not count so (all but Linux), nothing is bounded.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from attrs import define

from assay._platform import Arrivals, make_arrivals, traffic_of
from assay.protocol import Channel, ConnectionFile, Transport
from assay.transport._connections import borrowed, cut, inode_of
from assay.transport._logger import get_logger

__all__ = ["Strangers", "follow_strangers"]

logger = get_logger("assay.transport")

MAX_BYTES = 128 * 1024 * 1024
"""A client's first message is small as a rule, but behind a connection that was lost it may have a
large buffer."""

LOOK_AGAIN_S = 0.05
"""From one look at a connection to the next. ZeroMQ reads less than 100 MB meanwhile."""

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


@define
class Stranger:
    """A connection that no trusted message has come by."""

    channel: Channel
    inode: int
    before: int
    """Bytes that do not count: they came when it was not followed yet."""
    held: int = 0
    """Bytes since then that ZeroMQ may keep, when it was looked at last."""
    is_doubtful: bool = False
    """True while messages of an earlier connection may wait that had the same descriptor."""


class Strangers:
    """The connections that may be those of peers without the key; for one thread.

    Args:
        reactor: Calls back when something has come.
        arrivals: Says so.
        channels: By the ports that they are bound to.
        address: The one that they are bound to, as a number; an empty one is any.
    """

    def __init__(
        self,
        reactor: Watcher,
        arrivals: Arrivals,
        channels: Mapping[int, Channel],
        address: str = "",
    ) -> None:
        self._reactor = reactor
        self._arrivals = arrivals
        self._channels = channels
        self._address = "" if address in ANYWHERE else address
        self._known: dict[int, Stranger] = {}
        self._inodes: dict[int, int] = {}
        """Of the connection that has each descriptor, or had it last."""
        self._seen: set[int] = set()
        """What was reported and is not armed again."""
        self.keyed: set[Channel] = set()
        """The channels by which one of them may send a trusted message."""
        reactor.watch(arrivals.fileno(), self._look)

    def accept(self, descriptor: int) -> None:
        """Follow a connection, if it is one to a channel of the kernel's."""
        channel, inode = self._channel_of(descriptor), inode_of(descriptor)
        if channel is None or inode is None:
            return
        before = held_of(descriptor, channel) or 0
        is_doubtful = self._inodes.get(descriptor, inode) != inode
        self._known[descriptor] = Stranger(channel, inode, before, is_doubtful=is_doubtful)
        self._inodes[descriptor] = inode
        if channel in KEYED:
            self.keyed.add(channel)
        self._arm(descriptor)

    def accept_all(self) -> None:
        """Follow the connections that the process has by now."""
        for descriptor in _open_descriptors():
            self.accept(descriptor)

    def trust(self, channel: Channel, descriptor: int) -> None:
        """Follow a connection no more: a trusted message has come by it.

        ZeroMQ names the descriptor that a message came by, which another connection may have by
        now. So one whose descriptor was used before is trusted only for what comes behind
        `have_read_all`.
        """
        stranger = self._known.get(descriptor)
        if stranger is None or stranger.channel is not channel or stranger.is_doubtful:
            return
        del self._known[descriptor]
        self._arrivals.disarm(descriptor)
        self._note_channels()

    def have_read_all(self, channel: Channel) -> None:
        """Know that no message waits at *channel*: none of connections that have ended."""
        for stranger in self._known.values():
            if stranger.channel is channel:
                stranger.is_doubtful = False

    def close(self) -> None:
        """Follow nothing any more."""
        self._known.clear()
        self.keyed = set()
        self._arrivals.close()

    def _channel_of(self, descriptor: int) -> Channel | None:
        if (found := end_of(descriptor)) is None:
            return None
        address, port = found
        return self._channels.get(port) if self._address in {"", address} else None

    def _arm(self, descriptor: int) -> None:
        try:
            self._arrivals.arm(descriptor)
        except OSError:  # it has ended, and ZeroMQ was faster
            self._known.pop(descriptor, None)

    def _look(self) -> None:
        """Look at those that something has come by, and again in a moment."""
        arrived = self._arrivals.arrived()
        if not self._seen:
            self._reactor.call_later(LOOK_AGAIN_S, self._arm_again)
        self._seen.update(arrived)
        self._measure(arrived)

    def _arm_again(self) -> None:
        seen, self._seen = self._seen, set()
        for descriptor in seen:
            if descriptor in self._known:
                self._arm(descriptor)
        # Afterwards: what ZeroMQ has read by now is counted, and what comes later is reported.
        self._measure(seen)
        self._note_channels()

    def _measure(self, descriptors: Iterable[int]) -> None:
        """Look at some; at all of them, if they have sent too much."""
        self._note_held(descriptors)
        if self._total() > MAX_BYTES:
            self._note_held([*self._known])  # some may have ended without a report
            while self._total() > MAX_BYTES:
                self._cut_the_largest()

    def _note_held(self, descriptors: Iterable[int]) -> None:
        for descriptor in descriptors:
            if (stranger := self._known.get(descriptor)) is None:
                continue
            held = held_of(descriptor, stranger.channel)
            if held is None or inode_of(descriptor) != stranger.inode:
                del self._known[descriptor]
            else:
                stranger.held = held - stranger.before

    def _cut_the_largest(self) -> None:
        descriptor = max(self._known, key=lambda descriptor: self._known[descriptor].held)
        stranger = self._known.pop(descriptor)
        logger.warning(
            "%s: cut a connection off that sent %d MB and nothing that bears the key's signature",
            stranger.channel,
            stranger.held // 1_000_000,
        )
        self._arrivals.disarm(descriptor)
        cut(descriptor)

    def _total(self) -> int:
        return sum(stranger.held for stranger in self._known.values())

    def _note_channels(self) -> None:
        self.keyed = {stranger.channel for stranger in self._known.values()} & KEYED


def follow_strangers(
    reactor: Watcher, connection: ConnectionFile, endpoint: str
) -> Strangers | None:
    """Return what follows strangers; None where the system does not count what they send.

    None as well for ipc: its files are the user's own.

    Args:
        reactor: Calls back when something has come.
        connection: The ports of all channels.
        endpoint: What ZeroMQ has bound one of them to, ``tcp://address:port``; the address of all.
    """
    if connection.transport is Transport.IPC or (arrivals := make_arrivals()) is None:
        return None
    channels = {connection.port(channel): channel for channel in Channel}
    address = endpoint.removeprefix("tcp://").rpartition(":")[0]
    return Strangers(reactor, arrivals, channels, _without_zone(address.strip("[]")))


def _open_descriptors() -> Iterable[int]:
    """Return the numbers of the process's open files, among others perhaps."""
    try:
        return [int(name) for name in os.listdir(DESCRIPTORS)]  # noqa: PTH208 - names alone
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
