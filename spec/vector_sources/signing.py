"""Signatures (SIGN-01 to SIGN-12) and replay (SIGN-14, SIGN-15)."""

from __future__ import annotations

from collections.abc import Sequence

from spec.vector_sources.vector import (
    DELIMITER,
    KEY,
    Sent,
    Vector,
    header,
    invalid,
    message,
    opened,
    sign,
)

__all__ = ["replay", "signatures"]

OTHER_KEY = "5ebc4d5e-3c3c-4e4e-9f9f-0d0d1c1c2b2b"
REQUEST = header("execute_request")
ASKED = {"code": "6 * 7", "silent": False}


def _asked(key: str = KEY, **more: object) -> Sent:
    return Sent(header=REQUEST, content=ASKED, key=key, **more)  # type: ignore[arg-type]  # see Sent


AGAIN = {"result": "invalid", "stage": "replay", "breaks": "SIGN-14"}
NO_MESSAGE = {"result": "invalid", "stage": "framing", "breaks": "WIRE-02"}
MALFORMED = {"result": "invalid", "stage": "json", "breaks": "WIRE-06"}
WRONG = {"result": "invalid", "stage": "content", "breaks": "HDR-18"}


def _refused(rule: str) -> dict[str, str]:
    return {"result": "invalid", "stage": "signature", "breaks": rule}


