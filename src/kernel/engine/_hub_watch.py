"""Notice that the controller is gone: its pings stop.

The hub pings each engine once in a period, and forgets one that misses ten pings. The engine does
the same with the hub: after as many periods without a ping it ends (ENGINE-18). Short periods are
no reason to end sooner than `LEAST_S`: a controller that is started again takes some time.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from assay.transport import Heart, IoThread, get_logger

__all__ = ["HubWatch"]

logger = get_logger("assay.kernel")

LEAST_S = 10.0


class HubWatch:
    """Count the periods without a ping; in the I/O thread.

    Args:
        io: Watches the pings.
        heart: Copies them.
        period_s: From one to the next.
        misses: How many may be missed; 0 for any number.
        gone: Called once when there were more.
    """

    def __init__(
        self,
        io: IoThread,
        heart: Heart,
        *,
        period_s: float,
        misses: int,
        gone: Callable[[], None],
    ) -> None:
        self._io = io
        self._heart = heart
        self._period_s = period_s
        self._patience_s = max(LEAST_S, misses * period_s)
        self._gone = gone
        self._heard_at = monotonic()
        self._looked_at = self._heard_at
        if misses:
            io.call_later(period_s, self._look)
        io.watch(heart.pings, self._note)

    def _note(self) -> None:
        if self._heart.take():
            self._heard_at = monotonic()

    def _look(self) -> None:
        now = monotonic()
        if now - self._looked_at > self._period_s + LEAST_S / 2:
            # This process has been stopped for a while: what has come meanwhile is read first.
            self._heard_at = now
        self._looked_at = now
        if now - self._heard_at > self._patience_s:
            logger.critical(
                "no ping of the controller for %.0f s: it is gone", now - self._heard_at
            )
            self._gone()
            return
        self._io.call_later(self._period_s, self._look)
