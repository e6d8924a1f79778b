"""Debugging (spec/chapters/debug.md)."""

from __future__ import annotations

from pathlib import Path

from assay.conformance._arrival import Object
from assay.conformance._check import check
from assay.conformance._outcome import Outcome, Skip, failed, note, passed
from assay.conformance._response import Response
from assay.conformance._testee import Testee
from assay.conformance.checks._cells import new_name
from assay.conformance.checks._debugging import CAPABILITIES, Debugger
from assay.conformance.checks._shape import BOOLEAN, BUNDLE, INTEGER, TEXT, Kind, misfit
from assay.protocol import Channel, murmur2

__all__: list[str] = []

FEATURE = "debugger"

LIST = Kind(name="a list", holds=lambda value: isinstance(value, list))

RESPONSE = {
    "type": TEXT,
    "seq": INTEGER,
    "request_seq": INTEGER,
    "command": TEXT,
    "success": BOOLEAN,
}

INFO = {
    "isStarted": BOOLEAN,
    "hashMethod": TEXT,
    "tmpFilePrefix": TEXT,
    "tmpFileSuffix": TEXT,
    "breakpoints": LIST,
    "stoppedThreads": LIST,
}


def _names(count: int) -> tuple[str, ...]:
    return tuple(new_name() for _ in range(count))


def _body_of(response: Response) -> Object:
    body = response.replied().content.get("body")
    return body if isinstance(body, dict) else {}


@check("DEBUG-01.1", "a kernel whose debugInfo succeeds announces the debugger")
def announced(kernel: Testee) -> Outcome:
    draft = kernel.peer.draft(
        "debug_request", {"type": "request", "seq": 1, "command": "debugInfo", "arguments": {}}
    )
    response = kernel.peer.send(draft.unjudged(), channel=Channel.CONTROL)
    if not kernel.peer.quiet(Channel.CONTROL):
        return failed("an answer to the next request on control", "none", response)
    if FEATURE in kernel.features:  # the next request may overtake it (CTRL-03)
        kernel.peer.wait_for(lambda: response.replies)
    answered = response.reply is not None and response.reply.content.get("success") is True
    if FEATURE in kernel.features:
        return passed() if answered else failed("a debugInfo that succeeds", "none", response)
    if answered:
        return failed(f"{FEATURE!r} in supported_features", repr(kernel.features), response)
    raise Skip("the kernel has no debugger")


@check(
    "DEBUG-02.1",
    "initialize and attach are answered by responses that succeed",
    fresh=True,
    feature=FEATURE,
    mistake="A base class announces a debugger for every language that is built on it.",
)
def attached(kernel: Testee) -> Outcome:
    debugger = Debugger(kernel)
    for command, arguments in (("initialize", CAPABILITIES), ("attach", {})):
        response = debugger.ask(command, **arguments)
        if response.reply is None or response.reply.msg_type != "debug_reply":
            got = "none" if response.reply is None else response.reply.msg_type
            return failed("a debug_reply", got, response)
        found = response.reply.content.get("type"), response.reply.content.get("success")
        if found == ("response", False):
            # A failure is a response as good as any; what it says of the feature is worth a word.
            return note(
                "the debugger is announced, and cannot be used",
                expected=f"{command} to succeed",
                got=response.reply.text("message") or "success false",
                evidence=(response,),
            )
        if found != ("response", True):
            return failed("type response and success true", repr(found), response)
    return passed()


def _is_event(debugger: Debugger, name: str) -> Outcome:
    def found() -> bool:
        return any(
            one.content.get("event") == name
            for one in debugger.peer.on(Channel.IOPUB)
            if one.msg_type == "debug_event"
        )

    if not debugger.peer.wait_for(found):
        return failed(f"a debug_event {name!r} on IOPub", "none", *debugger.asked)
    event = debugger.events(name)[0]
    if event.content.get("type") != "event":
        return failed("type event", repr(event.content.get("type")), event)
    return passed()


