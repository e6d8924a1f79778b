"""What many rounds of one figure are boiled down to.

A *round* gives one list of values for each kernel and metric. The figure of a round is the median
of its list; ratios are taken round by round, between figures measured next to each other in
time, and only then is their median taken. So a machine that is slow for a while slows both
sides of a ratio.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

WORST_SHARE = 0.01
"""The share of values beyond the one reported as `p99`."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """One kernel's figures for one metric, in the metric's unit."""

    median: float
    """The median of the rounds' medians."""
    minimum: float
    maximum: float
    p99: float
    """The value that 99 % of all values are at least as good as."""
    values: int
    """How many single values were measured in all rounds."""
    rounds: int
    """How many rounds gave a figure."""
    spread: float
    """Half the range between the quartiles of the rounds' medians, as a share of their median."""


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest of *values* that at least *share* of them do not exceed.

    Args:
        values: At least one number, in any order.
        share: From 0 (the smallest) to 1 (the largest).

    Raises:
        ValueError: *values* is empty, or *share* is outside its range.
    """
    if not values or not 0 <= share <= 1:
        raise ValueError(f"want values and a share from 0 to 1, found {len(values)}, {share}")
    rank = max(1, math.ceil(share * len(values)))
    return sorted(values)[rank - 1]


def summarize(rounds: Sequence[Sequence[float]], *, higher_is_better: bool) -> Summary | None:
    """Return the summary of *rounds*, or nothing when no round has a value."""
    filled = [values for values in rounds if values]
    if not filled:
        return None
    everything = [value for values in filled for value in values]
    middles = [median(values) for values in filled]
    bad = WORST_SHARE if higher_is_better else 1 - WORST_SHARE
    return Summary(
        median=median(middles),
        minimum=min(everything),
        maximum=max(everything),
        p99=quantile(everything, bad),
        values=len(everything),
        rounds=len(filled),
        spread=spread(middles),
    )


def spread(middles: Sequence[float]) -> float:
    """Return half the distance of the quartiles, as a share of the median; 0 if that is 0."""
    middle = median(middles)
    if not middle:
        return 0.0
    return (quantile(middles, 0.75) - quantile(middles, 0.25)) / 2 / abs(middle)


def ratio(
    ours: Mapping[int, Sequence[float]], theirs: Mapping[int, Sequence[float]]
) -> float | None:
    """Return the median of the ratios of the rounds that both sides have.

    Args:
        ours: The values by the round's number.
        theirs: The same of the kernel that counts as 1.

    Returns:
        Nothing when no round has both, or when theirs is 0 wherever it has.
    """
    shared = [number for number, values in ours.items() if values and theirs.get(number)]
    pairs = [(median(ours[number]), median(theirs[number])) for number in shared]
    ratios = [mine / other for mine, other in pairs if other]
    return median(ratios) if ratios else None
