"""What a kernel did wrong in a conversation."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from assay.conformance._recording import judge
from assay.conformance._traffic import Line
from assay.protocol import Profile, Severity
from assay.spec import requirement

__all__ = ["Failure", "failure_in"]


@frozen(kw_only=True)
class Failure:
    """One thing that is wrong."""

    kind: str
    """The requirement and the place in a message; conversations that fail for the same reason have
    the same kind."""

    text: str
    """What was wanted and what was found."""


def failure_in(lines: Iterable[Line], *, profile: Profile, key: str) -> Failure | None:
    """Return the first broken MUST of a conversation; with the strict profile a SHOULD as well.

    What rests on this project's own reading of the text is no failure of a kernel.
    """
    for finding in judge(lines, profile=profile, key=key):
        weak = finding.severity is not Severity.VIOLATION and profile is not Profile.STRICT
        if not weak and requirement(finding.requirement).judged:
            return Failure(kind=f"{finding.requirement} {finding.path}", text=str(finding))
    return None
