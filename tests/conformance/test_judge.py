"""The traffic of all checks is judged: what breaks a rule in passing is found."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from attrs import evolve

from assay.conformance import Draft, Line
from assay.conformance._findings import Findings
from assay.conformance._judge import Segment, judge, judge_segment
from assay.conformance._profile import Profile
from assay.conformance._target import Target
from assay.protocol import Channel, Sender, Signer
from assay.protocol import Profile as MessageProfile

SIGNER = Signer(b"secret", "hmac-sha256")


def _draft(msg_type: str, content: dict[str, object], parent: Draft | None = None) -> Draft:
    made = Draft.make(msg_type, content, session="kernel" if parent else "client", username="u")
    return made if parent is None else made.with_parts(parent_header=parent.header)


def _lines(*sent: tuple[Channel, Sender, Draft]) -> tuple[Line, ...]:
    return tuple(
        Line(
            index=index,
            client="" if channel is Channel.IOPUB else "one",
            channel=channel,
            sender=sender,
            frames=draft.with_parts(
                identities=(b"topic",) if channel is Channel.IOPUB else ()
            ).frames(SIGNER),
            judged=draft.judged,
        )
        for index, (channel, sender, draft) in enumerate(sent)
    )


def _conversation(*, idle: bool) -> tuple[Line, ...]:
    asked = _draft("comm_info_request", {})
    states = ["busy", "idle"] if idle else ["busy"]
    return _lines(
        (Channel.SHELL, Sender.CLIENT, asked),
        (
            Channel.SHELL,
            Sender.KERNEL,
            _draft("comm_info_reply", {"status": "ok", "comms": {}}, asked),
        ),
        *(
            (Channel.IOPUB, Sender.KERNEL, _draft("status", {"execution_state": state}, asked))
            for state in states
        ),
    )


def _rules(lines: Sequence[Line], *, complete: bool = True, alone: bool = False) -> set[str]:
    segment = Segment(
        lines=tuple(lines), earlier=frozenset(), signer=SIGNER, complete=complete, alone=alone
    )
    return {one.requirement for one in judge_segment(segment, MessageProfile.STRICT)}


def test_good_conversation() -> None:
    """Nothing is found in a conversation that is as it should be."""
    assert _rules(_conversation(idle=True)) == set()


def test_missing_idle() -> None:
    """What is missing between the messages is found."""
    assert _rules(_conversation(idle=False)) == {"SHELL-05"}


def test_open_conversation() -> None:
    """What may still have come is not missed."""
    assert _rules(_conversation(idle=False), complete=False) == set()
    assert _rules(_conversation(idle=False), alone=True) == set()


def test_wrong_signature() -> None:
    """A message that is wrong by itself is found, whatever is known of the rest."""
    *rest, last = _conversation(idle=True)
    frames = list(last.frames)
    frames[2] = b"0" * 64

    assert "SIGN-01" in _rules([*rest, evolve(last, frames=tuple(frames))], alone=True)


@pytest.mark.parametrize(
    "value", [b"[" * 100_000 + b"]" * 100_000, b"1" * 5_000], ids=["deep", "digits"]
)
def test_json_that_python_does_not_read(value: bytes) -> None:
    """It may be right: that our reader has an end accuses no kernel."""
    *rest, last = _conversation(idle=True)
    before, (_, *dicts) = last.frames[:2], last.frames[2:]
    dicts[2] = b'{"x": ' + value + b"}"
    line = evolve(last, frames=(*before, SIGNER.sign(*dicts), *dicts))
    segment = Segment(
        lines=(*rest, line), earlier=frozenset(), signer=SIGNER, complete=True, alone=True
    )

    (found,) = judge_segment(segment, MessageProfile.STRICT)

    assert (found.requirement, found.path, found.note) == ("WIRE-08", "metadata", True)
    assert "that are none" not in found.got


def test_unjudged() -> None:
    """What follows from a message of ours that is wrong is not judged as a conversation."""
    first, *rest = _conversation(idle=False)

    assert _rules([evolve(first, judged=False), *rest]) == set()


@pytest.mark.parametrize(
    ("wrong", "rules"), [("comm_msg", set()), ("inspect_request", {"SHELL-20"})]
)
def test_questions_beside_wrong_code(wrong: str, rules: set[str]) -> None:
    """Questions that are answered at once are fine while code runs, be it that of a wrong request,
    which is not judged itself."""
    asked = [_draft("comm_info_request", {}) for _ in range(2)]
    answer: dict[str, object] = {"status": "ok", "comms": {}}
    states = [
        (Channel.IOPUB, Sender.KERNEL, _draft("status", {"execution_state": state}, one))
        for state in ("busy", "idle")
        for one in asked
    ]
    lines = _lines(
        (Channel.SHELL, Sender.CLIENT, _draft(wrong, {}).unjudged()),
        *((Channel.SHELL, Sender.CLIENT, one) for one in asked),
        *states,
        *((Channel.SHELL, Sender.KERNEL, _draft("comm_info_reply", answer, one)) for one in asked),
    )

    assert {one.requirement for one in judge(lines)} == rules


def test_earlier_messages_without_an_id() -> None:
    """That something without an id was sent before excuses nothing and accuses no side."""
    segment = Segment(
        lines=_conversation(idle=True),
        earlier=frozenset({""}),
        signer=SIGNER,
        complete=True,
    )

    assert judge_segment(segment, MessageProfile.STRICT) == ()


def test_our_own_faults() -> None:
    """A client's fault is no finding about the kernel."""
    sent = [*_conversation(idle=True)]
    copy = evolve(sent[0], index=len(sent))

    assert "HDR-02" not in _rules([*sent, copy])


