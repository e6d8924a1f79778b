"""Beside jupyter_client's adapter: what it can do we do the same, what it gets wrong we do right.

The adapter knows 4.1 and 5. Its faults have the numbers under which we found them; each has a test
of its own below, and where the comparison leaves something out it says for which fault.
"""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jupyter_client.adapter import adapt

from assay.protocol import (
    UNSET,
    CompleteReply,
    Content,
    ExecuteReply,
    ExecuteRequest,
    InspectReply,
    Message,
    MessageDict,
    ProtocolVersion,
    Translator,
    structure_content,
    structure_message,
    unstructure_message,
)
from assay.testing import NOON, messages, standing_clock, texts
from tests.properties import EACH
from tests.protocol.versions.test_laws import (
    EXCHANGES,
    OBJECT_INFO,
    broadcasts,
    exchanges,
    old_messages,
)

V3, V4_0, V4_1, V5_5 = ProtocolVersion

ASKED: dict[str, Any] = {"msg_id": "asked", "msg_type": "t", "session": "s", "username": "u"}


def translator(version: ProtocolVersion = V4_1, **options: Any) -> Translator:
    return Translator(version, now=standing_clock(NOON), **options)


def message(msg_type: str, content: Any, **header: object) -> MessageDict:
    """Return a message that answers, if it is an answer, the message ``asked``."""
    own = {**ASKED, "msg_id": "asked" if msg_type.endswith("_request") else "m"}
    more: Any = header
    return MessageDict(
        header={**own, "msg_type": msg_type, "date": "2026-01-01T00:00:00Z", **more},
        parent_header={} if msg_type.endswith("_request") else ASKED,
        metadata={},
        content=content,
        buffers=(),
    )


def up(subject: Translator, msg_type: str, content: Any) -> Any:
    """Return the content of what an old peer said, as 5.5 has it, or None."""
    raised = subject.up(message(msg_type, content))
    return None if raised is None else raised["content"]


def down(subject: Translator, msg_type: str, content: Any) -> Any:
    """Return the content of what 5.5 said, as the old peer has it, or None."""
    lowered = subject.down(message(msg_type, content, version="5.5"))
    return None if lowered is None else lowered["content"]


def theirs(msg: Any, major: int) -> Any:
    """Return what the adapter makes of a copy of *msg*."""
    return adapt(deepcopy({**msg}), major)


def their_content(msg_type: str, content: Any, major: int) -> Any:
    version = "5.5" if major == 4 else "4.1"
    return theirs(message(msg_type, content, version=version), major)["content"]


# What it can do, up


def plain(content: Any) -> Any:
    """Return *content* without what the adapter does not translate."""
    if isinstance(content, ExecuteReply) and content.payload is not UNSET:
        # Fault 7: payloads. What an adapter has nothing to do for is left.
        sources = ("set_next_input", "edit_magic", "auto_rewrite_input")
        kept = tuple(item for item in content.payload if item.get("source") in sources)
        content = attrs.evolve(content, payload=kept)
    return attrs.evolve(content, extra={})


@pytest.mark.parametrize(
    "name",
    # complete_reply: fault 11, below. kernel_info lacks what 5.5 wants: fault 6, below.
    [name for name in exchanges(V4_1) if name != "kernel_info"],
)
@given(data=st.data())
@settings(max_examples=2 * EACH)
def test_up_questions_and_answers_agree(name: str, data: st.DataObject) -> None:
    """Both give the same typed content for what a client of 4.1 asks and a kernel answers."""
    asked, answered = data.draw(EXCHANGES[name](V4_1))
    names = set(asked.get("user_variables", ()))
    assume(not names & set(asked.get("user_expressions", ())))  # fault 5
    assume(asked.get("detail_level", 0) < 2)  # 5 has no third level; the adapter hands it on
    request = data.draw(old_messages(V4_1, f"{name}_request", asked, {}))
    reply = data.draw(old_messages(V4_1, f"{name}_reply", answered, request["header"]))

    subject = translator()
    for old in (request, reply):
        if name == "complete" and old is reply:
            continue
        if answered.get("status") == "error" and old is reply:
            continue  # fault 13
        raised = subject.up(old)
        assert raised is not None
        adapted = theirs(old, 5)
        ours = structure_message(raised)
        assert ours.header.msg_type == adapted["header"]["msg_type"]
        assert ours.header.version == adapted["header"]["version"]
        assert plain(ours.content) == plain(
            structure_content(ours.header.msg_type, adapted["content"])
        )


