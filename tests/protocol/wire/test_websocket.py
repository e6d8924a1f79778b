"""Messages over a websocket: what is written is read, and what is no message is refused."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.protocol import (
    Channel,
    Frames,
    FramingError,
    LocalError,
    WebsocketForm,
    encode_json,
    join_websocket,
    split_websocket,
)

CHANNELS = [channel for channel in Channel if channel is not Channel.HB]
V1 = WebsocketForm.V1

texts = st.text(max_size=4)
objects = st.dictionaries(texts, texts, max_size=2).map(encode_json)
few = settings(max_examples=30)
"""Where an example is read a hundred times."""


@st.composite
def some_frames(draw: st.DrawFn, *, buffers: int = 0) -> Frames:
    """Give the frames of a message, with so many buffers at least."""
    header, parent_header, metadata, content = (draw(objects) for _ in range(4))
    rest = draw(st.lists(st.binary(max_size=9), min_size=buffers, max_size=3))
    return Frames((), b"", header, parent_header, metadata, content, tuple(rest))


@given(st.sampled_from(CHANNELS), some_frames(), st.sampled_from(WebsocketForm))
def test_a_message_comes_back(channel: Channel, frames: Frames, form: WebsocketForm) -> None:
    """Channel, buffers and the bytes of each part come back in both forms (WS-01 to WS-03)."""
    written = join_websocket(channel, frames, form)

    assert isinstance(written, str) == (form is WebsocketForm.DEFAULT and not frames.buffers)
    assert split_websocket(written, form) == (channel, frames)


@given(some_frames(), st.data())
def test_identities_and_signature_stay_behind(frames: Frames, data: st.DataObject) -> None:
    """What belongs to the server's other side is not written (WS-05)."""
    form = data.draw(st.sampled_from(WebsocketForm))
    signed = frames._replace(identities=(b"client",), signature=b"0f" * 32)

    written = join_websocket(Channel.SHELL, signed, form)

    assert written == join_websocket(Channel.SHELL, frames, form)
    assert split_websocket(written, form) == (Channel.SHELL, frames)


@few
@given(some_frames())
def test_a_frame_of_v1_that_ends_early_is_refused(frames: Frames) -> None:
    """Every beginning of a frame is refused by the rule of its form (WS-03)."""
    whole = join_websocket(Channel.IOPUB, frames, V1)
    assert isinstance(whole, bytes)

    for end in range(len(whole)):
        assert rule_of(whole[:end], V1) == "WS-03"


@few
@given(some_frames())
def test_a_text_frame_that_ends_early_is_refused(frames: Frames) -> None:
    """Every beginning of an object is no object (WS-01)."""
    whole = join_websocket(Channel.IOPUB, frames._replace(buffers=()), WebsocketForm.DEFAULT)
    assert isinstance(whole, str)

    for end in range(len(whole)):
        assert rule_of(whole[:end], WebsocketForm.DEFAULT) == "WS-01"


@few
@given(some_frames(buffers=1))
def test_a_frame_with_buffers_that_ends_before_the_last_is_refused(frames: Frames) -> None:
    """Only the end of the last buffer is not said, so that a cut in it goes unnoticed (WS-02)."""
    whole = join_websocket(Channel.IOPUB, frames, WebsocketForm.DEFAULT)
    assert isinstance(whole, bytes)
    last = len(whole) - len(frames.buffers[-1])

    for end in range(last):
        assert rule_of(whole[:end], WebsocketForm.DEFAULT) == "WS-02"
    for end in range(last, len(whole)):
        _, read = split_websocket(whole[:end], WebsocketForm.DEFAULT)
        assert read.buffers == (*frames.buffers[:-1], whole[last:end])


@given(st.binary(max_size=200), st.sampled_from(WebsocketForm))
def test_any_bytes_are_a_message_or_refused(data: bytes, form: WebsocketForm) -> None:
    """What a peer sends is refused, or its parts are read as they stand in it."""
    for frame in (data, data.decode("latin-1")):
        rule = rule_of(frame, form)
        assert rule in {"", "WS-01", "WS-02", "WS-03", "WS-04"}
        if not rule:
            _, read = split_websocket(frame, form)
            sent = frame if isinstance(frame, bytes) else frame.encode()
            assert all(bytes(part) in sent for part in (read.header, read.content, *read.buffers))


