"""Kernels that are reached by CURVE, IPv6, ipc and the handshake, on all five channels."""

from __future__ import annotations

import json
import os
import socket as socket_module
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
import zmq
from attrs import evolve

from assay.kernel._command_line import parse
from assay.kernel._errors import StartError
from assay.kernel._registration import open_registration, report_ports
from assay.protocol import (
    Channel,
    ConnectionFile,
    ConnectionFileError,
    KernelInfoRequest,
    RegistrationFile,
    Transport,
)
from assay.transport import (
    Client,
    KernelProcess,
    RawSocket,
    Reach,
    RegistrationService,
    launch,
    session_for,
)
from tests.kernel._kernels import HANG_LIMIT_S, argv, execute

AT_ONCE_S = 0.05
"""For what never comes."""

CONNECTIONS = 5
"""Of a stranger, to each socket; each would send 8 MB."""

GROWTH_KB = 8_000
"""What they may cost together."""

PLAIN_GREETING = b"\xff" + b"\0" * 8 + b"\x7f\x03\0" + b"NULL".ljust(52, b"\0")
"""How ZeroMQ begins a connection without encryption (ZMTP 3.0)."""


def environment(folder: Path) -> dict[str, str]:
    """Return what keeps a kernel out of the folders of this machine."""
    (folder / "runtime").mkdir(exist_ok=True)
    return {"IPYTHONDIR": str(folder), "JUPYTER_RUNTIME_DIR": str(folder / "runtime")}


def all_five_work(client: Client) -> None:
    """See an answer on shell, IOPub, stdin and control, and an echo."""
    answer = execute(client, "print(input())", on_input=lambda _: "through")
    assert answer.text() == "through\n"
    client.request(KernelInfoRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)
    client.beat(timeout=HANG_LIMIT_S)


def test_encrypted_and_registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With CURVE and the handshake all channels work; a plain client gets and costs nothing. The
    service of the handshake is gone once the kernel has registered."""
    wanted = Reach(encrypt=True).connection()
    closed: list[RegistrationService] = []
    close = RegistrationService.close

    def note_and_close(service: RegistrationService) -> None:
        closed.append(service)
        close(service)

    monkeypatch.setattr(RegistrationService, "close", note_and_close)
    with launch(argv(), connection=wanted, handshake="draft", env=environment(tmp_path)) as kernel:
        assert closed
        with kernel.client(timeout=HANG_LIMIT_S) as client:
            all_five_work(client)
            written = [*(tmp_path / "runtime").glob("kernel-*.json")]
            modes = {path.stat().st_mode & 0o777 for path in written}
            read = [ConnectionFile.read(path) for path in written]
            before = memory_kb(kernel)
            flood(evolve(kernel.connection, curve_publickey=None, curve_secretkey=None))
            assert execute(client, "print(6 * 7)").text() == "42\n"
            grown = memory_kb(kernel) - before
        code = kernel.shutdown(timeout=HANG_LIMIT_S)
    left = [*(tmp_path / "runtime").glob("*.json")]

    assert read == [kernel.connection]
    assert (modes, code, left) == ({0o600}, 0, [])
    assert grown < GROWTH_KB


def memory_kb(kernel: KernelProcess) -> int:
    """Return what the process has in memory; 0 where that cannot be seen."""
    status = Path(f"/proc/{kernel.pid}/status")
    if not status.exists():
        return 0
    lines = status.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def flood(plain: ConnectionFile) -> None:
    """Send much that is signed and not encrypted, and bytes of any kind; hear nothing."""
    session = session_for(plain)
    with zmq.Context() as context:
        sockets = [connected(context, plain, channel) for channel in Channel]
        for socket, channel in zip(sockets, Channel, strict=True):
            if channel is not Channel.IOPUB:
                with suppress(zmq.Again):  # it is refused already
                    socket.send_multipart(
                        session.encode(session.message(KernelInfoRequest())), zmq.NOBLOCK
                    )
        for channel in Channel:
            for _ in range(CONNECTIONS):
                send_until_cut(plain.port(channel))
        heard = [socket.poll(int(AT_ONCE_S * 1000)) for socket in sockets]
        for socket in sockets:
            socket.close()
    assert not any(heard)


def connected(
    context: zmq.Context[zmq.Socket[bytes]], plain: ConnectionFile, channel: Channel
) -> zmq.Socket[bytes]:
    """Return a socket without keys."""
    socket = context.socket(zmq.SUB if channel is Channel.IOPUB else zmq.DEALER)
    socket.linger = 0
    socket.connect(plain.address(channel))
    if channel is Channel.IOPUB:
        socket.subscribe(b"")
    return socket


def send_until_cut(port: int) -> None:
    """Say hello without keys, and send megabytes behind it, as long as they are taken."""
    with (
        socket_module.create_connection(("127.0.0.1", port), HANG_LIMIT_S) as raw,
        suppress(ConnectionError),
    ):
        raw.sendall(PLAIN_GREETING)
        for _ in range(8):
            raw.sendall(b"\0" * 1_000_000)


def test_ipc_and_ipv6(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Over ipc by the handshake, with CURVE, and over IPv6, all channels work."""
    folder = tmp_path_factory.mktemp("s")
    reaches = [Reach(transport=Transport.IPC, ip=str(folder / "k"), encrypt=True)]
    if has_ipv6():
        reaches.append(Reach(ip="::1"))
    for reach in reaches:
        with (
            launch(
                argv(),
                connection=reach.connection(),
                handshake="draft" if reach.encrypt else None,
                env=environment(tmp_path),
            ) as kernel,
            kernel.client(timeout=HANG_LIMIT_S) as client,
        ):
            all_five_work(client)
            assert kernel.connection.ip.startswith(reach.ip)
    assert [*folder.iterdir()] == []


