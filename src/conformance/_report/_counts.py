"""What the reports of all formats count and call things by."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version

from attrs import frozen

from assay.conformance._exhibit import Exhibit
from assay.conformance._outcome import Verdict
from assay.conformance._registry import TRAFFIC
from assay.conformance._result import Report, Result
from assay.conformance._visible import in_a_line
from assay.protocol import Sender
from assay.spec import areas, requirement

__all__ = [
    "LEVELS",
    "Chapter",
    "chapters",
    "facts",
    "headline",
    "kernel_line",
    "shown",
    "skip_reasons",
    "tool_version",
    "unasked",
]

LEVELS = ("MUST", "SHOULD", "MAY")

SHOWN_REASONS = 3

SHOWN_CHARACTERS = 600
"""Of the content of a message, in one line."""


@frozen(kw_only=True)
class Chapter:
    """The results of one chapter of the specification."""

    name: str
    title: str
    results: tuple[Result, ...]

    def score(self, level: str) -> tuple[int, int]:
        """Return how many results of *level* passed, and how many were judged."""
        return score(self.results, level)

    def count(self, verdict: Verdict) -> int:
        """Return how many results have *verdict*."""
        return sum(one.outcome is verdict for one in self.results)


def chapters(report: Report) -> Iterator[Chapter]:
    """Yield the chapters that have results, in reading order."""
    for area in areas():
        found = tuple(
            one for one in report.results if requirement(one.requirements[0]).prefix == area.prefix
        )
        if found:
            yield Chapter(name=area.name, title=area.title, results=found)


def score(results: Iterable[Result], level: str) -> tuple[int, int]:
    """Return how many of *results* at *level* passed, and how many were judged."""
    judged = [
        one
        for one in results
        if one.level == level and one.outcome in {Verdict.PASSED, Verdict.FAILED}
    ]
    return sum(one.outcome is Verdict.PASSED for one in judged), len(judged)


def headline(report: Report) -> str:
    """Return the counts in a sentence."""
    counts = ", ".join(f"{len(report.with_outcome(one))} {one}" for one in Verdict)
    summary = f"{report.kernel}: {counts}, in {report.seconds:.1f} s"
    return f"{summary}; {unasked(report)}" if report.unasked else summary


def unasked(report: Report) -> str:
    """Return how many checks were left out for want of time, in words."""
    checks = sum(not one.check.endswith(TRAFFIC) for one in report.results)
    return f"{report.unasked} of {checks} were not asked: there was no time for them"


def facts(result: Result) -> Iterator[tuple[str, str]]:
    """Yield what there is to say of *result*, each with what it is called."""
    for label, text in (
        ("Accepted", result.accepted),
        ("Expected", result.expected),
        ("Got", result.got),
        ("Remark", result.reason),
        ("Usually", result.mistake),
    ):
        if text:
            yield label, text


def skip_reasons(report: Report) -> Iterator[str]:
    """Yield why checks were skipped, each with how many: the most frequent first.

    Yields:
        ``"274 skipped: the kernel's language is not known …"``.
    """
    counted = Counter(one.reason for one in report.with_outcome(Verdict.SKIPPED))
    frequent = counted.most_common(SHOWN_REASONS)
    yield from (f"{count} skipped: {reason}" for reason, count in frequent)
    if rest := counted.total() - sum(count for _, count in frequent):
        yield f"{rest} skipped for {len(counted) - len(frequent)} other reasons"


def kernel_line(report: Report) -> str:
    """Return what the kernel says of itself, in a line; nothing if it sent nothing."""
    name = report.info.get("implementation")
    if not isinstance(name, str):
        return ""
    release = report.info.get("implementation_version")
    protocol = report.info.get("protocol_version")
    return in_a_line(f"{name} {release}, protocol {protocol}")


def shown(exhibit: Exhibit) -> str:
    """Return a message of the evidence in a line."""
    arrow = "→" if exhibit.sender is Sender.CLIENT else "←"
    who = f" {exhibit.client}" if exhibit.client else ""
    name = exhibit.header.get("msg_type", "no message type")
    own, parent = _short_id(exhibit.header), _short_id(exhibit.parent_header)
    child = f" of {parent}" if parent else ""
    content = json.dumps(exhibit.content, ensure_ascii=False, default=str)
    if len(content) > SHOWN_CHARACTERS:
        content = f"{content[:SHOWN_CHARACTERS]}…"
    faults = "".join(f" [{fault}]" for fault in exhibit.faults)
    line = f"#{exhibit.index} {arrow} {exhibit.channel}{who} {name} {own}{child} {content}{faults}"
    return in_a_line(line)


def _short_id(header: object) -> str:
    value = header.get("msg_id") if isinstance(header, dict) else None
    if not isinstance(value, str):
        return ""
    return value if len(value) <= 13 else f"{value[:6]}…{value[-6:]}"


def tool_version() -> str:
    """Return the version of this package."""
    try:
        return version("assay-kernel")
    except PackageNotFoundError:
        return "unknown"
