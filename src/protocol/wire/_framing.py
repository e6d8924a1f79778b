"""How the frames of a ZeroMQ message make up a message of the protocol.

| frames               | what                                                               |
|----------------------|--------------------------------------------------------------------|
| 0 or more            | identities: whatever the router put in front (WIRE-03)             |
| ``<IDS|MSG>``        | the delimiter; the first one counts, later ones are data (WIRE-04) |
| 1                    | signature, empty if there is no key (WIRE-05)                      |
| 4                    | header, parent header, metadata, content: JSON objects (WIRE-06)   |
| 0 or more            | buffers, raw bytes (WIRE-09)                                       |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from assay.protocol._errors import FramingError
from assay.protocol.wire._arguments import as_bytes, check_bytes, check_frames, check_instance, lent

__all__ = ["DELIMITER", "Buffer", "Frames", "delimited", "join", "split"]

Buffer: TypeAlias = "bytes | bytearray | memoryview"
"""One frame of raw bytes."""

DELIMITER = b"<IDS|MSG>"

DICTS = 4
"""Header, parent header, metadata and content."""


class Frames(NamedTuple):
    """The frames of one message, by what they are."""

    identities: tuple[bytes, ...]
    """What stood before the delimiter, outermost router first; on IOPub the topic."""

    signature: bytes
    """Lower-case hexadecimal digest, or empty."""

    header: bytes
    parent_header: bytes
    metadata: bytes
    content: bytes

    buffers: tuple[Buffer, ...] = ()
    """What stood behind the content, in order."""


def split(frames: Sequence[Buffer]) -> Frames:
    """Sort the *frames* of one ZeroMQ message.

    A frame that is no bytes object, such as a memoryview of what was received without copying, is
    copied into one, for it is hashed and parsed; buffers stay as they came.

    Raises:
        FramingError: there is no delimiter, or fewer than five frames behind it (WIRE-02).
        LocalError: *frames* is no list, or holds something else than bytes.
    """
    frames, start = delimited(frames)
    end = start + 2 + DICTS
    if len(frames) < end:
        raise FramingError(
            f"wanted a signature and {DICTS} dicts behind the delimiter, "
            f"found {len(frames) - start - 1} frames",
            requirement="WIRE-06",
        )
    signature, header, parent_header, metadata, content = frames[start + 1 : end]
    if not (
        type(signature) is type(header) is type(parent_header) is type(metadata) is bytes
        and type(content) is bytes
    ):
        signature, header, parent_header, metadata, content = (
            as_bytes(frame, f"frame {at}")
            for at, frame in enumerate(frames[start + 1 : end], start + 1)
        )
    if len(frames) > end:
        check_bytes("buffers", frames[end:], "WIRE-09")
    return Frames(
        tuple([as_bytes(frame, "identities") for frame in frames[:start]]),
        signature,
        header,
        parent_header,
        metadata,
        content,
        tuple(frames[end:]),
    )


def delimited(frames: Sequence[Buffer]) -> tuple[Sequence[Buffer], int]:
    """Return *frames*, and where among them the delimiter is.

    What lends its memory in another way, such as a frame of pyzmq's, comes back as a memoryview.

    Raises:
        FramingError: there is no delimiter (WIRE-02).
        LocalError: *frames* is no list, or holds something else than bytes.
    """
    if type(frames) is not list:
        check_frames(frames)
    if DELIMITER not in frames:
        frames = [lent(frame, f"frame {at}") for at, frame in enumerate(frames)]
        if DELIMITER not in frames:
            raise FramingError(
                f"wanted the delimiter {DELIMITER!r}, found {len(frames)} frames without it",
                requirement="WIRE-02",
            )
    return frames, frames.index(DELIMITER)


def join(frames: Frames) -> list[Buffer]:
    """Return the *frames* in the order in which they are sent; undoes `split`.

    Raises:
        LocalError: *frames* is not what `split` returns.
    """
    check_instance(frames, Frames, "Frames, as split() returns them")
    identities, *dicts, buffers = frames
    return [*identities, DELIMITER, *dicts, *buffers]
