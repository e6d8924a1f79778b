"""The sockets of an engine of a parallel cluster: they connect to its controller and bind nothing.

| socket       | type   | connects to                       | who owns it                    |
|--------------|--------|-----------------------------------|--------------------------------|
| hub          | DEALER | registration                      | `Hub`: one thread at a time    |
| shell        | ROUTER | three schedulers                  | the I/O thread                 |
| control      | ROUTER | the watcher, or the scheduler     | the I/O thread                 |
| iopub        | XPUB   | iopub                             | the I/O thread                 |
| heart        | SUB, DEALER | hb_ping, hb_pong             | a thread without the interpreter |

Schedulers drop silently what they send to an engine whose connection is not complete. So all
connections are waited for (`_connect_all`) before the heart beats, which is what makes the hub
announce the engine.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence

import zmq
from attrs import frozen

from assay._platform import block_signals
from assay.protocol import Buffer, Channel, ConnectionFile
from assay.transport._deadline import Deadline
from assay.transport._errors import TimedOutError
from assay.transport._frames import POLLIN, receive_frames, send_frames
from assay.transport._heartbeat import Heartbeat
from assay.transport._sockets import IOPUB_QUEUE_MESSAGES, LINGER_MS, KernelSockets, Socket, bind

__all__ = [
    "CurveClient",
    "EngineSockets",
    "Heart",
    "Hub",
    "HubLine",
    "Relay",
    "bind_engine",
    "connect_control",
    "connect_engine",
    "curve_client",
    "open_tunnel",
]

HEART_THREAD = "assay-heart"


@frozen(kw_only=True)
class CurveClient:
    """The keys of one that connects by CURVE, 40 characters of Z85 each."""

    server_key: bytes
    public_key: bytes
    secret_key: bytes


def curve_client(
    server_key: str, public_key: str | None = None, secret_key: str | None = None
) -> CurveClient:
    """Return the keys for a server with *server_key*; a fresh pair unless one is given."""
    if not (public_key and secret_key):
        public, secret = zmq.curve_keypair()
    else:
        public, secret = public_key.encode("ascii"), secret_key.encode("ascii")
    return CurveClient(server_key=server_key.encode("ascii"), public_key=public, secret_key=secret)


def open_tunnel(url: str, server: str, key_file: str | None = None) -> str:
    """Return the address of a tunnel to *url* through the machine *server*, by ssh.

    Its process ends with this one.
    """
    from zmq.ssh.tunnel import open_tunnel as open_by_ssh  # noqa: PLC0415 - few engines are behind one

    found, _process = open_by_ssh(url, server, keyfile=key_file)
    return str(found)


class EngineSockets(KernelSockets):
    """The four sockets of the I/O thread; the files of an ipc cluster are the controller's."""

    __slots__ = ()

    def close(self, linger_ms: int = LINGER_MS) -> None:
        """Close all; wait until what was sent has left, *linger_ms* milliseconds at most."""
        self.context.destroy(linger=linger_ms)


class Hub:
    """The hub's socket for engines, for one thread.

    Args:
        url: Where it listens.
        curve: None if it has no keys.
        identity: Names the sender; empty for one that ZeroMQ makes up.
    """

    def __init__(self, url: str, curve: CurveClient | None, identity: bytes = b"") -> None:
        self._context: zmq.Context[Socket] = zmq.Context()
        self._socket = _connected(self._context, zmq.DEALER, identity, curve, url)

    def send(self, frames: list[Buffer]) -> None:
        """Send one message."""
        send_frames(self._socket, frames)

    def receive(self, timeout_s: float) -> list[Buffer]:
        """Return the next message.

        Raises:
            TimedOutError: there is none within *timeout_s*.
        """
        if not Deadline(timeout_s).wait(self._socket.poll):
            raise TimedOutError("an answer of the controller", timeout_s)
        return receive_frames(self._socket)

    def close(self, linger_ms: int = 0) -> None:
        """Close the socket; wait *linger_ms* at most until what was sent has left."""
        self._context.destroy(linger=linger_ms)


class HubLine:
    """Shows whether the hub's process is there, and takes questions to it.

    A controller whose main process has died may leave another one behind that goes on pinging.

    Args:
        sockets: The engine's; it is closed with them.
        url: Where the hub listens for engines.
        curve: None if it has no keys.
    """

    def __init__(self, sockets: EngineSockets, url: str, curve: CurveClient | None) -> None:
        self.socket = _socket(sockets.context, zmq.DEALER, b"")
        """Readable when an answer has come; for one thread, which calls `receive`."""
        self.events: Socket = self.socket.get_monitor_socket(
            zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_SUCCEEDED
        )
        """Readable when the connection was made or lost; for one thread, which calls `take`."""
        _dial(self.socket, url, curve)

    def take(self) -> bool:
        """Take one event; return True if the connection was made, False if it was lost."""
        return _take_event(self.events) == zmq.EVENT_HANDSHAKE_SUCCEEDED

    def send(self, frames: list[Buffer]) -> None:
        """Send one message."""
        send_frames(self.socket, frames)

    def receive(self) -> list[list[Buffer]]:
        """Return all messages that have come."""
        return _receive_all(self.socket)


