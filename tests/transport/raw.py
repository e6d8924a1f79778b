"""A kernel process and clients that know nothing of our code: pyzmq, json and hmac alone."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import zmq

from tests.limits import HANG_LIMIT_S as HANG_LIMIT_S  # noqa: PLC0414 - passed on

CHANNELS = ("shell", "iopub", "stdin", "control", "hb")

DELIMITER = b"<IDS|MSG>"

Json = dict[str, Any]


class HangError(AssertionError):
    """Nothing came."""


@dataclass(frozen=True)
class Received:
    """One message, read."""

    prefix: list[bytes]
    header: Json
    parent: Json
    content: Json
    buffers: list[bytes] = field(repr=False)

    @property
    def kind(self) -> str:
        """The message type."""
        return str(self.header["msg_type"])

    @property
    def cause(self) -> str:
        """The id of the request that it belongs to; empty for none."""
        return str(self.parent.get("msg_id", ""))

    def is_idle(self, msg_id: str) -> bool:
        """Return True if this is the end of what *msg_id* caused."""
        return self.cause == msg_id and self.content.get("execution_state") == "idle"


@dataclass
class KernelUnderTest:
    """A running kernel."""

    process: subprocess.Popen[str]
    connection: Json
    path: Path

    def address(self, channel: str) -> str:
        """Return where *channel* is."""
        ip, port = self.connection["ip"], self.connection[f"{channel}_port"]
        if self.connection["transport"] == "ipc":
            return f"ipc://{ip}-{port}"
        return f"tcp://[{ip}]:{port}" if ":" in ip else f"tcp://{ip}:{port}"

    def resident_bytes(self) -> int:
        """Return how much memory the process has now."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


def command(path: Path) -> list[str]:
    """Return what starts the kernel under test."""
    return [sys.executable, "-P", "-m", "assay", "kernel", "-f", str(path)]


