"""Busy and idle around every request (spec/chapters/shell.md)."""

from __future__ import annotations

from assay.conformance._arrival import Object
from assay.conformance._check import check
from assay.conformance._outcome import Outcome, Skip, failed, passed
from assay.conformance._response import Response
from assay.conformance._testee import Testee
from assay.protocol import Channel, reply_type

__all__: list[str] = []


def _is_framed(kernel: Testee, msg_type: str, content: Object, channel: Channel) -> Outcome:
    """Say whether a request that is answered has one busy first and one idle last."""
    response = kernel.peer.ask(msg_type, content, channel=channel)
    if response.replied().msg_type != reply_type(msg_type):
        raise Skip(f"no {reply_type(msg_type)} answers the {msg_type} (SHELL-03)")
    if not kernel.peer.quiet(channel):
        return failed("an answer to the next request", "none", response)
    return _pair(response)


def _pair(response: Response) -> Outcome:
    states = [one.state for one in response.published if one.state]
    if states != ["busy", "idle"]:
        return failed("one busy and one idle", ", ".join(states) or "neither", response)
    if response.published[0].state != "busy" or response.published[-1].state != "idle":
        return failed("busy first and idle last", ", ".join(response.types), response)
    return passed()


@check(
    "SHELL-06.11",
    "a complete_request has its busy and idle",
    mistake="Busy and idle are published around cells alone.",
)
def of_completion(kernel: Testee) -> Outcome:
    content = {"code": "a", "cursor_pos": 1}
    return _is_framed(kernel, "complete_request", content, Channel.SHELL)


@check("SHELL-06.12", "an inspect_request has its busy and idle")
def of_inspection(kernel: Testee) -> Outcome:
    content = {"code": "a", "cursor_pos": 1, "detail_level": 0}
    return _is_framed(kernel, "inspect_request", content, Channel.SHELL)


@check("SHELL-06.13", "a history_request has its busy and idle")
def of_history(kernel: Testee) -> Outcome:
    content = {"output": False, "raw": True, "hist_access_type": "tail", "n": 1}
    return _is_framed(kernel, "history_request", content, Channel.SHELL)


@check("SHELL-06.14", "an is_complete_request has its busy and idle")
def of_completeness(kernel: Testee) -> Outcome:
    return _is_framed(kernel, "is_complete_request", {"code": "1"}, Channel.SHELL)


@check("SHELL-06.15", "a comm_info_request has its busy and idle")
def of_comm_info(kernel: Testee) -> Outcome:
    return _is_framed(kernel, "comm_info_request", {}, Channel.SHELL)


@check("SHELL-06.16", "a connect_request has its busy and idle")
def of_connect(kernel: Testee) -> Outcome:
    return _is_framed(kernel, "connect_request", {}, Channel.SHELL)


@check("SHELL-06.17", "a debug_request has its busy and idle", feature="debugger")
def of_debugging(kernel: Testee) -> Outcome:
    content = {"type": "request", "seq": 1, "command": "debugInfo", "arguments": {}}
    return _is_framed(kernel, "debug_request", content, Channel.CONTROL)


@check(
    "SHELL-06.18",
    "a list_subshell_request has its busy and idle",
    feature="kernel subshells",
)
def of_subshells(kernel: Testee) -> Outcome:
    return _is_framed(kernel, "list_subshell_request", {}, Channel.CONTROL)


@check(
    "SHELL-06.19",
    "a create_subshell_request has its busy and idle",
    fresh=True,
    feature="kernel subshells",
)
def of_new_subshells(kernel: Testee) -> Outcome:
    return _is_framed(kernel, "create_subshell_request", {}, Channel.CONTROL)


@check(
    "SHELL-06.20",
    "an interrupt_request has its busy and idle",
    fresh=True,
    mistake="What is answered on control publishes no status.",
)
def of_interrupts(kernel: Testee) -> Outcome:
    return _is_framed(kernel, "interrupt_request", {}, Channel.CONTROL)


@check(
    "SHELL-08.11",
    "a cell that fails has one busy and one idle",
    snippets=("error",),
    mistake="Idle is published behind the code, which an exception leaves out.",
)
def of_errors(kernel: Testee) -> Outcome:
    response = kernel.peer.execute(kernel.snippet("error", text="assay"), stop_on_error=False)
    response.replied()
    if not kernel.peer.quiet():
        return failed("an answer to the next request", "none", response)
    return _pair(response)


@check("SHELL-08.12", "code that is no code has one busy and one idle", snippets=("syntax_error",))
def of_syntax_errors(kernel: Testee) -> Outcome:
    response = kernel.peer.execute(kernel.snippet("syntax_error"), stop_on_error=False)
    response.replied()
    if not kernel.peer.quiet():
        return failed("an answer to the next request", "none", response)
    return _pair(response)


@check(
    "SHELL-06.21",
    "cells that are aborted have their busy and idle",
    snippets=("sleep", "error", "print", "nothing"),
    slow=True,
)
def of_aborted(kernel: Testee) -> Outcome:
    peer = kernel.peer
    peer.execute(kernel.snippet("nothing")).succeeded()
    cells = [
        peer.execute(kernel.snippet("sleep", seconds=1), wait=False),
        peer.execute(kernel.snippet("error", text="assay"), wait=False),
        *(peer.execute(kernel.snippet("print", text="behind"), wait=False) for _ in range(2)),
    ]
    peer.wait_for(lambda: all(one.done for one in cells), kernel.patience + 1)
    peer.quiet()
    for one in cells:
        one.replied()
        outcome = _pair(one)
        if outcome != passed():
            return outcome
    return passed()


@check(
    "SHELL-05.11",
    "requests of two clients that alternate have their own busy and idle each",
    snippets=("print",),
    also=("SHELL-04",),
)
def of_two_clients(kernel: Testee) -> Outcome:
    other = kernel.connect("two")
    code = kernel.snippet("print", text="assay")
    asked = [peer.execute(code, wait=False) for _ in range(10) for peer in (kernel.peer, other)]
    kernel.peer.wait_for(lambda: all(one.replies for one in asked))
    kernel.peer.quiet()
    other.quiet()
    # Only what the first client asked for is sure to have reached it from the start.
    for one in asked[::2]:
        one.succeeded()
        outcome = _pair(one)
        if outcome != passed():
            return outcome
    return passed()
