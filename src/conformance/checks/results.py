"""Running code (spec/chapters/execute.md): results, errors, and fields that are missing."""

from __future__ import annotations

from assay.conformance._check import check
from assay.conformance._draft import ABSENT
from assay.conformance._outcome import Outcome, Skip, failed, note, passed
from assay.conformance._response import Response
from assay.conformance._testee import Testee
from assay.conformance.checks._cells import (
    DEFAULTS,
    NUMBER,
    count_of,
    exact_count,
    execution,
    has_count,
    lines,
    moving_count,
    must_run,
    new_name,
    not_alive,
    plain_text,
)

__all__: list[str] = []

INTERRUPTED_S = 600
"""How long the code runs that is interrupted: longer than any patience."""


# Results and errors


@check("EXEC-16.1", "a cell that fails gets a reply", snippets=("error", "nothing"))
def reply_to_errors(kernel: Testee) -> Outcome:
    return _is_answered(kernel, kernel.snippet("error", text="assay"))


def _is_answered(kernel: Testee, code: str) -> Outcome:
    cell = kernel.peer.execute(code)
    if cell.reply is None:
        return failed("an execute_reply", "none", cell)
    kernel.peer.execute(kernel.snippet("nothing")).succeeded()
    return passed()


@check("EXEC-16.2", "code that is no code gets a reply", snippets=("syntax_error", "nothing"))
def reply_to_syntax_errors(kernel: Testee) -> Outcome:
    return _is_answered(kernel, kernel.snippet("syntax_error"))


@check(
    "EXEC-16.3",
    "an execute_request without code gets a reply",
    snippets=("nothing",),
    also=("WIRE-19",),
    mistake="A missing key raises in the handler before anything is sent.",
)
def reply_without_code(kernel: Testee) -> Outcome:
    kernel.peer.execute(kernel.snippet("nothing")).succeeded()
    cell = kernel.peer.send(kernel.peer.draft("execute_request", {"silent": False}).unjudged())
    kernel.peer.finish(cell)
    if (wrong := not_alive(kernel)) is not None:
        return wrong
    if cell.reply is None:
        return note(
            "there is no reply; the text says nothing about malformed requests (AMB-67)",
            expected="an execute_reply",
            got="none",
            evidence=(cell,),
        )
    return passed()


@check(
    "EXEC-17.1",
    "a cell that raises is answered with status error",
    snippets=("error", "nothing"),
    mistake="The handler always returns ok, and the error is only printed.",
)
def errors_are_reported(kernel: Testee) -> Outcome:
    kernel.peer.execute(kernel.snippet("nothing")).succeeded()
    cell = kernel.peer.execute(kernel.snippet("error", text="assay"))
    if cell.replied().status != "error":
        return failed("status error", f"status {cell.status!r}", cell)
    return passed()


@check(
    "EXEC-17.2",
    "a cell that raises publishes one error",
    snippets=("error", "nothing"),
    mistake="The traceback is written to stderr and not published as error.",
)
def errors_are_published(kernel: Testee) -> Outcome:
    kernel.peer.execute(kernel.snippet("nothing")).succeeded()
    cell = kernel.peer.execute(kernel.snippet("error", text="assay"))
    kernel.peer.quiet()
    found = len(cell.of_type("error"))
    if found != 1:
        return failed("one error on IOPub", f"{found}", cell)
    return passed()


def _error_fields(kernel: Testee, *fields: str) -> Outcome:
    kernel.peer.execute(kernel.snippet("nothing")).succeeded()
    cell = kernel.peer.execute(kernel.snippet("error", text="assay"))
    reply = cell.replied()
    errors = cell.of_type("error")
    if not errors or reply.status != "error":
        raise Skip("there is no error to compare with the reply (EXEC-17.1, EXEC-17.2)")
    for key in fields:
        here, there = errors[0].content.get(key), reply.content.get(key)
        if here != there:
            return failed(f"{key} {here!r} in the reply, as in the error", f"{there!r}", cell)
    return passed()


@check(
    "EXEC-17.3",
    "the reply to a cell that raises has the ename and evalue of the error on IOPub",
    snippets=("error", "nothing"),
)
def error_names_agree(kernel: Testee) -> Outcome:
    return _error_fields(kernel, "ename", "evalue")


@check(
    "EXEC-17.4",
    "the reply to a cell that raises has the traceback of the error on IOPub",
    snippets=("error", "nothing"),
    mistake="The traceback of the reply is shortened or left empty.",
)
def error_tracebacks_agree(kernel: Testee) -> Outcome:
    return _error_fields(kernel, "traceback")


@check(
    "EXEC-18.1",
    "busy and execute_input are the first messages of a cell that prints",
    snippets=("print",),
    mistake="The input is published when the code has run, or not at all.",
)
def input_comes_first(kernel: Testee) -> Outcome:
    cell = kernel.peer.execute(kernel.snippet("print", text="assay"))
    cell.succeeded()
    if cell.types[:2] != ("status:busy", "execute_input"):
        return failed("busy and execute_input first", ", ".join(cell.types) or "nothing", cell)
    return passed()


@check(
    "EXEC-19.1",
    "a cell that ends in a value publishes an execute_result with it",
    snippets=("result",),
    mistake="The value is written to stdout or displayed, as in a terminal.",
)
def result_is_published(kernel: Testee) -> Outcome:
    cell = kernel.peer.execute(kernel.snippet("result", number=NUMBER))
    cell.succeeded()
    results = cell.of_type("execute_result")
    if not results:
        return failed("an execute_result", ", ".join(cell.types) or "nothing", cell)
    if str(NUMBER) not in plain_text(results[0]):
        return failed(f"{NUMBER} in text/plain", f"{plain_text(results[0])!r}", cell)
    return passed()


