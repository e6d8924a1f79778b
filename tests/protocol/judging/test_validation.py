"""One message is judged as a whole: every fault, by the number of the sentence it breaks."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from attrs import fields
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.protocol import (
    MESSAGE_TYPES,
    AnyMessage,
    Channel,
    Finding,
    LocalError,
    Profile,
    Sender,
    Severity,
    Signer,
    encode_json,
    unstructure,
    validate,
)
from assay.protocol.judging import _finding as findings
from assay.testing import (
    MalformedContent,
    MutatedFrames,
    SignedFrames,
    frames,
    json_values,
    malformed_contents,
    messages,
    mutated_frames,
    truncated_frames,
)
from tests.properties import MANY

ROOT = Path(__file__).resolve().parents[3]
KEY = b"a key for tests"
SIGNER = Signer(KEY)
DELIMITER = b"<IDS|MSG>"

HEADER: dict[str, Any] = {
    "msg_id": "m-1",
    "msg_type": "status",
    "session": "s",
    "username": "tester",
    "date": "2026-01-01T12:00:00Z",
    "version": "5.5",
}
LANGUAGE = {"name": "x", "version": "1", "mimetype": "text/x", "file_extension": ".x"}
INFO: dict[str, Any] = {
    "status": "ok",
    "protocol_version": "5.5",
    "implementation": "x",
    "implementation_version": "1",
    "language_info": LANGUAGE,
    "banner": "",
}
FAILED = {"status": "error", "ename": "E", "evalue": "", "traceback": []}


def made(
    msg_type: str,
    content: Mapping[str, Any],
    *,
    parent: Mapping[str, Any] | None = None,
    **header: Any,
) -> dict[str, Any]:
    """Return a message with a sound header, but for what is given; None leaves a key out."""
    fields = {**HEADER, "msg_type": msg_type, **header}
    needs_parent = msg_type.endswith("_reply") or msg_type == "input_request"
    return {
        "header": {key: item for key, item in fields.items() if item is not None},
        "parent_header": ({**HEADER, "msg_id": "m-0"} if needs_parent else {})
        if parent is None
        else parent,
        "metadata": {},
        "content": content,
    }


def framed(
    *, dicts: tuple[bytes, ...] | None = None, signature: bytes | None = None
) -> list[bytes]:
    """Return the frames of a sound status message, with these parts in place of its own."""
    own = (encode_json(HEADER), b"{}", b"{}", b'{"execution_state":"idle"}')
    header, parent, metadata, content = own if dicts is None else dicts
    if signature is None:
        signature = SIGNER.sign(header, parent, metadata, content)
    return [b"topic", DELIMITER, signature, header, parent, metadata, content]


def rules(found: tuple[Finding, ...]) -> list[tuple[str, str]]:
    """Return requirement and path of each."""
    return [(one.requirement, one.path) for one in found]


def spoilt_frames(at: int, data: bytes) -> list[bytes]:
    """Return signed frames with *data* as one of the four dicts."""
    dicts = [encode_json(HEADER), b"{}", b"{}", b'{"execution_state":"idle"}']
    dicts[at] = data
    return framed(dicts=(dicts[0], dicts[1], dicts[2], dicts[3]))


STRICT_FAULTS: dict[str, tuple[AnyMessage, str, str]] = {
    "no delimiter": ([b"a", b"b"], "WIRE-02", "frames"),
    "too few frames": ([DELIMITER, b"", b"{}", b"{}", b"{}"], "WIRE-02", "frames"),
    "no signature": (framed(signature=b""), "SIGN-01", "signature"),
    "another signature": (framed(signature=b"0" * 64), "SIGN-01", "signature"),
    "a signature in capitals": (
        framed(signature=framed()[2].upper()),
        "SIGN-03",
        "signature",
    ),
    "metadata is a list": (spoilt_frames(2, b"[]"), "WIRE-06", "metadata"),
    "content is no JSON": (spoilt_frames(3, b"{"), "WIRE-08", "content"),
    "content has a NaN": (spoilt_frames(3, b'{"x":NaN}'), "WIRE-08", "content"),
    "content is not UTF-8": (spoilt_frames(3, b'{"x":"\xff"}'), "WIRE-07", "content"),
    "two frames before the delimiter": ([b"x", *framed()], "WIRE-11", "frames"),
    "no topic": (framed()[1:], "WIRE-11", "frames"),
    "no session": (made("x", {}, session=None), "HDR-01", "header.session"),
    "an id that is a number": (made("x", {}, msg_id=1), "HDR-01", "header.msg_id"),
    "an empty id": (made("x", {}, msg_id=""), "HDR-02", "header.msg_id"),
    "no date": (made("x", {}, date=None), "HDR-07", "header.date"),
    "a date that is none": (made("x", {}, date="noon"), "HDR-07", "header.date"),
    "a date without zone": (made("x", {}, date="2026-01-01T12:00:00"), "HDR-07", "header.date"),
    "no version": (made("x", {}, version=None), "HDR-09", "header.version"),
    "a version that is none": (made("x", {}, version="five"), "HDR-09", "header.version"),
    "a type that the version does not have": (
        made("interrupt_request", {}, version="5.2"),
        "HDR-09",
        "header.version",
    ),
    "a subshell that is a number": (
        made("x", {}, subshell_id=3),
        "HDR-11",
        "header.subshell_id",
    ),
    "metadata is null": ({**made("x", {}), "metadata": None}, "HDR-16", "metadata"),
    "a reply without parent": (
        made("interrupt_reply", {"status": "ok"}, parent={}),
        "HDR-12",
        "parent_header",
    ),
    "a parent without id": (
        made("interrupt_reply", {"status": "ok"}, parent={"msg_type": "interrupt_request"}),
        "HDR-12",
        "parent_header.msg_id",
    ),
    "a prompt without parent": (
        made("input_request", {"prompt": "", "password": False}, parent={}),
        "STDIN-07",
        "parent_header",
    ),
    "a welcome with a parent": (
        made("iopub_welcome", {"subscription": ""}, parent=HEADER),
        "IOPUB-04",
        "parent_header",
    ),
    "starting with a parent": (
        made("status", {"execution_state": "starting"}, parent=HEADER),
        "HDR-14",
        "parent_header",
    ),
    "a request without code": (made("execute_request", {}), "HDR-18", "content.code"),
    "a state that is none": (
        made("status", {"execution_state": "asleep"}),
        "IOPUB-21",
        "content.execution_state",
    ),
    "a stream of another name": (
        made("stream", {"name": "stdlog", "text": ""}),
        "IOPUB-09",
        "content.name",
    ),
    "a display without metadata": (
        made("display_data", {"data": {}}),
        "IOPUB-10",
        "content.metadata",
    ),
    "an update without id": (
        made("update_display_data", {"data": {}, "metadata": {}, "transient": {}}),
        "IOPUB-16",
        "content.transient.display_id",
    ),
    "a result without text/plain": (
        made("execute_result", {"data": {}, "metadata": {}, "execution_count": 1}),
        "IOPUB-29",
        "content.data",
    ),
    "an error with a count": (
        made("error", {"ename": "E", "evalue": "", "traceback": [], "execution_count": 1}),
        "IOPUB-20",
        "content.execution_count",
    ),
    "clear_output without wait": (made("clear_output", {}), "IOPUB-25", "content.wait"),
    "an execute_reply without count": (
        made("execute_reply", {"status": "ok", "user_expressions": {}}),
        "SHELL-13",
        "content.execution_count",
    ),
    "a failed execute_reply without count": (
        made("execute_reply", FAILED),
        "SHELL-13",
        "content.execution_count",
    ),
    "an execute_reply without expressions": (
        made("execute_reply", {"status": "ok", "execution_count": 1}),
        "EXEC-11",
        "content.user_expressions",
    ),
    "a negative count": (
        made("execute_reply", {"status": "ok", "execution_count": -1, "user_expressions": {}}),
        "SHELL-13",
        "content.execution_count",
    ),
    "an expression without status": (
        made(
            "execute_reply", {"status": "ok", "execution_count": 1, "user_expressions": {"x": {}}}
        ),
        "EXEC-09",
        "content.user_expressions['x'].status",
    ),
    "a failed expression without traceback": (
        made(
            "execute_reply",
            {
                "status": "ok",
                "execution_count": 1,
                "user_expressions": {"x": {"status": "error", "ename": "E", "evalue": ""}},
            },
        ),
        "EXEC-10",
        "content.user_expressions['x'].traceback",
    ),
    "a page without data": (
        made(
            "execute_reply",
            {
                "status": "ok",
                "execution_count": 1,
                "user_expressions": {},
                "payload": [{"source": "page", "start": 0}],
            },
        ),
        "EXEC-14",
        "content.payload[0].data",
    ),
    "a page without plain text": (
        made(
            "execute_reply",
            {
                "status": "ok",
                "execution_count": 1,
                "user_expressions": {},
                "payload": [{"source": "page", "start": 0, "data": {"text/html": ""}}],
            },
        ),
        "EXEC-33",
        "content.payload[0].data",
    ),
    "an error reply without traceback": (
        made("complete_reply", {"status": "error", "ename": "E", "evalue": ""}),
        "SHELL-10",
        "content.traceback",
    ),
    "an error reply without name": (
        made("complete_reply", {"status": "error", "evalue": "", "traceback": []}),
        "SHELL-10",
        "content.ename",
    ),
    "an aborted reply": (
        made("execute_reply", {"status": "aborted", "execution_count": 1}),
        "SHELL-12",
        "content.status",
    ),
    "a status of no kind": (
        made("interrupt_reply", {"status": "fine"}),
        "SHELL-09",
        "content.status",
    ),
    "completion at no place": (
        made("complete_request", {"code": "x"}),
        "HDR-18",
        "content.cursor_pos",
    ),
    "completion at null": (
        made("complete_request", {"code": "x", "cursor_pos": None}),
        "HDR-18",
        "content.cursor_pos",
    ),
    "completion before the code": (
        made("complete_request", {"code": "x", "cursor_pos": -1}),
        "COMPLETE-02",
        "content.cursor_pos",
    ),
    "inspection before the code": (
        made("inspect_request", {"code": "x", "cursor_pos": -1}),
        "INSPECT-06",
        "content.cursor_pos",
    ),
    "a shutdown that may be a restart": (
        made("shutdown_request", {}),
        "HDR-18",
        "content.restart",
    ),
    "a null for a target": (
        made("comm_info_request", {"target_name": None}),
        "HDR-18",
        "content.target_name",
    ),
    "a display's name that is a number": (
        made("display_data", {"data": {}, "metadata": {}, "transient": {"display_id": 1}}),
        "IOPUB-15",
        "content.transient.display_id",
    ),
    "no status": (made("interrupt_reply", {}), "SHELL-09", "content.status"),
    "an indent for complete code": (
        made("is_complete_reply", {"status": "complete", "indent": ""}),
        "ISCOMPLETE-03",
        "content.indent",
    ),
    "no indent for incomplete code": (
        made("is_complete_reply", {"status": "incomplete"}),
        "ISCOMPLETE-02",
        "content.indent",
    ),
    "cursors in the wrong order": (
        made(
            "complete_reply",
            {"status": "ok", "matches": [], "cursor_start": 2, "cursor_end": 1, "metadata": {}},
        ),
        "COMPLETE-06",
        "content.cursor_start",
    ),
    "something found without text/plain": (
        made("inspect_reply", {"status": "ok", "found": True, "data": {}, "metadata": {}}),
        "INSPECT-08",
        "content.data",
    ),
    "a history of words": (
        made("history_reply", {"status": "ok", "history": ["x"]}),
        "HIST-07",
        "content.history[0]",
    ),
    "an announced version that is none": (
        made("kernel_info_reply", {**INFO, "protocol_version": "five"}),
        "INFO-04",
        "content.protocol_version",
    ),
    "a language without its ending": (
        made(
            "kernel_info_reply",
            {**INFO, "language_info": {"name": "x", "version": "1", "mimetype": "text/x"}},
        ),
        "INFO-06",
        "content.language_info.file_extension",
    ),
    "a language without its version": (
        made(
            "kernel_info_reply",
            {**INFO, "language_info": {key: LANGUAGE[key] for key in LANGUAGE if key != "version"}},
        ),
        "INFO-18",
        "content.language_info.version",
    ),
    "a version of the language that is a number": (
        made("kernel_info_reply", {**INFO, "language_info": {**LANGUAGE, "version": 3}}),
        "INFO-06",
        "content.language_info.version",
    ),
    "an ending without its dot": (
        made("kernel_info_reply", {**INFO, "language_info": {**LANGUAGE, "file_extension": "x"}}),
        "INFO-06",
        "content.language_info.file_extension",
    ),
    "no banner": (
        made("kernel_info_reply", {key: INFO[key] for key in INFO if key != "banner"}),
        "INFO-05",
        "content.banner",
    ),
    "comms in a list": (
        made("comm_info_reply", {"status": "ok", "comms": []}),
        "INFO-12",
        "content.comms",
    ),
    "a comm's data are text": (
        made("comm_msg", {"comm_id": "c", "data": "x"}),
        "COMM-06",
        "content.data",
    ),
    "a comm without target": (
        made("comm_open", {"comm_id": "c", "data": {}}),
        "COMM-01",
        "content.target_name",
    ),
    "a prompt that may be secret": (
        made("input_request", {"prompt": "", "password": 1}),
        "STDIN-08",
        "content.password",
    ),
}
"""Each name says what is wrong with a message; then the sentence and the place."""


@pytest.mark.parametrize("name", STRICT_FAULTS)
def test_a_fault_is_found_and_nothing_else(name: str) -> None:
    """A message with one fault gives one finding, with the number of its sentence."""
    message, rule, path = STRICT_FAULTS[name]

    found = validate(
        message, channel=Channel.IOPUB if isinstance(message, list) else None, signer=SIGNER
    )

    assert rules(found) == [(rule, path)]


PLACES = [
    ("status", Channel.SHELL, Sender.KERNEL, "IOPUB-08"),
    ("stream", Channel.IOPUB, Sender.CLIENT, "IOPUB-08"),
    ("comm_open", Channel.IOPUB, Sender.CLIENT, "COMM-01"),
    ("comm_msg", Channel.SHELL, Sender.KERNEL, "COMM-01"),
    ("execute_reply", Channel.IOPUB, Sender.KERNEL, "WIRE-16"),
    ("execute_reply", Channel.SHELL, Sender.CLIENT, "WIRE-16"),
    ("execute_request", Channel.SHELL, Sender.KERNEL, "SHELL-03"),
    ("input_request", Channel.SHELL, Sender.KERNEL, "STDIN-06"),
    ("input_reply", Channel.SHELL, Sender.CLIENT, "STDIN-02"),
    ("debug_event", Channel.SHELL, Sender.KERNEL, "DEBUG-03"),
    ("interrupt_request", Channel.SHELL, Sender.CLIENT, "CTRL-09"),
    ("shutdown_request", Channel.SHELL, Sender.CLIENT, "CTRL-14"),
    ("shutdown_reply", Channel.IOPUB, Sender.KERNEL, None),
    ("kernel_info_request", Channel.CONTROL, Sender.CLIENT, None),
    ("execute_request", Channel.CONTROL, Sender.CLIENT, None),
    ("comm_open", Channel.SHELL, Sender.CLIENT, None),
    ("comm_open", Channel.IOPUB, Sender.KERNEL, None),
]


@pytest.mark.parametrize(("msg_type", "channel", "sender", "rule"), PLACES)
def test_each_type_has_its_place(
    msg_type: str, channel: Channel, sender: Sender, rule: str | None
) -> None:
    """A type on the wrong channel, or from the wrong side, is found."""
    found = validate(made(msg_type, {}), channel=channel, sender=sender)
    placed = [one.requirement for one in found if one.path in {"channel", "sender"}]

    assert placed == ([] if rule is None else [rule])


def test_every_fault_is_told() -> None:
    """One look shows all that is wrong."""
    content = {"code": 5, "silent": "no", "user_expressions": {"x": 1}}

    found = validate(made("execute_request", content, session=None, date=1))

    assert rules(found) == [
        ("HDR-01", "header.session"),
        ("HDR-01", "header.date"),
        ("HDR-18", "content.code"),
        ("HDR-18", "content.silent"),
        ("HDR-18", "content.user_expressions['x']"),
    ]
    assert str(found[2]) == "HDR-18 violation: content.code: wanted text, found 5"


def test_a_signature_where_nobody_signs_is_a_warning() -> None:
    """SIGN-16 is a SHOULD."""
    found = validate(framed(), channel=Channel.IOPUB, signer=Signer(b""))

    assert [(one.requirement, one.severity) for one in found] == [("SIGN-16", Severity.WARNING)]


def assert_judges_messages() -> None:
    """Fail unless sound frames have no finding, and two spoilt ones have theirs."""
    assert validate(framed(), channel=Channel.IOPUB, signer=SIGNER) == ()
    for signature, rule in ((b"", "SIGN-01"), (framed()[2].upper(), "SIGN-03")):
        found = validate(framed(signature=signature), channel=Channel.IOPUB, signer=SIGNER)
        assert rules(found) == [(rule, "signature")]


@given(messages())
@settings(max_examples=MANY)
def test_a_tolerant_receiver_takes_every_valid_message(message: Any) -> None:
    """Nothing is found in a valid message but a parent that it may lack here."""
    found = validate(message, profile=Profile.LENIENT)

    assert {one.requirement for one in found} <= {"HDR-12", "STDIN-07", "IOPUB-04", "SHELL-13"}
    assert_judges_messages()


@given(messages())
@settings(max_examples=MANY)
def test_the_form_makes_no_difference(message: Any) -> None:
    """Frames, a dictionary and our own class are judged alike."""
    parent = message.parent_header
    mapping = {
        "header": unstructure(message.header),
        "parent_header": {} if parent is None else unstructure(parent),
        "metadata": message.metadata,
        "content": unstructure(message.content),
    }
    parts = [encode_json(mapping[name]) for name in mapping]

    wanted = validate(message)

    assert validate(mapping) == wanted
    assert validate([DELIMITER, b"", *parts]) == wanted
    assert_judges_messages()


@given(malformed_contents())
@settings(max_examples=MANY)
def test_a_malformed_field_is_named(malformed: MalformedContent) -> None:
    """The field that has the wrong type, or is missing, is the one that is told."""
    message = made(malformed.msg_type, malformed.data)

    found = validate(message, profile=Profile.LENIENT)

    assert found
    assert all(one.path.startswith((f"content.{malformed.path}", "parent_header")) for one in found)


@given(frames())
@settings(max_examples=MANY)
def test_genuine_frames_are_signed(signed: SignedFrames) -> None:
    """What our session signs has nothing wrong with frames and signature."""
    found = validate(signed.frames, signer=Signer(signed.key, signed.scheme))

    assert not [one for one in found if one.requirement.startswith(("WIRE", "SIGN"))]
    assert_judges_messages()


@given(mutated_frames())
@settings(max_examples=MANY)
def test_tampering_is_found(mutated: MutatedFrames) -> None:
    """One changed byte in a signed part is found by its signature."""
    genuine = mutated.genuine

    found = validate(mutated.frames, signer=Signer(genuine.key, genuine.scheme))

    assert found
    assert found[0].requirement in {"SIGN-01", "SIGN-03", "WIRE-02"}
    assert_judges_messages()


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
named_fields = st.sampled_from(
    ["status", "execution_state", "data", "transient", "payload", "user_expressions", "comms"]
)


@st.composite
def mappings(draw: st.DrawFn) -> dict[str, object]:
    """Messages of a known type with anything in them, and things that are none."""
    types = st.sampled_from(sorted(MESSAGE_TYPES)) | anything
    header = {key: draw(anything) for key in draw(st.sets(st.sampled_from(sorted(HEADER))))}
    header["msg_type"] = draw(types)
    whole = {
        "header": draw(st.just(header) | anything),
        "parent_header": draw(st.just(HEADER) | st.just({}) | anything),
        "metadata": draw(st.just({}) | anything),
        "content": draw(st.dictionaries(named_fields | st.text(), anything) | anything),
    }
    return {key: whole[key] for key in draw(st.sets(st.sampled_from(sorted(whole)), min_size=2))}


@given(
    mappings() | truncated_frames() | st.lists(st.binary() | st.just(DELIMITER), max_size=9),
    st.sampled_from(Profile),
    st.none() | st.sampled_from(Channel),
    st.none() | st.sampled_from(Sender),
)
@settings(max_examples=MANY)
def test_nothing_is_raised(
    message: AnyMessage, profile: Profile, channel: Channel | None, sender: Sender | None
) -> None:
    """Whatever it is, there is an answer, and the strict one says no less than the lenient one."""
    found = validate(message, profile=profile, channel=channel, sender=sender, signer=SIGNER)

    strict = validate(message, channel=channel, sender=sender, signer=SIGNER)
    assert set(found) <= set(strict)
    assert_judges_messages()


FIELDS_OF = {
    name: [field.name for field in fields(row.content) if not field.name.startswith("_")]
    for name, row in MESSAGE_TYPES.items()
}


class Unshowable:
    """An object whose representation raises."""

    def __repr__(self) -> str:
        raise ZeroDivisionError


FORMLESS: dict[str, Any] = {
    "nothing": None,
    "a number": 10**12,
    "text": "<IDS|MSG>",
    "bytes": DELIMITER,
    "an iterator": iter([DELIMITER]),
    "an object": Unshowable(),
    "numbers": [10**20, 1],
    "many numbers": range(10**12),
    "text for a frame": [*framed()[:-1], "{}"],
    "nothing for a frame": [None, *framed()],
    "a list for a frame": [[DELIMITER]],
}


@pytest.mark.parametrize("name", FORMLESS)
def test_what_is_no_message_at_all_is_a_finding(name: str) -> None:
    """What has none of the forms of a message is told so, and not taken for zeros or raised."""
    found = validate(FORMLESS[name], signer=SIGNER)

    assert rules(found) == [("WIRE-02", "frames")]


@pytest.mark.parametrize("msg_type", sorted(MESSAGE_TYPES))
def test_what_cannot_be_shown_is_judged(msg_type: str) -> None:
    """Objects whose methods raise may stand anywhere in a mapping, and lead to findings."""
    fields = [*FIELDS_OF[msg_type], "status"]
    content: dict[str, Any] = {name: Unshowable() for name in fields}

    found = validate(made(msg_type, content, session=Unshowable()))

    assert ("HDR-01", "header.session") in rules(found)
    assert all(str(one) for one in found)


@given(json_values(), st.sampled_from(sorted(MESSAGE_TYPES)))
@settings(max_examples=MANY)
def test_any_json_is_judged_as_any_content(content: Any, msg_type: str) -> None:
    """A content of another shape leads to findings, not to an exception."""
    found = validate(made(msg_type, content))

    assert isinstance(content, dict) or any(one.requirement == "HDR-18" for one in found)
    assert_judges_messages()


def test_a_content_nested_too_deep_is_judged() -> None:
    """Depth ends in a finding at most."""
    deep: Any = {}
    for _ in range(5_000):
        deep = {"x": deep}

    assert validate(made("comm_msg", {"comm_id": 1, "data": deep}))


def test_an_older_protocol_is_judged_by_its_header_alone() -> None:
    """The contents of version 4 are others, and a 5.0 header needs no date."""
    request = made("complete_request", {"text": "a", "line": "a"}, version="4.1", date=None)

    assert validate(request) == ()
    assert rules(validate(request, version="5.5")) == [
        ("HDR-07", "header.date"),
        ("HDR-18", "content.code"),
        ("HDR-18", "content.cursor_pos"),
    ]


def test_a_receiver_lets_pass_what_it_can_fill_in() -> None:
    """What the strict profile alone finds is what has a default."""
    message = made("display_data", {"data": {}}, date=None, version=None, username=None)

    assert validate(message, profile=Profile.LENIENT) == ()
    assert len(validate(message)) == 4


def test_a_date_may_be_an_object() -> None:
    """jupyter_client's session puts a datetime into the header it read."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)

    assert validate(made("x", {}, date=moment)) == ()


