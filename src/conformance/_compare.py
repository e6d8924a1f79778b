"""What has changed between two reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import frozen

from assay.conformance._outcome import Verdict
from assay.conformance._registry import TRAFFIC
from assay.conformance._result import Report, Result

__all__ = ["Comparison", "compare", "comparison_text"]


@frozen(kw_only=True)
class Comparison:
    """The differences between an earlier report and a later one."""

    before: Report
    after: Report

    broken: tuple[Result, ...]
    """What fails now and did not fail before; of the later report."""

    mended: tuple[Result, ...]
    """What failed before and passes now, or is not seen in passing any more; of the earlier one."""

    changed: tuple[tuple[Result, Result], ...]
    """What has another outcome in any other way: also what failed and was not judged again."""

    @property
    def stopped(self) -> bool:
        """Whether the kernel could be asked before, and not any more."""
        return bool(self.after.error) and not self.before.error


def compare(before: Report, after: Report) -> Comparison:
    """Return what has changed from *before* to *after*.

    A check that only one of them asked counts as changed if it failed there. Of what was seen in
    passing (ids that end in 0) there is a result only where something was wrong.
    """
    old = {one.check: one for one in before.results}
    new = {one.check: one for one in after.results}
    both = [(old[check], new[check]) for check in old if check in new]
    return Comparison(
        before=before,
        after=after,
        broken=tuple(one for one in after.failures() if not _failed(old.get(one.check))),
        mended=tuple(one for one in before.failures() if _is_mended(one, new, after)),
        changed=tuple(
            (one, other)
            for one, other in both
            if one.outcome is not other.outcome
            and not _failed(other)
            and not _is_mended(one, new, after)
        ),
    )


def comparison_text(found: Comparison) -> str:
    """Return *found* as plain text."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Comparison) -> Iterator[str]:
    if found.stopped:
        yield f"broken  {found.after.trouble}: {found.after.error}"
    for one in found.broken:
        yield f"broken  {one.check} ({one.level}): {one.title}"
        yield f"        wanted {one.expected}, found {one.got}"
    for one in found.mended:
        yield f"mended  {one.check} ({one.level}): {one.title}"
    for one, other in found.changed:
        yield f"changed {one.check} ({one.level}): {one.outcome} before, {other.outcome} now"
    counts = f"{len(found.broken)} broken, {len(found.mended)} mended, {len(found.changed)} changed"
    yield f"{found.before.kernel} → {found.after.kernel}: {counts}"


def _is_mended(one: Result, new: Mapping[str, Result], after: Report) -> bool:
    """Return whether *one*, of the earlier report, failed and is known to be good in *after*."""
    if not _failed(one) or after.error:
        return False
    now = new.get(one.check)
    if now is None:
        return one.check.endswith(TRAFFIC)
    return now.outcome is Verdict.PASSED


def _failed(result: Result | None) -> bool:
    return result is not None and result.outcome is Verdict.FAILED
