"""The byte vectors are sound and current, and our codec and another agree with them."""

from __future__ import annotations

import ast
import json
import sys
import tomllib
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.session import Session as OtherSession

import assay.protocol
from assay import spec
from assay.protocol import (
    MESSAGE_TYPES,
    PROTOCOL_VERSION,
    Channel,
    ConnectionFile,
    ConnectionFileError,
    Content,
    ContentError,
    Delivery,
    Finding,
    FramingError,
    Handshake,
    Header,
    KernelSpec,
    LocalError,
    MsgId,
    Profile,
    ProtocolError,
    RegistrationFile,
    RemoteError,
    ReplayError,
    Session,
    SessionId,
    Severity,
    SignatureError,
    Signer,
    Unknown,
    WebsocketForm,
    join,
    join_websocket,
    split,
    split_websocket,
    unstructure,
    validate,
)
from assay.protocol.versions import (
    FrameCodec,
    MessageDict,
    ProtocolVersion,
    Translator,
    recognize,
)
from spec import make_vectors

Vector = Mapping[str, Any]

FOLDER = Path(make_vectors.__file__).parent / "vectors"
VECTORS: tuple[Vector, ...] = tuple(
    vector
    for path in sorted(FOLDER.glob("*.json"))
    for vector in json.loads(path.read_text("utf-8"))["vectors"]
)
ERRORS: Mapping[str, type[ProtocolError]] = {
    "framing": FramingError,
    "signature": SignatureError,
    "json": FramingError,
    "header": FramingError,
    "replay": ReplayError,
    "content": ContentError,
}
"""What our codec raises when it notices at this stage."""

OLD = frozenset({"3", "4.0", "4.1"})
"""Versions whose contents are not those of 5.x, so that nobody can type them before translating."""


def of(*kinds: str, **values: str) -> list[Any]:
    """Return the vectors of these kinds, and with these values, as parameters."""
    return [
        pytest.param(one, id=one["id"])
        for one in VECTORS
        if one["kind"] in kinds and all(one.get(key) == value for key, value in values.items())
    ]


def is_new(parameter: Any) -> bool:
    """Return whether the vector of this parameter is of 5.0 or later."""
    return parameter.values[0]["protocol"] not in OLD


def now() -> datetime:
    return datetime(2026, 1, 2, tzinfo=UTC)


def frames(vector: Vector) -> list[bytes]:
    return [bytes.fromhex(frame) for frame in vector["frames"]]


def receiver(vector: Vector) -> Session:
    """Return a session that has the vector's key and scheme, MD5 included."""
    return Session(
        vector["key"].encode(),
        session=SessionId("receiver"),
        now=now,
        new_id=lambda: MsgId("1"),
        signature_scheme=vector["signature_scheme"],
        allow_broken_scheme=True,
        replay_window=vector.get("replay_window"),
    )


UNSIGNED: Vector = {"key": "", "signature_scheme": "hmac-sha256"}


def decoded(vector: Vector) -> dict[str, Any]:
    """Return the vector's value with the numbers that `exact` holds in their places."""
    value: dict[str, Any] = json.loads(json.dumps(vector["decoded"]))
    for number in vector.get("exact", ()):
        *path, last = number["at"].split("/")[1:]
        place = value
        for key in path:
            place = place[key]
        place[last] = int(number["integer"])
    return value


def canonical(value: object) -> str:
    """Return a text that two values share if they are the same JSON: 1, 1.0 and true differ."""
    return json.dumps(value, sort_keys=True)


def as_header(header: Header | None) -> object:
    return {} if header is None else unstructure(header)


def as_value(delivery: Delivery[Content]) -> dict[str, Any]:
    """Return what was decoded in the form of a vector."""
    message = delivery.message
    return {
        "header": as_header(message.header),
        "parent_header": as_header(message.parent_header),
        "metadata": message.metadata,
        "content": unstructure(message.content),
        "buffers": [bytes(buffer).hex() for buffer in message.buffers],
    }


