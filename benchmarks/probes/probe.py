"""What a measurement is: a function that uses a running kernel and leaves figures behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.running import Running
from benchmarks.scale import Scale


@dataclass(kw_only=True)
class Findings:
    """What one probe found at one kernel in one round; each metric has values or a reason."""

    values: dict[str, list[float]] = field(default_factory=dict)
    """Values by metric, in the metric's unit."""
    failures: dict[str, str] = field(default_factory=dict)
    """Why a metric has none."""

    def add(self, metric: str, *values: float) -> None:
        """Add *values* of *metric*."""
        self.values.setdefault(metric, []).extend(values)

    def fail_rest(self, metrics: Sequence[str], reason: str) -> None:
        """Give *reason* for each of *metrics* that has no values yet."""
        for metric in metrics:
            if not self.values.get(metric):
                self.failures[metric] = reason


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One measurement."""

    name: str
    metrics: tuple[str, ...]
    """The metrics it finds, by id."""
    run: Callable[[Running, Scale, Findings], None]
    """Measures one kernel. What it raises is the reason of the metrics it did not get to."""
    on_floor: bool = True
    """Whether the floors can answer it."""
    is_heavy: bool = False
    """Whether it is left out in some rounds."""
    starts: bool = False
    """Whether it starts the kernel itself."""
    ends: bool = False
    """Whether the kernel is of no more use after it."""
    together: Callable[[Sequence[Running], Scale], dict[str, Findings]] | None = None
    """Measures all kernels at once, by name; then *run* is not used."""


def nothing(kernel: Running, scale: Scale, findings: Findings) -> None:
    """Measure nothing; for a probe that measures all kernels together."""
    del kernel, scale, findings
