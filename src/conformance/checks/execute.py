"""Running code (spec/chapters/execute.md): namespace, counter, results and errors."""

from __future__ import annotations

from assay.conformance._check import check
from assay.conformance._outcome import Outcome, Skip, failed, note, passed
from assay.conformance._response import Response
from assay.conformance._testee import Testee
from assay.conformance.checks._cells import (
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
    printed,
    stored_count,
)
from assay.conformance.checks._shape import INTEGER, misfit

__all__: list[str] = []

OWN_NAMES = ("kernel", "session", "message", "content", "parent", "header", "socket", "shell")
"""Names that a kernel may use for its own things."""


# The user's namespace


@check(
    "EXEC-01.1",
    "a name that one cell defines is known to the next",
    snippets=("define", "print_name"),
    mistake="Each request is run in a namespace of its own.",
)
def names_stay(kernel: Testee) -> Outcome:
    name = new_name()
    kernel.peer.execute(kernel.snippet("define", name=name, number=NUMBER)).succeeded()
    cell = kernel.peer.execute(kernel.snippet("print_name", name=name))
    if str(NUMBER) not in cell.text():
        return failed(f"{NUMBER} printed", f"status {cell.status!r}, {cell.text()!r}", cell)
    return passed()


@check(
    "EXEC-01.2",
    "all lines of a cell are run",
    snippets=("print",),
    mistake="The code is given to a function that takes one statement.",
)
def all_lines(kernel: Testee) -> Outcome:
    texts = ("first", "second", "third")
    cell = kernel.peer.execute(lines(*(kernel.snippet("print", text=one) for one in texts)))
    if cell.status != "ok" or not all(one in cell.text() for one in texts):
        return failed(
            "status ok, and first, second and third printed",
            f"status {cell.status!r}, {cell.text()!r}",
            cell,
        )
    return passed()


@check(
    "EXEC-01.3",
    "user code may use names that a kernel has for its own things",
    fresh=True,
    snippets=("define", "print_name", "print"),
    mistake="The kernel runs user code in the namespace of its own module.",
)
def names_are_separate(kernel: Testee) -> Outcome:
    must_run(kernel)
    for name in OWN_NAMES:
        kernel.peer.execute(kernel.snippet("define", name=name, number=NUMBER))
    if (wrong := not_alive(kernel)) is not None:
        return wrong
    cell = kernel.peer.execute(kernel.snippet("print", text="alive"))
    return printed(cell, "alive", "the next cell")


# Silent requests


@check(
    "EXEC-02.1",
    "a request without silent publishes execute_input",
    snippets=("print",),
    mistake="A missing boolean is read as true.",
)
def silent_is_false(kernel: Testee) -> Outcome:
    cell = kernel.peer.ask(execution(kernel.peer, kernel.snippet("print", text="assay")))
    cell.succeeded()
    if not cell.of_type("execute_input"):
        return failed("an execute_input", "none", cell)
    return passed()


@check("EXEC-02.2", "a request without silent moves the counter", snippets=("nothing",))
def silent_is_false_for_the_counter(kernel: Testee) -> Outcome:
    before = moving_count(kernel)
    cell = kernel.peer.ask(
        execution(kernel.peer, kernel.snippet("nothing"), store_history=True),
    )
    return has_count(cell, before + 1)


@check(
    "EXEC-03.1",
    "a silent request does not move the counter, although store_history is true",
    snippets=("nothing",),
    mistake="store_history is looked at alone.",
)
def silent_is_not_stored(kernel: Testee) -> Outcome:
    before = exact_count(kernel)
    code = kernel.snippet("nothing")
    silent = kernel.peer.execute(code, silent=True, store_history=True)
    silent.succeeded()
    return has_count(kernel.peer.execute(code), before + 1, silent)


