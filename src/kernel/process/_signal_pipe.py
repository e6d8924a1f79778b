"""Signals, which the I/O thread learns of as soon as the system delivers them.

Python only notes a signal; its handler runs when the main thread next looks. A signal that comes
just before that thread waits in the system, or while C code does not look, would end no wait.

Which handler a signal had cannot be seen in the pipe: a program may have put another one into its
place by the time that the pipe is read. So the main thread is pinged: it is sent another signal,
which wakes it, and which Python handles after all that came before. If it answers, the right
handlers have run as well.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from assay._isolation import os
from assay.kernel.process._main_thread import main_thread_ident
from assay.kernel.process._signal_handlers import SignalHandlers

__all__ = ["SignalPipe"]

PING_SIGNAL = signal.SIGURG
"""Ignored by default, and after SIGTERM in number, which is the order in which Python looks."""


class SignalPipe:
    """A pipe into which Python writes the number of each signal that it has a handler for.

    Args:
        handlers: Takes the signal of pings.
    """

    def __init__(self, handlers: SignalHandlers | None = None) -> None:
        self._handlers = handlers or SignalHandlers()
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._is_closed = False
        self._pings = 0
        self._pongs = 0
        self._is_installed = False
        self.may_replace: Callable[[int], bool] = lambda _: False
        """Returns True for a descriptor of another owner whose signals the kernel passes on."""

    def fileno(self) -> int:
        """Return the descriptor to poll for reading."""
        return self._read

    def install(self) -> None:
        """Have Python write from now on; in the main thread."""
        self._is_installed = True
        self._put_back()
        if signal.getsignal(PING_SIGNAL) == signal.SIG_DFL:
            self._handlers.take(PING_SIGNAL, self._pong)

    def reclaim(self) -> None:
        """Have Python write again where user code has ended that; in the main thread.

        A descriptor that it has put into the place of ours stays: a program waits for it.
        """
        if not self._is_installed:
            return
        present = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        if present not in (-1, self._write) and not self.may_replace(present):
            _give_back(present)

    @property
    def is_answered(self) -> bool:
        """True unless a program has taken the signal that pings."""
        return self._handlers.is_ours(PING_SIGNAL)

    def ping_main_thread(self) -> Callable[[], bool]:
        """Wake the main thread and find out whether it looks; in the I/O thread.

        Returns:
            A function that returns True once it has looked.
        """
        self._pings = number = self._pings + 1
        if self._handlers.is_ours(PING_SIGNAL):
            signal.pthread_kill(main_thread_ident(), PING_SIGNAL)
        return lambda: self._pongs >= number

    def _pong(self, _number: int, _frame: FrameType | None, /) -> None:
        self._pongs = self._pings

    def take(self) -> bytes:
        """Return the numbers that have come, and forget them."""
        try:
            return os.read(self._read, 4096)
        except BlockingIOError:
            return b""

    def remove(self) -> None:
        """Have Python write no more, unless it writes for another owner; in the main thread."""
        self._stop()
        self._handlers.give_back(PING_SIGNAL)

    @contextmanager
    def put_away(self) -> Iterator[Callable[[], None]]:
        """Have Python write to nothing inside, if it writes here; in the main thread.

        Yields:
            What ends that earlier, also where Python has been made to write elsewhere.
        """
        is_ours = self._is_installed and self._take_away()
        try:
            yield self._put_back if is_ours else _do_nothing
        finally:
            if is_ours and self._is_installed:
                self._put_back()

    def _put_back(self) -> None:
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def _take_away(self) -> bool:
        present = signal.set_wakeup_fd(-1)
        if present != self._write:
            _give_back(present)
        return present == self._write

    def _stop(self) -> None:
        self._is_installed = False
        self._take_away()

    def close(self) -> None:
        """Free the descriptors; nothing of this is used afterwards."""
        if not self._is_closed:
            self._is_closed = True
            os.close(self._read)
            os.close(self._write)

    def __del__(self) -> None:
        self.close()


def _give_back(descriptor: int) -> None:
    """Have Python write to *descriptor* again, unless its owner closed it or made it blocking."""
    with suppress(OSError, ValueError):
        signal.set_wakeup_fd(descriptor)


def _do_nothing() -> None:
    """Do nothing: Python writes for another owner."""
