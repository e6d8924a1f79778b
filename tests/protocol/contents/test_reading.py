"""Contents are read strictly, by two readers that agree."""

from __future__ import annotations

import contextlib
from typing import Any

import cattrs
import msgspec
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.protocol import (
    MESSAGE_TYPES,
    PROTOCOL_VERSION,
    Aborted,
    Content,
    ContentError,
    ErrorReply,
    ExecuteRequest,
    Header,
    KernelInfoReply,
    LanguageInfo,
    SessionId,
    Unknown,
    content_class,
    decode_object,
    encode_json,
    make_converter,
    structure,
    structure_content,
    unstructure,
)
from assay.testing import MalformedContent, contents, headers, json_values, malformed_contents
from tests.properties import EACH, MANY

CONVERTER = make_converter()


def by_codec(data: Any, cls: type) -> object:
    """Return what the codec reads, or the word refused."""
    try:
        return msgspec.convert(data, cls)
    except msgspec.ValidationError:
        return "refused"


def by_converter(data: Any, cls: type) -> object:
    """Return what the converter reads, or the word refused."""
    try:
        value: object = CONVERTER.structure(data, cls)
    except cattrs.BaseValidationError:
        return "refused"
    return value


def assert_readers_judge() -> None:
    """Fail unless both readers take two contents that are right, and refuse one that is wrong."""
    for read in (by_codec, by_converter):
        assert [read({"code": code}, ExecuteRequest) for code in ("1", "2", 3)] == [
            ExecuteRequest(code="1"),
            ExecuteRequest(code="2"),
            "refused",
        ]


def without_unknown_keys(content: Content) -> dict[str, Any]:
    """Return the JSON of *content* as the codec alone writes it, which knows of none."""
    return decode_object(encode_json(content), "content")


@pytest.mark.parametrize("msg_type", sorted(MESSAGE_TYPES))
@given(data=st.data())
@settings(max_examples=EACH)
def test_the_readers_agree_on_what_is_right(msg_type: str, data: st.DataObject) -> None:
    """Codec and converter read every valid content as the same value."""
    content = data.draw(contents(msg_type))
    fields = without_unknown_keys(content)

    value = by_codec(fields, type(content))

    assert value == by_converter(fields, type(content))
    assert encode_json(value) == encode_json(content)


@given(malformed_contents())
@settings(max_examples=MANY)
def test_the_readers_agree_on_what_is_wrong(malformed: MalformedContent) -> None:
    """Codec and converter refuse every content with one fault, and not one without."""
    cls = MESSAGE_TYPES[malformed.msg_type].content
    known = {key: malformed.data[key] for key in malformed.data if key != "_extra"}

    assert by_codec(known, cls) == "refused"
    assert by_converter(known, cls) == "refused"
    assert_readers_judge()


@pytest.mark.parametrize("msg_type", sorted(MESSAGE_TYPES))
@given(data=st.data())
@settings(max_examples=EACH)
def test_the_readers_agree_on_anything(msg_type: str, data: st.DataObject) -> None:
    """Fields filled at random are read alike or refused alike."""
    cls = MESSAGE_TYPES[msg_type].content
    fields = without_unknown_keys(data.draw(contents(msg_type)))
    for name in data.draw(st.lists(st.sampled_from(sorted(fields) or ["x"]), max_size=3)):
        fields[name] = data.draw(json_values(max_leaves=4))
    known = {key: value for key, value in fields.items() if key in _names(cls)}

    assert by_codec(known, cls) == by_converter(known, cls)
    assert_readers_judge()


def _names(cls: type) -> set[str]:
    return {name for name in cls.__slots__ if not name.startswith("_")}  # type: ignore[attr-defined]  # attrs makes them


@given(malformed_contents())
def test_one_fault_is_named_with_its_path(malformed: MalformedContent) -> None:
    """A content with one fault is refused with one line that starts with the field."""
    with pytest.raises(ContentError) as caught:
        structure_content(malformed.msg_type, malformed.data)

    (fault,) = caught.value.faults
    assert fault.partition(":")[0].partition("[")[0] == malformed.path
    assert "wanted" in fault
    assert caught.value.requirement == "WIRE-19"


