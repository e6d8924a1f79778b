"""The table and the JSON of the protocol layer's figures."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import machine
from benchmarks.layer.sides import MAKE, PACK, READ, versions
from benchmarks.layer.timing import Timing
from benchmarks.report import number
from benchmarks.wire import Json

GOALS = {MAKE: 0.6, PACK: 0.6, READ: 0.5}
"""What is aimed at for an execute request, as a share of the other side's time."""


def table(timings: Sequence[Timing], names: tuple[str, str]) -> str:
    """Return the timings in microseconds a message, a block for each case."""
    ours, theirs = names
    head = f"{'microseconds a message':34}{ours:>14}{'minimum':>10}"
    rows = [f"{head}{theirs:>18}{'minimum':>10}{'ratio':>9}"]
    last = ""
    for one in timings:
        if one.case != last:
            rows.append(one.case)
            last = one.case
        rows.append(_row(one, names))
    goals = ", ".join(f"{name} {limit}" for name, limit in GOALS.items())
    return "\n".join([*rows, "", f"Aimed at for execute_request: {goals}."])


def document(timings: Sequence[Timing]) -> Json:
    """Return the timings as JSON, in seconds."""
    return {
        "format": 1,
        "machine": machine.describe(),
        "versions": versions(),
        "timings": [vars(one) for one in timings],
    }


def _row(one: Timing, names: tuple[str, str]) -> str:
    ours, theirs = ((one.medians.get(name), one.minima.get(name)) for name in names)
    cells = [f"  {one.operation:32}"]
    for (middle, least), width in ((ours, 14), (theirs, 18)):
        cells += [f"{_micro(middle):>{width}}", f"{_micro(least):>10}"]
    return "".join(cells) + f"{number(one.ratio):>9}"


def _micro(seconds: float | None) -> str:
    return number(None if seconds is None else seconds * 1e6)
