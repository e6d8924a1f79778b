"""What a program without a type checker hands in: each wrong argument is refused by its name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from assay import protocol
from assay.protocol import (
    AssayError,
    Channel,
    ContentError,
    ExecuteRequest,
    FrameCodec,
    KernelInfoRequest,
    LocalError,
    ProtocolVersion,
    ReplayWindow,
    Signer,
    Translator,
    WebsocketForm,
)
from assay.testing import make_session

SESSION = make_session(b"k")
REQUEST = ExecuteRequest(code="1")
MESSAGE = SESSION.message(REQUEST)
FRAMES = SESSION.encode(MESSAGE)
CODEC = FrameCodec(ProtocolVersion.V4_1, b"k")
V1 = WebsocketForm.V1


def clock() -> datetime:
    """Return the time, which stands still."""
    return datetime(2026, 1, 1, tzinfo=UTC)


def a_session(**arguments: Any) -> protocol.Session:
    """Return a session with these arguments, and right ones in the place of others."""
    right: dict[str, Any] = {"session": "s", "now": clock, "new_id": lambda: "m-1"}
    return protocol.Session(b"k", **right | arguments)


HANDSHAKE = protocol.Handshake(
    protocol.RegistrationFile(
        kernel_id="k-1", registration_ip="127.0.0.1", registration_port=1, key="k"
    )
)

TRANSLATOR = Translator(ProtocolVersion.V4_1, now=clock)

Call = Callable[[Any], object]

FRAME_READERS: tuple[Call, ...] = (
    SESSION.open,
    SESSION.decode,
    CODEC.decode,
    protocol.split,
    lambda frames: protocol.recognize(frames, b"k"),
    protocol.recognize,
    HANDSHAKE.read_acknowledgement,
)

FRAME_LISTS: tuple[Call, ...] = (
    lambda wrong: SESSION.message(REQUEST, buffers=wrong),
    lambda wrong: SESSION.pack(REQUEST, buffers=wrong),
    lambda wrong: SESSION.pack(REQUEST, identities=wrong),
    lambda wrong: SESSION.encode(MESSAGE, wrong),
    lambda wrong: CODEC.encode(protocol.unstructure_message(MESSAGE), wrong),
    HANDSHAKE.acknowledge,
)

MESSAGE_TAKERS: tuple[Call, ...] = (
    SESSION.encode,
    CODEC.encode,
    TRANSLATOR.up,
    TRANSLATOR.down,
    protocol.structure_message,
    protocol.unstructure_message,
    protocol.unstructure,
    protocol.join,
    lambda wrong: protocol.join_websocket(Channel.SHELL, wrong, V1),
    protocol.debug_arguments,
    protocol.debug_body,
    lambda wrong: protocol.check_conversation([wrong]),
    protocol.check_conversation,
    lambda wrong: protocol.structure(wrong, {}),
    protocol.Handshake,
    HANDSHAKE.register,
)

BYTES_TAKERS: tuple[Call, ...] = (
    lambda wrong: SESSION.pack_json("status", wrong),
    lambda wrong: SESSION.pack_json("status", b"{}", parent=wrong),
    lambda wrong: SESSION.pack_json("status", b"{}", metadata=wrong),
    lambda wrong: make_session(b"").pack_json("status", wrong),
    lambda wrong: SESSION.signer.sign(b"{}", b"{}", wrong, b"{}"),
    lambda wrong: SESSION.signer.sign(wrong, b"{}", b"{}", b"{}"),
    lambda wrong: SESSION.signer.sign(b"{}", b"{}", b"{}", wrong),
    lambda wrong: SESSION.signer.verify(wrong, b"{}", b"{}", b"{}", b"{}"),
    lambda wrong: SESSION.signer.verify(b"s", b"{}", wrong, b"{}", b"{}"),
    protocol.decode_json,
    lambda wrong: protocol.decode_object(wrong, "content"),
    protocol.ConnectionFile.from_json,
    lambda wrong: protocol.murmur2(wrong, 1),
)

NAME_TAKERS: tuple[Call, ...] = (
    SESSION.header,
    lambda wrong: a_session(session=wrong),
    lambda wrong: a_session(username=wrong),
    lambda wrong: a_session(new_id=lambda: wrong).header("status"),
    lambda wrong: a_session(new_id=lambda: wrong).pack(REQUEST),
    lambda wrong: SESSION.pack(protocol.Unknown(), msg_type=wrong),
    lambda wrong: SESSION.pack_json(wrong, b"{}"),
    lambda wrong: protocol.structure_content(wrong, {}),
    protocol.message_type,
    protocol.reply_type,
    protocol.content_class,
    lambda wrong: Signer(b"k", wrong),
    lambda wrong: protocol.join_websocket(wrong, protocol.split(FRAMES), V1),
    lambda wrong: protocol.split_websocket("{}", wrong),
)


class Unhashed(type):
    """A class of this kind cannot stand in a table."""

    __hash__ = None  # type: ignore[assignment]  # which is the point


class Odd(metaclass=Unhashed):
    """Its values are none of this package's."""


