"""What is encoded and decoded is what was said."""

from __future__ import annotations

import json
import pickle
from copy import copy, deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.protocol import (
    MESSAGE_TYPES,
    AskedExecute,
    ConnectionFile,
    Content,
    Envelope,
    ExecuteRequest,
    Json,
    KernelSpec,
    Message,
    MsgId,
    RegistrationFile,
    Session,
    SessionId,
    content_class,
    decode_json,
    split,
    structure,
    structure_content,
    unstructure,
)
from assay.testing import (
    NOON,
    SignedFrames,
    as_bytes,
    buffers,
    contents,
    frames,
    headers,
    identities,
    ids,
    json_objects,
    json_values,
    linked_sessions,
    make_session,
    messages,
    standing_clock,
    texts,
)
from tests.properties import EACH


def as_lists(value: object) -> object:
    """Return *value* with lists for tuples, so that it compares with parsed JSON."""
    return json.loads(json.dumps(value))


@pytest.mark.parametrize("msg_type", sorted(MESSAGE_TYPES))
@given(data=st.data())
@settings(max_examples=EACH)
def test_every_type_of_message_comes_back_equal(msg_type: str, data: st.DataObject) -> None:
    """A decoded message equals the encoded one, and encodes to the same content again."""
    message = data.draw(messages(msg_type))
    link = linked_sessions()

    sent = link.client.send(message, (b"id",))
    received = link.kernel.receive()

    assert received.message == message
    assert received.identities == (b"id",)
    assert (
        split(as_bytes(link.client.session.encode(received.message))).content == split(sent).content
    )


@given(frames(scheme=None), st.booleans())
def test_any_key_and_scheme_carries_any_message(signed: SignedFrames, lazily: bool) -> None:
    """A message comes back equal under every key, scheme, routing prefix and reading."""
    session = signed.session()

    if lazily:
        envelope = session.open(signed.frames)
        prefix, message = envelope.identities, envelope.message()
    else:
        delivery = session.decode(signed.frames)
        prefix, message = delivery.identities, delivery.message

    assert message == signed.message
    assert prefix == signed.identities


@given(messages())
def test_encoded_parts_are_json_objects(message: Message[Content]) -> None:
    """The four dicts are JSON objects to a parser that is not ours, header fields included."""
    parts = split(as_bytes(make_session().encode(message)))

    for part in (parts.header, parts.parent_header, parts.metadata, parts.content):
        assert type(json.loads(part)) is dict
    assert json.loads(parts.header) == as_lists(unstructure(message.header))
    assert json.loads(parts.content) == as_lists(unstructure(message.content))


@given(contents(), st.none() | headers(), json_objects(), buffers(), identities(), ids(), texts())
def test_pack_says_what_message_and_encode_say(  # noqa: PLR0917 - drawn values
    content: Content,
    parent: Any,
    metadata: dict[str, Any],
    attached: tuple[bytes, ...],
    prefix: tuple[bytes, ...],
    msg_id: str,
    name: str,
) -> None:
    """`pack` gives the frames of `encode(message(…))` but for the order of the header's fields."""
    session = Session(
        b"key",
        session=SessionId(name),
        now=standing_clock(NOON),
        new_id=lambda: MsgId(msg_id),
        username=name,
    )
    msg_type = content.msg_type or "execute_reply"
    message = session.message(
        content, parent=parent, msg_type=msg_type, metadata=metadata, buffers=attached
    )
    raw = split(as_bytes(session.encode(message))).parent_header

    slow = split(as_bytes(session.encode(message, prefix)))
    packed = session.pack(
        content,
        parent=raw,
        msg_type=msg_type,
        metadata=metadata,
        buffers=attached,
        identities=prefix,
    )
    fast = split(as_bytes(packed))

    assert json.loads(fast.header) == json.loads(slow.header)
    assert fast._replace(header=b"", signature=b"") == slow._replace(header=b"", signature=b"")
    session.signer.verify(fast.signature, *fast[2:6])


@given(json_values())
def test_json_comes_back(value: Any) -> None:
    """Every JSON value survives a content, in Python's types and to the last digit."""
    link = linked_sessions()

    link.client.say(structure_content("comm_msg", {"comm_id": "c", "data": {"value": value}}))
    received: Any = link.kernel.receive().message.content

    assert json.dumps(received.data["value"]) == json.dumps(value)


@given(st.integers(), st.text(st.characters(codec="utf-16"), max_size=5))
def test_wide_integers_and_astral_text_come_back(number: int, text: str) -> None:
    """Integers have no width and text no plane."""
    session = make_session()
    content = structure_content("comm_msg", {"comm_id": text, "data": {text: number << 70}})

    received = session.decode(as_bytes(session.pack(content))).message.content

    assert received == content


@pytest.mark.parametrize("msg_type", sorted(MESSAGE_TYPES))
@given(data=st.data())
@settings(max_examples=EACH)
def test_unknown_keys_survive(msg_type: str, data: st.DataObject) -> None:
    """Keys that the protocol does not name are kept and written back (WIRE-15)."""
    content = data.draw(contents(msg_type))
    known = unstructure(content)
    unknown = {"x-own": [1, {"a": None}], "_extra": 5, "_raw": "r", "extra": {}, "": True}
    extra: dict[str, Any] = {key: value for key, value in unknown.items() if key not in known}

    made = structure_content(msg_type, {**known, **extra})

    assert made.extra == {**content.extra, **extra}
    assert as_lists(unstructure(made)) == as_lists({**known, **extra})
    assert type(made) is content_class(msg_type, known.get("status"))


