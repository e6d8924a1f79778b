"""JSON is strict when read; what is written is what values mean, or an error that names a path."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from fractions import Fraction
from functools import partial
from typing import Any, NoReturn, TypeVar
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assay.protocol import (
    CommMsg,
    Content,
    DisplayData,
    FramingError,
    Header,
    JsonError,
    Message,
    MsgId,
    Stream,
    StreamName,
    decode_json,
    decode_object,
    encode_json,
    split,
)
from assay.protocol.wire._json import UnreadJsonError
from assay.testing import as_bytes, hostile_values, json_values, make_session
from tests.properties import MANY

T = TypeVar("T")


class _RaisingItems(dict[str, object]):
    """A mapping of a user's program whose items cannot be read."""

    def values(self) -> NoReturn:
        raise RuntimeError("no values")

    def items(self) -> NoReturn:
        raise RuntimeError("no items")


def refuse(name: str) -> NoReturn:
    """Stand for the constants that Python's parser knows and JSON does not."""
    raise AssertionError(f"{name} is not JSON")


def parsed(data: bytes) -> Any:
    """Return what *data* says to the standard library's parser, which must take it."""
    return json.loads(data.decode("utf-8"), parse_constant=refuse)


def sent(make: Callable[[], T]) -> T | None:
    """Return what *make* makes, or None where a part of it has no JSON form, which the error says.

    No other error is let through.
    """
    try:
        return make()
    except JsonError as error:
        refused = str(error)
    assert "wanted" in refused
    assert "found" in refused
    return None


def assert_judges_values() -> None:
    """Fail unless what has a JSON form is written in it, and what has none is refused."""
    for value in ({"a": [1, None]}, ["b", True]):
        assert parsed(encode_json(value)) == value
    with pytest.raises(JsonError):
        encode_json({"a": object()})


@given(hostile_values())
@settings(max_examples=MANY)
def test_encoding_gives_json_or_names_what_has_none(value: object) -> None:
    """What a program displays becomes valid JSON in UTF-8, without NaN and surrogates, or is
    refused."""
    data = sent(lambda: encode_json(value))

    if data is not None:
        text = json.dumps(parsed(data), ensure_ascii=False)
        text.encode("utf-8")
    assert_judges_values()


@given(hostile_values())
@settings(max_examples=MANY)
@example(_RaisingItems())
def test_any_value_in_any_place_is_sent_or_refused(value: Any) -> None:
    """Displays, metadata and unknown keys may hold whatever a program put there."""
    header = Header(msg_id=MsgId("m"), msg_type="display_data", extra={"a": value})
    content = DisplayData(data={"a": value}, metadata={"a": value}, extra={"a": value})
    message = Message(header=header, parent_header=header, metadata={"a": value}, content=content)

    encoded = sent(lambda: as_bytes(make_session().encode(message)))

    # The places agree.
    assert (encoded is None) == (sent(lambda: encode_json([[value]])) is None)
    if encoded is not None:
        frames = split(encoded)
        for part in (frames.header, frames.parent_header, frames.metadata, frames.content):
            assert isinstance(parsed(part), dict)
    assert_judges_values()


def packed(content: Content, metadata: Any) -> list[bytes]:
    """Return the frames of a message."""
    return as_bytes(make_session().pack(content, metadata=metadata))


@given(st.dictionaries(st.text(st.characters(), max_size=3), hostile_values(), max_size=3))
def test_a_content_of_hostile_values_stays_an_object(data: Any) -> None:
    """A message with anything in it that can be sent is read as the same type of message."""
    session = make_session()
    contents = (DisplayData(data=data, transient=data), CommMsg(comm_id="\ud800", data=data))

    for content in contents:
        frames = sent(partial(packed, content, data))
        if frames is not None:
            received = session.decode(frames).message
            assert type(received.content) is type(content)
            assert len(received.metadata) <= len(data)
    assert_judges_values()


@given(json_values() | st.integers())
def test_what_json_can_hold_is_written_as_it_is(value: Any) -> None:
    """The stand-ins are for what JSON cannot hold, and for nothing else."""
    data = encode_json(value)

    assert json.dumps(parsed(data)) == json.dumps(value)
    assert json.dumps(decode_json(data)) == json.dumps(value)


@given(json_values(), st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_any_spelling_of_json_is_read(value: Any, ascii_only: bool, indent: Any) -> None:
    """Escapes and white space make no difference."""
    data = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()

    assert json.dumps(decode_json(data)) == json.dumps(value)


class Word(str):
    __slots__ = ()


class Raw(bytes):
    __slots__ = ()


class Color(Enum):
    RED = "red"


@dataclass
class Pair:
    one: object
    other: object


class Index:
    def __index__(self) -> int:
        return 7


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (math.nan, None),
        ([math.inf, -math.inf], [None, None]),
        (2**64, 2**64),
        (-(2**70), -(2**70)),
        ("\ud800", "\\ud800"),
        (["\udcff", b"\0\1"], ["\\udcff", "AAE="]),
        (Word("word"), "word"),
        (Word("\ud800"), "\\ud800"),
        ({Word("key"): 1}, {"key": 1}),
        (Raw(b"\0\1"), "AAE="),
        (memoryview(b"a-b-")[::2], "YWI="),
        ({1: 1, 2.5: 2, None: 3}, {"1": 1, "2.5": 2, "null": 3}),
        ({True: 4}, {"true": 4}),
        ({False: "\ud800"}, {"false": "\\ud800"}),
        ({b"\0\1": 1}, {"AAE=": 1}),
        ({Color.RED: Color.RED}, {"red": "red"}),
        ({3}, [3]),
        (frozenset({"a"}), ["a"]),
        (1 + 2j, [1.0, 2.0]),
        (True, True),
        (Index(), 7),
        (Fraction(1, 2), 0.5),
        (b"\0\1", "AAE="),
        (bytearray(b"\0\1"), "AAE="),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00Z"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Pair(1, "\ud800"), {"one": 1, "other": "\\ud800"}),
        (Stream(name=StreamName.STDOUT, text="\ud800"), {"name": "stdout", "text": "\\ud800"}),
    ],
)
def test_each_stand_in(value: object, wanted: object) -> None:
    """What JSON cannot hold has one fixed form, the same alone and beside a lone surrogate."""
    assert parsed(encode_json(value)) == wanted
    assert parsed(encode_json([value, "\ud800"])) == [wanted, "\\ud800"]


