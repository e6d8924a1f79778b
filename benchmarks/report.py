"""The table on the terminal, and the progress beside it."""

from __future__ import annotations

from typing import TextIO

from benchmarks.kernels import FLOORS, REFERENCE
from benchmarks.metrics import Metric
from benchmarks.results import Results

TITLE_WIDTH = 46
CELL_WIDTH = 16
WIDE = 100
RIGHT = 99.95
"""A percentage from which on everything has arrived, but for rounding."""


class Progress:
    """One line that says what is being done; a line each where it is no terminal."""

    def __init__(self, stream: TextIO) -> None:
        """Write to *stream*."""
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._last = ""

    def say(self, line: str) -> None:
        """Show *line* in place of the one before."""
        what, _, _ = line.partition(":")
        if self._is_terminal:
            self._stream.write(f"\r\033[K{line[:WIDE]}")
        elif what != self._last:
            self._stream.write(f"{what}\n")
        self._last = what
        self._stream.flush()

    def end(self) -> None:
        """Leave the line empty."""
        if self._is_terminal:
            self._stream.write("\r\033[K")
            self._stream.flush()


def table(results: Results) -> str:
    """Return the medians and the ratios to the reference kernel, with what is wrong below."""
    notes: dict[str, list[str]] = {}
    rows = [_head(results)]
    for metric in results.measured():
        cells = [_cell(results, metric, kernel, notes) for kernel in results.kernels]
        unit = f" [{metric.unit}]" if metric.unit else ""
        rows.append(f"{metric.title + unit:{TITLE_WIDTH}}" + "".join(cells))
    reasons = [f"  ! {reason} [{', '.join(ids)}]" for reason, ids in notes.items()]
    rows += ["", *_explanation(results), *reasons, *_machine(results)]
    return "\n".join(rows)


def detail(results: Results) -> str:
    """Return a block for each metric: median, minimum, maximum, p99 and the ratios."""
    columns = ("median", "min", "max", "p99", "spread", f"/{REFERENCE}", *_over(FLOORS))
    rows: list[str] = []
    for metric in results.measured():
        unit = f" [{metric.unit}]" if metric.unit else ""
        rows += ["", f"{metric.id}: {metric.title}{unit}"]
        rows.append(f"  {'':18}" + "".join(f"{column:>13}" for column in columns))
        rows += [_detail(results, metric, kernel) for kernel in results.kernels]
    return "\n".join(rows)


def goals(results: Results, kernel: str) -> str:
    """Return what is aimed at, what *kernel* has, and whether it is enough."""
    rows = [f"{f'{kernel}: what is aimed at':{TITLE_WIDTH}}{'aim':>16}{'found':>12}"]
    for metric in results.measured():
        aim, found = _aim(results, metric, kernel)
        if aim is None:
            continue
        sign = ">=" if metric.higher_is_better else "<="
        kind = "of the ratio" if metric.goal is not None else metric.unit or "messages"
        enough = found is not None and (found >= aim if metric.higher_is_better else found <= aim)
        verdict = "reached" if enough else "not reached" if found is not None else "not measured"
        shown = f"{sign} {number(aim)}"
        row = f"{metric.title:{TITLE_WIDTH}}{shown:>16}{number(found):>12}  {verdict}"
        rows.append(f"{row} ({kind})")
    return "\n".join(rows)


def _aim(results: Results, metric: Metric, kernel: str) -> tuple[float | None, float | None]:
    """Return what is aimed at and what was found: a ratio, or a value in the unit."""
    if metric.goal is not None:
        return metric.goal, results.ratio(metric.id, kernel)
    summary = results.summary(metric.id, kernel)
    value = summary.median if summary else None
    if metric.wants is not None:
        return RIGHT, value
    return metric.limit, value


def number(value: float | None) -> str:
    """Return *value* with three digits that matter, or a dash."""
    if value is None:
        return "-"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.1 or not value else f"{value:.3f}"


def _over(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"/{name}" for name in names)


def _head(results: Results) -> str:
    names = "".join(f"{name:>{CELL_WIDTH}}" for name in results.kernels)
    return f"{f'median (ratio to {REFERENCE})':{TITLE_WIDTH}}{names}"


def _cell(results: Results, metric: Metric, kernel: str, notes: dict[str, list[str]]) -> str:
    failure = results.failure(metric.id, kernel)
    summary = results.summary(metric.id, kernel)
    if failure:
        notes.setdefault(f"{kernel}: {failure}", []).append(metric.id)
    if summary is None:
        return f"{'failed !' if failure else '-':>{CELL_WIDTH}}"
    shown = number(summary.median)
    value = results.ratio(metric.id, kernel)
    if value is not None and not metric.is_count and metric.wants is None:
        shown += f" ({number(value)})"
    if results.doubt(metric.id, kernel):
        shown += "?"
    wrong = metric.wants is not None and summary.minimum < RIGHT
    return f"{shown + ('!' if wrong or failure else ''):>{CELL_WIDTH}}"


def _detail(results: Results, metric: Metric, kernel: str) -> str:
    summary = results.summary(metric.id, kernel)
    if summary is None:
        return f"  {kernel:18}  {results.failure(metric.id, kernel) or 'not measured'}"
    values = (summary.median, summary.minimum, summary.maximum, summary.p99, summary.spread)
    ratios = (results.ratio(metric.id, kernel, other) for other in (REFERENCE, *FLOORS))
    doubt = results.doubt(metric.id, kernel)
    cells = "".join(f"{number(value):>13}" for value in (*values, *ratios))
    return f"  {kernel:18}{cells}{f'  ? {doubt}' if doubt else ''}"


def _explanation(results: Results) -> list[str]:
    return [
        f"{results.scale_name} run. `?`: the figure is doubtful (--detail says why). "
        "`!`: something failed or is missing.",
    ]


def _machine(results: Results) -> list[str]:
    about = results.machine
    line = f"{about['processor']}, {about['processors']} processors, {about['system']}"
    doubt = results.machine_doubt()
    return [line, *([f"Do not trust this run too far: {doubt}."] if doubt else [])]
