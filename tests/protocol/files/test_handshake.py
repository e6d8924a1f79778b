"""The handshake of the 5.6 draft: what a kernel reports, and what it is told."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.protocol import (
    Channel,
    ConnectionFileError,
    ContentError,
    FramingError,
    Handshake,
    LocalError,
    Registration,
    RegistrationFile,
    SignatureError,
    Transport,
)
from assay.testing import json_objects, make_session

FILE = RegistrationFile(
    kernel_id="k-1", registration_ip="127.0.0.1", registration_port=51_587, key="secret"
)
PORTS: dict[str, Any] = {
    "shell_port": 1,
    "control_port": 2,
    "stdin_port": 3,
    "iopub_port": 4,
    "hb_port": 65_535,
}
KERNEL = Registration(kernel_id="k-1", **PORTS)

ports = st.integers(1, 65_535)
registrations = st.builds(
    Registration,
    kernel_id=st.just("k-1"),
    shell_port=ports,
    control_port=ports,
    stdin_port=ports,
    iopub_port=ports,
    hb_port=ports,
)


def signed(content: object, key: bytes = b"secret") -> list[bytes]:
    """Return frames made with nothing but the standard library."""
    data = json.dumps(content).encode()
    return [b"<IDS|MSG>", hmac.new(key, data, hashlib.sha256).hexdigest().encode(), data]


@given(registrations, st.lists(st.binary().filter(lambda one: one != b"<IDS|MSG>"), max_size=2))
def test_a_registration_comes_back(registration: Registration, route: list[bytes]) -> None:
    """What a kernel reports is what the service reads, with the way back to the kernel."""
    frames = Handshake(FILE).register(registration, route)

    assert Handshake(FILE).read_registration(frames) == (tuple(route), registration)


def test_ports_are_sent_as_text() -> None:
    """The frames are delimiter, signature of the content, and content (HANDSHAKE-03, AMB-57)."""
    frames = Handshake(FILE).register(KERNEL)

    delimiter, signature, content = map(bytes, frames)
    texts = {name: str(port) for name, port in PORTS.items()}
    assert delimiter == b"<IDS|MSG>"
    assert signature == hmac.new(b"secret", content, hashlib.sha256).hexdigest().encode()
    assert json.loads(content) == {"kernel_id": "k-1", **texts}


@pytest.mark.parametrize("kind", [str, int])
def test_ports_are_read_from_text_and_numbers(kind: type) -> None:
    """The draft says text, connection files have numbers; keys that are not known are kept."""
    content = {"kernel_id": "k-1", **{name: kind(port) for name, port in PORTS.items()}, "x": 1}

    _, registration = Handshake(FILE).read_registration(signed(content))

    assert {f"{channel}_port": port for channel, port in registration.ports.items()} == PORTS
    assert registration.extra == {"x": 1}


@given(json_objects())
def test_an_acknowledgement_may_say_anything(content: dict[str, Any]) -> None:
    """It comes back as it was said (HANDSHAKE-06)."""
    frames = Handshake(FILE).acknowledge([b"kernel"], content)

    assert frames[0] == b"kernel"
    assert Handshake(FILE).read_acknowledgement(frames) == content


@pytest.mark.parametrize(
    ("frames", "error", "rule"),
    [
        ([], FramingError, "HANDSHAKE-03"),
        (signed({})[:2], FramingError, "HANDSHAKE-03"),
        ([*signed({}), b"{}"], FramingError, "HANDSHAKE-03"),
        (make_session(b"secret").pack_json("status", b"{}"), FramingError, "HANDSHAKE-03"),
        (signed({}, b"other"), SignatureError, "SIGN-07"),
        ([b"<IDS|MSG>", b"", b"{}"], SignatureError, "SIGN-09"),
        (signed([]), FramingError, "WIRE-06"),
    ],
)
def test_what_is_not_of_the_handshake_is_refused(
    frames: list[bytes], error: type[Exception], rule: str
) -> None:
    """Shape is judged before trust, and trust before meaning."""
    with pytest.raises(error) as caught:
        Handshake(FILE).read_acknowledgement(frames)

    assert getattr(caught.value, "requirement", None) == rule


@pytest.mark.parametrize(
    ("change", "faults", "rule"),
    [
        (
            {"shell_port": "0", "hb_port": 65_536},
            {"shell_port: wanted 1 to 65535, found 0", "hb_port: wanted 1 to 65535, found 65536"},
            "HANDSHAKE-03",
        ),
        ({"iopub_port": "x"}, {"iopub_port: wanted an integer, found 'x'"}, "WIRE-19"),
        ({"kernel_id": "k-2"}, {"kernel_id: wanted 'k-1', found 'k-2'"}, "HANDSHAKE-04"),
    ],
)
def test_a_wrong_registration_names_its_faults(
    change: dict[str, Any], faults: set[str], rule: str
) -> None:
    """Each port and the kernel's id are judged."""
    content = {**KERNEL.to_object(), **change}

    with pytest.raises(ContentError) as caught:
        Handshake(FILE).read_registration(signed(content))

    assert set(caught.value.faults) == faults
    assert caught.value.requirement == rule


