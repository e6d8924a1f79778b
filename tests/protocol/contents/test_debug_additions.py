"""What Jupyter adds to the Debug Adapter Protocol is read strictly, and all else left alone."""

from __future__ import annotations

from typing import Any, assert_type

import pytest

from assay.protocol import (
    UNSET,
    Content,
    ContentError,
    CopyToGlobalsArguments,
    CopyToGlobalsBody,
    DebugInfoBody,
    DebugReply,
    DebugRequest,
    DebugVariable,
    DumpCellArguments,
    DumpCellBody,
    InspectVariablesBody,
    RichInspectVariablesArguments,
    RichInspectVariablesBody,
    SourceBreakpoints,
    debug_arguments,
    debug_body,
    unstructure,
    validate,
)

INFO: dict[str, Any] = {
    "isStarted": True,
    "hashMethod": "Murmur2",
    "hashSeed": 3339725063,
    "tmpFilePrefix": "/tmp/k/",
    "tmpFileSuffix": ".py",
    "breakpoints": [{"source": "/tmp/k/1.py", "breakpoints": [{"line": 2}]}],
    "stoppedThreads": [1],
}

ARGUMENTS: list[tuple[str, dict[str, Any], Content]] = [
    ("dumpCell", {"code": "a = 1"}, DumpCellArguments(code="a = 1")),
    (
        "richInspectVariables",
        {"variableName": "a", "frameId": 3},
        RichInspectVariablesArguments(variableName="a", frameId=3),
    ),
    (
        "copyToGlobals",
        {"srcVariableName": "a", "srcFrameId": 3, "dstVariableName": "b"},
        CopyToGlobalsArguments(srcVariableName="a", srcFrameId=3, dstVariableName="b"),
    ),
]

BODIES: list[tuple[str, dict[str, Any], Content]] = [
    ("dumpCell", {"sourcePath": "/tmp/k/1.py"}, DumpCellBody(sourcePath="/tmp/k/1.py")),
    (
        "debugInfo",
        INFO,
        DebugInfoBody(
            isStarted=True,
            hashMethod="Murmur2",
            hashSeed=3339725063,
            tmpFilePrefix="/tmp/k/",
            tmpFileSuffix=".py",
            breakpoints=(SourceBreakpoints(source="/tmp/k/1.py", breakpoints=({"line": 2},)),),
            stoppedThreads=(1,),
        ),
    ),
    (
        "inspectVariables",
        {"variables": [{"name": "a", "variablesReference": 0, "value": "1", "type": "int"}]},
        InspectVariablesBody(
            variables=(DebugVariable(name="a", variablesReference=0, value="1", type="int"),)
        ),
    ),
    (
        "richInspectVariables",
        {"data": {"text/plain": "1"}, "metadata": {}},
        RichInspectVariablesBody(data={"text/plain": "1"}),
    ),
    (
        "copyToGlobals",
        {"value": "1", "type": "int", "variablesReference": 0},
        CopyToGlobalsBody(value="1", type="int", variablesReference=0),
    ),
]


def answer(command: str, body: Any, *, success: bool = True) -> DebugReply:
    """Return the envelope of a response."""
    return DebugReply(seq=2, request_seq=1, command=command, success=success, body=body)


def judged(content: Content) -> list[tuple[str, str]]:
    """Return requirement and path of what our validator has against *content*."""
    header = {"msg_id": "m", "msg_type": content.msg_type}
    found = validate({"header": header, "content": unstructure(content)})
    return [(one.requirement, one.path) for one in found if one.path.startswith("content")]


@pytest.mark.parametrize(("command", "data", "wanted"), ARGUMENTS)
def test_arguments_are_typed(command: str, data: dict[str, Any], wanted: Content) -> None:
    """They are read into a class of their own, and written back with what it does not know."""
    request = DebugRequest(seq=1, command=command, arguments={**data, "x": 1})

    arguments = debug_arguments(request)

    assert_type(arguments, Content | None)
    assert arguments is not None
    assert unstructure(arguments) == {**data, "x": 1}
    assert debug_arguments(DebugRequest(seq=1, command=command, arguments=data)) == wanted
    assert judged(request) == []


@pytest.mark.parametrize(("command", "data", "wanted"), BODIES)
def test_bodies_are_typed(command: str, data: dict[str, Any], wanted: Content) -> None:
    """They are read into a class of their own, and written back with what it does not know."""
    reply = answer(command, {**data, "x": 1})

    body = debug_body(reply)

    assert body is not None
    assert unstructure(body) == {**data, "x": 1}
    assert debug_body(answer(command, data)) == wanted
    assert judged(reply) == []


def test_other_commands_are_left_alone() -> None:
    """They are the adapter protocol's, and so is a response that failed."""
    assert debug_arguments(DebugRequest(seq=1, command="next", arguments={"threadId": 1})) is None
    assert debug_arguments(DebugRequest(seq=1, command="debugInfo")) is None
    assert debug_body(answer("threads", {"threads": []})) is None
    assert debug_body(answer("dumpCell", {}, success=False)) is None


def test_the_request_decides_where_the_response_has_another_name() -> None:
    """The text answers copyToGlobals as setExpression."""
    reply = answer("setExpression", {"value": "1", "type": "int", "variablesReference": 0})

    assert debug_body(reply) is None
    assert isinstance(debug_body(reply, command="copyToGlobals"), CopyToGlobalsBody)


@pytest.mark.parametrize(
    ("reply", "rule", "faults"),
    [
        (answer("dumpCell", UNSET), "DEBUG-05", ["body: wanted an object, found none"]),
        (answer("dumpCell", [1]), "DEBUG-05", ["body: wanted an object, found [1]"]),
        (
            answer("dumpCell", {"sourcePath": 1}),
            "DEBUG-05",
            ["body.sourcePath: wanted text, found 1"],
        ),
        (
            answer("debugInfo", {**INFO, "isStarted": 1, "breakpoints": [{"source": 1}]}),
            "DEBUG-06",
            [
                "body.isStarted: wanted true or false, found 1",
                "body.breakpoints[0].source: wanted text, found 1",
                "body.breakpoints[0].breakpoints: wanted this field, found none",
            ],
        ),
    ],
)
def test_a_wrong_body_names_its_faults(reply: DebugReply, rule: str, faults: list[str]) -> None:
    """Each field with its path, to who reads it and to who judges it."""
    with pytest.raises(ContentError) as caught:
        debug_body(reply)

    assert list(caught.value.faults) == faults
    assert caught.value.requirement == rule
    assert judged(reply) == [(rule, f"content.{fault.partition(':')[0]}") for fault in faults]


def test_wrong_arguments_name_their_faults() -> None:
    """A client's as well as a kernel's."""
    request = DebugRequest(seq=1, command="dumpCell", arguments={})

    with pytest.raises(ContentError) as caught:
        debug_arguments(request)

    assert caught.value.faults == ("arguments.code: wanted this field, found none",)
    assert judged(request) == [("HDR-18", "content.arguments.code")]
