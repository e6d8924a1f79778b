"""Send once more what the clients of a recording have sent."""

from __future__ import annotations

from assay.conformance._failure import Failure, failure_in, failure_of, no_answer
from assay.conformance._limits import OutOfTime
from assay.conformance._peer import Peer
from assay.conformance._recording import Recording
from assay.conformance._testee import Testee
from assay.conformance._traffic import Line
from assay.protocol import DELIMITER, AssayError, Channel, Profile, Sender, Signer

__all__ = ["replay"]

SIGNED = 4
"""Frames behind the signature that it covers."""


def replay(testee: Testee, recording: Recording, *, profile: Profile) -> Failure | None:
    """Play *recording* to a kernel and return what it does wrong.

    Each message leaves when the kernel has answered as often as it had in the recording. What was
    rightly signed is signed with the key of the new connection.
    """
    testee.limits.begin()
    testee.rest()
    start = len(testee.traffic)
    try:
        peers = _send(testee, recording)
        for peer in peers.values():
            for channel in testee.answering():
                if not peer.quiet(channel):
                    return no_answer(channel, testee.patience)
        testee.peer.quiet()
    except (AssayError, OutOfTime) as error:
        return failure_of(error)
    testee.read_all()
    lines = testee.traffic.lines[start:]
    return failure_in(lines, profile=profile, key=testee.connection.key)


def _send(testee: Testee, recording: Recording) -> dict[str, Peer]:
    was = Signer(recording.key.encode()) if recording.key else None
    peers: dict[str, Peer] = {}
    answers = 0
    for line in recording.lines:
        if line.sender is Sender.KERNEL:
            answers += line.channel is not Channel.IOPUB
            continue
        if line.client not in peers:
            peers[line.client] = testee.connect(line.client) if peers else testee.peer
        before = answers
        testee.peer.wait_for(lambda: _answers(peers) >= before, testee.limits.grace)  # noqa: B023 - called before the next round
        peer = peers[line.client]
        peer.send_frames(line.channel, _signed(line, was, peer.signer), judged=line.judged)
    return peers


def _answers(peers: dict[str, Peer]) -> int:
    return sum(
        arrival.channel is not Channel.IOPUB for peer in peers.values() for arrival in peer.arrivals
    )


def _signed(line: Line, was: Signer | None, signer: Signer) -> tuple[bytes, ...]:
    """Return the frames of *line*, signed anew if they were rightly signed."""
    frames = line.frames
    if was is None or DELIMITER not in frames:
        return frames
    place = frames.index(DELIMITER) + 1
    dicts = frames[place + 1 : place + 1 + SIGNED]
    if len(dicts) < SIGNED or frames[place] != was.sign(*dicts):
        return frames
    return (*frames[:place], signer.sign(*dicts), *frames[place + 1 :])
