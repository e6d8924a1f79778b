"""Inspection (spec/chapters/inspect.md)."""

from __future__ import annotations

from assay.conformance._check import check
from assay.conformance._outcome import Outcome, Skip, failed, note, passed
from assay.conformance._response import Response
from assay.conformance._testee import Testee
from assay.conformance.checks._cells import (
    has_count,
    lines,
    moving_count,
    new_name,
    plain_text,
    stored_count,
)
from assay.conformance.checks._history import stored_texts
from assay.conformance.checks._questions import is_refused
from assay.conformance.checks._shape import BOOLEAN, BUNDLE, has_shape

__all__: list[str] = []

FORM = {"found": BOOLEAN, **BUNDLE}

ASTRAL = "\U0001f600\U0001f680\u00e9\u4e2d\U0001f600\U0001f680"

INSIDE = 5
"""Letters of the name before the cursor."""


def _inspect(kernel: Testee, code: str, cursor: int, level: int = 0) -> Response:
    content = {"code": code, "cursor_pos": cursor, "detail_level": level}
    return kernel.peer.ask("inspect_request", content)


def _documented(kernel: Testee) -> str:
    """Return the name of a function with documentation.

    Raises:
        Skip: the kernel does not answer inspection.
    """
    name = new_name()
    kernel.peer.execute(kernel.snippet("documented", name=name)).succeeded()
    _inspect(kernel, name, INSIDE).replied()
    return name


def _finds_nothing(kernel: Testee, name: str) -> bool:
    """Say whether *name* is found at neither level, as where inspection is left out."""
    levels = (_inspect(kernel, name, INSIDE, level=one) for one in (0, 1))
    return all(one.status == "ok" and one.replied().content.get("found") is False for one in levels)


def _inspected(kernel: Testee) -> str:
    """Return the name of a function with documentation, of a kernel that finds it at some level.

    Raises:
        Skip: it finds nothing, as the page on wrapper kernels allows.
    """
    name = _documented(kernel)
    if _finds_nothing(kernel, name):
        raise Skip("a function with documentation is not found (INSPECT-10)")
    return name


def _is_found(cell: Response) -> Outcome:
    reply = cell.succeeded()
    if reply.content.get("found") is not True:
        return failed("found true", f"found {reply.content.get('found')!r}", cell)
    return passed()


def _found(kernel: Testee) -> str:
    """Return a name that the kernel finds.

    Raises:
        Skip: it does not find it.
    """
    name = _documented(kernel)
    if _inspect(kernel, name, INSIDE).succeeded().content.get("found") is not True:
        raise Skip("a function with documentation is not found (INSPECT-01)")
    return name


@check(
    "INSPECT-01.1",
    "a function is found at detail level 0",
    snippets=("documented",),
)
def level_zero(kernel: Testee) -> Outcome:
    name = _inspected(kernel)
    return _is_found(_inspect(kernel, name, INSIDE))


@check("INSPECT-01.2", "a function is found at detail level 1", snippets=("documented",))
def level_one(kernel: Testee) -> Outcome:
    name = _inspected(kernel)
    cell = _inspect(kernel, name, INSIDE, level=1)
    if cell.status != "ok":
        return failed("status ok at detail level 1", cell.answer, cell)
    return _is_found(cell)


@check(
    "INSPECT-10.1",
    "a function is found at one of the levels",
    snippets=("documented",),
    mistake="Inspection is left to the machinery, which answers that nothing is found.",
)
def something_is_found(kernel: Testee) -> Outcome:
    name = _documented(kernel)
    if _finds_nothing(kernel, name):
        cell = _inspect(kernel, name, INSIDE)
        return failed("found true", "found False at both levels", cell)
    return passed()


@check(
    "INSPECT-01.3",
    "what stands at the cursor is inspected, although code follows",
    snippets=("documented", "nothing", "use"),
    mistake="The end of the code is inspected, whatever the cursor.",
)
def cursor_is_used(kernel: Testee) -> Outcome:
    name = _found(kernel)
    behind = kernel.snippet("use", name=new_name("zqxassay"))
    cell = _inspect(kernel, lines(name, behind), INSIDE)
    if (outcome := _is_found(cell)) != passed():
        return outcome
    text = plain_text(cell.replied())
    if text and name not in text:
        return failed(f"{name} in what is found", repr(text[:200]), cell)
    return passed()