def test_a_registration_makes_a_connection_file() -> None:
    """Key, scheme and transport are those of the registration file (HANDSHAKE-12)."""
    file = KERNEL.connection(FILE, ip="10.0.0.1")

    assert file.address(Channel.IOPUB) == "tcp://10.0.0.1:4"
    assert (file.key, file.signature_scheme) == ("secret", "hmac-sha256")


def test_md5_is_used_only_when_asked_for() -> None:
    """As everywhere (SIGN-12)."""
    data = (
        b'{"kernel_id":"k","registration_ip":"ip","registration_port":1,"key":"k",'
        b'"signature_scheme":"hmac-md5"}'
    )

    with pytest.raises(ConnectionFileError):
        RegistrationFile.from_json(data)
    file = RegistrationFile.from_json(data, allow_broken_scheme=True)
    with pytest.raises(LocalError):
        Handshake(file)
    Handshake(file, allow_broken_scheme=True)


def test_a_registration_file_comes_back() -> None:
    """What is written is read, unknown keys included, and the key is not shown."""
    data = FILE.to_json()[:-1] + b',"x":1}'

    file = RegistrationFile.from_json(data)

    assert json.loads(file.to_json()) == json.loads(data)
    assert file.extra == {"x": 1}
    assert file.address == "tcp://127.0.0.1:51587"
    assert "secret" not in repr(file)


def test_the_service_may_be_a_path() -> None:
    """Over ipc the address is formed as for the channels (CONN-10)."""
    file = RegistrationFile(
        kernel_id="k",
        registration_ip="/run/r",
        registration_port=1,
        transport=Transport.IPC,
        key="",
    )

    assert file.address == "ipc:///run/r-1"


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"[]", "HANDSHAKE-01"),
        (b"{", "HANDSHAKE-01"),
        (b'{"kernel_id":"k"}', "HANDSHAKE-01"),
        (
            b'{"kernel_id":"k","registration_ip":"ip","registration_port":0,"key":"k"}',
            "HANDSHAKE-01",
        ),
        (
            b'{"kernel_id":"k","registration_ip":"ip","registration_port":1,"key":"k",'
            b'"signature_scheme":"md5"}',
            "SIGN-12",
        ),
        (
            b'{"kernel_id":"k","registration_ip":"ip","registration_port":1,"key":"\\ud800"}',
            "SIGN-05",
        ),
        (FILE.to_json()[:-1] + b', "key": "other"}', "HANDSHAKE-01"),
        (FILE.to_json()[:-1] + b', "\\u006bey": "other"}', "HANDSHAKE-01"),
    ],
)
def test_a_wrong_registration_file_is_refused(data: bytes, rule: str) -> None:
    """It is judged as strictly as a connection file."""
    with pytest.raises(ConnectionFileError) as caught:
        RegistrationFile.from_json(data)

    assert caught.value.requirement == rule


def test_a_secret_that_is_no_text_is_not_shown() -> None:
    """Nor is what stands in its place."""
    data = b'{"kernel_id":"k","registration_ip":"ip","registration_port":1,"key":12345}'

    with pytest.raises(ConnectionFileError) as caught:
        RegistrationFile.from_json(data)

    assert "12345" not in str(caught.value)


XEUS_FILE = (
    b'{"kernel_id":"k-1","transport":"tcp","ip":"127.0.0.1","registration_port":"51587",'
    b'"signature_scheme":"hmac-sha256","key":"a key"}'
)


def test_a_registration_file_of_xeus_is_read() -> None:
    """The port is text there, and the address stands under another name (AMB-57)."""
    file = RegistrationFile.from_json(XEUS_FILE)

    assert (file.registration_port, file.registration_ip) == (51587, "127.0.0.1")
    assert file.address == "tcp://127.0.0.1:51587"


def test_a_registration_file_is_written_for_xeus() -> None:
    """It has what the text wants, and what kernels made with xeus 6 look for."""
    file = RegistrationFile(
        kernel_id="k-1", registration_ip="127.0.0.1", registration_port=51587, key="a key"
    )

    written = json.loads(file.to_json(for_xeus=True))

    assert written["registration_port"] == "51587"
    assert written["ip"] == written["registration_ip"] == "127.0.0.1"
    again = RegistrationFile.from_json(file.to_json(for_xeus=True))
    assert (again.address, again.key) == (file.address, file.key)


@pytest.mark.parametrize("port", ["0", "65536", "x", "-1", "", "1.5"])
def test_a_port_of_text_is_a_port(port: str) -> None:
    """Text that is no port is refused like a number that is none."""
    data = json.dumps({**json.loads(XEUS_FILE), "registration_port": port}).encode()

    with pytest.raises(ConnectionFileError, match="registration_port"):
        RegistrationFile.from_json(data)