def signatures() -> list[Vector]:
    """Return the vectors on who may talk."""
    plain = _asked()
    dicts = plain.dicts
    right = sign(KEY, dicts)

    def signed_as(signature: bytes) -> Sent:
        return _asked(signature=signature)

    return [
        message("SIGN-001", "The default scheme is HMAC with SHA-256.", "SIGN-01", sent=plain),
        *[
            message(
                f"SIGN-{number}",
                f"The scheme hmac-{name} gives a signature of {length} digits.",
                "SIGN-11",
                *extra,
                sent=_asked(scheme=f"hmac-{name}"),
            )
            for number, name, length, extra in (
                ("002", "sha512", 128, ()),
                ("003", "sha1", 40, ("SIGN-03",)),
                ("004", "sha3_256", 64, ()),
                ("005", "blake2b", 128, ()),
                ("006", "sha384", 96, ()),
                ("007", "sha224", 56, ()),
                ("008", "sha3_512", 128, ()),
                ("009", "blake2s", 64, ()),
                ("010", "md5", 32, ()),
            )
        ],
        message("SIGN-011", "Without a key the signature is empty.", "SIGN-06", sent=_asked("")),
        message(
            "SIGN-012",
            "Without a key any signature is accepted, for there is nothing to check it with.",
            "SIGN-06",
            sent=_asked("", signature=b"0" * 64),
        ),
        message(
            "SIGN-013",
            "Without a key the signature frame may even hold bytes that are no text.",
            "SIGN-06",
            sent=_asked("", signature=b"\xff\x00"),
        ),
        message("SIGN-014", "A key may be one character long.", "SIGN-05", sent=_asked("k")),
        message(
            "SIGN-015",
            "A key of exactly one block of SHA-256, 64 bytes, is used as it is.",
            "SIGN-05",
            sent=_asked("0123456789abcdef" * 4),
        ),
        message(
            "SIGN-016",
            "A key longer than a block is hashed first, as RFC 2104 has it.",
            "SIGN-05",
            sent=_asked("0123456789abcdef" * 4 + "g"),
        ),
        message(
            "SIGN-017",
            "A very long key is hashed first as well.",
            "SIGN-05",
            sent=_asked("kernel" * 100),
        ),
        message(
            "SIGN-018",
            "The block of SHA-512 has 128 bytes, so a key of 65 bytes is not hashed there.",
            "SIGN-05",
            "SIGN-11",
            sent=_asked("0123456789abcdef" * 4 + "g", scheme="hmac-sha512"),
        ),
        message(
            "SIGN-019",
            "The bytes of a key that is not ASCII are those of its UTF-8.",
            "SIGN-05",
            sent=_asked("clé-ключ-鍵-🗝"),
        ),
        message(
            "SIGN-020",
            "A key that looks like hexadecimal digits is not decoded.",
            "SIGN-05",
            sent=_asked("deadbeef" * 4),
        ),
        message(
            "SIGN-021",
            "A key that looks like base64 is not decoded.",
            "SIGN-05",
            sent=_asked("c2VjcmV0IGtleQ=="),
        ),
        message(
            "SIGN-022",
            "White space around a key belongs to it.",
            "SIGN-05",
            sent=_asked(" key\n"),
        ),
        message(
            "SIGN-023",
            "A key is not normalised: e with a combining accent is two characters.",
            "SIGN-05",
            sent=_asked("cle\u0301"),
        ),
        invalid(
            "SIGN-024",
            "The composed form of that key is another key.",
            "signature",
            "SIGN-07",
            "SIGN-05",
            sent=_asked("cle\u0301", signature=sign("cl\u00e9", dicts)),
        ),
        message(
            "SIGN-025",
            "A NUL in a key does not end it.",
            "SIGN-05",
            sent=_asked("a\0b"),
        ),
        invalid(
            "SIGN-026",
            "The part of a key before its NUL is another key.",
            "signature",
            "SIGN-07",
            "SIGN-05",
            sent=_asked("a\0b", signature=sign("a", dicts)),
        ),
        invalid(
            "SIGN-027",
            "With a key an empty signature is refused.",
            "signature",
            "SIGN-09",
            sent=signed_as(b""),
        ),
        invalid(
            "SIGN-028",
            "The right digits in upper case are not the signature.",
            "signature",
            "SIGN-03",
            sent=signed_as(right.upper()),
        ),
        invalid(
            "SIGN-029",
            "The digest as raw bytes is not the signature.",
            "signature",
            "SIGN-03",
            sent=signed_as(bytes.fromhex(right.decode("ascii"))),
        ),
        invalid(
            "SIGN-030",
            "A signature without its last digit is refused.",
            "signature",
            "SIGN-07",
            sent=signed_as(right[:-1]),
        ),
        invalid(
            "SIGN-031",
            "The first half of a signature is refused.",
            "signature",
            "SIGN-07",
            sent=signed_as(right[:32]),
        ),
        invalid(
            "SIGN-032",
            "A signature with a digit too many is refused.",
            "signature",
            "SIGN-07",
            sent=signed_as(right + b"0"),
        ),
        invalid(
            "SIGN-033",
            "A signature that differs in its last digit is refused.",
            "signature",
            "SIGN-07",
            sent=signed_as(right[:-1] + (b"0" if right[-1:] != b"0" else b"1")),
        ),
        invalid(
            "SIGN-034",
            "A signature that differs in its first digit is refused.",
            "signature",
            "SIGN-07",
            sent=signed_as((b"0" if right[:1] != b"0" else b"1") + right[1:]),
        ),
        invalid(
            "SIGN-035",
            "White space behind a signature makes it another one.",
            "signature",
            "SIGN-03",
            sent=signed_as(right + b"\n"),
        ),
        invalid(
            "SIGN-036",
            "A prefix that names the hash does not belong to the signature.",
            "signature",
            "SIGN-03",
            sent=signed_as(b"sha256=" + right),
        ),
        invalid(
            "SIGN-037",
            "A signature that is no text at all is refused and does no harm.",
            "signature",
            "SIGN-07",
            "SIGN-10",
            sent=signed_as(b"\xff" * 64),
        ),
        invalid(
            "SIGN-038",
            "A signature of NUL bytes is refused.",
            "signature",
            "SIGN-07",
            sent=signed_as(b"\0" * 64),
        ),
        invalid(
            "SIGN-039",
            "The signature of another key is refused.",
            "signature",
            "SIGN-07",
            sent=signed_as(sign(OTHER_KEY, dicts)),
        ),
        invalid(
            "SIGN-040",
            "The signature under an empty key is refused by who has one.",
            "signature",
            "SIGN-07",
            sent=signed_as(sign("\0", dicts)),
        ),
        invalid(
            "SIGN-041",
            "The signature of another hash is refused.",
            "signature",
            "SIGN-11",
            sent=signed_as(sign(KEY, dicts, "hmac-sha512")),
        ),
        invalid(
            "SIGN-042",
            "A weaker hash is not accepted because the sender chose it.",
            "signature",
            "SIGN-11",
            sent=signed_as(sign(KEY, dicts, "hmac-md5")),
        ),
        invalid(
            "SIGN-043",
            "A hash of the same length is another hash.",
            "signature",
            "SIGN-11",
            sent=signed_as(sign(KEY, dicts, "hmac-sha3_256")),
        ),
        invalid(
            "SIGN-044",
            "Content hashed before header is the wrong order.",
            "signature",
            "SIGN-02",
            sent=signed_as(sign(KEY, dicts[::-1])),
        ),
        invalid(
            "SIGN-045",
            "Parent header hashed before header is the wrong order.",
            "signature",
            "SIGN-02",
            sent=signed_as(sign(KEY, [dicts[1], dicts[0], *dicts[2:]])),
        ),
        invalid(
            "SIGN-046",
            "A signature that covers the buffers covers too much.",
            "signature",
            "SIGN-02",
            sent=_asked(buffers=[b"abc"], signature=sign(KEY, [*dicts, b"abc"])),
        ),
        invalid(
            "SIGN-047",
            "A signature that covers the identities covers too much.",
            "signature",
            "SIGN-02",
            sent=_asked(identities=[b"abc"], signature=sign(KEY, [b"abc", *dicts])),
        ),
        invalid(
            "SIGN-048",
            "A signature that covers the delimiter covers too much.",
            "signature",
            "SIGN-02",
            sent=signed_as(sign(KEY, [DELIMITER, *dicts])),
        ),
        invalid(
            "SIGN-049",
            "A signature without the metadata, as before protocol 4, covers too little.",
            "signature",
            "SIGN-02",
            sent=signed_as(sign(KEY, [dicts[0], dicts[1], dicts[3]])),
        ),
        invalid(
            "SIGN-050",
            "A signature of the content alone covers too little.",
            "signature",
            "SIGN-02",
            sent=signed_as(sign(KEY, dicts[3:])),
        ),
        invalid(
            "SIGN-051",
            "A separator between the dicts changes the signature.",
            "signature",
            "SIGN-02",
            sent=signed_as(sign(KEY, [b"\n".join(dicts)])),
        ),
        invalid(
            "SIGN-052",
            "Content changed after signing is refused.",
            "signature",
            "SIGN-07",
            sent=_asked(signature=right, written={"content": b'{"code":"6 * 8","silent":false}'}),
        ),
        invalid(
            "SIGN-053",
            "A parent header added after signing is refused.",
            "signature",
            "SIGN-07",
            sent=_asked(signature=right, parent_header=header("status")),
        ),
        invalid(
            "SIGN-054",
            "The same values written with other white space have another signature, for bytes are "
            "signed and not values.",
            "signature",
            "SIGN-04",
            sent=_asked(
                signature=right, written={"content": b'{"code": "6 * 7", "silent": false}'}
            ),
        ),
        invalid(
            "SIGN-055",
            "The same values in another order of keys have another signature.",
            "signature",
            "SIGN-04",
            sent=_asked(signature=right, written={"content": b'{"silent":false,"code":"6 * 7"}'}),
        ),
        message(
            "SIGN-056",
            "White space of every kind is fine when the signature is that of the bytes.",
            "SIGN-04",
            sent=_asked(
                written={
                    "parent_header": b" { } ",
                    "metadata": b"\r\n{\t}\n",
                    "content": b'{ "code" :\t"6 * 7" ,\r\n "silent" : false }\n',
                }
            ),
        ),
        message(
            "SIGN-057",
            "Keys in any order are fine when the signature is that of the bytes.",
            "SIGN-04",
            sent=_asked(written={"content": b'{"silent":false,"code":"6 * 7"}'}),
        ),
        message(
            "SIGN-058",
            "Needless escapes are fine when the signature is that of the bytes.",
            "SIGN-04",
            sent=_asked(
                written={"content": rb'{"\u0063ode":"6 \u002a \u0037","silent":false}'},
            ),
        ),
        invalid(
            "SIGN-059",
            "A forged message that is no JSON either is refused for its signature, before anything "
            "is parsed.",
            "signature",
            "SIGN-07",
            "SIGN-10",
            sent=_asked(signature=right, written={"content": b"{{{{"}),
        ),
        invalid(
            "SIGN-060",
            "An unsigned message without a routing prefix is refused like any other.",
            "signature",
            "SIGN-09",
            sent=Sent(signature=b""),
        ),
        invalid(
            "SIGN-061",
            "The signature of another message of the same sender is refused.",
            "signature",
            "SIGN-07",
            sent=signed_as(Sent().frames[1]),
        ),
        invalid(
            "SIGN-062",
            "The key itself is not a signature.",
            "signature",
            "SIGN-07",
            sent=signed_as(KEY.encode()),
        ),
    ]


