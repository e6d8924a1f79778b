"""Binding: what can go wrong, and what is left then."""

from __future__ import annotations

import os
import socket as socket_module
import stat
from pathlib import Path

import pytest
import zmq

from assay import protocol, transport
from assay.protocol import Channel, ConnectionFile, Transport
from assay.transport import (
    BindError,
    Client,
    Heartbeat,
    TransportError,
    _ipc,
    bind_kernel,
    curve_keys,
    free_ports,
)

CHANNELS = (Channel.SHELL, Channel.CONTROL, Channel.STDIN, Channel.IOPUB)


def over_ipc(folder: Path, *, shell_port: int = 0, iopub_port: int = 0) -> ConnectionFile:
    """Return a connection whose sockets are files in *folder*."""
    return ConnectionFile(
        key="",
        transport=Transport.IPC,
        ip=str(folder / "s"),
        shell_port=shell_port,
        iopub_port=iopub_port,
    )


@pytest.mark.parametrize("chosen", [True, False])
def test_socket_files_are_their_users_alone(tmp_path: Path, *, chosen: bool) -> None:
    """Whatever the umask, no other user may connect over ipc, and the umask stays (CONN-20)."""
    wanted = over_ipc(tmp_path) if chosen else over_ipc(tmp_path, shell_port=1, iopub_port=2)
    mask = os.umask(0)
    try:
        sockets, bound = bind_kernel(wanted)
        heartbeat = Heartbeat(bound)
        modes = {
            path.name: stat.S_IMODE(path.stat().st_mode) & 0o077 for path in tmp_path.iterdir()
        }
        heartbeat.close()
        sockets.close(linger_ms=0)
        left = os.umask(0)
    finally:
        os.umask(mask)

    assert len(modes) == 5
    assert set(modes.values()) == {0}
    assert left == 0


def test_chosen_ports() -> None:
    """Ports of 0 are chosen, each another one."""
    sockets, bound = bind_kernel(ConnectionFile(key=""))
    sockets.close(linger_ms=0)

    assert len({bound.port(channel) for channel in CHANNELS} - {0}) == len(CHANNELS)
    assert bound.hb_port == 0


def test_given_port() -> None:
    """A port that is given is used."""
    port = free_ports(ConnectionFile(key="")).stdin_port
    sockets, bound = bind_kernel(ConnectionFile(key="", stdin_port=port))
    endpoint = sockets.stdin.getsockopt_string(zmq.LAST_ENDPOINT)
    sockets.close(linger_ms=0)

    assert bound.stdin_port == port
    assert endpoint == f"tcp://127.0.0.1:{port}"


@pytest.mark.parametrize("channel", CHANNELS)
def test_taken_port(channel: Channel) -> None:
    """A port that is taken is named, and nothing that was bound before stays so."""
    with socket_module.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        before = len(list(Path("/dev/fd").iterdir()))
        with pytest.raises(BindError) as caught:
            bind_kernel(ConnectionFile(key="").with_ports({channel: port}))
        after = len(list(Path("/dev/fd").iterdir()))

    assert f"{channel}: cannot bind tcp://127.0.0.1:{port}" in str(caught.value)
    assert after <= before


@pytest.mark.parametrize("ip", ["192.0.2.1", "no such host", "999.0.0.1", "a" * 300])
def test_not_our_address(ip: str) -> None:
    """An address that is none of this machine's is refused."""
    with pytest.raises(BindError) as caught:
        bind_kernel(ConnectionFile(key="", ip=ip))

    assert ip in str(caught.value)


def pair(kind: str) -> ConnectionFile:
    """Return a connection with keys that are no pair."""
    one, other = curve_keys(), curve_keys()
    public, secret = {
        "of two": (one.public_key, other.secret_key),
        "the wrong way round": (one.secret_key, one.public_key),
        "no number": ("#" * 40, "#" * 40),
    }[kind]
    return ConnectionFile(key="", curve_publickey=public, curve_secretkey=secret)


@pytest.mark.parametrize("kind", ["of two", "the wrong way round", "no number"])
def test_keys_that_are_no_pair(kind: str) -> None:
    """A kernel that no client could reach does not start, and shows none of the keys (CONN-06)."""
    wrong = pair(kind)
    with pytest.raises(BindError, match=r"curve_(public|secret)key: wanted") as caught:
        bind_kernel(wrong)

    assert str(wrong.curve_secretkey) not in str(caught.value)