@pytest.mark.parametrize("msg_type", broadcasts(V4_1))
@given(data=st.data())
@settings(max_examples=EACH)
def test_up_broadcasts_agree(msg_type: str, data: st.DataObject) -> None:
    """Both give the same content for what a kernel of 4.1 publishes."""
    content = data.draw(broadcasts(V4_1)[msg_type])
    old = data.draw(old_messages(V4_1, msg_type, content))
    bundle = content.get("data")
    if msg_type in ("display_data", "pyout"):
        bundle.pop("application/x-own+json", None)  # fault 4
    if msg_type == "pyout":
        bundle.pop("application/json", None)  # fault 4

    raised = translator().up(old)

    adapted = theirs(old, 5)
    assert raised is not None
    assert raised["content"] == adapted["content"]
    assert raised["header"] == adapted["header"]
    assert raised["buffers"] == adapted["buffers"]


def test_up_the_kernel_agrees() -> None:
    """Both name the kernel and its language the same way."""
    old = {
        "protocol_version": [4, 1],
        "ipython_version": [2, 0, 0, "dev"],
        "language_version": [2, 7, 6],
        "language": "python",
    }

    ours = up(translator(), "kernel_info_reply", old)

    adapted = their_content("kernel_info_reply", old, 5)
    info = adapted.pop("language_info")
    assert {name: ours[name] for name in adapted} == adapted
    assert {name: ours["language_info"][name] for name in info} == info
    assert isinstance(structure_content("kernel_info_reply", ours), Content)


# What it can do, down

UNCHANGED = [
    "status",
    "error",
    "execute_input",
    "input_reply",
    "clear_output",
    "comm_open",
    "comm_msg",
    "comm_close",
    "shutdown_request",
    "shutdown_reply",
    "connect_request",
    "apply_request",
    "kernel_info_request",
]

LEFT_OUT: dict[str, set[str]] = {
    "execute_request": {"stop_on_error"},  # 4.1 has no such field; the adapter leaves it
    "execute_reply": {"payload"},  # fault 7
    "history_reply": {"status"},  # not in 4.1; the adapter leaves it
    "display_data": {"data", "transient"},  # fault 4; not in 4.1
    "execute_result": {"data", "transient"},  # fault 4; not in 4.1
    "complete_reply": set(),
    "input_request": set(),
    "stream": set(),
    "connect_reply": {"status"},
}


@st.composite
def within_reach(draw: st.DrawFn, msg_type: str) -> Message[Content]:
    """Return a message without what the adapter cannot do: fail (fault 13), match nothing (1)."""
    new = draw(messages(msg_type, may_fail=False))
    if isinstance(new.content, CompleteReply) and not new.content.matches:
        matches = draw(st.lists(texts(), min_size=1, max_size=3).map(tuple))
        return attrs.evolve(new, content=attrs.evolve(new.content, matches=matches))
    return new


@pytest.mark.parametrize("msg_type", [*UNCHANGED, *LEFT_OUT])
@given(data=st.data())
@settings(max_examples=EACH)
def test_down_contents_agree(msg_type: str, data: st.DataObject) -> None:
    """Both give the same for what a kernel or client of 5.5 says; ours fills in what is needed."""
    new: Message[Content] = data.draw(within_reach(msg_type))
    plain_message = unstructure_message(new)
    plain_message["header"] = {**plain_message["header"], "version": "5.5", "date": "today"}

    lowered = translator().down(plain_message)

    adapted = theirs(plain_message, 4)
    left_out = LEFT_OUT.get(msg_type, set())
    assert lowered is not None
    ours = lowered["content"]
    # What the protocol does not name is not handed on where the whole content is made anew.
    unknown = set(new.content.extra) if msg_type == "complete_reply" else set()
    compared = {k: v for k, v in adapted["content"].items() if k not in left_out | unknown}
    assert {name: ours.get(name) for name in compared} == compared
    header = {name: item for name, item in adapted["header"].items() if name != "subshell_id"}
    assert lowered["header"] == header


BUNDLE = {"text/plain": "x", "text/html": "<b>", "application/json": {"a": [1, None, "é"]}}


def test_down_displays_agree() -> None:
    """Both write a JSON value as text that says the same, and leave text alone."""
    content = {"data": BUNDLE, "metadata": {}}

    ours = down(translator(), "display_data", content)

    adapted = their_content("display_data", content, 4)
    for one in (ours, adapted):
        one["data"]["application/json"] = json.loads(one["data"]["application/json"])
    assert ours == adapted


