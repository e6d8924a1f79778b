"""Much output: how fast it is here, in how many messages, and whether all of it is."""

from __future__ import annotations

import time
from typing import Final

from benchmarks import snippets
from benchmarks.client import (
    Conversation,
    Frames,
    NoAnswerError,
    WrongAnswerError,
    stream_text,
    subscribe,
    wait_idle,
)
from benchmarks.probes.probe import Findings, Probe
from benchmarks.running import Running
from benchmarks.scale import Scale
from benchmarks.wire import answers

LIMIT_S: Final = 40.0
LATE_S: Final = 3.0
"""A late reader begins when the cell has its reply, or at the latest after this time."""
LATE_QUIET_S: Final = 1.0
DEFAULT_HWM: Final = 1000
"""What a subscriber has that sets no limit of its own."""
MEGABYTE: Final = 1e6


def printed(kernel: Running, scale: Scale, findings: Findings) -> None:
    """Measure lines printed one by one."""
    _text(kernel, snippets.lines(scale.lines), "lines", findings)


def written(kernel: Running, scale: Scale, findings: Findings) -> None:
    """Measure text written in blocks of 1 MB."""
    _text(kernel, snippets.writes(scale.megabytes), "writes", findings)


def displayed(kernel: Running, scale: Scale, findings: Findings) -> None:
    """Measure displays of small values; none may be missing."""
    if not kernel.spec.is_floor:
        kernel.execute(snippets.PREPARE_DISPLAY)
    talk = _pour(kernel, snippets.displays(scale.displays))
    shown = [
        frames
        for frames in talk.published
        if b"text/plain" in frames[-1] and answers(frames, talk.request.msg_id)
    ]
    if not shown:
        raise WrongAnswerError("nothing was displayed")
    findings.add("displays_rate", len(shown) / talk.seconds)
    findings.add("displays_complete", 100 * len(shown) / scale.displays)


def late(kernel: Running, scale: Scale, findings: Findings) -> None:
    """Find how much of the printed text reaches a subscriber that reads when all is done."""
    client, output = kernel.client, snippets.lines(scale.late_lines)
    client.limit_s = LIMIT_S
    reader = subscribe(kernel.context, kernel.process.connection, hwm=DEFAULT_HWM)
    try:
        for _ in range(100):
            warm_up = kernel.execute(snippets.PASS).request
            if wait_idle(reader, warm_up.msg_id, 0.1):
                break
        request = client.writer.execute(output.code)
        client.shell.send_multipart(request.frames)
        client.shell.poll(round(LATE_S * 1000))
        messages: list[Frames] = []
        end = time.monotonic() + LIMIT_S
        while reader.poll(round(LATE_QUIET_S * 1000)) and time.monotonic() < end:
            messages.append(reader.recv_multipart())
    finally:
        reader.close(0)
    text, _ = stream_text(messages, request)
    findings.add("late_text", 100 * len(text) / len(output.text()))


def _text(kernel: Running, output: snippets.Output, name: str, findings: Findings) -> None:
    talk, wanted = _pour(kernel, output.code), output.text()
    text, messages = stream_text(talk.published, talk.request)
    if not text:
        raise WrongAnswerError("no text came")
    if len(text) >= len(wanted) and text != wanted:
        raise WrongAnswerError("the text came changed")
    findings.add(f"{name}_rate", len(text.encode()) / MEGABYTE / talk.seconds)
    findings.add(f"{name}_messages", messages)
    findings.add(f"{name}_complete", 100 * len(text) / len(wanted))


def _pour(kernel: Running, code: str) -> Conversation:
    """Run *code* and return all that came; a floor makes its messages in a run before."""
    client = kernel.client
    client.limit_s = LIMIT_S
    if kernel.spec.is_floor:
        client.pour(client.writer.execute(code))
    talk = client.pour(client.writer.execute(code))
    kernel.check(talk)
    if talk.ended_at <= talk.sent_at:
        raise NoAnswerError("nothing was published")
    return talk


PROBES: Final = (
    Probe(
        name="lines",
        metrics=("lines_rate", "lines_messages", "lines_complete"),
        run=printed,
        is_heavy=True,
    ),
    Probe(
        name="writes",
        metrics=("writes_rate", "writes_messages", "writes_complete"),
        run=written,
        is_heavy=True,
    ),
    Probe(
        name="displays",
        metrics=("displays_rate", "displays_complete"),
        run=displayed,
        is_heavy=True,
    ),
)
LATE: Final = Probe(name="late", metrics=("late_text",), run=late, is_heavy=True, ends=True)
