"""Nothing is lost: a real kernel process against clients that share no code with it.

Two limits can be widened through the environment: ``ASSAY_VANISHING`` peers vanish in
`TestVanishedPeers` (1,500 here; 10,000 are the full measure).
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import socket as socket_module
import stat
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from assay.transport import _sockets
from tests.transport.raw import (
    CHANNELS,
    DELIMITER,
    HANG_LIMIT_S,
    KernelUnderTest,
    RawClient,
    Received,
    command,
    environment,
    run_kernel,
    text_of,
    write_connection,
)

VANISHING = int(os.environ.get("ASSAY_VANISHING", "1500"))

LINES = 100_000
MIB = 1024 * 1024
BIG_BYTES = 64 * MIB
MOST_ABOVE_IDLE = 64 * MIB
"""What a kernel may take for all that waits (docs/limits.md)."""


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[KernelUnderTest]:
    """A kernel on ports of its own choice."""
    with run_kernel(tmp_path) as kernel:
        yield kernel


@pytest.fixture
def client(kernel: KernelUnderTest) -> Iterator[RawClient]:
    """A client whose subscription is known to the kernel."""
    with RawClient(kernel) as client:
        client.welcome()
        yield client


class TestSlowSubscriber:
    """One that reads, but not as fast as the kernel writes."""

    def test_lines(self, kernel: KernelUnderTest) -> None:
        """100,000 lines reach a subscriber that does something else after each message."""
        with RawClient(kernel, queue=1) as slow:
            slow.welcome()
            msg_id = slow.execute(f"for i in range({LINES}): print(f'line {{i:06}} ' + 'x' * 180)")
            found: list[Received] = []
            while not (found and found[-1].is_idle(msg_id)):
                received = slow.receive("iopub")
                if received.cause == msg_id:
                    found.append(received)
                    slow.ask("kernel_info_request", channel="control")
            assert slow.reply(msg_id).content["status"] == "ok"

            expected = "".join(f"line {i:06} {'x' * 180}\n" for i in range(LINES))
            assert text_of(found) == expected
            assert [r.kind for r in found if r.kind != "stream"] == [
                "status",
                "execute_input",
                "status",
            ]
            after = slow.run("'later'")
            assert after[0].content == {"execution_state": "busy"}

    def test_order_of_kinds(self, client: RawClient) -> None:
        """Text of both streams, displays and results keep their order."""
        published = client.run(
            "import sys\n"
            "for i in range(300):\n"
            "    print(i, end=',')\n"
            "    print(i, end=';', file=sys.stderr)\n"
            "    display(i)\n"
        )

        shown: list[tuple[str, str]] = []
        for received in published[2:-1]:
            if received.kind == "stream":
                name, text = received.content["name"], received.content["text"]
                if shown and shown[-1][0] == name:
                    text = shown.pop()[1] + text
                shown.append((name, text))
            else:
                shown.append((received.kind, received.content["data"]["text/plain"]))
        assert shown == [
            part
            for i in range(300)
            for part in (("stdout", f"{i},"), ("stderr", f"{i};"), ("display_data", f"{i}"))
        ]


class TestStalledSubscriber:
    """One that stops reading for good."""

    TEXTS = 1_500
    CHARACTERS = 64 * 1024

    def code(self) -> str:
        """Return code that prints half as much again as a kernel may hold."""
        return (
            "import sys\n"
            f"for i in range({self.TEXTS}):\n"
            f"    sys.stdout.write(f'{{i:05}}'.ljust({self.CHARACTERS - 1}, '.') + '\\n')\n"
        )

    def numbers(self, published: list[Received]) -> list[int]:
        """Return the numbers of the lines in *published*."""
        return [int(line[:5]) for line in text_of(published).splitlines()]

    def test_others(self, kernel: KernelUnderTest) -> None:
        """It costs the others a moment, the kernel a bounded memory, and learns what it missed."""
        with RawClient(kernel, queue=1) as stalled, RawClient(kernel) as healthy:
            stalled.welcome()
            healthy.welcome()
            healthy.run("pass")
            before = kernel.resident_bytes()
            highest = before
            msg_id = healthy.execute(self.code())
            published: list[Received] = []
            while not (published and published[-1].is_idle(msg_id)):
                received = healthy.receive("iopub")
                if received.cause == msg_id:
                    published.append(received)
                if len(published) % 100 == 0:
                    # It answers while output waits.
                    healthy.ask("kernel_info_request", channel="control")
                    highest = max(highest, kernel.resident_bytes())
            assert healthy.reply(msg_id).content["status"] == "ok"
            assert self.numbers(published) == list(range(self.TEXTS))

            assert highest - before < MOST_ABOVE_IDLE
            # Four times as much again takes no more.
            for _ in range(4):
                assert self.numbers(healthy.run(self.code())) == list(range(self.TEXTS))
                assert kernel.resident_bytes() - before < MOST_ABOVE_IDLE

            seen: list[Received] = []
            while not (seen and "missed up to" in text_of(seen[-1:], "stderr")):
                seen.append(stalled.receive("iopub"))
            fitted = self.numbers([r for r in seen if r.cause == msg_id])
            assert fitted == list(range(len(fitted)))
            assert len(fitted) >= _sockets.IOPUB_QUEUE_MESSAGES // 2
            assert text_of(stalled.run("print('welcome back')")) == "welcome back\n"


class TestSubscriptions:
    """Who joins, when, and with which topics."""

    def test_late(self, kernel: KernelUnderTest, client: RawClient) -> None:
        """One that joins late and waits for its welcome sees all that follows."""
        client.run("print('too early')")
        with RawClient(kernel) as late:
            welcome = late.welcome()
            published = late.run("print('in time')")

        assert welcome.prefix == [b""]
        assert welcome.content == {"subscription": ""}
        assert welcome.parent == {}
        assert text_of(published) == "in time\n"
        assert published[0].content == {"execution_state": "busy"}

    def test_same_topic(self, kernel: KernelUnderTest) -> None:
        """Every subscriber is welcomed, though others have the same topic."""
        for _ in range(5):
            with RawClient(kernel, topics=[b"stream.stdout"]) as client:
                assert client.welcome().content == {"subscription": "stream.stdout"}

    def test_topic_of_stream(self, kernel: KernelUnderTest) -> None:
        """A subscription to one stream brings that stream alone."""
        with RawClient(kernel, topics=[b"stream.stderr"]) as client:
            client.welcome()
            client.reply(client.execute("import sys; print(1); print(2, file=sys.stderr)"))

            assert client.receive("iopub").content == {"name": "stderr", "text": "2\n"}

    def test_one_topic(self, kernel: KernelUnderTest) -> None:
        """Every message has one: its type, or the stream that it is of (S-112, S-114)."""
        code = "import sys; print(1); print(2, file=sys.stderr); display(3); 4"
        with RawClient(kernel) as client:
            client.welcome()
            published = client.run(code)
            published += client.until_idle(client.execute("1 / 0"))
        session = published[0].header["session"]

        assert {received.kind: received.prefix for received in published} == {
            "stream": [b"stream.stderr"],
            **{
                kind: [f"kernel.{session}.{kind}".encode()]
                for kind in ("status", "execute_input", "display_data", "execute_result", "error")
            },
        }

    def test_no_text(self, kernel: KernelUnderTest) -> None:
        """A topic that is not UTF-8 is not welcomed, and does no harm."""
        with RawClient(kernel, topics=[b"\xff\xfe", b""]) as client:
            assert client.welcome().content == {"subscription": ""}
            assert text_of(client.run("print(1)")) == "1\n"

    def test_leaving(self, kernel: KernelUnderTest, client: RawClient) -> None:
        """One that unsubscribes gets nothing more, and the others do."""
        with RawClient(kernel, topics=[b"stream", b"no such"]) as leaver:
            for _ in range(2):
                leaver.welcome()
            leaver.sockets["iopub"].unsubscribe(b"stream")
            leaver.sockets["iopub"].subscribe(b"after")
            leaver.welcome()
            assert text_of(client.run("print(1)")) == "1\n"
            leaver.sockets["iopub"].subscribe(b"end")
            assert leaver.receive("iopub").content == {"subscription": "end"}

    @pytest.mark.parametrize(
        "frames",
        [
            [b""],
            [b"\x02"],
            [b"junk"],
            [b"\x01topic", b"more"],
            [b"", b"", b""],
            [b"x" * MIB],
            [b"\x00never subscribed"],
        ],
        ids=["empty", "unknown", "text", "multipart", "empties", "large", "unsubscription"],
    )
    def test_junk(self, kernel: KernelUnderTest, client: RawClient, frames: list[bytes]) -> None:
        """What a subscriber may send besides subscriptions is ignored."""
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        try:
            sender = context.socket(zmq.XSUB)
            sender.connect(kernel.address("iopub"))
            sender.send(b"\x01iopub_junk")
            assert sender.poll(int(HANG_LIMIT_S * 1000))
            for _ in range(100):
                sender.send_multipart(frames)
            assert text_of(client.run("print(1)")) == "1\n"
            sender.send(b"\x01the end")
            while (received := sender.recv_multipart())[0] != b"the end":
                assert DELIMITER in received
        finally:
            context.destroy(linger=0)


class TestManyRequests:
    """All at once."""

    def test_each_answered(self, kernel: KernelUnderTest) -> None:
        """2,000 requests of 20 clients are each answered once, to who asked; cells in order.

        Questions may be answered ahead of cells that wait (AMB-74).
        """
        clients = [
            RawClient(kernel, identity=f"client {n}".encode(), iopub=False) for n in range(20)
        ]
        try:
            sent: dict[int, list[tuple[str, str]]] = {n: [] for n in range(20)}
            for i in range(100):
                for n, client in enumerate(clients):
                    if i % 3:
                        kind, content = "kernel_info_request", {}
                    else:
                        kind = "execute_request"
                        content = {"code": "", "silent": True, "user_expressions": {"n": f"{n}"}}
                    sent[n].append((client.send(kind, content), kind))

            for n, client in enumerate(clients):
                replies = [client.receive("shell") for _ in sent[n]]
                found = [(str(r.cause), r.kind.replace("reply", "request")) for r in replies]
                assert sorted(found) == sorted(sent[n])
                cells = [one for one in sent[n] if one[1] == "execute_request"]
                assert [one for one in found if one in cells] == cells
                for reply in replies:
                    if reply.kind == "execute_reply":
                        data = reply.content["user_expressions"]["n"]["data"]
                        assert data == {"text/plain": f"{n}"}
            for client in clients:
                last = client.ask("kernel_info_request")
                assert last.content["status"] == "ok"
                assert not client.sockets["shell"].poll(0)
        finally:
            for client in clients:
                client.context.destroy(linger=0)

    def test_same_identity(self, kernel: KernelUnderTest) -> None:
        """A client that comes back under its identity is answered, its old connection or not."""
        for kept in (False, True):
            with RawClient(kernel, identity=b"the same", iopub=False) as first:
                first.ask("kernel_info_request")
                if not kept:
                    first.context.destroy(linger=0)
                for _ in range(5):
                    with RawClient(kernel, identity=b"the same", iopub=False) as again:
                        assert again.ask("kernel_info_request").content["status"] == "ok"


GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
"""What a ZMTP 3.0 peer says first: signature, version, mechanism, no server, filler."""


def ready(socket_type: bytes) -> bytes:
    """Return the command that ends a handshake of ZMTP 3.0."""
    name = b"Socket-Type"
    body = b"\x05READY" + bytes([len(name)]) + name + struct.pack(">I", len(socket_type))
    body += socket_type
    return b"\x04" + bytes([len(body)]) + body


HALF_MESSAGES = {
    "in the greeting": GREETING[:20],
    "in the handshake": GREETING + ready(b"DEALER")[:10],
    "in a frame": GREETING + ready(b"DEALER") + b"\x01\x09<IDS|MSG>\x01\x40half",
    "between frames": GREETING + ready(b"DEALER") + b"\x01\x09<IDS|MSG>\x01\x01x",
    "in a large frame": GREETING + ready(b"DEALER") + b"\x03" + struct.pack(">Q", 10 * MIB) + b"x",
}


def vanish_in_message(kernel: KernelUnderTest, data: bytes) -> None:
    """Speak ZMTP to the shell channel and die with the connection reset."""
    address = (kernel.connection["ip"], kernel.connection["shell_port"])
    with socket_module.create_connection(address) as peer:
        peer.sendall(data)
        no_goodbye = struct.pack("ii", 1, 0)
        peer.setsockopt(socket_module.SOL_SOCKET, socket_module.SO_LINGER, no_goodbye)


def spin(seconds: float) -> None:
    """Let less time pass than any sleep would."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