@given(st.lists(st.text("abc .", max_size=5), min_size=1, max_size=3), st.data())
def test_down_lines_and_cursors_agree(lines: list[str], data: st.DataObject) -> None:
    """Both send the line with the cursor, its end included, and the place in it."""
    code = "\n".join(lines)
    cursor = data.draw(st.integers(0, len(code)))
    assume(code)
    assume(code[cursor - 1 : cursor] != "\n")  # fault 10
    content = {"code": code, "cursor_pos": cursor}

    assert down(translator(), "complete_request", content) == their_content(
        "complete_request", content, 4
    )


@pytest.mark.parametrize(
    "code",
    [
        "",
        "name",
        "a.b.c",
        "x = name",
        "call(",
        "call(a, b",
        "call(1).attribute",
        "outer(inner(1), other",
        "outer(inner(",
        "call()",
        "1 + 2",
        "first\nsecond.name",
        "a)b",
        "f((a)",
        "%magic",
    ],
)
def test_down_names_agree(code: str) -> None:
    """Both find the same name when the cursor is at the end."""
    content = {"code": code, "cursor_pos": len(code), "detail_level": 1}

    assert down(translator(), "inspect_request", content) == their_content(
        "inspect_request", content, 4
    )


@pytest.mark.parametrize(
    ("code", "cursor", "wanted"),
    [
        ("first second", 2, "first"),
        ("größe", 5, "größe"),
        ("f(x); y", 1, "f"),
        ("a\nb", 2, "b"),
        ("(name", 5, "name"),
        ("call().attribute", 16, "call.attribute"),
        ("f() + g", 7, "g"),
    ],
)
def test_down_the_name_is_at_the_cursor(code: str, cursor: int, wanted: str) -> None:
    """The adapter takes the last name of the line, knows ASCII, and takes ``()`` for open."""
    content = {"code": code, "cursor_pos": cursor}

    assert down(translator(), "inspect_request", content)["oname"] == wanted


def test_many_open_parentheses_are_read_once() -> None:
    """A line of parentheses takes no longer than any other."""
    code = "(" * 50_000 + "name" + ")" * 50_000

    assert down(translator(), "inspect_request", {"code": code})["oname"] == ""


def test_down_the_kernel_agrees() -> None:
    """Both name the language, and the numbers of its version."""
    content = {
        "status": "ok",
        "protocol_version": "5.5",
        "implementation": "ipython",
        "implementation_version": "9.1.0",
        "language_info": {"name": "python", "version": "3.13.1"},
    }

    ours = down(translator(), "kernel_info_reply", content)

    adapted = their_content("kernel_info_reply", content, 4)
    assert ours["language"] == adapted["language"] == "python"
    assert ours["language_version"] == adapted["language_version"] == [3, 13, 1]
    assert ours["ipython_version"][:3] == adapted["ipython_version"] == [9, 1, 0]


# Its faults


def test_fault_1_no_matches() -> None:
    """An empty list of matches has a matched text: what stands before the cursor."""
    content = {"status": "ok", "matches": [], "cursor_start": 1, "cursor_end": 3, "metadata": {}}
    subject = translator()
    up(subject, "complete_request", {"line": "a.x", "text": "", "cursor_pos": 3})

    with pytest.raises(IndexError):
        their_content("complete_reply", content, 4)

    assert down(subject, "complete_reply", content) == {
        "status": "ok",
        "matches": [],
        "matched_text": ".x",
    }


@pytest.mark.parametrize(
    "content", [{"oname": "x"}, {"name": "x"}, {"name": "x", "detail_level": 1}]
)
def test_fault_2_no_detail_level(content: dict[str, Any]) -> None:
    """What the notebook of 0.13 sent, and what its document says, is understood."""
    with pytest.raises(KeyError):
        their_content("object_info_request", content, 5)

    assert up(translator(), "object_info_request", content) == {
        "code": "x",
        "cursor_pos": 1,
        "detail_level": content.get("detail_level", 0),
    }