def _is_quiet(kernel: Testee, code: str, *types: str) -> Outcome:
    """Say whether *code*, which publishes messages of *types*, publishes none when silent."""
    response = kernel.peer.execute(code)
    response.succeeded()
    if not any(response.of_type(one) for one in types):
        raise Skip(f"the code publishes no {types[0]} when it is not silent")
    silent = kernel.peer.execute(code, silent=True, store_history=False)
    silent.replied()
    if not kernel.peer.quiet():
        return failed("an answer to the next request", "none", silent)
    published = [one.msg_type for one in silent.published if one.msg_type in types]
    if published:
        return failed(f"no {' or '.join(types)}", f"{', '.join(published)}", silent)
    return passed()


@check(
    "EXEC-04.1",
    "a silent request publishes no execute_result",
    snippets=("result",),
    mistake="The result is displayed by a hook that knows nothing of silent.",
)
def silent_result(kernel: Testee) -> Outcome:
    return _is_quiet(kernel, kernel.snippet("result", number=NUMBER), "execute_result")


@check(
    "EXEC-04.2",
    "a silent request publishes no stream",
    snippets=("print",),
    mistake="silent only switches off the result.",
)
def silent_streams(kernel: Testee) -> Outcome:
    return _is_quiet(kernel, kernel.snippet("print", text="assay"), "stream")


@check(
    "EXEC-04.3",
    "a silent request publishes no display_data",
    snippets=("display",),
    mistake="silent only switches off the result.",
)
def silent_displays(kernel: Testee) -> Outcome:
    return _is_quiet(kernel, kernel.snippet("display", text="assay"), "display_data")


@check("EXEC-04.4", "what a silent request that fails publishes", snippets=("error",))
def silent_errors(kernel: Testee) -> Outcome:
    code = kernel.snippet("error", text="assay")
    if not kernel.peer.execute(code).of_type("error"):
        raise Skip("the code publishes no error when it is not silent")
    silent = kernel.peer.execute(code, silent=True, store_history=False, stop_on_error=False)
    silent.replied()
    if not silent.of_type("error"):
        return passed()
    return note(
        "the error of silent code is published; whether it is output is left open (AMB-08)",
        evidence=(silent,),
    )


# The counter


@check(
    "EXEC-05.1",
    "a request without store_history moves the counter",
    snippets=("nothing",),
    mistake="A missing boolean is read as false.",
)
def stored_by_default(kernel: Testee) -> Outcome:
    before = moving_count(kernel)
    cell = kernel.peer.ask(execution(kernel.peer, kernel.snippet("nothing"), silent=False))
    return has_count(cell, before + 1)


@check(
    "EXEC-05.2",
    "a silent request without store_history does not move the counter",
    snippets=("nothing",),
    mistake="A missing store_history is true, also for what is silent.",
)
def silent_by_default_not_stored(kernel: Testee) -> Outcome:
    before = exact_count(kernel)
    code = kernel.snippet("nothing")
    silent = kernel.peer.ask(execution(kernel.peer, code, silent=True))
    silent.succeeded()
    return has_count(kernel.peer.execute(code), before + 1, silent)


@check(
    "EXEC-06.1",
    "each of three stored cells has the next number",
    snippets=("nothing",),
)
def counter_grows(kernel: Testee) -> Outcome:
    found = [stored_count(kernel) for _ in range(3)]
    if found != [found[0], found[0] + 1, found[0] + 2]:
        return failed("three numbers in a row", f"{found}")
    return passed()


@check(
    "EXEC-06.2",
    "cells that are not stored do not move the counter",
    snippets=("nothing",),
    mistake="The counter moves with every cell that is not silent, whether it is stored or not.",
)
def unstored_do_not_count(kernel: Testee) -> Outcome:
    before = moving_count(kernel)
    code = kernel.snippet("nothing")
    unstored = [kernel.peer.execute(code, store_history=False) for _ in range(2)]
    for one in unstored:
        one.succeeded()
    return has_count(kernel.peer.execute(code), before + 1, *unstored)


