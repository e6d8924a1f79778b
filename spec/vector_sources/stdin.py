"""Contents on stdin: prompts and their answers."""

from __future__ import annotations

from spec.vector_sources.contents import ROUTED, Table
from spec.vector_sources.vector import Sent, Vector, header, message

__all__ = ["stdin"]


def stdin() -> list[Vector]:
    """Return the vectors of prompts and their answers."""
    table = Table("STDIN", "stdin")
    good, bad = table.good, table.bad
    good(
        "001",
        "input_request",
        "A kernel asks for a line.",
        {"prompt": "name: ", "password": False},
        "STDIN-07",
        "STDIN-08",
    )
    good(
        "002",
        "input_request",
        "A kernel asks for a secret.",
        {"prompt": "Password:", "password": True},
        "STDIN-08",
    )
    good(
        "003",
        "input_request",
        "A prompt may be empty.",
        {"prompt": "", "password": False},
        "STDIN-08",
    )
    bad(
        "004", "input_request", "A prompt is text.", {"prompt": None, "password": False}, "STDIN-08"
    )
    bad(
        "005",
        "input_request",
        "Whether it is secret is a boolean.",
        {"prompt": "", "password": "no"},
        "STDIN-08",
    )
    good(
        "006", "input_reply", "The answer is a line without its end.", {"value": "Ada"}, "STDIN-09"
    )
    good("007", "input_reply", "The answer may be empty.", {"value": ""}, "STDIN-09")
    good(
        "008", "input_reply", "U+0004 alone is the end of the input.", {"value": "\x04"}, "STDIN-10"
    )
    good(
        "009",
        "input_reply",
        "An answer may have line ends, which are part of it.",
        {"value": "a\nb\r\n"},
        "STDIN-09",
    )
    good(
        "010",
        "input_reply",
        "Clients add a status, which means nothing here.",
        {"value": "Ada", "status": "ok"},
        "WIRE-15",
    )
    bad("011", "input_reply", "The answer cannot be missing.", {}, "HDR-18", "STDIN-09", "STDIN-11")
    bad(
        "012", "input_reply", "The answer is text.", {"value": 42}, "HDR-18", "STDIN-09", "STDIN-11"
    )
    table.vectors.append(
        message(
            "STDIN-013",
            "An answer may come without a parent header.",
            "STDIN-11",
            sent=Sent(header=header("input_reply"), content={"value": "Ada"}, identities=[ROUTED]),
            channel="stdin",
        )
    )
    return table.vectors
