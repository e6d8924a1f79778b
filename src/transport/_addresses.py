"""Addresses that a socket can be bound to and that no client can connect to."""

from __future__ import annotations

import socket

from assay.protocol import ConnectionFile, Transport

__all__ = ["why_unreachable"]


def why_unreachable(connection: ConnectionFile) -> str:
    """Return why clients cannot connect to the address of *connection*; nothing if they can.

    ZeroMQ binds to a network interface by its name (``lo``), but takes that for a host's where it
    connects: the kernel would listen, and no client would reach it.
    """
    ip = connection.ip
    if connection.transport is not Transport.TCP:
        return ""
    try:
        socket.getaddrinfo(ip, None)
    except (OSError, UnicodeError):  # the latter for a name that none can be: it is too long
        what = "a network interface" if ip in _interfaces() else "for which there is none"
        return f"ip: wanted an address that clients can connect to, found {ip}, {what}"
    return ""


def _interfaces() -> set[str]:
    try:
        return {name for _, name in socket.if_nameindex()}
    except OSError:
        return set()