@check(
    "EXEC-06.3",
    "a stored cell that fails counts",
    snippets=("nothing", "error"),
    mistake="The counter is moved behind the code, which an exception leaves out.",
)
def failures_count(kernel: Testee) -> Outcome:
    before = moving_count(kernel)
    wrong = kernel.peer.execute(kernel.snippet("error", text="assay"), stop_on_error=False)
    if wrong.replied().status != "error":
        raise Skip("the code does not fail")
    return has_count(kernel.peer.execute(kernel.snippet("nothing")), before + 2, wrong)


@check(
    "EXEC-06.4",
    "the cells of two clients move one counter",
    snippets=("nothing",),
    mistake="Each session has a counter of its own.",
)
def one_counter_for_all(kernel: Testee) -> Outcome:
    other = kernel.connect("two")
    before = moving_count(kernel)
    found = stored_count(kernel, other)
    if found != before + 1:
        return failed(f"execution_count {before + 1} for the second client", f"{found}")
    return passed()


@check(
    "EXEC-06.5",
    "a kernel_info_request does not move the counter",
    snippets=("nothing",),
    also=("INFO-11",),
)
def questions_do_not_count(kernel: Testee) -> Outcome:
    before = moving_count(kernel)
    kernel.peer.ask("kernel_info_request").succeeded()
    return has_count(kernel.peer.execute(kernel.snippet("nothing")), before + 1)


@check(
    "EXEC-07.1",
    "execute_input and execute_reply have the same execution_count",
    snippets=("nothing",),
    mistake="The counter is moved between the two.",
)
def counts_agree(kernel: Testee) -> Outcome:
    return _counts_agree(kernel.peer.execute(kernel.snippet("nothing")))


@check(
    "EXEC-07.2",
    "execute_input and execute_reply of a failing cell have the same execution_count",
    snippets=("error",),
)
def counts_of_errors_agree(kernel: Testee) -> Outcome:
    code = kernel.snippet("error", text="assay")
    cell = kernel.peer.execute(code, stop_on_error=False)
    if cell.replied().status != "error":
        raise Skip("the code does not fail")
    return _counts_agree(cell)


def _counts_agree(cell: Response) -> Outcome:
    reply = cell.replied()
    inputs = cell.of_type("execute_input")
    if not inputs:
        raise Skip("no execute_input was published (EXEC-18)")
    for one in (reply, inputs[0]):
        if (wrong := misfit(one.content, {"execution_count": INTEGER})) is not None:
            return failed(f"{wrong[0]} of the {one.msg_type}", wrong[1], one)
    if count_of(reply) != count_of(inputs[0]):
        return failed(
            f"execution_count {count_of(inputs[0])}, as in execute_input",
            f"{count_of(reply)} in execute_reply",
            cell,
        )
    return passed()


@check(
    "EXEC-08.1",
    "a cell that is not stored has the number of the last stored one",
    snippets=("nothing",),
)
def unstored_count(kernel: Testee) -> Outcome:
    last = stored_count(kernel)
    cell = kernel.peer.execute(kernel.snippet("nothing"), store_history=False)
    found = count_of(cell.succeeded())
    if found == last:
        return passed()
    if found == last + 1 == stored_count(kernel):
        return note(
            "the number that the next stored cell will have; which of the two is current is left "
            "open (AMB-07)",
            expected=f"execution_count {last}",
            got=f"{found}",
            evidence=(cell,),
        )
    return failed(f"execution_count {last}", f"{found}", cell)


@check(
    "EXEC-08.2",
    "execute_input and execute_reply of a cell that is not stored have the same number",
    snippets=("nothing",),
)
def unstored_counts_agree(kernel: Testee) -> Outcome:
    cell = kernel.peer.execute(kernel.snippet("nothing"), store_history=False)
    inputs = cell.of_type("execute_input")
    if not inputs:
        raise Skip("no execute_input was published")
    reply = cell.succeeded()
    if count_of(reply) != count_of(inputs[0]):
        return note(
            "one request has two numbers; which one is current is left open (AMB-07)",
            expected=f"{count_of(inputs[0])} in both",
            got=f"{count_of(reply)} in execute_reply",
            evidence=(cell,),
        )
    return passed()