def connect_engine(
    *,
    shell: Sequence[str],
    control: str,
    iopub: str,
    identity: bytes,
    curve: CurveClient | None,
    timeout_s: float,
) -> EngineSockets:
    """Connect shell, control and IOPub of an engine, and wait until their peers are there.

    Args:
        shell: The addresses of the schedulers.
        control: That of the control scheduler; an ``ipc`` address is bound instead, for a `Relay`.
        iopub: Where to publish.
        identity: Of every socket.
        curve: None if the cluster has no keys.
        timeout_s: How long to wait for all of them.

    Raises:
        TimedOutError: a peer is not there in time.
    """
    context: zmq.Context[Socket] = zmq.Context()
    sockets = EngineSockets(
        context=context,
        shell=_router(context, identity),
        control=_router(context, identity),
        stdin=_router(context, b""),
        iopub=_publisher(context, identity),
    )
    try:
        if control.startswith("ipc://"):
            sockets.control.bind(control)
        peers = {sockets.shell: list(shell), sockets.iopub: [iopub]}
        if not control.startswith("ipc://"):
            peers[sockets.control] = [control]
        _connect_all(peers, curve, timeout_s)
    except BaseException:
        context.destroy(linger=0)
        raise
    return sockets


def connect_control(sockets: KernelSockets, url: str, curve: CurveClient | None) -> None:
    """Connect the control socket to the scheduler itself; in the I/O thread, without waiting."""
    _dial(sockets.control, url, curve)


def bind_engine(sockets: EngineSockets, connection: ConnectionFile) -> ConnectionFile:
    """Bind the sockets at *connection*'s addresses as well; return it with the ports they got.

    In the I/O thread; none of them may have keys of CURVE, which are a client's here.

    Raises:
        BindError: an address is taken.
    """
    for channel in (Channel.SHELL, Channel.CONTROL, Channel.STDIN, Channel.IOPUB):
        connection = bind(sockets.of(channel), channel, connection)
    return connection


class Heart(Heartbeat):
    """Answers the hub's pings, whatever the rest of the process does.

    A thread in a context of its own runs `zmq.proxy`, which never needs the interpreter.

    Args:
        ping: The address that pings come from.
        pong: The address that they go back to.
        identity: The engine's.
        curve: None if the cluster has no keys.
    """

    def __init__(self, ping: str, pong: str, identity: bytes, curve: CurveClient | None) -> None:
        self.monitor = None
        self._addresses = ping, pong
        self._identity = identity
        self._curve = curve
        self._context: zmq.Context[Socket] = zmq.Context()
        self._thread = threading.Thread(target=self._beat, name=HEART_THREAD, daemon=True)
        self._copy = self._context.socket(zmq.PUB)
        self._copy.bind("inproc://pings")
        self.pings = self._context.socket(zmq.SUB)
        """Gets a copy of each ping; for one thread, which calls `take`."""
        self.pings.setsockopt(zmq.SUBSCRIBE, b"")
        self.pings.connect("inproc://pings")

    def start(self) -> None:
        """Do nothing yet: all else is ready when `beat` is called."""

    def beat(self) -> None:
        """Begin to answer, once: the hub announces the engine."""
        if self._thread.ident is None:
            self._thread.start()

    def take(self) -> bool:
        """Take what copies have come; return True if there was one."""
        found = False
        while int(self.pings.getsockopt(zmq.EVENTS)) & POLLIN:
            self.pings.recv_multipart(zmq.NOBLOCK)
            found = True
        return found

    def remove_file(self) -> None:
        """Do nothing: it connects, so no file is its own."""

    def close(self) -> None:
        """Stop answering; once nothing reads the copies."""
        self.pings.close(linger=0)
        if self._thread.ident is None:
            self._context.destroy(linger=0)
            return
        self._context.term()
        self._thread.join()

    def _beat(self) -> None:
        block_signals()
        ping, pong = self._addresses
        incoming = self._context.socket(zmq.SUB)
        incoming.setsockopt(zmq.SUBSCRIBE, b"")
        outgoing = self._context.socket(zmq.DEALER)
        outgoing.setsockopt(zmq.IDENTITY, self._identity)
        for socket, url in ((incoming, ping), (outgoing, pong)):
            _dial(socket, url, self._curve)
        try:
            zmq.proxy(incoming, outgoing, self._copy)
        except zmq.ContextTerminated:
            for socket in (incoming, outgoing, self._copy):
                socket.close(linger=0)


