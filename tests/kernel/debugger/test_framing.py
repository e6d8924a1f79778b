"""Messages of the adapter protocol on a stream: whole, in pieces, and wrong."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.kernel.debugger._errors import DebuggerError
from assay.kernel.debugger._framing import MAX_HEADER, Decoder, encode
from assay.protocol import JsonObject

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@settings(max_examples=40)
@given(st.lists(st.dictionaries(st.text(), VALUES), max_size=4), st.integers(1, 40))
def test_messages_come_out_as_they_went_in(messages: list[JsonObject], size: int) -> None:
    """However the stream is cut, the messages are the same, in the same order."""
    stream = b"".join(encode(message) for message in messages)
    decoder = Decoder()

    found = [
        message
        for place in range(0, len(stream), size)
        for message in decoder.feed(stream[place : place + size])
    ]

    assert found == messages


def test_other_headers_are_passed_over() -> None:
    """A header may have other lines, and names are read in any case."""
    stream = b"Content-Type: application/json\r\ncontent-length: 2\r\n\r\n{}"

    assert Decoder().feed(stream) == [{}]


@pytest.mark.parametrize(
    "stream",
    [
        b"x" * MAX_HEADER,
        b"Content-Type: text\r\n\r\n{}",
        b"Content-Length: two\r\n\r\n{}",
        b"Content-Length: -2\r\n\r\n{}",
        b"Content-Length: 2\r\n\r\n[]",
        b"Content-Length: 2\r\n\r\n{]",
        b"Content-Length: 1\r\n\r\n\xff",
    ],
)
def test_what_is_no_message_is_refused(stream: bytes) -> None:
    """A stream of anything else is given up."""
    decoder = Decoder()

    with pytest.raises(DebuggerError, match="wanted"):
        decoder.feed(stream)
