"""Connection files and kernelspecs are validated when read, and written whole or not at all."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.protocol import (
    Channel,
    ConnectionFile,
    ConnectionFileError,
    ContentError,
    Curve,
    FramingError,
    Json,
    KernelSpec,
    RegistrationFile,
    RemoteError,
    Transport,
    structure,
    unstructure,
)
from assay.testing import json_values, texts

PORTS = {"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5}
WHOLE: dict[str, Any] = {
    **PORTS,
    "transport": "tcp",
    "ip": "127.0.0.1",
    "key": "a key",
    "signature_scheme": "hmac-sha256",
}
"""A file with the nine keys."""

Z85 = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"


def from_fields(**fields: Any) -> ConnectionFile:
    """Return the connection file with these fields, and the usual ones for the rest."""
    return ConnectionFile.from_json(whole(**fields))


def without(*names: str, **more: Any) -> ConnectionFileError:
    """Return the error that a file without these keys causes, and with *more*."""
    fields = {name: value for name, value in WHOLE.items() if name not in names}
    with pytest.raises(ConnectionFileError) as caught:
        ConnectionFile.from_json(json.dumps({**fields, **more}).encode(), name="k.json")
    return caught.value


def whole(**fields: Any) -> bytes:
    """Return the bytes of a file with these fields, and the usual ones for the rest."""
    return json.dumps({**WHOLE, **fields}).encode()


def refusal(**fields: Any) -> ConnectionFileError:
    """Return the error that these fields cause."""
    with pytest.raises(ConnectionFileError) as caught:
        from_fields(**fields)
    return caught.value


def has_ports_of_its_own(file: ConnectionFile) -> bool:
    """Return True unless two channels have one port."""
    ports = [port for channel in Channel if (port := file.port(channel))]
    return len(set(ports)) == len(ports)


connection_files = st.builds(
    ConnectionFile,
    **{name: st.integers(0, 65_535) for name in PORTS},
    ip=texts().filter(lambda text: bool(text) and min(text) >= " "),
    transport=st.sampled_from(Transport),
    key=texts(),
    signature_scheme=st.sampled_from(["hmac-sha256", "hmac-sha512", "hmac-sha1"]),
    kernel_name=texts(),
    extra=st.dictionaries(st.sampled_from(["x-own", "_extra"]), json_values(), max_size=2),
).filter(has_ports_of_its_own)


@given(connection_files)
def test_a_connection_file_comes_back(file: ConnectionFile) -> None:
    """What is written is read again, unknown keys included (CONN-08)."""
    assert ConnectionFile.from_json(file.to_json()) == file


def test_a_file_of_the_reference_client_is_read() -> None:
    """The fields of the public text are all there (CONN-02)."""
    file = from_fields(
        **PORTS,
        ip="127.0.0.1",
        transport="tcp",
        key="a0436f6c-1916-498b-8eb9-e81ab9368e84",
        signature_scheme="hmac-sha256",
        kernel_name="python3",
        jupyter_session="notebook.ipynb",
    )

    assert [file.port(channel) for channel in Channel] == [1, 4, 3, 2, 5]
    assert file.transport is Transport.TCP
    assert file.key == "a0436f6c-1916-498b-8eb9-e81ab9368e84"
    assert file.extra == {"jupyter_session": "notebook.ipynb"}
    assert file.curve is None


def test_a_port_of_0_lets_the_kernel_choose() -> None:
    """A program may leave out all but the key; a file that says so is whole (CONN-02)."""
    file = ConnectionFile(key="k")

    assert [file.port(channel) for channel in Channel] == [0] * 5
    assert (file.ip, file.transport, file.key) == ("127.0.0.1", Transport.TCP, "k")
    assert ConnectionFile.from_json(file.to_json()) == file


# --- Keys that are missing


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_each_of_the_nine_keys_is_needed(name: str) -> None:
    """A file that lacks one is refused; the error says which one (CONN-16, CONN-17)."""
    error = without(name)

    rule = "CONN-16" if name == "key" else "CONN-17"
    assert str(error) == f"k.json: {name}: wanted this key, found none ({rule})"


@given(st.sets(st.sampled_from(sorted(WHOLE)), min_size=1))
def test_all_that_is_missing_is_named(names: set[str]) -> None:
    """Whatever is missing, the error names all of it and nothing else (CONN-17)."""
    assert from_fields(ip="here").ip == "here"
    said = str(without(*names)).removeprefix("k.json: ").partition(": wanted")[0]

    assert set(said.split(", ")) == names


@pytest.mark.parametrize(
    ("key", "slip"),
    [
        ("key", "kye"),
        ("key", "Key"),
        ("key", "keys"),
        ("key", "_key"),
        ("shell_port", "shel_port"),
        ("hb_port", "heartbeat_port"),
        ("control_port", "control-port"),
        ("signature_scheme", "signature_schema"),
        ("signature_scheme", "signatureScheme"),
        ("ip", "IP"),
        ("transport", "transprot"),
    ],
)
def test_a_slip_is_recognised(key: str, slip: str) -> None:
    """A misspelt key counts as missing, and the error asks whether it is meant (CONN-16)."""
    error = without(key, **{slip: WHOLE[key]})

    assert f"found {slip!r}: is {key} meant?" in str(error)


def test_a_key_that_resembles_nothing_is_not_mentioned() -> None:
    """Unknown keys are none of the errors (CONN-08)."""
    assert "meant" not in str(without("key", jupyter_session="a.ipynb", x=1))


@given(st.dictionaries(texts() | st.sampled_from(["key", "Key"]), texts() | json_values()))
def test_no_file_is_unsigned_by_accident(fields: dict[str, Json]) -> None:
    """Whatever else a file says, it is unsigned only if it has an empty text as its key
    (CONN-16)."""
    assert [from_fields(key=key).key for key in ("a", "b")] == ["a", "b"]
    base = {name: value for name, value in WHOLE.items() if name != "key"}
    data = {**base, **fields}
    try:
        file = ConnectionFile.from_json(json.dumps(data).encode())
    except ConnectionFileError:
        return

    assert file.key == data["key"]


@pytest.mark.parametrize("key", [None, False, 0, [], {}, ["secret"]])
def test_what_is_no_text_is_no_empty_key(key: object) -> None:
    """Only `"key": ""` switches signing off (CONN-16)."""
    assert refusal(key=key).requirement == "CONN-02"
    assert from_fields(key="").key == ""


def test_a_program_has_to_say_that_nothing_is_signed() -> None:
    """A connection that is made without a key is a mistake, in either kind of file (CONN-16)."""
    with pytest.raises(TypeError):
        ConnectionFile()  # type: ignore[call-arg]  # that is the point
    with pytest.raises(ContentError):
        structure(
            RegistrationFile,
            {"kernel_id": "k", "registration_ip": "127.0.0.1", "registration_port": 5},
        )


@pytest.mark.parametrize("key", [{}, {"key": "s"}])
def test_a_registration_file_is_no_connection_file(key: dict[str, Json]) -> None:
    """The error says what it is (CONN-19)."""
    data = {
        "kernel_id": "k",
        "transport": "tcp",
        "registration_ip": "127.0.0.1",
        "registration_port": 5,
        "signature_scheme": "hmac-sha256",
        **key,
    }

    with pytest.raises(ConnectionFileError, match="registration file") as caught:
        ConnectionFile.from_json(json.dumps(data).encode())

    assert caught.value.requirement == "CONN-19"


def test_keys_may_come_from_elsewhere() -> None:
    """What a command line says counts in place of what the file says, and of what it lacks."""
    fields = {name: value for name, value in WHOLE.items() if name != "key"}
    instead: dict[str, Json] = {"key": "other", "ip": "0.0.0.0"}

    file = ConnectionFile.from_json(json.dumps(fields).encode(), instead=instead)

    assert (file.key, file.ip, file.shell_port) == ("other", "0.0.0.0", 1)


@pytest.mark.parametrize(
    ("fields", "key"),
    [({"key": "file's"}, "file's"), ({"key": ""}, "given"), ({}, "given")],
)
def test_keys_may_come_where_the_file_has_none(fields: dict[str, str], key: str) -> None:
    """Of two keys the file's counts; an empty one is none."""
    rest = {name: value for name, value in WHOLE.items() if name != "key"}

    file = ConnectionFile.from_json(
        json.dumps({**rest, **fields}).encode(), otherwise={"key": "given"}
    )

    assert file.key == key


