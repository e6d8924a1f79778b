"""Many requests at once: from one client, and from twenty."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Final

import zmq

from benchmarks import snippets
from benchmarks.client import Frames, NoAnswerError, WrongAnswerError, dealer, subscribe, wait_idle
from benchmarks.probes.probe import Findings, Probe
from benchmarks.running import Running
from benchmarks.scale import Scale
from benchmarks.wire import Request, answers

CLIENTS: Final = 20
LIMIT_S: Final = 30.0
IDLE_LIMIT_S: Final = 1.5
"""An idle status that is not here this long after the last reply was lost."""

Socket = zmq.Socket[bytes]


def burst(kernel: Running, scale: Scale, findings: Findings) -> None:
    """Send many cells without waiting, then read all replies and the last idle status."""
    client = kernel.client
    client.limit_s = LIMIT_S
    requests = [client.writer.execute(snippets.PASS) for _ in range(scale.burst)]
    used = kernel.process.cpu_s()
    sent_at = time.perf_counter()
    for request in requests:
        client.shell.send_multipart(request.frames)
    replies = client.receive(client.shell, len(requests))
    ended_at = time.perf_counter()
    if wait_idle(client.iopub, requests[-1].msg_id, IDLE_LIMIT_S):
        ended_at = time.perf_counter()
    used = kernel.process.cpu_s() - used
    for request, frames in zip(requests, replies, strict=True):
        _check(kernel, request, frames)
    findings.add("burst_rate", len(requests) / (ended_at - sent_at))
    findings.add("burst_cpu", used / len(requests) * 1e6)


def clients(kernel: Running, scale: Scale, findings: Findings) -> None:
    """Let twenty clients, each with its subscriber, ask again as soon as they have their reply."""
    with ExitStack() as stack:
        sockets, subscribers = [], []
        for _ in range(CLIENTS):
            sockets.append(dealer(kernel.context, kernel.process.connection))
            subscribers.append(subscribe(kernel.context, kernel.process.connection))
        for socket in (*sockets, *subscribers):
            stack.callback(socket.close, 0)
        make = kernel.client.writer.execute
        _run(sockets, [[make(snippets.PASS)] for _ in sockets])
        plan = [[make(snippets.PASS) for _ in range(scale.client_requests)] for _ in sockets]
        started_at = time.perf_counter()
        replies = _run(sockets, plan)
        seconds = time.perf_counter() - started_at
        for request, frames in replies:
            _check(kernel, request, frames)
        findings.add("clients_rate", len(replies) / seconds)
    kernel.client.settle()


def _run(sockets: list[Socket], plan: list[list[Request]]) -> list[tuple[Request, Frames]]:
    """Let each socket send its requests one after the other; return them with their replies."""
    poller, replies = zmq.Poller(), []
    waiting: dict[Socket, Request] = {}
    rest = {socket: iter(requests) for socket, requests in zip(sockets, plan, strict=True)}
    for socket in sockets:
        poller.register(socket, zmq.POLLIN)
        waiting[socket] = next(rest[socket])
        socket.send_multipart(waiting[socket].frames)
    while waiting:
        ready = poller.poll(round(LIMIT_S * 1000))
        if not ready:
            raise NoAnswerError(f"{len(waiting)} of {len(sockets)} clients have no reply")
        for socket, _ in ready:
            replies.append((waiting.pop(socket), socket.recv_multipart()))
            following = next(rest[socket], None)
            if following is not None:
                socket.send_multipart(following.frames)
                waiting[socket] = following
    return replies


def _check(kernel: Running, request: Request, frames: Frames) -> None:
    kernel.check_reply(frames, request.msg_type)
    if not answers(frames, request.msg_id):
        raise WrongAnswerError("replies came in another order than the requests")


PROBES: Final = (
    Probe(name="burst", metrics=("burst_rate", "burst_cpu"), run=burst),
    Probe(name="clients", metrics=("clients_rate",), run=clients),
)
