"""The handshake of a kernel that chooses its ports: our two ends, and what strangers send."""

from __future__ import annotations

import errno
import os
import socket as socket_module
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event

import pytest
import zmq
from attrs import evolve

from assay import _platform
from assay.protocol import (
    Channel,
    ConnectionFile,
    Handshake,
    JsonObject,
    Registration,
    RegistrationFile,
    Transport,
)
from assay.transport import (
    LaunchError,
    RawSocket,
    Reach,
    RegistrationService,
    TimedOutError,
    curve_keys,
    register,
)
from assay.transport import _registration as registration_module
from assay.transport import _strangers as strangers_module
from tests.limits import HANG_LIMIT_S

AT_ONCE_S = 0.05
"""For what never comes."""

PORTS = dict(zip(Channel, range(1, 6), strict=True))


class Process:
    """A kernel's process, as far as the service looks at it."""

    def __init__(self) -> None:
        self._read, self._write = socket_module.socketpair()

    def fileno(self) -> int:
        """Return a descriptor."""
        return self._read.fileno()

    def ending(self, when: str = "") -> str:
        """Return a sentence."""
        return f"ended {when}"

    def end(self) -> None:
        """Be over."""
        self._write.send(b".")

    def close(self) -> None:
        """Let go."""
        self._read.close()
        self._write.close()


@pytest.fixture
def process() -> Iterator[Process]:
    """A process that runs."""
    with closing(Process()) as process:
        yield process


@contextmanager
def service(folder: Path, wanted: ConnectionFile | None = None) -> Iterator[RegistrationService]:
    """Listen for a kernel that shall be reached as *wanted* says."""
    with closing(RegistrationService(wanted or Reach().connection(), folder)) as service:
        yield service


