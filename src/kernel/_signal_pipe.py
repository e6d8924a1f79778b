"""Signals, told to the I/O thread as soon as the system delivers them.

Python only notes a signal; its handler runs when the main thread next looks. A signal that comes
just before that thread waits in the system, or while C code does not look, would wake nobody.
"""

from __future__ import annotations

import os
import signal

__all__ = ["SignalPipe"]


class SignalPipe:
    """A pipe into which Python writes the number of each signal that it has a handler for."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def fileno(self) -> int:
        """Return the descriptor to poll for reading."""
        return self._read

    def install(self) -> None:
        """Let Python write, from now on; in the main thread."""
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def take(self) -> bytes:
        """Return the numbers that have come, and forget them."""
        try:
            return os.read(self._read, 4096)
        except BlockingIOError:
            return b""

    def remove(self) -> None:
        """Let Python write no more, unless it writes for somebody else; in the main thread."""
        present = signal.set_wakeup_fd(-1)
        if present != self._write:
            signal.set_wakeup_fd(present)

    def __del__(self) -> None:
        os.close(self._read)
        os.close(self._write)
