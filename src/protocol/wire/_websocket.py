"""How a message goes over a websocket of Jupyter Server, which has frames but no parts (WS-01).

| form, frame         | what                                                                    |
|---------------------|-------------------------------------------------------------------------|
| default, text       | one JSON object: channel, header, parent header, metadata, content      |
| default, binary     | the number of parts and the offset of each, 32 bits, big-endian; then   |
|                     | the parts: that object, and the buffers                                 |
| v1, binary          | the number of offsets and the offsets, 64 bits, little-endian; then the |
|                     | parts: channel, header, parent header, metadata, content, buffers       |

Offsets count from the beginning of the frame. In the form v1 there is one more of them than parts,
the length of the frame; the default form does not say where its last buffer ends, so that one that
was cut short is not noticed.

Neither form has identities or a signature: who serves the websocket signs on its other side, and
takes away what came from the kernel. The JSON of the four parts is not looked into; a `Session`
without a key reads it, from ``join(frames)``.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import StrEnum
from itertools import pairwise

import msgspec

from assay.protocol._errors import FramingError, LocalError, shorten
from assay.protocol.wire._arguments import PARTS, as_bytes, check_instance
from assay.protocol.wire._framing import Buffer, Frames
from assay.protocol.wire._json import EMPTY_OBJECT, decode_json
from assay.protocol.wire._registry import Channel, channel_named

__all__ = ["WebsocketForm", "join_websocket", "split_websocket"]


class WebsocketForm(StrEnum):
    """How messages are written, by the name of the websocket's subprotocol."""

    DEFAULT = ""
    """What is spoken where no subprotocol was agreed on."""

    V1 = "v1.kernel.websocket.jupyter.org"


LEFT_OUT = frozenset({"parent_header", "metadata"})
"""What is empty where it is missing or null."""

CHANNELS = {channel.value: channel for channel in Channel if channel is not Channel.HB}

_read_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class _Table:
    """The numbers with which a binary frame begins: a count, and as many offsets."""

    def __init__(self, order: str, size: str, least: int, rule: str) -> None:
        self.order = order
        """Of the bytes of a number, as `struct` has it; so is `size`."""
        self.size = size
        self.width = struct.calcsize(order + size)
        self.least = least
        """The smallest count of a message."""
        self.rule = rule

    def end(self, count: int) -> int:
        """Return the length of a table with *count* offsets."""
        return self.width * (count + 1)

    def write(self, offsets: Sequence[int]) -> bytes:
        try:
            return struct.pack(self._code(len(offsets) + 1), len(offsets), *offsets)
        except struct.error:
            raise LocalError(
                f"wanted offsets of {8 * self.width} bits, found {offsets[-1]}",
                requirement=self.rule,
            ) from None

    def read(self, data: bytes) -> list[int]:
        """Return the offsets at the beginning of *data*, which lie inside of it and do not fall."""
        if len(data) < self.width:
            raise self.error(f"a count of {self.width} bytes", f"{len(data)} bytes in all")
        (count,) = struct.unpack_from(self._code(1), data)
        if count < self.least:
            raise self.error(f"at least {self.least} offsets", str(count))
        if self.end(count) > len(data):
            raise self.error(f"{count} offsets of {self.width} bytes", f"{len(data)} bytes in all")
        offsets = list(struct.unpack_from(self._code(count), data, self.width))
        if offsets[0] != self.end(count):
            raise self.error(f"the first part at {self.end(count)}", f"offset {offsets[0]}")
        for before, after in pairwise([*offsets, len(data)]):
            if before > after:
                raise self.error(f"an offset of at most {after}", str(before))
        return offsets

    def _code(self, count: int) -> str:
        return f"{self.order}{count}{self.size}"

    def error(self, wanted: str, found: str) -> FramingError:
        return FramingError(f"wanted {wanted}, found {found}", requirement=self.rule)


BUFFERED = _Table(">", "I", 1, "WS-02")
V1 = _Table("<", "Q", len(PARTS) + 2, "WS-03")


def split_websocket(data: str | Buffer, form: WebsocketForm) -> tuple[Channel, Frames]:
    """Return the channel and the frames of one message that came over a websocket.

    Args:
        data: One websocket frame, a text frame as text.
        form: What the two ends have agreed on.

    Returns:
        The channel, shell where the default form names none (WS-04), and the frames as `split`
        returns them, without identities and signature. The bytes of each part are as they came.

    Raises:
        FramingError: a text frame is no JSON object, or lacks a part (WS-01); a binary frame ends
            early, or an offset lies outside of it (WS-02, WS-03); the channel is none (WS-04).
        LocalError: *form* is none, or *data* neither text nor bytes.
    """
    if _known(form) is WebsocketForm.V1:
        return _split_v1(data)
    if isinstance(data, str):
        try:
            return _split_object(data.encode(), None)
        except UnicodeEncodeError:
            raise FramingError("wanted text, found a lone surrogate", requirement="WS-01") from None
    whole = as_bytes(data, "websocket frame")
    offsets = BUFFERED.read(whole)
    first, *buffers = _cut(whole, [*offsets, len(whole)])
    return _split_object(first, buffers)


