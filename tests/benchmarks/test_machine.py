"""Whether the machine had time for a measurement."""

from __future__ import annotations

import pytest

from benchmarks.machine import Disturbance, Ticks, between


def ticks(*, busy: float, steal: float, ours: float, at: float) -> Ticks:
    """Return counters."""
    return Ticks(busy=busy, steal=steal, ours=ours, at=at)


START = ticks(busy=100.0, steal=1.0, ours=10.0, at=0.0)


@pytest.mark.parametrize(
    ("after", "is_too_much"),
    [
        (ticks(busy=101.0, steal=1.0, ours=11.0, at=2.0), False),
        (ticks(busy=101.5, steal=1.0, ours=11.0, at=2.0), True),
        (ticks(busy=101.0, steal=1.2, ours=11.0, at=2.0), True),
        (ticks(busy=100.1, steal=1.1, ours=10.0, at=0.1), False),
    ],
    ids=["only ours", "another worked", "the host took some", "too short to say"],
)
def test_only_what_is_not_ours_disturbs(after: Ticks, is_too_much: bool) -> None:
    """Processor time that is neither idle nor ours is another program's."""
    found = between(START, after)

    assert found is not None
    assert found.is_too_much is is_too_much


def test_rounding_of_the_counters_is_no_disturbance() -> None:
    """Ours may seem more than the whole; that is no negative share."""
    found = between(START, ticks(busy=100.5, steal=1.0, ours=10.52, at=1.0))

    assert found == Disturbance(seconds=1.0, others=0.0, steal=0.0)


def test_without_counters_nothing_is_known() -> None:
    """A system that does not count is not called quiet."""
    assert between(None, START) is None
