"""The sockets of a client: connected, waited for, and read in turn."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

import zmq

from assay.protocol import Buffer, Channel, ConnectionFile, LocalError, Transport
from assay.transport._deadline import Deadline
from assay.transport._errors import ClosedError, KernelEndedError, TimedOutError, TransportError
from assay.transport._recorder import Recorder
from assay.transport._sockets import why_unreachable

__all__ = [
    "ENDED_GRACE_S",
    "ClientSockets",
    "Lifeline",
    "address",
    "channel_named",
    "check_connection",
    "prepare",
]

ENDED_GRACE_S = 0.25
"""How long after a kernel's end its last words may still be on their way through our I/O thread."""

LINGER_MS = 500
"""How long `close` waits for what was sent and is not out yet; no time at all if all is out."""

RECONNECT_MS = 20
"""ZeroMQ's own 100 ms would be most of the start of a kernel that binds while we connect."""

BATCH = 1_000
"""Messages taken from one socket before the others get their turn."""

GREETED = zmq.EVENT_HANDSHAKE_SUCCEEDED

FOLLOWED = zmq.EVENT_CONNECTED | GREETED | zmq.EVENT_DISCONNECTED
"""What a monitor tells of a channel that is followed."""

PEER_OF = {"0.0.0.0": "127.0.0.1", "*": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to connect to
"""Where to reach a kernel that listens everywhere."""

DEALERS = (Channel.SHELL, Channel.CONTROL, Channel.STDIN)

MESSAGE_CHANNELS = (Channel.IOPUB, *DEALERS)
"""In the order in which they are read: output before the reply and before the prompt."""


class Lifeline(Protocol):
    """Something that becomes readable when the kernel's process has ended."""

    def fileno(self) -> int:
        """Return the descriptor to watch."""
        ...

    def ending(self) -> str:
        """Return a sentence on how the process ended."""
        ...


def check_connection(connection: object) -> None:
    """Return if *connection* says where a kernel listens.

    Raises:
        LocalError: it is something else, such as the path of the file.
    """
    if not isinstance(connection, ConnectionFile):
        raise LocalError(
            f"wanted a ConnectionFile, found a {type(connection).__name__}: "
            "ConnectionFile.read(PATH) returns what is in a file"
        )


def channel_named(name: Channel | str) -> Channel:
    """Return the channel of this name.

    Raises:
        TransportError: there is none.
    """
    try:
        return Channel(name)
    except ValueError:
        names = ", ".join(repr(one.value) for one in Channel)
        raise TransportError(f"wanted a channel, one of {names}, found {name!r}") from None


class ClientSockets:
    """The sockets of one client of one kernel, for one thread.

    Args:
        connection: Where the kernel listens, and its CURVE key.
        identity: Under which the kernel knows the client.
        channels: Which sockets to open.
        followed: Of which of them `is_connected` and `has_greeted` tell.
        lifeline: The kernel's process, if it is ours: waiting ends when it has ended.
        recorder: Sees each message.

    Raises:
        TransportError: an address or a CURVE key cannot be used, or the kernel has yet to choose a
            port (CONN-25).
        LocalError: *connection* is no `ConnectionFile`.
    """

    def __init__(
        self,
        connection: ConnectionFile,
        identity: bytes,
        *,
        channels: Collection[Channel],
        followed: Collection[Channel] = (),
        lifeline: Lifeline | None,
        recorder: Recorder | None = None,
    ) -> None:
        check_connection(connection)
        if reason := why_unreachable(connection) or _unchosen(connection, channels):
            raise TransportError(reason)
        self._recorder = recorder
        self._connection = connection
        self._identity = identity
        self._lifeline = lifeline
        self._ended = False
        self._closed = False
        self._poller = zmq.Poller()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._sockets: dict[Channel, zmq.Socket[bytes]] = {}
        self._followed = followed
        self._monitors: dict[Channel, zmq.Socket[bytes]] = {}
        self._last: dict[Channel, int] = {}
        try:
            for channel in channels:
                self._sockets[channel] = self._connect(channel)
        except zmq.ZMQError as error:
            self._context.destroy(linger=0)
            raise TransportError(
                f"{connection.transport} at {connection.ip}: cannot connect: {error}"
            ) from error
        for channel in MESSAGE_CHANNELS:
            if channel in self._sockets:
                self._poller.register(self._sockets[channel], zmq.POLLIN)
        if lifeline is not None:
            self._poller.register(lifeline.fileno(), zmq.POLLIN)

    @property
    def ended(self) -> bool:
        """True once the kernel's process is seen to have ended; its last words may be to come."""
        return self._ended

    def close(self) -> None:
        """Close the sockets; what was sent still goes out, within `LINGER_MS`."""
        if not self._closed:
            self._closed = True
            # No kernel is left to take it in; waiting would be for nothing.
            gone = self._ended or (self._lifeline is not None and _is_readable(self._lifeline))
            self._context.destroy(linger=0 if gone else LINGER_MS)

    def of(self, channel: Channel) -> zmq.Socket[bytes]:
        """Return the socket of *channel*.

        Raises:
            ClosedError: the client is closed.
            TransportError: the channel was not opened.
        """
        if self._closed:
            raise ClosedError("wanted an open client, found it closed")
        if channel not in self._sockets:
            raise TransportError(f"{channel} was not opened by this client")
        return self._sockets[channel]

    def send(self, channel: Channel, frames: Sequence[Buffer]) -> None:
        """Send *frames*, at least one.

        Raises:
            ClosedError: the client is closed.
            TransportError: the channel was not opened, carries nothing in this direction, or was
                refused by the kernel.
        """
        if channel is Channel.IOPUB:
            raise TransportError(f"{channel} carries nothing from a client")
        socket = self.of(channel)
        if self._recorder is not None:
            self._recorder.sent(channel, frames)
        _send(socket, channel, frames)

    def wait(self, deadline: Deadline) -> tuple[Channel, ...] | None:
        """Wait for anything and return the channels that brought something.

        Returns:
            None if the time was up first; nothing at all if it is the kernel that has just ended.

        Raises:
            KernelEndedError: the kernel's process has ended, and its last words are read.
        """
        if self._closed:
            raise ClosedError("wanted an open client, found it closed")
        waits = deadline.sooner(Deadline(ENDED_GRACE_S)) if self._ended else deadline
        ready = dict(waits.wait(self._poller.poll))
        if not ready:
            if self._ended and not deadline.passed and self._lifeline is not None:
                raise KernelEndedError(self._lifeline.ending())
            return None
        if self._lifeline is not None and self._lifeline.fileno() in ready:
            self._ended = True
            self._poller.unregister(self._lifeline.fileno())
        return tuple(c for c in MESSAGE_CHANNELS if self._sockets.get(c) in ready)

    def is_connected(self, channel: Channel) -> bool:
        """Return whether something has accepted *channel*, which is followed."""
        return self._last_event(channel) in {zmq.EVENT_CONNECTED, GREETED}

    def has_greeted(self, channel: Channel) -> bool:
        """Return whether the kernel and *channel*, which is followed, have greeted each other.

        ZeroMQ tells it of ZMTP 3 alone.
        """
        return self._last_event(channel) == GREETED

    def _last_event(self, channel: Channel) -> int:
        monitor = self._monitors[channel]
        while monitor.poll(0):
            event = monitor.recv_multipart()[0]
            self._last[channel] = int.from_bytes(event[:2], sys.byteorder)
        return self._last.get(channel, 0)

    def take(self, channel: Channel) -> Iterator[tuple[bytes, ...]]:
        """Yield the frames of what *channel* has brought, `BATCH` messages at most."""
        socket = self._sockets[channel]
        for _ in range(BATCH):
            try:
                frames = tuple(socket.recv_multipart(zmq.NOBLOCK))
            except zmq.Again:
                return
            if self._recorder is not None:
                self._recorder.received(channel, frames)
            yield frames

    def beat(self, payload: bytes, timeout: float | None) -> None:
        """Send *payload* to the heartbeat and wait until it is back.

        Raises:
            TimedOutError: it did not come back.
            KernelEndedError: the kernel's process ended.
        """
        # A DEALER that adds the empty frame of a REQ itself: a lost beat does not block the next.
        heartbeat = self.of(Channel.HB)
        if self._ended and self._lifeline is not None:
            raise KernelEndedError(self._lifeline.ending())
        deadline = Deadline(timeout)
        marked = uuid.uuid4().bytes + payload
        _send(heartbeat, Channel.HB, [b"", marked])
        poller = zmq.Poller()
        poller.register(heartbeat, zmq.POLLIN)
        while True:
            if self._lifeline is not None and not self._ended:
                poller.register(self._lifeline.fileno(), zmq.POLLIN)
            ready = dict(deadline.wait(poller.poll))
            if heartbeat in ready:
                if heartbeat.recv_multipart()[-1] == marked:
                    return
            elif ready:
                self._end()
            if deadline.passed:
                raise TimedOutError("a heartbeat", deadline.timeout or 0)

    def _connect(self, channel: Channel) -> zmq.Socket[bytes]:
        connection = self._connection
        socket = self._context.socket(zmq.SUB if channel is Channel.IOPUB else zmq.DEALER)
        socket.linger = LINGER_MS
        socket.rcvhwm = 0  # nothing is lost on this side
        socket.sndhwm = 0
        socket.set(zmq.RECONNECT_IVL, RECONNECT_MS)
        if channel in DEALERS:
            # STDIN-06: the kernel asks under the identity that the request came from.
            socket.routing_id = self._identity
        prepare(socket, connection)
        if channel is Channel.IOPUB:
            socket.subscribe(b"")
        if channel in self._followed:
            self._monitors[channel] = socket.get_monitor_socket(FOLLOWED)
        socket.connect(address(connection, channel))
        return socket

    def _end(self) -> None:
        assert self._lifeline is not None
        self._ended = True
        self._poller.unregister(self._lifeline.fileno())
        raise KernelEndedError(self._lifeline.ending())


def _send(socket: zmq.Socket[bytes], channel: Channel, frames: Sequence[Buffer]) -> None:
    """Send *frames*, which never waits: the queue has no limit as long as there is a connection.

    Raises:
        TransportError: there is none, since the kernel wants other CURVE keys, or some at all.
    """
    try:
        socket.send_multipart(frames, zmq.NOBLOCK, copy=True)
    except zmq.Again as error:
        raise TransportError(
            f"{channel}: wanted a kernel with the CURVE keys of the connection file, "
            f"found one that has refused the connection"
        ) from error
    except zmq.ZMQError as error:
        raise TransportError(f"{channel}: cannot send: {error}") from error


def _is_readable(lifeline: Lifeline) -> bool:
    poller = zmq.Poller()
    poller.register(lifeline.fileno(), zmq.POLLIN)
    return bool(poller.poll(0))


def _unchosen(connection: ConnectionFile, channels: Collection[Channel]) -> str:
    """Return what is wrong with a port of 0, to which ZeroMQ connects without a word."""
    names = ", ".join(f"{one}_port" for one in channels if not connection.port(one))
    return names and f"{names}: wanted what the kernel has bound, found 0, which it is to choose"


def prepare(socket: zmq.Socket[bytes], connection: ConnectionFile) -> None:
    """Let *socket* use IPv6 if the address asks for it, and CURVE if the connection has keys."""
    if connection.transport is Transport.TCP and ":" in connection.ip:
        socket.set(zmq.IPV6, 1)
    if connection.curve is not None:
        # As the reference client: the file's own pair on both ends, so that a kernel that
        # admits only holders of the file can tell them.
        socket.curve_serverkey = connection.curve.public_key.encode()
        socket.curve_publickey = connection.curve.public_key.encode()
        socket.curve_secretkey = connection.curve.secret_key.encode()


def address(connection: ConnectionFile, channel: Channel) -> str:
    """Return where a client reaches *channel*."""
    ip = PEER_OF.get(connection.ip, connection.ip)
    if connection.transport is Transport.TCP and ip != connection.ip:
        port = connection.port(channel)
        return f"tcp://[{ip}]:{port}" if ":" in ip else f"tcp://{ip}:{port}"
    return connection.address(channel)