def test_without_encryption(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where ZeroMQ cannot encrypt, nothing is served in plain view; a client says so, too."""
    keys = curve_keys()
    wanted = ConnectionFile(
        key="", curve_publickey=keys.public_key, curve_secretkey=keys.secret_key
    )
    monkeypatch.setattr(zmq, "has", lambda _: False)
    with pytest.raises(BindError, match="libsodium"):
        bind_kernel(wanted)
    with pytest.raises(TransportError, match="libsodium"):
        Client(wanted)


class TestIpc:
    """Sockets that are files."""

    def test_files(self, tmp_path: Path) -> None:
        """They are there while the sockets are."""
        sockets, bound = bind_kernel(over_ipc(tmp_path))
        names = {path.name for path in tmp_path.iterdir()}
        sockets.close(linger_ms=0)

        assert names == {f"s-{bound.port(channel)}" for channel in CHANNELS}
        assert list(tmp_path.iterdir()) == []

    def test_in_use(self, tmp_path: Path) -> None:
        """A path that another program listens to is left to it, and what was bound is gone."""
        path = tmp_path / "s-7"
        with socket_module.socket(socket_module.AF_UNIX) as other:
            other.bind(str(path))
            other.listen()
            with pytest.raises(BindError, match=r"iopub: .* in use"):
                bind_kernel(over_ipc(tmp_path, iopub_port=7))

        assert list(tmp_path.iterdir()) == [path]

    def test_left_over(self, tmp_path: Path) -> None:
        """A file that a killed kernel left is replaced."""
        with socket_module.socket(socket_module.AF_UNIX) as other:
            other.bind(str(tmp_path / "s-7"))
        sockets, bound = bind_kernel(over_ipc(tmp_path, shell_port=7))
        sockets.close(linger_ms=0)

        assert bound.shell_port == 7

    def test_no_socket(self, tmp_path: Path) -> None:
        """A file that is no socket is never removed."""
        path = tmp_path / "s-7"
        path.write_text("precious")
        with pytest.raises(BindError, match="no socket"):
            bind_kernel(over_ipc(tmp_path, shell_port=7))

        assert path.read_text() == "precious"

    def test_long_path(self, tmp_path: Path) -> None:
        """A path that is too long is refused, and the error names the limit."""
        with pytest.raises(BindError, match=f"up to {zmq.IPC_PATH_MAX_LEN} bytes"):
            bind_kernel(over_ipc(tmp_path / ("x" * 200)))

    def test_missing_folder(self, tmp_path: Path) -> None:
        """A folder that is not there is named once, with the path."""
        with pytest.raises(BindError) as caught:
            bind_kernel(over_ipc(tmp_path / "none", shell_port=1))

        address = f"ipc://{tmp_path / 'none' / 's'}-1"
        assert str(caught.value) == f"shell: cannot bind {address}: No such file or directory"

    def test_no_free_path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """If no path is free, the error says so."""
        monkeypatch.setattr(_ipc, "ATTEMPTS", 0)
        with pytest.raises(BindError, match="no free path"):
            bind_kernel(over_ipc(tmp_path))


class TestHeartbeat:
    """The echo, alone."""

    @pytest.mark.parametrize("started", [False, True])
    def test_close(self, tmp_path: Path, started: bool) -> None:
        """It can be closed whether or not it was started, and leaves no file."""
        heartbeat = Heartbeat(over_ipc(tmp_path))
        if started:
            heartbeat.start()
        assert len(list(tmp_path.iterdir())) == 1
        heartbeat.close()

        assert list(tmp_path.iterdir()) == []

    def test_taken_port(self) -> None:
        """A port that is taken is refused."""
        with socket_module.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            with pytest.raises(BindError, match=rf"hb: .*:{port}"):
                Heartbeat(ConnectionFile(key="", hb_port=port))

    def test_echo(self) -> None:
        """It sends back what it gets."""
        heartbeat = Heartbeat(ConnectionFile(key=""))
        heartbeat.start()
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        with context.socket(zmq.REQ) as client:
            client.setsockopt(zmq.RCVTIMEO, 60_000)
            client.connect(heartbeat.connection.address(Channel.HB))
            for data in (b"ping", b"", bytes(1_000_000)):
                client.send(data)
                assert client.recv() == data
        context.term()
        heartbeat.close()


UNREACHABLE = {
    next((name for _, name in socket_module.if_nameindex()), "lo"): "a network interface",
    "no-such-host.invalid": "for which there is none",
}


@pytest.mark.parametrize("ip", UNREACHABLE)
def test_what_no_client_can_connect_to_is_refused(ip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """ZeroMQ would bind to an interface, or wait for a name for ever, without a word (CONN-11)."""
    wanted = ConnectionFile(key="k", ip=ip)
    monkeypatch.setattr(socket_module, "getaddrinfo", _unknown)

    with pytest.raises(BindError) as kernels:
        bind_kernel(wanted)
    with pytest.raises(TransportError) as clients:
        Client(wanted)

    said = f"ip: wanted an address that clients can connect to, found {ip}, {UNREACHABLE[ip]}"
    assert (str(kernels.value), str(clients.value)) == (said, said)


def _unknown(host: str, _: object) -> list[object]:
    raise OSError(f"no address is known for {host}")


def test_errors_are_of_one_tree() -> None:
    """Who catches `TransportError` catches what the world does to a connection, and who catches
    `ProtocolError` what is wrong with a message or a file."""
    ours = [getattr(transport, name) for name in transport.__all__ if name.endswith("Error")]
    theirs = [getattr(protocol, name) for name in protocol.__all__ if name.endswith("Error")]
    theirs = [one for one in theirs if issubclass(one, Exception)]  # `Error` is a message

    assert {transport.BindError, transport.LaunchError} <= {*ours}
    assert protocol.ConnectionFileError in theirs
    assert all(issubclass(one, transport.TransportError) for one in ours)
    assert all(issubclass(one, protocol.ProtocolError) for one in {*theirs} - {protocol.AssayError})
    assert issubclass(transport.TransportError, protocol.AssayError)
    assert issubclass(protocol.ProtocolError, protocol.AssayError)
