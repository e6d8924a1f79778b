"""A descriptor that another thread can make readable: how a sleeping poller is woken."""

from __future__ import annotations

import sys

from assay._isolation import os
from assay._platform import wakeup_descriptors

__all__ = ["Wakeup"]

ONE = (1).to_bytes(8, sys.byteorder)
"""What an eventfd takes: eight bytes, added to its counter."""

READ_BYTES = 4096


class Wakeup:
    """An eventfd where there is one, else a pipe.

    Its descriptors are closed when nothing refers to it any more. Closing them earlier, while some
    thread may be about to call `set`, would write into whatever file was opened next.
    """

    def __init__(self) -> None:
        self._read, self._write = wakeup_descriptors()

    def fileno(self) -> int:
        """Return the descriptor to poll for reading."""
        return self._read

    def set(self) -> None:
        """Make the descriptor readable."""
        try:
            os.write(self._write, ONE)
        except BlockingIOError:
            return  # readable already, to the brim

    def clear(self) -> None:
        """Make the descriptor unreadable until the next `set`."""
        try:
            while len(os.read(self._read, READ_BYTES)) == READ_BYTES:
                continue  # a pipe may hold more than that
        except BlockingIOError:
            return  # it was not readable

    def __del__(self) -> None:
        for descriptor in {*vars(self).values()}:  # none, if there were none to be had
            os.close(descriptor)
