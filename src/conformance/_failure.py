"""What a kernel did wrong in a conversation."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import field, frozen

from assay.conformance._judge import UNCLEAR_IN_PASSING, judge
from assay.conformance._limits import OutOfTime
from assay.conformance._traffic import Line
from assay.conformance._visible import in_lines, visible
from assay.protocol import AssayError, Channel, Profile, Severity
from assay.spec import requirement
from assay.transport import KernelEndedError

__all__ = ["Failure", "failure_in", "failure_of", "no_answer"]


def _shown(text: str) -> str:
    return visible(in_lines([text]))


@frozen(kw_only=True)
class Failure:
    """One thing that is wrong."""

    kind: str
    """The requirement and the place in a message; conversations that fail for the same reason have
    the same kind."""

    text: str = field(converter=_shown)
    """What was wanted and what was found."""

    lasting: bool = False
    """Whether the kernel is of no use any more: what is sent to it now would show nothing."""


def failure_in(lines: Iterable[Line], *, profile: Profile, key: str) -> Failure | None:
    """Return the first broken MUST of a conversation; with the strict profile a SHOULD as well.

    What rests on this project's own reading of the text is no failure of a kernel.
    """
    for finding in judge(lines, profile=profile, key=key):
        weak = finding.severity is not Severity.VIOLATION and profile is not Profile.STRICT
        unclear = weak or finding.requirement in UNCLEAR_IN_PASSING
        if not unclear and requirement(finding.requirement).judged:
            return Failure(kind=f"{finding.requirement} {finding.path}", text=str(finding))
    return None


def no_answer(channel: Channel, patience: float) -> Failure:
    """Return what is wrong with a kernel that does not answer on *channel* any more."""
    return Failure(
        kind=f"no answer on {channel}",
        text=f"wanted an answer to the next kernel_info_request on {channel}, "
        f"found none within {patience:.0f} s",
        lasting=True,
    )


def failure_of(error: AssayError | OutOfTime) -> Failure:
    """Return what is wrong with a kernel that a conversation with it has ended in *error*."""
    match error:
        case KernelEndedError():
            text = f"wanted a kernel that lives, found that {error}"
            return Failure(kind="died", text=text, lasting=True)
        case OutOfTime():
            return Failure(kind="slow", text=str(error), lasting=True)
    return Failure(kind="unreachable", text=str(error), lasting=True)
