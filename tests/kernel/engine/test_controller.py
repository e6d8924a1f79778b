"""What an engine does on the wire, seen by a controller that is made of bare sockets."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import ipyparallel as ipp
import pytest
import zmq
from ipyparallel.serialize import deserialize_object, pack_apply_message

from assay.protocol import (
    ApplyRequest,
    Buffer,
    Content,
    Envelope,
    ExecuteRequest,
    KernelInfoRequest,
    MsgId,
    RegistrationReply,
    Session,
    SessionId,
)
from tests.kernel._kernels import FOLDERS
from tests.kernel.engine.test_engine import now
from tests.limits import HANG_LIMIT_S

KEY = "the key of this cluster"

NUMBER = 3
"""The engine's."""

LOOK_MS = 20

PERIOD_MS = 600_000
"""Of the pings, for the engine: it never takes this controller for gone."""

SOCKETS = {
    "registration": zmq.ROUTER,
    "control": zmq.ROUTER,
    "mux": zmq.ROUTER,
    "task": zmq.ROUTER,
    "iopub": zmq.SUB,
    "hb_ping": zmq.PUB,
    "hb_pong": zmq.ROUTER,
    "first broadcast": zmq.ROUTER,
    "second broadcast": zmq.ROUTER,
}

LISTENING = "0A"
"""The state of a socket in ``/proc``."""

HOLDING = "import ctypes; open('busy', 'w').close(); ctypes.PyDLL(None).sleep(600)"
"""A task that lets no other thread of Python's run."""


class BareController:
    """Sockets at ports of their own, and one engine.

    Args:
        folder: For the engine's file and its homes.
        stack: Closes all.
        absent: A socket that nothing listens at.
        timeout_s: How long the engine waits for the controller.
    """

    def __init__(
        self, folder: Path, stack: ExitStack, absent: str = "", timeout_s: float = HANG_LIMIT_S
    ) -> None:
        context = stack.enter_context(zmq.Context())
        self.sockets: dict[str, Any] = {}
        ports: dict[str, int] = {}
        for name, kind in SOCKETS.items():
            bound = self.sockets[name] = stack.enter_context(context.socket(kind))
            bound.linger = 0
            if name == absent:  # bound all the same, so that no other process listens there
                held = stack.enter_context(socket.socket())
                held.bind(("127.0.0.1", 0))
                ports[name] = held.getsockname()[1]
            else:
                ports[name] = bound.bind_to_random_port("tcp://127.0.0.1")
        self.sockets["iopub"].subscribe(b"")
        for name in ("mux", "task", "control", "first broadcast", "second broadcast"):
            self.sockets[name].router_mandatory = True
        ids = count()
        self.session = Session(
            KEY.encode(),
            session=SessionId("controller"),
            now=now,
            new_id=lambda: MsgId(f"c{next(ids)}"),
        )
        broadcast = [ports.pop("first broadcast"), ports.pop("second broadcast")]
        self._file = folder / "ipcontroller-engine.json"
        self._file.write_text(
            json.dumps(
                {
                    "interface": "tcp://127.0.0.1",
                    **ports,
                    "broadcast": broadcast,
                    "key": KEY,
                    "signature_scheme": "hmac-sha256",
                    "pack": "json",
                    "unpack": "json",
                    "curve_serverkey": None,
                    "location": "",
                    "ssh": "",
                }
            )
        )
        self.engine = self._start(folder, stack, f"--timeout={timeout_s}")

    def _start(self, folder: Path, stack: ExitStack, *options: str) -> subprocess.Popen[bytes]:
        homes = {name: str(folder) for name in FOLDERS}
        log = stack.enter_context((folder / "engine.log").open("wb"))
        engine = subprocess.Popen(
            [sys.executable, "-m", "assay", "engine", f"--file={self._file}", *options],
            env={**os.environ, **homes, "PYTEST_CURRENT_TEST": ""},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        stack.callback(engine.wait)
        stack.callback(engine.kill)
        return engine

    def receive(self, name: str) -> list[bytes]:
        """Return the next message at the socket *name*."""
        assert self.sockets[name].poll(int(HANG_LIMIT_S * 1000)), f"nothing on {name}"
        frames: list[bytes] = self.sockets[name].recv_multipart()
        return frames

    def register(self) -> tuple[bytes, Envelope]:
        """Give the engine its number; return its identity and what it asked."""
        frames = self.receive("registration")
        asked = self.session.open(frames)
        reply = self.session.pack(
            RegistrationReply(id=NUMBER, hb_period=PERIOD_MS), identities=[frames[0]]
        )
        self.sockets["registration"].send_multipart(reply)
        return frames[0], asked

    def send(
        self, name: str, identity: bytes, content: Content, buffers: Sequence[Buffer] = ()
    ) -> None:
        """Send a request by the socket *name*."""
        frames = self.session.pack(content, identities=[identity], buffers=buffers)
        self.sockets[name].send_multipart(frames)

    def published(self, identity: bytes) -> Envelope:
        """Return the first message that comes on IOPub.

        What is published before the socket here has subscribed is lost: until then, tasks print.
        """
        while not self.sockets["iopub"].poll(LOOK_MS):
            self.send("mux", identity, ExecuteRequest(code="print('shown')"))
            self.receive("mux")
        return self.session.open(self.receive("iopub"))

    def ping_until_answered(self) -> list[bytes]:
        """Send pings until one comes back, which the engine has subscribed to; return the frames.

        Those that come back later are read as well.
        """
        for number in count():
            self.sockets["hb_ping"].send(f"early {number}".encode())
            if self.sockets["hb_pong"].poll(LOOK_MS):
                return self.receive("hb_pong")
        raise AssertionError


@contextmanager
def controller(folder: Path, **options: Any) -> Iterator[BareController]:
    """Start an engine before bare sockets, made with *options*."""
    with ExitStack() as stack:
        yield BareController(folder, stack, **options)


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="needs /proc")
def test_an_engine_on_the_wire(tmp_path: Path) -> None:
    """One identity everywhere (ENGINE-02); it listens nowhere, and of the broadcast schedulers it
    is at its own alone (ENGINE-01); `started` is when a task's turn came, with its zone
    (ENGINE-09); pings come back unchanged while a task lets nothing else run (ENGINE-05)."""
    with controller(tmp_path) as cluster:
        identity, asked = cluster.register()
        uuid = identity.decode()
        pong = cluster.ping_until_answered()
        for name in ("mux", "task", "second broadcast", "control"):
            cluster.send(name, identity, KernelInfoRequest())
        answers = [
            cluster.session.open(cluster.receive(name))
            for name in ("mux", "task", "second broadcast", "control")
        ]
        with pytest.raises(zmq.ZMQError) as unknown:
            cluster.send("first broadcast", identity, KernelInfoRequest())
        listening = ports_of(cluster.engine.pid)
        first, second = tasks(cluster, identity)
        first_call, second_call = calls(cluster, identity)
        shown = cluster.published(identity)
        cluster.send("mux", identity, ExecuteRequest(code=HOLDING))
        while not (tmp_path / "busy").exists():
            cluster.sockets["hb_pong"].poll(LOOK_MS)
        payload = os.urandom(16)
        cluster.sockets["hb_ping"].send(payload)
        while (late := cluster.receive("hb_pong"))[-1].startswith(b"early"):
            pass

    assert asked.content["uuid"] == asked.header.session == uuid
    assert pong[0] == identity
    assert {answer.header.session for answer in (*answers, shown)} == {uuid}
    assert {answer.metadata["engine"] for answer in (*answers, shown)} == {uuid}
    assert unknown.value.errno == zmq.EHOSTUNREACH
    assert listening == []
    assert first["sent"] <= first["started"] <= first["begun"] <= first["ended"]
    assert first["ended"] <= second["started"] <= second["begun"]
    assert second["ended"] <= first_call["started"] <= first_call["begun"] <= first_call["ended"]
    assert first_call["ended"] <= second_call["started"] <= second_call["begun"]
    assert late == [identity, payload]


