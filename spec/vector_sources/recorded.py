"""Vectors whose bytes another implementation made; see `record.py`."""

from __future__ import annotations

import json
from pathlib import Path

from spec.vector_sources.vector import DELIMITER, Vector

__all__ = ["recorded"]

RECORDINGS = Path(__file__).with_name("recordings.json")
PARTS = ("header", "parent_header", "metadata", "content")

ROWS = (
    ("001", "session-sha256", "A client's request under SHA-256.", "SIGN-01"),
    ("002", "session-sha512", "A client's request under SHA-512.", "SIGN-11"),
    ("003", "session-sha1", "A client's request under SHA-1.", "SIGN-11"),
    ("004", "session-sha3_256", "A client's request under SHA3-256.", "SIGN-11"),
    ("005", "session-blake2b", "A client's request under BLAKE2b.", "SIGN-11"),
    ("006", "session-stream", "Text with every kind of character.", "WIRE-07"),
    ("007", "session-status", "A status without a parent.", "HDR-14"),
    ("008", "session-buffers", "A comm message with two buffers, one empty.", "WIRE-09"),
    ("009", "session-kernel-info", "A client's first question.", "INFO-01"),
    ("010", "session-complete", "A completion beyond the basic plane.", "COMPLETE-02"),
    ("011", "welcome", "A kernel greets a subscription, without a topic frame.", "IOPUB-02"),
    ("012", "starting", "A kernel starts, without a parent.", "IOPUB-22"),
    ("013", "busy", "A kernel is busy, the request being the parent.", "SHELL-04"),
    ("014", "idle", "A kernel is idle, the request being the parent.", "SHELL-05"),
    ("015", "kernel-info-reply", "A kernel says what it is.", "INFO-04"),
    ("016", "execute-input", "A kernel repeats the code.", "IOPUB-18"),
    ("017", "stdout", "A kernel passes on what was printed.", "IOPUB-09"),
    ("018", "execute-result", "A kernel shows a result.", "IOPUB-19"),
    (
        "019",
        "execute-reply",
        "A kernel has run a cell, and describes it in the metadata.",
        "EXEC-11",
    ),
    ("020", "error-zero", "A kernel shows an exception, coloured.", "IOPUB-20"),
    ("021", "reply-zero", "A kernel answers with an exception.", "EXEC-17"),
    ("022", "error-syntax", "A kernel shows a mistake of syntax.", "IOPUB-20"),
    ("023", "reply-syntax", "A kernel answers with a mistake of syntax.", "EXEC-17"),
    ("024", "error-exit", "A kernel shows that code wanted to exit.", "IOPUB-20"),
    ("025", "reply-exit", "A kernel answers that code wanted to exit.", "EXEC-17"),
    ("026", "reply-expressions", "One user expression fails and the other does not.", "EXEC-10"),
    ("027", "complete-reply", "A kernel completes a keyword, with its type.", "COMPLETE-11"),
    ("028", "is-complete-reply", "A kernel wants another line.", "ISCOMPLETE-02"),
    ("029", "inspect-reply", "A kernel finds nothing.", "INSPECT-04"),
    ("030", "comm-info-reply", "A kernel has no comms.", "INFO-13"),
    ("031", "create-subshell-reply", "A kernel has started a subshell.", "SUBSHELL-02"),
    ("032", "list-subshell-reply", "A kernel lists its subshells.", "SUBSHELL-04"),
    ("033", "interrupt-reply", "A kernel has been interrupted.", "CTRL-10"),
    ("034", "input-request", "A kernel asks for a line.", "STDIN-08"),
    ("035", "shutdown-reply", "A kernel ends.", "CTRL-04"),
    ("036", "shutdown-broadcast", "A kernel tells everybody that it ends.", "CTRL-07"),
    (
        "037",
        "delete-subshell-reply",
        "An error of a real kernel that has neither a name nor a traceback, which is a quirk.",
        "SHELL-10",
    ),
    (
        "038",
        "debug-reply",
        "A response of a real kernel that has no number of its own, which is a quirk.",
        "DEBUG-04",
    ),
)


def recorded() -> list[Vector]:
    """Return the vectors in the order of their numbers."""
    recordings = json.loads(RECORDINGS.read_text("utf-8"))
    return [_vector(recordings[name], number, reason, rule) for number, name, reason, rule in ROWS]


def _vector(recording: Vector, number: str, reason: str, rule: str) -> Vector:
    frames = [bytes.fromhex(frame) for frame in _texts(recording["frames"])]
    start = frames.index(DELIMITER)
    dicts = [json.loads(frame) for frame in frames[start + 2 : start + 6]]
    vector: Vector = {
        "id": f"VEC-RECORDED-{number}",
        "kind": "message",
        "protocol": dicts[0]["version"],
        "recorded_from": recording["recorded_from"],
    }
    if recording["channel"]:
        vector["channel"] = recording["channel"]
    vector |= {"reason": reason, "requirements": [rule], "result": "valid"}
    return {
        **vector,
        "key": recording["key"],
        "signature_scheme": recording["signature_scheme"],
        "identities": [identity.hex() for identity in frames[:start]],
        "frames": recording["frames"],
        "decoded": {
            **dict(zip(PARTS, dicts, strict=True)),
            "buffers": [buffer.hex() for buffer in frames[start + 6 :]],
        },
    }


def _texts(value: object) -> list[str]:
    assert isinstance(value, list)
    return value
