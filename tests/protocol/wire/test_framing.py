"""What is a message and what is not: every disorder of frames is an error of ours."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
import zmq
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assay.protocol import (
    DELIMITER,
    Buffer,
    ContentError,
    Envelope,
    ExecuteRequest,
    FrameCodec,
    FramingError,
    ProtocolVersion,
    ReplayError,
    Session,
    SignatureError,
    Signer,
    join,
    recognize,
    split,
    validate,
)
from assay.testing import (
    SignedFrames,
    as_bytes,
    frames,
    json_objects,
    json_values,
    make_session,
    truncated_frames,
)
from tests.properties import MANY

REMOTE = (FramingError, SignatureError, ContentError)


def assert_takes_only_what_is_genuine(session: Session, key: bytes) -> None:
    """Fail unless *session*, whatever it was given before, reads its peer, and no half message."""
    peer = make_session(key, name="peer")
    sent = peer.message(ExecuteRequest(code="1 + 1"))
    encoded = as_bytes(peer.encode(sent))

    delivery = session.decode(encoded)

    assert delivery.message.content == sent.content
    assert delivery.message.header.msg_id == sent.header.msg_id
    with pytest.raises(FramingError):
        session.decode(encoded[:-1])


@given(truncated_frames(), st.booleans())
@settings(max_examples=MANY)
def test_any_disorder_of_frames_is_one_of_three_errors(
    disorder: tuple[bytes, ...], keyed: bool
) -> None:
    """Dropped, repeated, split, merged, cut and shuffled frames raise nothing else (WIRE-18)."""
    key = b"key" if keyed else b""
    session = make_session(key)

    with contextlib.suppress(*REMOTE):
        session.decode(disorder)

    assert_takes_only_what_is_genuine(session, key)


raw_frames = st.lists(
    st.sampled_from([DELIMITER, b"", b"{}", b"[]", b"null", b"{", b"\xff", b"[" * 3_000])
    | st.binary(max_size=30),
    max_size=9,
)


@given(raw_frames)
@settings(max_examples=MANY)
def test_any_bytes_are_one_of_three_errors(raw: list[bytes]) -> None:
    """Raw bytes raise nothing else, even where no key protects (WIRE-18)."""
    session = make_session(b"")

    with contextlib.suppress(*REMOTE):
        session.decode(raw)

    assert_takes_only_what_is_genuine(session, b"")


NESTED = b'{"a":' * 900 + b"1" + b"}" * 900
DIGITS = b'{"msg_id":' + b"1" * 5_000 + b',"msg_type":"status"}'

some_json = st.one_of(
    json_objects().map(repr).map(str.encode),
    st.binary(max_size=30),
    st.sampled_from([NESTED, DIGITS, b'{"msg_type":"execute_request","msg_id":""}', b"{}"]),
)


@given(some_json, some_json, some_json, some_json)
@example(NESTED, b"{}", b"{}", b"{}")
@example(b'{"msg_id":' + NESTED + b',"msg_type":"status"}', b"{}", b"{}", b"{}")
@example(b'{"msg_id":"1","msg_type":"stream"}', b"{}", b"{}", b'{"name":%b,"text":""}' % NESTED)
@example(b'{"msg_id":"1","msg_type":"comm_msg"}', NESTED, b"{}", b'{"comm_id":[[1e999]]}')
@example(DIGITS, b"{}", b"{}", b"{}")
def test_any_signed_dicts_are_one_of_three_errors(
    header: bytes, parent: bytes, metadata: bytes, content: bytes
) -> None:
    """A peer that has the key can do no more harm than one that has not."""
    session = make_session(b"key")
    parts = (header, parent, metadata, content)

    with contextlib.suppress(*REMOTE):
        session.decode([DELIMITER, session.signer.sign(*parts), *parts])

    assert_takes_only_what_is_genuine(session, b"key")


def envelope_of(msg_type: str, content: bytes) -> Envelope:
    """Return an unsigned message whose content has not been looked at."""
    header = b'{"msg_id":"1","msg_type":"%b"}' % msg_type.encode()
    return make_session(b"").open([DELIMITER, b"", header, b"{}", b"{}", content])


@given(st.sampled_from(["execute_request", "history_reply", "kernel_info_reply", "x"]), st.data())
def test_any_json_content_is_taken_or_a_content_error(msg_type: str, data: st.DataObject) -> None:
    """`Envelope.message` raises `ContentError` and nothing else, and takes what is right."""
    fields = ["code", "history", "language_info", "help_links", "status", "silent", "traceback"]
    content = data.draw(st.dictionaries(st.sampled_from(fields), json_values(), max_size=4))
    packed = make_session(b"").pack_json("x", json.dumps(content).encode())[5]

    with contextlib.suppress(ContentError):
        envelope_of(msg_type, bytes(packed)).message()

    right = envelope_of("execute_request", b'{"code":"1 + 1"}').message()
    assert right.content == ExecuteRequest(code="1 + 1")
    with pytest.raises(ContentError):
        envelope_of("execute_request", b'{"code":1}').message()


@given(frames())
def test_join_undoes_split(signed: SignedFrames) -> None:
    """Splitting and joining gives the same frames."""
    parts = split(signed.frames)

    assert join(parts) == list(signed.frames)
    assert parts.identities == signed.identities
    assert parts.buffers == signed.message.buffers


@given(
    st.lists(st.binary(max_size=4).filter(lambda b: b != DELIMITER), max_size=3).map(tuple),
    st.lists(st.binary(max_size=4) | st.just(DELIMITER), min_size=5, max_size=9),
)
def test_the_first_delimiter_counts(prefix: tuple[bytes, ...], behind: list[bytes]) -> None:
    """A delimiter among the dicts or buffers is data (WIRE-04)."""
    parts = split([*prefix, DELIMITER, *behind])

    assert parts.identities == prefix
    assert list(parts[1:6]) == behind[:5]
    assert list(parts.buffers) == behind[5:]


@given(st.lists(st.binary(max_size=9).filter(lambda b: b != DELIMITER), max_size=9))
def test_without_a_delimiter_there_is_no_message(raw: list[bytes]) -> None:
    """Frames without a delimiter are refused; one and five more make a message (WIRE-02)."""
    with pytest.raises(FramingError) as caught:
        split(raw)

    assert caught.value.requirement == "WIRE-02"
    assert split([*raw, DELIMITER, *[b"{}"] * 5]).identities == tuple(raw)


@pytest.mark.parametrize("count", range(5))
def test_fewer_than_five_frames_behind_the_delimiter_are_refused(count: int) -> None:
    """Signature and four dicts are the least (WIRE-06)."""
    with pytest.raises(FramingError) as caught:
        split([b"id", DELIMITER, *[b"{}"] * count])

    assert caught.value.requirement == "WIRE-06"


def test_an_error_does_not_show_what_the_frames_say() -> None:
    """Code that a person wrote does not end up in a log."""
    session = make_session(b"")
    spoilt = [DELIMITER, b"", b'{"msg_id":"1","msg_type":"x"}', b"{}", b"{}", b'{"code":"secret"']
    errors = []

    for wrong in (spoilt, spoilt[1:], [*spoilt[:-1], b'["secret"]']):
        with pytest.raises(FramingError) as caught:
            session.decode(wrong)
        errors.append(str(caught.value))

    assert not any("secret" in error for error in errors)


def test_shape_is_judged_before_trust() -> None:
    """Too few frames are a framing error, whatever the signature."""
    session = make_session()

    with pytest.raises(FramingError):
        session.decode([DELIMITER, b"bad", b"{}"])


def test_trust_is_judged_before_meaning() -> None:
    """Nothing of an untrusted message is parsed."""
    session = make_session()

    with pytest.raises(SignatureError):
        session.decode([DELIMITER, b"bad", b"no json", b"{}", b"{}", b"{}"])


@pytest.mark.parametrize("kind", [bytearray, memoryview])
@given(signed=frames())
@settings(max_examples=15)
def test_frames_may_be_of_any_kind_of_bytes(
    kind: Callable[[bytes], Buffer], signed: SignedFrames
) -> None:
    """What was received without copying is read like bytes, and remembered like bytes."""
    session = signed.session()
    views = [kind(frame) for frame in signed.frames]

    delivery = session.decode(views)

    assert delivery == signed.session().decode(signed.frames)
    assert {type(frame) for frame in delivery.identities} <= {bytes}
    assert type(delivery.message.header.raw) is bytes
    assert {type(buffer) for buffer in delivery.message.buffers} <= {kind}
    with pytest.raises(ReplayError):
        session.decode(signed.frames)


def test_buffers_come_as_they_are() -> None:
    """Views and byte arrays may be sent, and stand among the frames as they were given."""
    session = make_session()
    view, array = memoryview(b"view"), bytearray(b"array")

    sent = session.pack_json("x_own", b"{}", buffers=[view, array])

    assert sent[-2] is view
    assert sent[-1] is array
    assert Signer(b"").sign(b"", b"", b"", b"") == b""


def test_frames_that_lend_their_memory_are_read() -> None:
    """What pyzmq has received without copying is a message like any other (WIRE-02)."""
    session = make_session(b"key")
    message = session.message(ExecuteRequest(code="1"), buffers=[b"raw"])
    lending: Any = [zmq.Frame(frame) for frame in session.encode(message, [b"peer"])]

    received = session.decode(lending)
    _, older = FrameCodec(ProtocolVersion.V4_1, b"key").decode(lending)

    assert received.message == message
    assert received.identities == (b"peer",)
    assert older["content"]["code"] == "1"
    assert recognize(lending, b"key").version is ProtocolVersion.V5_5
    assert validate(lending, signer=session.signer) == ()
