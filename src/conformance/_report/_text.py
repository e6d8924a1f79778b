"""A report to read in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from assay.conformance._outcome import Verdict
from assay.conformance._report._counts import (
    LEVELS,
    chapters,
    headline,
    kernel_line,
    shown,
    skip_reasons,
)
from assay.conformance._result import Report, Result
from assay.conformance._visible import in_lines, visible
from assay.spec import requirement

__all__ = ["failure_text", "summary_text", "text_report"]


def text_report(report: Report) -> str:
    """Return *report* as plain text."""
    return visible(in_lines(_lines(report)) + "\n")


def summary_text(report: Report, levels: Iterable[str]) -> str:
    """Return what failed at one of *levels* and the counts, or why there are none."""
    return visible(in_lines(_short(report, levels)) + "\n")


def failure_text(result: Result) -> str:
    """Return one failure as plain text."""
    return visible(in_lines(_failure(result)))


def _lines(report: Report) -> Iterator[str]:
    for result in report.failures():
        yield from _failure(result)
    for result in report.with_outcome(Verdict.NOTE):
        yield from _noted(result)
    if report.error:
        yield from _error(report)
        return
    yield from _summary(report)


def _short(report: Report, levels: Iterable[str]) -> Iterator[str]:
    yield from map(_failed, report.failures(levels))
    if report.error:
        yield from _error(report)
    else:
        yield headline(report)


def _error(report: Report) -> Iterator[str]:
    yield f"{report.kernel}: {report.trouble}"
    yield report.error


def _failed(result: Result) -> str:
    return f"FAILED {result.check} ({result.level}): {result.title}"


def _failure(result: Result) -> Iterator[str]:
    rule = requirement(result.requirements[0])
    yield _failed(result)
    yield f"  {rule.id}: {rule.text}"
    yield f"  expected: {result.expected}"
    yield f"  got:      {result.got}"
    if result.mistake:
        yield f"  usually:  {result.mistake}"
    for exhibit in result.evidence:
        yield f"  {shown(exhibit)}"
    yield f"  rerun:    {result.rerun}"
    yield ""


def _noted(result: Result) -> Iterator[str]:
    yield f"NOTE {result.check} ({result.level}): {result.title}"
    if result.accepted:
        yield f"  accepted: {result.accepted}"
    if result.reason:
        yield f"  {result.reason}"
    if result.got:
        yield f"  expected: {result.expected}"
        yield f"  got:      {result.got}"
    yield ""


def _summary(report: Report) -> Iterator[str]:
    yield f"{'chapter':<36}" + "".join(f"{level:>10}" for level in LEVELS) + "   skipped   notes"
    for chapter in chapters(report):
        cells = ""
        for level in LEVELS:
            good, judged = chapter.score(level)
            cells += f"{f'{good}/{judged}' if judged else '':>10}"
        skips, notes = (chapter.count(one) or "" for one in (Verdict.SKIPPED, Verdict.NOTE))
        yield f"{chapter.title:<36}{cells}{skips:>10}{notes:>8}".rstrip()
    yield ""
    if reasons := list(skip_reasons(report)):
        yield from (*reasons, "")
    if line := kernel_line(report):
        yield line
    yield headline(report)
