"""A report to read in a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator

from assay.conformance._exhibit import Exhibit
from assay.conformance._outcome import Verdict
from assay.conformance._result import Report, Result
from assay.protocol import Sender
from assay.spec import areas, requirement

__all__ = ["text_report"]

LEVELS = ("MUST", "SHOULD", "MAY")


def text_report(report: Report) -> str:
    """Return *report* as plain text."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    if report.error:
        yield f"{report.kernel}: the kernel did not start"
        yield report.error
        return
    for result in report.failures():
        yield from _failure(result)
    for result in report.with_outcome(Verdict.NOTE):
        yield f"NOTE {result.check}: {result.title}"
        yield f"  {result.reason}"
        if result.got:
            yield f"  wanted {result.expected}, found {result.got}"
        yield ""
    yield from _summary(report)


def _failure(result: Result) -> Iterator[str]:
    rule = requirement(result.requirements[0])
    yield f"FAILED {result.check} ({result.level}): {result.title}"
    yield f"  {rule.id}: {rule.text}"
    yield f"  expected: {result.expected}"
    yield f"  got:      {result.got}"
    if result.mistake:
        yield f"  usually:  {result.mistake}"
    for exhibit in result.evidence:
        yield f"  {_shown(exhibit)}"
    yield f"  rerun:    {result.rerun}"
    yield ""


def _shown(exhibit: Exhibit) -> str:
    arrow = "→" if exhibit.sender is Sender.CLIENT else "←"
    who = f" {exhibit.client}" if exhibit.client else ""
    name = exhibit.header.get("msg_type", "?")
    parent = exhibit.parent_header.get("msg_id")
    content = json.dumps(exhibit.content, ensure_ascii=False, default=str)
    faults = "".join(f" [{fault}]" for fault in exhibit.faults)
    child = f" of {parent}" if isinstance(parent, str) else ""
    own = exhibit.header.get("msg_id")
    return f"#{exhibit.index} {arrow} {exhibit.channel}{who} {name} {own}{child} {content}{faults}"


def _summary(report: Report) -> Iterator[str]:
    yield f"{'chapter':<34}" + "".join(f"{level:>12}" for level in LEVELS) + "   skipped   notes"
    for area in areas():
        results = [
            one for one in report.results if requirement(one.requirements[0]).prefix == area.prefix
        ]
        if not results:
            continue
        cells = "".join(f"{_score(results, level):>12}" for level in LEVELS)
        skips = sum(one.outcome is Verdict.SKIPPED for one in results)
        notes = sum(one.outcome is Verdict.NOTE for one in results)
        yield f"{area.title:<34}{cells}{skips or '':>10}{notes or '':>8}"
    counts = ", ".join(f"{len(report.with_outcome(verdict))} {verdict}" for verdict in Verdict)
    yield ""
    yield f"{report.kernel}: {counts}, in {report.seconds:.1f} s"


def _score(results: list[Result], level: str) -> str:
    judged = [
        one
        for one in results
        if one.level == level and one.outcome in {Verdict.PASSED, Verdict.FAILED}
    ]
    good = sum(one.outcome is Verdict.PASSED for one in judged)
    return f"{good}/{len(judged)}" if judged else ""
