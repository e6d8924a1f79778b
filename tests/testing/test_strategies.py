"""The public strategies give what they promise."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, Literal, TypeVar

import pytest
from attrs import frozen
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import assay.testing
from assay import protocol
from assay.protocol import (
    DELIMITER,
    MESSAGE_TYPES,
    Aborted,
    Channel,
    CompleteReply,
    Content,
    ContentError,
    ErrorReply,
    ExecuteInput,
    ExecutionState,
    FramingError,
    Header,
    InspectReply,
    IsCompleteReply,
    LocalError,
    Message,
    Profile,
    ProtocolVersion,
    Sender,
    SessionId,
    SignatureError,
    Status,
    forget_message_type,
    register_message_type,
    reply_type,
    structure_content,
    unstructure,
    validate,
    version_of,
)
from assay.testing import (
    AdversarialFrames,
    MalformedContent,
    MutatedFrames,
    SignedFrames,
    Step,
    adversarial_frames,
    contents,
    conversations,
    frames,
    headers,
    hostile_values,
    identities,
    json_values,
    keys,
    linked_sessions,
    make_session,
    malformed_contents,
    messages,
    mutated_frames,
    truncated_frames,
)
from assay.testing._contents import WRONG
from tests.properties import EACH, MANY

T = TypeVar("T")


DEEP = 300

FIELDLESS = {
    "apply_request",
    "clear_request",
    "connect_request",
    "create_subshell_request",
    "interrupt_request",
    "kernel_info_request",
    "list_subshell_request",
}
"""Types whose contents have no field of their own."""


def drawn(strategy: SearchStrategy[T], count: int = 200) -> list[T]:
    """Return *count* values of *strategy*, the same each time."""
    values: list[T] = []

    @settings(max_examples=count, derandomize=True, database=None)
    @given(strategy)
    def draw(value: T) -> None:
        values.append(value)

    draw()
    return values


class NothingMissing(Exception):  # noqa: N818 - it is none
    """All that was looked for is found."""


def not_drawn(strategy: SearchStrategy[T], wanted: Mapping[str, Callable[[T], bool]]) -> list[str]:
    """Return the names of *wanted* that hold of none of 5,000 values of *strategy*.

    It ends with the first value behind which none is missing. Hypothesis draws constants of the
    modules that are loaded, too, so which value that is depends on what ran before.
    """
    missing = dict(wanted)

    def look(value: T) -> None:
        for name in [name for name, holds in missing.items() if holds(value)]:
            del missing[name]

    # Hypothesis shows what it has given to a function that raises, which a hostile value forbids.
    @settings(max_examples=5_000, phases=[Phase.generate], derandomize=True, database=None)
    @given(strategy.map(look))
    def draw(_: None) -> None:
        if not missing:
            raise NothingMissing

    with suppress(NothingMissing):
        draw()
    return [*missing]


def of_type(*types: type) -> dict[str, Callable[[object], bool]]:
    """Return for `not_drawn` that a value is of each of *types*."""
    return {one.__name__: partial(_is_a, one) for one in types}


def _is_a(wanted: type, value: object) -> bool:
    return isinstance(value, wanted)


@pytest.mark.parametrize("msg_type", sorted(MESSAGE_TYPES))
@given(data=st.data())
@settings(max_examples=EACH)
def test_contents_are_valid_for_their_type(msg_type: str, data: st.DataObject) -> None:
    """Every content is one that the protocol reads, and fields agree with each other."""
    content = data.draw(contents(msg_type))

    assert structure_content(msg_type, unstructure(content)) == content
    assert type(content) in (MESSAGE_TYPES[msg_type].content, ErrorReply, Aborted)
    match content:
        case CompleteReply():
            assert content.cursor_start <= content.cursor_end
        case IsCompleteReply():
            assert content.status == "incomplete" or "indent" not in unstructure(content)
        case InspectReply(found=False):
            assert not content.data


def test_replies_fail_now_and_then() -> None:
    """Success, error and abortion are all among the contents of a reply."""
    kinds = of_type(ErrorReply, Aborted, MESSAGE_TYPES["execute_reply"].content)

    assert not_drawn(contents("execute_reply"), kinds) == []


@pytest.mark.parametrize("msg_type", [name for name in MESSAGE_TYPES if name.endswith("_reply")])
def test_replies_do_not_fail_if_they_may_not(msg_type: str) -> None:
    """Who has no use for failures gets none, by construction."""
    made = drawn(contents(msg_type, may_fail=False), 30)
    told = drawn(messages(msg_type, may_fail=False), 10)

    assert {type(one) for one in (*made, *(one.content for one in told))} == {
        MESSAGE_TYPES[msg_type].content
    }


def test_unknown_keys_are_among_them() -> None:
    """Contents and headers with keys that the protocol does not name are found."""
    assert not_drawn(contents("status"), {"more keys": lambda content: bool(content.extra)}) == []
    assert not_drawn(headers(), {"more keys": lambda header: bool(header.extra)}) == []


@given(json_values())
def test_json_values_are_json(value: Any) -> None:
    """The standard library writes and reads them without a change."""
    text = json.dumps(value, allow_nan=False)

    text.encode("utf-8")
    assert json.loads(text) == value


def test_json_values_reach_far() -> None:
    """NUL and astral code points, negative and wide integers, nesting are among them."""
    wanted: dict[str, Callable[[Any], bool]] = {
        "NUL": lambda value: "\\u0000" in json.dumps(value),
        "astral": lambda value: any(ord(character) > 0xFFFF for character in _text(value)),
        "wide": lambda value: type(value) is int and value > 2**63,
        "negative": lambda value: type(value) is int and value < -(2**31),
        "nested": lambda value: _depth(value) > 1,
    }

    assert not_drawn(json_values(), wanted) == []


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


KINDS = (bytes, bytearray, memoryview, set, frozenset, complex, tuple, range, type, dict, list, str)
KEYS = (str, int, float, bytes, tuple, frozenset, type(None))


def test_hostile_values_hold_what_breaks_codecs() -> None:
    """Every kind of thing is among them: odd keys, depth, surrogates, wide integers, NaN."""
    wanted: dict[str, Callable[[Any], bool]] = {
        **of_type(*KINDS),
        "surrogate": lambda value: isinstance(value, str) and not _encodes(value),
        "wide": lambda value: isinstance(value, int) and value.bit_length() > 15_000,
        "NaN": lambda value: isinstance(value, float) and math.isnan(value),
        "deep": lambda value: _depth(value) >= DEEP,
        "cycle": lambda value: isinstance(value, list) and _holds_itself(value),
        **{f"key: {kind.__name__}": partial(_has_key, kind) for kind in KEYS},
    }

    assert not_drawn(hostile_values(), wanted) == []


def _has_key(kind: type, value: object) -> bool:
    return any(type(key) is kind for key in _keys(value))


def _keys(value: object, levels: int = 4) -> Iterator[object]:
    """Yield the keys in *value*, as far down as that many levels: it may hold itself."""
    if levels and isinstance(value, dict):
        yield from value
    if levels and isinstance(value, (dict, list, tuple)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _keys(item, levels - 1)


def _holds_itself(value: list[Any]) -> bool:
    return any(isinstance(item, dict) and item.get("again") is value for item in value)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _depth(value: Any) -> int:
    levels = 0
    while isinstance(value, (list, dict)) and value and levels < DEEP:
        value = value[0] if isinstance(value, list) else next(iter(value.values()))
        levels += 1
    return levels


@given(keys(), identities(), headers("status"))
def test_parts_are_what_their_names_say(
    key: bytes, prefix: tuple[bytes, ...], header: Header
) -> None:
    """Keys are not empty, prefixes have no delimiter, headers have the type asked for."""
    assert key
    assert DELIMITER not in prefix
    assert header.msg_type == "status"
    assert header.msg_id


@pytest.mark.parametrize("msg_type", sorted(MESSAGE_TYPES))
@given(data=st.data())
@settings(max_examples=4)
def test_messages_have_the_type_asked_for(msg_type: str, data: st.DataObject) -> None:
    """Header and content agree."""
    message: Message[Content] = data.draw(messages(msg_type))

    assert message.header.msg_type == msg_type
    assert type(message.content) in (MESSAGE_TYPES[msg_type].content, ErrorReply, Aborted)


@given(frames(scheme=None))
def test_frames_are_believed_by_their_session(signed: SignedFrames) -> None:
    """They decode to the message, once."""
    session = signed.session()

    assert session.decode(signed.frames).message == signed.message
    assert len(signed.frames[signed.signature_index]) >= 32


@given(mutated_frames())
def test_mutated_frames_differ_in_one_signed_frame(mutated: MutatedFrames) -> None:
    """The frame that is named differs, and no other."""
    pairs = zip(mutated.genuine.frames, mutated.frames, strict=True)
    changed = [index for index, (one, other) in enumerate(pairs) if one != other]

    start = mutated.genuine.signature_index
    parts = ("signature", "header", "parent_header", "metadata", "content")
    assert changed == [start + parts.index(mutated.part)]


def test_truncated_frames_are_mostly_refused() -> None:
    """Nearly all are no message, and now and then one is whole."""
    session = linked_sessions(b"").client.session

    def is_whole(raw: Sequence[bytes]) -> bool:
        try:
            session.decode(raw)
        except (FramingError, ContentError):
            return False
        return True

    assert sum(map(is_whole, drawn(truncated_frames(), 60))) < 30
    assert not_drawn(truncated_frames(), {"whole": is_whole}) == []


@pytest.mark.parametrize("msg_type", sorted(set(MESSAGE_TYPES) - FIELDLESS))
@given(data=st.data())
@settings(max_examples=6)
def test_malformed_contents_are_refused(msg_type: str, data: st.DataObject) -> None:
    """Of each type every one of them is a content error, and says where; what is sound is taken."""
    malformed: MalformedContent = data.draw(malformed_contents(msg_type))
    sound = unstructure(data.draw(contents(msg_type)))
    with pytest.raises(ContentError) as caught:
        structure_content(msg_type, malformed.data)

    assert malformed.msg_type == msg_type
    assert malformed.path in str(caught.value)
    assert unstructure(structure_content(msg_type, sound)) == sound


@pytest.mark.parametrize("msg_type", sorted(FIELDLESS))
def test_contents_without_a_field_cannot_be_spoilt(msg_type: str) -> None:
    """Nothing in them can be wrong: to ask for a fault is an error."""
    with pytest.raises(LocalError, match="wanted a type with a field that can be wrong"):
        drawn(malformed_contents(msg_type), 1)


def test_malformed_contents_have_every_fault() -> None:
    """A field is missing, or has a value of each wrong kind."""
    faults = ("missing", *(f"found {word}" for word in WRONG))
    wanted = {fault: partial(_has_fault, fault) for fault in faults}

    assert not_drawn(malformed_contents(), wanted) == []


def _has_fault(fault: str, malformed: MalformedContent) -> bool:
    return malformed.fault == fault


@given(conversations())
def test_conversations_keep_the_rules(steps: tuple[Step, ...]) -> None:
    """Each request: busy, its reply once, idle, all under its header; cells count from 1."""
    requests = [step for step in steps if step.sender is Sender.CLIENT]
    ids = [step.message.header.msg_id for step in steps]
    cells = [
        step.message.content.execution_count
        for step in steps
        if isinstance(step.message.content, ExecuteInput)
    ]

    assert len(set(ids)) == len(ids)
    assert cells == list(range(1, len(cells) + 1))
    for request in requests:
        caused = [step for step in steps if step.message.parent_header == request.message.header]
        states = [
            step.message.content.execution_state
            for step in caused
            if isinstance(step.message.content, Status)
        ]
        replies = [step for step in caused if step.channel is Channel.SHELL]
        wanted = reply_type(request.message.header.msg_type)
        assert states == [ExecutionState.BUSY, ExecutionState.IDLE]
        assert [reply.message.header.msg_type for reply in replies] == [wanted]
        assert (caused[0], caused[-1]) == (
            next(step for step in caused if isinstance(step.message.content, Status)),
            steps[steps.index(caused[-1])],
        )


def test_cells_have_results_and_fail_now_and_then() -> None:
    """A failure is published and replied, with the number of its cell."""
    names = ("execute_result", "error", "failing execute_reply")

    assert not_drawn(conversations(), {name: partial(_has_step, name) for name in names}) == []
    for step in (step for conversation in drawn(conversations()) for step in conversation):
        if isinstance(step.message.content, ErrorReply):
            assert step.message.header.msg_type == "execute_reply"
            assert "execution_count" in unstructure(step.message.content)


def _has_step(name: str, conversation: Sequence[Step]) -> bool:
    return any(
        f"{'failing ' if isinstance(one.content, ErrorReply) else ''}{one.header.msg_type}" == name
        for one in (step.message for step in conversation)
    )


@given(conversations())
def test_conversations_go_over_a_link(steps: tuple[Step, ...]) -> None:
    """Every step arrives as it was sent."""
    link = linked_sessions()

    for step in steps:
        here, there = (
            (link.client, link.kernel)
            if step.sender is Sender.CLIENT
            else (link.kernel, link.client)
        )
        here.send(step.message)
        assert there.receive().message == step.message


def test_two_runs_give_the_same_bytes() -> None:
    """The clock stands and the ids count: a conversation can be repeated to the byte."""

    def conversation() -> list[list[bytes]]:
        link = linked_sessions()
        link.client.say(structure_content("kernel_info_request", {}))
        request = link.kernel.receive()
        link.kernel.say(Status(execution_state=ExecutionState.BUSY), to=request)
        return [*link.client.inbox]

    assert conversation() == conversation()


def test_an_end_answers_under_the_request() -> None:
    """Parent and routing prefix of an answer are the request's."""
    link = linked_sessions()
    request = link.client.session.message(structure_content("kernel_info_request", {}))
    link.client.send(request, (b"router", b"client"))
    delivery = link.kernel.receive()

    link.kernel.say(Status(execution_state=ExecutionState.IDLE), to=delivery)

    answer = link.client.receive()
    assert answer.identities == (b"router", b"client")
    assert answer.message.parent_header == request.header


