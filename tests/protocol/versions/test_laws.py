"""Laws of translation: nothing is lost, nothing is half old, and nothing but our errors is raised.

The contents below follow the tables of the old versions and share no code with the translator.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.protocol import (
    MESSAGE_TYPES,
    Content,
    ContentError,
    FrameCodec,
    FramingError,
    LocalError,
    Message,
    MessageDict,
    ProtocolVersion,
    Severity,
    Translator,
    encode_json,
    structure_message,
    unstructure,
    unstructure_message,
    validate,
)
from assay.testing import (
    NOON,
    contents,
    json_objects,
    json_values,
    message_types,
    messages,
    standing_clock,
    texts,
)
from tests.properties import EACH

V3, V4_0, V4_1, V5_5 = ProtocolVersion
OLD = (V3, V4_0, V4_1)

Strategy = st.SearchStrategy[Any]


def translator(version: ProtocolVersion, **options: Any) -> Translator:
    """Return a translator whose clock stands still."""
    return Translator(version, now=standing_clock(NOON), **options)


def through(message: MessageDict, near: Translator, far: Translator) -> MessageDict:
    """Return what is left of an old *message* that went up and came down again."""
    raised = near.up(message)
    assert raised is not None
    lowered = far.down(raised)
    assert lowered is not None
    return lowered


# The contents of old versions

names = st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True)
onames = st.lists(names, min_size=1, max_size=3).map(".".join) | texts()
numbers = st.integers(0, 2**31)
json_texts = json_values(max_leaves=4).map(lambda value: encode_json(value).decode())


def fixed(**fields: Strategy) -> Strategy:
    return st.fixed_dictionaries(fields)


def bundles(version: ProtocolVersion) -> Strategy:
    """Return representations, all of them text."""
    plain = {"text/plain": texts()}
    others = {
        "text/html": texts(),
        "image/png": texts(),
        "application/json": json_texts,
        "application/x-own+json": json_texts,
    }
    if version is V3:
        return st.fixed_dictionaries(plain, optional=others)
    return st.fixed_dictionaries({}, optional={**plain, **others})


def sources(version: ProtocolVersion, name: str) -> Strategy:
    """Return the name of the one who wishes."""
    if version is not V3:
        return st.just(name)
    shell = "IPython.zmq.zmqshell.ZMQInteractiveShell."
    return st.just("IPython.zmq.page.page" if name == "page" else shell + name)


def payloads(version: ProtocolVersion) -> Strategy:
    return st.lists(
        st.one_of(
            fixed(
                source=sources(version, "page"),
                text=texts(),
                html=st.none() | texts(),
                start_line_number=numbers,
            ),
            fixed(source=sources(version, "set_next_input"), text=texts()),
            fixed(
                source=sources(version, "edit_magic"),
                filename=texts(),
                line_number=st.none() | numbers,
            ),
            fixed(
                source=sources(version, "ask_exit"),
                exit=st.just(True),
                keepkernel=st.none() | st.booleans(),
            ),
            fixed(source=sources(version, "auto_rewrite_input"), transformed_input=texts()),
        ),
        max_size=2,
    )


def values(version: ProtocolVersion) -> Strategy:
    """Return the value of a variable or expression."""
    if version is V3:
        return texts() | st.builds("[ERROR] {}: {}".format, names, texts())
    failed = fixed(
        status=st.just("error"), ename=texts(), evalue=texts(), traceback=st.lists(texts())
    )
    return failed | fixed(status=st.just("ok"), data=bundles(version), metadata=st.just({}))


@st.composite
def execute_contents(draw: st.DrawFn, version: ProtocolVersion) -> tuple[Any, Any]:
    variables = draw(st.lists(names | texts(), unique=True, max_size=3))
    expressions = draw(st.dictionaries(names | st.sampled_from(["x", *variables]), texts()))
    request = {
        "code": draw(texts()),
        "silent": draw(st.booleans()),
        "user_variables": variables,
        "user_expressions": expressions,
        "allow_stdin": draw(st.booleans()),
    }
    if version is not V3 and draw(st.booleans()):
        request["store_history"] = draw(st.booleans())
    answered = {
        "status": "ok",
        "execution_count": draw(numbers),
        "payload": draw(payloads(version)),
        "user_variables": {name: draw(values(version)) for name in variables},
        "user_expressions": {name: draw(values(version)) for name in expressions},
    }
    failed = {
        "status": "error",
        "execution_count": draw(numbers),
        "payload": draw(payloads(version)),
        "user_variables": {},
        "user_expressions": {},
        "ename": draw(texts()),
        "evalue": draw(texts()),
        "traceback": draw(st.lists(texts(), max_size=2)),
        "engine_info": draw(json_objects(max_leaves=2)),
    }
    return request, draw(st.sampled_from([answered, failed, {"status": "aborted"}]))


@st.composite
def complete_contents(draw: st.DrawFn, _version: ProtocolVersion) -> tuple[Any, Any]:
    line = draw(texts().map(lambda text: text.replace("\n", " ")).filter(bool))
    cursor = draw(st.integers(0, len(line)))
    start = draw(st.integers(0, cursor))
    request = {
        "text": draw(st.sampled_from(["", line[start:cursor]])),
        "line": line,
        "block": draw(st.none() | texts().filter(bool)),
        "cursor_pos": cursor,
    }
    reply = {
        "matches": draw(st.lists(texts(), max_size=3)),
        "matched_text": line[start:cursor],
        "status": "ok",
    }
    return request, reply


OBJECT_INFO = (
    "name",
    "found",
    "ismagic",
    "isalias",
    "isclass",
    "namespace",
    "type_name",
    "base_class",
    "string_form",
    "length",
    "file",
    "definition",
    "argspec",
    "init_definition",
    "call_def",
    "docstring",
    "init_docstring",
    "class_docstring",
    "call_docstring",
    "source",
)


@st.composite
def object_info_contents(draw: st.DrawFn, _version: ProtocolVersion) -> tuple[Any, Any]:
    oname = draw(onames)
    flags = ("ismagic", "isalias", "isclass")
    reply: dict[str, Any] = {name: draw(st.none() | texts()) for name in OBJECT_INFO}
    reply |= {name: draw(st.none() | st.booleans()) for name in flags}
    reply |= {"name": oname, "found": draw(st.booleans()), "argspec": draw(json_objects())}
    return {"oname": oname, "detail_level": draw(st.integers(0, 2))}, reply


@st.composite
def history_contents(draw: st.DrawFn, version: ProtocolVersion) -> tuple[Any, Any]:
    request = {"output": draw(st.booleans()), "raw": draw(st.booleans())}
    request |= draw(
        st.one_of(
            fixed(
                hist_access_type=st.just("range"),
                session=st.integers(-5, 5),
                start=numbers,
                stop=numbers,
            ),
            fixed(hist_access_type=st.just("tail"), n=numbers),
            st.fixed_dictionaries(
                {"hist_access_type": st.just("search"), "n": numbers, "pattern": texts()},
                optional={} if version is V3 else {"unique": st.booleans()},
            ),
        )
    )
    cell = texts() | st.tuples(texts(), st.none() | texts()).map(list)
    entries = st.tuples(numbers, numbers, cell).map(list)
    return request, {"history": draw(st.lists(entries, max_size=3))}


@st.composite
def connect_contents(draw: st.DrawFn, version: ProtocolVersion) -> tuple[Any, Any]:
    channels = ["shell", "iopub", "stdin", "hb"] + ["control"] * (version is not V3)
    ports = {channel: draw(st.integers(1, 65_535)) for channel in channels}
    return {}, ports | {f"{channel}_port": port for channel, port in ports.items()}


@st.composite
def kernel_info_contents(draw: st.DrawFn, version: ProtocolVersion) -> tuple[Any, Any]:
    language = draw(st.sampled_from(["python", "julia", ""]))
    reply = {
        "protocol_version": [4, 0] if version is V4_0 else [4, 1],
        "language": language,
        "language_version": draw(st.lists(numbers, max_size=4)),
    }
    if language == "python":
        word = st.sampled_from(["", "dev", "rc"])
        reply["ipython_version"] = [*draw(st.tuples(numbers, numbers, numbers)), draw(word)]
    return {}, reply


@st.composite
def shutdown_contents(draw: st.DrawFn, _version: ProtocolVersion) -> tuple[Any, Any]:
    restart = draw(st.booleans())
    return {"restart": restart}, {"status": "ok", "restart": restart}


def _none_but(reply: Any) -> Any:
    return lambda _version: st.tuples(st.just({}), st.just(reply))


EXCHANGES: dict[str, Any] = {
    "execute": execute_contents,
    "complete": complete_contents,
    "object_info": object_info_contents,
    "history": history_contents,
    "connect": connect_contents,
    "shutdown": shutdown_contents,
    "kernel_info": kernel_info_contents,
    "apply": _none_but({"status": "ok"}),
    "clear": _none_but({"status": "ok"}),
}
"""Request and reply of each question that old clients ask."""


def exchanges(version: ProtocolVersion) -> list[str]:
    return [name for name in EXCHANGES if version is not V3 or name != "kernel_info"]


def broadcasts(version: ProtocolVersion) -> dict[str, Strategy]:
    """Return the contents of what has no answer, by type."""
    states = ["busy", "idle"] + ["starting"] * (version is not V3)
    shown = fixed(data=bundles(version), metadata=json_objects())
    clear = (
        fixed(wait=st.booleans())
        if version is V4_1
        else fixed(stdout=st.booleans(), stderr=st.booleans(), other=st.booleans()).filter(
            lambda flags: any(flags.values())
        )
    )
    result = shown if version is not V3 else fixed(data=bundles(version))
    comm = fixed(comm_id=texts(), data=json_objects())
    known = {
        "stream": fixed(name=st.sampled_from(["stdout", "stderr"]), data=texts()),
        "display_data": st.builds(lambda a, b: a | b, shown, fixed(source=texts())),
        "pyout": st.builds(lambda a, b: a | b, result, fixed(execution_count=numbers)),
        "pyin": fixed(code=texts(), execution_count=numbers),
        "pyerr": fixed(ename=texts(), evalue=texts(), traceback=st.lists(texts(), max_size=2)),
        "status": fixed(execution_state=st.sampled_from(states)),
        "clear_output": clear,
        "input_request": fixed(prompt=texts()),
        "input_reply": fixed(value=texts()),
        "shutdown_reply": fixed(restart=st.booleans(), status=st.just("ok")),
        "an_own_type": json_objects(),
    }
    if version is not V3:
        known["data_pub"] = fixed(keys=st.lists(texts(), max_size=2))
    if version is V4_1:
        known["comm_msg"] = known["comm_close"] = comm
        known["comm_open"] = st.builds(lambda a, b: a | b, comm, fixed(target_name=texts()))
    return known


engine_fields = st.fixed_dictionaries(
    {},
    optional={
        "dependencies_met": st.booleans(),
        "engine": texts(),
        "started": texts(),
        "status": st.sampled_from(["ok", "error"]),
    },
)


@st.composite
def old_messages(
    draw: st.DrawFn, version: ProtocolVersion, msg_type: str, content: Any, parent: Any = None
) -> MessageDict:
    """Return a message as a Python peer of *version* sends it."""
    header: dict[str, Any] = {
        "msg_id": draw(st.uuids().map(str)),
        "username": draw(texts()),
        "session": draw(texts()),
        "msg_type": msg_type,
        "date": "2013-04-05T06:07:08.000009",
    }
    if parent is None:
        parent = draw(st.just({}) | st.just({**header, "msg_type": "object_info_request"}))
    if version is V3:
        header |= draw(engine_fields)
    return MessageDict(
        header=header,
        parent_header=parent,
        metadata={} if version is V3 else draw(json_objects()),
        content=content,
        buffers=tuple(draw(st.lists(st.binary(max_size=5), max_size=2))),
    )


# Nothing is lost


@pytest.mark.parametrize(
    ("version", "name"), [(version, name) for version in OLD for name in exchanges(version)]
)
@given(data=st.data())
@settings(max_examples=EACH)
def test_an_old_client_and_an_old_kernel_understand_each_other(
    version: ProtocolVersion, name: str, data: st.DataObject
) -> None:
    """Question and answer that go through 5.5 arrive as they were sent."""
    client, kernel = (translator(version, parallel=True) for _ in range(2))
    asked, answered = data.draw(EXCHANGES[name](version))
    request = data.draw(old_messages(version, f"{name}_request", asked, {}))
    heard = through(request, client, kernel)
    reply = data.draw(old_messages(version, f"{name}_reply", answered, heard["header"]))

    read = through(reply, kernel, client)

    assert heard == request
    assert read == reply


@pytest.mark.parametrize(
    ("version", "msg_type"), [(version, name) for version in OLD for name in broadcasts(version)]
)
@given(data=st.data())
@settings(max_examples=EACH)
def test_a_broadcast_comes_back_as_it_was(
    version: ProtocolVersion, msg_type: str, data: st.DataObject
) -> None:
    """What an old kernel publishes survives 5.5, word for word."""
    message = data.draw(old_messages(version, msg_type, data.draw(broadcasts(version)[msg_type])))

    assert through(message, translator(version), translator(version, parallel=True)) == message


@given(messages())
def test_of_5_5_nothing_is_changed(message: Message[Content]) -> None:
    """A translator for a peer that is not old hands everything on."""
    plain = unstructure_message(message)
    same = translator(V5_5)

    assert same.up(plain) == same.down(plain) == plain


@given(messages())
def test_a_message_is_its_dicts(message: Message[Content]) -> None:
    """`structure_message` undoes `unstructure_message`."""
    assert structure_message(unstructure_message(message)) == message


# Nothing is half old

RENAMED = {
    "execute_result": "pyout",
    "execute_input": "pyin",
    "error": "pyerr",
    "inspect_request": "object_info_request",
    "inspect_reply": "object_info_reply",
}

REQUIRED: dict[str, dict[str, Any]] = {
    "execute_request": {
        "code": str,
        "silent": bool,
        "user_variables": list,
        "user_expressions": dict,
        "allow_stdin": bool,
    },
    "execute_reply": {
        "status": str,
        "execution_count": int,
        "payload": list,
        "user_variables": dict,
        "user_expressions": dict,
    },
    "complete_request": {"text": str, "line": str, "block": object, "cursor_pos": int},
    "complete_reply": {"matches": list, "matched_text": str, "status": str},
    "object_info_request": {"oname": str, "detail_level": int},
    "object_info_reply": dict.fromkeys(OBJECT_INFO, object) | {"name": str, "found": bool},
    "history_request": {"output": bool, "raw": bool, "hist_access_type": str},
    "history_reply": {"history": list},
    "connect_request": {},
    "connect_reply": {},
    "shutdown_request": {"restart": bool},
    "shutdown_reply": {"restart": bool, "status": str},
    "apply_request": {},
    "apply_reply": {"status": str},
    "abort_request": {},
    "abort_reply": {"status": str},
    "clear_request": {},
    "clear_reply": {"status": str},
    "stream": {"name": str, "data": str},
    "display_data": {"source": str, "data": dict, "metadata": dict},
    "pyout": {"execution_count": int, "data": dict},
    "pyin": {"code": str, "execution_count": int},
    "pyerr": {"ename": str, "evalue": str, "traceback": list},
    "status": {"execution_state": str},
    "clear_output": {"stdout": bool, "stderr": bool, "other": bool},
    "input_request": {"prompt": str},
    "input_reply": {"value": str},
}
"""Every type of version 3, with the fields a peer of it insists on."""

REQUIRED_4_0 = REQUIRED | {
    "kernel_info_request": {},
    "kernel_info_reply": {"protocol_version": list, "language_version": list, "language": str},
    "pyout": {"execution_count": int, "data": dict, "metadata": dict},
}
REQUIRED_4_1 = REQUIRED_4_0 | {
    "clear_output": {"wait": bool},
    "comm_open": {"comm_id": str, "target_name": str, "data": dict},
    "comm_msg": {"comm_id": str, "data": dict},
    "comm_close": {"comm_id": str, "data": dict},
}
TABLES = {V3: REQUIRED, V4_0: REQUIRED_4_0, V4_1: REQUIRED_4_1}

UNKNOWN: dict[str, set[str]] = {
    "execute_request": {"stop_on_error"},
    "complete_request": {"code"},
    "complete_reply": {"cursor_start", "cursor_end", "metadata"},
    "object_info_request": {"code", "cursor_pos"},
    "object_info_reply": {"data", "metadata", "status"},
    "history_reply": {"status"},
    "kernel_info_reply": {
        "status",
        "implementation",
        "implementation_version",
        "language_info",
        "banner",
        "help_links",
        "debugger",
        "supported_features",
    },
    "stream": {"text"},
    "display_data": {"transient"},
    "pyout": {"transient"},
    "input_request": {"password"},
}
"""The fields of 5.5 that no old version has."""

NOT_IN_V3 = {
    "execute_request": {"store_history"},
    "history_request": {"unique"},
    "connect_reply": {"control", "control_port"},
    "pyout": {"metadata"},
}


@pytest.mark.parametrize("msg_type", sorted(MESSAGE_TYPES))
@given(data=st.data())
@settings(max_examples=EACH)
def test_what_comes_down_is_of_the_old_version(msg_type: str, data: st.DataObject) -> None:
    """It has an old type, all the fields of its table with their types, and none of 5.5's."""
    message = unstructure_message(data.draw(messages(msg_type)))

    for version in OLD:
        lowered = translator(version).down(message)

        known = RENAMED.get(msg_type, msg_type) in TABLES[version]
        state = message["content"].get("execution_state")
        if known and not (version is V3 and state == "starting"):
            assert lowered is not None
            assert lowered["header"]["msg_id"] == message["header"]["msg_id"]
            assert_old(version, RENAMED.get(msg_type, msg_type), lowered)
        else:
            assert lowered is None


