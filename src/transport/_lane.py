"""A queue of work for one thread, which may wait for it in a lock or in an event loop."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Lane"]

T = TypeVar("T")


class Lane(Generic[T]):
    """First in, first out; any thread puts and takes, one thread waits.

    A `queue.SimpleQueue` would do, but cannot be looked through: requests that wait behind a
    failed one are to be found (EXEC-20). Nor could its reader wait in an event loop.
    """

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._lock = threading.Lock()
        self._lock.acquire()
        self.wake: Callable[[], None] = self.nudge

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Append *item* and wake the reader."""
        self._items.append(item)
        self.wake()

    def get(self) -> T | None:
        """Wait for the next item; None if woken without one. A signal handler may raise."""
        self.wait()
        return self.poll()

    def wait(self, seconds: float = -1) -> bool:
        """Wait until there may be an item, and take none. A signal handler may raise.

        Args:
            seconds: The longest wait; by default there is no limit.

        Returns:
            False if the time is over.
        """
        return bool(self._items) or self._lock.acquire(timeout=seconds)

    def poll(self) -> T | None:
        """Return the next item if there is one."""
        try:
            return self._items.popleft()
        except IndexError:
            return None

    def take(self, wanted: Callable[[T], bool]) -> T | None:
        """Return the first item that is *wanted*, ahead of those before it, if there is one.

        For any thread: an item that two want goes to one of them.
        """
        for item in list(self._items):
            if wanted(item):
                try:
                    self._items.remove(item)
                except ValueError:  # another thread has just taken it
                    continue
                return item
        return None

    def waiting(self) -> list[T]:
        """Return what waits, first to last; from the thread that puts, it misses nothing."""
        return list(self._items)

    def wait_by(self, wake: Callable[[], None] | None) -> None:
        """Let *wake* wake the reader instead of the lock; None for the lock again.

        A reader that changes this looks at `len` afterwards: what was put before the change woke
        no thread.
        """
        self.wake = wake or self.nudge

    def nudge(self) -> None:
        """Let a reader that waits in `get` return."""
        # The lock is a flag: released while there may be something to get. Two threads that put
        # at once may both see it locked.
        if self._lock.locked():
            try:  # noqa: SIM105 - `suppress` needs a builtin that a program may have taken away
                self._lock.release()
            except RuntimeError:
                pass
