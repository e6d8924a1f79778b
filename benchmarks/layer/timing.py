"""Time both sides in turns and compare them."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.layer.cases import Case
from benchmarks.layer.sides import OPERATIONS, Side, Work, check

BATCH_S: Final = 0.01
"""About how long one timed batch takes; long enough for the clock, short enough for turns."""
MAX_COUNT: Final = 1_000
MAX_HELD_BYTES: Final = 1 << 28
"""No batch holds more than about this much at once."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One operation on one case, in seconds a message."""

    case: str
    operation: str
    medians: dict[str, float]
    """By the side's name; a side without the operation is missing."""
    minima: dict[str, float]
    ratio: float | None
    """The median of the turns' ratios, first side to second."""


def compare(
    sides: tuple[Side, Side],
    cases: Sequence[Case],
    turns: int,
    say: Callable[[str], None],
) -> Iterator[Timing]:
    """Yield a timing for each operation on each case that the first side has.

    Args:
        sides: Ours, and the one that counts as 1.
        cases: The messages.
        turns: How often each side is timed.
        say: Told the case that is begun.
    """
    for case in cases:
        say(case.name)
        check(case)
        for operation in OPERATIONS:
            yield _compare(sides, operation, case, turns)


def _compare(sides: tuple[Side, Side], operation: str, case: Case, turns: int) -> Timing:
    able = [side for side in sides if side.prepare(operation, case, 1)]
    counts = {side.name: _count(side, operation, case) for side in able}
    times: dict[str, list[float]] = {side.name: [] for side in able}
    for turn in range(turns):
        for side in able if turn % 2 else reversed(able):
            count = counts[side.name]
            times[side.name].append(_seconds(side.prepare(operation, case, count)) / count)
    first, second = (times.get(side.name, []) for side in sides)
    ratios = [ours / theirs for ours, theirs in zip(first, second, strict=False)]
    return Timing(
        case=case.name,
        operation=operation,
        medians={name: median(values) for name, values in times.items()},
        minima={name: min(values) for name, values in times.items()},
        ratio=median(ratios) if ratios else None,
    )


def _count(side: Side, operation: str, case: Case) -> int:
    """Return how many messages make a batch of about `BATCH_S`."""
    _seconds(side.prepare(operation, case, 1))
    once = _seconds(side.prepare(operation, case, 3)) / 3
    held = 2_000 + sum(len(str(value)) for value in case.content.values())
    return max(1, min(MAX_COUNT, round(BATCH_S / once), MAX_HELD_BYTES // held))


def _seconds(work: Work | None) -> float:
    assert work is not None
    gc.collect()
    gc.disable()
    try:
        started_at = time.perf_counter()
        work()
        return time.perf_counter() - started_at
    finally:
        gc.enable()
