"""A descriptor that another thread can make readable: how a sleeping poller is woken."""

from __future__ import annotations

import os
import sys

__all__ = ["Wakeup"]

ONE = (1).to_bytes(8, sys.byteorder)
"""What an eventfd takes: eight bytes, added to its counter."""


class Wakeup:
    """An eventfd where there is one, else a pipe.

    Its descriptors are closed when nobody has it any more. Closing them earlier, while some thread
    may be about to call `set`, would write into whatever file was opened next.
    """

    def __init__(self) -> None:
        self._eventfd = hasattr(os, "eventfd")
        if self._eventfd:
            self._read = self._write = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        else:
            self._read, self._write = os.pipe()
            os.set_blocking(self._read, False)
            os.set_blocking(self._write, False)

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
            os.read(self._read, 4096)
        except BlockingIOError:
            return  # it was not readable

    def __del__(self) -> None:
        os.close(self._read)
        if not self._eventfd:
            os.close(self._write)
