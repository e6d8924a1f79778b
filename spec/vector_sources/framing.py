"""Routing prefix, delimiter, number of frames and buffers (WIRE-02 to WIRE-09)."""

from __future__ import annotations

from spec.vector_sources.vector import DELIMITER, Sent, Vector, header, invalid, message

__all__ = ["buffers", "framing"]

ROUTED = b"\x00\x6b\x8b\x45\x67"
"""What a ROUTER makes up for a peer that has no identity of its own."""


def framing() -> list[Vector]:
    """Return the vectors on the order and the number of frames."""
    plain = Sent()
    whole = plain.frames
    signature, *dicts = whole[1:]
    return [
        message("FRAMING-001", "The smallest message has no routing prefix.", "WIRE-02"),
        message(
            "FRAMING-002",
            "One identity stands before the delimiter, as a ROUTER sees it.",
            "WIRE-03",
            sent=Sent(identities=[ROUTED]),
        ),
        message(
            "FRAMING-003",
            "Two routers on the way put two identities in front.",
            "WIRE-03",
            sent=Sent(identities=[ROUTED, b"client-1"]),
        ),
        message(
            "FRAMING-004",
            "The routing prefix has no fixed length.",
            "WIRE-03",
            sent=Sent(identities=[bytes([at]) for at in range(1, 33)]),
        ),
        message(
            "FRAMING-005",
            "An identity may be empty, as a REQ peer's is.",
            "WIRE-03",
            sent=Sent(identities=[ROUTED, b""]),
        ),
        message(
            "FRAMING-006",
            "An identity is bytes, which need not be text.",
            "WIRE-03",
            sent=Sent(identities=[b"\xff\xfe\x00\x80"]),
        ),
        message(
            "FRAMING-007",
            "The longest identity that ZeroMQ allows has 255 bytes.",
            "WIRE-03",
            sent=Sent(identities=[b"\xa5" * 255]),
        ),
        message(
            "FRAMING-008",
            "An identity that only contains the delimiter is not the delimiter.",
            "WIRE-03",
            "WIRE-04",
            sent=Sent(identities=[b"x" + DELIMITER, DELIMITER + b"x"]),
        ),
        message(
            "FRAMING-009",
            "The delimiter is compared byte by byte, so another case is an identity.",
            "WIRE-03",
            "WIRE-04",
            sent=Sent(identities=[b"<ids|msg>"]),
        ),
        message(
            "FRAMING-010",
            "An identity that looks like a signature is still an identity.",
            "WIRE-03",
            sent=Sent(identities=[signature]),
        ),
        message(
            "FRAMING-011",
            "An identity may hold JSON, which nobody reads.",
            "WIRE-03",
            sent=Sent(identities=[b"{}", b'{"msg_id":"x"}']),
        ),
        invalid(
            "FRAMING-012",
            "An identity equal to the delimiter ends the prefix early, so that the true delimiter "
            "stands where the signature belongs.",
            "signature",
            "WIRE-04",
            frames=[DELIMITER, *whole],
        ),
        invalid("FRAMING-013", "No frames at all are no message.", "framing", "WIRE-02", frames=[]),
        invalid(
            "FRAMING-014",
            "One empty frame is no message.",
            "framing",
            "WIRE-02",
            frames=[b""],
        ),
        invalid(
            "FRAMING-015",
            "The delimiter alone is no message.",
            "framing",
            "WIRE-02",
            frames=[DELIMITER],
        ),
        invalid(
            "FRAMING-016",
            "Identities without a delimiter are no message.",
            "framing",
            "WIRE-02",
            frames=[ROUTED, b"client-1"],
        ),
        invalid(
            "FRAMING-017",
            "Without the delimiter nobody knows where the signature is.",
            "framing",
            "WIRE-02",
            frames=[ROUTED, signature, *dicts],
        ),
        invalid(
            "FRAMING-018",
            "A delimiter with a byte too many does not count.",
            "framing",
            "WIRE-02",
            frames=[DELIMITER + b"\n", signature, *dicts],
        ),
        invalid(
            "FRAMING-019",
            "A delimiter that is cut short does not count.",
            "framing",
            "WIRE-02",
            frames=[DELIMITER[:-1], signature, *dicts],
        ),
        invalid(
            "FRAMING-020",
            "The delimiter is bytes of ASCII, not of UTF-16.",
            "framing",
            "WIRE-02",
            frames=["<IDS|MSG>".encode("utf-16-le"), signature, *dicts],
        ),
        invalid(
            "FRAMING-021",
            "The signature frame is missing although nothing is signed.",
            "framing",
            "WIRE-05",
            sent=Sent(key=""),
            frames=[DELIMITER, *dicts],
        ),
        invalid(
            "FRAMING-022",
            "A signature and nothing else is too little.",
            "framing",
            "WIRE-06",
            frames=whole[:2],
        ),
        invalid("FRAMING-023", "Three dicts are missing.", "framing", "WIRE-06", frames=whole[:3]),
        invalid("FRAMING-024", "Two dicts are missing.", "framing", "WIRE-06", frames=whole[:4]),
        invalid("FRAMING-025", "The content is missing.", "framing", "WIRE-06", frames=whole[:5]),
        invalid(
            "FRAMING-026",
            "The content is missing behind a long routing prefix, which makes up for nothing.",
            "framing",
            "WIRE-06",
            "WIRE-03",
            frames=[b"1", b"2", b"3", *whole[:5]],
        ),
        invalid(
            "FRAMING-027",
            "All four dicts run together into one frame are not four frames.",
            "framing",
            "WIRE-06",
            frames=[DELIMITER, signature, b"".join(dicts)],
        ),
        invalid(
            "FRAMING-028",
            "Header and parent header swapped have another signature.",
            "signature",
            "SIGN-02",
            "WIRE-02",
            frames=[DELIMITER, signature, dicts[1], dicts[0], *dicts[2:]],
        ),
        invalid(
            "FRAMING-029",
            "The signature belongs before the header, not behind the content.",
            "signature",
            "WIRE-02",
            frames=[DELIMITER, *dicts, signature],
        ),
        invalid(
            "FRAMING-030",
            "An empty frame between delimiter and signature takes the signature's place.",
            "signature",
            "SIGN-09",
            "WIRE-02",
            frames=[DELIMITER, b"", signature, *dicts],
        ),
        invalid(
            "FRAMING-031",
            "A frame between signature and header moves every dict by one.",
            "signature",
            "SIGN-02",
            "WIRE-02",
            frames=[DELIMITER, signature, b"{}", *dicts],
        ),
        invalid(
            "FRAMING-032",
            "Without a key the same shift is noticed because the header is empty.",
            "header",
            "HDR-01",
            "WIRE-02",
            sent=Sent(key=""),
            frames=[DELIMITER, b"", b"{}", *dicts],
        ),
        invalid(
            "FRAMING-033",
            "Moving a byte from one dict to the next leaves the signature right, as it covers the "
            "joined bytes, but no frame is JSON any longer.",
            "json",
            "WIRE-06",
            "SIGN-02",
            frames=[DELIMITER, signature, dicts[0][:-1], b"}" + dicts[1], *dicts[2:]],
        ),
        *[
            invalid(
                f"FRAMING-{number}",
                f"An empty frame is no object, so the {part.replace('_', ' ')} cannot be left "
                "empty.",
                "json",
                "WIRE-06",
                sent=Sent(written={part: b""}),
            )
            for number, part in (
                ("034", "header"),
                ("035", "parent_header"),
                ("036", "metadata"),
                ("037", "content"),
            )
        ],
        invalid(
            "FRAMING-038",
            "Five empty frames behind the delimiter have the number of frames and nothing else.",
            "json",
            "WIRE-06",
            sent=Sent(key=""),
            frames=[DELIMITER, b"", b"", b"", b"", b""],
        ),
        message(
            "FRAMING-039",
            "A content of 16 kilobytes is nothing special.",
            "WIRE-20",
            sent=Sent(
                header=header("stream"),
                content={"name": "stdout", "text": "0123456789abcdef" * 1024},
            ),
        ),
    ]


