"""What a client is told of the connection that it was given."""

from __future__ import annotations

from assay.protocol import Channel, ConnectionFile
from assay.transport._logger import get_logger

__all__ = ["tell_risks"]

logger = get_logger("assay.transport")

_told: set[tuple[str, str]] = set()
"""Addresses and risks; a program may connect to a kernel again and again."""


def tell_risks(connection: ConnectionFile) -> None:
    """Log what lets others into the kernel of *connection*, once in this process (CONN-21).

    The kernel says the same. But who started it may be another program, or another user.
    """
    address = connection.address(Channel.SHELL)
    for risk in connection.risks:
        if (address, risk) not in _told:
            _told.add((address, risk))
            logger.warning("kernel at %s: %s", address, risk)
