"""Requests and replies (spec/chapters/shell.md)."""

from __future__ import annotations

from assay.conformance._check import check
from assay.conformance._outcome import Outcome, failed, passed, skipped
from assay.conformance._testee import Testee

__all__: list[str] = []


@check(
    "SHELL-01.1",
    "an execute_request is answered, with busy and idle",
    snippets=("nothing",),
    mistake="The status messages are sent around kernel_info_request alone, or not at all.",
)
def execution_is_answered(kernel: Testee) -> Outcome:
    heard = kernel.peer.execute(kernel.snippet("nothing"))
    missing = [
        name
        for name, there in (
            ("execute_reply", heard.replies),
            ("busy", heard.busy),
            ("idle", heard.idle),
        )
        if not there
    ]
    if missing:
        return failed("execute_reply, busy and idle", f"no {' and no '.join(missing)}", heard)
    return passed()


@check("SHELL-01.2", "a kernel_info_request is answered, with busy and idle")
def kernel_info_is_answered(kernel: Testee) -> Outcome:
    heard = kernel.peer.ask("kernel_info_request")
    missing = [
        name
        for name, there in (
            ("kernel_info_reply", heard.replies),
            ("busy", heard.busy),
            ("idle", heard.idle),
        )
        if not there
    ]
    if missing:
        return failed("kernel_info_reply, busy and idle", f"no {' and no '.join(missing)}", heard)
    return passed()


@check("SHELL-03.1", "an execute_request is answered by an execute_reply", snippets=("nothing",))
def reply_has_the_name_of_its_request(kernel: Testee) -> Outcome:
    heard = kernel.peer.execute(kernel.snippet("nothing"))
    reply = heard.replied()
    if reply.msg_type != "execute_reply":
        return failed("execute_reply", reply.msg_type, heard)
    return passed()


@check(
    "SHELL-04.1",
    "busy is the first message published for an execute_request",
    snippets=("print",),
    mistake="The handler publishes execute_input, and busy only around the evaluation.",
)
def busy_comes_first(kernel: Testee) -> Outcome:
    heard = kernel.peer.execute(kernel.snippet("print", text="assay"))
    if heard.busy is None:
        return failed("status busy", "none", heard)
    if heard.published[0] is not heard.busy:
        return failed("busy first", f"{heard.types[0]} before it", heard)
    return passed()


@check(
    "SHELL-05.1",
    "idle is the last message published for an execute_request",
    snippets=("print",),
    mistake="Text waits in a buffer that a timer empties, and leaves after idle.",
)
def idle_comes_last(kernel: Testee) -> Outcome:
    heard = kernel.peer.execute(kernel.snippet("print", text="assay"))
    if not kernel.peer.quiet():
        return failed("an answer to the next request", "none", heard)
    if heard.idle is None:
        return failed("status idle", "none", heard)
    if heard.published[-1] is not heard.idle:
        return failed("idle last", f"{heard.types[-1]} after it", heard)
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
