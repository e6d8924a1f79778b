"""Connection files: what a kernel reads before any message (CONN-02 to CONN-19)."""

from __future__ import annotations

from collections.abc import Mapping

from spec.vector_sources.vector import JsonObject, Vector, text

__all__ = ["connection_files"]

PORTS = {
    "shell_port": 50_002,
    "iopub_port": 50_004,
    "stdin_port": 50_003,
    "control_port": 50_001,
    "hb_port": 50_005,
}
FILE: JsonObject = {
    "transport": "tcp",
    "ip": "127.0.0.1",
    **PORTS,
    "key": "a0436f6c-1916-498b-8eb9-e81ab9368e84",
    "signature_scheme": "hmac-sha256",
}
REGISTRATION: JsonObject = {
    "kernel_id": "8c1d",
    "registration_ip": "127.0.0.1",
    "registration_port": 50_010,
    "transport": "tcp",
    "key": FILE["key"],
    "signature_scheme": "hmac-sha256",
}
CURVE = {
    "curve_publickey": "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID",
    "curve_secretkey": "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs",
}


def _file(
    number: str,
    reason: str,
    *requirements: str,
    changes: JsonObject | None = None,
    data: bytes | None = None,
    addresses: Mapping[str, str] | None = None,
    without: tuple[str, ...] = (),
    result: str = "valid",
    breaks: str = "",
) -> Vector:
    value = {k: v for k, v in {**FILE, **(changes or {})}.items() if k not in without}
    vector: Vector = {
        "id": f"VEC-CONNECTION-{number}",
        "kind": "connection-file",
        "protocol": "5.5",
        "reason": reason,
        "requirements": list(dict.fromkeys([*requirements, *([breaks] if breaks else [])])),
        "result": result,
    }
    if breaks:
        vector["breaks"] = breaks
    vector["file"] = (text(value) if data is None else data).hex()
    if result != "invalid":
        vector["decoded"] = value
        vector["key"] = value.get("key", "")
        vector["signature_scheme"] = value.get("signature_scheme", "hmac-sha256")
    if addresses:
        vector["addresses"] = dict(addresses)
    return vector


def _bad(
    number: str,
    reason: str,
    breaks: str,
    changes: JsonObject | None = None,
    *,
    data: bytes | None = None,
    without: tuple[str, ...] = (),
) -> Vector:
    return _file(
        number,
        reason,
        changes=changes,
        data=data,
        without=without,
        result="invalid",
        breaks=breaks,
    )


def _addresses(form: str) -> dict[str, str]:
    return {name.removesuffix("_port"): form.format(port) for name, port in PORTS.items()}