def has_ipv6() -> bool:
    """Return True if the loopback interface has an address of IPv6."""
    try:
        with socket_module.socket(socket_module.AF_INET6) as attempt:
            attempt.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_refusal_is_one_line(tmp_path: Path) -> None:
    """What cannot be is said in one line of stderr, also where there would be a warning."""
    keys = (Reach(encrypt=True).connection(), Reach(encrypt=True).connection())
    mixed = evolve(keys[0], curve_secretkey=keys[1].curve_secretkey, ip="0.0.0.0")
    path = tmp_path / "kernel.json"
    mixed.write(path)
    path.chmod(0o644)  # would be warned of
    command = [str(path) if word == "{connection_file}" else word for word in argv()]

    ended = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=HANG_LIMIT_S,
        check=False,
        env=os.environ | environment(tmp_path),
    )

    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert "curve_publickey: wanted the one that belongs to curve_secretkey" in ended.stderr
    assert str(keys[1].curve_secretkey) not in ended.stderr


class TestRegistrationFile:
    """What a kernel takes from it."""

    @pytest.fixture
    def path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A registration file."""
        (tmp_path / "runtime").mkdir()
        monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
        path = tmp_path / "file.json"
        self.file.write(path)
        return path

    file = RegistrationFile(
        kernel_id="an-id", registration_ip="127.0.0.1", registration_port=9, key="a key"
    )

    def test_connection(self, path: Path, tmp_path: Path) -> None:
        """The kernel chooses its ports, and is found by its id (HANDSHAKE-02, HANDSHAKE-09)."""
        opened = open_registration(parse(["-f", str(path)]))

        assert opened.connection == ConnectionFile(key="a key")
        assert opened.path == str(tmp_path / "runtime" / "kernel-an-id.json")
        assert opened.registration == self.file

    def test_address_of_the_command_line(self, path: Path) -> None:
        """Where the kernel listens may be another address than the service's."""
        opened = open_registration(parse(["-f", str(path), "--ip=127.0.0.2", "--hb=7"]))

        assert (opened.connection.ip, opened.connection.hb_port) == ("127.0.0.2", 7)

    @pytest.mark.parametrize("option", ["--Session.key=k", "--no-secure", "--transport=ipc"])
    def test_key_of_the_command_line(self, path: Path, option: str) -> None:
        """The file's key and transport stand (HANDSHAKE-12)."""
        options = parse(["-f", str(path), option])

        with pytest.raises(ConnectionFileError, match="HANDSHAKE-12"):
            open_registration(options)

    @pytest.mark.parametrize("name", ["../../etc/x", "", "a\0b", "/x"])
    def test_id_that_is_no_name(self, path: Path, tmp_path: Path, name: str) -> None:
        """No id leads out of the folder for such files."""
        evolve(self.file, kernel_id=name).write(path)

        opened = open_registration(parse(["-f", str(path)]))

        assert opened.path == str(tmp_path / "runtime" / f"kernel-{os.getpid()}.json")

    def test_half_a_pair_of_keys(self, path: Path) -> None:
        """Keys for CURVE are never passed over (CONN-07)."""
        keys = Reach(encrypt=True).connection()
        fields = json.loads(self.file.to_json()) | {"curve_publickey": keys.curve_publickey}
        path.write_text(json.dumps(fields))

        with pytest.raises(ConnectionFileError, match="CONN-07"):
            open_registration(parse(["-f", str(path)]))

    def test_nobody_answers(self) -> None:
        """A kernel that is not acknowledged does not start (HANDSHAKE-08)."""
        with RawSocket.service() as service:
            file = evolve(self.file, registration_port=service.port)
            bound = ConnectionFile(key="a key").with_ports(dict.fromkeys(Channel, 5))
            with pytest.raises(StartError, match="acknowledgement"):
                report_ports(file, bound, AT_ONCE_S)
