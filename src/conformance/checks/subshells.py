"""Subshells (spec/chapters/subshells.md)."""

from __future__ import annotations

from assay.conformance._check import check
from assay.conformance._draft import Draft
from assay.conformance._outcome import Outcome, Skip, failed, note, passed
from assay.conformance._response import Response
from assay.conformance._testee import Testee
from assay.conformance.checks._cells import (
    NUMBER,
    count_of,
    execution,
    looping_code,
    must_have_asked,
    must_loop,
    must_run,
    new_name,
    not_alive,
    printed,
)
from assay.conformance.checks._questions import in_order
from assay.conformance.checks._shape import ERROR, TEXT, TEXTS, has_shape
from assay.conformance.checks._shutdown import must_serve_shutdown, shut_down
from assay.protocol import Channel

__all__: list[str] = []

CONTROL = Channel.CONTROL
FEATURE = "kernel subshells"

SLEEP_S = 2
"""Long enough that what does not wait for it is seen to come before its end."""

STAYS_S = 600
"""How long a cell sleeps that a shutdown has to end: longer than any patience."""


def _create(kernel: Testee) -> str:
    """Return the id of a new subshell.

    Raises:
        Skip: it is not made, or has no id.
    """
    response = kernel.peer.ask("create_subshell_request", channel=CONTROL)
    found = response.succeeded().content.get("subshell_id")
    if not isinstance(found, str):
        raise Skip("a new subshell has no id (SUBSHELL-02)")
    return found


def _listed(kernel: Testee) -> list[str]:
    response = kernel.peer.ask("list_subshell_request", channel=CONTROL)
    found = response.succeeded().content.get("subshell_id")
    if not isinstance(found, list):
        raise Skip("the list of subshells is no list (SUBSHELL-04)")
    return [str(one) for one in found]


def _cell(kernel: Testee, subshell: str, code: str, **content: object) -> Draft:
    fields = {"silent": False, "store_history": True, "allow_stdin": False, **content}
    return execution(kernel.peer, code, **fields).with_header(subshell_id=subshell)


def _run_in(kernel: Testee, subshell: str, code: str) -> Response:
    return kernel.peer.ask(_cell(kernel, subshell, code))


def _sleeper(kernel: Testee, subshell: str | None = None, *, seconds: float = SLEEP_S) -> Response:
    """Start a cell that sleeps for *seconds*, and return it when it runs.

    Raises:
        Skip: nothing shows that it runs.
    """
    code = kernel.snippet("sleep", seconds=seconds)
    draft = execution(kernel.peer, code, silent=False)
    if subshell is not None:
        draft = draft.with_header(subshell_id=subshell)
    cell = kernel.peer.send(draft)
    if not kernel.peer.wait_for(lambda: cell.busy):
        raise Skip("nothing on IOPub shows that a cell runs")
    return cell


def _let_end(kernel: Testee, cell: Response) -> None:
    """Wait for the end of *cell*: what has no reply when a check ends counts as unanswered."""
    kernel.peer.wait_for(lambda: cell.done, kernel.patience + SLEEP_S)


def _without_feature(kernel: Testee) -> None:
    if FEATURE in kernel.features:
        raise Skip("the kernel has subshells")


def _settle(kernel: Testee, *asked: Response) -> None:
    """Wait for the idle of each of *asked*: kernel_info may be answered ahead of them (CTRL-03)."""
    kernel.peer.wait_for(lambda: all(one.idle for one in asked), kernel.limits.grace)


@check("SUBSHELL-01.1", "a kernel that lists its subshells announces them")
def announced(kernel: Testee) -> Outcome:
    response = kernel.peer.send("list_subshell_request", channel=CONTROL)
    if not kernel.peer.quiet(CONTROL):
        return failed("an answer to the next request on control", "none", response)
    _settle(kernel, response)
    if response.status == "ok" and FEATURE not in kernel.features:
        return failed(f"{FEATURE!r} in supported_features", repr(kernel.features), response)
    if FEATURE not in kernel.features:
        raise Skip("the kernel has no subshells")
    response.succeeded()
    return passed()


@check("SUBSHELL-02.1", "each new subshell has an id of its own, as text", feature=FEATURE)
def ids_differ(kernel: Testee) -> Outcome:
    asked = [kernel.peer.ask("create_subshell_request", channel=CONTROL) for _ in range(2)]
    for one in asked:
        if one.status != "ok":
            return failed("a create_subshell_reply with status ok", one.answer, one)
        outcome = has_shape(one.replied(), {"subshell_id": TEXT})
        if outcome != passed():
            return outcome
    first, second = (one.replied().text("subshell_id") for one in asked)
    return passed() if first != second else failed("two ids", f"{first!r} twice", *asked)