def environment(folder: Path) -> dict[str, str]:
    """Return an environment in which nothing of this machine's user is found."""
    homes = ("HOME", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    # It ends with us, however we end.
    parent = {"JPY_PARENT_PID": str(os.getpid())}
    return {**os.environ, **parent, **{name: str(folder) for name in homes}}


def write_connection(folder: Path, **changes: object) -> Path:
    """Write a connection file that lets the kernel choose; return its path."""
    connection = {
        **{f"{channel}_port": 0 for channel in CHANNELS},
        "ip": "127.0.0.1",
        "transport": "tcp",
        "key": "a secret",
        "signature_scheme": "hmac-sha256",
        **changes,
    }
    path = folder / "kernel.json"
    path.touch(mode=0o600)  # of a file that others can read, the kernel warns
    path.write_text(json.dumps(connection))
    return path


@contextlib.contextmanager
def run_kernel(folder: Path, **changes: object) -> Iterator[KernelUnderTest]:
    """Start a kernel, wait until it has printed where it listens, and end it afterwards."""
    path = write_connection(folder, **changes)
    before = path.stat().st_ino
    with subprocess.Popen(
        command(path),
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    ) as process:
        try:
            end = time.monotonic() + HANG_LIMIT_S
            while path.stat().st_ino == before:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    raise AssertionError(f"the kernel ended with {process.wait(0.005)}")
                assert time.monotonic() < end
            yield KernelUnderTest(process, json.loads(path.read_text()), path)
        finally:
            process.kill()


class RawClient:
    """Sockets of one client, connected to a kernel.

    Args:
        kernel: Whose client this is.
        identity: Of shell, control and stdin; by default one of its own.
        topics: Subscribed to.
        queue: Messages that the subscriber keeps unread; 0 for any number.
        iopub: False for a client without a subscriber.
    """

    def __init__(
        self,
        kernel: KernelUnderTest,
        *,
        identity: bytes = b"",
        topics: Sequence[bytes] = (b"",),
        queue: int = 0,
        iopub: bool = True,
    ) -> None:
        self.kernel = kernel
        self.key = kernel.connection["key"].encode()
        self.session = uuid.uuid4().hex
        self.count = 0
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.sockets: dict[str, zmq.Socket[bytes]] = {}
        for channel in ("shell", "control", "stdin"):
            socket = self._connect(channel, zmq.DEALER, identity or self.session.encode())
            self.sockets[channel] = socket
        if iopub:
            subscriber = self.context.socket(zmq.SUB)
            subscriber.setsockopt(zmq.RCVHWM, queue)
            if queue:
                subscriber.setsockopt(zmq.RCVBUF, 8192)
            self.prepare(subscriber)
            for topic in topics:
                subscriber.subscribe(topic)
            subscriber.connect(kernel.address("iopub"))
            self.sockets["iopub"] = subscriber

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.context.destroy(linger=0)

    def send(
        self,
        msg_type: str,
        content: Json | None = None,
        *,
        channel: str = "shell",
        buffers: Sequence[bytes] = (),
    ) -> str:
        """Send a request; return its id."""
        self.count += 1
        msg_id = f"{self.session}_{self.count}"
        header = {
            "msg_id": msg_id,
            "msg_type": msg_type,
            "session": self.session,
            "username": "",
            "version": "5.5",
            "date": "2026-01-01T00:00:00Z",
        }
        dicts = [json.dumps(part).encode() for part in (header, {}, {}, content or {})]
        digest = hmac.new(self.key, b"".join(dicts), hashlib.sha256).hexdigest().encode()
        frames = [DELIMITER, digest if self.key else b"", *dicts, *buffers]
        self.sockets[channel].send_multipart(frames)
        return msg_id

    def execute(self, code: str, **changes: object) -> str:
        """Send code; return the request's id."""
        return self.send("execute_request", {"code": code, "allow_stdin": False, **changes})

    def receive(self, channel: str) -> Received:
        """Wait for the next message of *channel*."""
        socket = self.sockets[channel]
        if not socket.poll(int(HANG_LIMIT_S * 1000)):
            raise HangError(f"nothing came on {channel}")
        frames = socket.recv_multipart()
        start = frames.index(DELIMITER)
        signature, *dicts = frames[start + 1 : start + 6]
        if self.key:
            expected = hmac.new(self.key, b"".join(dicts), hashlib.sha256).hexdigest()
            assert signature.decode() == expected
        header, parent, _, content = (json.loads(part) for part in dicts)
        return Received(frames[:start], header, parent, content, frames[start + 6 :])

    def reply(self, msg_id: str, channel: str = "shell") -> Received:
        """Wait for the next message, which must be the reply to *msg_id*."""
        received = self.receive(channel)
        assert received.cause == msg_id
        return received

    def ask(self, msg_type: str, content: Json | None = None, channel: str = "shell") -> Received:
        """Send a request and return its reply."""
        return self.reply(self.send(msg_type, content, channel=channel), channel)

    def until_idle(self, msg_id: str) -> list[Received]:
        """Return what IOPub brings on behalf of *msg_id*, up to and with its idle status."""
        found: list[Received] = []
        while not (found and found[-1].is_idle(msg_id)):
            received = self.receive("iopub")
            if received.cause == msg_id:
                found.append(received)
        return found

    def run(self, code: str) -> list[Received]:
        """Run code; return all that it published."""
        msg_id = self.execute(code)
        reply = self.reply(msg_id)
        assert reply.content["status"] == "ok", reply.content
        return self.until_idle(msg_id)

    def welcome(self) -> Received:
        """Wait until the subscription is known to the kernel."""
        while (received := self.receive("iopub")).kind != "iopub_welcome":
            pass
        return received

    def _connect(self, channel: str, kind: int, identity: bytes) -> zmq.Socket[bytes]:
        socket = self.context.socket(kind)
        socket.setsockopt(zmq.IDENTITY, identity)
        socket.setsockopt(zmq.RCVHWM, 0)
        socket.setsockopt(zmq.SNDHWM, 0)
        self.prepare(socket)
        socket.connect(self.kernel.address(channel))
        return socket

    def prepare(self, socket: zmq.Socket[bytes]) -> None:
        """Let *socket* speak as this kernel does."""
        connection = self.kernel.connection
        socket.setsockopt(zmq.IPV6, int(":" in connection["ip"]))
        if server_key := connection.get("curve_publickey"):
            public, secret = zmq.curve_keypair()
            socket.setsockopt(zmq.CURVE_SERVERKEY, server_key.encode())
            socket.setsockopt(zmq.CURVE_PUBLICKEY, public)
            socket.setsockopt(zmq.CURVE_SECRETKEY, secret)


def text_of(published: Sequence[Received], name: str = "stdout") -> str:
    """Return the text of one stream."""
    return "".join(
        received.content["text"]
        for received in published
        if received.kind == "stream" and received.content["name"] == name
    )
