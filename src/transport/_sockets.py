"""Bind the five sockets of a kernel.

Ports are bound first and read back afterwards, never picked and then bound: between picking and
binding another process can take the port (decision 0004).
"""

from __future__ import annotations

import atexit
import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import zmq

from assay._fields import Fields
from assay.protocol import Channel, ConnectionFile, Transport
from assay.transport._errors import TransportError

__all__ = [
    "BindError",
    "KernelSockets",
    "Socket",
    "bind",
    "bind_kernel",
    "postpone_exit",
    "remove_file",
    "why_unreachable",
]

Socket: TypeAlias = "zmq.Socket[bytes]"

LINGER_MS = 1_000
"""How long closing waits for a peer to take what was sent; a peer that is gone is not waited for
longer than a client waits for a kernel to end."""

IOPUB_QUEUE_MESSAGES = 16
"""Messages that ZeroMQ keeps for one subscriber; what does not fit is kept and counted in bytes by
`Publisher`. A short queue, since ZeroMQ knows no bound in bytes. Shorter ones cost time: displays
of a kilobyte leave at 8,000 a second with 8, at 12,000 with 16 and at 13,000 with 1,000."""

MAX_SUBSCRIPTION_BYTES = 4 * 1024
"""What a subscriber may send at once; more ends its connection."""

SUBSCRIBER_BUFFER_BYTES = 4_096
"""What the system keeps of a subscriber's until ZeroMQ reads it: enough for subscriptions. A byte
would be rounded up on Linux, and might be a closed window elsewhere. Within one call, ZeroMQ's XPUB
reads whatever has come, also of a connection that was cut: 50 subscribers with a megabyte each kept
the I/O thread there for 7 seconds."""

NO_NAME = "wanted an IP address of this machine, or a name that stands for an IPv4 address"
"""The error where ZeroMQ has found neither."""

IPC = "ipc://"

NOBODY_AUTHENTICATES = b"assay"
"""A name that is not empty."""

PRIVATE_MASK = 0o077
"""Leaves nothing to the group and to others."""


class BindError(TransportError):
    """An address cannot be bound (CONN-11)."""


class KernelSockets(Fields):
    """The four sockets of the I/O thread; the heartbeat has a context and thread of its own."""

    context: zmq.Context[Socket]
    shell: Socket
    control: Socket
    stdin: Socket
    iopub: Socket

    def of(self, channel: Channel) -> Socket:
        """Return the socket of *channel*."""
        socket: Socket = getattr(self, channel)
        return socket

    def close(self, linger_ms: int = LINGER_MS) -> None:
        """Close all; wait until what was sent has left, *linger_ms* milliseconds at most."""
        for channel in (Channel.SHELL, Channel.CONTROL, Channel.STDIN, Channel.IOPUB):
            remove_file(self.of(channel))
        self.context.destroy(linger=linger_ms)


def postpone_exit() -> Callable[[], None]:
    """Let large frames be sent while exit functions run, and behind them.

    pyzmq stops at exit what frees the frames that it sends without copying, and sends none from
    then on. A kernel runs the exit functions itself and goes on talking (AMB-39).

    Returns:
        A function that lets pyzmq stop it when the process really ends.
    """
    from zmq.utils import garbage  # noqa: PLC0415 - pyzmq imports it where it needs it

    atexit.unregister(garbage.gc._atexit)

    def resume() -> None:
        atexit.register(garbage.gc._atexit)

    return resume


def bind_kernel(connection: ConnectionFile) -> tuple[KernelSockets, ConnectionFile]:
    """Bind shell, control, stdin and IOPub; return them with the ports that they got.

    Raises:
        BindError: an address is taken, is none of this machine's, or none that clients can connect
            to (CONN-11); the CURVE keys cannot be used (CONN-06).
    """
    if reason := why_unreachable(connection):
        raise BindError(reason)
    context: zmq.Context[Socket] = zmq.Context()
    made: dict[Channel, Socket] = {}
    try:
        for channel in (Channel.SHELL, Channel.CONTROL, Channel.STDIN, Channel.IOPUB):
            socket = made[channel] = _open(channel, context)
            connection = bind(socket, channel, connection)
    except BaseException:
        for socket in made.values():
            remove_file(socket)
        context.destroy(linger=0)
        raise
    sockets = KernelSockets(
        context=context,
        shell=made[Channel.SHELL],
        control=made[Channel.CONTROL],
        stdin=made[Channel.STDIN],
        iopub=made[Channel.IOPUB],
    )
    return sockets, connection


def bind(socket: Socket, channel: Channel, connection: ConnectionFile) -> ConnectionFile:
    """Bind *socket* to *channel*'s address; return *connection* with the port that it got.

    Raises:
        BindError: the address is taken or is none of this machine's.
    """
    secure(socket, connection)
    if connection.port(channel):
        _bind(socket, connection.address(channel), channel)
        return connection
    if connection.transport is Transport.IPC:
        return _bind_free_path(socket, channel, connection)
    address = connection.address(channel).removesuffix(":0")
    _bind(socket, f"{address}:*", channel)
    bound = socket.getsockopt_string(zmq.LAST_ENDPOINT)
    return connection.with_ports({channel: int(bound.rpartition(":")[2])})


def monitor(socket: Socket) -> Socket:
    """Return a socket that says which connections *socket* has accepted, and which it could not."""
    return socket.get_monitor_socket(zmq.EVENT_ACCEPTED | zmq.EVENT_ACCEPT_FAILED)


