"""A comm message there and back: small, and with a large buffer."""

from __future__ import annotations

import os
import time
import uuid
from typing import Final

from benchmarks import snippets
from benchmarks.client import Frames, NoAnswerError, WrongAnswerError, wait_idle
from benchmarks.probes.probe import Findings, Probe
from benchmarks.running import Running
from benchmarks.scale import Scale
from benchmarks.wire import Json, Request, is_idle, is_marked, read

WARM_UP: Final = 3
MEGABYTE: Final = 1e6
LARGE_LIMIT_S: Final = 15.0


def small(kernel: Running, scale: Scale, findings: Findings) -> None:
    """Measure the time until a small message is back on IOPub; idle is not waited for."""
    comm_id = _open(kernel)
    for number in range(WARM_UP + scale.repeats):
        data: Json = {"number": number}
        content: Json = {"comm_id": comm_id, "data": data}
        request = kernel.client.writer.request("comm_msg", content)
        sent_at = time.perf_counter()
        kernel.client.shell.send_multipart(request.frames)
        back = kernel.client.comm_message(request)
        seconds = time.perf_counter() - sent_at
        kernel.client.idle(request)
        if read(back, kernel.key).content.get("data") != data:
            raise WrongAnswerError("the comm's data came back changed")
        if number >= WARM_UP:
            findings.add("comm_small", seconds * 1e6)


def large(kernel: Running, scale: Scale, findings: Findings) -> None:
    """Measure a large buffer there and back; the rate counts its size once."""
    kernel.client.limit_s = LARGE_LIMIT_S
    comm_id, buffer = _open(kernel), os.urandom(scale.megabytes * snippets.MEGABYTE)
    for number in range(1 + scale.slow_repeats):
        content = {"comm_id": comm_id, "data": {}}
        request = kernel.client.writer.request("comm_msg", dict(content), [buffer])
        sent_at = time.perf_counter()
        kernel.client.shell.send_multipart(request.frames, copy=False)
        back = _echo(kernel, request)
        seconds = time.perf_counter() - sent_at
        if back != buffer:
            raise WrongAnswerError("the buffer came back changed")
        if number:
            findings.add("comm_large", len(buffer) / MEGABYTE / seconds)
        wait_idle(kernel.client.iopub, request.msg_id, 1.0)


def _open(kernel: Running) -> str:
    """Register the echo in the kernel, open a comm to it and return its id."""
    kernel.execute(snippets.PREPARE_COMM)
    comm_id = uuid.uuid4().hex
    content = {"comm_id": comm_id, "target_name": "benchmark_echo", "data": {}}
    request = kernel.client.writer.request("comm_open", dict(content))
    kernel.client.shell.send_multipart(request.frames)
    kernel.client.idle(request)
    return comm_id


def _echo(kernel: Running, request: Request) -> memoryview:
    """Return the buffer that comes back, without copying it."""
    iopub, end = kernel.client.iopub, time.monotonic() + LARGE_LIMIT_S
    while time.monotonic() < end and iopub.poll(round(LARGE_LIMIT_S * 1000)):
        frames = iopub.recv_multipart(copy=False)
        if len(frames[-1].buffer) > snippets.MEGABYTE:
            return frames[-1].buffer
        _refuse_empty([frame.bytes for frame in frames], request)
    raise NoAnswerError("the buffer did not come back")


def _refuse_empty(frames: Frames, request: Request) -> None:
    if is_idle(frames, request.msg_id):
        raise WrongAnswerError("idle, and the buffer did not come back")
    if is_marked(frames, b'"comm_msg"'):
        raise WrongAnswerError("the echo came without the buffer")


SMALL: Final = Probe(name="comm_small", metrics=("comm_small",), run=small)
LARGE: Final = Probe(name="comm_large", metrics=("comm_large",), run=large, is_heavy=True)