@pytest.mark.parametrize(
    ("content", "code", "cursor"),
    [
        ({"text": "ab", "line": "x.ab.c"}, "x.ab.c", 2),
        ({"text": "", "line": "x.ab"}, "x.ab", 4),
        ({"text": "ab", "line": ""}, "ab", 2),
        ({"text": "", "line": "", "block": None}, "", 0),
        ({"text": "", "line": "x.ab", "cursor_pos": None}, "x.ab", 4),
        ({"text": "", "line": "x.ab", "cursor_pos": 99}, "x.ab", 4),
    ],
)
def test_fault_3_no_cursor(content: dict[str, Any], code: str, cursor: int) -> None:
    """Without a cursor it is where the kernels of the time thought it: behind text, or line."""
    if "cursor_pos" not in content:
        with pytest.raises(KeyError):
            their_content("complete_request", content, 5)

    assert up(translator(), "complete_request", content) == {"code": code, "cursor_pos": cursor}


@pytest.mark.parametrize("msg_type", ["display_data", "execute_result"])
def test_fault_4_json_in_every_bundle(msg_type: str) -> None:
    """JSON of every MIME type and other values are text below 5, in displays and in results."""
    data = {
        "application/json": {"a": 1},
        "application/x-own+json": [1, None],
        "application/geo+json": "text",
        "image/png": ["not", "text"],
        "text/html": "<b>",
    }
    content = {"data": data, "metadata": {}, "execution_count": 1}

    lowered = down(translator(), msg_type, content)

    assert lowered["data"] == {
        "application/json": '{"a":1}',
        "application/x-own+json": "[1,null]",
        "application/geo+json": '"text"',
        "image/png": '["not","text"]',
        "text/html": "<b>",
    }
    old_type = "pyout" if msg_type == "execute_result" else msg_type
    raised = up(translator(), old_type, lowered)
    assert raised["data"] == {**data, "image/png": '["not","text"]'}


def test_fault_4_text_that_is_no_json_stays() -> None:
    """A kernel that wrote something else under a JSON type is heard all the same."""
    data = {"application/json": "{'a': NaN}", "text/plain": "1"}

    raised = up(translator(), "pyout", {"data": data, "execution_count": 1, "metadata": {}})

    assert raised["data"] == data


VALUE = {"status": "ok", "data": {"text/plain": "1"}, "metadata": {}}
OTHER = {"status": "ok", "data": {"text/plain": "2"}, "metadata": {}}


def test_fault_5_variables_and_expressions_of_one_name() -> None:
    """Both are evaluated, and each value comes back where it was asked for."""
    request = {
        "code": "",
        "silent": False,
        "user_variables": ["x", "y", "x"],
        "user_expressions": {"x": "x + 1"},
    }
    assert their_content("execute_request", request, 5)["user_expressions"]["x"] == "x"
    subject = translator()

    asked = up(subject, "execute_request", request)
    reply = down(
        subject,
        "execute_reply",
        {
            "status": "ok",
            "execution_count": 1,
            "user_expressions": {
                key: OTHER if code == "x + 1" else VALUE
                for key, code in asked["user_expressions"].items()
            },
        },
    )

    assert "user_variables" not in asked
    assert asked["user_expressions"]["x"] == "x + 1"
    assert sorted(asked["user_expressions"].values()) == ["x", "x + 1", "y"]
    assert reply["user_variables"] == {"x": VALUE, "y": VALUE}
    assert reply["user_expressions"] == {"x": OTHER}
    assert reply["payload"] == []


@pytest.mark.parametrize(("version", "wanted"), [(V4_0, [4, 0]), (V4_1, [4, 1]), (V3, None)])
def test_fault_6_the_version_that_is_spoken(version: ProtocolVersion, wanted: Any) -> None:
    """A client of 4 is told 4, not the kernel's own version; one of 3 knows no such message."""
    content = {
        "status": "ok",
        "protocol_version": "5.5",
        "implementation": "ipython",
        "implementation_version": "9.1.0rc2",
        "language_info": {"name": "python", "version": "3.13.0rc1"},
    }
    assert their_content("kernel_info_reply", content, 4)["protocol_version"] == [5, 5]

    lowered = down(translator(version), "kernel_info_reply", content)

    assert lowered == (
        wanted
        and {
            "protocol_version": wanted,
            "language": "python",
            "language_version": [3, 13, 0],
            "ipython_version": [9, 1, 0, "rc2"],
        }
    )


