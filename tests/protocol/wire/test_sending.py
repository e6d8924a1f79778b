"""What breaks its own model is refused when it is sent, and types of a program's own are known."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, ClassVar

import pytest
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.protocol import (
    MESSAGE_TYPES,
    UNSET,
    Channel,
    Content,
    ContentError,
    DisplayData,
    ErrorReply,
    ExecuteReply,
    ExecuteRequest,
    ExecutionState,
    FrameCodec,
    HelpLink,
    JsonError,
    KernelInfoReply,
    LanguageInfo,
    LocalError,
    MsgId,
    ProtocolVersion,
    Recorded,
    Sender,
    Session,
    SessionId,
    Signer,
    Status,
    Stream,
    Translator,
    Unknown,
    UnsetType,
    content_class,
    decode_object,
    encode_json,
    forget_message_type,
    json_losses,
    message_type,
    recognize,
    register_message_type,
    structure_content,
    unstructure,
    validate,
)
from assay.protocol.wire._sending import is_sound
from assay.testing import contents, json_values
from tests.properties import MANY


def session(**more: Any) -> Session:
    arguments: dict[str, Any] = {
        "session": SessionId("s"),
        "now": lambda: datetime(2026, 1, 1, tzinfo=UTC),
        "new_id": lambda: MsgId("m"),
    }
    return Session(b"key", **{**arguments, **more})


def wrong(cls: Any, **fields: Any) -> Any:
    """Return a content that a type checker would refuse."""
    return cls(**fields)


def untyped(value: object) -> Any:
    """Return *value* as a program without a type checker hands it in."""
    return value


LANGUAGE = LanguageInfo(name="x", version="1", mimetype="text/x", file_extension=".x")
BROKEN: dict[str, tuple[Any, str]] = {
    "a number as text": (wrong(ExecuteRequest, code=5), "code: wanted text, found 5"),
    "a word that is none of them": (
        wrong(Stream, name="foo", text=""),
        "name: wanted one of 'stdout', 'stderr', found 'foo'",
    ),
    "an enum of another word": (
        wrong(Status, execution_state="dead"),
        "execution_state: wanted one of",
    ),
    "null": (wrong(ExecuteReply, execution_count=None), "execution_count: wanted an integer"),
    "a boolean as number": (
        wrong(ExecuteReply, execution_count=True),
        "execution_count: wanted an integer, found True",
    ),
    "a wrong item": (
        wrong(ErrorReply, ename="E", evalue="", traceback=("a", 1)),
        "traceback[1]: wanted text, found 1",
    ),
    "bytes for text": (wrong(ExecuteRequest, code=b"1 + 1"), "code: wanted text, found b'1 + 1'"),
    "bytes for an item": (
        wrong(ErrorReply, ename="E", evalue="", traceback=["a", b"b"]),
        "traceback[1]: wanted text, found b'b'",
    ),
    "bytes for an entry": (
        wrong(ExecuteRequest, code="", user_expressions={"x": b"1"}),
        "user_expressions['x']: wanted text, found b'1'",
    ),
    "bytes in a content in a content": (
        wrong(
            KernelInfoReply,
            implementation="x",
            implementation_version="1",
            language_info=evolve(LANGUAGE, name=wrong(bytes)),
        ),
        "language_info.name: wanted text, found b''",
    ),
    "a content in a content": (
        wrong(
            KernelInfoReply,
            implementation="x",
            implementation_version="1",
            language_info=LANGUAGE,
            help_links=(wrong(HelpLink, text="x", url=1),),
        ),
        "help_links[0].url: wanted text, found 1",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_breaks_its_model_is_not_sent(name: str) -> None:
    """The field is named by its path, with what was wanted and found, packed or encoded."""
    content, fault = BROKEN[name]
    msg_type = "" if content.msg_type else "execute_reply"

    with pytest.raises(LocalError, match=re.escape(fault)):
        session().pack(content, msg_type=msg_type)
    message = session().message(content, msg_type=msg_type)
    with pytest.raises(LocalError, match=re.escape(fault)):
        session().encode(message)


@given(st.data())
@settings(max_examples=MANY)
def test_what_is_sound_is_sent(data: st.DataObject) -> None:
    """Nothing that its class allows is refused, and what passes the quick look is read back."""
    name = data.draw(st.sampled_from(sorted(MESSAGE_TYPES)))
    content = data.draw(contents(name))

    frames = session().pack(content, msg_type="" if content.msg_type else name)

    assert is_sound(content)
    assert structure_content(name, decode_object(bytes(frames[-1]), "content")) == content


@given(st.data())
@settings(max_examples=MANY)
def test_the_quick_look_lets_nothing_pass_that_a_reader_refuses(data: st.DataObject) -> None:
    """Whatever value stands in a field: if it looks sound, the reader takes it."""
    name = data.draw(st.sampled_from(["execute_reply", "stream", "kernel_info_reply", "status"]))
    content = data.draw(contents(name, may_fail=False))
    field = data.draw(st.sampled_from(sorted(unstructure(content))))
    if field in content.extra:
        return
    other = contents(name, may_fail=False).map(lambda one: getattr(one, field))
    changes: dict[str, Any] = {field: data.draw(json_values(max_leaves=3) | other)}
    spoilt = evolve(content, **changes)

    if is_sound(spoilt):
        written = decode_object(encode_json(unstructure(spoilt)), "content")
        assert unstructure(structure_content(name, written)) == written


def test_each_value_is_looked_at_whatever_was_sound_before() -> None:
    """Of two values whose fields hold the same types, one may break its model."""
    for right, broken in (
        (ExecuteReply(execution_count=1), wrong(ExecuteReply, execution_count=1, status="no")),
        (
            ExecuteReply(execution_count=1, user_expressions={"a": {}}),
            wrong(ExecuteReply, execution_count=1, user_expressions={"a": 1}),
        ),
    ):
        assert is_sound(right)
        assert not is_sound(broken)
        with pytest.raises(LocalError):
            session().pack(broken)


def test_what_means_the_same_is_sent() -> None:
    """A list for a tuple, a subclass of text: what JSON makes alike of them is taken."""

    class Word(str):
        __slots__ = ()

    listed = wrong(ErrorReply, ename=Word("E"), evalue="", traceback=["a"])

    assert b'"traceback":["a"]' in session().pack(listed, msg_type="execute_reply")[-1]


def test_bytes_are_base64_where_json_of_any_form_stands() -> None:
    """A picture may come as bytes, beside a field that only the reader settles."""
    picture = wrong(DisplayData, data={"image/png": b"\x89PNG"}, metadata=MappingProxyType({}))
    cell = wrong(ExecuteReply, execution_count=1, payload=[{"source": "x", "data": b"\x00"}])

    assert b'"image/png":"iVBORw=="' in session().pack(picture)[-1]
    assert b'"data":"AA=="' in session().pack(cell)[-1]


def test_what_is_no_content_is_not_sent() -> None:
    """An object, or the class itself, is named before anything is made of it."""
    for one in ({"code": "1"}, ExecuteRequest, None):
        with pytest.raises(LocalError, match="wanted a content, such as ExecuteRequest"):
            session().message(untyped(one))
        with pytest.raises(LocalError, match="wanted a content, such as ExecuteRequest"):
            session().pack(untyped(one))


def test_a_parent_is_a_header() -> None:
    """The whole message, or its dicts, is a mistake that is easily made."""
    asked = session().message(ExecuteRequest(code=""))
    reply = ExecuteReply(execution_count=1)

    for parent in (asked, unstructure(asked.header)):
        with pytest.raises(LocalError, match="parent: wanted the header of a message"):
            session().message(reply, parent=untyped(parent))
    with pytest.raises(LocalError, match="parent: wanted a header as bytes"):
        session().pack(reply, parent=untyped(asked.header))


def test_headers_are_checked() -> None:
    """A header that breaks its model is refused as well, a parent header too."""
    message = session().message(Status(execution_state="idle"))  # type: ignore[arg-type]
    bad: Any = 5

    with pytest.raises(LocalError, match="msg_id: wanted text, found 5"):
        session().encode(evolve(message, header=evolve(message.header, msg_id=bad)))
    with pytest.raises(LocalError, match="username: wanted text, found 5"):
        session().encode(evolve(message, parent_header=evolve(message.header, username=bad)))


def test_metadata_buffers_and_identities_are_checked() -> None:
    """Metadata are a mapping, buffers and identities lists of bytes."""
    wrong_ones: list[Any] = [[1], 5, "text"]

    for one in wrong_ones:
        with pytest.raises(LocalError, match="metadata: wanted a mapping, found"):
            session().pack(ExecuteRequest(code=""), metadata=one)
    with pytest.raises(LocalError, match=r"buffers\[1\]: wanted bytes, found 'x'"):
        session().pack(ExecuteRequest(code=""), buffers=[b"", wrong(str, object="x")])
    message = session().message(ExecuteRequest(code=""))
    for frames in ("x", b"xy"):
        with pytest.raises(LocalError, match="identities: wanted a list of bytes, found"):
            session().encode(message, untyped(frames))
    with pytest.raises(LocalError, match=r"identities\[0\]: wanted bytes, found 'x'"):
        session().encode(message, untyped(["x"]))


def test_a_key_of_text_is_a_clear_error() -> None:
    """It says what to do, and does not show the key, wherever a key is taken."""
    key: Any = "secret"
    frames = [b"<IDS|MSG>", b"", b"{}", b"{}", b"{}", b"{}"]
    takers: list[Callable[[], object]] = [
        lambda: Session(
            key,
            session=SessionId("s"),
            now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
            new_id=lambda: MsgId("m"),
        ),
        lambda: Signer(key),
        lambda: FrameCodec(ProtocolVersion.V4_1, key),
        lambda: recognize(frames, key),
    ]

    for taker in takers:
        with pytest.raises(LocalError, match=r"wanted the key as bytes, found text") as caught:
            taker()
        assert "secret" not in str(caught.value)


def test_a_naive_clock_is_a_clear_error() -> None:
    """A date without a zone means another moment to each reader."""
    naive = session(now=lambda: datetime(2026, 1, 1))

    with pytest.raises(LocalError, match="wanted a clock that gives aware times"):
        naive.header("status")
    with pytest.raises(LocalError, match="wanted a clock that gives aware times"):
        naive.pack(ExecuteRequest(code=""))
    with pytest.raises(LocalError, match="wanted a clock that gives aware times"):
        Translator(ProtocolVersion.V4_1, now=lambda: datetime(2026, 1, 1)).up(
            {"header": {"msg_id": "m", "msg_type": "kernel_info_request"}}
        )
    with pytest.raises(LocalError, match="wanted a clock that gives aware times, found '2026'"):
        session(now=lambda: "2026").header("status")


def test_a_misspelt_type_gets_a_suggestion() -> None:
    """Wherever a type is named that nothing has."""
    with pytest.raises(LocalError, match="did you mean 'execute_request'"):
        message_type("exectue_request")
    with pytest.raises(LocalError, match="did you mean 'execute_reply'"):
        session().message(ErrorReply(ename="E", evalue=""), msg_type="exectue_reply")
    with pytest.raises(LocalError, match="did you mean 'execute_request'"):
        contents("exectue_request")
    with pytest.raises(LocalError, match="message type: wanted text, found 5"):
        message_type(untyped(5))
    with pytest.raises(LocalError, match=r"found 'frobnicate'$"):
        message_type("frobnicate")
    assert session().message(Unknown(), msg_type="frobnicate").header.msg_type == "frobnicate"


def test_what_json_cannot_hold_is_told_to_who_asks() -> None:
    """Each loss is named by its path; sending goes on as before."""
    value = {"x": [1.0, float("nan")], "y": {"z": "\ud800"}, "i": float("inf"), "n": 10**5000}

    assert json_losses(value, "data") == (
        "data.x[1]: NaN becomes null",
        "data.y.z: a lone surrogate becomes the text of its escape",
        "data.i: an infinity becomes null",
        "data.n: an integer becomes hexadecimal text",
    )
    assert json_losses({"a": [1, "x", None, 2**70]}) == ()
    with pytest.raises(JsonError):
        json_losses({"a": object()})
    shown = DisplayData(data={"x": float("nan")})
    message = session().message(shown, metadata={"y": "\ud800"})
    assert json_losses(shown) == ("data.x: NaN becomes null",)
    assert json_losses([shown], "seen") == ("seen[0].data.x: NaN becomes null",)
    assert json_losses(message) == (
        "metadata.y: a lone surrogate becomes the text of its escape",
        "content.data.x: NaN becomes null",
    )
    assert encode_json({"x": float("nan")}) == b'{"x":null}'


# Types of a program's own


@frozen(kw_only=True)
class GaugeRequest(Content):
    """Ask what the kernel uses."""

    msg_type: ClassVar[str] = "gauge_request"


@frozen(kw_only=True)
class GaugeReply(Content):
    """Say what the kernel uses."""

    msg_type: ClassVar[str] = "gauge_reply"

    kernel_cpu: float
    pid: int
    hostname: str | UnsetType = UNSET
    status: str = "ok"


@pytest.fixture(name="usage")
def registered() -> Iterator[None]:
    register_message_type(
        GaugeRequest, channels={Channel.CONTROL}, sender="client", reply="gauge_reply"
    )
    register_message_type(GaugeReply, channels={"control"}, sender=Sender.KERNEL)
    yield
    for name in ("gauge_request", "gauge_reply"):
        forget_message_type(name)


@pytest.mark.usefixtures("usage")
def test_own_types_are_read_and_written() -> None:
    """A registered type is typed like those of the protocol, and its faults have paths."""
    reply = GaugeReply(kernel_cpu=1.5, pid=7)

    frames = session().pack(reply)

    assert session().decode(frames).message.content == reply
    assert content_class("gauge_request") is GaugeRequest
    with pytest.raises(ContentError, match="pid: wanted an integer, found 'x'"):
        structure_content("gauge_reply", {"kernel_cpu": 1.5, "pid": "x"})
    with pytest.raises(LocalError, match="pid: wanted an integer, found 'x'"):
        session().pack(wrong(GaugeReply, kernel_cpu=1.5, pid="x"))


@pytest.mark.usefixtures("usage")
def test_own_types_are_judged() -> None:
    """Content, channel and sender, by the sentence that a content has the form of its type."""
    message = session().message(GaugeReply(kernel_cpu=1.5, pid=7), parent=session().header("x"))
    spoilt = {
        "header": unstructure(message.header),
        "parent_header": unstructure(message.header),
        "content": {"kernel_cpu": 1.5, "status": "ok"},
    }

    assert validate(message, channel=Channel.CONTROL, sender=Sender.KERNEL) == ()
    assert [(one.requirement, one.path) for one in validate(spoilt)] == [("HDR-18", "content.pid")]
    assert [one.path for one in validate(message, channel=Channel.IOPUB)] == ["channel"]


@pytest.mark.usefixtures("usage")
def test_types_are_registered_once() -> None:
    """The protocol's types stay, and no two classes share a name."""

    @frozen(kw_only=True)
    class Other(Content):
        msg_type: ClassVar[str] = "gauge_reply"

    with pytest.raises(LocalError, match="which is registered for GaugeReply"):
        register_message_type(Other, channels={"control"}, sender="kernel")
    with pytest.raises(LocalError, match="wanted a type that the protocol does not have"):
        register_message_type(Stream, channels={"iopub"}, sender="kernel")
    with pytest.raises(LocalError, match="wanted a class with a msg_type"):
        register_message_type(Unknown, channels={"shell"}, sender="kernel")


