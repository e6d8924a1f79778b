"""Play a generated conversation to a kernel and judge what it did."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from assay.conformance._heard import Heard
from assay.conformance._limits import OutOfTime
from assay.conformance._peer import Peer
from assay.conformance._recording import judge
from assay.conformance._testee import Testee
from assay.conformance.fuzz._steps import Ask, Frames, Interrupt, Step, requires_reply
from assay.protocol import AssayError, Channel, Profile, Severity
from assay.transport import KernelEndedError

__all__ = ["Failure", "play"]

ANSWERED = (Channel.SHELL, Channel.CONTROL)


@frozen(kw_only=True)
class Failure:
    """What a kernel did wrong in a conversation."""

    kind: str
    """The requirement and the place in a message; conversations that fail for the same reason have
    the same kind."""

    text: str
    """What was wanted and what was found."""


def play(testee: Testee, steps: Sequence[Step], *, profile: Profile) -> Failure | None:
    """Send *steps* to the kernel at once, wait for its rest, and return what is wrong.

    Three things are asked for: the kernel lives, the next right request of each client is answered
    on each channel (SHELL-14, CTRL-15), and `check_conversation` finds no broken MUST. With the
    strict profile a broken SHOULD of a single message counts as well.
    """
    testee.limits.begin()
    start = len(testee.traffic)
    try:
        return _played(testee, steps) or _judged(testee, start, profile)
    except (KernelEndedError, OutOfTime) as error:
        return Failure(
            kind="died" if isinstance(error, KernelEndedError) else "slow", text=f"{error}"
        )
    except AssayError as error:
        return Failure(kind="unreachable", text=str(error))


def _played(testee: Testee, steps: Sequence[Step]) -> Failure | None:
    peers = _peers(testee, steps)
    asked: list[tuple[Ask, Heard]] = []
    for step in steps:
        match step:
            case Interrupt():
                testee.own_process().interrupt()
            case Frames():
                peers[step.client].send_frames(step.channel, step.frames)
            case Ask():
                peer = peers[step.client]
                draft = peer.draft(step.msg_type, step.content)
                if step.wrong:
                    draft = draft.unjudged()
                asked.append((step, peer.send(draft, channel=step.channel)))
    for peer in peers.values():
        for channel in ANSWERED:
            if not peer.quiet(channel):
                return Failure(
                    kind=f"no answer on {channel}",
                    text=f"wanted an answer to the next kernel_info_request on {channel}, "
                    f"found none within {testee.patience:.0f} s",
                )
    # What the others have seen published, the first client, which observes, has seen after this.
    testee.peer.quiet()
    return _unanswered(testee, peers, asked)


def _unanswered(
    testee: Testee, peers: dict[int, Peer], asked: Sequence[tuple[Ask, Heard]]
) -> Failure | None:
    for step, heard in asked:
        peer = peers[step.client]
        if requires_reply(step) and not peer.wait_for(lambda: heard.replies, testee.limits.grace):  # noqa: B023 - called before the next round
            return Failure(
                kind=f"{step.msg_type} is not answered",
                text=f"wanted a reply to a right {step.msg_type}, found none, though later "
                "requests were answered",
            )
    for _, heard in asked:
        testee.peer.wait_for(lambda: heard.idle is not None, testee.limits.grace)  # noqa: B023 - as above
    return None


def _judged(testee: Testee, start: int, profile: Profile) -> Failure | None:
    testee.read_all()
    lines = testee.traffic.lines[start:]
    for finding in judge(lines, profile=profile, key=testee.connection.key):
        weak = finding.severity is not Severity.VIOLATION
        if weak and profile is not Profile.STRICT:
            continue
        return Failure(kind=f"{finding.requirement} {finding.path}", text=str(finding))
    return None


def _peers(testee: Testee, steps: Sequence[Step]) -> dict[int, Peer]:
    """Return the clients of *steps*; the first is the one that hears IOPub."""
    wanted = sorted({step.client for step in steps if not isinstance(step, Interrupt)} | {0})
    known = testee.fuzz_peers
    for number in wanted:
        if number not in known:
            known[number] = testee.peer if number == 0 else testee.connect(f"client {number}")
    return {number: known[number] for number in wanted}