@pytest.mark.parametrize(
    "ip",
    ["127.0.0.1", "127.9.9.9", "localhost", "lo", "::1", "[::1]", "0:0::1", "::ffff:127.0.0.1"],
)
def test_addresses_of_this_machine_are_no_risk(ip: str) -> None:
    """Only this machine reaches them."""
    assert from_fields(ip=ip).risks == ()


@pytest.mark.parametrize(
    "ip",
    ["0.0.0.0", "*", "::", "[::]", "10.0.0.1", "fe80::1%eth0", "eth0", "127.evil.org", "1::1"],
)
def test_other_addresses_are_a_risk(ip: str) -> None:
    """Whatever is not known to be this machine's alone is named, once (CONN-21)."""
    (risk,) = from_fields(ip=ip).risks

    assert f"the address {ip} " in risk


@pytest.mark.parametrize("key", [" ", "   ", "\t\n"])
def test_a_key_of_white_space_is_a_risk(key: str) -> None:
    """It signs, and is quickly guessed: the kernel says so (CONN-21)."""
    (risk,) = from_fields(key=key).risks

    assert "nothing but white space" in risk


def test_one_port_for_two_channels_is_refused() -> None:
    """Both are named; 0, which lets the kernel choose, may stand in all (CONN-02)."""
    error = refusal(shell_port=7, iopub_port=7)

    assert "shell_port, iopub_port: wanted different ports, found 7 twice" in str(error)
    assert from_fields(**dict.fromkeys(PORTS, 0)).shell_port == 0


