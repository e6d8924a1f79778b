"""A report as JUnit's XML, as CI systems show it."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from assay.conformance._outcome import Verdict
from assay.conformance._report._counts import chapters, shown
from assay.conformance._result import Report, Result
from assay.conformance._visible import in_lines
from assay.spec import requirement

__all__ = ["junit_report"]


def junit_report(report: Report) -> str:
    """Return *report* as XML: a suite for each chapter, a case for each check.

    What fails below MUST is a failure here too; a note is a case that passed and says more.
    """
    suites = [
        _suite(chapter.name, list(chapter.results), report.kernel) for chapter in chapters(report)
    ]
    if report.error:
        text = escape(report.error)
        suites.append(
            '<testsuite name="start" tests="1" failures="0" errors="1" skipped="0">'
            '<testcase classname="start" name="the kernel starts">'
            f'<error message="{report.trouble}">{text}</error></testcase></testsuite>'
        )
    body = "\n".join(suites)
    name, seconds = quoteattr(report.kernel), f"{report.seconds:.3f}"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuites name={name} time="{seconds}">\n{body}\n</testsuites>\n'
    )


def _suite(name: str, results: list[Result], kernel: str) -> str:
    failures = sum(one.outcome is Verdict.FAILED for one in results)
    skips = sum(one.outcome is Verdict.SKIPPED for one in results)
    cases = "\n".join(_case(name, one) for one in results)
    return (
        f"<testsuite name={quoteattr(name)} hostname={quoteattr(kernel)} "
        f'tests="{len(results)}" failures="{failures}" errors="0" skipped="{skips}" '
        f'time="{sum(one.seconds for one in results):.3f}">\n{cases}\n</testsuite>'
    )


def _case(chapter: str, result: Result) -> str:
    name = quoteattr(f"{result.check} {result.title}")
    start = f'<testcase classname="assay.{chapter}" name={name} time="{result.seconds:.3f}"'
    match result.outcome:
        case Verdict.PASSED:
            return f"{start}/>"
        case Verdict.SKIPPED:
            return f"{start}><skipped message={quoteattr(result.reason)}/></testcase>"
        case Verdict.NOTE:
            return f"{start}><system-out>{escape(_story(result))}</system-out></testcase>"
    message = quoteattr(f"wanted {result.expected}, found {result.got}")
    text = escape(_story(result))
    kind = quoteattr(result.level)
    return f"{start}><failure type={kind} message={message}>{text}</failure></testcase>"


def _story(result: Result) -> str:
    rule = requirement(result.requirements[0])
    lines = [
        f"{rule.id} ({rule.level}): {rule.text}",
        f"expected: {result.expected}",
        f"got: {result.got}",
        result.reason,
        result.accepted,
        result.mistake,
        *(shown(one) for one in result.evidence),
        f"rerun: {result.rerun}",
    ]
    return in_lines(line for line in lines if line)
