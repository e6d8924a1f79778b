"""Is this code complete? (spec/chapters/is_complete.md)"""

from __future__ import annotations

from assay.conformance._arrival import Arrival
from assay.conformance._check import check
from assay.conformance._outcome import Outcome, Skip, failed, note, passed
from assay.conformance._response import Response
from assay.conformance._testee import Testee
from assay.conformance.checks._cells import has_count, moving_count

__all__: list[str] = []

STATES = ("complete", "incomplete", "invalid", "unknown")


def _judge(kernel: Testee, code: str) -> Response:
    return kernel.peer.ask("is_complete_request", {"code": code})


def _state(cell: Response) -> str:
    """Return the status of the reply.

    Raises:
        Skip: there is no reply, or it has another status; ISCOMPLETE-01.1 judges that.
    """
    state = cell.replied().status
    if state not in STATES:
        raise Skip(f"the status is {state!r}")
    return str(state)


@check(
    "ISCOMPLETE-01.1",
    "the status is complete, incomplete, invalid or unknown, whatever the code",
    mistake="The reply has status ok, as others have.",
)
def one_of_four(kernel: Testee) -> Outcome:
    for code in ("", "1", "(", ")", "a b c", "\U0001f600", "\n\n", '"'):
        cell = _judge(kernel, code)
        if cell.replied().status == "error":
            kernel.peer.ask("kernel_info_request").succeeded()
        if cell.status not in STATES:
            return failed("one of the four", repr(cell.status), cell)
    return passed()


def _is_judged(kernel: Testee, snippet: str, *wanted: str) -> Outcome:
    cell = _judge(kernel, kernel.snippet(snippet))
    state = _state(cell)
    if state == "unknown":
        return note("the kernel says that it cannot tell (ISCOMPLETE-06)", evidence=(cell,))
    if state not in wanted:
        return failed(" or ".join(wanted), state, cell)
    return passed()


@check("ISCOMPLETE-01.2", "complete code is complete", snippets=("complete",))
def complete_code(kernel: Testee) -> Outcome:
    return _is_judged(kernel, "complete", "complete")


@check("ISCOMPLETE-01.3", "incomplete code is incomplete", snippets=("incomplete",))
def incomplete_code(kernel: Testee) -> Outcome:
    return _is_judged(kernel, "incomplete", "incomplete")


@check(
    "ISCOMPLETE-01.4",
    "invalid code is invalid",
    snippets=("invalid",),
    mistake="All that does not parse is called incomplete.",
)
def invalid_code(kernel: Testee) -> Outcome:
    return _is_judged(kernel, "invalid", "invalid")


def _incomplete(kernel: Testee) -> Arrival:
    cell = _judge(kernel, kernel.snippet("incomplete"))
    if _state(cell) != "incomplete":
        raise Skip("the kernel does not call incomplete code so")
    return cell.replied()


@check(
    "ISCOMPLETE-02.1",
    "the reply for incomplete code has text under indent",
    snippets=("incomplete",),
)
def indent(kernel: Testee) -> Outcome:
    reply = _incomplete(kernel)
    if not isinstance(reply.content.get("indent"), str):
        return failed("text under 'indent'", repr(reply.content.get("indent")), reply)
    return passed()


@check(
    "ISCOMPLETE-03.1",
    "a reply of another status than incomplete has no indent",
    snippets=("complete", "invalid"),
    mistake="The field is always sent, and empty.",
)
def no_indent(kernel: Testee) -> Outcome:
    for snippet in ("complete", "invalid"):
        cell = _judge(kernel, kernel.snippet(snippet))
        if cell.replied().status != "incomplete" and "indent" in cell.replied().content:
            return failed("no indent", repr(cell.replied().content["indent"]), cell)
    return passed()


@check(
    "ISCOMPLETE-04.1",
    "code is judged without being run: it prints nothing",
    snippets=("print",),
)
def not_run(kernel: Testee) -> Outcome:
    cell = _judge(kernel, kernel.snippet("print", text="assay"))
    _state(cell)
    if not kernel.peer.quiet():
        return failed("an answer to the next request", "none", cell)
    others = [one for one in cell.types if not one.startswith("status:")]
    return failed("busy and idle", ", ".join(others), cell) if others else passed()


@check("ISCOMPLETE-04.2", "judging code does not move the counter", snippets=("nothing",))
def does_not_count(kernel: Testee) -> Outcome:
    before = moving_count(kernel)
    _state(_judge(kernel, kernel.snippet("nothing")))
    return has_count(kernel.peer.execute(kernel.snippet("nothing")), before + 1)


@check(
    "ISCOMPLETE-04.3",
    "judging code defines no name",
    snippets=("define", "print_name", "syntax_error"),
)
def defines_nothing(kernel: Testee) -> Outcome:
    kernel.peer.execute(kernel.snippet("define", name="assayjudged", number=40917)).succeeded()
    _state(_judge(kernel, kernel.snippet("define", name="assayjudged", number=51826)))
    cell = kernel.peer.execute(kernel.snippet("print_name", name="assayjudged"))
    cell.succeeded()
    if "51826" in cell.text():
        return failed("40917 printed", repr(cell.text()), cell)
    return passed()


@check("ISCOMPLETE-06.1", "whether the kernel answers unknown", snippets=("complete", "incomplete"))
def unknown(kernel: Testee) -> Outcome:
    for snippet in ("complete", "incomplete"):
        cell = _judge(kernel, kernel.snippet(snippet))
        if _state(cell) == "unknown":
            return note("it does", evidence=(cell,))
    return passed()