def escaped(name: str) -> str:
    """Return *name* as JSON may write it as well."""
    return f"\\u{ord(name[0]):04x}{name[1:]}"


def test_escapes_elsewhere_are_taken() -> None:
    """A name is one name however it is written (CONN-02)."""
    data = whole()[:-1] + b', "\\u006bind": "\\"key\\""}'

    assert ConnectionFile.from_json(data).extra["kind"] == '"key"'


@pytest.mark.parametrize("name", [*sorted(WHOLE), "curve_publickey", "curve_secretkey"])
def test_a_name_that_stands_twice_is_refused(name: str) -> None:
    """Which of the two counts would be a guess; inside of other values they may (CONN-02)."""
    for word in (name, escaped(name)):
        twice = whole(**{name: WHOLE.get(name)})[:-1] + b', "%s": null}' % word.encode()
        with pytest.raises(ConnectionFileError) as caught:
            ConnectionFile.from_json(twice, name="k.json")

        assert str(caught.value).startswith(f"k.json: {name}: wanted each key once")
    assert from_fields(own=[{name: 1}, {name: name}]).extra["own"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="wants named pipes")
def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    """A pipe that nobody writes to is not waited for, and a device not read (CONN-17)."""
    pipe = tmp_path / "k.json"
    os.mkfifo(pipe)
    for path in (pipe, Path(os.devnull)):
        with pytest.raises(ConnectionFileError) as caught:
            ConnectionFile.read(path)

        assert f"{path}: cannot be read: wanted a file, found a pipe" in str(caught.value)


def test_an_empty_address_is_refused() -> None:
    """Nothing says where it was meant to listen (CONN-02)."""
    with pytest.raises(ConnectionFileError) as caught:
        from_fields(ip="")

    assert "ip: wanted an address, found an empty text" in str(caught.value)


