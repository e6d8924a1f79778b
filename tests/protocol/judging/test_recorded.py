"""Traffic of real kernels holds to the protocol, but for quirks that are written down here.

`recorded/record.py` made the recordings. A quirk is a sentence on what one kernel does, under the
requirement that it breaks. A finding without a quirk fails a test, and so does a quirk without a
finding: it has gone, or the rule that found it has.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from assay.protocol import (
    Channel,
    Finding,
    Profile,
    Recorded,
    Sender,
    Severity,
    Signer,
    check_conversation,
    split,
    validate,
)

FOLDER = Path(__file__).parent / "recorded"
KERNELS = ("akernel", "assay", "async-kernel", "ipykernel", "ipymini", "xeus-python")

UNCLEAN: dict[str, dict[str, str]] = {
    "akernel": {
        "WIRE-06": "Its metadata frame is `null` in every message.",
        "SHELL-10": "Its error replies hold `status` and the count, and nothing on the error.",
        "WIRE-11": "It puts no topic before what it publishes.",
        "EXEC-11": "Its execute replies leave out `user_expressions`, asked for or not.",
        "SHELL-09": "Its `shutdown_reply` has no `status`.",
    },
    "assay": {},
    "async-kernel": {
        "IOPUB-20": "Its `error` messages hold a `status`.",
        "SHELL-10": "Its error replies hold empty `user_expressions`.",
        "WIRE-11": "It puts no topic before `error` messages.",
    },
    "ipykernel": {
        "HDR-09": "It welcomes subscribers as of 5.5, and writes 5.4 into its headers.",
        "SHELL-10": "Its error replies hold empty `user_expressions`.",
        "SHELL-12": "It answers what it drops from the queue with `aborted`.",
        "SHELL-13": "Its aborted replies leave out `execution_count`.",
        "WIRE-11": "Its welcome has no topic frame where the subscription is empty.",
    },
    "ipymini": {
        "HDR-09": "It welcomes subscribers as of 5.5, and writes 5.3 into its headers.",
        "INFO-04": "Its answer on control is a status and nothing else.",
        "INFO-05": "Its answer on control is a status and nothing else.",
        "INFO-06": "Its answer on control is a status and nothing else.",
        "SHELL-11": "Its aborted replies hold an empty payload and empty user expressions.",
        "SHELL-12": "It answers what it drops from the queue with `aborted`.",
        "WIRE-11": "It puts no topic before what it publishes.",
    },
    "xeus-python": {
        "ISCOMPLETE-03": "It sends an empty `indent` also for complete and for invalid code.",
        "WIRE-06": "Its `iopub_welcome` has `null` as parent header and as metadata.",
    },
}
"""What a conforming sender does not do, and a tolerant receiver lets pass."""

BETWEEN: dict[str, dict[str, str]] = {
    "akernel": {
        "CTRL-03": "It publishes neither busy nor idle for a shutdown_request.",
        "CTRL-07": "It does not publish its shutdown_reply.",
        "EXEC-08": "A cell that is not stored raises the counter.",
        "EXEC-20": "It aborts nothing.",
        "HDR-02": "All its `error` messages have one id.",
        "HDR-03": "It takes on the session of its client.",
        "HDR-04": "What it says before it has heard a client is under sessions of their own.",
        "INFO-02": "It does not answer kernel_info_request on control.",
        "SHELL-06": "It publishes busy and idle around execution only.",
        "SHELL-07": "It publishes neither busy nor idle for a comm_open.",
        "SHELL-15": "It begins with a cell while the one before it waits.",
    },
    "assay": {},
    "async-kernel": {
        "CTRL-07": "It does not publish its shutdown_reply.",
        "EXEC-08": "A cell that is not stored raises the counter.",
        "EXEC-17": "The traceback in its replies is another one than in its `error` messages.",
    },
    "ipykernel": {
        "EXEC-07": "For an empty cell it shows a new number and replies with the old one.",
        "EXEC-08": "It shows an unstored cell under the next number and replies with the last.",
        "HDR-09": "It writes 5.4 into its headers and announces 5.3.",
    },
    "ipymini": {
        "CTRL-03": "It publishes neither busy nor idle for what comes on control.",
        "CTRL-07": "It does not publish its shutdown_reply.",
        "INFO-02": "Its answer on control is a status and nothing else.",
        "SHELL-06": "It publishes neither busy nor idle for a comm_info_request.",
        "SHELL-07": "It publishes neither busy nor idle for a comm_open.",
    },
    "xeus-python": {
        "CTRL-07": "It publishes it under the type `shutdown` in place of `shutdown_reply`.",
        "EXEC-08": "A cell that is not stored raises the counter.",
        "EXEC-20": "Cells behind a failing one are run, and answered with the error of the first.",
        "IOPUB-19": "The number of a result is not that of its cell once a cell was not stored.",
        "SHELL-15": "It announces the next cell while the one before it still runs.",
    },
}
"""What its messages owe to each other."""


@cache
def recording(kernel: str) -> dict[str, Any]:
    """Return the recording of *kernel*."""
    found: dict[str, Any] = json.loads((FOLDER / f"{kernel}.json").read_text("utf-8"))
    assert found["format"] == 1
    return found


def records(kernel: str) -> list[Recorded]:
    """Return the records of *kernel*."""
    return [
        Recorded(
            index=at,
            channel=Channel(one["channel"]),
            sender=Sender(one["sender"]),
            message=frames(one),
            client="client" if one["channel"] != "iopub" else "",
        )
        for at, one in enumerate(recording(kernel)["records"])
    ]


def frames(one: dict[str, Any]) -> list[bytes]:
    """Return the frames of a record."""
    return [frame.encode() for frame in one["frames"]]


def alone(kernel: str, profile: Profile) -> list[Finding]:
    """Return what is wrong with each message of *kernel* alone."""
    signer = Signer(recording(kernel)["key"].encode())
    return [
        found
        for one in recording(kernel)["records"]
        for found in validate(
            frames(one),
            profile=profile,
            channel=Channel(one["channel"]),
            sender=Sender(one["sender"]),
            signer=signer,
        )
    ]


def broken(found: list[Finding]) -> set[str]:
    """Return the requirements that *found* names."""
    return {one.requirement for one in found}


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_tolerant_receiver_takes_it(kernel: str) -> None:
    """Every message of every kernel is accepted."""
    assert alone(kernel, Profile.LENIENT) == []


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_strict_reader_finds_the_quirks(kernel: str) -> None:
    """Every message is as it should be sent, but for the quirks."""
    found = alone(kernel, Profile.STRICT)

    assert broken(found) == set(UNCLEAN[kernel]), "\n".join(map(str, found))


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_conversation_holds_together(kernel: str) -> None:
    """Between the messages all is well, but for the quirks."""
    found = list(check_conversation(records(kernel), profile=None))

    assert broken(found) == set(BETWEEN[kernel]), "\n".join(map(str, found))


def test_our_own_kernel_is_clean() -> None:
    """What this project's kernel says has nothing wrong with it at all."""
    found = check_conversation(records("assay"), profile=Profile.STRICT)

    assert found == ()


