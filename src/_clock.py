"""The time, whatever a program in a cell has made of the module `time`.

Tests freeze the time and replace its functions, and a notebook runs tests. freezegun looks through
all modules for the functions of `time`, and puts its own in their place; it finds none here. The
kernel's limits and pauses go by the machine's time, and so do the dates of its messages.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

__all__ = ["monotonic", "now", "sleep", "wall_clock"]


def monotonic(read: Callable[[], float] = time.monotonic) -> float:
    """Return seconds since some moment: the clock for limits."""
    return read()


def wall_clock(read: Callable[[], float] = time.time) -> float:
    """Return seconds since 1970."""
    return read()


def now(kind: type[datetime] = datetime) -> datetime:
    """Return the date, in UTC."""
    return kind.now(UTC)


def sleep(seconds: float, wait: Callable[[float], None] = time.sleep) -> None:
    """Wait for *seconds*, and let no other greenlet run, which gevent's function would."""
    wait(seconds)