@pytest.mark.parametrize("ip", ["127.0.0.1\0", "/tmp/a\0b", "a\nb", "a\udc80"])
def test_an_address_that_would_be_cut_off_is_refused(ip: str) -> None:
    """ZeroMQ would take what stands before the character for the whole (CONN-02)."""
    with pytest.raises(ConnectionFileError, match="ip: wanted an address") as caught:
        from_fields(ip=ip, transport="ipc")

    assert ip not in str(caught.value)


def test_an_abstract_socket_is_a_risk() -> None:
    """It has no owner and no mode: every user of the machine may connect (CONN-21)."""
    (risk,) = from_fields(transport="ipc", ip="@k").risks

    assert "every user of this machine" in risk
    assert (
        from_fields(transport="ipc", ip="@k", curve_publickey=Z85, curve_secretkey=Z85).risks == ()
    )


def test_what_is_no_risk() -> None:
    """Neither a path nor an address that only who has the file's keys can use."""
    assert from_fields(transport="ipc", ip="/tmp/k").risks == ()
    assert from_fields(ip="*", curve_publickey=Z85, curve_secretkey=Z85).risks == ()
    assert len(from_fields(ip="*", key="").risks) == 2


def test_md5_is_refused_unless_the_program_asks_for_it() -> None:
    """A file that names MD5 is refused, and the error says so (SIGN-12, AMB-54)."""
    data = json.dumps({**WHOLE, "signature_scheme": "hmac-md5"}).encode()

    with pytest.raises(ConnectionFileError, match="broken") as caught:
        ConnectionFile.from_json(data)
    allowed = ConnectionFile.from_json(data, allow_broken_scheme=True)

    assert caught.value.requirement == "SIGN-12"
    assert allowed.signature_scheme == "hmac-md5"


@pytest.mark.parametrize("name", PORTS)
def test_ports_may_be_text(name: str) -> None:
    """Digits in a text are read as a number, and written as one (CONN-13)."""
    file = from_fields(**{name: "5555"})

    assert json.loads(file.to_json())[name] == 5555


@pytest.mark.parametrize(
    "port",
    [
        -1,
        65_536,
        "65536",
        "",
        "-1",
        " 1",
        "1.0",
        "05",
        "00",
        "x",
        "٣",
        1.0,
        True,
        None,
        "9" * 5_000,
    ],
)
@pytest.mark.parametrize("name", PORTS)
def test_what_is_no_port_is_refused(name: str, port: object) -> None:
    """The error names the field (CONN-02)."""
    error = refusal(**{name: port})

    assert name in str(error)
    assert error.requirement == "CONN-02"


def test_unknown_keys_that_end_in_port_stay_as_they_are() -> None:
    """Only the five ports are read as numbers."""
    assert from_fields(x_port="12").extra == {"x_port": "12"}


@pytest.mark.parametrize(
    ("fields", "requirement"),
    [
        ({"transport": "udp"}, "CONN-02"),
        ({"ip": 1}, "CONN-02"),
        ({"key": None}, "CONN-02"),
        ({"key": "\ud800"}, "SIGN-05"),
        ({"signature_scheme": "hmac-foo"}, "SIGN-12"),
        ({"signature_scheme": ""}, "SIGN-12"),
        ({"signature_scheme": 1}, "CONN-02"),
        ({"curve_publickey": Z85}, "CONN-07"),
        ({"curve_secretkey": Z85}, "CONN-07"),
        ({"curve_publickey": Z85, "curve_secretkey": ""}, "CONN-07"),
        ({"curve_publickey": Z85, "curve_secretkey": "short"}, "CONN-06"),
        ({"curve_publickey": Z85 + "\n", "curve_secretkey": Z85}, "CONN-06"),
    ],
)
def test_a_wrong_field_is_refused(fields: dict[str, Any], requirement: str) -> None:
    """Each fault has its rule."""
    assert refusal(**fields).requirement == requirement


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b'{"ip":', b"\xff", b'{"key":NaN}'])
def test_what_is_no_json_object_is_refused(data: bytes) -> None:
    """The error carries the file's name."""
    with pytest.raises(ConnectionFileError, match="a-name"):
        ConnectionFile.from_json(data, name="a-name")


