"""Notice that the controller is gone: its pings stop, or the connection to its hub is lost.

The hub pings each engine once in a period, and forgets one that misses ten pings. The engine does
the same with the hub: after as many periods without a ping it ends (ENGINE-18), or without the hub
itself, whose pings may come from another process that has outlived it. Short periods are no reason
to end sooner than `LEAST_S`: a controller that is started again takes some time.
"""

from __future__ import annotations

from collections.abc import Callable

from assay._clock import monotonic
from assay.transport import Heart, HubLine, IoThread, get_logger

__all__ = ["HubWatch"]

logger = get_logger("assay.kernel")

LEAST_S = 10.0

MISSED_PERIODS = 2
"""So long after a ping at least one has been missed."""


class HubWatch:
    """Measure how long the controller has given no sign of life; in the I/O thread.

    Args:
        io: Watches the signs.
        heart: Copies the pings.
        line: Shows whether the hub is connected.
        period_s: From one ping to the next.
        misses: How many may be missed; 0 for any number.
        gone: Called once when there were more.
        returned: Called when a sign comes after others were missed: the hub may have missed the
            engine's as well.
        now: A monotonic clock, in seconds.
    """

    def __init__(
        self,
        io: IoThread,
        heart: Heart,
        line: HubLine,
        *,
        period_s: float,
        misses: int,
        gone: Callable[[], None],
        returned: Callable[[], None],
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._now = now
        self._io = io
        self._heart = heart
        self._line = line
        self._period_s = period_s
        self._patience_s = max(LEAST_S, misses * period_s)
        self._gone = gone
        self._returned = returned
        self._pinged_at = self._looked_at = now()
        self._lost_at: float | None = None
        if misses:
            io.call_later(period_s, self._look)
        io.watch(heart.pings, self._note_ping)
        io.watch(line.events, self._note_line)

    def _note_ping(self) -> None:
        if not self._heart.take():
            return
        now = self._now()
        if now - self._pinged_at > MISSED_PERIODS * self._period_s:
            self._returned()
        self._pinged_at = now

    def _note_line(self) -> None:
        if self._line.take():
            if self._lost_at is not None:
                self._returned()
            self._lost_at = None
        elif self._lost_at is None:
            self._lost_at = self._now()

    def _look(self) -> None:
        now = self._now()
        if now - self._looked_at > self._period_s + LEAST_S / 2:
            # This process has been stopped for a while: what has come meanwhile is read first.
            self._returned()
            self._pinged_at = now
            self._lost_at = now if self._lost_at is not None else None
        self._looked_at = now
        lost_at = now if self._lost_at is None else self._lost_at
        silent_s = now - min(self._pinged_at, lost_at)
        if silent_s > self._patience_s:
            logger.critical("no sign of the controller for %.0f s: it is gone", silent_s)
            self._gone()
            return
        self._io.call_later(self._period_s, self._look)