@pytest.mark.parametrize(
    ("content", "implementation"),
    [
        ({}, ("", "")),
        ({"language": "julia"}, ("julia", "")),
        ({"language": "python", "ipython_version": [1, 0, 0, ""]}, ("ipython", "1.0.0")),
    ],
)
def test_fault_6_a_kernel_that_says_little(
    content: dict[str, Any], implementation: tuple[str, str]
) -> None:
    """What 5.5 wants of a kernel is filled in; the adapter needs a language."""
    if not content:
        with pytest.raises(KeyError):
            their_content("kernel_info_reply", content, 5)

    raised = up(translator(V4_0), "kernel_info_reply", content)

    assert isinstance(structure_content("kernel_info_reply", raised), Content)
    assert (raised["implementation"], raised["implementation_version"]) == implementation
    assert raised["protocol_version"] == "4.0"


NEW_PAYLOADS: list[dict[str, Any]] = [
    {"source": "page", "data": {"text/plain": "p", "text/html": "<p>"}, "start": 3},
    {"source": "page", "data": {"text/plain": "p"}, "start": 0},
    {"source": "set_next_input", "text": "t", "replace": True},
    {"source": "ask_exit", "keepkernel": False},
    {"source": "edit_magic", "filename": "f", "line_number": 1},
    {"source": "own", "a": 1},
]
OLD_PAYLOADS: list[dict[str, Any]] = [
    {"source": "page", "text": "p", "html": "<p>", "start_line_number": 3},
    {"source": "page", "text": "p", "html": None, "start_line_number": 0},
    {"source": "set_next_input", "text": "t"},
    {"source": "ask_exit", "keepkernel": False, "exit": True},
    {"source": "edit_magic", "filename": "f", "line_number": 1},
    {"source": "own", "a": 1},
]
SHELL = "IPython.zmq.zmqshell.ZMQInteractiveShell"
LONG = {
    "page": "IPython.zmq.page.page",
    "set_next_input": f"{SHELL}.set_next_input",
    "ask_exit": f"{SHELL}.ask_exit",
    "edit_magic": f"{SHELL}.edit_magic",
}


@pytest.mark.parametrize("version", [V3, V4_0, V4_1])
def test_fault_7_payloads(version: ProtocolVersion) -> None:
    """Payloads have the words of the version, and of version 3 the long names."""
    content = {"status": "ok", "execution_count": 1, "payload": NEW_PAYLOADS}
    wanted = OLD_PAYLOADS
    if version is V3:
        wanted = [{**item, "source": LONG.get(item["source"], item["source"])} for item in wanted]

    lowered = down(translator(version), "execute_reply", content)
    raised = up(translator(version), "execute_reply", lowered)

    assert lowered["payload"] == wanted
    without = [{k: v for k, v in item.items() if k != "replace"} for item in NEW_PAYLOADS]
    assert raised["payload"] == without


@pytest.mark.parametrize("wait", [True, False])
def test_fault_8_clear_output(wait: bool) -> None:
    """Below 4.1 there are three flags; from then on ``wait``."""
    flags = {"stdout": True, "stderr": True, "other": True}

    assert down(translator(V4_1), "clear_output", {"wait": wait}) == {"wait": wait}
    for version in (V3, V4_0):
        assert down(translator(version), "clear_output", {"wait": wait}) == flags
        assert up(translator(version), "clear_output", {}) == {"wait": False}
    none = dict.fromkeys(flags, False)
    assert up(translator(V4_0), "clear_output", none) is None


@pytest.mark.parametrize(
    ("msg_type", "content", "knowing"),
    [
        ("update_display_data", {"data": {}, "metadata": {}, "transient": {}}, ()),
        ("debug_event", {"type": "event", "seq": 1, "event": "e"}, ()),
        ("iopub_welcome", {"subscription": ""}, ()),
        ("is_complete_request", {"code": ""}, ()),
        ("comm_info_reply", {"status": "ok", "comms": {}}, ()),
        ("interrupt_request", {}, ()),
        ("create_subshell_request", {}, ()),
        ("comm_open", {"comm_id": "c", "target_name": "t", "data": {}}, (V4_1,)),
        ("comm_msg", {"comm_id": "c", "data": {}}, (V4_1,)),
        ("comm_close", {"comm_id": "c", "data": {}}, (V4_1,)),
        ("kernel_info_request", {}, (V4_0, V4_1)),
        ("status", {"execution_state": "starting"}, (V4_0, V4_1)),
        ("status", {"execution_state": "busy"}, (V3, V4_0, V4_1)),
    ],
)
def test_fault_8_what_an_old_peer_does_not_know(
    msg_type: str, content: dict[str, Any], knowing: tuple[ProtocolVersion, ...]
) -> None:
    """It is not sent what came after its time."""
    for version in (V3, V4_0, V4_1):
        lowered = down(translator(version), msg_type, content)
        assert lowered == (content if version in knowing else None)


