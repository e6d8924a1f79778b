"""How long to wait.

A signal ends a wait in the system, but not one that begins just behind it: its handler runs when
that wait is over. Ctrl-C at such a moment would be lost if the kernel says nothing more. So no wait
lasts longer than `SLICE_S`, and Python runs the handlers that are due between two of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

from assay._clock import monotonic
from assay.protocol import LocalError

__all__ = ["SLICE_S", "Deadline"]

T = TypeVar("T")

SLICE_S = 0.5
"""How long a signal may wait for its handler: hardly noticed, and waking as often costs nothing."""


class Deadline:
    """A moment after which waiting ends; None never comes.

    Raises:
        LocalError: the timeout is no number.
    """

    def __init__(self, timeout: float | None) -> None:
        if timeout is not None and not isinstance(timeout, (int, float)):
            raise LocalError(f"timeout: wanted seconds, or None for ever, found {timeout!r}")
        self.timeout = timeout
        self._at = None if timeout is None else monotonic() + timeout

    def wait(self, poll: Callable[[int], T]) -> T:
        """Call *poll* until it returns something true or the moment has passed; return its last.

        Args:
            poll: Waits for as many milliseconds as it is given, at most.
        """
        while True:
            found = poll(self._slice_ms())
            if found or self.passed:
                return found

    def _slice_ms(self) -> int:
        if self._at is None:
            return int(SLICE_S * 1_000)
        # Rounded up: rounding down would spin through the last millisecond.
        return math.ceil(min(max(0.0, self._at - monotonic()), SLICE_S) * 1_000)

    @property
    def passed(self) -> bool:
        return self._at is not None and monotonic() >= self._at

    def passed_by(self, seconds: float) -> bool:
        """Return whether it passed so many *seconds* ago, or more."""
        return self._at is not None and monotonic() >= self._at + seconds

    def sooner(self, other: Deadline) -> Deadline:
        """Return the deadline that comes first."""
        if self._at is None:
            return other
        return other if other._at is not None and other._at < self._at else self
