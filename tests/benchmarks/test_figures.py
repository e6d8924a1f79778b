"""The statistics of the benchmark harness."""

from __future__ import annotations

from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import figures

NUMBERS = st.lists(st.floats(0.001, 1e6), min_size=1, max_size=50)


@pytest.mark.parametrize(
    ("share", "wanted"), [(0, 1), (0.01, 1), (0.5, 50), (0.99, 99), (0.991, 100), (1, 100)]
)
def test_quantile_is_the_value_of_that_rank(share: float, wanted: float) -> None:
    """Of the numbers 1 to 100, the quantile is the rank rounded up."""
    values = [float(number) for number in range(100, 0, -1)]

    assert figures.quantile(values, share) == wanted


@pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1.0], -0.1), ([1.0], 1.1)])
def test_quantile_refuses_what_has_none(values: list[float], share: float) -> None:
    """No values, or a share outside 0 to 1, is a `ValueError`."""
    with pytest.raises(ValueError, match="want values"):
        figures.quantile(values, share)


@given(NUMBERS, st.floats(0, 1))
def test_quantile_is_one_of_the_values(values: list[float], share: float) -> None:
    """Enough of the values do not exceed it."""
    found = figures.quantile(values, share)

    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)


def test_summary_takes_the_median_of_the_rounds() -> None:
    """A round with many values counts no more than one with few."""
    summary = figures.summarize([[1.0] * 100, [3.0], [], [5.0]], higher_is_better=False)

    assert summary is not None
    assert (summary.median, summary.minimum, summary.maximum) == (3.0, 1.0, 5.0)
    assert (summary.values, summary.rounds) == (102, 3)


def test_p99_is_bad_in_both_directions() -> None:
    """For a time it is a large value and for a rate a small one."""
    values = [float(number) for number in range(1, 101)]

    slow = figures.summarize([values], higher_is_better=False)
    fast = figures.summarize([values], higher_is_better=True)

    assert slow is not None
    assert fast is not None
    assert (slow.p99, fast.p99) == (99.0, 1.0)


def test_nothing_measured_has_no_summary() -> None:
    """Empty rounds give nothing, not a zero."""
    assert figures.summarize([[], []], higher_is_better=False) is None


def test_ratio_compares_only_rounds_of_both() -> None:
    """A round that one side lacks says nothing."""
    ours = {0: [1.0], 1: [4.0], 2: [9.0], 3: []}
    theirs = {0: [2.0], 1: [4.0], 3: [1.0], 4: [1.0]}

    assert figures.ratio(ours, theirs) == 0.75


def test_ratio_to_nothing_is_nothing() -> None:
    """Neither a missing kernel nor one that used no time can be divided by."""
    assert figures.ratio({0: [1.0]}, {}) is None
    assert figures.ratio({0: [1.0]}, {0: [0.0]}) is None


@given(NUMBERS, st.floats(0.01, 100))
def test_a_machine_that_slows_both_changes_no_ratio(values: list[float], factor: float) -> None:
    """Ratios are taken round by round, so the speed of a round cancels out."""
    theirs = {number: [value] for number, value in enumerate(values)}
    ours = {number: [value * factor] for number, value in enumerate(values)}

    assert figures.ratio(ours, theirs) == pytest.approx(factor)


@given(NUMBERS)
def test_equal_rounds_have_no_spread(values: list[float]) -> None:
    """The spread is 0 for equal rounds and never negative."""
    assert figures.spread([median(values)] * 5) == 0
    assert figures.spread(values) >= 0
