"""Judge traffic: what breaks a rule in passing is found as well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf

from attrs import evolve, frozen

from assay.conformance._exhibit import Exhibit, of_lines
from assay.conformance._traffic import Line
from assay.protocol import (
    Finding,
    Profile,
    Recorded,
    Sender,
    Severity,
    Signer,
    check_conversation,
    read_parts,
    validate,
)
from assay.spec import requirement

__all__ = ["Passing", "Segment", "judge", "judge_segment"]


UNCLEAR_IN_PASSING = frozenset({"IOPUB-23", "EXEC-20", "EXEC-26", "CTRL-07"})
"""What only a check can tell that knows its code.

Text behind idle is late, or that of a thread which went on. A cell behind one that fails should
have been aborted, or came too late for that: a quick kernel may have done with the failing one
before anything of it has arrived here. A cell that is aborted may follow one that failed in an
earlier check. The last words of a kernel may come when nothing else is waited for any more.
"""


UNCLEAR_BEHIND_WRONG_CODE = frozenset(
    {"SHELL-15", "SHELL-20", "SUBSHELL-10", "EXEC-22", "EXEC-24", "EXEC-26"}
)
"""What a wrong request of ours may be the reason of: code that ran meanwhile, or failed."""

RUNS_CODE = frozenset({"execute_request", "comm_open", "comm_msg", "comm_close"})

REPEATED = ("content", "parent_header")
"""Where the path of a finding begins that is about what may be repeated from a request."""

NEWER_TYPE = ", which brought "
"""Of a message type that is newer than the version in its header: the text does not forbid it."""


@frozen(kw_only=True)
class Segment:
    """The traffic of one check, and what is known of what came before."""

    lines: tuple[Line, ...]

    earlier: frozenset[str]
    """The ids of our messages before it: what still names them as parent is not judged here."""

    signer: Signer

    complete: bool
    """Whether every request in it has come to its end."""

    alone: bool = False
    """Whether to judge each message alone: not all that belongs together was received."""


@frozen(kw_only=True)
class Passing:
    """One thing that was seen to be wrong in passing."""

    requirement: str
    path: str
    expected: str
    got: str

    note: bool
    """Whether it is worth a note only, as the sentence leaves it open."""

    evidence: tuple[Exhibit, ...]

    @property
    def kind(self) -> tuple[str, str, str]:
        """What makes two of them one: the rule, the place and what was wanted."""
        return self.requirement, self.path, self.expected


def judge_segment(segment: Segment, profile: Profile) -> tuple[Passing, ...]:
    """Return all that the kernel did wrong in *segment*, by the rules that bind kernels."""
    by_index = {line.index: line for line in segment.lines}
    found = list(_alone(segment, profile))
    if not segment.alone and all(
        line.judged or line.sender is Sender.KERNEL for line in segment.lines
    ):
        earlier = segment.earlier - {""}
        records = _records(
            line
            for line in segment.lines
            if line.sender is Sender.CLIENT or read_parts(line.frames).parent_id not in earlier
        )
        found += check_conversation(
            records, profile=None, signer=segment.signer, complete=segment.complete
        )
    kept: dict[tuple[str, str, str], Passing] = {}
    for one in found:
        lines = [by_index[index] for index in one.records]
        if _binds_the_kernel(one, lines):
            passing = _passing(one, lines)
            kept.setdefault(passing.kind, passing)
    return tuple(kept.values())


def judge(
    lines: Iterable[Line],
    *,
    profile: Profile | None = Profile.LENIENT,
    key: str = "",
    complete: bool = True,
) -> tuple[Finding, ...]:
    """Return all that is wrong with what the kernel sent, by `check_conversation`.

    What follows from messages of ours that are wrong, and are marked so, is left out.

    Args:
        lines: The traffic, in the order of time.
        profile: How single messages are judged.
        key: Of the connection, to judge signatures; empty judges none.
        complete: Whether the traffic ends with a kernel at rest.
    """
    lines = tuple(lines)
    kept = list(_without_unjudged(lines))
    found = check_conversation(
        _records(kept),
        profile=profile,
        signer=Signer(key.encode()) if key else None,
        complete=complete,
    )
    ours = {line.index for line in kept if line.sender is Sender.CLIENT}
    unclear = _first_wrong_code(lines)
    return tuple(
        one
        for one in found
        if not one.records
        or not (
            set(one.records) <= ours
            or (one.requirement in UNCLEAR_BEHIND_WRONG_CODE and max(one.records) > unclear)
        )
    )


def _first_wrong_code(lines: Iterable[Line]) -> float:
    """Return where the first request stands that is wrong and may run code all the same."""
    return next(
        (
            line.index
            for line in lines
            if not line.judged
            and line.sender is Sender.CLIENT
            and read_parts(line.frames).msg_type in RUNS_CODE
        ),
        inf,
    )


def _without_unjudged(lines: tuple[Line, ...]) -> Iterable[Line]:
    wrong = {
        read_parts(line.frames).msg_id
        for line in lines
        if not line.judged and line.sender is Sender.CLIENT
    }
    for line in lines:
        if not line.judged:
            continue
        if line.sender is Sender.KERNEL and read_parts(line.frames).parent_id in wrong:
            continue
        yield line


def _alone(segment: Segment, profile: Profile) -> Iterable[Finding]:
    wrong = {read_parts(line.frames).msg_id for line in segment.lines if not line.judged} - {""}
    for line in segment.lines:
        if line.sender is Sender.KERNEL:
            # Some kernels name no parent at all in what they send themselves.
            answered = bool(wrong) and read_parts(line.frames).parent_id in {*wrong, ""}
            found = validate(
                line.frames,
                profile=profile,
                channel=line.channel,
                sender=Sender.KERNEL,
                signer=segment.signer,
            )
            yield from (
                evolve(one, records=(line.index,))
                for one in found
                # Of a wrong request the kernel may repeat what is wrong in it: its header as
                # parent, its code, its ids.
                if not (answered and one.path.startswith(REPEATED))
            )


def _records(lines: Iterable[Line]) -> list[Recorded]:
    return [
        Recorded(
            index=line.index,
            channel=line.channel,
            sender=line.sender,
            message=line.frames,
            client=line.client,
        )
        for line in lines
    ]


def _binds_the_kernel(one: Finding, lines: Sequence[Line]) -> bool:
    rule = requirement(one.requirement)
    seen = any(line.sender is Sender.KERNEL for line in lines)
    return rule.binds == "kernel" or (rule.binds == "both" and seen)


LEFT_OUT = frozenset({"content.seq", "content.request_seq", "content.command"})
"""What the examples of the text leave out of the responses to debug requests (AMB-29)."""


def _contradicts_itself(one: Finding, lines: Sequence[Line]) -> bool:
    """Return whether the text asks for what is missing in one place, and not in another."""
    if one.got not in {"nothing", "None"}:
        return False
    if one.requirement == "DEBUG-04":
        return one.path in LEFT_OUT
    # The count of an aborted execution (AMB-03).
    replies = (read_parts(line.frames) for line in lines if line.sender is Sender.KERNEL)
    return one.requirement == "SHELL-13" and any(
        reply.content.get("status") in {"aborted", "abort"} for reply in replies
    )


def _passing(one: Finding, lines: Sequence[Line]) -> Passing:
    rule = requirement(one.requirement)
    mild = rule.level == "MUST" and one.severity is Severity.WARNING
    mild = mild or rule.id in UNCLEAR_IN_PASSING or NEWER_TYPE in one.expected
    mild = mild or _contradicts_itself(one, lines)
    return Passing(
        requirement=rule.id,
        path=one.path,
        expected=f"{one.path}: {one.expected}",
        got=one.got,
        note=mild,
        evidence=of_lines(lines),
    )
