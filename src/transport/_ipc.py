"""The files over which kernels are reached by ipc. Few are: others start without this module."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from random import SystemRandom

import zmq

from assay._platform import NO_KERNEL, UnsupportedSystemError
from assay.protocol import Channel, ConnectionFile

__all__ = ["free_port", "path_of", "remove", "why_taken", "why_too_long"]

ATTEMPTS = 100
MAX_NUMBER = 65_535


def path_of(address: str) -> Path:
    """Return the path in *address*, ``ipc://path``."""
    return Path(address.removeprefix("ipc://"))


def free_port(channel: Channel, connection: ConnectionFile) -> int | None:
    """Return a number for *channel* whose path is not used; None if none was found."""
    random = SystemRandom()
    for _ in range(ATTEMPTS):
        port = random.randint(1, MAX_NUMBER)
        if not path_of(connection.with_ports({channel: port}).address(channel)).exists():
            return port
    return None


def why_too_long(address: str) -> str:
    """Return why the system has no room for the path of *address*, or nothing."""
    found = len(os.fsencode(path_of(address)))
    if found <= zmq.IPC_PATH_MAX_LEN:
        return ""
    return f"wanted a path of up to {zmq.IPC_PATH_MAX_LEN} bytes, found one of {found}"


def why_taken(address: str) -> str:
    """Return why *address* must not be bound, or nothing: ZeroMQ would remove what is there.

    A socket without a listener is what a kernel left that was killed.
    """
    path = path_of(address)
    if not os.path.lexists(path):
        return ""
    with socket.socket(_family()) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return "" if path.is_socket() else "there is a file that is no socket"
        except OSError as error:
            return str(error)
    return "address already in use"


def _family() -> socket.AddressFamily:
    if sys.platform == "win32":
        raise UnsupportedSystemError(NO_KERNEL)
    else:  # noqa: RET506 - so that mypy takes each branch for its system's
        return socket.AF_UNIX


def remove(address: str) -> None:
    """Remove the file that a socket made to be reached at *address*; ZeroMQ leaves it."""
    path_of(address).unlink(missing_ok=True)