def typed_as(msg_type: str, content: Mapping[str, object]) -> type[Content]:
    """Return the class a content belongs to; shares no code with the registry."""
    status = content.get("status")
    if msg_type.endswith("_reply") and status in ("error", "aborted", "abort"):
        name = "ErrorReply" if status == "error" else "Aborted"
    else:
        name = "".join(word.capitalize() for word in msg_type.split("_"))
    found: type[Content] = getattr(assay.protocol, name, Unknown)
    if name in {"ErrorReply", "Aborted"}:
        return found
    # What is no type of the protocol is known where a program has registered it (`register_usage`).
    return found if found.msg_type == msg_type and msg_type in MESSAGE_TYPES else Unknown


def check(session: Session, step: Vector) -> None:
    """Hand *session* the frames of a vector, or of one step, and compare what comes out."""
    match step["result"]:
        case "valid":
            check_valid(session, step)
        case "invalid":
            check_invalid(session, step)
        case "either":
            check_either(session, step)


def check_valid(session: Session, step: Vector) -> None:
    delivery = session.decode(frames(step))
    wanted = decoded(step)

    assert [identity.hex() for identity in delivery.identities] == step["identities"]
    assert type(delivery.message.content) is typed_as(
        wanted["header"]["msg_type"], wanted["content"]
    )
    # Fields with a default may be written back although they did not come.
    got = as_value(delivery)
    got["content"] = without_defaults(got["content"], wanted["content"])
    assert canonical(got) == canonical(wanted)


def without_defaults(got: Mapping[str, Any], wanted: Mapping[str, Any]) -> object:
    """Return *got* without the fields that were not on the wire and that nothing was read from."""
    made: dict[str, object] = {}
    for key, value in got.items():
        inner: Any = wanted.get(key)
        if key in wanted:
            nested = isinstance(value, Mapping) and isinstance(inner, Mapping)
            made[key] = without_defaults(value, inner) if nested else value
    return made


def check_invalid(session: Session, step: Vector) -> None:
    with pytest.raises(RemoteError) as caught:
        session.decode(frames(step))

    assert type(caught.value) is ERRORS[step["stage"]]


def check_either(session: Session, step: Vector) -> None:
    try:
        delivery = session.decode(frames(step))
    except RemoteError:
        return
    if "decoded" in step:
        wanted, got = decoded(step), as_value(delivery)
        got["content"] = without_defaults(got["content"], wanted["content"])
        for part in ("header", "parent_header"):
            got[part] = without_defaults(got[part], wanted[part])
        assert canonical(got) == canonical(wanted)


@pytest.mark.parametrize("vector", of("message"))
def test_our_codec_agrees(vector: Vector) -> None:
    """What is valid decodes to just that, and what is invalid is refused where it should be."""
    if vector["protocol"] in OLD:
        envelope = receiver(vector).open(frames(vector))
        got = {
            "header": as_header(envelope.header),
            "parent_header": as_header(envelope.parent_header),
            "metadata": envelope.metadata,
            "content": envelope.content,
            "buffers": [bytes(buffer).hex() for buffer in envelope.buffers],
        }
        assert canonical(got) == canonical(decoded(vector))
    else:
        check(receiver(vector), vector)


@pytest.mark.parametrize("vector", of("message", result="valid"))
def test_our_codec_keeps_the_bytes_of_what_it_echoes(vector: Vector) -> None:
    """A header that came goes out again as the very bytes (HDR-15)."""
    session = receiver(vector)
    came = split(frames(vector))

    envelope = session.open(frames(vector))

    assert envelope.header.raw == came.header
    if envelope.parent_header is not None:
        assert envelope.parent_header.raw == came.parent_header


@pytest.mark.parametrize("vector", [one for one in of("message", result="valid") if is_new(one)])
def test_our_codec_sends_on_what_it_got(vector: Vector) -> None:
    """A message that is encoded again says the same, with the same headers to the byte."""
    session = receiver(vector)
    came = split(frames(vector))
    delivery = session.decode(frames(vector))

    again = [bytes(frame) for frame in session.encode(delivery.message, delivery.identities)]

    assert split(again).header == came.header
    assert split(again).identities == came.identities
    if delivery.message.parent_header is not None:
        assert split(again).parent_header == came.parent_header
    check_valid(receiver(vector), {**vector, "frames": [frame.hex() for frame in again]})