@pytest.mark.parametrize(
    ("msg_type", "data", "faults"),
    [
        ("execute_request", {}, ["code: wanted this field, found none"]),
        ("execute_request", {"code": None}, ["code: wanted text, found None"]),
        ("execute_request", {"code": 3}, ["code: wanted text, found 3"]),
        (
            "execute_request",
            {"code": "", "silent": 1, "stop_on_error": "yes"},
            [
                "silent: wanted true or false, found 1",
                "stop_on_error: wanted true or false, found 'yes'",
            ],
        ),
        (
            "execute_request",
            {"code": "", "user_expressions": {"a @ $b": 1, "c": "d"}},
            ["user_expressions['a @ $b']: wanted text, found 1"],
        ),
        (
            "execute_input",
            {"code": "", "execution_count": True},
            ["execution_count: wanted an integer, found True"],
        ),
        (
            "execute_input",
            {"code": "", "execution_count": 1.0},
            ["execution_count: wanted an integer, found 1.0"],
        ),
        (
            "history_reply",
            {"history": [[1, 2, "a"], [1, 2]]},
            ["history[1]: wanted a list of 3 items, found 2"],
        ),
        (
            "stream",
            {"name": "stdlog", "text": ""},
            ["name: wanted one of 'stdout', 'stderr', found 'stdlog'"],
        ),
        (
            "complete_request",
            {"code": "", "cursor_pos": "1"},
            ["cursor_pos: wanted an integer or null, found '1'"],
        ),
        (
            "kernel_info_reply",
            {
                "implementation": "i",
                "implementation_version": "1",
                "language_info": {"name": 1, "version": 2},
            },
            [
                "language_info.name: wanted text, found 1",
                "language_info.version: wanted text, found 2",
            ],
        ),
        (
            "comm_info_reply",
            {"comms": {"c": {"target_name": 1}}},
            ["comms['c'].target_name: wanted text, found 1"],
        ),
        ("comm_info_reply", {"comms": []}, ["comms: wanted an object, found []"]),
    ],
)
def test_every_fault_has_its_words(msg_type: str, data: Any, faults: list[str]) -> None:
    """Each fault says where it is, what was wanted and what was found."""
    with pytest.raises(ContentError) as caught:
        structure_content(msg_type, data)

    assert list(caught.value.faults) == faults


# JSON may hold half of a surrogate pair as an escape, and Python's text then does.
HALF = decode_object(b'{"half":"\\ud800"}', "content")["half"]


@pytest.mark.parametrize(
    ("msg_type", "data", "faults"),
    [
        (
            "status",
            {"execution_state": HALF},
            ["execution_state: wanted one of 'starting', 'busy', 'idle', found '\\ud800'"],
        ),
        (
            "stream",
            {"name": HALF, "text": ""},
            ["name: wanted one of 'stdout', 'stderr', found '\\ud800'"],
        ),
        ("is_complete_reply", {"status": HALF}, None),
        (
            "shutdown_reply",
            {"status": HALF, "restart": True},
            ["status: wanted 'ok', found '\\ud800'"],
        ),
    ],
)
def test_half_a_surrogate_pair_is_no_word_of_the_protocol(
    msg_type: str, data: Any, faults: list[str] | None
) -> None:
    """Where one of a few words is wanted, any text is judged, also such as UTF-8 cannot hold."""
    with pytest.raises(ContentError) as caught:
        structure_content(msg_type, data)

    assert faults is None or list(caught.value.faults) == faults


@pytest.mark.parametrize("msg_type", sorted(MESSAGE_TYPES))
@given(data=st.data())
@settings(max_examples=EACH)
def test_half_a_surrogate_pair_anywhere_is_taken_or_a_content_error(
    msg_type: str, data: st.DataObject
) -> None:
    """A text that UTF-8 cannot hold, in any field or key, raises nothing else."""
    right = data.draw(contents(msg_type))
    content = unstructure(right)
    assert structure_content(msg_type, content) == right
    name = data.draw(st.sampled_from(sorted({*content, "x"})))
    content[name] = data.draw(st.sampled_from([HALF, [HALF], {"a": HALF}, {"\ud800": HALF}]))

    with contextlib.suppress(ContentError):
        structure_content(msg_type, content)
    with pytest.raises(ContentError):
        structure_content("stream", {"name": HALF, "text": HALF})