def assert_old(version: ProtocolVersion, old_type: str, lowered: MessageDict) -> None:
    """Assert that a message has what the tables of its version want, and no more."""
    assert lowered["header"]["msg_type"] == old_type
    for header in (lowered["header"], lowered["parent_header"]):
        assert not {"version", "subshell_id"} & set(header)
        assert header.get("msg_type") not in RENAMED
    content = lowered["content"]
    unknown = UNKNOWN.get(old_type, set())
    if version is V3:
        unknown = unknown | NOT_IN_V3.get(old_type, set())
        assert lowered["metadata"] == {}
    assert not unknown & set(content)
    if old_type == "execute_reply" and content["status"] == "aborted":
        assert content == {"status": "aborted"}
        return
    for name, kind in TABLES[version][old_type].items():
        assert isinstance(content[name], kind), name
    if old_type in ("display_data", "pyout"):
        bundle: Any = content["data"]
        assert all(isinstance(value, str) for value in bundle.values())
        assert version is not V3 or "text/plain" in bundle


@pytest.mark.parametrize("version", OLD)
@given(data=st.data())
def test_what_goes_up_fits_5_5_and_says_that_its_peer_is_old(
    version: ProtocolVersion, data: st.DataObject
) -> None:
    """It has a class, a version below ours, and the date on which it arrived if it had none."""
    name = data.draw(st.sampled_from(exchanges(version)))
    asked, _ = data.draw(EXCHANGES[name](version))
    request = data.draw(old_messages(version, f"{name}_request", asked, {}))
    header = {key: value for key, value in request["header"].items() if key != "date"}

    raised = translator(version).up({**request, "header": header})

    assert raised is not None
    message = structure_message(raised)
    assert message.header.msg_id == header["msg_id"]
    assert message.header.version == "5.0"
    assert message.header.sent_at == NOON
    assert type(message.content) is MESSAGE_TYPES[message.header.msg_type].content