@pytest.mark.parametrize("vector", of("message", signature_scheme="hmac-md5"))
def test_md5_is_used_only_when_asked_for(vector: Vector) -> None:
    """A connection file alone does not make our codec use a broken hash (SIGN-12)."""
    with pytest.raises(LocalError) as caught:
        Signer(vector["key"].encode(), vector["signature_scheme"])

    assert caught.value.requirement == "SIGN-12"


@pytest.mark.parametrize("vector", of("message", stage="content"))
def test_wrong_content_is_noticed_last(vector: Vector) -> None:
    """The header of a message with wrong content can be trusted, so that it can be answered."""
    envelope = receiver(vector).open(frames(vector))

    assert canonical(envelope.content) == canonical(vector["decoded"]["content"])
    assert canonical(as_header(envelope.header)) == canonical(vector["decoded"]["header"])
    with pytest.raises(ContentError) as caught:
        envelope.message()
    assert caught.value.faults


@pytest.mark.parametrize("vector", of("sequence"))
def test_our_codec_agrees_over_a_sequence(vector: Vector) -> None:
    """One receiver gets all messages of a sequence, and each one meets its fate."""
    session = receiver(vector)

    for step in vector["sequence"]:
        check(session, step)


@pytest.mark.parametrize("vector", of("version-3-message"))
def test_messages_of_version_3_are_no_messages_of_5(vector: Vector) -> None:
    """Whoever speaks 5.x refuses three dicts, though the signature of the three is right."""
    start = vector["frames"].index(b"<IDS|MSG>".hex())
    signature, header, parent, content, *_ = frames(vector)[start + 1 :]
    signer = Signer(vector["key"].encode(), vector["signature_scheme"], allow_broken=True)

    with pytest.raises(RemoteError):
        receiver(vector).decode(frames(vector))

    signer.verify(signature, header, parent, b"", content)


@pytest.mark.parametrize(
    "vector", [one for one in of("message", "version-3-message") if not is_new(one)]
)
def test_our_codec_of_old_versions_agrees(vector: Vector) -> None:
    """Frames of 3 and 4 are known for what they are, read, translated and written again."""
    key = vector["key"].encode()
    version = ProtocolVersion(vector["protocol"])
    codec = FrameCodec(version, key, allow_broken_scheme=True)
    wanted = {"metadata": {}, **decoded(vector)}

    identities, message = codec.decode(frames(vector))

    assert [identity.hex() for identity in identities] == vector["identities"]
    assert canonical(in_hexadecimal(message)) == canonical(wanted)
    # Nothing in the frames of one message tells 4.0 from 4.1.
    shown = recognize(frames(vector), key, allow_broken_scheme=True).version
    assert shown is (ProtocolVersion.V3 if version is ProtocolVersion.V3 else ProtocolVersion.V4_1)
    assert (Translator(version, now=now).up(message) is None) is (
        message["header"]["msg_type"] in WITHOUT_SUCCESSOR
    )
    again = [bytes(frame) for frame in codec.encode(message, identities)]
    _, message = FrameCodec(version, key, allow_broken_scheme=True).decode(again)
    assert canonical(in_hexadecimal(message)) == canonical(wanted)


WITHOUT_SUCCESSOR: frozenset[str] = frozenset()
"""Old message types that are nothing in 5.5."""


def in_hexadecimal(message: MessageDict) -> dict[str, Any]:
    return {**message, "buffers": [bytes(buffer).hex() for buffer in message["buffers"]]}


def findings(vector: Vector) -> tuple[Finding, ...]:
    """Return what our validator says, as far as a tolerant receiver minds."""
    return validate(
        frames(vector),
        profile=Profile.LENIENT,
        signer=Signer(vector["key"].encode(), vector["signature_scheme"], allow_broken=True),
        version=vector["protocol"] if vector["protocol"] in OLD else None,
    )


