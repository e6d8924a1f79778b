"""What a client has been sent and has not taken yet, as far as it can be kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from assay.transport._answer import Received, Refused

__all__ = ["Inbox"]

MOST = 10_000
"""Messages that an inbox keeps; what is older is dropped, and counted."""

MOST_BYTES = 64_000_000
"""Of their frames; one message is kept, however large."""

Item = TypeVar("Item", bound=Received | Refused)


class Inbox(Generic[Item]):
    """The newest messages of a kind, oldest first."""

    def __init__(self) -> None:
        self.items: deque[Item] = deque()
        self.dropped = 0
        """How many there was no room for."""

        self._bytes = 0

    def put(self, item: Item) -> None:
        """Append *item*, and drop the oldest where there is no room."""
        self.items.append(item)
        self._bytes += _size(item)
        while len(self.items) > MOST or (self._bytes > MOST_BYTES and len(self.items) > 1):
            self.take()
            self.dropped += 1

    def take(self) -> Item:
        """Return the oldest; there has to be one."""
        item = self.items.popleft()
        self._bytes -= _size(item)
        return item

    def take_if(self, wanted: Callable[[Item], bool]) -> tuple[Item, ...]:
        """Return all that are *wanted*; the others stay."""
        items = [self.take() for _ in range(len(self.items))]
        for item in items:
            if not wanted(item):
                self.put(item)
        return tuple(filter(wanted, items))


def _size(item: Received | Refused) -> int:
    return sum(map(len, item.frames))