def test_a_link_refuses_another_key() -> None:
    """Ends of different links do not believe each other."""
    link, other = linked_sessions(), linked_sessions(b"another key")
    link.client.connect(other.kernel)
    link.client.say(Status(execution_state=ExecutionState.IDLE))

    with pytest.raises(SignatureError):
        other.kernel.receive()


@pytest.mark.parametrize("name", assay.testing.__all__)
def test_public_names_are_documented(name: str) -> None:
    """Every public name exists and says what it is."""
    assert name == "NOON" or getattr(assay.testing, name).__doc__


def test_an_error_answers_what_was_delivered() -> None:
    """A content of several types goes as the reply to the request, and as nothing without one."""
    link = linked_sessions()
    link.client.say(structure_content("inspect_request", {"code": "", "cursor_pos": 0}))
    request = link.kernel.receive()

    link.kernel.say(ErrorReply(ename="E", evalue=""), to=request)

    answer = link.client.receive().message
    assert answer.header.msg_type == "inspect_reply"
    assert answer.parent_header == request.message.header
    with pytest.raises(LocalError, match="wanted a msg_type for an ErrorReply"):
        link.kernel.say(ErrorReply(ename="E", evalue=""))


@pytest.mark.parametrize(
    ("strategy", "wanted"),
    [
        (lambda: contents("no_such_type"), "wanted a message type"),
        (lambda: drawn(messages("no_such_type"), 1), "wanted a message type"),
        (lambda: drawn(malformed_contents("no_such_type"), 1), "wanted a message type"),
        (lambda: drawn(malformed_contents("interrupt_request"), 1), "a field that can be wrong"),
    ],
)
def test_what_cannot_be_drawn_is_refused(strategy: Callable[[], object], wanted: str) -> None:
    """An unknown type, or one without a field to spoil, is an error that says so."""
    with pytest.raises(LocalError, match=wanted):
        strategy()


