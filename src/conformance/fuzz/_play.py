"""Play a generated conversation to a kernel and judge what it did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from assay.conformance._failure import Failure, failure_in, failure_of, no_answer
from assay.conformance._limits import OutOfTime
from assay.conformance._peer import Peer
from assay.conformance._response import Response
from assay.conformance._testee import Testee
from assay.conformance.fuzz._steps import Ask, Frames, Interrupt, Step, requires_reply
from assay.protocol import AssayError, Profile

__all__ = ["Peers", "play"]

Peers: TypeAlias = "dict[int, Peer]"
"""The clients of generated conversations with one kernel, by number; they are used again."""


def play(
    testee: Testee, steps: Sequence[Step], *, profile: Profile, peers: Peers
) -> Failure | None:
    """Send *steps* to the kernel at once, wait for its rest, and return what is wrong.

    Three things are asked for: the kernel lives, the next right request of each client is answered
    on each channel (SHELL-14, CTRL-15), and `check_conversation` finds no broken MUST. With the
    strict profile a broken SHOULD of a single message counts as well.

    Args:
        testee: The kernel.
        steps: What its clients do.
        profile: How single messages are judged.
        peers: Those of earlier conversations with this kernel; takes those that are new.
    """
    testee.limits.begin()
    start = len(testee.traffic)
    try:
        _invite(testee, steps, peers)
        return _played(testee, steps, peers) or _judged(testee, start, profile)
    except (AssayError, OutOfTime) as error:
        return failure_of(error)


def _played(testee: Testee, steps: Sequence[Step], peers: Peers) -> Failure | None:
    asked: list[tuple[Ask, Response]] = []
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
        for channel in testee.answering():
            if not peer.quiet(channel):
                return no_answer(channel, testee.patience)
    # What the others have seen published, the first client, which observes, has seen after this.
    testee.peer.quiet()
    return _unanswered(testee, asked)


def _unanswered(testee: Testee, asked: Sequence[tuple[Ask, Response]]) -> Failure | None:
    needed = [(step, response) for step, response in asked if requires_reply(step)]
    # A kernel may serve requests beside each other: that a later one is answered proves nothing.
    testee.peer.wait_for(lambda: all(response.replies for _, response in needed))
    for step, response in needed:
        if not response.replies:
            return Failure(
                kind=f"{step.msg_type} is not answered",
                text=f"wanted a reply to a right {step.msg_type}, found none, though later "
                "requests were answered",
            )
    testee.peer.wait_for(lambda: all(response.idle for _, response in asked), testee.limits.grace)
    return None


def _judged(testee: Testee, start: int, profile: Profile) -> Failure | None:
    testee.read_all()
    lines = testee.traffic.lines[start:]
    return failure_in(lines, profile=profile, key=testee.connection.key)


def _invite(testee: Testee, steps: Sequence[Step], peers: Peers) -> None:
    """Add the clients of *steps* to *peers*; the first is the one that receives on IOPub."""
    wanted = sorted({step.client for step in steps if not isinstance(step, Interrupt)} | {0})
    for number in wanted:
        if number not in peers:
            peers[number] = testee.peer if number == 0 else testee.connect(f"client {number}")
