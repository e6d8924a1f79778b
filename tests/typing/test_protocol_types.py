"""What a type checker knows of the public signatures; mypy reads this, and pytest runs it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import assert_type

import cattrs
from hypothesis.strategies import SearchStrategy

from assay.protocol import (
    UNSET,
    Buffer,
    Channel,
    ConnectionFile,
    Content,
    Curve,
    Delivery,
    Envelope,
    ExecuteRequest,
    ExecutionState,
    Finding,
    FrameCodec,
    Frames,
    Handshake,
    Header,
    Json,
    JsonObject,
    Message,
    MessageDict,
    MsgId,
    Profile,
    ProtocolVersion,
    Recognition,
    Recorded,
    Registration,
    RegistrationFile,
    Sender,
    SessionId,
    Status,
    Translator,
    UnsetType,
    check_conversation,
    content_class,
    decode_json,
    decode_object,
    encode_json,
    join,
    make_converter,
    recognize,
    split,
    structure,
    structure_content,
    structure_message,
    unstructure,
    unstructure_message,
    validate,
)
from assay.testing import (
    AdversarialFrames,
    End,
    MalformedContent,
    MutatedFrames,
    SignedFrames,
    Step,
    adversarial_frames,
    as_bytes,
    contents,
    conversations,
    frames,
    headers,
    json_values,
    linked_sessions,
    make_session,
    malformed_contents,
    messages,
    mutated_frames,
    standing_clock,
)


def test_a_message_knows_its_content() -> None:
    """`Session.message` keeps the content's class; what is decoded is any content."""
    session = make_session()

    made = session.message(ExecuteRequest(code="1"))
    assert_type(made, Message[ExecuteRequest])
    assert_type(made.content.code, str)
    assert_type(made.content.store_history, bool | UnsetType)
    packed = session.pack(made.content)
    assert_type(packed, list[Buffer])
    assert_type(session.encode(made), list[Buffer])
    assert_type(session.pack_json("status", b"{}"), list[Buffer])
    delivery = make_session().decode(packed)
    assert_type(delivery, Delivery[Content])
    assert_type(delivery.message.content, Content)
    assert_type(delivery.identities, tuple[bytes, ...])


def test_a_message_of_one_content_is_a_message() -> None:
    """Messages are covariant: a function that takes any message takes this one."""

    def kind(message: Message[Content]) -> str:
        return message.header.msg_type

    assert kind(make_session().message(Status(execution_state=ExecutionState.IDLE))) == "status"


def test_an_envelope_is_read_in_two_steps() -> None:
    """The header is typed before the content is."""
    session = make_session()
    packed = as_bytes(session.pack(Status(execution_state=ExecutionState.IDLE)))

    envelope = make_session().open(packed)
    assert_type(envelope, Envelope)
    assert_type(envelope.header, Header)
    assert_type(envelope.header.raw, bytes | None)
    assert_type(envelope.header.msg_id, MsgId)
    assert_type(envelope.header.session, SessionId)
    assert_type(envelope.header.date, str | UnsetType)
    assert_type(envelope.parent_header, Header | None)
    assert_type(envelope.metadata, Mapping[str, Json])
    assert_type(envelope.content, JsonObject)
    assert_type(envelope.message(), Message[Content])


def test_frames_and_json_are_typed() -> None:
    """Bytes in, values out."""
    parts = split([b"<IDS|MSG>", b"", b"{}", b"{}", b"{}", b"{}"])
    assert_type(parts, Frames)
    assert_type(join(parts), list[Buffer])
    assert_type(decode_json(b"1"), Json)
    assert_type(decode_object(b"{}", "content"), dict[str, Json])
    anything: object = {"a": [1]}
    assert_type(encode_json(anything), bytes)
    assert_type(unstructure(ExecuteRequest(code="")), dict[str, Json])
    assert_type(structure(ExecuteRequest, {"code": ""}), ExecuteRequest)
    assert_type(structure_content("x", {}), Content)
    assert_type(content_class("x"), type[Content])
    assert_type(make_converter(), cattrs.Converter)


def test_a_connection_file_is_typed(tmp_path: Path) -> None:
    """Ports are numbers, keys come in pairs."""
    ConnectionFile(key="k").write(tmp_path / "kernel.json")
    file = ConnectionFile.read(tmp_path / "kernel.json")
    assert_type(file, ConnectionFile)
    assert_type(file.port(Channel.SHELL), int)
    assert_type(file.address(Channel.HB), str)
    assert_type(file.curve, Curve | None)
    assert_type(file.with_ports({Channel.HB: 1}), ConnectionFile)
    assert_type(file.kernel_name, str | UnsetType)

    assert file.kernel_name is UNSET


def test_judgements_are_typed() -> None:
    """A message in any form and a recording lead to findings."""
    session = make_session()
    frames = session.pack(Status(execution_state=ExecutionState.IDLE))
    record = Recorded(index=0, channel="iopub", sender=Sender.KERNEL, message=frames)
    assert_type(record.channel, Channel)
    assert_type(validate(frames), tuple[Finding, ...])
    assert_type(validate({"header": {}}, profile=Profile.LENIENT), tuple[Finding, ...])
    assert_type(check_conversation([record], complete=False), tuple[Finding, ...])


def test_old_versions_are_typed() -> None:
    """Dicts go up and down, and become messages and dicts again."""
    translator = Translator(ProtocolVersion.V4_1, now=standing_clock())
    header = {"msg_id": "m", "msg_type": "connect_request"}
    raised = translator.up({"header": header, "content": {}})
    assert_type(raised, MessageDict | None)
    assert raised is not None
    message = structure_message(raised)
    assert_type(message, Message[Content])
    assert_type(unstructure_message(message), MessageDict)
    codec = FrameCodec(ProtocolVersion.V4_1, b"key")
    frames = codec.encode(raised)
    assert_type(frames, list[Buffer])
    assert_type(recognize(frames, b"key"), Recognition)
    assert_type(codec.decode(frames), tuple[tuple[bytes, ...], MessageDict])


def test_the_handshake_is_typed() -> None:
    """A registration goes to the service, and anything comes back."""
    file = RegistrationFile.from_json(
        b'{"kernel_id":"k","registration_ip":"127.0.0.1","registration_port":1,'
        b'"key":"","signature_scheme":"hmac-sha256"}'
    )
    registration = Registration(
        kernel_id="k", shell_port=1, control_port=2, stdin_port=3, iopub_port=4, hb_port=5
    )
    handshake = Handshake(file)
    frames = handshake.register(registration)
    assert_type(frames, list[Buffer])
    read = handshake.read_registration(frames)
    assert_type(read, tuple[tuple[bytes, ...], Registration])
    assert_type(handshake.read_acknowledgement(handshake.acknowledge()), JsonObject)
    assert_type(registration.connection(file), ConnectionFile)


def test_strategies_are_typed() -> None:
    """A test that draws from them knows what it gets."""
    assert_type(json_values(), SearchStrategy[Json])
    assert_type(headers(), SearchStrategy[Header])
    assert_type(contents("status"), SearchStrategy[Content])
    assert_type(messages(), SearchStrategy[Message[Content]])
    assert_type(conversations(), SearchStrategy[tuple[Step, ...]])
    assert_type(adversarial_frames(), SearchStrategy[AdversarialFrames])
    assert_type(frames(), SearchStrategy[SignedFrames])
    assert_type(mutated_frames(), SearchStrategy[MutatedFrames])
    assert_type(malformed_contents(), SearchStrategy[MalformedContent])
    assert_type(linked_sessions().client, End)