def test_integers_of_too_many_digits_are_hexadecimal() -> None:
    """Python neither writes nor reads the digits of integers beyond 4,300 of them."""
    wide = 1 << 20_000

    assert parsed(encode_json([wide, {wide: -wide}])) == [hex(wide), {hex(wide): hex(-wide)}]


def test_a_container_inside_itself_is_refused() -> None:
    """The error names the place where the circle closes."""
    value: dict[str, object] = {"a": 1}
    value["again"] = [value]

    with pytest.raises(JsonError) as caught:
        encode_json(value)

    assert str(caught.value) == "again[0]: wanted a JSON value, found a dict inside itself"


def test_the_same_container_twice_is_no_cycle() -> None:
    """Only a container inside itself is one."""
    inner = [1]

    assert parsed(encode_json(["\ud800", inner, inner])) == ["\\ud800", [1], [1]]


def test_what_is_nested_too_deep_is_refused() -> None:
    """It is, where the codec does not go on itself, from however deep a place it is sent.

    The codec goes on to 1,000 levels and, on Python 3.13, to ten times as many.
    """
    value: object = "bottom"
    for _ in range(100_000):
        value = [value]

    with pytest.raises(JsonError) as caught:
        encode_json(value)

    assert str(caught.value).endswith("wanted at most 256 levels of nesting, found more")
    assert len(str(caught.value)) < 200


def test_conversion_goes_no_deeper_than_its_limit() -> None:
    """What the codec leaves to the path that converts is refused past the limit."""
    value: object = "\ud800"
    for _ in range(300):
        value = [value]

    with pytest.raises(JsonError) as caught:
        encode_json(value)

    assert str(caught.value).endswith("wanted at most 256 levels of nesting, found more")


def test_nesting_up_to_the_limit_is_converted() -> None:
    """The path that converts goes as deep as it promises."""
    value: object = {1, 2}
    for _ in range(200):
        value = ["\ud800", value]

    assert encode_json(value).count(b"[") == 201


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"nul",
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"{'a':1}",
        b'{"a":1,}',
        b"[1,]",
        b"[1] 2",
        b"01",
        b"+1",
        b".5",
        b'"\x00"',
        b'"\n"',
        b'"\\x41"',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf1",
        "[1]".encode("utf-16"),
        b'{1:"a"}',
        b"/**/1",
        b"[" * 100_000,
        b"1" * 5_000,
    ],
)
def test_what_is_not_json_is_refused(data: bytes) -> None:
    """Constants, comments, commas, byte order marks and other encodings are errors (WIRE-08)."""
    with pytest.raises(FramingError) as caught:
        decode_json(data)

    assert caught.value.requirement == "WIRE-08"


@pytest.mark.parametrize(
    "data",
    [b"[" * 100_000 + b"]" * 100_000, b"[1e999," + b"1" * 5_000 + b"]"],
    ids=["deep", "digits"],
)
def test_what_python_does_not_read(data: bytes) -> None:
    """JSON that is too deep, or has too long a number, is refused, and not called none."""
    with pytest.raises(UnreadJsonError) as caught:
        decode_json(data)

    assert "that are none" not in str(caught.value)
    assert "for Python" in str(caught.value)


@given(st.binary(max_size=30) | json_values().map(repr).map(lambda text: text.encode()))
@example(b'"\\ud800"')
@example(b"1e999")
def test_our_reader_takes_what_the_standard_library_takes(data: bytes) -> None:
    """Beside its constants and guesses at encodings, Python's parser agrees with ours."""
    try:
        wanted = json.loads(data.decode("utf-8"), parse_constant=_not_json)
    except (ValueError, RecursionError):
        with pytest.raises(FramingError):
            decode_json(data)
        return

    assert decode_json(data) == wanted


def _not_json(name: str) -> NoReturn:
    raise ValueError(name)


def test_lone_surrogates_are_read() -> None:
    """Their escapes are valid JSON, if not valid text."""
    assert decode_json(b'["\\ud800"]') == ["\ud800"]


@pytest.mark.parametrize("data", [b"[]", b"null", b"1", b"true", b'"{}"'])
def test_a_frame_that_is_no_object_is_refused(data: bytes) -> None:
    """The error names the frame and the kind of value, and not the value (WIRE-06)."""
    with pytest.raises(FramingError) as caught:
        decode_object(data, "metadata")

    assert str(caught.value).startswith("metadata: wanted a JSON object, found ")
    assert caught.value.requirement == "WIRE-06"
