"""The file that a controller writes for its engines."""

from __future__ import annotations

import pytest

from assay.protocol import ClusterFile, ConnectionFileError, Json, encode_json

PORTS = ("registration", "control", "mux", "task", "iopub", "hb_ping", "hb_pong")

FIELDS: dict[str, Json] = {
    "interface": "tcp://127.0.0.1",
    **dict(zip(PORTS, range(1000, 1007), strict=True)),
    "broadcast": [2000, 2001],
    "key": "secret",
    "curve_serverkey": None,
    "location": "host",
    "pack": "json",
    "unpack": "json",
    "signature_scheme": "hmac-sha256",
    "ssh": "",
}


def read(**changes: Json) -> ClusterFile:
    """Return the file with *changes*."""
    return ClusterFile.from_json(encode_json({**FIELDS, **changes}), name="f.json")


def test_a_file_says_where_to_connect() -> None:
    """Ports become addresses; engines share the broadcast schedulers; other keys are kept."""
    file = read(other=1)

    assert file.url(file.mux) == "tcp://127.0.0.1:1002"
    assert file.url(file.mux, "far") == "tcp://far:1002"
    assert [file.broadcast_port(number) for number in (0, 1, 2)] == [2000, 2001, 2000]
    assert file.extra == {"other": 1}
    assert "secret" not in repr(file)
    assert read(interface="ipc:///run/c").url(5) == "ipc:///run/c-5"
    assert read(interface="tcp://*").is_wildcard


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"mux": 0}, "mux"),
        ({"mux": "7"}, "mux"),
        ({"broadcast": 5}, "client's file"),
        ({"broadcast": []}, "broadcast"),
        ({"broadcast": [70000]}, "broadcast[0]"),
        ({"interface": "here"}, "interface"),
        ({"signature_scheme": "hmac-none"}, "signature_scheme"),
        ({"signature_scheme": "hmac-md5"}, "signature_scheme"),
        ({"key": 5}, "key"),
        ({"shell_port": 5}, "connection file of a kernel"),
    ],
)
def test_a_wrong_file_is_refused(changes: dict[str, Json], named: str) -> None:
    """The error names the file, and what is wrong."""
    with pytest.raises(ConnectionFileError) as caught:
        read(**changes)

    assert "f.json" in str(caught.value)
    assert named in str(caught.value)


def test_what_is_missing_is_named() -> None:
    """So is a file that is no JSON object."""
    fields = {name: value for name, value in FIELDS.items() if name != "key"}
    with pytest.raises(ConnectionFileError) as caught:
        ClusterFile.from_json(encode_json(fields), name="f.json")
    assert "key" in str(caught.value)
    with pytest.raises(ConnectionFileError):
        ClusterFile.from_json(b"[]")


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_a_name_that_stands_twice_is_refused(name: str) -> None:
    """However it is written: which of the two counts would be a guess."""
    for word in (name, f"\\u{ord(name[0]):04x}{name[1:]}"):
        twice = b'{"%s": 1, ' % word.encode() + encode_json(FIELDS)[1:]
        with pytest.raises(ConnectionFileError) as caught:
            ClusterFile.from_json(twice, name="f.json")

        assert f"f.json: {name}: wanted each key once" in str(caught.value)