COUNT_TAKERS: tuple[Call, ...] = (
    ReplayWindow,
    lambda wrong: make_session(b"k", replay_window=wrong),
    lambda wrong: Translator(ProtocolVersion.V4_1, now=clock, memory=wrong),
)


FUNCTION_TAKERS: tuple[Call, ...] = (
    lambda wrong: a_session(now=wrong),
    lambda wrong: a_session(new_id=wrong),
    lambda wrong: Translator(ProtocolVersion.V4_1, now=wrong),
)


@pytest.mark.parametrize("call", FUNCTION_TAKERS)
@pytest.mark.parametrize("wrong", [5, None, clock(), "m-1"])
def test_what_cannot_be_called_is_refused(call: Call, wrong: object) -> None:
    """A clock and a source of ids are functions; who hands in a value hears so at once."""
    with pytest.raises(LocalError) as caught:
        call(wrong)

    assert ": wanted a function that returns " in str(caught.value)


def test_a_zone_is_a_zone() -> None:
    """The zone of an old peer's dates is looked at before the first of them."""
    wrong: Any = "Europe/Paris"
    with pytest.raises(LocalError) as caught:
        Translator(ProtocolVersion.V4_1, now=clock, zone=wrong)

    assert "wanted the zone of dates, found text" in str(caught.value)


@pytest.mark.parametrize("call", FRAME_READERS)
@pytest.mark.parametrize("wrong", ["frames", b"frames", None, 5, {}, MESSAGE, iter(FRAMES)])
def test_what_is_no_list_of_frames_is_refused(call: Call, wrong: object) -> None:
    """A reader of frames names what it wants, and does not repeat what it found (WIRE-02)."""
    with pytest.raises(LocalError) as caught:
        call(wrong)

    assert "wanted the frames of one message as a list of bytes, found " in str(caught.value)


@pytest.mark.parametrize("call", FRAME_READERS)
@pytest.mark.parametrize("wrong", ["text", 5, None])
@pytest.mark.parametrize("place", [0, 2, 3, 5])
def test_a_frame_that_is_no_bytes_is_refused(call: Call, wrong: object, place: int) -> None:
    """A number is not read as so many zeros, nor text as its UTF-8."""
    frames: list[object] = [b"id", *FRAMES]
    frames[place] = wrong

    with pytest.raises(LocalError) as caught:
        call(frames)

    assert "wanted bytes, found " in str(caught.value)


def test_a_buffer_that_is_no_bytes_is_refused() -> None:
    """What stands behind the content is looked at, too (WIRE-09)."""
    frames: Any = [*FRAMES, "buffer"]

    with pytest.raises(LocalError) as caught:
        make_session(b"k").decode(frames)

    assert "buffers[0]: wanted bytes, found 'buffer'" in str(caught.value)


@pytest.mark.parametrize("call", FRAME_LISTS)
@pytest.mark.parametrize("wrong", ["id", b"id", None, 5, {}, [5], ["id"], iter([b"id"])])
def test_identities_and_buffers_are_lists_of_bytes(call: Call, wrong: object) -> None:
    """Text is no list of identities, and an iterator would be empty when it is sent."""
    with pytest.raises(LocalError) as caught:
        call(wrong)

    assert str(caught.value).startswith(("buffers", "identities"))


@pytest.mark.parametrize("call", MESSAGE_TAKERS)
@pytest.mark.parametrize("wrong", ["text", b"bytes", None, 5, object()])
def test_what_is_no_message_is_refused(call: Call, wrong: object) -> None:
    """Each function says which form of a message, content or record it takes."""
    with pytest.raises(LocalError) as caught:
        call(wrong)

    assert "wanted " in str(caught.value)
    assert "found " in str(caught.value)


@pytest.mark.parametrize("call", BYTES_TAKERS)
@pytest.mark.parametrize("wrong", ["text", None, 5, {"a": 1}, [b"x"]])
def test_what_is_no_bytes_is_refused(call: Call, wrong: object) -> None:
    """JSON and signatures are bytes; with a key and without one."""
    with pytest.raises(LocalError) as caught:
        call(wrong)

    assert "bytes, found " in str(caught.value)


@pytest.mark.parametrize("call", NAME_TAKERS)
@pytest.mark.parametrize("wrong", [b"status", 5, {"a": 1}, ["status"]])
def test_a_name_that_is_no_text_is_refused(call: Call, wrong: object) -> None:
    """A type, a channel or a scheme is a word."""
    with pytest.raises(LocalError) as caught:
        call(wrong)

    assert "wanted " in str(caught.value)


