"""Requests and replies (spec/chapters/shell.md)."""

from __future__ import annotations

from assay.conformance._arrival import Arrival
from assay.conformance._check import check
from assay.conformance._outcome import Outcome, Skip, failed, note, passed, skipped
from assay.conformance._response import Response
from assay.conformance._testee import Testee
from assay.conformance.checks._cells import must_run, new_name
from assay.conformance.checks._questions import asked_at_once, in_order
from assay.conformance.checks._shape import ERROR, INTEGER, has_shape

__all__: list[str] = []


@check(
    "SHELL-01.1",
    "an execute_request is answered, with busy and idle",
    snippets=("nothing",),
    mistake="The status messages are sent around kernel_info_request alone, or not at all.",
)
def execution_is_answered(kernel: Testee) -> Outcome:
    response = kernel.peer.execute(kernel.snippet("nothing"))
    missing = [
        name
        for name, there in (
            ("execute_reply", response.replies),
            ("busy", response.busy),
            ("idle", response.idle),
        )
        if not there
    ]
    if missing:
        return failed("execute_reply, busy and idle", f"no {' and no '.join(missing)}", response)
    return passed()


@check("SHELL-01.2", "a kernel_info_request is answered, with busy and idle")
def kernel_info_is_answered(kernel: Testee) -> Outcome:
    response = kernel.peer.ask("kernel_info_request")
    missing = [
        name
        for name, there in (
            ("kernel_info_reply", response.replies),
            ("busy", response.busy),
            ("idle", response.idle),
        )
        if not there
    ]
    if missing:
        return failed(
            "kernel_info_reply, busy and idle", f"no {' and no '.join(missing)}", response
        )
    return passed()


@check(
    "SHELL-01.3",
    "a cell that is sent as soon as a kernel_info_request is answered does not end the kernel",
    fresh=True,
    snippets=("nothing",),
    mistake="kernel_info is answered before the interpreter is there, and the first cell needs it.",
)
def first_cell(kernel: Testee) -> Outcome:
    cell = kernel.peer.execute(kernel.snippet("nothing"))
    cell.replied()
    return passed() if kernel.is_running else failed("a kernel that goes on running", "none", cell)


@check("SHELL-03.1", "an execute_request is answered by an execute_reply", snippets=("nothing",))
def reply_has_the_name_of_its_request(kernel: Testee) -> Outcome:
    response = kernel.peer.execute(kernel.snippet("nothing"))
    reply = response.replied()
    if reply.msg_type != "execute_reply":
        return failed("execute_reply", reply.msg_type, response)
    return passed()


@check(
    "SHELL-04.1",
    "busy is the first message published for an execute_request",
    snippets=("print",),
    mistake="The handler publishes execute_input, and busy only around the evaluation.",
)
def busy_comes_first(kernel: Testee) -> Outcome:
    response = kernel.peer.execute(kernel.snippet("print", text="assay"))
    if response.busy is None:
        return failed("status busy", "none", response)
    if response.published[0] is not response.busy:
        return failed("busy first", f"{response.types[0]} before it", response)
    return passed()


@check(
    "SHELL-05.1",
    "idle is the last message published for an execute_request",
    snippets=("print",),
    mistake="Text waits in a buffer that a timer empties, and leaves after idle.",
)
def idle_comes_last(kernel: Testee) -> Outcome:
    response = kernel.peer.execute(kernel.snippet("print", text="assay"))
    if not kernel.peer.quiet():
        return failed("an answer to the next request", "none", response)
    if response.idle is None:
        return failed("status idle", "none", response)
    if response.published[-1] is not response.idle:
        return failed("idle last", f"{response.types[-1]} after it", response)
    return passed()


@check("SHELL-14.1", "each of twenty kernel_info_requests gets one reply")
def one_reply_each(kernel: Testee) -> Outcome:
    asked = [kernel.peer.send("kernel_info_request") for _ in range(20)]
    kernel.peer.wait_for(lambda: all(one.replies for one in asked))
    kernel.peer.quiet()
    for one in asked:
        if len(one.replies) != 1:
            return failed("one reply", f"{len(one.replies)} replies", one)
    return passed()


@check("SHELL-15.1", "twenty requests sent at once are answered in order", snippets=("nothing",))
def order_of_requests(kernel: Testee) -> Outcome:
    code = kernel.snippet("nothing")
    asked = [kernel.peer.execute(code, wait=False) for _ in range(20)]
    kernel.peer.wait_for(lambda: all(one.replies for one in asked))
    places = [one.reply.index for one in asked if one.reply is not None]
    if len(places) < len(asked):
        return skipped("not all of the requests were answered (SHELL-14)")
    if places != sorted(places):
        return failed("the order of the requests", "another one", *asked)
    return passed()


@check(
    "SHELL-20.1",
    "questions that are sent at once to an idle kernel are answered in order",
    mistake="Each type of question has a thread of its own.",
)
def order_of_questions(kernel: Testee) -> Outcome:
    if "kernel subshells" in kernel.features:
        return skipped("the kernel has subshells: SUBSHELL-10.2 asks for it")
    return in_order(kernel)


STATUSES = ("ok", "error", "aborted")

STATES = ("complete", "incomplete", "invalid", "unknown", "error")
"""What an is_complete_reply has as its status."""


