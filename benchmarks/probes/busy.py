"""A kernel that is computing: what it shows, answers and obeys meanwhile."""

from __future__ import annotations

import time
from typing import Final

from benchmarks import snippets
from benchmarks.client import WrongAnswerError, stream_text
from benchmarks.probes.probe import Findings, Probe
from benchmarks.running import Running
from benchmarks.scale import Scale
from benchmarks.wire import Request, read

SPINNING_AFTER_S: Final = 0.15
"""The loop is taken to run this long after it was sent."""


def first_line(kernel: Running, scale: Scale, findings: Findings) -> None:
    """Measure from sending a cell until its first line is here, while it goes on computing."""
    for _ in range(scale.slow_repeats):
        request = kernel.client.writer.execute(snippets.running(scale.running_s))
        sent_at = time.perf_counter()
        kernel.client.shell.send_multipart(request.frames)
        frames = kernel.client.published(request, "stream")
        seconds = time.perf_counter() - sent_at
        _finish(kernel, request)
        text, _ = stream_text([frames], request)
        if not text.startswith(snippets.FIRST_LINE_TEXT[:-1]):
            raise WrongAnswerError(f"the first line was {text[:40]!r}")
        findings.add("first_line", seconds * 1000)


def control(kernel: Running, scale: Scale, findings: Findings) -> None:
    """Measure kernel_info on control, again and again until the loop is over."""
    client = kernel.client
    request = client.writer.execute(snippets.running(scale.running_s + SPINNING_AFTER_S))
    client.shell.send_multipart(request.frames)
    time.sleep(SPINNING_AFTER_S)
    end = time.perf_counter() + scale.running_s * 0.8
    while time.perf_counter() < end:
        asked = client.writer.request("kernel_info_request")
        sent_at = time.perf_counter()
        client.control.send_multipart(asked.frames)
        reply = client.reply(asked, control=True)
        findings.add("control_busy", (time.perf_counter() - sent_at) * 1000)
        kernel.check_reply(reply, asked.msg_type)
    _finish(kernel, request)


def interrupt(kernel: Running, scale: Scale, findings: Findings) -> None:
    """Measure from the interrupt of an endless loop to the error reply of its cell."""
    for _ in range(scale.slow_repeats):
        request = kernel.client.writer.execute(snippets.SPIN)
        kernel.client.shell.send_multipart(request.frames)
        # One kernel publishes nothing before the cell is over, so there is no better sign.
        time.sleep(SPINNING_AFTER_S)
        interrupt_at = time.perf_counter()
        _interrupt(kernel)
        reply = kernel.client.reply(request)
        seconds = time.perf_counter() - interrupt_at
        content = read(reply, kernel.key).content
        # One kernel's error replies have no name, so a missing one is let pass.
        name = str(content.get("ename", "KeyboardInterrupt"))
        if content.get("status") != "error" or "Interrupt" not in name:
            raise WrongAnswerError(f"the loop ended with {content.get('status')}, {name}")
        kernel.client.idle(request)
        findings.add("interrupt", seconds * 1000)


def _interrupt(kernel: Running) -> None:
    if kernel.spec.interrupt == "signal":
        kernel.process.interrupt()
        return
    request = kernel.client.writer.request("interrupt_request")
    kernel.client.control.send_multipart(request.frames)


def _finish(kernel: Running, request: Request) -> None:
    kernel.check_reply(kernel.client.reply(request), request.msg_type)
    kernel.client.idle(request)


PROBES: Final = (
    Probe(name="first_line", metrics=("first_line",), run=first_line),
    Probe(name="control_busy", metrics=("control_busy",), run=control, on_floor=False),
    Probe(name="interrupt", metrics=("interrupt",), run=interrupt, on_floor=False),
)