@pytest.mark.parametrize(
    "data",
    [
        b'{"key":"secret-key"',
        b'{"key":"secret-key"}',
        b'{"kye":"secret-key"}',
        whole(key=["secret-key"]),
        whole(key="secret-key", ip=1),
        whole(key="secret-key", signature_scheme="hmac-md5"),
        whole(curve_publickey=["secret-key"], curve_secretkey={"secret-key": 1}),
        b'["secret-key"]',
        whole(curve_publickey="secret-key", curve_secretkey="secret-key"),
    ],
)
def test_no_error_shows_a_key(data: bytes) -> None:
    """Neither the error nor what caused it holds a secret of the file."""
    with pytest.raises(ConnectionFileError) as caught:
        ConnectionFile.from_json(data)

    error: BaseException | None = caught.value
    while error is not None:
        assert "secret-key" not in str(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_a_files_text_form_does_not_show_its_keys() -> None:
    """Logs may show a connection file."""
    file = from_fields(key="secret-key", curve_publickey=Z85, curve_secretkey=Z85)

    assert "secret-key" not in repr(file)
    assert Z85 not in repr(file)
    assert file.curve is not None
    assert repr(file.curve).count(Z85) == 1


def test_curve_keys_are_a_pair() -> None:
    """Both keys make a pair; empty or null ones are none (CONN-06, CONN-07)."""
    file = from_fields(curve_publickey=Z85, curve_secretkey=Z85[::-1])

    assert file.curve == Curve(public_key=Z85, secret_key=Z85[::-1])
    assert from_fields(curve_publickey=None, curve_secretkey="").curve is None


@pytest.mark.parametrize(
    ("ip", "transport", "address"),
    [
        ("127.0.0.1", "tcp", "tcp://127.0.0.1:1"),
        ("*", "tcp", "tcp://*:1"),
        ("::1", "tcp", "tcp://[::1]:1"),
        ("[::1]", "tcp", "tcp://[::1]:1"),
        ("fe80::1%eth0", "tcp", "tcp://[fe80::1%eth0]:1"),
        ("/tmp/kernel-ipc", "ipc", "ipc:///tmp/kernel-ipc-1"),
        ("kernel:ipc", "ipc", "ipc://kernel:ipc-1"),
    ],
)
def test_each_transport_has_its_addresses(ip: str, transport: str, address: str) -> None:
    """IPv6 in brackets over tcp; the port behind a dash over ipc (CONN-10)."""
    file = from_fields(ip=ip, transport=transport, shell_port=1)

    assert file.address(Channel.SHELL) == address


def test_ports_that_were_bound_replace_those_of_the_file() -> None:
    """Everything else stays."""
    file = from_fields(key="k", x=1, shell_port=7)

    changed = file.with_ports({Channel.SHELL: 11, Channel.HB: 12})

    assert (changed.shell_port, changed.hb_port, changed.iopub_port) == (11, 12, 2)
    assert (changed.key, changed.extra) == ("k", {"x": 1})


def test_a_written_file_is_its_owners_alone(tmp_path: Path) -> None:
    """Mode 0600, whatever stood there before (CONN-04)."""
    path = tmp_path / "kernel.json"
    path.write_text("old")
    path.chmod(0o644)
    file = from_fields(**PORTS, key="k")

    file.write(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ConnectionFile.read(path) == file
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["os.fdopen", "pathlib.Path.replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    """The old file stays and nothing temporary is left."""
    path = tmp_path / "kernel.json"
    path.write_text("old")

    def fail(*args: object) -> None:
        if step == "os.fdopen":
            import os  # noqa: PLC0415 - the handle that is not wrapped has to be closed

            os.close(int(str(args[0])))
        raise error

    monkeypatch.setattr(step, fail)
    with pytest.raises((ConnectionFileError, KeyboardInterrupt)):
        from_fields().write(path)

    assert [entry.name for entry in tmp_path.iterdir()] == ["kernel.json"]
    assert path.read_text() == "old"


def test_a_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    """Reading and writing raise the one kind of error."""
    path = tmp_path / "none" / "kernel.json"

    with pytest.raises(ConnectionFileError) as reading:
        ConnectionFile.read(path)
    with pytest.raises(ConnectionFileError) as writing:
        from_fields().write(path)

    assert reading.value.requirement == "CONN-17"
    assert writing.value.requirement == "CONN-04"


def test_a_kernelspec_comes_back() -> None:
    """Known and unknown keys of a kernel.json survive (SPEC-03)."""
    data = {
        "argv": ["python", "-m", "assay", "-f", "{connection_file}"],
        "display_name": "Assay",
        "language": "python",
        "interrupt_mode": "message",
        "env": {"A": "${B}"},
        "metadata": {"debugger": True},
        "kernel_protocol_version": "5.5",
        "x-own": [1],
    }

    spec = KernelSpec.from_json(json.dumps(data).encode())

    assert json.loads(spec.to_json()) == data
    assert spec.extra == {"x-own": [1]}


def test_a_short_kernelspec_has_defaults() -> None:
    """Three fields are enough (SPEC-03)."""
    spec = KernelSpec.from_json(b'{"argv":["k"],"display_name":"K","language":"k"}')

    assert (spec.interrupt_mode, spec.env, spec.metadata) == ("signal", {}, {})


def test_a_kernelspec_without_a_language_is_read() -> None:
    """So is that of the public documents' echo kernel; nothing else may be missing (AMB-55)."""
    echo = b'{"argv":["python","-m","echokernel","-f","{connection_file}"],"display_name":"Echo"}'

    assert KernelSpec.from_json(echo).language == ""
    with pytest.raises(ContentError, match=r"^kernel\.json: display_name: wanted this field"):
        KernelSpec.from_json(b'{"argv":["k"]}')


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"{", FramingError),
        (b"[]", FramingError),
        (b"{}", ContentError),
        (b'{"argv":[],"display_name":"K","language":"k"}', ContentError),
        (b'{"argv":"k","display_name":"K","language":"k"}', ContentError),
        (b'{"argv":["k",1],"display_name":"K","language":"k"}', ContentError),
        (b'{"argv":["k"],"display_name":"K","language":"k","interrupt_mode":"x"}', ContentError),
        (b'{"argv":["k"],"display_name":"K","language":"k","env":{"A":1}}', ContentError),
    ],
)
def test_a_wrong_kernelspec_is_refused(data: bytes, error: type[Exception]) -> None:
    """What is no JSON object and what does not fit are kept apart."""
    with pytest.raises(error):
        KernelSpec.from_json(data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"[]", "k.json: wanted a JSON object, found a list (SPEC-03)"),
        (
            b'{"argv":[],"display_name":"","language":""}',
            "k.json: argv: wanted a command, found []",
        ),
        (
            b'{"argv":["k"],"language":"k","env":{"A":1}}',
            "k.json: display_name: wanted this field, found none; env['A']: wanted text, found 1",
        ),
    ],
)
def test_the_errors_of_a_kernelspec_name_the_file(data: bytes, said: str) -> None:
    """Whatever is wrong, the name of the file stands in front, once."""
    with pytest.raises(RemoteError) as caught:
        KernelSpec.from_json(data, name="k.json")

    assert str(caught.value).startswith(said)
    assert caught.value.requirement == "SPEC-03"


def test_a_registration_file_is_read() -> None:
    """The fields of the handshake draft (HANDSHAKE-01)."""
    data: dict[str, Json] = {
        "kernel_id": "k",
        "registration_ip": "127.0.0.1",
        "registration_port": 5,
        "key": "s",
    }

    file = structure(RegistrationFile, data)

    assert unstructure(file) == {
        **data,
        "transport": "tcp",
        "signature_scheme": "hmac-sha256",
    }
    assert "'s'" not in repr(file)