@given(adversarial_frames())
@settings(max_examples=200)
def test_adversarial_frames_are_signed_and_refused(adversarial: AdversarialFrames) -> None:
    """Only the dict that is named is wrong, and a message that follows is taken."""
    session = adversarial.genuine.session()

    with pytest.raises(FramingError, match=f"^{adversarial.part}: wanted "):
        session.decode(adversarial.frames)

    assert session.decode(adversarial.genuine.frames).message == adversarial.genuine.message


def test_every_adversary_comes() -> None:
    """Each fault is drawn, and each dict is spoilt."""
    parts, faults = set[str](), set[str]()

    def is_last(adversarial: AdversarialFrames) -> bool:
        parts.add(adversarial.part)
        faults.add(adversarial.fault)
        return len(parts) == 4 and len(faults) >= 15

    assert not_drawn(adversarial_frames(), {"all parts and 15 faults": is_last}) == []
    assert parts == {"header", "parent_header", "metadata", "content"}


OWN_TYPES = [
    list[int],
    Sequence[str],
    dict[str, float],
    Mapping[str, object],
    tuple[str, int],
    float | None,
    SessionId,
    ExecutionState,
    Literal["a", 1],
]


@pytest.mark.parametrize("own", OWN_TYPES, ids=str)
def test_a_type_of_a_program_s_own_is_drawn_and_spoilt(own: object) -> None:
    """What is registered last under a name is drawn; what was spoilt in it is refused."""
    body = {"__annotations__": {"own": own}, "msg_type": "own_request"}
    cls: Any = frozen(kw_only=True)(type("OwnRequest", (Content,), body))
    register_message_type(cls, channels={"shell"}, sender="client")
    try:
        for content in drawn(contents("own_request"), 20):
            assert type(content) is cls
            assert structure_content("own_request", unstructure(content)) == content
        for malformed in drawn(malformed_contents("own_request"), 20):
            with pytest.raises(ContentError) as caught:
                structure_content("own_request", malformed.data)
            assert caught.value.faults[0].startswith("own")
    finally:
        forget_message_type("own_request")


