"""The queue of cells (spec/chapters/execute.md): stop_on_error, with one client and with two."""

from __future__ import annotations

from assay.conformance._arrival import Object
from assay.conformance._check import check
from assay.conformance._outcome import Outcome, Skip, failed, note, passed
from assay.conformance._peer import Peer
from assay.conformance._response import Response
from assay.conformance._testee import Testee
from assay.conformance.checks._cells import (
    DEFAULTS,
    count_of,
    execution,
    moving_count,
    must_run,
    printed,
)

__all__: list[str] = []

LEAD_S = 1
"""The first cell sleeps so long that all that is sent behind it has arrived when it ends."""

SNIPPETS = ("sleep", "error", "print", "nothing")


def _lead(kernel: Testee) -> Response:
    """Send a cell that keeps the kernel busy while the queue behind it fills.

    Raises:
        Skip: the kernel runs no good cell.
    """
    must_run(kernel)
    return kernel.peer.execute(kernel.snippet("sleep", seconds=LEAD_S), wait=False)


def _failing(kernel: Testee, **content: object) -> Response:
    code = kernel.snippet("error", text="assay")
    fields = {"silent": False, "store_history": True, "stop_on_error": True, **content}
    return kernel.peer.send(execution(kernel.peer, code, **fields))


def _good(kernel: Testee, peer: Peer | None = None) -> Response:
    code = kernel.snippet("print", text="behind")
    return (peer or kernel.peer).execute(code, wait=False)


def _finish(kernel: Testee, *cells: Response) -> None:
    """Wait until all *cells* are answered, or will not be any more."""
    kernel.peer.wait_for(lambda: all(one.done for one in cells), kernel.patience + LEAD_S)
    kernel.peer.quiet()


def _has_failed(cell: Response) -> None:
    if cell.replied().status != "error":
        raise Skip("the code does not fail")


def _has_run(cell: Response, before: Response, what: str = "both cells behind it") -> Outcome:
    """Say whether *cell* was not aborted.

    Raises:
        Skip: it was begun and has succeeded, and its output is missing: that is for EXEC-31.
    """
    outcome = printed(cell, "behind", what, before, cell)
    if outcome != passed() and cell.status == "ok" and cell.of_type("execute_input"):
        raise Skip("the output of a cell that succeeded is missing (EXEC-31)")
    return outcome


def _did_run(cell: Response) -> bool:
    return "behind" in cell.text() or cell.status == "ok"


@check(
    "EXEC-20.1",
    "cells that wait behind a cell that fails do not run",
    snippets=SNIPPETS,
    slow=True,
    mistake="Requests are taken one by one from the socket, and there is no queue to abort.",
)
def failure_aborts(kernel: Testee) -> Outcome:
    lead = _lead(kernel)
    cell = _failing(kernel)
    behind = [_good(kernel) for _ in range(3)]
    _finish(kernel, lead, cell, *behind)
    _has_failed(cell)
    for one in behind:
        if _did_run(one):
            return failed("no cell behind the failing one to run", "one that ran", cell, one)
    return passed()


@check(
    "EXEC-20.2",
    "a missing stop_on_error is true: cells behind a cell that fails do not run",
    snippets=SNIPPETS,
    slow=True,
    also=("EXEC-28",),
    mistake="A missing boolean is read as false.",
)
def failure_aborts_by_default(kernel: Testee) -> Outcome:
    lead = _lead(kernel)
    code = kernel.snippet("error", text="assay")
    fields = {name: value for name, value in DEFAULTS.items() if name != "stop_on_error"}
    cell = kernel.peer.send(execution(kernel.peer, code, **fields))
    behind = _good(kernel)
    _finish(kernel, lead, cell, behind)
    _has_failed(cell)
    if _did_run(behind):
        return failed("the cell behind the failing one not to run", "it ran", cell, behind)
    return passed()


@check(
    "EXEC-21.1",
    "each aborted cell is answered, with status error and the count of the failing one",
    snippets=SNIPPETS,
    slow=True,
    also=("EXEC-16", "SHELL-12"),
    mistake="What is aborted is dropped, and its client waits for ever.",
)
def aborted_are_answered(kernel: Testee) -> Outcome:
    lead = _lead(kernel)
    cell = _failing(kernel)
    behind = [_good(kernel) for _ in range(2)]
    _finish(kernel, lead, cell, *behind)
    _has_failed(cell)
    if any("behind" in one.text() for one in behind):
        raise Skip("the cells are not aborted (EXEC-20)")
    return _are_aborted(cell, behind)


def _are_aborted(cell: Response, behind: list[Response]) -> Outcome:
    for one in behind:
        if one.reply is None:
            return failed("an execute_reply", "none", cell, one)
        if one.status in {"aborted", "abort"}:
            return note(
                f"the reply has the deprecated status {one.status!r} (AMB-01, SHELL-12)",
                expected="status error, with execution_count",
                got=f"status {one.status!r}, {_count_shown(one)}",
                evidence=(cell, one),
            )
        if one.status != "error":
            return failed("status error", f"status {one.status!r}", cell, one)
        if count_of(one.replied()) != count_of(cell.replied()):
            wanted = f"execution_count {count_of(cell.replied())}"
            return failed(wanted, f"{count_of(one.replied())}", cell, one)
    return passed()


def _count_shown(cell: Response) -> str:
    found = cell.replied().content.get("execution_count")
    return "no execution_count" if found is None else f"execution_count {found!r}"