@pytest.mark.parametrize("key", ["x-own", "_extra", "_raw"])
@pytest.mark.parametrize("value", [5, {"a": 1}])
def test_unknown_keys_survive_in_nested_contents(key: str, value: Any) -> None:
    """Unknown keys of a language, a help link and a listed comm are kept (WIRE-15)."""
    info: Json = {
        "name": "n",
        "version": "1",
        "mimetype": "t/p",
        "file_extension": ".n",
        key: value,
    }
    reply: dict[str, Json] = {
        "implementation": "i",
        "implementation_version": "1",
        "language_info": info,
        "help_links": [{"text": "t", "url": "u", key: value}, {"text": "t", "url": "u"}],
    }
    comms: dict[str, Json] = {
        "comms": {"c-1": {"target_name": "t", key: value}, "c-2": {"target_name": "t"}}
    }

    for msg_type, data in (("kernel_info_reply", reply), ("comm_info_reply", comms)):
        session = make_session()
        made = structure_content(msg_type, data)
        sent = json.loads(split(as_bytes(session.pack(made))).content)
        assert {name: sent[name] for name in data} == data


@given(headers(), st.dictionaries(texts(), json_values(max_leaves=3), max_size=3))
def test_unknown_keys_survive_in_headers(header: Any, extra: dict[str, Any]) -> None:
    """Unknown keys of a header are kept and written back (WIRE-15)."""
    data = {**extra, **unstructure(header)}

    made = structure(type(header), data)

    assert as_lists(unstructure(made)) == as_lists(data)


SPACED = b'{ "msg_type":"status","msg_id" : "\\u0061", "x-own":[1.0, 1e2],"date":"yesterday"}'


def test_a_parent_header_is_echoed_byte_for_byte() -> None:
    """Spaces, escapes, order, unknown keys and number forms of a header stay (HDR-15)."""
    session = make_session()
    parts = (SPACED, b" {} ", b"{}", b'{"execution_state":"busy"}')
    opened = session.open([b"<IDS|MSG>", session.signer.sign(*parts), *parts])

    reply = session.message(opened.message().content, parent=opened.header)
    slow = as_bytes(session.encode(reply))
    fast = as_bytes(session.pack(reply.content, parent=SPACED))

    assert opened.header.raw == SPACED
    assert opened.parent_header is None
    assert split(slow).parent_header == split(fast).parent_header == SPACED
    received = session.decode(slow).message
    assert received.parent_header == opened.header
    assert received.parent_header is not None
    assert received.parent_header.raw == SPACED


@given(frames())
def test_open_reads_everything_but_the_content(signed: SignedFrames) -> None:
    """An envelope has the message's parts, and its content as it came."""
    envelope = signed.session().open(signed.frames)

    assert isinstance(envelope, Envelope)
    assert envelope.header == signed.message.header
    assert envelope.parent_header == signed.message.parent_header
    assert envelope.metadata == signed.message.metadata
    assert envelope.buffers == signed.message.buffers
    assert envelope.content == decode_json(split(signed.frames).content)


@given(ids(), ids())
def test_ids_are_opaque(msg_id: str, name: str) -> None:
    """An id may be any text, quotes and line ends included (HDR-02, AMB-13)."""
    session = Session(
        b"k", session=SessionId(name), now=standing_clock(), new_id=lambda: MsgId(msg_id)
    )
    content = structure_content("status", {"execution_state": "idle"})

    header = session.decode(as_bytes(session.pack(content))).message.header

    assert (header.msg_id, header.session) == (msg_id, name)


@pytest.mark.parametrize("msg_type", sorted(MESSAGE_TYPES))
@given(data=st.data())
@settings(max_examples=EACH)
def test_equal_messages_have_equal_hashes(msg_type: str, data: st.DataObject) -> None:
    """What is frozen can be kept in a set, whatever JSON it holds."""
    message = data.draw(messages(msg_type))
    link = linked_sessions()
    link.client.send(message)

    received = link.kernel.receive().message

    assert {message, received} == {message}
    assert {message.header, received.header} == {message.header}
    assert {message.content, received.content} == {message.content}


@given(messages())
def test_a_message_can_be_copied_and_pickled(message: Message[Content]) -> None:
    """Copies equal the message and keep the bytes of a header that came, for its echo."""
    link = linked_sessions()
    link.client.send(message)
    received = link.kernel.receive()

    assert received.message == message
    copies = [pickle.loads(pickle.dumps(received)), deepcopy(received), copy(received)]

    assert copies == [received] * 3
    assert {one.message.header.raw for one in copies} == {received.message.header.raw}


def test_envelopes_files_and_records_have_hashes() -> None:
    """So have the other values of the package that hold objects of JSON."""
    session = make_session()
    frames = session.pack(ExecuteRequest(code="1"), metadata={"a": [1]}, buffers=[bytearray(b"b")])
    spec = KernelSpec(argv=("k",), display_name="K", language="k", env={"A": "1"}, metadata={})
    connection = ConnectionFile(key="", extra={"a": {}})
    registration = RegistrationFile(
        kernel_id="k", registration_ip="ip", registration_port=1, key=""
    )
    asked = AskedExecute(variables={"a": "b"})

    assert len({make_session().open(frames), spec, connection, registration, asked}) == 5