def test_fault_9_an_inspection_comes_back() -> None:
    """All twenty keys, with the name asked for and the text without colours as docstring."""
    subject = translator()
    up(subject, "object_info_request", {"oname": "a.b", "detail_level": 0})
    data = {"text/plain": "\x1b[0;31mDocstring:\x1b[0m it does"}
    content = {"status": "ok", "found": True, "data": data, "metadata": {}}
    assert their_content("inspect_reply", content, 4) == {"found": False, "oname": "unknown"}

    info = down(subject, "inspect_reply", content)

    wanted = dict.fromkeys(OBJECT_INFO) | {
        "name": "a.b",
        "found": True,
        "docstring": "Docstring: it does",
    }
    assert info == wanted


def test_fault_9_a_kernel_may_say_more() -> None:
    """Fields that a kernel puts into the metadata are used; name and found stay what they are."""
    fields = {"docstring": "d", "argspec": {"args": ["x"]}, "found": False, "own": 1}
    reply = message("inspect_reply", {"found": True, "data": {"text/plain": "long"}})

    lowered = translator().down({**reply, "metadata": {"older_protocol": {"object_info": fields}}})

    assert lowered is not None
    assert lowered["metadata"] == {}
    assert lowered["content"] == dict.fromkeys(OBJECT_INFO) | {
        "name": "",
        "found": True,
        "docstring": "d",
        "argspec": {"args": ["x"]},
    }


@pytest.mark.parametrize(
    ("code", "cursor", "line", "place"),
    [
        ("a\nb", 2, "b", 0),
        ("a\n", 2, "", 0),
        ("a\n\nb", 2, "\n", 0),
        ("a\nb", 99, "b", 1),
        ("a\nb", None, "b", 1),
        ("", 0, "", 0),
    ],
)
def test_fault_10_a_cursor_behind_a_line_end(
    code: str, cursor: int | None, line: str, place: int
) -> None:
    """It is at the start of the next line; past the end and null are the end (AMB-59)."""
    lowered = down(translator(), "complete_request", {"code": code, "cursor_pos": cursor})

    assert (lowered["line"], lowered["cursor_pos"]) == (line, place)


def test_fault_11_the_place_of_matches() -> None:
    """It is counted in the whole code, from the cursor of the request (COMPLETE-06)."""
    subject = translator()
    down(subject, "complete_request", {"code": "first\nx.ab + 1", "cursor_pos": 10})
    content = {"matches": ["abs"], "matched_text": "ab", "status": "ok"}
    assert their_content("complete_reply", content, 5)["cursor_end"] is None

    raised = up(subject, "complete_reply", content)

    assert (raised["cursor_start"], raised["cursor_end"]) == (8, 10)


def test_fault_11_without_its_request_a_completion_is_an_error() -> None:
    """Any other answer would name a place that may be wrong."""
    raised = up(translator(), "complete_reply", {"matches": ["a"], "matched_text": "a"})

    assert raised["status"] == "error"
    assert isinstance(structure_content("complete_reply", raised), Content)


def test_fault_12_version_3() -> None:
    """Values are text, headers have no metadata beside them, names are long."""
    subject = translator(V3)
    asked = subject.up(
        {
            "header": {**ASKED, "msg_type": "execute_request", "engine": "e-1"},
            "content": {
                "code": "x",
                "silent": False,
                "user_variables": ["x", "y"],
                "user_expressions": {"z": "z"},
            },
        }
    )
    assert asked is not None
    assert asked["metadata"]["engine"] == "e-1"
    assert asked["header"]["version"] == "5.0"
    request: Any = structure_message(asked).content
    assert isinstance(request, ExecuteRequest)
    assert request.store_history is True

    failed = {"status": "error", "ename": "NameError", "evalue": "no y", "traceback": []}
    values = {"x": VALUE, "y": failed, "z": OTHER}
    reply = down(
        subject, "execute_reply", {"status": "ok", "execution_count": 1, "user_expressions": values}
    )

    assert reply["user_variables"] == {"x": "1", "y": "[ERROR] NameError: no y"}
    assert reply["user_expressions"] == {"z": "2"}