def stop_no_input(socket: Socket) -> None:
    """Let ZeroMQ read what comes by *socket* however much waits; `Strangers` bounds it.

    Where a queue was full, a connection that was reset meanwhile ended the process once there was
    room again and one of ZeroMQ's own heartbeats (PING) stood behind: libzmq 4.3.5 asserts
    ``!_io_error`` before it answers.
    """
    socket.setsockopt(zmq.RCVHWM, 0)


def remove_file(socket: Socket) -> None:
    """Remove the file that *socket* made to be reached over ipc; ZeroMQ leaves it."""
    if socket.closed:
        return
    endpoint = socket.getsockopt_string(zmq.LAST_ENDPOINT)
    if endpoint.startswith(IPC):
        from assay.transport import _ipc  # noqa: PLC0415 - see there

        _ipc.remove(endpoint)


def secure(socket: Socket, connection: ConnectionFile) -> None:
    """Make *socket* a CURVE server if the connection has keys (CONN-06), and let it use IPv6."""
    if connection.transport is Transport.TCP and ":" in connection.ip:
        socket.setsockopt(zmq.IPV6, 1)
    if (curve := connection.curve) is not None:
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_SECRETKEY, curve.secret_key.encode("ascii"))
        socket.setsockopt(zmq.CURVE_PUBLICKEY, curve.public_key.encode("ascii"))
    else:
        refuse_old_versions(socket)


def refuse_old_versions(socket: Socket) -> None:
    """Cut peers off that do not speak ZeroMQ's protocol in version 3, of 2013; before it is bound.

    What such a peer sent first while the socket was closed ended the process: libzmq 4.3.5 asserts
    that it can be kept. All bytes that are no ZeroMQ count as version 1. ZeroMQ refuses both where
    peers are to be authenticated, which a domain says; and lets all others in if nothing in the
    context does it. With CURVE they are refused anyway.
    """
    socket.setsockopt(zmq.ZAP_DOMAIN, NOBODY_AUTHENTICATES)


def why_unreachable(connection: ConnectionFile) -> str:
    """Return why clients cannot connect as *connection* says; nothing if they can."""
    if (curve := connection.curve) is not None:
        from assay.transport import _curve  # noqa: PLC0415 - see there

        if reason := _curve.why_unusable(curve):
            return reason
    ip = connection.ip
    if not ip[:1].isalpha() or ip == "localhost" or ":" in ip:  # most: without an import
        return ""
    from assay.transport import _addresses  # noqa: PLC0415 - see above

    return _addresses.why_unreachable(connection)


def _open(channel: Channel, context: zmq.Context[Socket]) -> Socket:
    socket: Socket = context.socket(zmq.XPUB if channel is Channel.IOPUB else zmq.ROUTER)
    stop_no_input(socket)
    if channel is Channel.IOPUB:
        # Every subscription is reported, not only the first of a topic: each gets its welcome
        # (IOPUB-02, IOPUB-03). A full queue refuses a message instead of dropping it silently.
        socket.setsockopt(zmq.XPUB_VERBOSE, 1)
        socket.setsockopt(zmq.XPUB_NODROP, 1)
        socket.setsockopt(zmq.SNDHWM, IOPUB_QUEUE_MESSAGES)
        socket.setsockopt(zmq.MAXMSGSIZE, MAX_SUBSCRIPTION_BYTES)
        socket.setsockopt(zmq.RCVBUF, SUBSCRIBER_BUFFER_BYTES)
        return socket
    # A router drops what exceeds its queue; replies are few and are never dropped.
    socket.setsockopt(zmq.SNDHWM, 0)
    # A client that reconnects under its identity takes it over from its own dead connection.
    socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
    return socket


def _bind(socket: Socket, address: str, channel: Channel) -> None:
    if address.startswith(IPC):
        from assay.transport import _ipc  # noqa: PLC0415 - see there

        if reason := _ipc.why_too_long(address) or _ipc.why_taken(address):
            raise BindError(f"{channel}: cannot bind {address}: {reason}")
    try:
        with _private_files(address):
            socket.bind(address)
    except zmq.ZMQError as error:
        hint = f": {NO_NAME}" if error.errno == errno.ENODEV else ""
        reason = zmq.strerror(error.errno or 0)  # the error's own text has the address once more
        raise BindError(f"{channel}: cannot bind {address}: {reason}{hint}") from error


@contextmanager
def _private_files(address: str) -> Iterator[None]:
    """Let a socket file that is made meanwhile be its owner's alone (CONN-20).

    To change its mode afterwards would leave a moment in which others can connect. The mask is the
    process's: a file that another thread makes just then is its owner's alone as well.
    """
    if not address.startswith(IPC):
        yield
        return
    mask = os.umask(PRIVATE_MASK)
    try:
        yield
    finally:
        os.umask(mask)


def _bind_free_path(socket: Socket, channel: Channel, connection: ConnectionFile) -> ConnectionFile:
    from assay.transport import _ipc  # noqa: PLC0415 - see there

    port = _ipc.free_port(channel, connection)
    if port is None:
        raise BindError(f"{channel}: found no free path like {connection.address(channel)}")
    connection = connection.with_ports({channel: port})
    _bind(socket, connection.address(channel), channel)
    return connection
