"""Judge a recording offline: every requirement that messages alone can show to be broken."""

from __future__ import annotations

from attrs import evolve

from assay.conformance._findings import Findings
from assay.conformance._judge import Segment, judge_segment
from assay.conformance._profile import Profile
from assay.conformance._recording import Recording
from assay.conformance._result import Report
from assay.conformance._target import Target
from assay.protocol import Signer

__all__ = ["check_recording"]


def check_recording(
    recording: Recording,
    *,
    profile: Profile = Profile.STRICT,
    argument: str = "",
    ignored: frozenset[str] = frozenset(),
) -> Report:
    """Return what the kernel of *recording* is seen to do wrong.

    The recording may begin and end in the middle of things. What follows from a message that is
    marked as wrong is judged message by message only.

    Args:
        recording: The traffic. Its key, if it has one, is used to judge signatures.
        profile: How much is asked of the kernel.
        argument: What names the recording on the command line.
        ignored: The ids of requirements for which nothing is reported.
    """
    segment = Segment(
        lines=recording.lines,
        earlier=frozenset(),
        signer=Signer(recording.key.encode()),
        complete=False,
    )
    findings = Findings(profile, ignored)
    findings.add(judge_segment(segment, profile.of_messages), "the recording")
    target = Target(label=recording.kernel or argument, argument=argument)
    rerun = f"assay check {argument}"
    results = (evolve(one, rerun=rerun) for one in findings.merged((), target))
    return Report(
        kernel=target.label,
        profile=profile,
        ignored=findings.ignored_results,
        results=tuple(results),
    )