def connection_files() -> list[Vector]:
    """Return the vectors on connection files."""
    one_curve_key = {"curve_publickey": CURVE["curve_publickey"]}
    return [
        _file(
            "001",
            "A file with the nine keys of the text.",
            "CONN-02",
            addresses=_addresses("tcp://127.0.0.1:{}"),
        ),
        _file(
            "002",
            "A file without a scheme means SHA-256, or is refused.",
            "CONN-09",
            "CONN-17",
            result="either",
            without=("signature_scheme",),
        ),
        _file("003", "An empty key switches signing off.", "SIGN-06", changes={"key": ""}),
        _file(
            "004",
            "A file may ask for SHA-512.",
            "SIGN-11",
            changes={"signature_scheme": "hmac-sha512"},
        ),
        _file(
            "005",
            "Over ipc a port is the end of a path.",
            "CONN-10",
            changes={"transport": "ipc", "ip": "/run/user/1000/kernel"},
            addresses=_addresses("ipc:///run/user/1000/kernel-{}"),
        ),
        _file(
            "006",
            "Keys that a kernel does not know are ignored.",
            "CONN-08",
            changes={"jupyter_session": "a.ipynb", "kernel_name": "lox", "": None},
        ),
        _file("007", "A file may bring the keys of CURVE.", "CONN-06", changes=CURVE),
        _file(
            "008",
            "A key that is not ASCII is text like any other.",
            "SIGN-05",
            changes={"key": "clé-🗝"},
        ),
        _file(
            "009",
            "A kernel may listen on every interface.",
            "CONN-03",
            changes={"ip": "0.0.0.0"},  # noqa: S104 - the address in a file, nothing is bound
            addresses=_addresses("tcp://0.0.0.0:{}"),
        ),
        _file(
            "010",
            "The keys of CURVE may be null.",
            "CONN-06",
            changes={"curve_publickey": None, "curve_secretkey": None},
        ),
        _file(
            "011",
            "White space in a file means nothing.",
            "CONN-02",
            data=text(FILE).replace(b",", b",\n  ").replace(b":", b": ", 1),
        ),
        _file(
            "012",
            "A port of zero lets a kernel choose, which is a custom.",
            "CONN-24",
            result="either",
            changes={"shell_port": 0},
        ),
        _file(
            "013",
            "A port written as text is read or refused, but does no harm.",
            "CONN-13",
            result="either",
            changes={"shell_port": "50002"},
        ),
        _file(
            "014",
            "The file of a launcher from before 2013 has no control port.",
            "CONN-17",
            result="either",
            without=("control_port", "transport", "signature_scheme"),
        ),
        _file(
            "015",
            "A file may name a scheme that today's hashes should replace.",
            "SIGN-11",
            result="either",
            changes={"signature_scheme": "hmac-sha1"},
        ),
        _file(
            "016",
            "An address of version 6 is written in brackets.",
            "CONN-03",
            changes={"ip": "::1"},
            addresses=_addresses("tcp://[::1]:{}"),
            result="either",
        ),
        _bad("017", "A file that is no JSON says nothing.", "CONN-02", data=b"ip=127.0.0.1"),
        _bad("018", "An empty file says nothing.", "CONN-02", data=b""),
        _bad("019", "A list is no connection file.", "CONN-02", data=b"[]"),
        _bad("020", "A file cut short says nothing.", "CONN-02", data=text(FILE)[:-9]),
        _bad(
            "021",
            "A file that is not UTF-8 says nothing.",
            "CONN-02",
            data=text(FILE).replace(b"a0436f6c", b"\xff\xfe"),
        ),
        _bad(
            "022",
            "A scheme that nobody knows ends the start.",
            "SIGN-12",
            changes={"signature_scheme": "hmac-rot13"},
        ),
        _bad(
            "023",
            "A scheme is named with its prefix.",
            "SIGN-12",
            changes={"signature_scheme": "sha256"},
        ),
        _bad("024", "An empty scheme is none.", "SIGN-12", changes={"signature_scheme": ""}),
        _bad("025", "A scheme is text.", "CONN-02", changes={"signature_scheme": 256}),
        _bad("026", "A port is a number.", "CONN-02", changes={"shell_port": "shell"}),
        _bad("027", "A port is at most 65535.", "CONN-02", changes={"hb_port": 65_536}),
        _bad("028", "A port is not negative.", "CONN-02", changes={"iopub_port": -1}),
        _bad("029", "A port is a whole number.", "CONN-02", changes={"stdin_port": 50_003.5}),
        _bad("030", "A port is not null.", "CONN-02", changes={"control_port": None}),
        _bad(
            "031",
            "One key of CURVE without the other is a mistake.",
            "CONN-07",
            changes=one_curve_key,
        ),
        _bad(
            "032",
            "A key of CURVE has 40 characters.",
            "CONN-06",
            changes={**CURVE, "curve_secretkey": "short"},
        ),
        _bad(
            "033",
            "A transport that nobody knows cannot be used.",
            "CONN-03",
            changes={"transport": "carrier-pigeon"},
        ),
        _bad("034", "A key is text.", "CONN-02", changes={"key": 12345}),
        _bad("035", "An address is text.", "CONN-02", changes={"ip": 2130706433}),
        _file(
            "036",
            "A file that names MD5 is for peers from before 2013, and may be refused.",
            "SIGN-11",
            "SIGN-12",
            result="either",
            changes={"signature_scheme": "hmac-md5"},
        ),
        *_missing_keys(),
        _bad(
            "048",
            "A key that is misspelt is no key.",
            "CONN-16",
            {"kye": FILE["key"]},
            without=("key",),
        ),
        _bad(
            "049",
            "A name in capitals is another name.",
            "CONN-16",
            {"KEY": FILE["key"]},
            without=("key",),
        ),
        _bad("050", "A null is no key.", "CONN-16", {"key": None}),
        _bad("051", "A false value is no empty key.", "CONN-16", {"key": False}),
        _bad("052", "An empty list is no empty key.", "CONN-16", {"key": []}),
        _bad(
            "053",
            "A registration file says nothing of where to listen.",
            "CONN-19",
            data=text(REGISTRATION),
        ),
        _bad(
            "054",
            "A registration file without a key is not an open connection file either.",
            "CONN-19",
            data=text({key: value for key, value in REGISTRATION.items() if key != "key"}),
        ),
        _bad("055", "An empty object says nothing.", "CONN-16", data=b"{}"),
        _bad("056", "An address is not null.", "CONN-02", {"ip": None}),
        _bad("057", "A transport is text.", "CONN-02", {"transport": 1}),
        _bad("058", "A port is not a list.", "CONN-02", {"shell_port": [50_002]}),
        _bad("059", "A port is not true.", "CONN-02", {"hb_port": True}),
        _file(
            "060",
            "A key of white space is a key.",
            "SIGN-05",
            changes={"key": " "},
        ),
        _file(
            "061",
            "A file with the nine keys and those of a registration is a connection file.",
            "CONN-08",
            changes={"registration_ip": "127.0.0.1", "registration_port": 50_010},
        ),
    ]


def _missing_keys() -> list[Vector]:
    """Return a vector for each of the nine keys but the scheme, without that key, and two pairs."""
    rule = {"key": "CONN-16"}
    alone = [key for key in FILE if key not in ("signature_scheme", "control_port", "transport")]
    made = [
        _bad(
            f"{number:03}",
            f"A file without `{key}` is not completed by a guess.",
            rule.get(key, "CONN-17"),
            without=(key,),
        )
        for number, key in enumerate(alone, 37)
    ]
    # Launchers from before 2013 left these out, and a kernel may serve them.
    made += [
        _file(
            f"{number:03}",
            f"A file without `{key}` is as old as protocol 3, or a mistake.",
            "CONN-17",
            without=(key,),
            result="either",
        )
        for number, key in enumerate(("control_port", "transport"), 43)
    ]
    made += [
        _bad(
            "045",
            "Without any port nobody knows where to connect.",
            "CONN-17",
            without=tuple(PORTS),
        ),
        _bad(
            "046",
            "A file without key and scheme is not an open one.",
            "CONN-16",
            without=("key", "signature_scheme"),
        ),
        _bad(
            "047",
            "A key in the file's CURVE pair is not `key`.",
            "CONN-16",
            CURVE,
            without=("key",),
        ),
    ]
    return made
