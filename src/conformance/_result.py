"""What a run brings: a result for each check, and what they add up to."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import field, frozen

from assay.conformance._arrival import Object
from assay.conformance._exhibit import Exhibit
from assay.conformance._outcome import Verdict
from assay.conformance._profile import Profile

__all__ = ["Report", "Result"]


@frozen(kw_only=True)
class Result:
    """What one check found."""

    check: str
    """The check's id: ``SHELL-04.1``."""

    requirements: tuple[str, ...]
    """The requirement that was judged, then others that the check touches."""

    level: str
    """That of the requirement: ``MUST``, ``SHOULD`` or ``MAY``."""

    title: str
    """The fact that is true of a good kernel."""

    outcome: Verdict

    expected: str = ""
    got: str = ""
    reason: str = ""
    """Why nothing was judged, or what is worth knowing."""

    accepted: str = ""
    """Why a baseline accepts the failure; it is a note then."""

    evidence: tuple[Exhibit, ...] = ()
    mistake: str = ""
    """How kernels usually get this wrong."""

    rerun: str = ""
    """The command that runs this check alone."""

    seconds: float = 0.0


@frozen(kw_only=True)
class Report:
    """All that was found of one kernel."""

    kernel: str
    """What was checked: a kernelspec's name, a command or a file."""

    info: Object = field(factory=dict)
    """The content of its ``kernel_info_reply``."""

    profile: Profile = Profile.STRICT

    error: str = ""
    """Why the kernel did not start, or gave no answer; empty if it did."""

    existing: bool = False
    """Whether it was to run already: it is not ours to start then."""

    unasked: int = 0
    """How many checks were left out because the time of the run was over, or because a kernel that
    is not ours to start was still busy with an earlier one."""

    ignored: tuple[str, ...] = ()
    """The results of what is seen in passing that were left out, whatever was seen: ``HDR-09.0``.
    A check that was left out has no result."""

    results: tuple[Result, ...] = ()
    """In the order of the register."""

    seconds: float = 0.0
    """How long the run took."""

    start_s: float = 0.0
    """How long the kernel took to start."""

    @property
    def trouble(self) -> str:
        """What `error` is the reason of, in words."""
        return "the kernel does not answer" if self.existing else "the kernel did not start"

    def with_outcome(self, *outcomes: Verdict) -> tuple[Result, ...]:
        """Return the results that have one of *outcomes*."""
        return tuple(one for one in self.results if one.outcome in outcomes)

    def failures(self, levels: Iterable[str] = ("MUST", "SHOULD", "MAY")) -> tuple[Result, ...]:
        """Return what failed at one of *levels*."""
        wanted = frozenset(levels)
        return tuple(one for one in self.with_outcome(Verdict.FAILED) if one.level in wanted)
