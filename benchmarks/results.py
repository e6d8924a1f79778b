"""All that a run found, its summaries, and its form as JSON."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

from attrs import define, field

from benchmarks import machine
from benchmarks.figures import Summary, ratio, summarize
from benchmarks.kernels import REFERENCE
from benchmarks.machine import SPIN_LIMIT, Disturbance
from benchmarks.metrics import BY_ID, METRICS, Metric
from benchmarks.probes import Findings
from benchmarks.wire import Json

FORMAT = 1
"""The version of the JSON; raised when a reader of the old one would misread the new one."""
SPREAD_LIMIT = 0.2
"""A figure whose rounds differ more than this is doubted."""

Values = dict[int, list[float]]
"""The values of one metric of one kernel, by round."""


@define(kw_only=True)
class Results:
    """The figures of one run, by metric and kernel."""

    scale_name: str
    kernels: tuple[str, ...]
    """Names in the order to show them."""
    machine: Json = field(factory=machine.describe)
    started: str = field(factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    versions: dict[str, Json] = field(factory=dict)
    _values: dict[tuple[str, str], Values] = field(factory=lambda: defaultdict(dict))
    _failures: dict[tuple[str, str], str] = field(factory=dict)
    _start_failures: dict[str, str] = field(factory=dict)
    _disturbances: dict[str, list[Disturbance]] = field(factory=lambda: defaultdict(list))
    spins: list[float] = field(factory=list)
    """Seconds that the calibration took, before and after each round."""

    def add(self, number: int, kernel: str, findings: Findings) -> None:
        """Add what a probe found at *kernel* in round *number*."""
        for metric, values in findings.values.items():
            self._values[metric, kernel][number] = values
        for metric, reason in findings.failures.items():
            self._failures.setdefault((metric, kernel), reason)

    def add_disturbance(
        self, number: int, metrics: Sequence[str], disturbance: Disturbance | None
    ) -> None:
        """Add what happened on the machine while *metrics* were measured in a round."""
        del number
        for metric in metrics:
            if disturbance:
                self._disturbances[metric].append(disturbance)

    def add_spins(self, spins: Sequence[float]) -> None:
        """Add calibrations, in seconds."""
        self.spins.extend(spins)

    def describe_kernel(self, kernel: str, info: Json) -> None:
        """Keep what *kernel* says of itself."""
        language = info.get("language_info")
        version = language.get("version") if isinstance(language, dict) else None
        self.versions[kernel] = {
            "implementation": info.get("implementation"),
            "implementation_version": info.get("implementation_version"),
            "protocol_version": info.get("protocol_version"),
            "language_version": version,
        }

    def fail_start(self, kernel: str, reason: str) -> None:
        """Keep why *kernel* did not start."""
        self._start_failures.setdefault(kernel, reason)

    def start_failure(self, kernel: str) -> str:
        """Return why *kernel* did not start."""
        return self._start_failures.get(kernel, "did not start")

    def measured(self) -> list[Metric]:
        """Return the metrics that anything is known of, in their usual order."""
        known = {metric for metric, _ in (*self._values, *self._failures)}
        return [metric for metric in METRICS if metric.id in known]

    def summary(self, metric: str, kernel: str) -> Summary | None:
        """Return the figures, or nothing if there is no value."""
        rounds = list(self._values.get((metric, kernel), {}).values())
        return summarize(rounds, higher_is_better=BY_ID[metric].higher_is_better)

    def failure(self, metric: str, kernel: str) -> str | None:
        """Return why *kernel* has no value in at least one round."""
        return self._failures.get((metric, kernel))

    def ratio(self, metric: str, kernel: str, other: str = REFERENCE) -> float | None:
        """Return the median over the rounds of the ratio to *other*."""
        mine, theirs = (self._values.get((metric, name), {}) for name in (kernel, other))
        return ratio(mine, theirs)

    def doubt(self, metric: str, kernel: str) -> str | None:
        """Return why a figure should not be believed, or nothing."""
        seen = self._disturbances.get(metric, [])
        disturbed = sum(one.is_too_much for one in seen)
        if disturbed * 2 > len(seen):
            return f"the machine was busy in {disturbed} of {len(seen)} rounds"
        summary = self.summary(metric, kernel)
        if summary and summary.spread > SPREAD_LIMIT:
            return f"rounds differ by ±{summary.spread:.0%}"
        return None

    def machine_doubt(self) -> str | None:
        """Return why the whole run should be doubted, or nothing."""
        if self.spins and max(self.spins) > min(self.spins) * (1 + SPIN_LIMIT):
            slower = max(self.spins) / min(self.spins) - 1
            return f"the same computing took up to {slower:.0%} longer at times"
        return None

    def document(self) -> Json:
        """Return all of it as JSON."""
        return {
            "format": FORMAT,
            "started": self.started,
            "scale": self.scale_name,
            "reference": REFERENCE,
            "machine": self.machine,
            "calibration_s": self.spins,
            "doubt": self.machine_doubt(),
            "kernels": {name: self.versions.get(name) for name in self.kernels},
            "did_not_start": self._start_failures,
            "metrics": [self._metric(metric) for metric in self.measured()],
        }

    def _metric(self, metric: Metric) -> Json:
        return {
            **_metric_document(metric),
            "kernels": {name: self._cell(metric.id, name) for name in self.kernels},
        }

    def _cell(self, metric: str, kernel: str) -> Json:
        summary = self.summary(metric, kernel)
        others = (REFERENCE, "echo", "echo-json")
        return {
            "summary": vars(summary) if summary else None,
            "ratio": {other: self.ratio(metric, kernel, other) for other in others},
            "rounds": self._values.get((metric, kernel), {}),
            "failure": self.failure(metric, kernel),
            "doubt": self.doubt(metric, kernel),
        }


def _metric_document(metric: Metric) -> Json:
    """Return a metric as JSON."""
    return {
        "id": metric.id,
        "title": metric.title,
        "unit": metric.unit,
        "higher_is_better": metric.higher_is_better,
        "goal": metric.goal,
        "limit": metric.limit,
    }