@check(
    "DEBUG-03.1",
    "attaching publishes the event initialized",
    fresh=True,
    feature=FEATURE,
)
def initialized(kernel: Testee) -> Outcome:
    debugger = Debugger(kernel)
    debugger.start()
    return _is_event(debugger, "initialized")


@check(
    "DEBUG-03.2",
    "a cell that reaches its breakpoint publishes the event stopped",
    fresh=True,
    feature=FEATURE,
    snippets=("define",),
    slow=True,
)
def stopped(kernel: Testee) -> Outcome:
    debugger, names = Debugger(kernel), _names(3)
    debugger.start()
    code = debugger.code(*names)
    debugger.break_at(code, len(names))
    debugger.body("configurationDone")
    cell = kernel.peer.execute(code, wait=False)
    kernel.peer.wait_for(lambda: debugger.events("stopped") or cell.replies)
    return _is_event(debugger, "stopped")


@check(
    "DEBUG-04.1",
    "each response has type, seq, command, success and the seq of its request",
    fresh=True,
    feature=FEATURE,
    snippets=("define",),
    mistake="Responses that the kernel makes itself lack what the debugger's have.",
)
def envelopes(kernel: Testee) -> Outcome:
    debugger = Debugger(kernel)
    debugger.ask("debugInfo")
    debugger.start()
    code = debugger.code("assaydebugged")
    debugger.ask("dumpCell", code=code)
    debugger.ask("inspectVariables")
    debugger.ask("configurationDone")
    for response in debugger.asked:
        outcome = _envelope(response)
        if outcome != passed():
            return outcome
    return passed()


LEFT_OUT = ("seq", "request_seq", "command")
"""What the examples of the public text leave out of the responses of a kernel (AMB-29)."""


def _envelope(response: Response) -> Outcome:
    reply, sent = response.replied(), response.draft.content
    assert not isinstance(sent, bytes)
    missing = [key for key in LEFT_OUT if key not in reply.content]
    if missing and misfit(reply.content, {"type": TEXT, "success": BOOLEAN}) is None:
        return note(
            "the examples of the text leave it out, the Debug Adapter Protocol wants it (AMB-29)",
            expected=f"{', '.join(missing)}, in the response to {sent['command']}",
            got="no such key",
            evidence=(response,),
        )
    if (wrong := misfit(reply.content, RESPONSE)) is not None:
        return failed(f"{wrong[0]}, in the response to {sent['command']}", wrong[1], response)
    wanted = ("response", sent["seq"], sent["command"])
    found = tuple(reply.content[key] for key in ("type", "request_seq", "command"))
    return passed() if wanted == found else failed(repr(wanted), repr(found), response)


@check(
    "DEBUG-05.1",
    "dumpCell gives the sourcePath of a file",
    fresh=True,
    feature=FEATURE,
    snippets=("define",),
)
def dump(kernel: Testee) -> Outcome:
    debugger = Debugger(kernel)
    debugger.start()
    code = debugger.code(*_names(2))
    response = debugger.ask("dumpCell", code=code)
    if response.replied().content.get("success") is not True:
        return failed("success true", repr(response.replied().content.get("success")), response)
    body = _body_of(response)
    wrong = misfit(body, {"sourcePath": TEXT})
    if wrong is not None:
        return failed(*wrong, response)
    path = Path(str(body["sourcePath"]))
    if kernel.process is not None and path.is_file() and path.read_text("utf-8") != code:
        return failed("a file that holds the code", "another text", response)
    return passed()


@check("DEBUG-06.1", "debugInfo has all its fields before the debugger is started", feature=FEATURE)
def info_before(kernel: Testee) -> Outcome:
    response = Debugger(kernel).ask("debugInfo")
    wrong = misfit(_body_of(response), INFO)
    return passed() if wrong is None else failed(*wrong, response)


