"""From the start of a process to its end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from benchmarks import snippets
from benchmarks.client import NoAnswerError, WrongAnswerError
from benchmarks.probes.probe import Findings, Probe, nothing
from benchmarks.running import START_LIMIT_S, Running
from benchmarks.scale import Scale
from benchmarks.wire import read

MEGABYTE: Final = 1e6
GONE_LIMIT_S: Final = 10.0
REPORTED_IDLE_S: Final = 10.0


def start(kernel: Running, scale: Scale, findings: Findings) -> None:
    """Start the kernel; the first requests wait for it at the client's sockets.

    The time counts from before the process is made. `1+1` is sent when the first reply is here
    and IOPub is seen to work, as a frontend does.
    """
    del scale
    client, process = kernel.client, kernel.process
    client.limit_s = START_LIMIT_S
    first = client.writer.request("kernel_info_request")
    cell = client.writer.execute(snippets.RESULT)
    client.shell.send_multipart(first.frames)
    process.start()
    answer = client.reply(first)
    answered_at = time.perf_counter()
    kernel.info = kernel.check_reply(answer, first.msg_type)
    findings.add("start_info", (answered_at - process.started_at) * 1000)
    client.nudge()
    client.shell.send_multipart(cell.frames)
    published = client.published(cell, "execute_result")
    result_at = time.perf_counter()
    findings.add("start_cpu", process.cpu_s() * 1000)
    _check_two(read(published, kernel.key).content)
    findings.add("start_result", (result_at - process.started_at) * 1000)
    kernel.check_reply(client.reply(cell), cell.msg_type)
    client.idle(cell)
    findings.add("memory", process.resident_bytes() / MEGABYTE)
    client.settle()


def idle(kernels: Sequence[Running], scale: Scale) -> dict[str, Findings]:
    """Watch all kernels at once while nothing is asked of them."""
    time.sleep(min(1.0, scale.idle_s))
    before = {kernel.spec.name: kernel.process.cpu_s() for kernel in kernels}
    time.sleep(scale.idle_s)
    found: dict[str, Findings] = {}
    for kernel in kernels:
        used = kernel.process.cpu_s() - before[kernel.spec.name]
        found[kernel.spec.name] = one = Findings()
        one.add("idle_cpu", used * 1000 * REPORTED_IDLE_S / scale.idle_s)
    return found


def shutdown(kernel: Running, scale: Scale, findings: Findings) -> None:
    """Ask the kernel to end and wait until its process has."""
    del scale
    control = kernel.client.control
    request = kernel.client.writer.request("shutdown_request", {"restart": False})
    sent_at = time.perf_counter()
    control.send_multipart(request.frames)
    if not kernel.process.wait_gone(GONE_LIMIT_S):
        raise NoAnswerError(f"still running {GONE_LIMIT_S:g} s after shutdown_request")
    findings.add("shutdown", (time.perf_counter() - sent_at) * 1000)


def _check_two(content: dict[str, object]) -> None:
    data = content.get("data")
    if not isinstance(data, dict) or data.get("text/plain") != "2":
        raise WrongAnswerError(f"1+1 gave {data}")


START: Final = Probe(
    name="start",
    metrics=("start_info", "start_result", "start_cpu", "memory"),
    run=start,
    starts=True,
)
IDLE: Final = Probe(name="idle", metrics=("idle_cpu",), run=nothing, together=idle, is_heavy=True)
SHUTDOWN: Final = Probe(name="shutdown", metrics=("shutdown",), run=shutdown, ends=True)