def test_fault_12_a_silent_cell_of_version_3_is_not_stored() -> None:
    """``store_history`` follows ``silent``, which was all there was."""
    raised = up(translator(V3), "execute_request", {"code": "", "silent": True})

    assert raised["store_history"] is False
    assert raised["stop_on_error"] is True
    assert raised["allow_stdin"] is False


def test_fault_12_what_version_3_shows_has_plain_text() -> None:
    """A result without plain text names what it has; there are no metadata."""
    content = {"execution_count": 1, "data": {"image/png": "cGln"}, "metadata": {"a": 1}}

    assert down(translator(V3), "execute_result", content) == {
        "execution_count": 1,
        "data": {"image/png": "cGln", "text/plain": "<image/png>"},
    }


ERROR = {"status": "error", "ename": "E", "evalue": "v", "traceback": []}


@pytest.mark.parametrize(
    ("msg_type", "wanted"),
    [
        ("complete_reply", {"status": "ok", "matches": [], "matched_text": ""}),
        ("history_reply", {"history": []}),
        ("inspect_reply", dict.fromkeys(OBJECT_INFO) | {"name": "", "found": False}),
        ("connect_reply", {}),
        (
            "execute_reply",
            ERROR
            | {
                "execution_count": 0,
                "payload": [],
                "user_variables": {},
                "user_expressions": {},
            },
        ),
        (
            "kernel_info_reply",
            {"protocol_version": [4, 1], "language": "", "language_version": []},
        ),
        ("shutdown_reply", ERROR | {"restart": False}),
    ],
)
def test_fault_13_errors_have_the_fields_that_old_clients_read(
    msg_type: str, wanted: dict[str, Any]
) -> None:
    """A client that indexes ``matches``, ``history`` or ``found`` finds them."""
    assert down(translator(), msg_type, ERROR) == wanted


def test_fault_13_errors_go_up_as_errors() -> None:
    """The empty dicts of an old error reply are left behind."""
    old = ERROR | {
        "execution_count": 2,
        "payload": [],
        "user_variables": {},
        "user_expressions": {},
    }

    assert up(translator(), "execute_reply", old) == ERROR | {"execution_count": 2}


@pytest.mark.parametrize(
    "content",
    [
        {"status": "aborted"},
        {"status": "abort", "execution_count": 3},
        {**ERROR, "ename": "ExecutionAborted", "execution_count": 3},
    ],
)
def test_a_cell_that_never_ran_is_aborted(content: dict[str, Any]) -> None:
    """Old consoles know an aborted cell by its status, however 5.5 says it (AMB-01)."""
    assert down(translator(), "execute_reply", content) == {"status": "aborted"}


@pytest.mark.parametrize("msg_type", ["object_reply", "object_info_reply"])
def test_an_aborted_inspection_is_one(msg_type: str) -> None:
    """Old kernels shortened the name of the reply when they aborted its request."""
    raised = translator(V3).up(message(msg_type, {"status": "aborted"}))

    assert raised is not None
    assert raised["header"]["msg_type"] == "inspect_reply"


def test_fault_14_packed_dicts() -> None:
    """A message whose header alone has been read is translated like any other."""
    packed = message("object_info_request", b'{"oname":"x"}')

    raised = translator().up({**packed, "content": memoryview(packed["content"])})  # type: ignore[arg-type]  # bytes, which is the point

    assert raised is not None
    assert raised["content"]["code"] == "x"


# What it does not do at all


@pytest.mark.parametrize(
    ("cursor", "place", "match", "wanted"),
    [
        (4, (2, 4), "abs", ["abs"]),
        (4, (2, 6), "abcd", ["ab"]),
        (4, (2, 6), "abcdcd", ["abcd"]),
        (4, (2, 6), "other", []),
        (4, (2, 3), "A", ["Ab"]),
        (2, (2, 2), "new", ["new"]),
        (2, (4, 4), "!", []),
    ],
)
def test_a_match_gives_the_code_that_5_5_means(
    cursor: int, place: tuple[int, int], match: str, wanted: list[str]
) -> None:
    """An old client replaces what stands before the cursor and keeps the rest: so be it."""
    line = "x.abcd"
    subject = translator()
    up(subject, "complete_request", {"line": line, "text": "", "cursor_pos": cursor})
    start, end = place

    reply = down(
        subject,
        "complete_reply",
        {"status": "ok", "matches": [match], "cursor_start": start, "cursor_end": end},
    )

    assert reply["matches"] == wanted
    for inserted in reply["matches"]:
        left = line[: cursor - len(reply["matched_text"])]
        assert left + inserted + line[cursor:] == line[:start] + match + line[end:]


