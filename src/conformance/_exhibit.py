"""Evidence: messages, decoded for reading, with what is secret left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite

from attrs import field, frozen

from assay.conformance._arrival import Arrival, Object
from assay.conformance._outcome import Evidence
from assay.conformance._response import Response
from assay.conformance._traffic import Line
from assay.protocol import Channel, Sender, read_parts

__all__ = ["Exhibit", "exhibits_of", "of_lines", "short_object"]

MOST_EXHIBITS = 30
"""So many messages are enough to understand one failure; the first half and the last are kept."""

MOST_TEXT = 2_000
"""Characters of one text in a message."""

MOST_OF_A_PART = 20_000
"""Characters of all texts in one part of a message, each value counted as one more."""

MOST_DEPTH = 30
"""Of values in values. Python's own limit is some hundreds, and other programs have theirs."""

MOST_BITS = 1_000
"""Of a whole number: some three hundred digits. JSON knows no end of them."""

MOST_IDENTITIES = 10


@frozen(kw_only=True)
class Exhibit:
    """One message of the evidence."""

    index: int
    """Its place in the traffic of the kernel, from 0."""

    sender: Sender
    channel: Channel

    client: str
    """Which of our clients is at the other end; empty for what is published to all."""

    identities: tuple[str, ...]
    """What stands before the delimiter: the topic of a published message."""

    header: Object = field(factory=dict)
    parent_header: Object = field(factory=dict)
    metadata: Object = field(factory=dict)
    content: Object = field(factory=dict)

    frames: int
    """How many frames there are."""

    faults: tuple[str, ...] = ()
    """Why a part could not be read."""


def exhibits_of(evidence: Iterable[Evidence], lines: Sequence[Line]) -> tuple[Exhibit, ...]:
    """Return *evidence* as exhibits, in the order of time."""
    found: dict[tuple[int, int], Exhibit] = {}
    by_index = {line.index: line for line in lines}
    for one in evidence:
        if isinstance(one, Response):
            if (line := by_index.get(one.index)) is not None:
                found[one.index, 0] = _of_line(line)
            for line in _answers(one, lines):
                found[line.index, 0] = _of_line(line)
            for arrival in (*one.published, *one.prompts, *one.replies):
                found[arrival.index, id(arrival)] = _of_arrival(arrival, by_index)
        else:
            found[one.index, id(one)] = _of_arrival(one, by_index)
    return _shortened([found[key] for key in sorted(found)])


def _answers(cell: Response, lines: Iterable[Line]) -> Iterable[Line]:
    """Yield what any client has sent to the prompts of *cell*, right or wrong."""
    asked = {prompt.msg_id for prompt in cell.prompts}
    for line in lines if asked else ():
        is_ours = line.channel is Channel.STDIN and line.sender is Sender.CLIENT
        if is_ours and read_parts(line.frames).parent_id in asked:
            yield line


def of_lines(lines: Iterable[Line]) -> tuple[Exhibit, ...]:
    """Return *lines* of the traffic as exhibits."""
    return _shortened([_of_line(line) for line in lines])


def _shortened(found: Sequence[Exhibit]) -> tuple[Exhibit, ...]:
    half = MOST_EXHIBITS // 2
    return tuple(found) if len(found) <= MOST_EXHIBITS else (*found[:half], *found[-half:])


def _of_line(line: Line) -> Exhibit:
    return _made(line.index, line.sender, line.channel, line.client, line.frames)


def _of_arrival(arrival: Arrival, lines: dict[int, Line]) -> Exhibit:
    line = lines.get(arrival.index)
    client = "" if line is None or arrival.channel is Channel.IOPUB else line.client
    return _made(arrival.index, Sender.KERNEL, arrival.channel, client, arrival.frames)


def _made(
    index: int, sender: Sender, channel: Channel, client: str, frames: tuple[bytes, ...]
) -> Exhibit:
    parts = read_parts(frames)
    return Exhibit(
        index=index,
        sender=sender,
        channel=channel,
        client=client,
        identities=tuple(map(_readable, (parts.identities or ())[:MOST_IDENTITIES])),
        header=short_object(parts.header),
        parent_header=short_object(parts.parent_header),
        metadata=short_object(parts.metadata),
        content=short_object(parts.content),
        frames=len(frames),
        faults=tuple(f"{one.path}: wanted {one.expected}, found {one.got}" for one in parts.found),
    )


def _readable(frame: bytes) -> str:
    if len(frame) > MOST_TEXT:
        return f"{_readable(frame[:MOST_TEXT])}… ({len(frame):,} bytes)"
    try:
        text = frame.decode("utf-8")
    except UnicodeDecodeError:
        return f"0x{frame.hex()}"
    return text if text.isprintable() else f"0x{frame.hex()}"


def short_object(value: Object) -> Object:
    """Return what can be shown of *value*, however long and deep it is."""
    return _Shortener().of_object(value, MOST_DEPTH)


class _Shortener:
    """Shortens one part of a message."""

    def __init__(self) -> None:
        self._left = MOST_OF_A_PART

    def of_object(self, value: Object, depth: int) -> Object:
        kept: dict[str, object] = {}
        for key, one in value.items():
            if self._left <= 0:
                kept["…"] = f"{len(value) - len(kept):,} more"
                break
            kept[self._text(str(key))] = self._of(one, depth)
        return kept

    def _of(self, value: object, depth: int) -> object:
        self._left -= 1
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, float) and not isfinite(value):
            return str(value)  # 1e999 is JSON, and what Python makes of it is none
        if isinstance(value, int) and value.bit_length() > MOST_BITS:
            return f"… (a number of {value.bit_length():,} bits)"
        if not isinstance(value, (dict, list)):
            return value
        if not depth:
            return "… (nested too deep)"
        return (
            self.of_object(value, depth - 1)
            if isinstance(value, dict)
            else self._of_list(value, depth - 1)
        )

    def _of_list(self, value: list[object], depth: int) -> list[object]:
        kept: list[object] = []
        for one in value:
            if self._left <= 0:
                kept.append(f"… ({len(value) - len(kept):,} more)")
                break
            kept.append(self._of(one, depth))
        return kept

    def _text(self, text: str) -> str:
        self._left -= min(len(text), MOST_TEXT)
        return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}… ({len(text):,} characters)"