def test_the_words_of_enums_will_do() -> None:
    """Text from a command line or a file means the same as the member of the enum."""
    message: Any = framed()[1:]
    words: Any = {"profile": "strict", "channel": "iopub", "sender": "client"}
    members: Any = {
        "profile": Profile.STRICT,
        "channel": Channel.IOPUB,
        "sender": Sender.CLIENT,
    }

    found = validate(message, **words)

    assert rules(found) == [("IOPUB-08", "sender"), ("WIRE-11", "frames")]
    assert found == validate(message, **members)


def test_severities_are_the_levels_of_the_register() -> None:
    """What a finding weighs is what the requirement says."""
    register = tomllib.loads((ROOT / "spec" / "requirements.toml").read_text("utf-8"))
    levels = {one["id"]: one["level"] for one in register["requirement"]}

    assert {levels[one] for one in findings.SHOULD} == {"SHOULD"}
    assert {levels[one] for one in findings.MAY} == {"MAY"}


MODULES = ("_parts", "_content_rules", "_validation", "_exchanges", "_cell_rules", "_conversation")
"""Those that make findings."""


def test_every_cited_requirement_exists_with_its_level() -> None:
    """Each id in these modules is in the register, and the weak ones are listed."""
    register = tomllib.loads((ROOT / "spec" / "requirements.toml").read_text("utf-8"))
    levels = {one["id"]: one["level"] for one in register["requirement"]}
    names = (
        "_parts",
        "_content_rules",
        "_validation",
        "_exchanges",
        "_cell_rules",
        "_conversation",
    )
    text = "".join(
        (ROOT / "src" / "protocol" / "judging" / f"{name}.py").read_text("utf-8") for name in names
    )
    cited = set(re.findall(r'"([A-Z]+-\d\d)"', text))

    weak = {one for one in cited if levels[one] != "MUST"}

    assert len(cited) > 80
    assert weak <= findings.SHOULD | findings.MAY


@pytest.mark.parametrize(
    ("argument", "wanted"),
    [
        ({"profile": "relaxed"}, "wanted the profile 'strict' or 'lenient', found 'relaxed'"),
        ({"version": "five"}, "wanted a version like '5.5', found 'five'"),
    ],
)
def test_an_unknown_profile_or_version_is_an_error(argument: dict[str, Any], wanted: str) -> None:
    """What the caller got wrong is raised, whatever the message is."""
    with pytest.raises(LocalError, match=re.escape(wanted)):
        validate({}, **argument)