@check(
    "SUBSHELL-02.2",
    "two subshells run cells while the main shell is busy",
    feature=FEATURE,
    snippets=("sleep", "print"),
    slow=True,
)
def run_beside_main(kernel: Testee) -> Outcome:
    names = _create(kernel), _create(kernel)
    cell = _sleeper(kernel)
    outcome = passed()
    for name in names:
        beside = _run_in(kernel, name, kernel.snippet("print", text=name))
        outcome = printed(beside, name, "the cell of a subshell", cell, beside)
        if outcome != passed() and beside.status == "ok" and not cell.replies:
            # It ran beside the main shell. The requirement does not say where its output goes.
            outcome = note(
                "the cell of a subshell succeeded in time, and its output is missing",
                expected="its output",
                got=repr(beside.text()) if beside.text() else "none",
                evidence=(cell, beside),
            )
        if outcome == passed() and cell.replies:
            want = "its reply before the main shell's cell ends"
            outcome = failed(want, "after it", cell, beside)
        if outcome != passed():
            break
    _let_end(kernel, cell)
    return outcome


@check("SUBSHELL-03.1", "a subshell that is deleted is not listed any more", feature=FEATURE)
def deleted(kernel: Testee) -> Outcome:
    name = _create(kernel)
    if name not in _listed(kernel):
        raise Skip("a new subshell is not listed (SUBSHELL-04)")
    response = kernel.peer.ask("delete_subshell_request", {"subshell_id": name}, channel=CONTROL)
    if response.status != "ok":
        return failed("status ok", response.answer, response)
    if name in _listed(kernel):
        return failed("a list without it", "it is there", response)
    return passed()


@check("SUBSHELL-04.1", "the list has all subshells, under subshell_id", feature=FEATURE)
def listed(kernel: Testee) -> Outcome:
    names = {_create(kernel), _create(kernel)}
    response = kernel.peer.ask("list_subshell_request", channel=CONTROL)
    reply = response.succeeded()
    outcome = has_shape(reply, {"subshell_id": TEXTS})
    if outcome != passed():
        return outcome
    found = reply.content["subshell_id"]
    assert isinstance(found, list)
    return passed() if names <= set(found) else failed(repr(sorted(names)), repr(found), response)


@check(
    "SUBSHELL-05.1",
    "the list of a fresh kernel is empty",
    fresh=True,
    feature=FEATURE,
    mistake="The main shell is listed too.",
)
def main_is_not_listed(kernel: Testee) -> Outcome:
    found = _listed(kernel)
    return failed("an empty list", repr(found)) if found else passed()


@check(
    "SUBSHELL-06.1",
    "a kernel without subshells sends no reply to requests about them",
    snippets=("print",),
)
def no_replies(kernel: Testee) -> Outcome:
    _without_feature(kernel)
    must_run(kernel)
    asked = [
        kernel.peer.send(kernel.peer.draft(f"{name}_subshell_request", content), channel=CONTROL)
        for name, content in (("create", {}), ("list", {}), ("delete", {"subshell_id": "assay"}))
    ]
    if not kernel.peer.quiet(CONTROL):
        return failed("an answer to the next request on control", "none", *asked)
    _settle(kernel, *asked)
    for one in asked:
        if one.replies:
            return failed("no reply", f"a {one.replies[0].msg_type}", one)
    return passed()


@check(
    "SUBSHELL-07.1",
    "a request to a subshell is answered while the main shell is busy",
    feature=FEATURE,
    snippets=("sleep",),
    slow=True,
    mistake="subshell_id is read from the content, or not at all.",
)
def routed(kernel: Testee) -> Outcome:
    name = _create(kernel)
    cell = _sleeper(kernel)
    draft = kernel.peer.draft("kernel_info_request").with_header(subshell_id=name)
    asked = kernel.peer.send(draft)
    kernel.peer.wait_for(lambda: asked.replies or cell.replies)
    if not asked.replies:
        return failed("its reply before the main shell's cell ends", "none", cell, asked)
    _let_end(kernel, cell)
    return passed()