def test_most_of_the_traffic_is_sound() -> None:
    """The rules do not cry wolf: without akernel's metadata, few messages have a violation."""
    bad = [one for one in alone("ipykernel", Profile.STRICT) if one.severity is Severity.VIOLATION]

    assert len(bad) <= 3


@pytest.mark.parametrize("kernel", KERNELS)
def test_all_kinds_of_requests_are_in_it(kernel: str) -> None:
    """A recording holds the requests that clients usually send, and is signed with its key."""
    types = {
        json.loads(split(frames(one)).header)["msg_type"]
        for one in recording(kernel)["records"]
        if one["sender"] == "client"
    }

    names = ("kernel_info", "execute", "complete", "inspect", "history", "is_complete", "comm_info")
    assert types >= {f"{name}_request" for name in (*names, "shutdown")} | {"comm_open"}
    assert not [one for one in alone(kernel, Profile.LENIENT) if one.requirement[:4] == "SIGN"]


@pytest.mark.parametrize("kernel", KERNELS)
def test_it_tells_nothing_of_the_machine(kernel: str) -> None:
    """Paths are those of no machine."""
    text = (FOLDER / f"{kernel}.json").read_text("utf-8")

    roots = set(re.findall(r"(?<![\w.:/<>~-])/([a-z]+)/[\w./-]*", text))
    assert roots <= {"environment", "tmp"}
    assert set(re.findall(r"/tmp/[\w./-]*", text)) <= {"/tmp/file"}