@pytest.mark.parametrize("vector", of("message", result="valid"))
def test_our_validator_has_nothing_against_valid_messages(vector: Vector) -> None:
    """What every receiver accepts breaks no rule that a tolerant one needs."""
    assert [one for one in findings(vector) if one.severity is Severity.VIOLATION] == []


@pytest.mark.parametrize("vector", of("message", result="invalid"))
def test_our_validator_finds_what_is_wrong(vector: Vector) -> None:
    """What receivers refuse breaks some rule; of a wrong content it names one that is pinned."""
    rules = {one.requirement for one in findings(vector)}

    assert rules
    if vector["stage"] == "content":
        assert rules & {"HDR-18", "SHELL-10", *vector["requirements"]}


@pytest.mark.parametrize("vector", of("message", result="either"))
def test_our_validator_copes_with_what_is_open(vector: Vector) -> None:
    """What receivers may refuse does no harm to who judges it."""
    validate(frames(vector))


@pytest.mark.parametrize("vector", of("registration-message"))
def test_our_handshake_agrees(vector: Vector) -> None:
    """The messages of the handshake are read as the vector says, or refused for their signature."""
    file = RegistrationFile(
        kernel_id="k-1",
        registration_ip="127.0.0.1",
        registration_port=1,
        key=vector["key"],
        signature_scheme=vector["signature_scheme"],
    )
    handshake = Handshake(file)
    received = frames(vector)
    if vector["result"] != "valid":
        with pytest.raises(SignatureError):
            handshake.read_acknowledgement(received)
        return

    content = handshake.read_acknowledgement(received)

    assert content == vector["decoded"]["content"]
    if "HANDSHAKE-03" in vector["requirements"]:
        identities, registration = handshake.read_registration(received)
        assert registration.to_object() == content
        assert [one.hex() for one in identities] == vector["identities"]


@pytest.mark.parametrize("vector", of("kernelspec", "registration-file"))
def test_our_readers_of_other_files_agree(vector: Vector) -> None:
    """A kernelspec and a registration file are read as the vector says, or refused."""
    data = bytes.fromhex(vector["file"])
    reader = KernelSpec if vector["kind"] == "kernelspec" else RegistrationFile
    if vector["result"] == "invalid":
        with pytest.raises((ContentError, ConnectionFileError, FramingError)):
            reader.from_json(data)
        return

    written = json.loads(reader.from_json(data).to_json())

    if vector["result"] == "valid":
        assert {key: written[key] for key in vector["decoded"]} == vector["decoded"]


@pytest.mark.parametrize("vector", of("websocket-message"))
def test_our_reader_of_websockets_agrees(vector: Vector) -> None:
    """A message over a websocket is read as the vector says, or refused for the rule it breaks.

    The bytes of its JSON are a session's to read.
    """
    frame = bytes.fromhex(vector["frame"])
    data = frame.decode() if vector["opcode"] == "text" else frame
    form = WebsocketForm(vector["subprotocol"])

    def read() -> dict[str, Any]:
        channel, frames = split_websocket(data, form)
        return {"channel": channel.value, **as_value(receiver(UNSIGNED).decode(join(frames)))}

    if vector["result"] == "invalid":
        with pytest.raises(FramingError) as refused:
            read()
        assert refused.value.requirement in {vector["breaks"], "WIRE-06"}
        assert vector["stage"] == "json" or refused.value.requirement == vector["breaks"]
        return
    try:
        got = read()
    except FramingError:
        assert vector["result"] == "either"
        return
    assert canonical(got) == canonical(vector["decoded"])


@cache
def whole(name: str, profile: spec.Profile, version: str = PROTOCOL_VERSION) -> Any:
    """Return the validator of a whole message of *version*."""
    judge = import_module("jsonschema").Draft202012Validator
    return judge(spec.schema(name, version, profile).document)


