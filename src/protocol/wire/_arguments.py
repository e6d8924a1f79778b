"""What a program hands in: an argument of the wrong kind is refused by its name, as `LocalError`.

A type checker finds these faults first. Programs without one would otherwise see an error from
deep inside, or send frames that no peer can read: `bytes` makes five zeros of the number 5, and a
text is a sequence, too.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from assay.protocol._errors import LocalError, shorten
from assay.protocol._shapes import is_instance, is_sequence

__all__ = [
    "as_bytes",
    "check_around",
    "check_bytes",
    "check_count",
    "check_dicts",
    "check_frames",
    "check_function",
    "check_instance",
    "check_mapping",
    "check_text",
    "kind_of",
    "lent",
]

PARTS = ("header", "parent_header", "metadata", "content")

LISTS = (list, tuple)

BYTES = (bytes, bytearray, memoryview)
"""What a frame may be."""

KINDS: Mapping[type, str] = {
    str: "text",
    bytes: "bytes",
    bool: "true or false",
    int: "a number",
    type(None): "None",
}


def kind_of(value: object) -> str:
    """Return what *value* is, in words, without showing it: it may be a secret or a user's code."""
    kind = type(value)
    # Compared one by one: a class can refuse to be hashed.
    known = (words for cls, words in KINDS.items() if cls is kind)
    article = "an" if kind.__name__[:1] in "AEIOUaeiou" else "a"
    return next(known, f"{article} {kind.__name__}")


def check_instance(value: object, cls: type, wanted: str, requirement: str = "") -> None:
    """Return if *value* is a *cls*, which *wanted* names in words.

    Raises:
        LocalError: it is not.
    """
    if not is_instance(value, cls):
        raise LocalError(f"wanted {wanted}, found {kind_of(value)}", requirement=requirement)


def check_mapping(value: object, wanted: str, requirement: str = "") -> None:
    """Return if *value* is a mapping, which *wanted* names in words.

    Raises:
        LocalError: it is not.
    """
    if type(value) is not dict:
        check_instance(value, Mapping, wanted, requirement)


def check_text(value: object, part: str) -> None:
    """Return if *value*, the *part* of a message, is text.

    Raises:
        LocalError: it is not.
    """
    if not isinstance(value, str):
        raise LocalError(f"{part}: wanted text, found {shorten(value)}")


def check_function(value: object, part: str, gives: str, requirement: str) -> None:
    """Return if *value*, the argument *part*, can be called; *gives* says what for.

    Raises:
        LocalError: it cannot.
    """
    if not callable(value):
        raise LocalError(
            f"{part}: wanted a function that returns {gives}, found {shorten(value)}",
            requirement=requirement,
        )


def check_count(value: object, wanted: str, least: int) -> None:
    """Return if *value* is an integer of at least *least*; *wanted* says so in words.

    Raises:
        LocalError: it is not.
    """
    sound = isinstance(value, int) and not isinstance(value, bool)
    if not (sound and least <= value <= sys.maxsize):  # type: ignore[operator]  # sound says so
        raise LocalError(f"wanted {wanted}, found {shorten(value)}")


def check_bytes(part: str, frames: object, requirement: str) -> None:
    """Return if *frames*, the *part* of a message that comes as a list of them, are all bytes.

    Raises:
        LocalError: one is something else, or *frames* is no list: one frame alone, say.
    """
    if isinstance(frames, (str, *BYTES)) or not is_sequence(frames):
        raise LocalError(
            f"{part}: wanted a list of bytes, found {shorten(frames)}", requirement=requirement
        )
    for at, frame in enumerate(frames):
        if not isinstance(frame, BYTES):
            raise LocalError(
                f"{part}[{at}]: wanted bytes, found {shorten(frame)}", requirement=requirement
            )


def check_around(identities: Sequence[object], buffers: Sequence[object]) -> None:
    """Return if what stands before and behind the dicts of a message is lists of bytes.

    Raises:
        LocalError: it is not (WIRE-02, WIRE-09).
    """
    if buffers or type(buffers) is not tuple:
        check_bytes("buffers", buffers, "WIRE-09")
    # Compared one by one: not each class has a hash.
    if type(identities) not in LISTS or any(type(one) is not bytes for one in identities):
        check_bytes("identities", identities, "WIRE-02")


def check_frames(frames: object) -> None:
    """Return if *frames* is a list of frames; what they are is not looked at.

    Raises:
        LocalError: it is not: one frame, a message, an iterator.
    """
    if isinstance(frames, (str, *BYTES)) or not is_sequence(frames):
        raise LocalError(
            f"wanted the frames of one message as a list of bytes, found {kind_of(frames)}",
            requirement="WIRE-02",
        )


def check_dicts(*dicts: object) -> None:
    """Return if header, parent header, metadata and content are the bytes of their frames.

    Raises:
        LocalError: one is something else; the message names it.
    """
    for part, found in zip(PARTS, dicts, strict=True):
        if not isinstance(found, (bytes, bytearray)):
            raise LocalError(f"{part}: wanted bytes, found {kind_of(found)}", requirement="SIGN-02")


def as_bytes(frame: object, part: str) -> bytes:
    """Return *frame*, anything that lends its memory, as bytes.

    Raises:
        LocalError: it is text, a number or another thing without bytes.
    """
    return frame if type(frame) is bytes else bytes(lent(frame, part))


def lent(frame: object, part: str) -> bytes | bytearray | memoryview:
    """Return *frame*, anything that lends its memory, as bytes or as a view of it.

    Raises:
        LocalError: it is text, a number or another thing without bytes.
    """
    if isinstance(frame, BYTES):
        return frame
    try:
        return memoryview(frame)  # type: ignore[arg-type]  # what it is not is refused
    except TypeError:
        raise LocalError(
            f"{part}: wanted bytes, found {kind_of(frame)}", requirement="WIRE-02"
        ) from None