@check(
    "DEBUG-06.2",
    "debugInfo has all its fields, and isStarted true, when the debugger is started",
    fresh=True,
    feature=FEATURE,
)
def info_after(kernel: Testee) -> Outcome:
    debugger = Debugger(kernel)
    before = debugger.body("debugInfo").get("isStarted")
    debugger.start()
    response = debugger.ask("debugInfo")
    body = _body_of(response)
    wrong = misfit(body, INFO)
    if wrong is not None:
        return failed(*wrong, response)
    if (before, body["isStarted"]) != (False, True):
        return failed("isStarted false, then true", f"{before}, then {body['isStarted']}", response)
    return passed()


@check(
    "DEBUG-07.1",
    "a second client finds the breakpoints of the first",
    fresh=True,
    feature=FEATURE,
    snippets=("define",),
)
def breakpoints_are_kept(kernel: Testee) -> Outcome:
    debugger = Debugger(kernel)
    debugger.start()
    path = debugger.break_at(debugger.code(*_names(2)), 2)
    response = Debugger(kernel, kernel.connect("two")).ask("debugInfo")
    if path not in repr(_body_of(response).get("breakpoints")):
        got = repr(_body_of(response).get("breakpoints"))
        return failed(f"{path} among the breakpoints", got, response)
    return passed()


@check(
    "DEBUG-07.2",
    "a second client finds the thread that is stopped",
    fresh=True,
    feature=FEATURE,
    snippets=("define",),
    slow=True,
)
def stopped_threads_are_kept(kernel: Testee) -> Outcome:
    debugger = Debugger(kernel)
    debugger.start()
    debugger.stop(*_names(2))
    response = Debugger(kernel, kernel.connect("two")).ask("debugInfo")
    found = _body_of(response).get("stoppedThreads")
    if not isinstance(found, list) or not found:
        return failed("a thread in stoppedThreads", repr(found), response)
    return passed()


@check(
    "DEBUG-08.1",
    "the breakpoints of debugInfo are a list of objects with source and breakpoints",
    fresh=True,
    feature=FEATURE,
    snippets=("define",),
    mistake="They are an object with the sources as keys.",
)
def form_of_breakpoints(kernel: Testee) -> Outcome:
    debugger = Debugger(kernel)
    debugger.start()
    for _ in range(2):
        debugger.break_at(debugger.code(*_names(2)), 2)
    response = debugger.ask("debugInfo")
    found = _body_of(response).get("breakpoints")
    if not isinstance(found, list) or len(found) < 2:
        return failed("a list of two sources", repr(found), response)
    for one in found:
        wrong = misfit(one if isinstance(one, dict) else {}, {"source": TEXT, "breakpoints": LIST})
        if wrong is not None:
            return failed(*wrong, response)
    return passed()


@check(
    "DEBUG-09.1",
    "inspectVariables lists the user's variables, without any breakpoint",
    fresh=True,
    feature=FEATURE,
    snippets=("define",),
)
def variables(kernel: Testee) -> Outcome:
    debugger, names = Debugger(kernel), _names(3)
    kernel.peer.execute(debugger.code(*names)).succeeded()
    debugger.start()
    response = debugger.ask("inspectVariables")
    found = _body_of(response).get("variables")
    listed = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    form = {"name": TEXT, "variablesReference": INTEGER, "value": TEXT, "type": TEXT}
    by_name = {one.get("name"): one for one in listed}
    for name in names:
        if name not in by_name:
            return failed(f"{name} among the variables", repr(list(by_name))[:200], response)
        if (wrong := misfit(by_name[name], form)) is not None:
            return failed(*wrong, response)
    return passed()


@check(
    "DEBUG-10.1",
    "richInspectVariables gives data and metadata of a variable",
    fresh=True,
    feature=FEATURE,
    snippets=("define",),
)
def rich_variable(kernel: Testee) -> Outcome:
    debugger, names = Debugger(kernel), _names(1)
    kernel.peer.execute(debugger.code(*names)).succeeded()
    debugger.start()
    response = debugger.ask("richInspectVariables", variableName=names[0])
    if response.replied().content.get("success") is not True:
        return failed("success true", repr(response.replied().content.get("success")), response)
    wrong = misfit(_body_of(response), BUNDLE)
    return passed() if wrong is None else failed(*wrong, response)


