"""What the system says of a connection and its peer, and which ports it gives."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from assay._platform import IS_PORTABLE

if TYPE_CHECKING:
    import _socket

__all__ = [
    "PROGRESS_IS_SEEN",
    "SERVED_PORTS_FROM",
    "lowest_served_port",
    "progress_of",
    "traffic_of",
]

LOCAL_PORT_RANGE = "/proc/sys/net/ipv4/ip_local_port_range"

SERVED_PORTS_FROM = 32_768
"""The ports that Linux gives to programs that ask for any begin here; elsewhere at 49,152."""

TCP_INFO_BYTES = 136
BYTES_ACKED = slice(120, 128)
BYTES_RECEIVED = slice(128, 136)
"""Where Linux 4.1 and later say how much a peer has taken, and sent, since the connection began."""

SIOCOUTQ = 0x5411
SO_NWRITE = 0x1024
"""Linux, macOS: bytes of a socket that the peer has not taken."""

PROGRESS_IS_SEEN: Final = sys.platform in {"linux", "darwin"}
"""True where `progress_of` knows how much waits for a peer."""


def progress_of(connection: _socket.socket) -> tuple[int, int]:
    """Return how many bytes the peer of *connection* has taken, and how many wait for it.

    Either is 0 where that cannot be seen.

    Raises:
        OSError: the connection is gone.
    """
    return _taken(connection), _pending(connection)


def traffic_of(connection: _socket.socket) -> tuple[int, int]:
    """Return how many bytes the peer of *connection* has sent, and how many it has taken.

    Raises:
        OSError: the connection is gone, or is no TCP.
    """
    if sys.platform == "linux" and not IS_PORTABLE:
        import socket  # noqa: PLC0415 - once there are connections

        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
        received, acked = info[BYTES_RECEIVED], info[BYTES_ACKED]
        return int.from_bytes(received, sys.byteorder), int.from_bytes(acked, sys.byteorder)
    return 0, 0


def _pending(connection: _socket.socket) -> int:
    if sys.platform == "linux":
        import fcntl  # noqa: PLC0415 - only if a subscriber is slow

        return int.from_bytes(fcntl.ioctl(connection, SIOCOUTQ, bytes(4)), sys.byteorder)
    elif sys.platform == "darwin":  # noqa: RET505 - else mypy finds what follows unreachable
        import socket  # noqa: PLC0415 - the same

        return connection.getsockopt(socket.SOL_SOCKET, SO_NWRITE)
    else:
        return 0


def _taken(connection: _socket.socket) -> int:
    if sys.platform == "linux" and not IS_PORTABLE:
        import socket  # noqa: PLC0415 - only if a subscriber is slow

        try:
            info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
        except OSError:  # no TCP
            return 0
        return int.from_bytes(info[BYTES_ACKED], sys.byteorder)
    return 0


def lowest_served_port() -> int:
    """Return where the ports begin that the system gives to programs that ask for any."""
    if not IS_PORTABLE:
        try:
            with open(LOCAL_PORT_RANGE, encoding="ascii") as file:  # noqa: PTH123 - see below
                return int(file.read().split()[0])
        except (OSError, ValueError, IndexError):
            return SERVED_PORTS_FROM
    return SERVED_PORTS_FROM
