"""Much at once: pipelines, floods and large messages, with an account of what is lost."""

from __future__ import annotations

import re

from assay.conformance._arrival import Object
from assay.conformance._check import check
from assay.conformance._outcome import Outcome, failed, note, passed, skipped
from assay.conformance._response import Response
from assay.conformance._testee import Testee
from assay.conformance.checks._cells import lines, moving_count, must_run, printed
from assay.conformance.checks._questions import asked_at_once

__all__: list[str] = []

PIPELINE = 100
FLOOD = 5_000
"""Lines: several times the thousand messages that a ZeroMQ socket keeps for a subscriber."""

LARGE = 5_000_000
HUGE = 20_000_000


def _flood(kernel: Testee) -> Response:
    must_run(kernel)
    cell = kernel.peer.execute(kernel.snippet("numbers", count=FLOOD), wait=False)
    kernel.peer.follow(cell).succeeded()
    kernel.peer.quiet()
    return cell


@check(
    "EXEC-31.11",
    "of five thousand lines that a cell prints none is lost, and all come before idle",
    snippets=("numbers", "print"),
    slow=True,
    also=("IOPUB-23", "SHELL-05"),
    mistake="The IOPub socket drops what it cannot queue, at a thousand messages.",
)
def flood(kernel: Testee) -> Outcome:
    cell = _flood(kernel)
    if cell.idle is None:
        return failed("idle", "none", cell)
    before = cell.published[: cell.published.index(cell.idle)]
    text = "".join(one.text("text") for one in before if one.msg_type == "stream")
    # A wrapper of a shell may leave the end of a prompt before what is printed.
    found = [int(number) for number in re.findall(r"\d+(?!\S)", text)]
    missing = sorted(set(range(FLOOD)) - set(found))
    if missing:
        first = ", ".join(map(str, missing[:5]))
        return failed(
            f"{FLOOD} lines before idle",
            f"{FLOOD - len(missing)}; {len(missing)} are missing or garbled, "
            f"the first of them {first}",
            cell.published[0],
            cell.idle,
        )
    if len(found) != FLOOD:
        return failed(f"{FLOOD} lines", f"{len(found)}: some came twice", cell.idle)
    return passed()


@check(
    "EXEC-31.12",
    "a line of five million characters arrives whole",
    also=("WIRE-20",),
    snippets=("large_output", "print"),
    slow=True,
)
def long_line(kernel: Testee) -> Outcome:
    return _arrives(kernel, LARGE)


def _arrives(kernel: Testee, count: int) -> Outcome:
    must_run(kernel)
    code = kernel.snippet("large_output", count=count)
    cell = kernel.peer.execute(code, timeout=kernel.patience * 3)
    cell.succeeded()
    kernel.peer.quiet()
    found = cell.text().count("x")
    if found != count:
        return failed(f"{count:,} characters", f"{found:,}", *cell.replies)
    return passed()


@check(
    "WIRE-20.1",
    "a cell that prints twenty million characters has them all published",
    fresh=True,
    snippets=("large_output", "print"),
    slow=True,
)
def huge_output(kernel: Testee) -> Outcome:
    return _arrives(kernel, HUGE)


@check(
    "WIRE-20.2",
    "a cell of twenty million characters is run",
    fresh=True,
    snippets=("comment", "print"),
    slow=True,
)
def huge_cell(kernel: Testee) -> Outcome:
    must_run(kernel)
    code = lines(kernel.snippet("comment", text="x" * HUGE), kernel.snippet("print", text="behind"))
    # Not into the history, which may be the user's own.
    cell = kernel.peer.execute(code, store_history=False, timeout=kernel.patience * 3)
    return printed(cell, "behind", "the cell", *cell.replies)


@check(
    "SHELL-14.11",
    "each of two hundred cells that two clients send at once gets one reply",
    snippets=("nothing", "print"),
    slow=True,
)
def pipeline(kernel: Testee) -> Outcome:
    must_run(kernel)
    other = kernel.connect("two")
    code = kernel.snippet("nothing")
    asked = [
        peer.execute(code, wait=False) for _ in range(PIPELINE) for peer in (kernel.peer, other)
    ]
    kernel.peer.wait_for(lambda: all(one.replies for one in asked), kernel.patience * 3)
    kernel.peer.quiet()
    other.quiet()
    counts = [len(one.replies) for one in asked]
    if counts != [1] * len(asked):
        wrong = next(one for one in asked if len(one.replies) != 1)
        got = f"{counts.count(0)} without a reply, {sum(n > 1 for n in counts)} with several"
        return failed("one reply each", got, wrong)
    return passed()


