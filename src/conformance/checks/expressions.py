"""User expressions and payloads (spec/chapters/execute.md)."""

from __future__ import annotations

from collections.abc import Mapping

from assay.conformance._arrival import Object
from assay.conformance._check import check
from assay.conformance._outcome import Outcome, Skip, failed, passed
from assay.conformance._response import Response
from assay.conformance._testee import Testee
from assay.conformance.checks._cells import NUMBER, has_count, moving_count, new_name
from assay.conformance.checks._shape import (
    BOOLEAN,
    BUNDLE,
    ERROR,
    INTEGER,
    OBJECT,
    TEXT,
    Kind,
    misfit,
)
from assay.transport import KernelEndedError

__all__: list[str] = []

PAYLOADS: Mapping[str, Mapping[str, Kind]] = {
    "page": {"data": OBJECT, "start": INTEGER},
    "set_next_input": {"text": TEXT, "replace": BOOLEAN},
    "edit_magic": {"filename": TEXT, "line_number": INTEGER},
    "ask_exit": {"keepkernel": BOOLEAN},
}
"""The fields of each source."""


def _entries(cell: Response) -> Object:
    entries = cell.succeeded().content.get("user_expressions")
    if not isinstance(entries, dict):
        raise Skip("the reply has no user_expressions (EXEC-11)")
    return entries


def _answered(cell: Response) -> Object:
    """Return the entries of a kernel that evaluates expressions.

    Raises:
        Skip: it ignores them all, as the page on wrapper kernels allows.
    """
    entries = _entries(cell)
    if not entries:
        raise Skip("user expressions are ignored (EXEC-35)")
    return entries


def _asked(kernel: Testee) -> Response:
    """Return a cell with one expression, `asked`, whose value is the number."""
    name = new_name()
    kernel.peer.execute(kernel.snippet("define", name=name, number=NUMBER)).succeeded()
    return kernel.peer.execute(
        kernel.snippet("nothing"), user_expressions={"asked": kernel.snippet("raw_use", name=name)}
    )


def _shape_of_value(cell: Response, entry: object) -> Outcome:
    """Say whether *entry* is a representation that holds the number."""
    if not isinstance(entry, dict):
        return failed("an object for the expression", repr(entry), cell)
    if entry.get("status") != "ok":
        return failed("status ok for the expression", repr(entry.get("status")), cell)
    if (wrong := misfit(entry, BUNDLE)) is not None:
        return failed(*wrong, cell)
    data = entry["data"]
    if not any(str(NUMBER) in str(one) for one in data.values()):
        return failed(f"{NUMBER} in its data", repr(data), cell)
    return passed()


@check(
    "EXEC-09.1",
    "a user expression is evaluated, and its value returned as a MIME bundle",
    snippets=("define", "raw_use"),
    mistake="The value is returned as text.",
)
def expressions_are_evaluated(kernel: Testee) -> Outcome:
    cell = _asked(kernel)
    entries = _answered(cell)
    if list(entries) != ["asked"]:
        return failed("an entry for the expression, and no other", repr(list(entries)), cell)
    return _shape_of_value(cell, entries["asked"])


@check(
    "EXEC-35.1",
    "a user expression is answered",
    snippets=("define", "raw_use"),
    mistake="Expressions are ignored, as the page on wrapper kernels allows.",
)
def expressions_are_answered(kernel: Testee) -> Outcome:
    cell = _asked(kernel)
    return passed() if _entries(cell) else failed("an entry for the expression", "none", cell)


@check(
    "EXEC-10.1",
    "a failing user expression leaves the reply ok and has an error as its entry",
    # A language without expressions has none that fails.
    snippets=("define", "raw_use", "syntax_error"),
    mistake="The error of an expression becomes that of the request, or its entry is left out.",
)
def failing_expression(kernel: Testee) -> Outcome:
    _answered(_asked(kernel))
    cell = kernel.peer.execute(
        kernel.snippet("nothing"), user_expressions={"wrong": kernel.snippet("syntax_error")}
    )
    if cell.replied().status != "ok":
        return failed("a reply with status ok", f"status {cell.status!r}", cell)
    entry = _entries(cell).get("wrong")
    if not isinstance(entry, dict) or entry.get("status") != "error":
        return failed("an entry with status error", repr(entry), cell)
    wrong = misfit(entry, ERROR)
    return passed() if wrong is None else failed(*wrong, cell)


@check(
    "EXEC-10.2",
    "a failing user expression leaves the one beside it alone",
    snippets=("define", "raw_use", "syntax_error"),
)
def expression_beside_a_failing_one(kernel: Testee) -> Outcome:
    name = new_name()
    kernel.peer.execute(kernel.snippet("define", name=name, number=NUMBER)).succeeded()
    good = kernel.snippet("raw_use", name=name)
    alone = kernel.peer.execute(kernel.snippet("nothing"), user_expressions={"good": good})
    if _entries(alone).get("good") is None:
        raise Skip("the good expression has no entry (EXEC-35)")
    cell = kernel.peer.execute(
        kernel.snippet("nothing"),
        user_expressions={"wrong": kernel.snippet("syntax_error"), "good": good},
    )
    if cell.replied().status != "ok":
        return failed("a reply with status ok", f"status {cell.status!r}", cell)
    return _shape_of_value(cell, _entries(cell).get("good"))