class TestVanishedPeers:
    """Requests right after another client was lost: where other kernels lose a wake-up."""

    def test_answered(self, kernel: KernelUnderTest, client: RawClient) -> None:
        """Whenever a peer vanishes, the next request is answered, and its idle status comes."""
        chance = random.Random(0)
        halves = list(HALF_MESSAGES.values())
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        try:
            for i in range(VANISHING):
                match i % 4:
                    case 0:
                        vanish_in_message(kernel, chance.choice(halves))
                    case 1:
                        with RawClient(kernel, iopub=False) as victim:
                            victim.send("kernel_info_request")
                    case 2:
                        subscriber = context.socket(zmq.SUB)
                        subscriber.subscribe(b"")
                        subscriber.connect(kernel.address("iopub"))
                        spin(chance.uniform(0, 0.001))
                        subscriber.close(linger=0)
                    case _:
                        # Linger: the request leaves, and no client is there for the reply.
                        dealer = context.socket(zmq.DEALER)
                        dealer.connect(kernel.address("shell"))
                        dealer.send_multipart([DELIMITER, b"junk"])
                        dealer.close(linger=1000)
                spin(chance.uniform(0, 0.001))
                kind = "kernel_info_request" if i % 3 else "execute_request"
                content = {} if i % 3 else {"code": "1"}
                msg_id = client.send(kind, content)
                assert client.reply(msg_id).content["status"] == "ok"
                assert client.until_idle(msg_id)
        finally:
            context.destroy(linger=0)

    @pytest.mark.parametrize("name", HALF_MESSAGES)
    def test_half_message(self, kernel: KernelUnderTest, client: RawClient, name: str) -> None:
        """A peer that dies in the middle of a message leaves nothing of it behind."""
        for _ in range(50):
            vanish_in_message(kernel, HALF_MESSAGES[name])
            assert client.ask("kernel_info_request").content["status"] == "ok"