@check("SUBSHELL-07.2", "a subshell_id of null is the main shell", feature=FEATURE)
def null_is_main(kernel: Testee) -> Outcome:
    asked = kernel.peer.ask(kernel.peer.draft("kernel_info_request").with_header(subshell_id=None))
    if asked.status != "ok":
        return failed("status ok", asked.answer, asked)
    return passed()


@check(
    "SUBSHELL-08.1",
    "a cell for a subshell that does not exist is not run",
    feature=FEATURE,
    snippets=("define", "print_name", "print"),
)
def unknown_is_not_run(kernel: Testee) -> Outcome:
    must_run(kernel)
    name = new_name()
    kernel.peer.execute(kernel.snippet("define", name=name, number=1)).succeeded()
    code = kernel.snippet("define", name=name, number=NUMBER)
    cell = kernel.peer.ask(_cell(kernel, "assay-unknown", code).unjudged())
    found = kernel.peer.execute(kernel.snippet("print_name", name=name))
    found.succeeded()
    if cell.status == "ok" or str(NUMBER) in found.text():
        return failed("an error", "the cell was run", cell, found)
    if cell.reply is None:
        return note(
            "there is no reply; the text leaves the form of the error open (AMB-34)",
            evidence=(cell,),
        )
    return passed()


@check("SUBSHELL-09.1", "a kernel without subshells ignores subshell_id", snippets=("print",))
def ignored(kernel: Testee) -> Outcome:
    _without_feature(kernel)
    must_run(kernel)
    cell = _run_in(kernel, "assay-any", kernel.snippet("print", text="behind"))
    return printed(cell, "behind", "the cell")


@check(
    "SUBSHELL-10.1",
    "the cells of one subshell run one after the other",
    feature=FEATURE,
    snippets=("print_and_sleep",),
    slow=True,
)
def in_sequence(kernel: Testee) -> Outcome:
    name = _create(kernel)
    code = kernel.snippet("print_and_sleep", text="assay", seconds=1)
    first, second = (kernel.peer.send(_cell(kernel, name, code)) for _ in range(2))
    kernel.peer.wait_for(lambda: first.done and second.done, kernel.patience + 2)
    first.succeeded()
    second.succeeded()
    if first.idle is None or not second.of_type("stream"):
        raise Skip("idle or output is missing (SHELL-05, EXEC-31)")
    if second.of_type("stream")[0].index < first.idle.index:
        return failed("the second after the first's idle", "before it", first, second)
    return passed()


@check(
    "SUBSHELL-10.2",
    "questions that are sent at once to the idle main shell are answered in order",
    feature=FEATURE,
    mistake="Each type of question has a thread of its own.",
)
def questions_in_sequence(kernel: Testee) -> Outcome:
    return in_order(kernel)


@check(
    "SUBSHELL-11.1",
    "a name that a subshell defines is known to the main shell",
    feature=FEATURE,
    snippets=("define", "print_name"),
)
def one_namespace(kernel: Testee) -> Outcome:
    shell, name = _create(kernel), new_name()
    _run_in(kernel, shell, kernel.snippet("define", name=name, number=NUMBER)).succeeded()
    cell = kernel.peer.execute(kernel.snippet("print_name", name=name))
    if str(NUMBER) not in cell.text():
        return failed(f"{NUMBER} printed", f"status {cell.status!r}, {cell.text()!r}", cell)
    return passed()


@check(
    "SUBSHELL-12.2",
    "a shutdown ends a kernel whose subshell runs a cell",
    fresh=True,
    process=True,
    feature=FEATURE,
    snippets=("sleep",),
    slow=True,
)
def shutdown_all(kernel: Testee) -> Outcome:
    _sleeper(kernel, _create(kernel), seconds=STAYS_S)
    asked = shut_down(kernel)
    if asked.reply is None:
        must_serve_shutdown(kernel)
        return failed("a shutdown_reply", "none", asked)
    return passed()


@check(
    "SUBSHELL-13.1",
    "how cells of subshells are counted",
    feature=FEATURE,
    snippets=("nothing",),
)
def counters(kernel: Testee) -> Outcome:
    name, code = _create(kernel), kernel.snippet("nothing")
    main = count_of(kernel.peer.execute(code).succeeded())
    sub = count_of(_run_in(kernel, name, code).succeeded())
    kind = "one counter for all" if sub == main + 1 else "a counter of its own"
    return note(f"{kind}: {main} in the main shell, then {sub} in a subshell")


