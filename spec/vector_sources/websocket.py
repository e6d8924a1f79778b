"""Vectors of messages as they go over the websockets of Jupyter Server."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from spec.vector_sources.vector import JsonObject, Vector, header, text

__all__ = ["websocket"]

V1 = "v1.kernel.websocket.jupyter.org"
STATUS: JsonObject = {
    "channel": "iopub",
    "header": header("status"),
    "parent_header": header("execute_request"),
    "metadata": {},
    "content": {"execution_state": "idle"},
}
COMM: JsonObject = {
    "channel": "shell",
    "header": header("comm_msg"),
    "parent_header": {},
    "metadata": {"kind": "\u00e9"},
    "content": {"comm_id": "c-1", "data": {"text": "\u03c0 \U0001f431"}},
}
BUFFERS = (b"\x00\x01\x02", b"", b"<IDS|MSG>")
PARTS = ("header", "parent_header", "metadata", "content")


def buffered(parts: Sequence[bytes], offsets: Sequence[int] | None = None) -> bytes:
    """Return the binary frame of the default form; *offsets* stand in place of the right ones."""
    return _table(">I", parts, offsets)


def version_1(parts: Sequence[bytes], offsets: Sequence[int] | None = None) -> bytes:
    """Return the frame of the form v1; *offsets* stand in place of the right ones."""
    return _table("<Q", parts, offsets, ends=True)


def _table(
    code: str, parts: Sequence[bytes], offsets: Sequence[int] | None, *, ends: bool = False
) -> bytes:
    numbers = places(struct.calcsize(code), parts, ends=ends) if offsets is None else offsets
    table = [struct.pack(code, number) for number in (len(numbers), *numbers)]
    return b"".join([*table, *parts])


def places(width: int, parts: Sequence[bytes], *, ends: bool) -> list[int]:
    """Return where each of *parts* begins, and at last where the frame ends."""
    found = [width * (1 + len(parts) + ends)]
    for part in parts:
        found.append(found[-1] + len(part))
    return found if ends else found[:-1]


def of(message: JsonObject, *buffers: bytes) -> list[bytes]:
    """Return the parts of *message* in the form v1."""
    name = str(message["channel"]).encode()
    return [name, *(text(message[part]) for part in PARTS), *buffers]


def websocket() -> list[Vector]:
    """Return messages in both forms, whole ones and such that end early or point elsewhere."""
    return [*_texts(), *_binary(), *_version_1()]


def _texts() -> list[Vector]:
    bare = {key: value for key, value in STATUS.items() if key != "channel"}
    poor = {key: STATUS[key] for key in ("header", "content")}
    filled = {**poor, "parent_header": {}, "metadata": {}}
    doubled = {**STATUS, "buffers": [], "msg_id": "m", "msg_type": "status"}
    spaced = (
        text(STATUS)
        .replace(b":", b" : ")
        .replace(b"2026-01-02T03 : 04 : 05", b"2026-01-02T03:04:05")
    )
    return [
        _text("001", "A message without buffers is one object.", text(STATUS), STATUS, "WS-01"),
        _text("002", "A server says the id and the type twice.", text(doubled), STATUS, "WS-01"),
        _text("003", "White space and the order of keys mean nothing.", spaced, STATUS, "WS-01"),
        _text("004", "Text beyond ASCII is text.", text(COMM), COMM, "WS-01"),
        _open(
            "005",
            "Where no channel is named, Jupyter Server takes shell.",
            text(bare),
            {**bare, "channel": "shell"},
            "WS-04",
        ),
        _open(
            "006",
            "A parent header and metadata that are missing are empty.",
            text({**poor, "channel": "iopub"}),
            {**filled, "channel": "iopub"},
            "WS-01",
        ),
        _open(
            "007",
            "A parent header and metadata that are null are empty.",
            text({**STATUS, "parent_header": None, "metadata": None}),
            {**filled, "channel": "iopub"},
            "WS-01",
        ),
        _bad("010", "A text frame that ends early is no JSON.", "WS-01", "json", text(STATUS)[:-1]),
        _bad("011", "A list is no message.", "WS-01", "json", b"[]"),
        _bad(
            "012",
            "A message has a content.",
            "WS-01",
            "json",
            text({key: value for key, value in STATUS.items() if key != "content"}),
        ),
        _bad(
            "013",
            "The heartbeat has no messages.",
            "WS-04",
            "json",
            text({**STATUS, "channel": "hb"}),
        ),
        _bad("014", "A channel is a name.", "WS-04", "json", text({**STATUS, "channel": 1})),
        _bad(
            "015",
            "Buffers have no form in a text frame.",
            "WS-01",
            "json",
            text({**STATUS, "buffers": ["AAEC"]}),
        ),
        _bad("016", "A header is an object.", "WS-01", "json", text({**STATUS, "header": []})),
    ]


def _binary() -> list[Vector]:
    parts = [text(COMM), *BUFFERS]
    right = places(4, parts, ends=False)
    whole = buffered(parts)

    def bad(number: str, reason: str, data: bytes) -> Vector:
        return _vector(number, reason, data, rule="WS-02", stage="framing", opcode="binary")

    return [
        _buffered("020", "A message with buffers is one binary frame.", whole, COMM, BUFFERS),
        _buffered(
            "021", "A single buffer may be empty.", buffered([text(COMM), b""]), COMM, (b"",)
        ),
        _buffered(
            "022",
            "A list of buffers in the object says nothing.",
            buffered([text({**COMM, "buffers": []}), b"\x01"]),
            COMM,
            (b"\x01",),
        ),
        _vector(
            "023",
            "A message without buffers is usually no binary frame; JupyterLab refuses it.",
            buffered(parts[:1]),
            message=COMM,
            result="either",
            rule="WS-02",
            opcode="binary",
        ),
        bad("030", "A frame of three bytes has no count.", whole[:3]),
        bad(
            "031",
            "A count of zero leaves no room for the message.",
            struct.pack(">I", 0) + text(COMM),
        ),
        bad("032", "The offsets are there, as many as the count says.", whole[:16]),
        bad(
            "033",
            "A count that the frame cannot hold is refused before it is believed.",
            struct.pack(">I", 0xFFFFFFFF) + whole[4:],
        ),
        bad(
            "034",
            "An offset behind the end points to nothing.",
            buffered(parts, [*right[:-1], len(whole) + 1]),
        ),
        bad(
            "035", "Offsets do not fall.", buffered(parts, [right[0], right[2], right[1], right[3]])
        ),
        bad("036", "No part begins inside of the table.", buffered(parts, [4, *right[1:]])),
        _vector(
            "037",
            "The first part is JSON.",
            buffered([b"{", b"\x00"]),
            rule="WS-01",
            stage="json",
            opcode="binary",
        ),
        bad(
            "038",
            "Little-endian numbers are wrong here.",
            b"".join(struct.pack("<I", n) for n in (len(right), *right)) + b"".join(parts),
        ),
    ]


def _version_1() -> list[Vector]:
    parts = of(COMM, *BUFFERS)
    right = places(8, parts, ends=True)
    whole = version_1(parts)

    def good(number: str, reason: str, data: bytes, message: JsonObject, *buffers: bytes) -> Vector:
        return _vector(
            number,
            reason,
            data,
            form=V1,
            message=message,
            buffers=buffers,
            rule="WS-03",
            opcode="binary",
        )

    def bad(
        number: str, reason: str, data: bytes, stage: str = "framing", rule: str = "WS-03"
    ) -> Vector:
        return _vector(number, reason, data, form=V1, rule=rule, stage=stage, opcode="binary")

    return [
        good("040", "A message without buffers has six offsets.", version_1(of(STATUS)), STATUS),
        good("041", "Buffers follow the content.", whole, COMM, *BUFFERS),
        good("042", "The last buffer may be empty.", version_1(of(COMM, b"")), COMM, b""),
        _vector(
            "043",
            "Bytes between the table and the first part belong to nothing.",
            version_1(
                [b"\x00" + parts[0], *parts[1:]], [right[0] + 1, *(n + 1 for n in right[1:])]
            ),
            form=V1,
            message=COMM,
            buffers=BUFFERS,
            result="either",
            rule="WS-03",
            opcode="binary",
        ),
        _vector(
            "044",
            "Bytes behind the last offset belong to nothing.",
            whole + b"\x00",
            form=V1,
            message=COMM,
            buffers=BUFFERS,
            result="either",
            rule="WS-03",
            opcode="binary",
        ),
        bad("050", "A frame that ends early is shorter than its last offset says.", whole[:-1]),
        bad("051", "A frame of seven bytes has no count.", whole[:7]),
        bad("052", "Five offsets are too few for a channel and four parts.", version_1(parts[:4])),
        bad(
            "053",
            "A count that the frame cannot hold is refused before it is believed.",
            struct.pack("<Q", 2**63) + whole[8:],
        ),
        bad(
            "054",
            "An offset behind the end points to nothing.",
            version_1(parts, [*right[:-2], 2**64 - 1, right[-1]]),
        ),
        bad(
            "055",
            "Offsets do not fall.",
            version_1(parts, [*right[:2], right[3], right[2], *right[4:]]),
        ),
        bad("056", "A channel is one of four.", version_1([b"hb", *parts[1:]]), rule="WS-04"),
        bad("057", "A channel is text.", version_1([b"\xff", *parts[1:]]), rule="WS-04"),
        bad("058", "A part is JSON.", version_1([*parts[:4], b"{", *BUFFERS]), "json"),
        bad(
            "059",
            "Big-endian numbers are wrong here.",
            b"".join(struct.pack(">Q", n) for n in (len(right), *right)) + b"".join(parts),
        ),
        _vector(
            "060",
            "A text frame is of the default form.",
            text(STATUS),
            form=V1,
            rule="WS-03",
            stage="framing",
            opcode="text",
        ),
    ]


def _text(number: str, reason: str, data: bytes, message: JsonObject, rule: str) -> Vector:
    return _vector(number, reason, data, message=message, rule=rule)


def _open(number: str, reason: str, data: bytes, message: JsonObject, rule: str) -> Vector:
    return _vector(number, reason, data, message=message, rule=rule, result="either")


def _bad(number: str, reason: str, rule: str, stage: str, data: bytes) -> Vector:
    return _vector(number, reason, data, rule=rule, stage=stage)


def _buffered(
    number: str, reason: str, data: bytes, message: JsonObject, buffers: Sequence[bytes]
) -> Vector:
    return _vector(
        number, reason, data, message=message, buffers=buffers, rule="WS-02", opcode="binary"
    )


def _vector(
    number: str,
    reason: str,
    data: bytes,
    *,
    rule: str,
    form: str = "",
    opcode: str = "text",
    message: JsonObject | None = None,
    buffers: Sequence[bytes] = (),
    result: str = "valid",
    stage: str = "",
) -> Vector:
    vector: Vector = {
        "id": f"VEC-WEBSOCKET-{number}",
        "kind": "websocket-message",
        "protocol": "5.5",
        "reason": reason,
        "requirements": [rule],
        "result": "invalid" if message is None else result,
        "subprotocol": form,
        "opcode": opcode,
        "frame": data.hex(),
    }
    if message is None:
        return {**vector, "breaks": rule, "stage": stage}
    return {**vector, "decoded": {**message, "buffers": [buffer.hex() for buffer in buffers]}}