@pytest.mark.parametrize("version", [V3, V4_1])
def test_connect_has_both_spellings(version: ProtocolVersion) -> None:
    """The wire had short names, the text long ones; version 3 has no control channel."""
    long = {"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "hb_port": 4, "control_port": 5}
    short = {name.removesuffix("_port"): port for name, port in long.items()}
    wanted = long | short
    if version is V3:
        wanted = {name: port for name, port in wanted.items() if "control" not in name}

    assert down(translator(version), "connect_reply", {"status": "ok", **long}) == wanted
    assert up(translator(version), "connect_reply", short) == long


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (
            {"hist_access_type": "tail", "n": 5, "unique": False},
            {"hist_access_type": "tail", "n": 5},
        ),
        (
            {"hist_access_type": "search", "unique": True},
            {"hist_access_type": "search", "n": None, "pattern": "*", "unique": True},
        ),
        (
            {"hist_access_type": "range"},
            {"hist_access_type": "range", "session": 0, "start": 1, "stop": None},
        ),
    ],
)
def test_history_requests_name_every_field(asked: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Old kernels read every field of the access type."""
    lowered = down(translator(), "history_request", asked)

    assert lowered == wanted | {"output": False, "raw": True}


def test_engine_headers_of_version_3() -> None:
    """A scheduler of IPython.parallel reads in the header what is metadata now."""
    reply = message("apply_reply", {"status": "ok"})
    metadata = {"engine": "e", "started": "now", "status": "ok", "dependencies_met": True, "a": 1}

    plain_one = translator(V3).down({**reply, "metadata": metadata})
    parallel = translator(V3, parallel=True).down({**reply, "metadata": metadata})

    assert plain_one is not None
    assert parallel is not None
    assert "engine" not in plain_one["header"]
    assert {name: parallel["header"].get(name) for name in metadata} == {**metadata, "a": None}
    assert plain_one["metadata"] == parallel["metadata"] == {}


@pytest.mark.parametrize(
    ("version", "date", "wanted"),
    [
        (V3, "2026-01-01T12:00:00Z", "2026-01-01T14:00:00.000000"),
        (V4_1, "2026-01-01T12:00:00Z", "2026-01-01T14:00:00"),
        (V4_1, "2026-01-01T12:00:00.5+01:00", "2026-01-01T13:00:00.500000"),
        (V3, "2026-01-01T12:00:00.5", "2026-01-01T12:00:00.5"),
        (V3, "yesterday", "yesterday"),
        (V3, "0001-01-01T00:00:00+23:00", "0001-01-01T00:00:00+23:00"),
        (V3, 5, 5),
    ],
)
def test_dates_are_local_for_old_readers(
    version: ProtocolVersion, date: object, wanted: object
) -> None:
    """Old readers ignore a zone, so there is none; what is no date stays as it is."""
    subject = translator(version, zone=timezone(timedelta(hours=2)))

    lowered = subject.down(message("status", {"execution_state": "idle"}, date=date))

    assert lowered is not None
    assert lowered["header"]["date"] == wanted


def test_a_parent_is_translated_too() -> None:
    """A client of 4 finds its own request's type in the parent header, without a version."""
    reply = message("inspect_reply", {"status": "ok", "found": False})
    parent = {**ASKED, "msg_type": "inspect_request", "version": "5.0", "subshell_id": None}

    lowered = translator().down({**reply, "parent_header": parent})

    assert lowered is not None
    assert lowered["parent_header"] == {**ASKED, "msg_type": "object_info_request"}
    raised = translator().up(lowered)
    assert raised is not None
    assert raised["parent_header"]["msg_type"] == "inspect_request"
    assert isinstance(structure_message(raised).content, InspectReply)


def test_a_message_without_a_date_gets_that_of_its_arrival() -> None:
    """5.1 made the date mandatory; notebooks of the time had none."""
    header = {"msg_id": "m", "msg_type": "kernel_info_request"}

    raised = translator().up({"header": header})

    assert raised is not None
    assert structure_message(raised).header.sent_at == datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_prompt_for_a_password_is_one_like_any_other() -> None:
    """The field goes; whoever does not want the secret to be echoed has to look before."""
    content = {"prompt": "Password: ", "password": True}

    assert down(translator(), "input_request", content) == {"prompt": "Password: "}
    assert up(translator(), "input_request", {"prompt": "p"}) == {"prompt": "p", "password": False}