@check(
    "SHELL-15.11",
    "a hundred cells sent at once are answered in order, and counted in order",
    snippets=("nothing", "print"),
    slow=True,
)
def order(kernel: Testee) -> Outcome:
    must_run(kernel)
    moving_count(kernel)
    code = kernel.snippet("nothing")
    asked = [kernel.peer.execute(code, wait=False) for _ in range(PIPELINE)]
    kernel.peer.wait_for(lambda: all(one.replies for one in asked), kernel.patience * 3)
    replies = [one.reply for one in asked if one.reply is not None]
    if len(replies) < len(asked):
        return skipped("not all of the cells were answered (SHELL-14)")
    places = [one.index for one in replies]
    if places != sorted(places):
        return failed("the order of the requests", "another one", asked[0], asked[-1])
    counts = [one.content.get("execution_count") for one in replies]
    first = counts[0]
    if isinstance(first, int) and counts != list(range(first, first + PIPELINE)):
        return failed(f"{PIPELINE} numbers in a row", repr(counts)[:200], asked[0], asked[-1])
    return passed()


@check(
    "SHELL-14.12",
    "requests of all types sent at once get one reply each",
    snippets=("nothing", "print"),
)
def mixed(kernel: Testee) -> Outcome:
    must_run(kernel)
    contents: dict[str, Object] = {
        "execute_request": {"code": kernel.snippet("nothing"), "silent": False},
        "kernel_info_request": {},
        "complete_request": {"code": "a", "cursor_pos": 1},
        "inspect_request": {"code": "a", "cursor_pos": 1, "detail_level": 0},
        "is_complete_request": {"code": "1"},
        "comm_info_request": {},
    }
    # What is not answered once need not be answered among others (SHELL-02).
    first = asked_at_once(kernel, contents)
    served = [one for one, response in first.items() if response.replies]
    asked = [kernel.peer.send(one, contents[one]) for _ in range(10) for one in served]
    kernel.peer.wait_for(lambda: all(one.replies for one in asked), kernel.patience * 2)
    kernel.peer.quiet()
    for one in asked:
        if len(one.replies) != 1:
            return failed("one reply", f"{len(one.replies)} replies", one)
    return passed()


@check(
    "SHELL-14.13",
    "a cell that fails gets one reply",
    snippets=("error",),
    mistake="Both the handler and what guards it reply.",
)
def failing(kernel: Testee) -> Outcome:
    code = kernel.snippet("error", text="assay")
    asked = [kernel.peer.execute(code, stop_on_error=False) for _ in range(3)]
    kernel.peer.quiet()
    for one in asked:
        one.replied()
        if len(one.replies) != 1:
            return failed("one reply", f"{len(one.replies)} replies", one)
    return passed()


@check(
    "SHELL-15.12",
    "cells sent at once with questions among them are answered in order",
    snippets=("nothing", "print", "sleep"),
    slow=True,
    mistake="Questions take the places of cells in the queue.",
)
def mixed_order(kernel: Testee) -> Outcome:
    must_run(kernel)
    peer = kernel.peer
    asked = [peer.execute(kernel.snippet("sleep", seconds=1), wait=False)]
    for _ in range(5):
        asked.append(peer.execute(kernel.snippet("nothing"), wait=False))
        asked.append(peer.send("kernel_info_request"))
    peer.wait_for(lambda: all(one.replies for one in asked), kernel.patience * 2)
    replies = [one.reply for one in asked if one.reply is not None]
    if len(replies) < len(asked):
        return skipped("not all requests were answered (SHELL-14)")
    cells = [one.index for one in replies if one.msg_type == "execute_reply"]
    got = ", ".join(one.msg_type for one in sorted(replies, key=lambda one: one.index))
    if cells != sorted(cells):
        return failed("the order of the cells", got, *asked)
    places = [one.index for one in replies]
    if places != sorted(places):
        return note("questions are answered while code runs (AMB-74)", got=got, evidence=asked)
    return passed()