@check(
    "SUBSHELL-14.1",
    "cells of two subshells ask for input and get their own answers, in any order",
    fresh=True,
    feature=FEATURE,
    snippets=("input",),
)
def prompts(kernel: Testee) -> Outcome:
    peer, code = kernel.peer, kernel.snippet("input", prompt="assay")
    peer.must_be_askable()
    cells = [peer.send(_cell(kernel, _create(kernel), code, allow_stdin=True)) for _ in range(2)]
    peer.wait_for(lambda: all(one.prompts or one.replies for one in cells))
    must_have_asked(*cells)
    if not all(one.prompts for one in cells):
        return failed("two prompts at a time", f"{len(peer.on(Channel.STDIN))}", *cells)
    words = [new_name() for _ in cells]
    for cell, word in reversed(list(zip(cells, words, strict=True))):
        peer.answer_input(cell.prompts[0], word)
    for cell, word in zip(cells, words, strict=True):
        peer.finish(cell)
        if word not in cell.text():
            return failed(f"{word!r} printed", repr(cell.text()), cell)
    return passed()


@check(
    "SUBSHELL-15.1",
    "the id of a subshell is in parent headers and in no header",
    feature=FEATURE,
    snippets=("print",),
)
def where_the_id_is(kernel: Testee) -> Outcome:
    name = _create(kernel)
    cell = _run_in(kernel, name, kernel.snippet("print", text="assay"))
    cell.succeeded()
    for one in (*cell.replies, *cell.published):
        if one.header.get("subshell_id") is not None:
            return failed("no subshell_id in its header", repr(one.header["subshell_id"]), one)
        if one.parent_header.get("subshell_id") != name:
            found = repr(one.parent_header.get("subshell_id"))
            return failed(f"subshell_id {name!r} in its parent header", found, one)
    return passed()


@check(
    "SUBSHELL-16.1",
    "a cell that fails in a subshell does not abort the queue of the main shell",
    feature=FEATURE,
    snippets=("sleep", "error", "print"),
    slow=True,
)
def own_queue(kernel: Testee) -> Outcome:
    name = _create(kernel)
    lead = _sleeper(kernel)
    behind = kernel.peer.execute(kernel.snippet("print", text="behind"), wait=False)
    wrong = _run_in(kernel, name, kernel.snippet("error", text="assay"))
    kernel.peer.wait_for(lambda: behind.done, kernel.patience + SLEEP_S)
    if wrong.replied().status != "error":
        raise Skip("the code does not fail")
    return printed(behind, "behind", "the cell", lead, wrong, behind)


@check(
    "SUBSHELL-17.1",
    "deleting a subshell that does not exist is an error with all fields",
    feature=FEATURE,
    mistake="The reply has evalue alone.",
)
def delete_unknown(kernel: Testee) -> Outcome:
    content = {"subshell_id": "assay-unknown"}
    response = kernel.peer.ask("delete_subshell_request", content, channel=CONTROL)
    if (wrong := not_alive(kernel)) is not None:
        return wrong
    if response.status != "error":
        return failed("status error", response.answer, response)
    return has_shape(response.replied(), ERROR)


@check(
    "SUBSHELL-18.1",
    "whether two subshells run cells at the same time",
    feature=FEATURE,
    snippets=("sleep",),
    slow=True,
)
def at_once(kernel: Testee) -> Outcome:
    first = _sleeper(kernel, _create(kernel))
    second = kernel.peer.send(_cell(kernel, _create(kernel), kernel.snippet("sleep", seconds=1)))
    kernel.peer.wait_for(lambda: first.done and second.done, kernel.patience + SLEEP_S)
    if first.idle is None or second.busy is None:
        raise Skip("a status is missing (SHELL-04, SHELL-05)")
    beside = second.busy.index < first.idle.index
    return note("they do" if beside else "they do not", evidence=(first, second))


@check(
    "SUBSHELL-20.1",
    "an interrupt ends the cells of all subshells",
    fresh=True,
    process=True,
    feature=FEATURE,
    snippets=("loop",),
    slow=True,
    mistake="A signal reaches only the main thread.",
)
def interrupt_all(kernel: Testee) -> Outcome:
    code = looping_code(kernel)
    cells = [kernel.peer.send(_cell(kernel, _create(kernel), code)) for _ in range(2)]
    for cell in cells:
        must_loop(kernel, cell)
    kernel.own_process().interrupt()
    kernel.peer.wait_for(lambda: all(cell.replies for cell in cells))
    for cell in cells:
        if cell.reply is None:
            return failed("an execute_reply after the interrupt", "none", cell)
    return passed()