@pytest.mark.parametrize("call", COUNT_TAKERS)
@pytest.mark.parametrize("wrong", ["1", -1, 1.5, True, [1], 10**40])
def test_a_size_is_a_number(call: Call, wrong: object) -> None:
    """A memory that cannot be is refused where it is asked for."""
    with pytest.raises(LocalError) as caught:
        call(wrong)

    assert "wanted " in str(caught.value)


@pytest.mark.parametrize("wrong", ["text", b"{}", None, 5, [], [["code", "1"]]])
def test_a_content_that_is_no_object_is_the_peers_fault(wrong: Any) -> None:
    """What came as a content may be any JSON, and must be an object (WIRE-06)."""
    readers: tuple[Call, ...] = (
        lambda data: protocol.structure_content("execute_request", data),
        lambda data: protocol.structure(ExecuteRequest, data),
        lambda data: protocol.structure_content("invented", data),
    )
    for read in readers:
        with pytest.raises(ContentError) as caught:
            read(wrong)

        assert caught.value.requirement == "WIRE-06"


@pytest.mark.parametrize("wrong", [Odd, Odd()])
def test_a_class_without_a_hash_is_refused(wrong: Any) -> None:
    """What cannot be looked up in a table is nothing that the table holds."""
    takers: tuple[Call, ...] = (
        lambda odd: protocol.structure(odd, {}),
        protocol.unstructure,
        protocol.encode_json,
        protocol.decode_json,
        protocol.join,
        protocol.debug_body,
        lambda odd: SESSION.pack_json("status", odd),
        lambda odd: SESSION.pack_json("status", b"{}", identities=[odd]),
        lambda odd: SESSION.pack_json("status", b"{}", buffers=[odd]),
        lambda odd: SESSION.signer.sign(b"{}", b"{}", b"{}", odd),
        lambda odd: SESSION.pack(REQUEST, identities=odd),
        lambda odd: SESSION.pack(REQUEST, metadata=odd),
        lambda odd: protocol.structure_content("execute_request", odd),
        protocol.check_conversation,
        lambda odd: SESSION.pack(ExecuteRequest(code=odd)),
        lambda odd: SESSION.pack(ExecuteRequest(code="", user_expressions=odd)),
        lambda odd: SESSION.pack(ExecuteRequest(code="", extra=odd)),
    )
    for take in takers:
        with pytest.raises(AssayError) as caught:
            take(wrong)

        assert "found " in str(caught.value)


class OddDict(dict[str, Any], metaclass=Unhashed):
    """A dict as others."""


class OddList(list[object], metaclass=Unhashed):
    """A list as others."""


class OddText(str, metaclass=Unhashed):
    """A text as others."""

    __slots__ = ()


def test_what_is_made_of_json_is_taken_from_a_class_without_a_hash() -> None:
    """A dict, a list and a text are what they are made of, wherever they stand."""
    plain = ExecuteRequest(code="1", user_expressions={"a": "1"}, extra={"b": [{"c": 1}]})
    odd = ExecuteRequest(
        code=OddText("1"),
        user_expressions=OddDict(a="1"),
        extra=OddDict(b=OddList([OddDict(c=1)])),
    )

    assert SESSION.pack(odd)[-1] == SESSION.pack(plain)[-1]
    assert tuple(protocol.json_losses(odd)) == ()
    assert protocol.structure_content("kernel_info_request", OddDict()) == KernelInfoRequest()


@pytest.mark.parametrize("wrong", ["text", [1], 5, ("a",)])
def test_extra_keys_are_a_mapping(wrong: Any) -> None:
    """What the protocol does not name has names as well (HDR-18)."""
    with pytest.raises(LocalError) as caught:
        SESSION.pack(ExecuteRequest(code="", extra=wrong))

    assert "extra: wanted a mapping, found " in str(caught.value)


@pytest.mark.parametrize("wrong", [{}, [], set(), bytearray(), REQUEST])
def test_an_object_is_no_class(wrong: Any) -> None:
    """What cannot be looked up in a table is refused like any other thing that is no class."""
    with pytest.raises(LocalError) as caught:
        protocol.structure(wrong, {})

    assert "wanted a content or a header, found " in str(caught.value)


def test_a_seed_is_an_integer() -> None:
    """The hash of a cell's file is made of bytes and a number (DEBUG-13)."""
    wrong: Any = "1"
    with pytest.raises(LocalError) as caught:
        protocol.murmur2(b"x", wrong)

    assert "wanted an integer as seed, found text" in str(caught.value)


def test_bytes_with_gaps_are_not_signed() -> None:
    """A view that skips bytes has no memory that a hash could read."""
    gaps: Any = memoryview(b"{  }")[::3]
    with pytest.raises(LocalError) as caught:
        SESSION.signer.sign(b"{}", b"{}", b"{}", gaps)

    assert "content: wanted bytes" in str(caught.value)
