"""Wakes a toolkit that cannot wait for a descriptor itself: a thread waits for it."""

from __future__ import annotations

import os
import select
from collections.abc import Callable

from attrs import frozen

from assay._clock import monotonic
from assay.kernel._own_thread import OwnThread

__all__ = ["AGAIN_S", "DescriptorWatch"]

AGAIN_S = 0.05
"""How long after it has woken the toolkit it does so again, where nothing has come of it."""


@frozen(kw_only=True, eq=False)
class _Order:
    """What to wait for, once."""

    descriptor: int
    end: float | None
    """When to wake in any case, as `monotonic` counts."""


class DescriptorWatch:
    """One thread, which wakes the main one.

    An order replaces the one before. An interrupt anywhere in the main thread leaves at worst one
    behind that wakes it for nothing. It is carried out again until there is another: what a
    callback waits for itself ends by the first, and by no more than that.

    Args:
        wake: Called in that thread; ends the toolkit's waiting, or the next if it does not wait.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._order: _Order | None = None
        self._is_closed = False
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._thread = OwnThread(target=self._run, name="assay-gui", daemon=True)
        self._thread.start()

    def wake_when_readable(self, descriptor: int, timeout: float | None) -> None:
        """Wake the toolkit when *descriptor* can be read, or after *timeout* seconds.

        Nothing happens once it is closed, as it may be by what the toolkit calls while it waits.
        """
        end = None if timeout is None else monotonic() + timeout
        self._order = _Order(descriptor=descriptor, end=end)
        self._look()

    def forget(self) -> None:
        """Wake it no more."""
        self._order = None
        self._look()

    def close(self) -> None:
        """End the thread."""
        if not self._is_closed:
            self._is_closed = True
            self._wake_thread()
            self._thread.join()
            os.close(self._read)
            os.close(self._write)

    def _look(self) -> None:
        # The number of a closed descriptor may be that of a file of the user's by now.
        if not self._is_closed:
            self._wake_thread()

    def _wake_thread(self) -> None:
        try:
            os.write(self._write, b"x")
        except BlockingIOError:  # it has been asked to look often enough
            return

    def _run(self) -> None:
        due: _Order | None = None
        while not self._is_closed:
            order = self._order
            if self._wait(order, is_again=order is not None and order is due):
                due = order
                self._wake()

    def _wait(self, order: _Order | None, *, is_again: bool) -> bool:
        """Return True if *order* is due, False if there is another."""
        poll = select.poll()
        poll.register(self._read, select.POLLIN)
        limit = AGAIN_S * 1000 if is_again else None
        if order is not None and not is_again:
            poll.register(order.descriptor, select.POLLIN)
            if order.end is not None:
                limit = max(0.0, order.end - monotonic()) * 1000
        found = {descriptor for descriptor, _ in poll.poll(limit)}
        if self._read in found:
            os.read(self._read, 4096)
            return False
        return order is not None
