"""What has changed between two reports."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from assay.conformance._outcome import Verdict
from assay.conformance._registry import TRAFFIC
from assay.conformance._result import Report, Result
from assay.conformance._visible import in_lines, visible

__all__ = ["Comparison", "compare", "comparison_text"]


@frozen(kw_only=True)
class Comparison:
    """The differences between an earlier report and a later one."""

    before: Report
    after: Report

    broken: tuple[Result, ...]
    """What fails now and did not fail before; of the later report."""

    mended: tuple[Result, ...]
    """What failed before and passes now, or is not seen in passing any more where as much was
    asked; of the earlier one."""

    changed: tuple[tuple[Result, Result], ...]
    """What has another outcome in any other way: also what failed and was skipped since."""

    unasked: tuple[Result, ...]
    """What failed before and is neither in the later report nor mended; of the earlier one."""

    @property
    def stopped(self) -> bool:
        """Whether the kernel could be asked before, and not any more."""
        return bool(self.after.error) and not self.before.error


def compare(before: Report, after: Report) -> Comparison:
    """Return what has changed from *before* to *after*.

    A failure that only the later one has is broken, and one that only the earlier one has is not
    asked now. Of what was seen in passing (ids that end in 0) there is a result only where
    something was wrong: where there is none any more it is mended only if *after* does not ignore
    it, and has judged every check that *before* has, by the same profile and with time for all of
    them. Two recordings never hold the same conversation, so that between them nothing is mended.
    """
    old = {one.check: one for one in before.results}
    new = {one.check: one for one in after.results}
    mended = tuple(_mended(before, after))
    both = [(old[check], new[check]) for check in old if check in new]
    return Comparison(
        before=before,
        after=after,
        broken=tuple(one for one in after.failures() if not _failed(old.get(one.check))),
        mended=mended,
        changed=tuple(
            (one, other)
            for one, other in both
            if one.outcome is not other.outcome and not _failed(other) and one not in mended
        ),
        unasked=tuple(
            one for one in before.failures() if one.check not in new and one not in mended
        ),
    )


def comparison_text(found: Comparison) -> str:
    """Return *found* as plain text."""
    return visible(in_lines(_lines(found)) + "\n")


def _lines(found: Comparison) -> Iterator[str]:
    if found.stopped:
        yield f"broken  {found.after.trouble}: {found.after.error}"
    for one in found.broken:
        yield f"broken  {one.check} ({one.level}): {one.title}"
        yield f"        wanted {one.expected}, found {one.got}"
        if not _asks(found.before, one.check):
            yield "        not asked before"
    for one in found.mended:
        yield f"mended  {one.check} ({one.level}): {one.title}"
    for one, other in found.changed:
        yield f"changed {one.check} ({one.level}): {one.outcome} before, {other.outcome} now"
    for one in found.unasked:
        yield f"unasked {one.check} ({one.level}): {_why_unknown(one, found.after)}"
    counts = f"{len(found.broken)} broken, {len(found.mended)} mended, {len(found.changed)} changed"
    unasked = f", {len(found.unasked)} not asked" if found.unasked else ""
    yield f"{found.before.kernel} → {found.after.kernel}: {counts}{unasked}"


def _why_unknown(one: Result, after: Report) -> str:
    if one.check in after.ignored:
        return "failed before, ignored now"
    if one.check.endswith(TRAFFIC):
        return "failed before, not seen now, where other checks were judged"
    return "failed before, not asked now"


def _asks(report: Report, check: str) -> bool:
    """Return whether a failure of *check* would stand in *report*."""
    if check.endswith(TRAFFIC):
        return check not in report.ignored
    return any(one.check == check for one in report.results)


def _mended(before: Report, after: Report) -> Iterator[Result]:
    """Yield what failed in *before* and is known to be good in *after*."""
    if after.error:
        return
    new = {one.check: one for one in after.results}
    as_much = _judges_as_much(before, after)
    for one in before.failures():
        now = new.get(one.check)
        if now is None:
            if as_much and one.check.endswith(TRAFFIC) and one.check not in after.ignored:
                yield one
        elif now.outcome is Verdict.PASSED:
            yield one


def _judges_as_much(before: Report, after: Report) -> bool:
    """Return whether what *before* has seen in passing had to be seen again in *after*."""
    if after.unasked or before.profile is not after.profile:
        return False
    judged = _judged(before)
    return bool(judged) and judged <= _judged(after)


def _judged(report: Report) -> frozenset[str]:
    """Return the checks that have brought traffic about: those that were not skipped."""
    return frozenset(
        one.check
        for one in report.results
        if one.outcome is not Verdict.SKIPPED and not one.check.endswith(TRAFFIC)
    )


def _failed(result: Result | None) -> bool:
    return result is not None and result.outcome is Verdict.FAILED