def test_a_long_value_is_shortened() -> None:
    """An error shows the beginning of a long value, and of one that has no short form."""
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    shown = []

    for value in (["x" * 1_000], deep, [1 << 20_000]):
        with pytest.raises(ContentError) as caught:
            structure_content("execute_request", {"code": value})
        shown.append(str(caught.value))

    assert all(len(text) < 200 for text in shown)


@pytest.mark.parametrize(
    ("msg_type", "status", "cls"),
    [
        ("execute_reply", "error", ErrorReply),
        ("execute_reply", "aborted", Aborted),
        ("execute_reply", "abort", Aborted),
        ("x_reply", "error", ErrorReply),
        ("x_reply", "ok", Unknown),
        ("x_request", "error", Unknown),
        ("x", None, Unknown),
        ("", None, Unknown),
        ("execute_request", "error", MESSAGE_TYPES["execute_request"].content),
        ("execute_reply", "ok", MESSAGE_TYPES["execute_reply"].content),
        ("execute_reply", [], MESSAGE_TYPES["execute_reply"].content),
    ],
)
def test_the_status_of_a_reply_decides_its_class(msg_type: str, status: Any, cls: type) -> None:
    """A reply that failed or was aborted has a class of its own (SHELL-10, SHELL-11)."""
    assert content_class(msg_type, status) is cls


@pytest.mark.parametrize("status", ["abort", "aborted"])
def test_both_words_for_aborted_are_kept(status: str) -> None:
    """An old peer's word is written back as it came."""
    made = structure_content("execute_reply", {"status": status, "execution_count": 3})

    assert unstructure(made) == {"status": status, "execution_count": 3}


@given(headers())
def test_the_readers_agree_on_headers(header: Header) -> None:
    """Codec and converter read a header as the same value, unknown keys included."""
    data = unstructure(header)

    assert structure(Header, data) == header
    assert by_converter(data, Header) == header


@given(headers(), st.sampled_from(["msg_id", "msg_type", "session", "username"]), json_values())
def test_a_header_field_that_is_no_text_is_refused(header: Header, name: str, value: Any) -> None:
    """Names and ids are text (HDR-01)."""
    assert structure(Header, unstructure(header)) == header
    data = {**unstructure(header), name: value}

    if type(value) is str:
        assert getattr(structure(Header, data), name) == value
    else:
        with pytest.raises(ContentError):
            structure(Header, data)


@pytest.mark.parametrize(
    ("date", "wanted"),
    [
        ("2026-01-01T12:00:00Z", "2026-01-01T12:00:00+00:00"),
        ("2026-01-01T12:00:00", "2026-01-01T12:00:00+00:00"),
        ("2026-01-01T12:00:00.5+02:00", "2026-01-01T12:00:00.500000+02:00"),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_date_is_read_if_it_is_one(date: str, wanted: str | None) -> None:
    """A date without a zone is UTC; a text that is no date is none, and no error (HDR-07)."""
    sent_at = structure(Header, {"msg_id": "1", "msg_type": "t", "date": date}).sent_at

    assert (sent_at.isoformat() if sent_at else None) == wanted


def test_a_changed_header_forgets_the_bytes_that_came() -> None:
    """What `evolve` changed is what is sent."""
    header = structure(Header, {"msg_id": "1", "msg_type": "t", "x": 1})

    changed = evolve(header, session=SessionId("s-2"))

    assert changed.raw is None
    assert unstructure(changed) == {**unstructure(header), "session": "s-2"}


def test_a_kernel_that_names_no_version_is_not_said_to_speak_ours() -> None:
    """A reply that lacks it, as ipymini's on control, has an empty one; what we send has ours."""
    told = structure_content("kernel_info_reply", {"status": "ok"})
    language = LanguageInfo(name="x", version="1", mimetype="text/x", file_extension=".x")
    ours = KernelInfoReply(implementation="x", implementation_version="1", language_info=language)

    assert isinstance(told, KernelInfoReply)
    assert told.protocol_version == ""
    assert ours.protocol_version == PROTOCOL_VERSION