def test_the_schemas_of_whole_messages_agree() -> None:
    """The lenient one of its version refuses a message for its content, and takes one of each type
    whose content is right."""
    wrong = [one.values[0] for one in of("message", stage="content")]
    sound = {}
    for one in (row.values[0] for row in of("message", result="valid")):
        header = one["decoded"]["header"]
        sound[header["msg_type"], header.get("version")] = one

    for vector in (*wrong, *sound.values()):
        parts = {key: item for key, item in vector["decoded"].items() if key != "buffers"}
        version = spec.schema_version(parts["header"].get("version"))
        judge = whole("message", "lenient", version)
        assert judge.is_valid(parts) is (vector["result"] == "valid"), vector["id"]


@pytest.mark.parametrize("vector", of("websocket-message", opcode="text", subprotocol=""))
def test_the_schemas_of_websockets_agree(vector: Vector) -> None:
    """The lenient one takes the object of a text frame exactly if it is not invalid; the strict one
    takes what is valid, and nothing that is left open."""
    try:
        message = json.loads(bytes.fromhex(vector["frame"]))
    except ValueError:
        return
    lenient, strict = (
        whole("websocket_message", profile).is_valid(message) for profile in ("lenient", "strict")
    )

    assert lenient is (vector["result"] != "invalid")
    assert strict is (vector["result"] == "valid")


@pytest.mark.parametrize("vector", of("websocket-message", result="valid"))
def test_our_writer_of_websockets_comes_back(vector: Vector) -> None:
    """What was read from one form is written in both, and read again as the same."""
    frame = bytes.fromhex(vector["frame"])
    data = frame.decode() if vector["opcode"] == "text" else frame
    channel, frames = split_websocket(data, WebsocketForm(vector["subprotocol"]))

    for form in WebsocketForm:
        assert split_websocket(join_websocket(channel, frames, form), form) == (channel, frames)
    if vector["subprotocol"]:
        assert join_websocket(channel, frames, WebsocketForm.V1) == frame


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_the_files_have_a_schema(path: Path) -> None:
    """Each file of vectors fits the schema of such files, which refuses what is none."""
    schema = json.loads((FOLDER.parent / "vectors.schema.json").read_text("utf-8"))
    judge = import_module("jsonschema").Draft202012Validator(schema)
    whole = json.loads(path.read_text("utf-8"))

    assert [error.message[:200] for error in judge.iter_errors(whole)] == []
    for change in ({"id": "VEC-1"}, {"result": "maybe"}, {"kind": "letter"}, {"own": 1}):
        assert not judge.is_valid({**whole, "vectors": [{**whole["vectors"][0], **change}]})
    assert not judge.is_valid({**whole, "format": 2})


@pytest.mark.parametrize("key", ["decoded", "key", "signature_scheme"])
def test_a_valid_file_says_what_is_in_it(key: str) -> None:
    """Whoever accepts a file can compare what it holds, its key and scheme included."""
    schema = json.loads((FOLDER.parent / "vectors.schema.json").read_text("utf-8"))
    judge = import_module("jsonschema").Draft202012Validator(schema)
    good = [one for one in VECTORS if one["id"] in {"VEC-CONNECTION-011", "VEC-REGISTRATION-001"}]
    for one in good:
        whole = {"format": 1, "subject": "x", "title": "x", "vectors": [one]}
        assert judge.is_valid(whole)
        less = {name: value for name, value in one.items() if name != key}
        assert not judge.is_valid({**whole, "vectors": [less]})
    assert len(good) == 2


@pytest.mark.parametrize("vector", of("connection-file"))
def test_our_reader_of_connection_files_agrees(vector: Vector) -> None:
    """A file is read as the vector says, or refused."""
    data = bytes.fromhex(vector["file"])
    if vector["result"] == "invalid":
        with pytest.raises(ConnectionFileError):
            ConnectionFile.from_json(data)
        return
    try:
        file = ConnectionFile.from_json(data)
    except ConnectionFileError:
        assert vector["result"] == "either"
        return
    for channel, address in vector.get("addresses", {}).items():
        assert file.address(Channel(channel)) == address
    if "decoded" in vector and vector["result"] == "valid":
        written = json.loads(file.to_json())
        assert {key: written[key] for key in vector["decoded"]} == vector["decoded"]
        assert file.key == vector["key"]
        assert file.signature_scheme == vector["signature_scheme"]