@given(some_frames(), st.sampled_from([0, 8, 16, 40]), st.integers(0, 2**64 - 1))
def test_any_number_in_the_table_is_right_or_refused(frames: Frames, at: int, number: int) -> None:
    """A count or an offset is believed only if it is the right one (WS-03)."""
    whole = join_websocket(Channel.SHELL, frames, V1)
    assert isinstance(whole, bytes)
    changed = whole[:at] + struct.pack("<Q", number) + whole[at + 8 :]

    rule = rule_of(changed, V1)

    assert rule in {"", "WS-03", "WS-04"}
    if not rule:  # the boundary of two parts may move, and what lies between the ends stays
        assert whole_of(split_websocket(changed, V1)[1]) == whole_of(frames)


def rule_of(data: str | bytes, form: WebsocketForm) -> str:
    """Return the rule by which *data* is refused; empty if it is read."""
    try:
        split_websocket(data, form)
    except FramingError as error:
        return error.requirement
    return ""


def whole_of(frames: Frames) -> bytes:
    """Return all parts of a message in a row."""
    return b"".join(map(bytes, [*frames[2:6], *frames.buffers]))


def test_what_a_session_reads_is_not_looked_into() -> None:
    """A part that is no object passes, as its frame would over ZeroMQ; a session refuses it."""
    frames = Frames((), b"", b"[]", b"{", b"", b"1")

    assert split_websocket(join_websocket(Channel.SHELL, frames, V1), V1) == (Channel.SHELL, frames)


def test_any_buffer_will_do() -> None:
    """Views are read and written as bytes are."""
    frames = Frames((), b"", b"{}", b"{}", b"{}", b"{}", (bytearray(b"ab"), memoryview(b"cde")[1:]))

    for form in WebsocketForm:
        written = join_websocket(Channel.SHELL, frames, form)
        assert isinstance(written, bytes)
        _, read = split_websocket(memoryview(written), form)
        assert read.buffers == (b"ab", b"de")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("{}", "header: wanted this key, found none (WS-01)"),
        ('{"header":{},"content":{},"buffers":[1]}', "buffers: wanted an empty list, found [1]"),
        ("[]", "wanted a JSON object, found Expected `object`, got `array` (WS-01)"),
        ("\ud800", "wanted text, found a lone surrogate (WS-01)"),
        (b"", "wanted a count of 4 bytes, found 0 bytes in all (WS-02)"),
        (struct.pack(">II", 1, 9), "wanted the first part at 8, found offset 9 (WS-02)"),
        (struct.pack(">III", 2, 12, 13), "wanted an offset of at most 12, found 13 (WS-02)"),
    ],
)
def test_an_error_says_what_was_wanted(data: str | bytes, said: str) -> None:
    """The message names the part, what was wanted and what was found."""
    with pytest.raises(FramingError) as refused:
        split_websocket(data, WebsocketForm.DEFAULT)

    assert said in str(refused.value)


@pytest.mark.parametrize("form", WebsocketForm)
def test_a_channel_is_one_of_four(form: WebsocketForm) -> None:
    """The heartbeat is neither written nor read (WS-04)."""
    frames = Frames((), b"", b"{}", b"{}", b"{}", b"{}")
    written = join_websocket(Channel.STDIN, frames, form)
    wrong: str | bytes
    if isinstance(written, str):
        wrong = written.replace("stdin", "other")
    else:
        wrong = written.replace(b"stdin", b"other")

    with pytest.raises(LocalError, match="wanted a channel of messages, found hb"):
        join_websocket(Channel.HB, frames, form)
    with pytest.raises(FramingError, match=r"wanted one of .*, found 'other'"):
        split_websocket(wrong, form)


def test_a_form_is_one_of_two() -> None:
    """A subprotocol that is not known is an error that names those there are."""
    with pytest.raises(LocalError, match=r"wanted the form '' or 'v1\..*', found 'v2'"):
        split_websocket("{}", "v2")  # type: ignore[arg-type]  # what a program without types does


def test_frames_that_are_no_text_have_no_text_frame() -> None:
    """What a text frame cannot hold is a fault of the sender."""
    frames = Frames((), b"", b'"\xff"', b"{}", b"{}", b"{}")

    with pytest.raises(LocalError, match="wanted frames of UTF-8"):
        join_websocket(Channel.SHELL, frames, WebsocketForm.DEFAULT)


def test_the_default_form_has_an_end(tmp_path: Path) -> None:
    """An offset beyond 32 bits is an error, and nothing is written shortened (WS-02)."""
    with (tmp_path / "sparse").open("w+b") as file:
        file.truncate(2**32)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as large:
            frames = Frames((), b"", b"{}", b"{}", b"{}", b"{}", (memoryview(large), b"x"))
            with pytest.raises(LocalError, match="wanted offsets of 32 bits"):
                join_websocket(Channel.SHELL, frames, WebsocketForm.DEFAULT)
            del frames