@pytest.mark.parametrize("version", OLD)
@pytest.mark.parametrize("name", ["history", "kernel_info", "shutdown", "complete", "object_info"])
@given(data=st.data())
@settings(max_examples=10)
def test_an_old_answer_has_what_5_0_asks_of_a_reply(
    name: str, version: ProtocolVersion, data: st.DataObject
) -> None:
    """Its status too, which no old text had: clients of today take one without it for a failure."""
    if name not in exchanges(version):
        return
    asked, answered = data.draw(EXCHANGES[name](version))
    request = data.draw(old_messages(version, f"{name}_request", asked, {}))
    reply = data.draw(old_messages(version, f"{name}_reply", answered, request["header"]))
    one = translator(version)
    assert one.up(request) is not None

    raised = one.up(reply)

    assert raised is not None
    assert raised["content"]["status"] == "ok"
    found = [one for one in validate(raised) if one.path.startswith("content")]
    assert [one for one in found if one.severity is Severity.VIOLATION] == []


# Nothing else is raised

field_names = sorted(
    {name for table in TABLES.values() for fields in table.values() for name in fields}
    | {name for fields in UNKNOWN.values() for name in fields}
    | {"name", "found", "shell", "version", "status", "ename", "source"}
)


@st.composite
def arbitrary_contents(draw: st.DrawFn) -> dict[str, Any]:
    """Return any object whose keys mean something, and some of whose values may."""
    inner = st.dictionaries(
        st.sampled_from(["status", "data", "text/plain", "source"]) | texts(), _any
    )
    words = st.sampled_from(
        ["ok", "error", "aborted", "page", "range", "search", "5.5", "f()", "(a"]
    )
    value = _any | words | inner | st.lists(inner | words, max_size=3)
    return draw(st.dictionaries(st.sampled_from(field_names) | texts(), value, max_size=9))