TIMED = "import datetime\nbegun = datetime.datetime.now(datetime.UTC).isoformat()"
TIMES = {"begun": "begun", "ended": "datetime.datetime.now(datetime.UTC).isoformat()"}


def tasks(cluster: BareController, identity: bytes) -> list[dict[str, datetime]]:
    """Return the times of two tasks, the second of which has waited for the first."""
    sent = now()
    for _ in range(2):
        cluster.send("mux", identity, ExecuteRequest(code=TIMED, user_expressions=TIMES))
    replies = [cluster.session.open(cluster.receive("mux")) for _ in range(2)]
    return [{"sent": sent, **times_of(reply)} for reply in replies]


def calls(cluster: BareController, identity: bytes) -> list[dict[str, datetime]]:
    """Return the times of two functions, the second of which has waited for the first."""
    for _ in range(2):
        call = pack_apply_message(ipp.interactive(begin_and_end), (), {})
        cluster.send("mux", identity, ApplyRequest(), call)
    replies = [cluster.session.open(cluster.receive("mux")) for _ in range(2)]
    times = [deserialize_object(reply.buffers)[0] for reply in replies]
    return [
        {"begun": begun, "ended": ended, "started": started_of(reply)}
        for reply, (begun, ended) in zip(replies, times, strict=True)
    ]


def begin_and_end() -> tuple[datetime, datetime]:
    """Return when the function begins and when it ends."""
    from datetime import UTC, datetime  # noqa: PLC0415 - it runs in the engine's namespace

    return datetime.now(UTC), datetime.now(UTC)


def started_of(reply: Envelope) -> datetime:
    """Return when the turn of the task of *reply* came, by its metadata."""
    return datetime.fromisoformat(str(reply.metadata["started"]))


def times_of(reply: Envelope) -> dict[str, datetime]:
    """Return when the task of *reply* was started, by its metadata, and what it says itself."""
    found: Any = reply.content["user_expressions"]
    texts = {name: found[name]["data"]["text/plain"].strip("'") for name in TIMES}
    times = {name: datetime.fromisoformat(text) for name, text in texts.items()}
    return {**times, "started": started_of(reply)}


def ports_of(pid: int) -> list[str]:
    """Return the TCP addresses that the process *pid* listens at, in hexadecimal."""
    files = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # the engine has closed it meanwhile
            files.add(os.fspath(path.readlink()))
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]
    ]
    return [row[1] for row in rows if row[3] == LISTENING and f"socket:[{row[9]}]" in files]


def test_an_engine_that_lacks_a_scheduler_answers_no_ping(tmp_path: Path) -> None:
    """The hub would announce it, and what that scheduler sends would be lost (ENGINE-04)."""
    with controller(tmp_path, absent="task", timeout_s=5) as cluster:
        cluster.register()
        while (code := cluster.engine.poll()) is None:
            cluster.sockets["hb_ping"].send(b"ping")
            if cluster.sockets["hb_pong"].poll(LOOK_MS):
                break

        assert not cluster.sockets["hb_pong"].poll(0)
        assert code == 1
    assert "wanted" in (tmp_path / "engine.log").read_text()