def join_websocket(channel: Channel, frames: Frames, form: WebsocketForm) -> str | bytes:
    """Return the websocket frame that brings *frames* over *channel*; undoes `split_websocket`.

    Identities and signature are left out. Text is for a text frame, bytes are for a binary one.

    Args:
        channel: Any but the heartbeat, which has no messages.
        frames: Of a message that was verified: its JSON is not looked into.
        form: What the two ends have agreed on.

    Raises:
        LocalError: the heartbeat (WS-04); frames that are no UTF-8, in a text frame (WS-01); more
            bytes than the default form can hold (WS-02); no form, no channel or no frames.
    """
    check_instance(frames, Frames, "Frames, as split() returns them")
    channel = channel_named(channel)
    if channel is Channel.HB:
        raise LocalError("wanted a channel of messages, found hb", requirement="WS-04")
    parts = (frames.header, frames.parent_header, frames.metadata, frames.content)
    if _known(form) is WebsocketForm.V1:
        return _joined(V1, [channel.encode(), *parts, *frames.buffers], ends=True)
    members = [b'"%s":%s' % (name.encode(), part) for name, part in zip(PARTS, parts, strict=True)]
    whole = b'{"channel":"%s",%s' % (channel.encode(), b",".join(members))
    if frames.buffers:
        return _joined(BUFFERED, [whole + b"}", *frames.buffers], ends=False)
    try:
        return (whole + b',"buffers":[]}').decode()
    except UnicodeDecodeError:
        raise LocalError("wanted frames of UTF-8, found other bytes", requirement="WS-01") from None


def _known(form: object) -> WebsocketForm:
    if isinstance(form, str) and form in list(WebsocketForm):
        return WebsocketForm(form)
    names = " or ".join(repr(str(one)) for one in WebsocketForm)
    raise LocalError(f"wanted the form {names}, found {shorten(form)}")


def _joined(table: _Table, parts: Sequence[Buffer], *, ends: bool) -> bytes:
    sizes = [memoryview(part).nbytes for part in parts]
    offsets = [table.end(len(parts) + ends)]
    for size in sizes if ends else sizes[:-1]:
        offsets.append(offsets[-1] + size)
    return b"".join([table.write(offsets), *parts])


def _split_v1(data: str | Buffer) -> tuple[Channel, Frames]:
    if isinstance(data, str):
        raise FramingError("wanted a binary frame, found a text frame", requirement="WS-03")
    whole = as_bytes(data, "websocket frame")
    offsets = V1.read(whole)
    if offsets[-1] != len(whole):
        raise V1.error(f"a frame of {offsets[-1]} bytes", f"{len(whole)} bytes")
    name, header, parent_header, metadata, content, *buffers = _cut(whole, offsets)
    frames = Frames((), b"", header, parent_header, metadata, content, tuple(buffers))
    return _channel(name.decode("utf-8", "backslashreplace")), frames


def _cut(data: bytes, offsets: Sequence[int]) -> list[bytes]:
    return [data[start:end] for start, end in pairwise(offsets)]


def _split_object(data: bytes, buffers: Sequence[bytes] | None) -> tuple[Channel, Frames]:
    """Return the message in the object *data*; *buffers* are None in a text frame."""
    try:
        members = {name: bytes(raw) for name, raw in _read_object(data).items()}
    except (msgspec.MsgspecError, RecursionError) as error:
        raise FramingError(f"wanted a JSON object, found {error}", requirement="WS-01") from error
    if buffers is None and (listed := _value(members.get("buffers", b"[]"))) != []:
        raise FramingError(
            f"buffers: wanted an empty list, found {shorten(listed)}", requirement="WS-01"
        )
    header, parent_header, metadata, content = (_part(members, name) for name in PARTS)
    named = _value(members.get("channel", b"null"))
    channel = Channel.SHELL if named is None else _channel(named)
    return channel, Frames((), b"", header, parent_header, metadata, content, tuple(buffers or ()))


def _part(members: dict[str, bytes], name: str) -> bytes:
    found = members.get(name)
    if name in LEFT_OUT and found in {None, b"null"}:
        return EMPTY_OBJECT
    if found is None:
        raise FramingError(f"{name}: wanted this key, found none", requirement="WS-01")
    return found


def _value(raw: bytes) -> object:
    try:
        return decode_json(raw)
    except FramingError:  # such as text that is no UTF-8: shown as it came
        return raw


def _channel(name: object) -> Channel:
    found = CHANNELS.get(name) if isinstance(name, str) else None
    if found is None:
        wanted = ", ".join(CHANNELS)
        raise FramingError(
            f"channel: wanted one of {wanted}, found {shorten(name)}", requirement="WS-04"
        )
    return found