# -- another implementation -------------------------------------------------------------------


NO_OBJECT = "does not ask whether a dict is an object"
NO_TYPES = "asks of a header that it has msg_id, msg_type and a usable version, and no more"
PYTHON_JSON = "reads JSON as Python does, NaN and Infinity included"
REPLACED_TEXT = "replaces bytes that are not UTF-8 before it reads JSON"
POISONED = "remembers a signature before it checks it: a forged copy spoils the genuine message"


def numbered(subject: str, *numbers: int) -> tuple[str, ...]:
    return tuple(f"VEC-{subject}-{number:03}" for number in numbers)


DIFFERENCES: Mapping[str, str] = {
    vector: reason
    for reason, vectors in {
        NO_OBJECT: (
            *numbered("CONTROL", 11, 25, 34),
            *numbered("ENGINE", 8, 15),
            *numbered("JSON", 2, 3, 4, 8, 10, 11, 12, 14, 15, 16, 18, 19, 20, 82),
            *numbered("REPLAY", 15),
            *numbered("SHELL", 80, 90),
        ),
        NO_TYPES: numbered("HEADERS", 16, 17, 18, 19, 20, 21, 22, 23, 24, 27, 28, 51, 52, 53, 62),
        PYTHON_JSON: numbered("JSON", 48, 49, 50),
        REPLACED_TEXT: (
            *numbered("JSON", 34, 35, 36),
            *numbered("UNICODE", 26, 27, 28, 29, 30, 31, 32, 33, 34),
        ),
        POISONED: numbered("REPLAY", 3, 14),
    }.items()
    for vector in vectors
}
"""Where jupyter_client's Session differs from a vector, and why."""


def other_receiver(vector: Vector) -> OtherSession:
    return OtherSession(
        key=vector["key"].encode(),
        signature_scheme=vector["signature_scheme"],
        # Its faster codec, where installed, reads integers beyond 64 bits as doubles.
        packer="json",
        unpacker="json",
    )