@check(
    "EXEC-21.2",
    "aborted cells do not move the counter",
    snippets=SNIPPETS,
    slow=True,
)
def aborted_do_not_count(kernel: Testee) -> Outcome:
    moving_count(kernel)
    lead = _lead(kernel)
    cell = _failing(kernel)
    behind = [_good(kernel) for _ in range(2)]
    _finish(kernel, lead, cell, *behind)
    _has_failed(cell)
    if any(_did_run(one) for one in behind):
        raise Skip("the cells are not aborted (EXEC-20)")
    following = kernel.peer.execute(kernel.snippet("nothing"))
    wanted, found = count_of(cell.replied()) + 1, count_of(following.succeeded())
    if found != wanted:
        return failed(f"execution_count {wanted} after them", f"{found}", cell, following)
    return passed()


@check(
    "EXEC-22.1",
    "cells behind a cell that fails with stop_on_error false run",
    snippets=SNIPPETS,
    slow=True,
    mistake="stop_on_error is not looked at.",
)
def false_goes_on(kernel: Testee) -> Outcome:
    lead = _lead(kernel)
    cell = _failing(kernel, stop_on_error=False)
    behind = [_good(kernel) for _ in range(2)]
    _finish(kernel, lead, cell, *behind)
    _has_failed(cell)
    for one in behind:
        outcome = _has_run(one, cell)
        if outcome != passed():
            return outcome
    return passed()


@check(
    "EXEC-23.1",
    "a kernel_info_request that waits behind a cell that fails is answered as usual",
    snippets=SNIPPETS,
    slow=True,
    mistake="The whole queue is aborted, whatever is in it.",
)
def questions_are_not_aborted(kernel: Testee) -> Outcome:
    return _is_not_aborted(kernel, "kernel_info_request", {})


def _is_not_aborted(kernel: Testee, msg_type: str, content: Object) -> Outcome:
    lead = _lead(kernel)
    cell = _failing(kernel)
    asked = kernel.peer.send(msg_type, content)
    _finish(kernel, lead, cell, asked)
    _has_failed(cell)
    if asked.status != "ok":
        return failed("status ok", asked.answer, cell, asked)
    return passed()


@check(
    "EXEC-23.2",
    "a complete_request that waits behind a cell that fails is answered as usual",
    snippets=SNIPPETS,
    slow=True,
)
def completion_is_not_aborted(kernel: Testee) -> Outcome:
    content = {"code": "", "cursor_pos": 0}
    kernel.peer.ask("complete_request", content).succeeded()
    return _is_not_aborted(kernel, "complete_request", content)


@check(
    "EXEC-24.1",
    "a cell that is sent after the error reply has come runs",
    snippets=("error", "print"),
    mistake="After a failure everything is aborted for some time, to catch late messages.",
)
def later_cells_run(kernel: Testee) -> Outcome:
    must_run(kernel)
    for _ in range(5):
        cell = _failing(kernel)
        kernel.peer.wait_for(lambda: cell.replies)  # noqa: B023 - called before the next round
        _has_failed(cell)
        following = _good(kernel)
        _finish(kernel, cell, following)
        outcome = _has_run(following, cell, "the cell")
        if outcome != passed():
            return outcome
    return passed()


@check(
    "EXEC-25.1",
    "what becomes of another client's cell that waits behind a cell that fails",
    snippets=SNIPPETS,
    slow=True,
)
def other_clients(kernel: Testee) -> Outcome:
    other = kernel.connect("two")
    if not kernel.reaches(other):
        raise Skip("the second client receives nothing on IOPub")
    lead = _lead(kernel)
    # The second client's cell is behind the first's only if that has been received before.
    if not kernel.peer.wait_for(lambda: lead.busy):
        raise Skip("nothing on IOPub shows that the first cell runs")
    cell = _failing(kernel)
    behind = _good(kernel, other)
    _finish(kernel, lead, cell)
    other.wait_for(lambda: behind.replies)
    other.quiet()
    _has_failed(cell)
    if behind.reply is None:
        return failed("an execute_reply to the second client", "none", cell, behind)
    what = "is run" if _did_run(behind) else f"is aborted, with status {behind.status!r}"
    return note(f"the other client's cell {what}", evidence=(cell, behind))


@check(
    "EXEC-26.1",
    "a failing user expression does not abort the queue",
    snippets=(*SNIPPETS, "syntax_error"),
    slow=True,
    mistake="The error of an expression is handled as one of the code.",
)
def expressions_abort_nothing(kernel: Testee) -> Outcome:
    lead = _lead(kernel)
    cell = kernel.peer.execute(
        kernel.snippet("nothing"),
        user_expressions={"wrong": kernel.snippet("syntax_error")},
        wait=False,
    )
    behind = _good(kernel)
    _finish(kernel, lead, cell, behind)
    cell.succeeded()
    return printed(behind, "behind", "the cell behind it", cell, behind)


@check(
    "EXEC-26.2",
    "a cell that succeeds does not abort the queue",
    snippets=SNIPPETS,
    slow=True,
)
def success_aborts_nothing(kernel: Testee) -> Outcome:
    lead = _lead(kernel)
    behind = [_good(kernel) for _ in range(2)]
    _finish(kernel, lead, *behind)
    lead.succeeded()
    for one in behind:
        outcome = _has_run(one, lead)
        if outcome != passed():
            return outcome
    return passed()
