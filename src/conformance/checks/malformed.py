"""Requests of known types whose content is wrong: the kernel survives, and says so."""

from __future__ import annotations

from collections.abc import Iterator

from assay.conformance._arrival import Object
from assay.conformance._check import check
from assay.conformance._draft import ABSENT, Draft
from assay.conformance._outcome import Outcome, failed, passed
from assay.conformance._response import Response
from assay.conformance._testee import Testee
from assay.conformance.checks._cells import must_run, not_alive, printed
from assay.protocol import Channel

__all__: list[str] = []

WRONG_VALUES: tuple[object, ...] = (
    None,
    -1,
    0.5,
    10**30,
    "\ud7ff\u0000",
    [],
    [[]],
    {},
    {"a": 1},
)

WRONG_CONTENTS = (b"null", b"[]", b"5", b'"text"', b"true", b"{", b"", b"\xff\xfe", b"{}{}")
"""Content frames that hold no object, or no JSON. They are signed as they are."""

REQUESTS: dict[str, Object] = {
    "execute_request": {
        "code": "",
        "silent": True,
        "store_history": False,
        "user_expressions": {},
        "allow_stdin": False,
        "stop_on_error": False,
    },
    "complete_request": {"code": "a", "cursor_pos": 1},
    "inspect_request": {"code": "a", "cursor_pos": 1, "detail_level": 0},
    "history_request": {
        "output": False,
        "raw": True,
        "hist_access_type": "tail",
        "session": 0,
        "start": 1,
        "stop": 1,
        "n": 1,
        "pattern": "*",
        "unique": False,
    },
    "is_complete_request": {"code": "1"},
    "comm_info_request": {"target_name": "assay"},
    "kernel_info_request": {},
    "connect_request": {},
    "comm_open": {"comm_id": "assay-malformed", "target_name": "assay-unknown", "data": {}},
    "comm_msg": {"comm_id": "assay-malformed", "data": {}},
    "comm_close": {"comm_id": "assay-malformed", "data": {}},
}


def _wrong(kernel: Testee, msg_type: str) -> Iterator[Draft]:
    """Yield requests whose content is wrong in one place each."""
    content = REQUESTS[msg_type]
    right = kernel.peer.draft
    for key in content:
        yield right(msg_type, content).with_content(**{key: ABSENT})
        for value in WRONG_VALUES:
            yield right(msg_type, content).with_content(**{key: value})


def _survives(kernel: Testee, msg_type: str, channel: Channel = Channel.SHELL) -> Outcome:
    kernel.peer.ask("kernel_info_request").succeeded()
    sent: list[Response] = []
    for draft in _wrong(kernel, msg_type):
        sent.append(kernel.peer.send(draft.unjudged(), channel=channel))
        # A few at a time, so that a failure shows what led to it.
        if len(sent) % 8 == 0 and not _answers(kernel, channel):
            return failed("an answer to the next request", "none", *sent[-8:])
    if not _answers(kernel, channel) or not kernel.peer.quiet(channel):
        return failed("an answer to the next request", "none", *sent[-8:])
    if (dead := not_alive(kernel)) is not None:
        return dead
    # The last of them may be overtaken by questions (AMB-74): it is busy then, and idle soon.
    kernel.peer.wait_for(lambda: _all_idle(sent) == passed())
    return _all_idle(sent)


def _answers(kernel: Testee, channel: Channel) -> bool:
    """Return whether a further request is answered; the first completion may load much."""
    asked = kernel.peer.send("kernel_info_request", channel=channel)
    return kernel.peer.wait_for(lambda: asked.replies, kernel.patience * 3)


def _all_idle(sent: list[Response]) -> Outcome:
    for one in sent:
        if one.busy is not None and one.idle is None:
            return failed("idle behind busy", "none", one)
    return passed()


@check(
    "SHELL-08.21",
    "malformed execute_requests do no harm: idle follows busy, and the next cell runs",
    fresh=True,
    snippets=("print",),
    also=("INFO-11", "WIRE-19"),
    mistake="An exception in the handler ends the loop, or leaves the kernel busy.",
)
def execute(kernel: Testee) -> Outcome:
    must_run(kernel)
    outcome = _survives(kernel, "execute_request")
    if outcome != passed():
        return outcome
    cell = kernel.peer.execute(kernel.snippet("print", text="behind"))
    return printed(cell, "behind", "the next cell")