@check(
    "INSPECT-02.1",
    "without detail_level the reply is that of level 0",
    snippets=("documented",),
    mistake="The key is required.",
)
def level_by_default(kernel: Testee) -> Outcome:
    name = _found(kernel)
    levels = [_inspect(kernel, name, INSIDE, level=one).succeeded() for one in (0, 1)]
    cell = kernel.peer.ask("inspect_request", {"code": name, "cursor_pos": INSIDE})
    if cell.status != "ok":
        return failed("status ok", cell.answer, cell)
    text, zero, one = (plain_text(reply) for reply in (cell.replied(), *levels))
    if zero != one and text == one:
        return failed("the reply of level 0", "that of level 1", cell, *levels)
    return passed()


@check(
    "INSPECT-03.1",
    "a reply for a known name has found, data and metadata",
    snippets=("documented",),
)
def form_when_found(kernel: Testee) -> Outcome:
    return has_shape(_inspect(kernel, _documented(kernel), INSIDE).succeeded(), FORM)


@check("INSPECT-03.2", "a reply for an unknown name has found, data and metadata")
def form_when_not_found(kernel: Testee) -> Outcome:
    return has_shape(_inspect(kernel, new_name("zqxassay"), INSIDE).succeeded(), FORM)


@check(
    "INSPECT-04.1",
    "inspecting a name that does not exist is ok, with found false",
    snippets=("documented",),
    mistake="To find nothing is handled as an error, or as something found that is empty.",
)
def nothing_found(kernel: Testee) -> Outcome:
    _documented(kernel)
    cell = _inspect(kernel, new_name("zqxassay"), INSIDE)
    if cell.status != "ok":
        return failed("status ok", cell.answer, cell)
    if cell.replied().content.get("found") is not False:
        return failed("found false", repr(cell.replied().content.get("found")), cell)
    return passed()


@check("INSPECT-05.1", "what detail level 1 adds", snippets=("documented",))
def what_level_one_adds(kernel: Testee) -> Outcome:
    name = _found(kernel)
    zero, one = (_inspect(kernel, name, INSIDE, level=n).succeeded() for n in (0, 1))
    if plain_text(zero) == plain_text(one):
        return note("nothing", evidence=(zero, one))
    return note("the text at level 1 differs from that at level 0", evidence=(zero, one))


@check(
    "INSPECT-06.1",
    "the cursor is counted in code points: a name behind characters beyond U+FFFF is found",
    snippets=("documented", "comment"),
    mistake="The cursor is counted in UTF-16 units or in bytes.",
)
def astral_before_cursor(kernel: Testee) -> Outcome:
    name = _found(kernel)
    head = kernel.snippet("comment", text=ASTRAL) + "\n"
    cell = _inspect(kernel, f"{head}{name}\n{head}", len(head) + 1)
    return _is_found(cell)


@check(
    "INSPECT-07.1",
    "an inspect_request with text as cursor gets an error reply",
    snippets=("documented",),
    also=("WIRE-19",),
    mistake="The exception ends the handler, and there is no reply.",
)
def wrong_cursor(kernel: Testee) -> Outcome:
    _documented(kernel)
    draft = kernel.peer.draft("inspect_request", {"code": "a", "cursor_pos": "x"}).unjudged()
    cell = kernel.peer.ask(draft)
    _inspect(kernel, "a", 1).succeeded()
    return is_refused(cell)


@check(
    "INSPECT-08.1",
    "what is found has text/plain",
    snippets=("documented",),
)
def found_as_text(kernel: Testee) -> Outcome:
    cell = _inspect(kernel, _found(kernel), INSIDE)
    if not plain_text(cell.succeeded()):
        got = repr(cell.replied().content.get("data"))[:200]
        return failed("text under 'text/plain'", got, cell)
    return passed()


@check("INSPECT-09.1", "inspecting does not move the counter", snippets=("nothing",))
def does_not_count(kernel: Testee) -> Outcome:
    before = moving_count(kernel)
    _inspect(kernel, "a", 1).replied()
    return has_count(kernel.peer.execute(kernel.snippet("nothing")), before + 1)


@check(
    "INSPECT-09.2",
    "inspecting publishes nothing but busy and idle",
    snippets=("documented",),
)
def publishes_nothing(kernel: Testee) -> Outcome:
    cell = _inspect(kernel, _documented(kernel), INSIDE)
    cell.succeeded()
    if not kernel.peer.quiet():
        return failed("an answer to the next request", "none", cell)
    others = [one for one in cell.types if not one.startswith("status:")]
    return failed("busy and idle", ", ".join(others), cell) if others else passed()


@check("INSPECT-09.3", "inspecting stores nothing in the history", snippets=("nothing",))
def stores_nothing(kernel: Testee) -> Outcome:
    code = new_name()
    stored_count(kernel)
    _inspect(kernel, code, INSIDE).replied()
    if code in stored_texts(kernel):
        return failed("a history without the code that was inspected", "it is there")
    return passed()