def by_other(session: OtherSession, step: Vector) -> tuple[list[bytes], dict[str, Any]] | None:
    """Return what jupyter_client makes of the frames, None if it refuses them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of dates without a zone
        try:
            identities, rest = session.feed_identities(frames(step))
            return identities, session.deserialize(rest)
        except Exception:  # noqa: BLE001 - it has no errors of its own
            return None


def agrees(session: OtherSession, step: Vector) -> bool:
    """Return whether jupyter_client treats the frames as the vector wants."""
    came = by_other(session, step)
    if step["result"] == "either":
        return True
    # It never looks into contents.
    if step["result"] == "invalid" and step["stage"] != "content":
        return came is None
    if came is None:
        return False
    identities, message = came
    wanted = decoded(step) if "decoded" in step else None
    return wanted is None or (
        [identity.hex() for identity in identities] == step["identities"]
        and all(
            canonical(undated(message[part])) == canonical(undated(wanted[part]))
            for part in ("header", "parent_header")
        )
        and canonical([message["metadata"], message["content"]])
        == canonical([wanted["metadata"], wanted["content"]])
        and [bytes(buffer).hex() for buffer in message["buffers"]] == wanted["buffers"]
    )


def undated(header: Any) -> object:
    """Return *header* without its date, which jupyter_client makes an object of."""
    return {key: value for key, value in header.items() if key != "date"}


def taken_by_other() -> list[Any]:
    """Return the vectors that jupyter_client can take.

    Old contents are translated while they are read. A memory that fills up is left out, for it
    forgets signatures at random.
    """
    return [
        one
        for one in of("message", "sequence")
        if is_new(one) and "replay_window" not in one.values[0]
    ]


@pytest.mark.parametrize("vector", taken_by_other())
def test_another_implementation_agrees(vector: Vector) -> None:
    """jupyter_client does what the vector says, or differs for a reason that is written down."""
    session = other_receiver(vector)

    agreed = [agrees(session, step) for step in vector.get("sequence", [vector])]

    assert all(agreed) is (vector["id"] not in DIFFERENCES)


# -- the files ----------------------------------------------------------------------------------


def test_there_are_enough_vectors() -> None:
    """There are at least 250, and none has the id of another."""
    ids = [vector["id"] for vector in VECTORS]

    assert len(ids) >= 250
    assert len(ids) == len(set(ids))


def test_vectors_name_requirements_that_exist() -> None:
    """Each vector pins a requirement of the register, and the rule it breaks is one of them."""
    register = tomllib.loads((FOLDER.parent / "requirements.toml").read_text("utf-8"))
    known = {one["id"] for one in register["requirement"]}

    for vector in VECTORS:
        rules = vector["requirements"]
        assert rules, vector["id"]
        assert set(rules) <= known, vector["id"]
        assert vector.get("breaks", rules[0]) in rules, vector["id"]


def test_the_files_are_current() -> None:
    """What is in the folder is what the maker gives, and the maker finds no fault."""
    assert make_vectors.main(["--check"]) == 0


def test_the_sources_use_the_standard_library_alone() -> None:
    """What makes the bytes imports nothing of ours, so that a fault cannot be on both sides."""
    maker = Path(make_vectors.__file__)
    sources = [maker, *(maker.parent / "vector_sources").glob("*.py")]
    allowed = {*sys.stdlib_module_names, "spec"}
    by_hand = {"jupyter_client", "zmq"}  # only what records, which the maker never imports

    for source in sources:
        names = imported(source)
        assert names <= (allowed | by_hand if source.stem == "record" else allowed), source.name
    assert "spec.vector_sources.record" not in sys.modules


def imported(path: Path) -> set[str]:
    """Return the top names of what the module imports anywhere."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Import(names=names):
                found |= {one.name.partition(".")[0] for one in names}
            case ast.ImportFrom(module=str(module)):
                found.add(module.partition(".")[0])
    return found


GOOD: Vector = VECTORS[0]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"id": "VEC-1"}, "not an id"),
        ({"kind": "letter"}, "no kind letter"),
        ({"reason": "Why not"}, "the reason is no sentence"),
        ({"requirements": []}, "pins no requirement"),
        ({"requirements": ["WIRE-99"]}, "no requirement WIRE-99"),
        ({"result": "maybe"}, "no result maybe"),
        ({"result": "invalid"}, "invalid without a rule that it breaks"),
        ({"result": "invalid", "breaks": "WIRE-98"}, "no requirement WIRE-98"),
        ({"stage": "curtain"}, "no stage curtain"),
    ],
)
def test_the_maker_notices_a_fault(changes: Vector, fault: str) -> None:
    """A vector that breaks the format is named together with what is wrong."""
    file = json.dumps({"vectors": [{**GOOD, **changes}]})

    assert any(fault in one for one in make_vectors.faults({"x.json": file}, {"COMM-09"}))


def test_the_maker_notices_an_id_that_is_used_twice() -> None:
    """Two vectors with one id are a fault."""
    file = json.dumps({"vectors": [GOOD, GOOD]})

    assert make_vectors.faults({"x.json": file}, {"COMM-09"}) == [f"{GOOD['id']}: used 2 times"]


def test_the_maker_notices_what_is_stale(tmp_path: Path) -> None:
    """A file that is missing, changed or too many is named."""
    (tmp_path / "changed.json").write_text("{}")
    (tmp_path / "extra.json").write_text("{}")
    (tmp_path / "same.json").write_text("{}")
    files = {"changed.json": "[]", "missing.json": "[]", "same.json": "{}"}

    assert make_vectors.stale(tmp_path, files) == ["changed.json", "extra.json", "missing.json"]
