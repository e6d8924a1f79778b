"""Signals that the main thread has not noticed.

Python only notes a signal; its handler runs when the main thread next looks. One that comes just
before that thread waits in the system, or while C code does not look, would wake nobody. So Python
writes each signal's number into a pipe as well; a handler that runs empties it, and what another
thread finds in it after a while has not been noticed.
"""

from __future__ import annotations

import os
import signal

__all__ = ["SignalPipe"]


class SignalPipe:
    """The pipe. It is closed when nobody has it any more: never while Python may write to it."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._is_installed = False
        self._heard = 0

    def fileno(self) -> int:
        """Return the descriptor to poll for reading."""
        return self._read

    def install(self) -> None:
        """Let Python write, from now on; in the main thread."""
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._is_installed = True

    def hear(self) -> None:
        """Know that a handler runs, and forget what has come; for handlers."""
        if self._is_installed:
            self._heard += 1
            self._take()

    def unheard(self) -> bytes:
        """Return the numbers of the signals that no handler has heard, and forget them."""
        heard = self._heard
        numbers = self._take()
        return numbers if heard == self._heard else b""

    def remove(self) -> None:
        """Let Python write no more, unless it writes for somebody else; in the main thread.

        Also in a forked child, whose signals are its own.
        """
        self._is_installed = False
        present = signal.set_wakeup_fd(-1)
        if present != self._write:
            signal.set_wakeup_fd(present)

    def _take(self) -> bytes:
        try:
            return os.read(self._read, 4096)
        except BlockingIOError:
            return b""

    def __del__(self) -> None:
        os.close(self._read)
        os.close(self._write)
