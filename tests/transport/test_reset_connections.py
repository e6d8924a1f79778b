"""A peer without the key that vanishes ends no kernel, whatever it has sent before."""

from __future__ import annotations

import select
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import pytest

from assay.protocol import Channel, ConnectionFile
from assay.transport import Heartbeat, bind_kernel
from assay.transport._registration import RegistrationService
from tests.limits import HANG_LIMIT_S

KERNEL = """
import sys, zmq
from assay.protocol import Channel, ConnectionFile
from assay.transport import bind_kernel

channel = Channel(sys.argv[1])
sockets, connection = bind_kernel(ConnectionFile(key=""))
print(connection.port(channel), flush=True)
sys.stdin.readline()
count = 0
try:
    while True:
        sockets.of(channel).recv_multipart(zmq.NOBLOCK)
        count += 1
except zmq.Again:
    print("read", count > 0, flush=True)
sys.stdin.readline()
sockets.close(linger_ms=0)
print("closed", flush=True)
"""

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
PING = b"\x04\x06\x04PING\0\0"
MESSAGES = {
    Channel.IOPUB: b"\0\1\1" * 50,
    Channel.SHELL: b"\0\1x" * 1_500,
    Channel.CONTROL: b"\0\1x" * 1_500,
    Channel.STDIN: b"\0\1x" * 1_500,
}
"""More than a queue of usual length takes; ZeroMQ reads it at once, with the PINGs."""

RESET = struct.pack("ii", 1, 0)


def joined(stack: ExitStack, port: int, channel: Channel) -> socket.socket:
    """Return a connection whose handshake has ended, so that ZeroMQ has seen all before it."""
    kind = b"SUB" if channel is Channel.IOPUB else b"DEALER"
    value = struct.pack(">I", len(kind)) + kind
    body = b"\x05READY\x0bSocket-Type" + value
    peer = stack.enter_context(socket.create_connection(("127.0.0.1", port), HANG_LIMIT_S))
    peer.sendall(GREETING + bytes([4, len(body)]) + body)
    received = b""
    while b"READY" not in received:
        piece = peer.recv(4_096)
        assert piece, "wanted the end of the handshake, found the end of the connection"
        received += piece
    return peer


def line(stream: IO[str]) -> str:
    """Return the next line of a process, which has written nothing else."""
    assert select.select([stream], [], [], HANG_LIMIT_S)[0], "found no line in time"
    return stream.readline()


@pytest.mark.parametrize("channel", list(MESSAGES))
def test_reset_of_a_connection_with_heartbeats_behind_messages(channel: Channel) -> None:
    """ZeroMQ ended the process where its queue was full meanwhile."""
    with ExitStack() as stack:
        kernel = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-c", KERNEL, channel],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        stack.callback(kernel.kill)
        assert kernel.stdin is not None
        assert kernel.stdout is not None
        port = int(line(kernel.stdout))
        peer = joined(stack, port, channel)
        peer.sendall(MESSAGES[channel] + PING * 20)
        joined(stack, port, channel)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        peer.close()
        joined(stack, port, channel)
        print(file=kernel.stdin, flush=True)
        assert line(kernel.stdout) == "read True\n"
        joined(stack, port, channel)
        out, errors = kernel.communicate("\n", timeout=HANG_LIMIT_S)

    assert (kernel.returncode, out, errors) == (0, "closed\n", "")


OLD_GREETINGS = {
    "no ZeroMQ": b"GET / HTTP/1.1\r\n\r\n",
    "none": b"\x02",
    "version 1": b"\xff" + bytes(7) + b"\x01\x7f\x00\x05",
    "version 2": b"\xff" + bytes(7) + b"\x01\x7f\x01\x05",
}
"""None of them needs more, for ZeroMQ to take the peer for one of an old version."""


@pytest.fixture(params=[*Channel, "registration"])
def port(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    """Return a port that we listen on."""
    with ExitStack() as stack:
        if request.param == "registration":
            service = RegistrationService(ConnectionFile(key="key"), tmp_path)
            stack.callback(service.close)
            yield service.file.registration_port
        elif request.param is Channel.HB:
            heartbeat = Heartbeat(ConnectionFile(key="key"))
            stack.callback(heartbeat.close)
            yield heartbeat.connection.hb_port
        else:
            sockets, connection = bind_kernel(ConnectionFile(key="key"))
            stack.callback(sockets.close, 0)
            yield connection.port(request.param)


@pytest.mark.parametrize("greeting", OLD_GREETINGS)
def test_peer_of_an_old_version_is_cut_off(port: int, greeting: str) -> None:
    """While a socket was closed, the first message of one that was let in ended the process."""
    with socket.create_connection(("127.0.0.1", port), HANG_LIMIT_S) as peer:
        peer.sendall(OLD_GREETINGS[greeting])
        received = b"our greeting"
        while received:
            try:
                received = peer.recv(4_096)
            except ConnectionResetError:
                received = b""
