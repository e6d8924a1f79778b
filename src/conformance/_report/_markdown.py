"""A report in Markdown, for the summary of a CI run or a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterator

from assay.conformance._outcome import Verdict
from assay.conformance._report._counts import (
    LEVELS,
    chapters,
    facts,
    headline,
    kernel_line,
    shown,
    skip_reasons,
)
from assay.conformance._result import Report, Result
from assay.conformance._visible import in_a_line
from assay.spec import requirement

__all__ = ["markdown_report"]


def markdown_report(report: Report) -> str:
    """Return *report* in GitHub's Markdown."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"# {_plain(report.kernel)}: conformance"
    yield ""
    if line := kernel_line(report):
        yield f"{_plain(line)}."
        yield ""
    if report.error:
        yield f"**{report.trouble.capitalize()}.**\n\n{_fenced(report.error)}\n"
    yield f"{_plain(headline(report))}."
    yield ""
    yield f"| chapter | {' | '.join(LEVELS)} | skipped | notes |"
    yield "|---|" + "---:|" * (len(LEVELS) + 2)
    for chapter in chapters(report):
        scores = (chapter.score(level) for level in LEVELS)
        cells = " | ".join(f"{good}/{judged}" if judged else "" for good, judged in scores)
        skips, notes = (chapter.count(one) or "" for one in (Verdict.SKIPPED, Verdict.NOTE))
        yield f"| {chapter.title} | {cells} | {skips} | {notes} |"
    if reasons := list(skip_reasons(report)):
        yield ""
        yield from (f"- {_plain(reason)}" for reason in reasons)
    for title, results in (
        ("Failures", report.failures()),
        ("Notes", report.with_outcome(Verdict.NOTE)),
    ):
        if results:
            yield f"\n## {title}\n"
        for result in results:
            yield from _section(result)


def _section(result: Result) -> Iterator[str]:
    rule = requirement(result.requirements[0])
    yield f"### {result.check}: {_plain(result.title)}\n"
    yield f"**{rule.level}** {rule.id}: {rule.text}\n"
    for label, text in facts(result):
        yield f"- {label}: {_plain(text)}"
    yield f"- Rerun: `{result.rerun}`\n"
    if result.evidence:
        yield "<details><summary>Messages</summary>\n"
        yield _fenced("\n".join(shown(one) for one in result.evidence))
        yield "\n</details>\n"


def _fenced(text: str) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def _plain(text: str) -> str:
    """Return what a kernel or the register says, as text: no markup, no link to a name or number.

    GitHub tells people of a comment that has their name behind an @, with a backslash too.
    """
    text = re.sub(r"([\\`*_<>\[\]|])", r"\\\1", in_a_line(text))
    return re.sub(r"([@#])(?=\w)", r"\1&#8203;", text)