@st.composite
def spoilt_contents(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Return the type and content of a message of any version, some of whose fields are wrong."""
    version = draw(st.sampled_from(OLD))
    match draw(st.integers(0, 3)):
        case 0:
            name = draw(st.sampled_from(exchanges(version)))
            request, reply = draw(EXCHANGES[name](version))
            msg_type, content = draw(
                st.sampled_from([(f"{name}_request", request), (f"{name}_reply", reply)])
            )
        case 1:
            msg_type = draw(st.sampled_from(sorted(broadcasts(version))))
            content = draw(broadcasts(version)[msg_type])
        case _:
            msg_type = draw(message_types())
            content = unstructure(draw(contents(msg_type)))
    for name in draw(st.lists(st.sampled_from(sorted(content)), max_size=2)) if content else ():
        wrong: Any = draw(_any | st.just([[]]) | st.just([{}]) | st.just({"x": []}))
        content = {**content, name: wrong}
    return msg_type, content


_any: Strategy = json_values(max_leaves=5)


@st.composite
def arbitrary_messages(draw: st.DrawFn) -> dict[str, Any]:
    """Return a message of any type with any content, or with a valid one that has been spoilt."""
    old_types = st.sampled_from(sorted(REQUIRED_4_1))
    header = {"msg_id": "m", "msg_type": draw(message_types() | old_types | texts())}
    content = draw(arbitrary_contents())
    if draw(st.booleans()):
        header["msg_type"], content = draw(spoilt_contents())
    return {
        "header": header | draw(st.just({}) | json_objects()),
        "parent_header": draw(st.just({"msg_id": "asked", "msg_type": "t"}) | json_objects()),
        "metadata": {"older_protocol": draw(arbitrary_contents())},
        "content": content,
        "buffers": [],
    }


asking: dict[str, Any] = {
    "execute_request": {
        "code": "",
        "user_expressions": {"a": "a"},
        "user_variables": ["a", "b"],
    },
    "complete_request": {"line": "abc", "text": "", "cursor_pos": 2},
    "object_info_request": {"oname": "a"},
}


@pytest.mark.parametrize("version", ProtocolVersion)
@given(message=arbitrary_messages(), asked=st.none() | st.sampled_from(sorted(asking)))
def test_only_our_errors_are_raised(
    version: ProtocolVersion, message: dict[str, Any], asked: str | None
) -> None:
    """Any JSON at all is translated or refused; what is handed in stays as it was."""
    subject = translator(version)
    if asked is not None:
        subject.up({"header": {"msg_id": "asked", "msg_type": asked}, "content": asking[asked]})
    before = deepcopy(message)

    for translate in (subject.up, subject.down, subject.up):
        try:
            translated = translate(message)
        except (ContentError, FramingError):
            continue
        if translated is not None and translate == subject.up and version is not V5_5:
            structure_message(translated)
        assert message == before
    assert_translates(version)


def assert_translates(version: ProtocolVersion) -> None:
    """Fail unless two messages go down and up again, and one without an id is refused."""
    content: dict[str, Any] = {"execution_state": "idle"}
    subject = translator(version)
    for msg_id in ("m-1", "m-2"):
        header = {"msg_id": msg_id, "msg_type": "status", "session": "s", "username": "u"}
        sent = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
        lowered = subject.down(sent)
        assert lowered is not None
        raised = subject.up(lowered)
        assert raised is not None
        assert {one["header"]["msg_id"] for one in (lowered, raised)} == {msg_id}
        assert [one["content"] for one in (lowered, raised)] == [content, content]
    for translate in (subject.up, subject.down):
        with pytest.raises(ContentError):
            translate({"header": {}, "content": content})


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"header": None},
        {"header": []},
        {"header": {}},
        {"header": {"msg_id": "m"}},
        {"header": {"msg_id": 1, "msg_type": "t"}},
        {"header": {"msg_id": "m", "msg_type": "t"}, "content": []},
        {"header": {"msg_id": "m", "msg_type": "t"}, "parent_header": "p"},
        {"header": {"msg_id": "m", "msg_type": "t"}, "buffers": b"b"},
        {"header": {"msg_id": "m", "msg_type": "t"}, "buffers": ["b"]},
    ],
)
@pytest.mark.parametrize("version", ProtocolVersion)
def test_what_is_no_message_is_refused(
    version: ProtocolVersion, message: Mapping[str, object]
) -> None:
    """A part that is no object, or a header without id and type, is a content error."""
    for translate in (translator(version).up, translator(version).down):
        with pytest.raises(ContentError) as caught:
            translate(message)

        assert caught.value.faults


@pytest.mark.parametrize(
    ("msg_type", "content", "path"),
    [
        ("execute_request", {"code": "", "user_variables": "x"}, "user_variables"),
        ("execute_request", {"code": "", "user_variables": [5]}, "user_variables[0]"),
        ("execute_request", {"code": "", "silent": 1}, "silent"),
        ("execute_reply", {"execution_count": 1, "payload": [5]}, "payload[0]"),
        ("execute_reply", {"execution_count": 1, "user_expressions": {"x": 5}}, "user_expressions"),
        ("complete_request", {"line": "x", "cursor_pos": -1}, "cursor_pos"),
        ("kernel_info_reply", {"language_version": [True]}, "version"),
        ("object_info_request", {}, "name"),
        ("stream", {"name": "stdout", "data": None}, "data"),
    ],
)
def test_the_wrong_field_of_an_old_content_is_named(
    msg_type: str, content: dict[str, Any], path: str
) -> None:
    """Every fault begins with where it is."""
    with pytest.raises(ContentError) as caught:
        translator(V3).up({"header": {"msg_id": "m", "msg_type": msg_type}, "content": content})

    assert caught.value.faults[0].startswith(path)
    assert caught.value.requirement == "WIRE-19"


@pytest.mark.parametrize(
    ("msg_type", "content", "path"),
    [
        ("execute_reply", {"status": "ok", "user_expressions": {"x": 5}}, "user_expressions"),
        ("complete_request", {"code": "x", "cursor_pos": -1}, "cursor_pos"),
        (
            "complete_reply",
            {"status": "ok", "matches": [], "cursor_start": 2, "cursor_end": 1},
            "cursor_start",
        ),
        ("stream", {"name": "stdout"}, "text"),
        ("display_data", {"data": []}, "data"),
    ],
)
def test_the_wrong_field_of_a_new_content_is_named(
    msg_type: str, content: dict[str, Any], path: str
) -> None:
    """Every fault begins with where it is."""
    with pytest.raises(ContentError) as caught:
        translator(V3).down({"header": {"msg_id": "m", "msg_type": msg_type}, "content": content})

    assert caught.value.faults[0].startswith(path)


def test_an_error_with_a_name_that_is_none_is_refused() -> None:
    """The name is looked at before its type is known: a list is no fault of ours."""
    content = {"status": "error", "ename": [[]], "evalue": "", "traceback": []}

    with pytest.raises(ContentError):
        translator(V4_1).down(
            {"header": {"msg_id": "m", "msg_type": "execute_reply"}, "content": content}
        )


# The memory


def ask(subject: Translator, msg_id: str) -> None:
    header = {"msg_id": msg_id, "msg_type": "object_info_request"}
    subject.up({"header": header, "content": {"oname": f"name of {msg_id}"}})


def name_in_reply(subject: Translator, msg_id: str) -> object:
    """Return the name that the answer to *msg_id* repeats."""
    reply = subject.down(
        {
            "header": {"msg_id": "r", "msg_type": "inspect_reply"},
            "parent_header": {"msg_id": msg_id, "msg_type": "inspect_request"},
            "content": {"status": "ok", "found": False, "data": {}, "metadata": {}},
        }
    )
    assert reply is not None
    return reply["content"]["name"]


def test_the_memory_is_bounded() -> None:
    """The oldest question is forgotten for the newest."""
    subject = translator(V4_1, memory=2)
    for msg_id in ("1", "2", "3"):
        ask(subject, msg_id)

    assert [name_in_reply(subject, msg_id) for msg_id in ("1", "2", "3")] == [
        "",
        "name of 2",
        "name of 3",
    ]


def test_an_answered_question_is_forgotten() -> None:
    """A reply makes room for the next question; what is refused does not."""
    subject = translator(V4_1)
    ask(subject, "1")
    refused = {
        "header": {"msg_id": "r", "msg_type": "inspect_reply"},
        "parent_header": {"msg_id": "1", "msg_type": "inspect_request"},
        "content": {"found": 5},
    }

    with pytest.raises(ContentError):
        subject.down(refused)

    assert name_in_reply(subject, "1") == "name of 1"
    assert name_in_reply(subject, "1") == ""


def test_a_translator_remembers_something() -> None:
    """No room for a question is a mistake of the caller's."""
    with pytest.raises(LocalError):
        translator(V3, memory=0)


@pytest.mark.parametrize(
    "name", ["9", "4.2", "", "3.0", "latest", "5.x", "5.", "5.5.1.2", 5.5, None]
)
def test_an_unknown_version_is_an_error(name: Any) -> None:
    """A translator and a codec speak versions that there are, and name them."""
    wanted = "wanted one of the versions 3, 4.0, 4.1, 5.5, found"

    with pytest.raises(LocalError, match=wanted):
        Translator(name, now=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(LocalError, match=wanted):
        FrameCodec(name, b"", allow_broken_scheme=True)


def test_any_version_of_major_5_is_ours() -> None:
    """The name of a later minor version, as text, is one as well."""
    name: Any = "5.3"

    assert Translator(name, now=lambda: datetime(2026, 1, 1, tzinfo=UTC)).old is V5_5