def test_a_field_that_json_does_not_have_is_named() -> None:
    """Neither a reader nor a strategy fails by an error of another library's."""
    body = {"__annotations__": {"at": datetime}, "msg_type": "own_request"}
    cls: Any = frozen(kw_only=True)(type("OwnRequest", (Content,), body))
    register_message_type(cls, channels={"shell"}, sender="client")
    try:
        with pytest.raises(LocalError, match=r"of types that JSON has, found .*datetime"):
            structure_content("own_request", {"at": 5})
        with pytest.raises(LocalError, match=r"of a type that JSON has, found .*datetime"):
            contents("own_request")
    finally:
        forget_message_type("own_request")


@given(messages())
@settings(max_examples=MANY)
def test_a_judge_takes_every_message(message: Message[Content]) -> None:
    """What is drawn as valid has no finding of the profile that asks what a receiver needs."""
    assert validate(message, profile=Profile.LENIENT) == ()


@given(messages())
@settings(max_examples=MANY)
def test_a_reader_of_older_versions_takes_none_for_its_own(message: Message[Content]) -> None:
    """A header names 5.0 or later, so that no adapter looks for contents of 4.1 (HDR-09)."""
    assert version_of(unstructure(message.header)) is ProtocolVersion.V5_5


def test_from_type_draws_what_is_valid() -> None:
    """Hypothesis's own way to ask for a value of a class gives contents that can be sent."""
    public = [getattr(protocol, name) for name in protocol.__all__]
    classes = [one for one in public if isinstance(one, type) and issubclass(one, Content)]
    classes.remove(Content)
    for cls in classes:
        for content in drawn(st.from_type(cls), 2):
            assert type(content) is cls
            assert make_session().pack(content, msg_type=cls.msg_type or "execute_reply")


def test_from_type_draws_messages() -> None:
    """Of the content in the brackets, of any without them; and headers."""
    assert all(type(one) is Header for one in drawn(st.from_type(Header), 5))
    for message in drawn(st.from_type(Message[CompleteReply]), 20):
        assert type(message.content) is CompleteReply
        assert message.header.msg_type == "complete_reply"
    assert len({one.header.msg_type for one in drawn(st.from_type(Message), 40)}) > 5
    assert len({type(one) for one in drawn(st.from_type(Content), 40)}) > 5