@check(
    "SHELL-08.22",
    "malformed complete_requests do no harm",
    also=("INFO-11", "WIRE-19"),
)
def complete(kernel: Testee) -> Outcome:
    return _survives(kernel, "complete_request")


@check(
    "SHELL-08.23",
    "malformed inspect_requests do no harm",
    also=("INFO-11", "WIRE-19"),
)
def inspect(kernel: Testee) -> Outcome:
    return _survives(kernel, "inspect_request")


@check(
    "SHELL-08.24",
    "malformed history_requests do no harm",
    also=("INFO-11", "WIRE-19"),
)
def history(kernel: Testee) -> Outcome:
    return _survives(kernel, "history_request")


@check(
    "SHELL-08.25",
    "malformed is_complete_requests do no harm",
    also=("INFO-11", "WIRE-19"),
)
def is_complete(kernel: Testee) -> Outcome:
    return _survives(kernel, "is_complete_request")


@check(
    "SHELL-08.26",
    "malformed comm_info_requests do no harm",
    also=("INFO-11", "WIRE-19"),
)
def comm_info(kernel: Testee) -> Outcome:
    return _survives(kernel, "comm_info_request")


@check(
    "SHELL-08.27",
    "malformed kernel_info_requests do no harm",
    also=("INFO-11", "WIRE-19"),
)
def kernel_info(kernel: Testee) -> Outcome:
    return _survives(kernel, "kernel_info_request")


@check(
    "SHELL-08.28",
    "malformed connect_requests do no harm",
    also=("INFO-11", "WIRE-19"),
)
def connect(kernel: Testee) -> Outcome:
    return _survives(kernel, "connect_request")


@check(
    "SHELL-08.29",
    "malformed comm messages do no harm",
    fresh=True,
    also=("INFO-11", "COMM-08"),
)
def comms(kernel: Testee) -> Outcome:
    for msg_type in ("comm_open", "comm_msg", "comm_close"):
        outcome = _survives(kernel, msg_type)
        if outcome != passed():
            return outcome
    return passed()


def _is_refused(kernel: Testee, msg_type: str, **content: object) -> Outcome:
    """Say whether a request gets an error reply; the register calls that our own reading."""
    right = kernel.peer.draft(msg_type, REQUESTS[msg_type])
    kernel.peer.ask(right).replied()
    wrong = kernel.peer.draft(msg_type, REQUESTS[msg_type]).with_content(**content).unjudged()
    response = kernel.peer.ask(wrong)
    if (dead := not_alive(kernel)) is not None:
        return dead
    if response.status != "error":
        return failed("an error reply", response.answer, response)
    return passed()


@check("WIRE-19.11", "an execute_request with a number as code gets an error reply")
def execute_is_refused(kernel: Testee) -> Outcome:
    return _is_refused(kernel, "execute_request", code=5)


@check("WIRE-19.12", "a complete_request with a number as code gets an error reply")
def complete_is_refused(kernel: Testee) -> Outcome:
    return _is_refused(kernel, "complete_request", code=5)


@check("WIRE-19.13", "an inspect_request with a number as code gets an error reply")
def inspect_is_refused(kernel: Testee) -> Outcome:
    return _is_refused(kernel, "inspect_request", code=5)


@check("WIRE-19.14", "a history_request with a number as access type gets an error reply")
def history_is_refused(kernel: Testee) -> Outcome:
    return _is_refused(kernel, "history_request", hist_access_type=5)


@check("WIRE-19.15", "a comm_info_request with a number as target gets an error reply")
def comm_info_is_refused(kernel: Testee) -> Outcome:
    return _is_refused(kernel, "comm_info_request", target_name=5)


@check(
    "WIRE-18.31",
    "requests whose content is no object, or no JSON, do no harm",
    fresh=True,
    snippets=("print",),
    mistake="The frame is parsed outside of what catches exceptions, so the loop ends.",
)
def contents(kernel: Testee) -> Outcome:
    must_run(kernel)
    for msg_type in ("execute_request", "complete_request", "kernel_info_request"):
        for frame in WRONG_CONTENTS:
            draft = kernel.peer.draft(msg_type).with_parts(content=frame).unjudged()
            response = kernel.peer.send(draft)
            if not _answers(kernel, Channel.SHELL):
                return failed("an answer to the next request", "none", response)
    cell = kernel.peer.execute(kernel.snippet("print", text="behind"))
    return printed(cell, "behind", "the next cell")