@check(
    "DEBUG-11.1",
    "copyToGlobals, if announced, copies a variable of a stopped frame",
    fresh=True,
    feature=FEATURE,
    snippets=("define", "print_name"),
    slow=True,
)
def copy(kernel: Testee) -> Outcome:
    debugger, names, target = Debugger(kernel), _names(2), new_name()
    if debugger.body("debugInfo").get("copyToGlobals") is not True:
        raise Skip("the kernel does not announce copyToGlobals")
    debugger.start()
    cell = debugger.stop(*names)
    response = debugger.ask(
        "copyToGlobals",
        srcVariableName=names[0],
        dstVariableName=target,
        srcFrameId=debugger.frame(),
    )
    if response.replied().content.get("success") is not True:
        return failed("success true", repr(response.replied().content.get("success")), response)
    debugger.go_on(cell)
    shown = kernel.peer.execute(kernel.snippet("print_name", name=target))
    if "1" not in shown.text():
        return failed("1 printed", f"status {shown.status!r}, {shown.text()!r}", response, shown)
    return passed()


@check(
    "DEBUG-12.1",
    "control is answered while a cell is stopped at a breakpoint",
    fresh=True,
    feature=FEATURE,
    snippets=("define",),
    slow=True,
)
def control_at_breakpoint(kernel: Testee) -> Outcome:
    debugger = Debugger(kernel)
    debugger.start()
    cell = debugger.stop(*_names(2))
    if Channel.CONTROL in kernel.answering():
        asked = kernel.peer.send("kernel_info_request", channel=Channel.CONTROL)
        if not kernel.peer.wait_for(lambda: asked.replies):
            return failed("a kernel_info_reply", "none", cell, asked)
    if cell.replies:
        raise Skip("the cell did not stay at its breakpoint")
    debugger.go_on(cell)
    if cell.status != "ok":
        return failed("the cell to end well when it goes on", cell.answer, cell)
    return passed()


@check(
    "DEBUG-13.1",
    "the path of a cell is the prefix, the hash of its code, and the suffix",
    fresh=True,
    feature=FEATURE,
    snippets=("define",),
    mistake="The path has a counter, or a process id that debugInfo does not tell.",
)
def path_can_be_computed(kernel: Testee) -> Outcome:
    debugger = Debugger(kernel)
    debugger.start()
    info = debugger.body("debugInfo")
    method, seed = info.get("hashMethod"), info.get("hashSeed")
    if str(method).lower() not in {"murmur2", "murmurhash2"}:
        raise Skip(f"the hash method {method!r} is not known here")
    code = debugger.code(*_names(2))
    path = debugger.dump(code)
    if not str(seed).isdecimal():
        return failed("a number as hashSeed", repr(seed), debugger.asked[-1])
    hashed = murmur2(code.encode(), int(str(seed)))
    wanted = f"{info.get('tmpFilePrefix')}{hashed}{info.get('tmpFileSuffix')}"
    return passed() if path == wanted else failed(wanted, path, *debugger.asked[-2:])


@check("DEBUG-14.1", "what a kernel without a debugger answers")
def without_debugger(kernel: Testee) -> Outcome:
    if FEATURE in kernel.features:
        raise Skip("the kernel has a debugger")
    content = {"type": "request", "seq": 1, "command": "initialize", "arguments": {}}
    draft = kernel.peer.draft("debug_request", content).unjudged()
    response = kernel.peer.send(draft, channel=Channel.CONTROL)
    if not kernel.peer.quiet(Channel.CONTROL):
        return failed("an answer to the next request on control", "none", response)
    if response.reply is None:
        return note("nothing", evidence=(response,))
    return note(f"success {response.reply.content.get('success')!r}", evidence=(response,))