def test_what_is_no_type_is_not_registered() -> None:
    """A class without its decorator, a channel or a sender that is none: nothing is known then."""

    class Bare(Content):
        msg_type: ClassVar[str] = "bare_request"

        pid: int

    with pytest.raises(LocalError, match=r"found Bare without @frozen\(kw_only=True\)"):
        register_message_type(Bare, channels={"control"}, sender="client")
    with pytest.raises(LocalError, match="wanted a class derived from Content"):
        register_message_type(untyped(dict), channels={"control"}, sender="client")
    with pytest.raises(LocalError, match=r"wanted a channel, one of 'shell', .* found 'contol'"):
        register_message_type(GaugeRequest, channels={"contol"}, sender="client")
    with pytest.raises(LocalError, match="wanted a set of channels, found 'control'"):
        register_message_type(GaugeRequest, channels="control", sender="client")
    with pytest.raises(LocalError, match=r"wanted a sender, one of .* found 'me'"):
        register_message_type(GaugeRequest, channels={"control"}, sender="me")
    assert "gauge_request" not in MESSAGE_TYPES
    assert content_class("gauge_request") is Unknown


def test_a_judge_knows_what_it_is_asked_by() -> None:
    """A channel, sender, version or signer that is none is a mistake of the caller's."""
    message = session().message(Status(execution_state=ExecutionState.IDLE))
    mistakes: dict[str, dict[str, Any]] = {
        "wanted a channel, one of": {"channel": "shel"},
        "wanted a sender, one of": {"sender": "kernal"},
        "wanted a version like '5.5', found 5.5": {"version": 5.5},
        "wanted a Signer, found a value of type bytes": {"signer": b"secret"},
    }

    for told, mistake in mistakes.items():
        with pytest.raises(LocalError, match=told):
            validate(message, **mistake)
    with pytest.raises(LocalError, match="wanted a channel, one of"):
        Recorded(index=0, channel="shel", sender="kernel", message=message)
    assert validate(message, channel="iopub", sender="kernel") == ()


def test_a_forgotten_type_is_unknown_again() -> None:
    """Nothing of it stays."""
    register_message_type(GaugeRequest, channels={"control"}, sender="client")
    assert "gauge_request" in MESSAGE_TYPES

    forget_message_type("gauge_request")
    forget_message_type("gauge_request")

    assert "gauge_request" not in MESSAGE_TYPES
    assert content_class("gauge_request") is Unknown