@check(
    "EXEC-11.1",
    "a reply with status ok has an object under user_expressions, although none were asked for",
    snippets=("nothing",),
)
def expressions_are_there(kernel: Testee) -> Outcome:
    reply = kernel.peer.execute(kernel.snippet("nothing")).succeeded()
    wrong = misfit(reply.content, {"user_expressions": OBJECT})
    return passed() if wrong is None else failed(*wrong, reply)


@check(
    "EXEC-12.1",
    "a user expression sees what the code of its request defines",
    snippets=("define", "raw_use"),
    mistake="Expressions are evaluated before the code, or in another namespace.",
)
def expressions_follow_the_code(kernel: Testee) -> Outcome:
    name = new_name()
    cell = kernel.peer.execute(
        kernel.snippet("define", name=name, number=NUMBER),
        user_expressions={"asked": kernel.snippet("raw_use", name=name)},
    )
    entries = _answered(cell)
    if "asked" not in entries:
        raise Skip("the expression has no entry (EXEC-09)")
    return _shape_of_value(cell, entries["asked"])


@check(
    "EXEC-12.2",
    "a user expression does not move the counter",
    snippets=("define", "raw_use", "nothing"),
)
def expressions_do_not_count(kernel: Testee) -> Outcome:
    name = new_name()
    kernel.peer.execute(kernel.snippet("define", name=name, number=NUMBER)).succeeded()
    before = moving_count(kernel)
    expression = kernel.snippet("raw_use", name=name)
    cell = kernel.peer.execute(
        kernel.snippet("nothing"), user_expressions={"one": expression, "two": expression}
    )
    cell.succeeded()
    return has_count(kernel.peer.execute(kernel.snippet("nothing")), before + 2, cell)


# Payloads


def _payloads(cell: Response, source: str) -> list[Object]:
    """Return the payloads of *source*.

    Raises:
        Skip: there are none.
    """
    found = cell.succeeded().content.get("payload")
    items: list[Object] = (
        [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    )
    chosen = [one for one in items if one.get("source") == source]
    if not chosen:
        raise Skip(f"the reply has no payload of source {source!r}")
    return chosen


def _has_fields(cell: Response, source: str) -> Outcome:
    for one in _payloads(cell, source):
        if (wrong := misfit(one, PAYLOADS[source])) is not None:
            return failed(*wrong, cell)
    return passed()


@check(
    "EXEC-13.1",
    "a payload is a list of objects that each name their source",
    snippets=("page",),
)
def payloads_have_sources(kernel: Testee) -> Outcome:
    cell = kernel.peer.execute(kernel.snippet("page", text="assay"))
    found = cell.succeeded().content.get("payload")
    if found is None or found == []:
        raise Skip("the reply has no payload")
    if not isinstance(found, list):
        return failed("a list under 'payload'", type(found).__name__, cell)
    for one in found:
        if not isinstance(one, dict) or not isinstance(one.get("source"), str):
            return failed("objects with text under 'source'", repr(one), cell)
    return passed()


@check("EXEC-14.1", "a payload of source page has data and start", snippets=("page",))
def page_payload(kernel: Testee) -> Outcome:
    return _has_fields(kernel.peer.execute(kernel.snippet("page", text="assay")), "page")


@check(
    "EXEC-14.2",
    "a payload of source set_next_input has text and replace",
    snippets=("next_input",),
)
def next_input_payload(kernel: Testee) -> Outcome:
    code = kernel.snippet("next_input", text="assay")
    return _has_fields(kernel.peer.execute(code), "set_next_input")


@check(
    "EXEC-14.3",
    "a payload of source ask_exit has keepkernel",
    fresh=True,
    snippets=("exit",),
)
def exit_payload(kernel: Testee) -> Outcome:
    cell = kernel.peer.execute(kernel.snippet("exit"), wait=False)
    try:
        kernel.peer.wait_for(lambda: cell.replies)
    except KernelEndedError as error:
        raise Skip("code that ends the session ends the kernel, without a payload") from error
    return _has_fields(cell, "ask_exit")


@check(
    "EXEC-33.1",
    "the data of a payload of source page have text/plain",
    snippets=("page",),
)
def page_is_text(kernel: Testee) -> Outcome:
    cell = kernel.peer.execute(kernel.snippet("page", text="assay"))
    for one in _payloads(cell, "page"):
        data = one.get("data")
        if not isinstance(data, dict) or not isinstance(data.get("text/plain"), str):
            return failed("text under 'text/plain'", repr(data), cell)
    return passed()