@check(
    "SHELL-03.2",
    "every question that is answered is answered by the reply of its name",
    mistake="The type of the request is copied into the reply.",
)
def names_of_replies(kernel: Testee) -> Outcome:
    answered = 0
    for msg_type, response in asked_at_once(kernel).items():
        if response.reply is None:
            continue
        answered += 1
        wanted = msg_type.replace("_request", "_reply")
        if response.reply.msg_type != wanted:
            return failed(wanted, response.reply.msg_type or "no type", response)
    return passed() if answered else skipped("nothing was answered")


@check("SHELL-07.1", "a request of an invented type has its busy and idle")
def status_of_the_unknown(kernel: Testee) -> Outcome:
    draft = kernel.peer.draft("assay_invented_request").unjudged()
    return _has_status(kernel, kernel.peer.send(draft, wants_reply=False))


@check("SHELL-07.2", "a comm_msg has its busy and idle")
def status_of_one_way(kernel: Testee) -> Outcome:
    content = {"comm_id": new_name(), "data": {}}
    return _has_status(kernel, kernel.peer.send("comm_msg", content, wants_reply=False))


def _has_status(kernel: Testee, response: Response) -> Outcome:
    if not kernel.peer.quiet():
        return failed("an answer to the next request", "none", response)
    if response.busy is None or response.idle is None:
        return failed("busy and idle", ", ".join(response.types) or "neither", response)
    return passed()


@check("SHELL-09.1", "the reply to each question has a status of ok, error or aborted")
def status_of_replies(kernel: Testee) -> Outcome:
    good = 0
    for msg_type, response in asked_at_once(kernel).items():
        wanted = STATES if msg_type == "is_complete_request" else STATUSES
        if response.reply is not None and response.status not in wanted:
            return failed(f"a status of {', '.join(wanted)}", repr(response.status), response)
        good += response.status == "ok"
    return passed() if good else skipped("nothing was answered with success")


def _failing(kernel: Testee) -> Response:
    response = kernel.peer.execute(kernel.snippet("error", text="assay"))
    if response.replied().status != "error":
        raise Skip("a cell that fails is not answered with status error (EXEC-17)")
    return response


@check(
    "SHELL-10.1",
    "the reply to a cell that fails holds ename, evalue and traceback",
    snippets=("error",),
    mistake="The traceback is one text, or stands on IOPub alone.",
)
def form_of_errors(kernel: Testee) -> Outcome:
    must_run(kernel)
    return has_shape(_failing(kernel).replied(), ERROR)


@check(
    "SHELL-13.1",
    "the reply to a cell that fails holds execution_count",
    snippets=("error", "print"),
)
def count_of_errors(kernel: Testee) -> Outcome:
    must_run(kernel)
    return has_shape(_failing(kernel).replied(), {"execution_count": INTEGER})


@check(
    "SHELL-13.2",
    "the reply to a cell that succeeds holds execution_count",
    snippets=("nothing",),
)
def count_of_successes(kernel: Testee) -> Outcome:
    reply = kernel.peer.execute(kernel.snippet("nothing")).succeeded()
    return has_shape(reply, {"execution_count": INTEGER})


def _aborted(kernel: Testee) -> Arrival:
    """Return the reply to a cell that the failure of one before it has aborted.

    Raises:
        Skip: it is not aborted; that is for EXEC-20.
    """
    must_run(kernel)
    first = kernel.peer.execute(kernel.snippet("error", text="assay"), wait=False)
    second = kernel.peer.execute(kernel.snippet("print", text="assay"), wait=False)
    for one in (first, second):
        kernel.peer.finish(one)
    if second.replied().status == "ok":
        raise Skip("the cell behind the failing one was run")
    return second.replied()


@check(
    "SHELL-13.3",
    "the reply to an aborted cell holds execution_count",
    snippets=("error", "print"),
)
def count_of_aborted(kernel: Testee) -> Outcome:
    reply = _aborted(kernel)
    if reply.status in {"aborted", "abort"} and "execution_count" not in reply.content:
        return note(
            "one sentence wants no field but the status, another the count of every reply (AMB-03)",
            expected="an integer under 'execution_count'",
            got="no such key",
            evidence=(reply,),
        )
    return has_shape(reply, {"execution_count": INTEGER})


@check(
    "SHELL-11.1",
    "a reply with status aborted holds nothing but its status and its count",
    snippets=("error", "print"),
)
def form_of_aborted(kernel: Testee) -> Outcome:
    reply = _aborted(kernel)
    if reply.status != "aborted":
        raise Skip(f"aborted cells are answered with status {reply.status!r}")
    more = sorted(set(reply.content) - {"status", "execution_count"})
    if more:
        return failed("status and execution_count alone", f"{', '.join(more)} as well", reply)
    return passed()


@check(
    "SHELL-19.1",
    "a complete_request is answered",
    mistake="Completion is left out because the language has no library for it.",
)
def completion_is_answered(kernel: Testee) -> Outcome:
    response = kernel.peer.ask("complete_request", {"code": "a", "cursor_pos": 1})
    if not kernel.peer.quiet():
        return failed("an answer to the next request", "none", response)
    if not response.replies:
        return note(
            "completion is recommended where it is possible, which cannot be seen from outside",
            expected="a complete_reply",
            got="none",
            evidence=(response,),
        )
    return passed()
