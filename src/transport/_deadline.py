"""How long to wait."""

from __future__ import annotations

import time

__all__ = ["Deadline"]


class Deadline:
    """A moment after which waiting ends; None never comes."""

    def __init__(self, timeout: float | None) -> None:
        self.timeout = timeout
        self._at = None if timeout is None else time.monotonic() + timeout

    @property
    def left_ms(self) -> int | None:
        """Milliseconds that are left, as a poller wants them: None waits for ever."""
        if self._at is None:
            return None
        # Rounded up: rounding down would spin through the last millisecond.
        return max(0, -int((time.monotonic() - self._at) * 1_000 // 1))

    @property
    def passed(self) -> bool:
        return self._at is not None and time.monotonic() >= self._at

    def sooner(self, other: Deadline) -> Deadline:
        """Return the deadline that comes first."""
        if self._at is None:
            return other
        return other if other._at is not None and other._at < self._at else self
