"""The figures: what each is called, its unit, which way is better, and what is aimed at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One figure."""

    id: str
    title: str
    unit: str
    higher_is_better: bool = False
    goal: float | None = None
    """The ratio to the reference kernel that is aimed at; a limit in the better direction."""
    limit: float | None = None
    """The value that is aimed at, in the unit; a limit in the better direction."""
    is_count: bool = False
    """A number that goes with another figure and is neither good nor bad by itself."""
    wants: float | None = None
    """The only right value, such as 100 % of the lines; any other is marked."""


def _times(*rows: tuple[str, str, str, float | None]) -> list[Metric]:
    return [Metric(id=i, title=title, unit=unit, goal=goal) for i, title, unit, goal in rows]


def _rates(*rows: tuple[str, str, str, float | None]) -> list[Metric]:
    return [
        Metric(id=i, title=title, unit=unit, goal=goal, higher_is_better=True)
        for i, title, unit, goal in rows
    ]


def _complete(name: str, title: str) -> Metric:
    return Metric(id=name, title=f"{title}: arrived", unit="%", higher_is_better=True, wants=100.0)


def _messages(name: str, title: str, limit: float | None = None) -> Metric:
    return Metric(id=name, title=f"{title}: in messages", unit="", is_count=True, limit=limit)


LINES: Final = "printed lines"
WRITES: Final = "1 MB writes"
DISPLAYS: Final = "displays"

METRICS: Final = (
    *_times(
        ("start_info", "process start to kernel_info_reply", "ms", 0.30),
        ("start_result", "process start to first result", "ms", 0.45),
        ("start_cpu", "CPU time until the first result", "ms", 0.45),
        ("memory", "resident memory after the first cell", "MB", 0.75),
        ("kernel_info", "kernel_info round trip", "us", 0.30),
        ("execute_pass", "execute `pass`: reply and idle", "us", 0.20),
        ("execute_result", "execute `1+1` with its result", "us", 0.20),
    ),
    *_rates(("burst_rate", "many executes at once", "requests/s", 8)),
    *_times(("burst_cpu", "many executes at once: CPU per request", "us", 0.15)),
    *_rates(("clients_rate", "20 clients at once", "requests/s", 12)),
    *_rates(("lines_rate", LINES, "MB/s", 5)),
    _messages("lines_messages", LINES, 99),
    _complete("lines_complete", LINES),
    *_rates(("writes_rate", WRITES, "MB/s", 2.5)),
    _messages("writes_messages", WRITES),
    _complete("writes_complete", WRITES),
    Metric(id="first_line", title="first line of a cell that goes on", unit="ms", limit=5.0),
    _complete("late_text", "text for a subscriber that reads late"),
    *_rates(("displays_rate", DISPLAYS, "messages/s", 8)),
    _complete("displays_complete", DISPLAYS),
    *_times(("comm_small", "comm echo, small", "us", 0.35)),
    *_rates(("comm_large", "comm echo, large buffer, there and back", "MB/s", 1.2)),
    *_times(
        ("complete_cold", "complete an attribute, first time", "ms", 0.8),
        ("complete_warm", "complete an attribute, warm", "ms", 0.8),
        ("inspect", "inspect a function", "ms", 0.4),
        ("interrupt", "interrupt of a busy loop", "ms", 0.4),
        ("control_busy", "kernel_info on control while a loop spins", "ms", 0.25),
    ),
    Metric(id="idle_cpu", title="CPU time of 10 s idle", unit="ms", limit=0.5),
    *_times(("shutdown", "shutdown request to process gone", "ms", 0.4)),
)

BY_ID: Final = {metric.id: metric for metric in METRICS}