@contextmanager
def registering(file: RegistrationFile, bound: ConnectionFile) -> Iterator[Future[None]]:
    """Let a kernel register in another thread."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(register, file, bound, HANG_LIMIT_S)


def connection(kind: str, folder: Path) -> ConnectionFile:
    """Return what is wanted of a kernel, of each kind."""
    keys = curve_keys()
    made = ConnectionFile(key="a key", signature_scheme="hmac-sha512")
    return {
        "tcp": made,
        "ipc": evolve(made, transport=Transport.IPC, ip=str(folder / "k")),
        "curve": evolve(made, curve_publickey=keys.public_key, curve_secretkey=keys.secret_key),
    }[kind]


@pytest.mark.parametrize("kind", ["tcp", "ipc", "curve"])
def test_both_ends(kind: str, tmp_path: Path, process: Process) -> None:
    """A kernel reports its ports, and both ends know that they are known."""
    wanted = connection(kind, tmp_path)
    with service(tmp_path, wanted) as here, registering(here.file, wanted.with_ports(PORTS)) as it:
        found = here.wait_for(process, HANG_LIMIT_S)
        it.result(HANG_LIMIT_S)

    assert found == wanted.with_ports(PORTS)
    assert [*tmp_path.iterdir()] == []


def test_two_in_one_folder(tmp_path: Path, process: Process) -> None:
    """Each of two kernels that register in one folder reaches its own launcher."""
    wanted = connection("ipc", tmp_path)
    with (
        service(tmp_path, wanted) as first,
        service(tmp_path, wanted) as second,
        registering(first.file, wanted.with_ports(PORTS)) as it,
    ):
        found = first.wait_for(process, HANG_LIMIT_S)
        it.result(HANG_LIMIT_S)
        with registering(second.file, wanted.with_ports(PORTS)) as other:
            assert second.wait_for(process, HANG_LIMIT_S) == found
            other.result(HANG_LIMIT_S)


def test_paths_of_two_kernels_differ(tmp_path: Path) -> None:
    """Where paths begin is named once for several kernels."""
    reach = Reach(transport=Transport.IPC, ip=str(tmp_path / "k"))
    first, second = reach.connection().ip, reach.connection().ip

    assert first != second
    assert all(ip.startswith(reach.ip) for ip in (first, second))


def test_file_says_all(tmp_path: Path) -> None:
    """The file has the six keys, those for CURVE, and where the kernel's sockets shall be."""
    with service(tmp_path, connection("curve", tmp_path)) as here:
        encrypted = here.file
    with service(tmp_path, connection("ipc", tmp_path)) as here:
        over_ipc = here.file

    path = tmp_path / "registration.json"
    encrypted.write(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert RegistrationFile.from_json(path.read_bytes()) == encrypted
    assert encrypted.key == "a key"
    assert {*encrypted.extra} == {"curve_publickey", "curve_secretkey"}
    assert over_ipc.extra == {"kernel_ip": str(tmp_path / "k")}


def strange(kind: str, file: RegistrationFile) -> list[bytes]:
    """Return frames from another than the kernel that is waited for, or its own."""
    wrong = file
    if kind == "key":
        wrong = evolve(file, key="another")
    elif kind == "id":
        wrong = evolve(file, kernel_id="another")
    if kind == "frames":
        return [b"what", b"ever"]
    registration = Registration.of(wrong, ConnectionFile(key="").with_ports(PORTS))
    return [bytes(frame) for frame in Handshake(wrong).register(registration)]


def test_strangers_change_nothing(tmp_path: Path, process: Process) -> None:
    """What has another key, another id or no form is passed over, and the kernel's own counts."""
    with service(tmp_path) as here, zmq.Context() as context, context.socket(zmq.DEALER) as other:
        other.linger = 0
        other.connect(here.file.address)
        for kind in ("key", "id", "frames", "genuine"):  # by one connection, so in this order
            other.send_multipart(strange(kind, here.file))
        found = here.wait_for(process, HANG_LIMIT_S)
        assert other.poll(int(HANG_LIMIT_S * 1000))
        acknowledged = Handshake(here.file).read_acknowledgement(other.recv_multipart())
        more = other.poll(0)

    assert found.with_ports(PORTS) == found
    assert (acknowledged, more) == ({}, 0)


@pytest.mark.parametrize(("kind", "most"), [("ipc", 0), ("uncounted", 0), ("tcp", 1)])
def test_silent_stranger(
    kind: str, most: int, tmp_path: Path, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who connects and says nothing wakes the launcher once, and not at all if none is followed."""
    if kind == "uncounted":
        monkeypatch.setattr(strangers_module, "make_arrivals", lambda: None)
    looks: list[None] = []

    with service(tmp_path, connection("ipc" if kind == "ipc" else "tcp", tmp_path)) as here:
        look = here._guard.look

        def noted() -> None:
            looks.append(None)
            look()

        monkeypatch.setattr(here._guard, "look", noted)
        with silent_stranger(here.file), pytest.raises(LaunchError, match="registration"):
            here.wait_for(process, AT_ONCE_S)

    assert len(looks) <= most


@contextmanager
def silent_stranger(file: RegistrationFile) -> Iterator[None]:
    """Connect to the service; ZeroMQ has accepted that and said so to its monitor."""
    is_path = file.transport is Transport.IPC
    family = socket_module.AF_UNIX if is_path else socket_module.AF_INET
    with socket_module.socket(family) as stranger:
        stranger.settimeout(HANG_LIMIT_S)
        ip, port = file.registration_ip, file.registration_port
        stranger.connect(f"{ip}-{port}" if is_path else (ip, port))
        assert stranger.recv(1)
        yield


def full(*_: object) -> object:
    """Refuse as the system does where no descriptor is left."""
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def full_to_zmq(*_: object) -> object:
    """Refuse as ZeroMQ does then."""
    raise zmq.ZMQError(errno.EMFILE)


def no_thread(*_: object) -> object:
    """Refuse as Python does where the system has no more threads."""
    raise RuntimeError("can't start new thread")


ON_LINUX = pytest.mark.skipif(
    sys.platform != "linux" or _platform.IS_PORTABLE, reason="follows nobody"
)


@pytest.mark.parametrize(
    ("owner", "name", "fails"),
    [
        (zmq.Context, "socket", full_to_zmq),
        (registration_module, "Wakeup", full),
        (strangers_module, "make_arrivals", full),
        (strangers_module, "follow_strangers", no_thread),
        pytest.param(zmq.Socket, "get_monitor_socket", full_to_zmq, marks=ON_LINUX),
    ],
    ids=["socket", "wakeup", "arrivals", "thread", "monitor"],
)
def test_service_that_cannot_be_made(
    owner: object,
    name: str,
    fails: object,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever there is none left of, what was made before is closed."""
    contexts: list[zmq.Context[zmq.Socket[bytes]]] = []
    make = zmq.Context

    def noted() -> zmq.Context[zmq.Socket[bytes]]:
        contexts.append(make())
        return contexts[0]

    threads = {*threading.enumerate()}
    monkeypatch.setattr(owner, name, fails)
    monkeypatch.setattr(zmq, "Context", noted)
    with pytest.raises((LaunchError, RuntimeError), match=r"Too many open files|new thread"):
        RegistrationService(connection("tcp", tmp_path), tmp_path)

    assert [context.closed for context in contexts] == [True]
    assert {*threading.enumerate()} <= threads


@pytest.mark.parametrize(
    ("has_ended", "said"),
    [(False, "the last message was refused"), (True, "ended before it registered")],
    ids=["lives", "ended"],
)
def test_messages_without_end(
    tmp_path: Path,
    process: Process,
    monkeypatch: pytest.MonkeyPatch,
    has_ended: bool,
    said: str,
) -> None:
    """Another program that sends on and on keeps no launcher for longer than was asked, and hides
    from none that its kernel has ended."""
    if has_ended:
        process.end()
    read = Handshake.read_registration
    goes_on = Event()
    goes_on.set()

    with service(tmp_path) as here, zmq.Context() as context, context.socket(zmq.DEALER) as other:
        other.linger = 0
        other.connect(here.file.address)

        def read_one_of_many(
            self: Handshake, frames: Sequence[bytes]
        ) -> tuple[tuple[bytes, ...], Registration]:
            if goes_on.is_set():
                other.send(b"no registration")
                assert here._socket.poll(int(HANG_LIMIT_S * 1_000))
            return read(self, frames)

        monkeypatch.setattr(Handshake, "read_registration", read_one_of_many)
        other.send(b"no registration")
        with ThreadPoolExecutor(1) as pool:
            waits = pool.submit(here.wait_for, process, HANG_LIMIT_S if has_ended else AT_ONCE_S)
            error = waits.exception(HANG_LIMIT_S)
            goes_on.clear()

    assert said in str(error)


def test_kernel_that_ends(tmp_path: Path, process: Process) -> None:
    """A kernel that has ended is waited for no longer."""
    process.end()

    with service(tmp_path) as here, pytest.raises(LaunchError, match="before it registered"):
        here.wait_for(process, HANG_LIMIT_S)


def test_forged_acknowledgement(monkeypatch: pytest.MonkeyPatch) -> None:
    """One with another key counts as none; the next one is read (HANDSHAKE-08, HANDSHAKE-11)."""
    read = Handshake.read_acknowledgement
    taken: list[bool] = []

    def noted(self: Handshake, frames: Sequence[bytes]) -> JsonObject:
        taken.append(False)
        acknowledged = read(self, frames)
        taken[-1] = True
        return acknowledged

    monkeypatch.setattr(Handshake, "read_acknowledgement", noted)
    with RawSocket.service() as other, ThreadPoolExecutor(1) as pool:
        file = RegistrationFile(
            kernel_id="k", registration_ip="127.0.0.1", registration_port=other.port, key="a key"
        )
        bound = ConnectionFile(key="a key").with_ports(PORTS)
        it = pool.submit(register, file, bound, HANG_LIMIT_S)
        frames = other.receive(HANG_LIMIT_S)
        assert frames is not None
        other.send(Handshake(evolve(file, key="another")).acknowledge(frames[:1]))
        other.send(Handshake(file).acknowledge(frames[:1]))
        it.result(HANG_LIMIT_S)

    assert taken == [False, True]


def test_silent_service() -> None:
    """A service that does not answer is waited for no longer than that."""
    with RawSocket.service() as other:
        file = RegistrationFile(
            kernel_id="k", registration_ip="127.0.0.1", registration_port=other.port, key="a key"
        )
        with pytest.raises(TimedOutError, match="acknowledgement"):
            register(file, ConnectionFile(key="a key").with_ports(PORTS), AT_ONCE_S)


def test_address_of_another_machine(tmp_path: Path) -> None:
    """A service listens at addresses of this machine alone."""
    with pytest.raises(LaunchError, match=r"192\.0\.2\.1"):
        RegistrationService(ConnectionFile(key="k", ip="192.0.2.1"), tmp_path)