def buffers() -> list[Vector]:
    """Return the vectors on what follows the content."""
    comm = header("comm_msg")
    content = {"comm_id": "c-1", "data": {}}

    def with_buffers(*frames: bytes) -> Sent:
        return Sent(header=comm, content=content, buffers=frames)

    genuine = with_buffers(b"abc", b"def")
    return [
        message(
            "BUFFERS-001",
            "A comm message may come without buffers.",
            "COMM-09",
            sent=with_buffers(),
        ),
        message(
            "BUFFERS-002",
            "One buffer follows the content as raw bytes.",
            "WIRE-09",
            sent=with_buffers(b"\x00\x01\x02\xff"),
        ),
        message(
            "BUFFERS-003",
            "A buffer of no bytes is a buffer all the same.",
            "WIRE-09",
            sent=with_buffers(b""),
        ),
        message(
            "BUFFERS-004",
            "Empty buffers between others keep their place.",
            "WIRE-09",
            sent=with_buffers(b"", b"a", b"", b"b", b""),
        ),
        message(
            "BUFFERS-005",
            "A buffer equal to the delimiter is data.",
            "WIRE-04",
            "WIRE-09",
            sent=with_buffers(DELIMITER),
        ),
        message(
            "BUFFERS-006",
            "A buffer may hold what looks like a whole message.",
            "WIRE-04",
            "WIRE-09",
            sent=with_buffers(*Sent().frames),
        ),
        message(
            "BUFFERS-007",
            "A buffer of four kilobytes holds every byte there is, 16 times.",
            "WIRE-09",
            "WIRE-20",
            sent=with_buffers(bytes(range(256)) * 16),
        ),
        message(
            "BUFFERS-008",
            "The number of buffers has no limit in the protocol.",
            "WIRE-09",
            sent=with_buffers(*[bytes([at]) for at in range(64)]),
        ),
        message(
            "BUFFERS-009",
            "A buffer that is JSON is not read as JSON.",
            "WIRE-09",
            sent=with_buffers(b'{"execution_state":"busy"}', b"{not json"),
        ),
        message(
            "BUFFERS-010",
            "Every message may carry buffers, also one whose type has no use for them.",
            "WIRE-10",
            sent=Sent(header=header("kernel_info_request"), content={}, buffers=[b"\x00"]),
        ),
        message(
            "BUFFERS-011",
            "Buffers and identities together leave the dicts where they are.",
            "WIRE-02",
            "WIRE-03",
            "WIRE-09",
            sent=Sent(header=comm, content=content, buffers=[b"x"], identities=[b"a", b"b"]),
        ),
        message(
            "BUFFERS-012",
            "The signature does not cover buffers, so a changed one goes unnoticed.",
            "SIGN-02",
            sent=with_buffers(b"changed", b"def"),
            frames=[*genuine.frames[:-2], b"changed", b"def"],
        ),
        message(
            "BUFFERS-013",
            "The signature does not cover buffers, so a lost one goes unnoticed.",
            "SIGN-02",
            sent=with_buffers(b"abc"),
            frames=genuine.frames[:-1],
        ),
        invalid(
            "BUFFERS-014",
            "A buffer put before the content takes its place and breaks the signature.",
            "signature",
            "SIGN-02",
            "WIRE-02",
            sent=genuine,
            frames=[*genuine.frames[:5], b"abc", genuine.frames[5], b"def"],
        ),
        message(
            "BUFFERS-015",
            "Without a key a message with buffers is told apart just as well.",
            "WIRE-09",
            "SIGN-06",
            sent=Sent(header=comm, content=content, buffers=[b"abc", b""], key=""),
        ),
        message(
            "BUFFERS-016",
            "Text in a buffer is not decoded, whatever its encoding.",
            "WIRE-09",
            sent=with_buffers("é".encode("latin-1"), "é".encode("utf-16")),
        ),
    ]