class TestHeartbeat:
    """The echo needs nothing of the rest of the process."""

    @pytest.fixture
    def beats(self, kernel: KernelUnderTest) -> Iterator[list[zmq.Socket[bytes]]]:
        """Ten clients of the heartbeat channel."""
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        sockets = [context.socket(zmq.REQ) for _ in range(10)]
        for socket in sockets:
            socket.setsockopt(zmq.RCVTIMEO, int(HANG_LIMIT_S * 1000))
            socket.connect(kernel.address("hb"))
        yield sockets
        context.destroy(linger=0)

    @pytest.mark.parametrize(
        "frames",
        [[b"ping"], [b""], [b"a", b"", b"c"], [os.urandom(MIB)]],
        ids=["ping", "empty", "multipart", "large"],
    )
    def test_echo(self, beats: list[zmq.Socket[bytes]], frames: list[bytes]) -> None:
        """Every client gets back what it sent, whatever that is."""
        for n, socket in enumerate(beats):
            socket.send_multipart([*frames, bytes([n])])
        echoed = [socket.recv_multipart() for socket in beats]

        assert echoed == [[*frames, bytes([n])] for n in range(len(beats))]

    def test_lock_held(
        self, kernel: KernelUnderTest, client: RawClient, beats: list[zmq.Socket[bytes]]
    ) -> None:
        """It answers while code holds the interpreter lock."""
        fifo = kernel.path.parent / "fifo"
        os.mkfifo(fifo)
        msg_id = client.execute(
            "import ctypes, os\n"
            f"descriptor = os.open({str(fifo)!r}, os.O_WRONLY)\n"
            "os.write(descriptor, b'begin')\n"
            "ctypes.PyDLL(None).usleep(900_000)\n"
            "ctypes.PyDLL(None).usleep(900_000)\n"
            "ctypes.PyDLL(None).usleep(900_000)\n"
            "os.write(descriptor, b'end')\n"
        )
        descriptor = os.open(fifo, os.O_RDONLY)
        try:
            assert os.read(descriptor, 5) == b"begin"
            for beat in beats:
                beat.send(b"alive?")
                assert beat.recv() == b"alive?"
            os.set_blocking(descriptor, False)
            with pytest.raises(BlockingIOError):
                os.read(descriptor, 3)
        finally:
            client.reply(msg_id)
            os.close(descriptor)