class Relay:
    """The engine's end of the control scheduler, for a process that outlives the engine.

    Args:
        inner: Where the engine's control socket listens.
        outer: The scheduler.
        identity: The engine's.
        curve: None if the cluster has no keys.
    """

    def __init__(self, inner: str, outer: str, identity: bytes, curve: CurveClient | None) -> None:
        self._context: zmq.Context[Socket] = zmq.Context()
        self.outer = _socket(self._context, zmq.DEALER, identity)
        self.inner = _connected(self._context, zmq.DEALER, b"", None, inner)
        self._url, self._curve = outer, curve

    def connect(self, timeout_s: float) -> None:
        """Connect to the scheduler, and wait until it is there.

        Raises:
            TimedOutError: it is not there in time.
        """
        _connect_all({self.outer: [self._url]}, self._curve, timeout_s)

    def receive(self, socket: Socket) -> list[list[Buffer]]:
        """Return all messages that have come by *socket*, one of the two."""
        return _receive_all(socket)

    def send(self, socket: Socket, frames: list[Buffer]) -> None:
        """Send a message by *socket*, one of the two."""
        send_frames(socket, frames)

    def close(self, linger_ms: int) -> None:
        """Close both; wait *linger_ms* at most until what was sent has left."""
        self._context.destroy(linger=linger_ms)


def _socket(context: zmq.Context[Socket], kind: int, identity: bytes) -> Socket:
    socket: Socket = context.socket(kind)
    if identity:
        socket.setsockopt(zmq.IDENTITY, identity)
    # A router drops what exceeds its queue, and neither requests nor replies may be lost.
    socket.setsockopt(zmq.SNDHWM, 0)
    socket.setsockopt(zmq.RCVHWM, 0)
    return socket


def _receive_all(socket: Socket) -> list[list[Buffer]]:
    found = []
    while int(socket.getsockopt(zmq.EVENTS)) & POLLIN:
        found.append(receive_frames(socket))
    return found


def _router(context: zmq.Context[Socket], identity: bytes) -> Socket:
    socket = _socket(context, zmq.ROUTER, identity)
    # A scheduler that was started again takes its name over from its own dead connection.
    socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
    return socket


def _publisher(context: zmq.Context[Socket], identity: bytes) -> Socket:
    socket: Socket = context.socket(zmq.XPUB)
    socket.setsockopt(zmq.IDENTITY, identity)
    socket.setsockopt(zmq.XPUB_VERBOSE, 1)
    socket.setsockopt(zmq.XPUB_NODROP, 1)
    socket.setsockopt(zmq.SNDHWM, IOPUB_QUEUE_MESSAGES)
    return socket


def _connected(
    context: zmq.Context[Socket],
    kind: int,
    identity: bytes,
    curve: CurveClient | None,
    url: str,
) -> Socket:
    socket = _socket(context, kind, identity)
    _dial(socket, url, curve)
    return socket


def _dial(socket: Socket, url: str, curve: CurveClient | None) -> None:
    """Connect *socket* to *url*, without waiting."""
    # Not otherwise: a name would be looked up as one of IPv6 alone.
    socket.setsockopt(zmq.IPV6, int("[" in url))
    if curve is not None:
        socket.setsockopt(zmq.CURVE_SERVERKEY, curve.server_key)
        socket.setsockopt(zmq.CURVE_PUBLICKEY, curve.public_key)
        socket.setsockopt(zmq.CURVE_SECRETKEY, curve.secret_key)
    socket.connect(url)


def _connect_all(
    peers: dict[Socket, list[str]], curve: CurveClient | None, timeout_s: float
) -> None:
    """Connect each socket to its addresses; return when each peer has shaken hands."""
    monitors = {
        socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED): len(urls)
        for socket, urls in peers.items()
    }
    try:
        for socket, urls in peers.items():
            for url in urls:
                _dial(socket, url, curve)
        _await_events(monitors, timeout_s)
    finally:
        for socket in peers:
            socket.disable_monitor()


def _await_events(monitors: dict[Socket, int], timeout_s: float) -> None:
    poller = zmq.Poller()
    for one in monitors:
        poller.register(one, POLLIN)
    deadline = Deadline(timeout_s)
    while any(count > 0 for count in monitors.values()):
        if not (ready := deadline.wait(poller.poll)):
            raise TimedOutError("the schedulers of the controller", timeout_s)
        for one, _ in ready:
            _take_event(one)
            monitors[one] -= 1


def _take_event(monitor: Socket) -> int:
    """Wait for an event of a socket and return which it is."""
    # pyzmq's own function comes with all of asyncio.
    return int.from_bytes(monitor.recv_multipart()[0][:2], sys.byteorder)