def replay() -> list[Vector]:
    """Return the sequences of messages that one receiver gets."""

    def counted(at: int, key: str = KEY) -> Sent:
        return _asked(key, identities=[b"client"], metadata={"at": at})

    first, second, third = counted(1), counted(2), counted(3)
    genuine = opened(first)
    again = opened(first, AGAIN)
    forged = first.frames
    forged[-1] = forged[-1].replace(b"6 * 7", b"7 * 7")
    foreign = _asked(OTHER_KEY, metadata={"at": 1})
    unsigned = _asked(signature=b"", metadata={"at": 1})
    other_peer = _asked(identities=[b"thief"], metadata={"at": 1})
    new_buffer = _asked(identities=[b"client"], metadata={"at": 1}, buffers=[b"new"])
    copied = Sent(
        header=REQUEST,
        content=ASKED,
        metadata={"at": 1},
        signature=second.frames[2],
        identities=[b"client"],
    )
    broken = _asked(metadata={"at": 1}, written={"content": b"[]"})
    wrong = Sent(header=REQUEST, content={"code": 7})
    return [
        _sequence(
            "REPLAY-001",
            "A message that comes twice is refused the second time.",
            [genuine, again],
        ),
        _sequence(
            "REPLAY-002",
            "A message that came once is refused as often as it comes again.",
            [genuine, again, again, again],
        ),
        _sequence(
            "REPLAY-003",
            "A forged copy that comes first does not make the genuine message a repetition.",
            [opened(first, _refused("SIGN-07"), frames=forged), genuine],
            "SIGN-10",
            "SIGN-15",
            assumes=(),
        ),
        _sequence(
            "REPLAY-004",
            "A forged copy after the genuine message is refused as well.",
            [genuine, opened(first, _refused("SIGN-07"), frames=forged)],
            assumes=(),
        ),
        _sequence(
            "REPLAY-005",
            "Messages that differ are all accepted.",
            [opened(sent) for sent in (first, second, third)],
        ),
        _sequence(
            "REPLAY-006",
            "A message is remembered while others come.",
            [genuine, opened(second), opened(third), again],
        ),
        _sequence(
            "REPLAY-007",
            "A memory of two signatures has forgotten the first when the third has come.",
            [
                genuine,
                opened(second),
                opened(third),
                genuine,
                opened(third, AGAIN),
            ],
            "SIGN-15",
            window=2,
        ),
        _sequence(
            "REPLAY-008",
            "A refused repetition does not make a memory of two forget anything.",
            [genuine, opened(second), again, again, again],
            "SIGN-15",
            window=2,
        ),
        _sequence(
            "REPLAY-009",
            "Messages under another key fill no memory.",
            [
                genuine,
                *[opened(counted(at, OTHER_KEY), _refused("SIGN-07")) for at in range(4, 8)],
                again,
            ],
            "SIGN-15",
            window=2,
        ),
        _sequence(
            "REPLAY-010",
            "A message under another key says nothing about the same one under the right key.",
            [opened(foreign, _refused("SIGN-07")), genuine],
            assumes=(),
        ),
        _sequence(
            "REPLAY-011",
            "An unsigned copy is refused, and the signed message then accepted.",
            [opened(unsigned, _refused("SIGN-09")), genuine],
            "SIGN-10",
            assumes=(),
        ),
        _sequence(
            "REPLAY-012",
            "Another peer that repeats a message is refused, for identities are not signed.",
            [
                genuine,
                opened(other_peer, AGAIN),
            ],
        ),
        _sequence(
            "REPLAY-013",
            "A repetition with other buffers is refused, for buffers are not signed.",
            [
                genuine,
                opened(new_buffer, AGAIN),
            ],
        ),
        _sequence(
            "REPLAY-014",
            "The signature of a message yet to come does not spoil that message.",
            [
                opened(copied, _refused("SIGN-07")),
                opened(second),
            ],
            "SIGN-10",
            "SIGN-15",
            assumes=(),
        ),
        _sequence(
            "REPLAY-015",
            "A signed message that is no object is refused for that, each time it comes.",
            [opened(broken, MALFORMED), opened(broken, MALFORMED)],
            "WIRE-18",
        ),
        _sequence(
            "REPLAY-016",
            "A message whose content is wrong was trusted and is remembered.",
            [
                opened(wrong, WRONG),
                opened(wrong, AGAIN),
            ],
        ),
        _sequence(
            "REPLAY-017",
            "Without a key nothing is remembered, as nothing tells a copy from the message.",
            [
                opened(_asked("")),
                opened(_asked("")),
            ],
            "SIGN-06",
            key="",
            assumes=(),
        ),
        _sequence(
            "REPLAY-018",
            "Rubbish between two messages leaves the receiver as it was.",
            [
                genuine,
                opened(first, NO_MESSAGE, frames=[]),
                opened(first, NO_MESSAGE, frames=[b"x"]),
                opened(second),
                again,
            ],
            "WIRE-18",
            "WIRE-23",
        ),
        _sequence(
            "REPLAY-019",
            "Many forged copies do not push a genuine message out of a memory of one.",
            [
                genuine,
                *[opened(first, _refused("SIGN-07"), frames=forged)] * 3,
                again,
            ],
            "SIGN-15",
            window=1,
        ),
    ]


def _sequence(
    number: str,
    reason: str,
    steps: Sequence[Vector],
    *requirements: str,
    assumes: Sequence[str] = ("SIGN-14",),
    window: int = 0,
    key: str = KEY,
) -> Vector:
    broken = [str(step["breaks"]) for step in steps if "breaks" in step]
    vector: Vector = {
        "id": f"VEC-{number}",
        "kind": "sequence",
        "protocol": "5.5",
        "reason": reason,
        "requirements": list(dict.fromkeys([*requirements, *assumes, *broken])),
        "result": "invalid" if broken else "valid",
    }
    if broken:
        vector["breaks"] = broken[0]
    if assumes:
        vector["assumes"] = list(assumes)
    if window:
        vector["replay_window"] = window
    return {**vector, "key": key, "signature_scheme": "hmac-sha256", "sequence": list(steps)}
