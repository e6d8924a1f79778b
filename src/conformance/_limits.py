"""How long a kernel is waited for: all of it scales with the time that it took to start."""

from __future__ import annotations

import time
from collections import Counter

from assay.protocol import Channel

__all__ = ["START_LIMIT_S", "Limits", "OutOfTime", "Silence"]

START_LIMIT_S = 60.0
"""For the first sign of life. A kernel on a cold, slow disk may take half of this."""

LEAST_START_S = 10.0
STARTS_START = 8.0

LEAST_PATIENCE_S = 5.0
STARTS_PATIENCE = 4.0
MOST_PATIENCE_S = 60.0

LEAST_GRACE_S = 0.3
STARTS_GRACE = 0.2
MOST_GRACE_S = 3.0

CHECK_PATIENCES = 6.0
"""How many times the patience a whole check may take."""

FOLLOWED = 10.0
"""How many times the time of a whole check what goes on is followed, at most."""

IN_VAIN = 2
"""How often a request is waited for in vain before it is known to stay unanswered."""


class OutOfTime(Exception):  # noqa: N818 - the end of a check, not an error of ours
    """A check has used up its time."""


class Silence:
    """Which requests the kernels of one run have left unanswered while they answered others.

    Much is optional (SHELL-02). What was waited for in vain twice is not waited for in each further
    check: a kernel that leaves much unanswered would else have no time for the rest.
    """

    def __init__(self) -> None:
        self._unanswered = Counter[tuple[str, Channel]]()

    def __contains__(self, request: tuple[str, Channel]) -> bool:
        return self._unanswered[request] >= IN_VAIN

    def add(self, request: tuple[str, Channel]) -> None:
        """Take note that nothing came for a right *request*, a type and a channel."""
        self._unanswered[request] += 1

    def discard(self, request: tuple[str, Channel]) -> None:
        """Take note that something came, be it late."""
        self._unanswered[request] = 0


class Limits:
    """The time limits for one kernel.

    Args:
        start_s: Seconds that the kernel took to start.
        silence: What is known of other kernels of the same run.
    """

    def __init__(
        self, start_s: float = START_LIMIT_S / STARTS_PATIENCE, silence: Silence | None = None
    ) -> None:
        self.start_s = start_s
        self.silence = silence or Silence()

        self.times = 1.0
        """How many times as patient to be as with other kernels; the most stays the most."""

        self._began = 0.0
        self._ends: float | None = None
        self._stopped = False

    @property
    def patience(self) -> float:
        """Seconds to wait for what must come."""
        usual = max(LEAST_PATIENCE_S, STARTS_PATIENCE * self.start_s)
        return min(self.times * usual, MOST_PATIENCE_S)

    def start(self, most: float = START_LIMIT_S) -> float:
        """Return the seconds for the first sign of life of a kernel like the one that started.

        Args:
            most: The limit for the first of them.
        """
        return min(max(LEAST_START_S, STARTS_START * self.start_s), most)

    @property
    def grace(self) -> float:
        """Seconds that messages of different sockets may be apart."""
        return min(max(LEAST_GRACE_S, STARTS_GRACE * self.start_s), MOST_GRACE_S)

    @property
    def check_s(self) -> float:
        """Seconds that one check may take."""
        return CHECK_PATIENCES * self.patience

    def begin(self) -> None:
        """Let the time of a check begin."""
        self._began = time.monotonic()
        self._ends = self._began + self.check_s

    def prolong(self) -> None:
        """Let the time of a check begin anew, since something has come, but not without end."""
        if self._ends is not None:
            most = self._began + FOLLOWED * self.check_s
            self._ends = min(time.monotonic() + self.check_s, most)

    def forgive(self, seconds: float) -> None:
        """Add to the time of the check what the system has kept this process waiting."""
        if self._ends is not None:
            self._began += seconds
            self._ends += seconds

    def stop(self) -> None:
        """End all waiting, now and later; from any thread."""
        self._stopped = True

    @property
    def stopped(self) -> bool:
        """Whether nothing is waited for any more."""
        return self._stopped

    def within(self, timeout: float | None) -> float:
        """Return *timeout*, by default the patience, cut to what is left of the check's time."""
        wanted = self.patience if timeout is None else timeout
        if self._stopped:
            return 0.0
        return (
            wanted if self._ends is None else max(0.0, min(wanted, self._ends - time.monotonic()))
        )

    def require_time(self) -> None:
        """Raise if the check has used up its time.

        Raises:
            OutOfTime: it has, or the run was stopped.
        """
        if self._stopped:
            raise OutOfTime("the run was stopped")
        if self._ends is not None and time.monotonic() >= self._ends:
            raise OutOfTime(f"the check was stopped after {self._ends - self._began:.0f} s")
