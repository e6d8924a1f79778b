"""What a check finds."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from attrs import frozen

if TYPE_CHECKING:
    from assay.conformance._arrival import Arrival
    from assay.conformance._response import Response

__all__ = ["Evidence", "Outcome", "Skip", "Verdict", "failed", "note", "passed", "skipped"]

MOST_TEXT = 5_000
"""The most characters of each text in an outcome."""

Evidence: TypeAlias = "Arrival | Response"
"""What shows a failure: a message of the kernel, or all that one request brought."""


class Verdict(StrEnum):
    """In one word."""

    PASSED = "passed"
    """The kernel does what the requirement asks for."""

    FAILED = "failed"
    """The kernel was seen to do something else."""

    SKIPPED = "skipped"
    """Nothing was judged: the kernel, its language or the way it runs gives no occasion."""

    NOTE = "note"
    """Worth knowing and no fault: the text leaves it open, or the reading is this project's own."""


@frozen(kw_only=True)
class Outcome:
    """What one check found of one kernel."""

    verdict: Verdict

    expected: str = ""
    """What was wanted, in words; of failures and notes."""

    got: str = ""
    """What was found, in words; of failures and notes."""

    reason: str = ""
    """Why nothing was judged, or what is worth knowing."""

    evidence: tuple[Evidence, ...] = ()
    """The messages that show it; none stands for all traffic of the check."""


class Skip(Exception):  # noqa: N818 - not an error: a way out of a check, from any depth
    """Raised in a check: nothing can be judged, for this reason."""


def passed() -> Outcome:
    """Say that the requirement holds."""
    return Outcome(verdict=Verdict.PASSED)


def failed(expected: str, got: str, *evidence: Evidence) -> Outcome:
    """Say that the requirement does not hold.

    Args:
        expected: What was wanted: "busy first".
        got: What was found: "execute_input before it".
        evidence: The messages that show it; none stands for all traffic of the check.
    """
    return Outcome(
        verdict=Verdict.FAILED, expected=_short(expected), got=_short(got), evidence=evidence
    )


def skipped(reason: str) -> Outcome:
    """Say that nothing can be judged, and why."""
    return Outcome(verdict=Verdict.SKIPPED, reason=_short(reason))


def note(
    reason: str, *, expected: str = "", got: str = "", evidence: Iterable[Evidence] = ()
) -> Outcome:
    """Say what is worth knowing and breaks no rule."""
    return Outcome(
        verdict=Verdict.NOTE,
        reason=_short(reason),
        expected=_short(expected),
        got=_short(got),
        evidence=tuple(evidence),
    )


def _short(text: str) -> str:
    """Return *text*, in which a kernel may have put any amount, as it stands in a report."""
    return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}… ({len(text):,} characters)"
