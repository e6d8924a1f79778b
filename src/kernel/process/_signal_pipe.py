"""Signals, told to the I/O thread as soon as the system delivers them.

Python only notes a signal; its handler runs when the main thread next looks. A signal that comes
just before that thread waits in the system, or while C code does not look, would wake nobody.

Which handler a signal had cannot be told from the pipe: a program may have put another one into
its place by the time that the pipe is read. So the main thread is asked: it is sent another signal,
which wakes it, and which Python handles after all that came before. If it answers, the right
handlers have run as well.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

__all__ = ["SignalPipe"]

QUESTION = signal.SIGURG
"""Ignored by default, and after SIGTERM in number, which is the order in which Python looks."""


class SignalPipe:
    """A pipe into which Python writes the number of each signal that it has a handler for."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._asked = 0
        self._answered = 0

    def fileno(self) -> int:
        """Return the descriptor to poll for reading."""
        return self._read

    def install(self) -> None:
        """Let Python write, from now on; in the main thread."""
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        if signal.getsignal(QUESTION) == signal.SIG_DFL:
            signal.signal(QUESTION, self._answer)

    def ask(self) -> Callable[[], bool]:
        """Ask the main thread whether it looks, in the I/O thread.

        Returns:
            A function that returns True once it has looked.
        """
        self._asked = asked = self._asked + 1
        if signal.getsignal(QUESTION) == self._answer:
            signal.pthread_kill(threading.main_thread().ident or 0, QUESTION)
        return lambda: self._answered >= asked

    def _answer(self, _number: int, _frame: FrameType | None) -> None:
        self._answered = self._asked

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
        if signal.getsignal(QUESTION) == self._answer:
            signal.signal(QUESTION, signal.SIG_DFL)

    def give_up(self) -> None:
        """Leave signals to a library that wants to be the only one; while it is imported."""
        # In another thread Python does not allow it: the library will complain, but work.
        if threading.current_thread() is threading.main_thread():
            self.remove()

    def __del__(self) -> None:
        os.close(self._read)
        os.close(self._write)