def is_ipv6_here() -> bool:
    """Return True if this machine can listen on ::1."""
    try:
        with socket_module.socket(socket_module.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


class TestAddresses:
    """Where a kernel listens."""

    def test_ports(self, kernel: KernelUnderTest) -> None:
        """Ports of 0 are chosen and written back, for the owner's eyes only."""
        written = json.loads(kernel.path.read_text())
        ports = {written[f"{channel}_port"] for channel in CHANNELS}

        assert len(ports) == len(CHANNELS)
        assert 0 not in ports
        assert stat.S_IMODE(kernel.path.stat().st_mode) == 0o600
        assert written["key"] == "a secret"

    @pytest.mark.parametrize("channel", CHANNELS)
    def test_occupied_port(self, tmp_path: Path, channel: str) -> None:
        """A kernel whose port is taken says so and ends with 1."""
        with socket_module.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            path = write_connection(tmp_path, **{f"{channel}_port": port})
            done = subprocess.run(
                command(path),
                env=environment(tmp_path),
                capture_output=True,
                text=True,
                timeout=HANG_LIMIT_S,
                check=False,
            )

        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert f"{channel}: cannot bind tcp://127.0.0.1:{port}" in line
        assert "in use" in line

    def test_occupied_path(self, tmp_path: Path) -> None:
        """A kernel does not take the path of another over ipc."""
        changes = {"transport": "ipc", "ip": str(tmp_path / "s"), "shell_port": 1}
        (tmp_path / "other").mkdir()
        with run_kernel(tmp_path, **changes) as kernel, RawClient(kernel, iopub=False) as client:
            done = subprocess.run(
                command(write_connection(tmp_path / "other", **changes)),
                env=environment(tmp_path),
                capture_output=True,
                text=True,
                timeout=HANG_LIMIT_S,
                check=False,
            )
            assert client.ask("kernel_info_request").content["status"] == "ok"

        assert done.returncode == 1
        assert "in use" in done.stderr

    def test_ipc(self, tmp_path: Path) -> None:
        """Over ipc everything works, and the sockets' files are gone at the end."""
        folder = tmp_path / "sockets"
        folder.mkdir()
        with (
            run_kernel(tmp_path, transport="ipc", ip=str(folder / "s")) as kernel,
            RawClient(kernel) as client,
        ):
            converse(client)
            assert len(list(folder.iterdir())) == len(CHANNELS)
            client.ask("shutdown_request", {"restart": False}, "control")
            assert kernel.process.wait(HANG_LIMIT_S) == 0

        assert list(folder.iterdir()) == []

    @pytest.mark.skipif(not is_ipv6_here(), reason="this machine has no IPv6")
    def test_ipv6(self, tmp_path: Path) -> None:
        """It listens on IPv6."""
        with run_kernel(tmp_path, ip="::1") as kernel, RawClient(kernel) as client:
            converse(client)

    @pytest.mark.skipif(not zmq.has("curve"), reason="this ZeroMQ cannot encrypt")
    def test_curve(self, tmp_path: Path) -> None:
        """With CURVE keys in its file it talks to who knows its public key, and to no other."""
        public, secret = (key.decode() for key in zmq.curve_keypair())
        keys = {"curve_publickey": public, "curve_secretkey": secret}
        with run_kernel(tmp_path, **keys) as kernel:
            plain = {name: v for name, v in kernel.connection.items() if "curve" not in name}
            stranger = KernelUnderTest(kernel.process, plain, kernel.path)
            with RawClient(kernel) as client, RawClient(stranger) as unencrypted:
                unencrypted.send("kernel_info_request")
                converse(client)
                assert not unencrypted.sockets["shell"].poll(0)


def converse(client: RawClient) -> None:
    """Use all channels but the heartbeat, and that one too."""
    client.welcome()
    assert client.ask("kernel_info_request").content["status"] == "ok"
    assert client.ask("kernel_info_request", channel="control").content["status"] == "ok"
    msg_id = client.execute("print(input('name? '))", allow_stdin=True)
    prompt = client.receive("stdin")
    assert prompt.kind == "input_request"
    client.send("input_reply", {"value": "Ada", "status": "ok"}, channel="stdin")
    assert client.reply(msg_id).content["status"] == "ok"
    assert text_of(client.until_idle(msg_id)) == "Ada\n"
    beat = client.context.socket(zmq.REQ)
    client.prepare(beat)
    beat.setsockopt(zmq.RCVTIMEO, int(HANG_LIMIT_S * 1000))
    beat.connect(client.kernel.address("hb"))
    with beat:
        beat.send(b"ping")
        assert beat.recv() == b"ping"


class TestLargeMessages:
    """64 MB at once, every byte of them."""

    def test_code(self, client: RawClient) -> None:
        """Code of that size is run."""
        text = "0123456789abcdef" * (BIG_BYTES // 16)
        published = client.run(f"print(len('{text}'))")

        assert text_of(published) == f"{len(text)}\n"
        assert published[1].content["code"] == f"print(len('{text}'))"

    def test_text(self, client: RawClient) -> None:
        """Text of that size arrives whole."""
        published = client.run(
            f"import sys; sys.stdout.write('0123456789abcdé\\n' * {BIG_BYTES // 16});"
        )

        assert text_of(published) == "0123456789abcdé\n" * (BIG_BYTES // 16)

    def test_buffers(self, client: RawClient) -> None:
        """Buffers go in and out unchanged, of whatever kind the program made them."""
        client.run(
            "import hashlib, array\n"
            "from comm import get_comm_manager\n"
            "def opened(comm, message):\n"
            "    def on_msg(message):\n"
            "        data = message['buffers']\n"
            "        comm.send({'sums': [hashlib.sha256(b).hexdigest() for b in data]},\n"
            "                  buffers=[bytes(data[0]), bytearray(data[0]), data[0],\n"
            "                           memoryview(array.array('i', range(10)))[::3], b''])\n"
            "    comm.on_msg(on_msg)\n"
            "get_comm_manager().register_target('echo', opened)\n"
        )
        big = os.urandom(BIG_BYTES)
        client.send("comm_open", {"comm_id": "c", "target_name": "echo", "data": {}})
        msg_id = client.send("comm_msg", {"comm_id": "c", "data": {}}, buffers=[big, b"", b"small"])
        (echo,) = [r for r in client.until_idle(msg_id) if r.kind == "comm_msg"]

        sums = [hashlib.sha256(data).hexdigest() for data in (big, b"", b"small")]
        assert echo.content["data"] == {"sums": sums}
        assert [data == big for data in echo.buffers] == [True, True, True, False, False]
        assert echo.buffers[3:] == [struct.pack("4i", 0, 3, 6, 9), b""]

    def test_changed_afterwards(self, client: RawClient) -> None:
        """A buffer that the program changes after sending it arrives as it was."""
        published = client.run(
            "from comm import create_comm\n"
            "data = bytearray(b'a' * 1_000_000)\n"
            "comm = create_comm(target_name='t')\n"
            "for letter in b'bcdefghij':\n"
            "    comm.send({}, buffers=[data])\n"
            "    data[:] = bytes([letter]) * len(data)\n"
        )

        sent = [r.buffers[0] for r in published if r.kind == "comm_msg"]
        assert [set(data) for data in sent] == [{letter} for letter in b"abcdefghi"]


class TestLastWords:
    """What was sent before the end arrives."""

    @pytest.mark.parametrize("channel", ["shell", "control"])
    def test_shutdown_at_once(self, client: RawClient, channel: str) -> None:
        """Replies and idle arrive though the kernel is asked to shut down right afterwards."""
        msg_id = client.execute("print('x' * 10_000_000)")
        if channel == "control":
            # There it would interrupt what runs.
            assert client.receive("shell").cause == msg_id
        closing = client.send("shutdown_request", {"restart": False}, channel=channel)
        published = client.until_idle(msg_id)
        assert text_of(published) == "x" * 10_000_000 + "\n"
        if channel == "shell":
            client.reply(msg_id)
        assert client.reply(closing, channel).content == {"status": "ok", "restart": False}
        assert "shutdown_reply" in [r.kind for r in client.until_idle(closing)]
        assert client.kernel.process.wait(HANG_LIMIT_S) == 0

    def test_waiting_cells(self, client: RawClient) -> None:
        """Cells before a shutdown request are run and answered."""
        sent = [client.execute(f"{i}") for i in range(50)]
        closing = client.send("shutdown_request", {"restart": False})
        for msg_id in sent:
            assert client.reply(msg_id).content["status"] == "ok"
        assert client.reply(closing).kind == "shutdown_reply"
        for msg_id in [*sent, closing]:
            assert client.until_idle(msg_id)[-1].is_idle(msg_id)

    def test_exit_functions(self, client: RawClient) -> None:
        """What exit functions print arrives before idle, also when it is much."""
        client.run("import atexit; atexit.register(lambda: print('x' * 1_000_000))")
        closing = client.send("shutdown_request", {"restart": False}, channel="control")

        assert text_of(client.until_idle(closing)) == "x" * 1_000_000 + "\n"

    def test_busy_behind_another(self, client: RawClient) -> None:
        """A cell that waited behind another is reported busy while it runs, not afterwards."""
        fifo = client.kernel.path.parent / "fifo"
        os.mkfifo(fifo)
        first = client.execute("import time; time.sleep(0.1)")
        second = client.execute(f"descriptor = open({str(fifo)!r}).read()")
        client.until_idle(first)
        assert client.receive("iopub").content == {"execution_state": "busy"}
        assert client.receive("iopub").kind == "execute_input"
        fifo.write_text("go on")
        assert client.reply(first).content["status"] == "ok"
        assert client.reply(second).content["status"] == "ok"