@check(
    "EXEC-19.2",
    "a cell without a value publishes no execute_result",
    snippets=("no_result",),
)
def no_result(kernel: Testee) -> Outcome:
    cell = kernel.peer.execute(kernel.snippet("no_result"))
    cell.succeeded()
    return _has_no_result(kernel, cell)


def _has_no_result(kernel: Testee, cell: Response) -> Outcome:
    if not kernel.peer.quiet():
        return failed("an answer to the next request", "none", cell)
    if cell.of_type("execute_result"):
        return failed("no execute_result", "one", cell)
    return passed()


@check(
    "EXEC-32.1",
    "a cell that raises before its last value publishes no execute_result",
    snippets=("error", "result"),
)
def no_result_after_an_error(kernel: Testee) -> Outcome:
    code = lines(kernel.snippet("error", text="assay"), kernel.snippet("result", number=NUMBER))
    cell = kernel.peer.execute(code)
    if cell.replied().status != "error":
        raise Skip("the code does not fail")
    return _has_no_result(kernel, cell)


# Missing and former fields


@check(
    "EXEC-28.1",
    "a request that holds only code is run",
    snippets=("print",),
    mistake="Each field is read as if it had to be there.",
)
def only_code(kernel: Testee) -> Outcome:
    must_run(kernel)
    cell = kernel.peer.ask(execution(kernel.peer, kernel.snippet("print", text="assay")))
    if cell.status != "ok" or "assay" not in cell.text():
        return failed("status ok and its output", f"status {cell.status!r}, {cell.text()!r}", cell)
    return passed()


@check(
    "EXEC-28.2",
    "an execute_request may lack any one of its optional fields",
    snippets=("nothing",),
)
def one_field_missing(kernel: Testee) -> Outcome:
    code = kernel.snippet("nothing")
    whole = kernel.peer.execute(code)
    whole.succeeded()
    for key in whole.draft.content:
        if key == "code":
            continue
        assert isinstance(key, str)
        request = execution(
            kernel.peer,
            code,
            silent=False,
            store_history=True,
            user_expressions={},
            allow_stdin=False,
            stop_on_error=True,
        ).with_content(**{key: ABSENT})
        cell = kernel.peer.ask(request)
        if cell.status != "ok":
            return failed(f"status ok without {key}", f"status {cell.status!r}", cell)
    return passed()


@check(
    "EXEC-27.1",
    "a silent request with empty code is answered with status ok, and counts nothing",
)
def empty_silent_code(kernel: Testee) -> Outcome:
    kernel.peer.ask("kernel_info_request").succeeded()
    cells = [kernel.peer.execute("", silent=True, store_history=False) for _ in range(2)]
    for one in cells:
        if one.status != "ok":
            return failed("status ok", one.answer, one)
    first, second = (count_of(one.replied()) for one in cells)
    if first != second:
        exact_count(kernel)
        return failed(f"execution_count {first} again", f"{second}", *cells)
    return passed()


@check(
    "EXEC-29.1",
    "the former field user_variables is not acted on",
    snippets=("define", "raw_use"),
)
def user_variables(kernel: Testee) -> Outcome:
    name = new_name()
    code = kernel.snippet("define", name=name, number=NUMBER)
    kernel.peer.execute(code).succeeded()
    cell = kernel.peer.ask(execution(kernel.peer, code, **DEFAULTS, user_variables=[name]))
    if cell.status != "ok":
        return failed("status ok", f"status {cell.status!r}", cell)
    if "user_variables" in cell.replied().content:
        return failed("no user_variables in the reply", "some", cell)
    return passed()


# Interrupts and output


@check(
    "EXEC-30.1",
    "an interrupted cell gets a reply with status error, and the next cell the next number",
    process=True,
    snippets=("print_and_sleep", "print", "nothing"),
    slow=True,
    mistake="The interrupt ends the kernel's own loop, or lingers and ends the next cell too.",
)
def interrupted_cell(kernel: Testee) -> Outcome:
    before = moving_count(kernel)
    code = kernel.snippet("print_and_sleep", text="assay", seconds=INTERRUPTED_S)
    cell = kernel.peer.execute(code, wait=False)
    if not kernel.peer.wait_for(lambda: "assay" in cell.text()):
        raise Skip("what the cell prints before it sleeps does not come while it runs")
    kernel.own_process().interrupt()
    if not kernel.peer.wait_for(lambda: cell.replies):
        return failed("an execute_reply after the interrupt", "none", cell)
    given_up = cell.status in {"aborted", "abort"}
    if cell.status != "error" and not given_up:
        return failed("status error", f"status {cell.status!r}", cell)
    kernel.peer.finish(cell)
    following = kernel.peer.execute(kernel.snippet("print", text="behind"))
    if following.status != "ok":
        return failed("the next cell to succeed", f"status {following.status!r}", following)
    outcome = has_count(following, before + 2, cell)
    if outcome != passed() or not given_up:
        return outcome
    return note(
        "the text calls this the same as error, without information, and deprecated (SHELL-12)",
        expected="status error",
        got=f"status {cell.status!r}",
        evidence=(cell,),
    )
