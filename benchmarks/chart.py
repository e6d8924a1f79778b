"""The chart: how many times better than the reference kernel, a dot for each kernel.

One row for each metric, on a logarithmic axis. To the right is better, for times as for rates.
Dots differ in colour and in shape, and the colours of the page follow the reader's theme.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Final

from benchmarks.kernels import FLOORS, REFERENCE
from benchmarks.metrics import Metric
from benchmarks.results import Results

WIDTH: Final = 860
LEFT: Final = 300
RIGHT: Final = 24
TOP: Final = 74
ROW: Final = 24
BOTTOM: Final = 44
TIMES: Final = "\N{MULTIPLICATION SIGN}"
FONT: Final = "system-ui, -apple-system, 'Segoe UI', sans-serif"

COLOURS: Final = ("#d9480f", "#1971c2", "#2f9e44", "#9c36b5", "#e8890c", "#0b7285", "#868e96")
SHAPES: Final = ("circle", "square", "diamond", "triangle", "down", "cross", "ring")
RADIUS: Final = 5.5
OWN_RADIUS: Final = 7.5
"""The first kernel of the file is drawn larger and last."""

STYLE: Final = f"""
text {{ font: 12px {FONT}; fill: #24292f }}
.title {{ font-weight: 600; font-size: 15px }}
.quiet {{ fill: #57606a }}
.grid {{ stroke: #d0d7de; stroke-width: 1 }}
.one {{ stroke: #57606a; stroke-width: 1.5 }}
@media (prefers-color-scheme: dark) {{
  text {{ fill: #e6edf3 }}
  .quiet {{ fill: #9198a1 }}
  .grid {{ stroke: #30363d }}
  .one {{ stroke: #9198a1 }}
}}
"""


def svg(results: Results) -> str:
    """Return the chart of *results*; the floors and the reference itself are not drawn."""
    kernels = [name for name in results.kernels if name not in (*FLOORS, REFERENCE)]
    rows = [(metric, _dots(results, metric, kernels)) for metric in results.measured()]
    rows = [(metric, dots) for metric, dots in rows if dots]
    axis = _Axis([value for _, dots in rows for value in dots.values()])
    height = TOP + ROW * len(rows) + BOTTOM
    parts = [_opening(height), *_legend(kernels), *axis.lines(TOP - 8, height - BOTTOM)]
    for number, (metric, dots) in enumerate(rows):
        parts += _row(metric, dots, kernels, axis, TOP + ROW * number + ROW // 2)
    parts += [_caption(results, height), "</svg>"]
    return "\n".join(parts) + "\n"


class _Axis:
    """A logarithmic axis that holds all values and 1."""

    def __init__(self, values: Sequence[float]) -> None:
        self._low = math.floor(math.log2(min([0.5, *values])))
        self._high = math.ceil(math.log2(max([2.0, *values])))

    def x(self, value: float) -> float:
        share = (math.log2(value) - self._low) / (self._high - self._low)
        return LEFT + 10 + share * (WIDTH - LEFT - RIGHT - 20)

    def lines(self, top: int, bottom: int) -> list[str]:
        """Return a grid line with its label for the powers of two, or of four when many."""
        step = 1 if self._high - self._low <= 9 else 2
        first = -(-self._low // step) * step
        drawn: list[str] = []
        for power in range(first, self._high + 1, step):
            x, name = self.x(2.0**power), "one" if power == 0 else "grid"
            label = f"{2**power}{TIMES}" if power >= 0 else f"1/{2**-power}"
            drawn.append(_line(x, top, bottom, name))
            drawn.append(_text(x, bottom + 16, label, "quiet", "middle"))
        return drawn


def _dots(results: Results, metric: Metric, kernels: Sequence[str]) -> dict[str, float]:
    """Return how many times better each kernel is, by name; more than 1 is better."""
    if metric.is_count or metric.wants is not None:
        return {}
    ratios = {name: results.ratio(metric.id, name) for name in kernels}
    up = metric.higher_is_better
    return {name: value if up else 1 / value for name, value in ratios.items() if value}


def _row(
    metric: Metric, dots: dict[str, float], kernels: Sequence[str], axis: _Axis, y: int
) -> list[str]:
    drawn = [_text(LEFT - 8, y + 4, metric.title.replace("`", ""), "", "end")]
    drawn.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" class="grid"/>')
    for name in reversed(kernels):
        if name in dots:
            what = f"{name}: {dots[name]:.2f} times"
            drawn.append(_dot(axis.x(dots[name]), y, kernels.index(name), what))
    return drawn


def _dot(x: float, y: float, number: int, what: str) -> str:
    colour = COLOURS[number % len(COLOURS)]
    shape = SHAPES[number % len(SHAPES)]
    body = _shape(shape, x, y, RADIUS if number else OWN_RADIUS)
    paint = f'fill="none" stroke="{colour}" stroke-width="2.5"'
    if shape not in {"cross", "ring"}:
        paint = f'fill="{colour}"'
    return f"<g {paint}><title>{escape(what)}</title>{body}</g>"


def _shape(shape: str, x: float, y: float, size: float) -> str:
    low, high = -size * 0.9, size * 0.9
    points = {
        "square": ((low, low), (high, low), (high, high), (low, high)),
        "diamond": ((0, -size * 1.2), (size * 1.2, 0), (0, size * 1.2), (-size * 1.2, 0)),
        "triangle": ((0, -size), (size, high), (-size, high)),
        "down": ((0, size), (size, low), (-size, low)),
    }
    if shape in points:
        corners = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in points[shape])
        return f'<polygon points="{corners}"/>'
    if shape == "cross":
        reach = size * 0.8
        first = f"M{x - reach:.1f} {y - reach:.1f}L{x + reach:.1f} {y + reach:.1f}"
        second = f"M{x - reach:.1f} {y + reach:.1f}L{x + reach:.1f} {y - reach:.1f}"
        return f'<path d="{first}{second}"/>'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}"/>'


def _legend(kernels: Sequence[str]) -> list[str]:
    drawn, x = [], 16.0
    for number, name in enumerate(kernels):
        drawn += [_dot(x + 6, 46, number, name), _text(x + 18, 50, name, "", "start")]
        x += 44 + 6.6 * len(name)
    return drawn


def _opening(height: int) -> str:
    title = f"Times better than {REFERENCE} (further right is better)"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
        f"<title>{title}</title><style>{STYLE}</style>"
        f'<text x="16" y="24" class="title">{title}</text>'
    )


def _caption(results: Results, height: int) -> str:
    about = results.machine
    words = f"medians of ratios, {results.started[:10]}, {about['processors']} processors, "
    return _text(16, height - 8, words + f"Python {about['python']}", "quiet", "start")


def _text(x: float, y: float, words: str, name: str, anchor: str) -> str:
    css = f' class="{name}"' if name else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{css} text-anchor="{anchor}">{escape(words)}</text>'


def _line(x: float, top: float, bottom: float, name: str) -> str:
    return f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}" class="{name}"/>'
