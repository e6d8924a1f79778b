"""What a recorder sees of a kernel and of its client is the conversation, and it can be judged."""

from __future__ import annotations

import threading
from pathlib import Path
from queue import SimpleQueue

import pytest
from attrs import evolve
from examples.calculator import Calculator

from assay.conformance import Line, Recording, Traffic, TrafficRecorder, judge
from assay.kernel import Kernel
from assay.protocol import (
    Channel,
    ConnectionFile,
    ExecuteRequest,
    KernelInfoReply,
    KernelInfoRequest,
    LanguageInfo,
    Sender,
    ShutdownRequest,
    read_parts,
)
from assay.transport import Client, session_for
from tests.limits import HANG_LIMIT_S

INFO = KernelInfoReply(
    implementation="recorded",
    implementation_version="1",
    banner="",
    language_info=LanguageInfo(name="sums", version="1", mimetype="text/x-sum", file_extension="."),
)


@pytest.fixture
def recorded() -> tuple[Traffic, Traffic]:
    """What the kernel and its client recorded of one conversation."""
    of_kernel, of_client = Traffic(), Traffic()
    bound: SimpleQueue[ConnectionFile] = SimpleQueue()
    connection = ConnectionFile(key="secret")
    kernel = Kernel(
        connection,
        session_for(connection),
        INFO,
        Calculator.interpreter,
        on_bound=bound.put,
        recorder=TrafficRecorder(of_kernel, Sender.KERNEL),
    )
    thread = threading.Thread(target=kernel.run)
    thread.start()
    recorder = TrafficRecorder(of_client, Sender.CLIENT, "client")
    with Client(bound.get(timeout=HANG_LIMIT_S), recorder=recorder) as client:
        client.wait_until_ready(HANG_LIMIT_S)
        client.execute("1 + 2", timeout=HANG_LIMIT_S)
        client.request(KernelInfoRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)
        client.request(
            ShutdownRequest(restart=False), channel=Channel.CONTROL, timeout=HANG_LIMIT_S
        )
    thread.join()
    return of_kernel, of_client


def told(lines: list[Line], channel: Channel, sender: Sender) -> list[tuple[str, bytes]]:
    """Return type and last frame of what *sender* sent by *channel*, in order."""
    found = [line for line in lines if (line.channel, line.sender) == (channel, sender)]
    return [(read_parts(line.frames).msg_type, line.frames[-1]) for line in found]


def test_both_ends_record_the_same(recorded: tuple[Traffic, Traffic]) -> None:
    """On each channel and in each direction: the same messages in the same order, whole."""
    of_kernel, of_client = recorded

    for channel in (Channel.SHELL, Channel.CONTROL):
        for sender in (Sender.CLIENT, Sender.KERNEL):
            seen = told(of_client.lines, channel, sender)
            assert seen == told(of_kernel.lines, channel, sender)
            assert seen
    # What was published before the client had subscribed is the kernel's alone to record.
    seen = told(of_client.lines, Channel.IOPUB, Sender.KERNEL)
    assert seen == told(of_kernel.lines, Channel.IOPUB, Sender.KERNEL)[-len(seen) :]
    assert "execute_result" in [msg_type for msg_type, _ in seen]


def test_recording_can_be_judged_and_kept(
    recorded: tuple[Traffic, Traffic], tmp_path: Path
) -> None:
    """It holds what `judge` needs: nothing is wrong with this kernel, and something is once a
    reply is changed; a file holds it all."""
    recording = Recording(kernel="recorded", key="secret", lines=tuple(recorded[0].lines))
    recording.write(tmp_path / "recording.json")
    lines = Recording.read(tmp_path / "recording.json").lines

    forged = [
        evolve(line, frames=(*line.frames[:-1], b"{}"))
        if read_parts(line.frames).msg_type == "execute_reply"
        else line
        for line in lines
    ]

    assert [line.frames for line in lines] == [line.frames for line in recording.lines]
    assert any(read_parts(line.frames).msg_type == ExecuteRequest.msg_type for line in lines)
    assert judge(lines, key="secret") == ()
    assert judge(forged, key="secret") != ()