def test_once_for_each_kind() -> None:
    """However often a rule is broken in one way, it is one result that tells how often."""
    findings = Findings(Profile.STRICT)
    segment = Segment(
        lines=_conversation(idle=False),
        earlier=frozenset(),
        signer=SIGNER,
        complete=True,
    )
    for check in ("SHELL-01.1", "SHELL-01.1", "SHELL-01.2", "SHELL-03.1"):
        findings.add(judge_segment(segment, MessageProfile.STRICT), check)

    (result,) = findings.merged((), Target(label="k", argument="k"))

    assert result.check == "SHELL-05.0"
    assert "and in 2 more checks" in result.got
    assert result.rerun == "assay check --select SHELL-01.1 k"


def test_newer_type() -> None:
    """A type that is newer than the version in its header is worth a note alone."""
    welcome = _draft("iopub_welcome", {"subscription": ""}).with_header(version="5.3")
    lines = _lines((Channel.IOPUB, Sender.KERNEL, welcome))
    segment = Segment(lines=lines, earlier=frozenset(), signer=SIGNER, complete=True, alone=True)

    assert [
        (one.requirement, one.note) for one in judge_segment(segment, MessageProfile.STRICT)
    ] == [("HDR-09", True)]


def test_echo_of_a_wrong_request() -> None:
    """What a kernel repeats of a wrong request is no fault of its own; what else is wrong, is."""
    asked = _draft("execute_request", {"code": 5})
    echo = _draft("execute_input", {"code": 5, "execution_count": 1}, asked)
    sent = [(Channel.SHELL, Sender.CLIENT, asked), (Channel.IOPUB, Sender.KERNEL, echo)]
    wrong = [(Channel.SHELL, Sender.CLIENT, asked.unjudged()), sent[1]]
    dateless = (Channel.IOPUB, Sender.KERNEL, echo.with_header(date=5))

    orphan = _draft("comm_close", {"comm_id": 5, "data": {}}, asked).with_parts(parent_header={})
    lost = [wrong[0], (Channel.IOPUB, Sender.KERNEL, orphan)]

    assert "IOPUB-18" in _rules(_lines(*sent))
    assert "COMM-05" not in _rules(_lines(*lost))
    assert _rules(_lines(*wrong)) == set()
    assert "HDR-01" in _rules(_lines(wrong[0], dateless))


def test_an_abort_may_have_its_cause_in_an_earlier_check() -> None:
    """In the traffic of one check alone that is worth a note (EXEC-26)."""
    asked = _draft("execute_request", {"code": "1"})
    aborted = _draft("execute_reply", {"status": "aborted", "execution_count": 0}, asked)
    lines = _lines((Channel.SHELL, Sender.CLIENT, asked), (Channel.SHELL, Sender.KERNEL, aborted))
    segment = Segment(lines=tuple(lines), earlier=frozenset(), signer=SIGNER, complete=True)

    found = judge_segment(segment, MessageProfile.STRICT)

    assert [one.note for one in found if one.requirement == "EXEC-26"] == [True]
