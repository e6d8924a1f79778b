"""A badge: how much of what a kernel must do it does."""

from __future__ import annotations

from assay.conformance._report._counts import score
from assay.conformance._result import Report

__all__ = ["badge"]

CHARACTER_PX = 6.6
"""Of Verdana and DejaVu Sans at 11 px, on average."""

LABEL = "Jupyter protocol"

GOOD, FAIR, POOR, NONE = "#2e7d4f", "#9a6700", "#b3362b", "#6e7781"
"""White text on each has a contrast of 4.5 at least."""


def badge(report: Report) -> str:
    """Return an SVG image that tells how many of the MUST checks passed."""
    good, judged = score(report.results, "MUST")
    text = f"{good} of {judged} MUST" if judged else "not judged"
    if report.error:
        text = "no answer" if report.existing else "did not start"
    if report.unasked:
        text = f"{text}, {report.unasked} not asked"
    colour = NONE if good == judged and (report.unasked or not judged) else GOOD
    if good < judged:
        colour = POOR
    if colour == POOR and good / judged > 0.95:
        colour = FAIR
    left, right = (round(len(part) * CHARACTER_PX + 12) for part in (LABEL, text))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" '
        f'aria-label="{LABEL}: {text}"><title>{LABEL}: {text}</title>'
        f'<clipPath id="r"><rect width="{left + right}" height="20" rx="3"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{left}" height="20" fill="#444c56"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{colour}"/></g>'
        '<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" '
        f'font-size="11"><text x="{left / 2:g}" y="14">{LABEL}</text>'
        f'<text x="{left + right / 2:g}" y="14">{text}</text></g></svg>\n'
    )
