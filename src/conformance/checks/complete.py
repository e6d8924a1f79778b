"""Completion (spec/chapters/complete.md)."""

from __future__ import annotations

from assay.conformance._arrival import Arrival
from assay.conformance._check import check
from assay.conformance._outcome import Outcome, Skip, failed, note, passed
from assay.conformance._response import Response
from assay.conformance._testee import Testee
from assay.conformance.checks._cells import (
    NUMBER,
    has_count,
    lines,
    moving_count,
    new_name,
    stored_count,
)
from assay.conformance.checks._history import stored_texts
from assay.conformance.checks._questions import is_refused
from assay.conformance.checks._shape import INTEGER, OBJECT, TEXTS, has_shape, misfit

__all__: list[str] = []

FORM = {
    "matches": TEXTS,
    "cursor_start": INTEGER,
    "cursor_end": INTEGER,
    "metadata": OBJECT,
}

ASTRAL = "\U0001f600\U0001f680\u00e9\u4e2d"
"""Two characters beyond U+FFFF and two below it."""

KEPT = 9
"""Letters of a name that stand before the cursor."""


def _complete(kernel: Testee, code: str, cursor: int) -> Response:
    return kernel.peer.ask("complete_request", {"code": code, "cursor_pos": cursor})


def _defined(kernel: Testee) -> tuple[str, str]:
    """Return a name that is defined, and code that uses it.

    Raises:
        Skip: the kernel does not complete that name, or no name at all.
    """
    name = new_name("assayname")
    kernel.peer.execute(kernel.snippet("define", name=name, number=NUMBER)).succeeded()
    use = kernel.snippet("use", name=name)
    cursor = use.rindex(name) + KEPT
    reply = _complete(kernel, use[:cursor], cursor).succeeded()
    if not any(name in match for match in _matches(reply)):
        raise Skip("the kernel does not complete a name that is defined")
    return name, use


def _matches(reply: Arrival) -> tuple[str, ...]:
    found = reply.content.get("matches")
    listed = found if isinstance(found, list) else []
    return tuple(one for one in listed if isinstance(one, str))


def _completes(kernel: Testee, code: str, cursor: int, name: str) -> Outcome:
    """Say whether *name* is completed at *cursor* of *code*, where all but its end stands."""
    cell = _complete(kernel, code, cursor)
    reply = cell.succeeded()
    if not any(name in match for match in _matches(reply)):
        return failed(f"{name} among the matches", repr(_matches(reply)[:5]), cell)
    return passed()


def _is_replaced(kernel: Testee, code: str, cursor: int, name: str) -> Outcome:
    """Say whether the range of a completion is that which *name* replaces."""
    cell = _complete(kernel, code, cursor)
    reply = cell.succeeded()
    matches = [one for one in _matches(reply) if name in one]
    if not matches:
        raise Skip("the name is not completed here (COMPLETE-01)")
    if misfit(reply.content, FORM) is not None:
        raise Skip("the reply has no range (COMPLETE-04)")
    start, end = reply.content["cursor_start"], reply.content["cursor_end"]
    assert isinstance(start, int)
    assert isinstance(end, int)
    wanted = code[: cursor - KEPT] + name
    made = code[: max(start, 0)] + matches[0] + code[max(end, 0) : cursor]
    if made.rstrip() != wanted:
        got = f"{made!r}, by {matches[0]!r} in place of {start} to {end}"
        return failed(repr(wanted), got, cell)
    return passed()


@check(
    "COMPLETE-01.1",
    "a name is completed at the cursor, although code follows",
    snippets=("define", "use", "nothing"),
    mistake="The end of the code is completed, whatever the cursor.",
)
def cursor_is_used(kernel: Testee) -> Outcome:
    name, use = _defined(kernel)
    cursor = use.rindex(name) + KEPT
    return _completes(kernel, lines(use[:cursor], kernel.snippet("nothing")), cursor, name)


@check(
    "COMPLETE-01.2",
    "a name is completed in the second of three lines",
    snippets=("define", "use", "nothing"),
    mistake="The cursor is taken as a position in the first or the last line.",
)
def second_line(kernel: Testee) -> Outcome:
    name, use = _defined(kernel)
    first = kernel.snippet("nothing")
    cursor = len(first) + 1 + use.rindex(name) + KEPT
    head = use[: use.rindex(name) + KEPT]
    return _completes(kernel, lines(first, head, first), cursor, name)


@check(
    "COMPLETE-02.1",
    "the cursor is counted in code points: a name behind characters beyond U+FFFF is completed",
    snippets=("define", "use", "comment"),
    mistake="The cursor is counted in UTF-16 units or in bytes.",
)
def astral_before_cursor(kernel: Testee) -> Outcome:
    name, use = _defined(kernel)
    head = kernel.snippet("comment", text=ASTRAL) + "\n" + use[: use.rindex(name) + KEPT]
    # Behind the cursor stands what a larger offset would read: another letter is another name.
    return _completes(kernel, f"{head}\n{kernel.snippet('comment', text=ASTRAL)}", len(head), name)


@check(
    "COMPLETE-02.2",
    "the range is counted in code points",
    snippets=("define", "use", "comment"),
    mistake="The range is counted in UTF-16 units or in bytes.",
)
def range_behind_astral(kernel: Testee) -> Outcome:
    name, use = _defined(kernel)
    head = kernel.snippet("comment", text=ASTRAL) + "\n" + use[: use.rindex(name) + KEPT]
    return _is_replaced(kernel, head, len(head), name)


@check(
    "COMPLETE-04.1",
    "a reply with matches has matches, cursor_start, cursor_end and metadata",
    snippets=("define", "use"),
)
def form_with_matches(kernel: Testee) -> Outcome:
    name = new_name("assayname")
    kernel.peer.execute(kernel.snippet("define", name=name, number=NUMBER)).succeeded()
    use = kernel.snippet("use", name=name)
    cursor = use.rindex(name) + KEPT
    return has_shape(_complete(kernel, use[:cursor], cursor).succeeded(), FORM)


@check("COMPLETE-04.2", "a reply without matches has the same fields")
def form_without_matches(kernel: Testee) -> Outcome:
    code = new_name("zqxassay")
    return has_shape(_complete(kernel, code, len(code)).succeeded(), FORM)


@check(
    "COMPLETE-05.1",
    "a match put in place of the range completes the name",
    snippets=("define", "use"),
    mistake="The range is empty, or the whole code.",
)
def range_is_replaced(kernel: Testee) -> Outcome:
    name, use = _defined(kernel)
    head = use[: use.rindex(name) + KEPT]
    return _is_replaced(kernel, head, len(head), name)


@check(
    "COMPLETE-05.2",
    "a match put in place of the range completes the name in the second line",
    snippets=("define", "use", "nothing"),
    mistake="The range is counted from the start of the line.",
)
def range_in_second_line(kernel: Testee) -> Outcome:
    name, use = _defined(kernel)
    head = lines(kernel.snippet("nothing"), use[: use.rindex(name) + KEPT])
    return _is_replaced(kernel, head, len(head), name)


@check(
    "COMPLETE-06.1",
    "the range lies in the code at every cursor of cells of all kinds",
    snippets=("print", "unicode", "use", "define"),
    mistake="The end is a fixed number, or counted in another unit.",
)
def range_lies_in_the_code(kernel: Testee) -> Outcome:
    cells = (
        kernel.snippet("print", text="assay"),
        kernel.snippet("unicode"),
        lines(kernel.snippet("use", name="a"), kernel.snippet("print", text="b"), ""),
    )
    answered = 0
    for code in cells:
        for cursor in range(0, len(code) + 1, 1 + len(code) // 24):
            cell = _complete(kernel, code, cursor)
            if cursor and cell.reply is None and not kernel.peer.quiet():
                return failed("a kernel that goes on answering", f"none behind {cursor}", cell)
            if cursor:
                cell.replied()
            if cell.status != "ok" or misfit(cell.replied().content, FORM) is not None:
                continue
            answered += 1
            start, end = (cell.replied().content[key] for key in ("cursor_start", "cursor_end"))
            assert isinstance(start, int)
            assert isinstance(end, int)
            if not 0 <= start <= end <= len(code):
                wanted = f"0 ≤ start ≤ end ≤ {len(code)}"
                return failed(wanted, f"start {start}, end {end}", cell)
    if not answered:
        raise Skip("no reply has a range (COMPLETE-04)")
    return passed()


@check(
    "COMPLETE-07.1",
    "completing a name that does not exist is ok, without matches",
    snippets=("define", "use"),
    mistake="To find nothing is handled as an error.",
)
def nothing_found(kernel: Testee) -> Outcome:
    _complete(kernel, "", 0).replied()
    code = kernel.snippet("use", name=new_name("zqxassay"))
    cell = _complete(kernel, code, len(code))
    if cell.reply is None:
        return failed("a reply", "none", cell)
    if cell.status != "ok":
        return failed("status ok", f"status {cell.status!r}", cell)
    if _matches(cell.replied()):
        return note(
            "there are matches for a name that does not exist",
            got=repr(_matches(cell.replied())[:5]),
            evidence=(cell,),
        )
    return passed()


@check(
    "COMPLETE-08.1",
    "a complete_request with text as cursor gets an error reply",
    also=("WIRE-19",),
    mistake="The exception ends the handler, and there is no reply.",
)
def wrong_cursor(kernel: Testee) -> Outcome:
    _complete(kernel, "", 0).succeeded()
    draft = kernel.peer.draft("complete_request", {"code": "a", "cursor_pos": "x"}).unjudged()
    cell = kernel.peer.ask(draft)
    _complete(kernel, "", 0).succeeded()
    return is_refused(cell)


@check(
    "COMPLETE-09.1",
    "completing does not move the counter",
    snippets=("nothing",),
)
def does_not_count(kernel: Testee) -> Outcome:
    before = moving_count(kernel)
    _complete(kernel, "a", 1).replied()
    return has_count(kernel.peer.execute(kernel.snippet("nothing")), before + 1)


@check("COMPLETE-09.2", "completing publishes nothing but busy and idle")
def publishes_nothing(kernel: Testee) -> Outcome:
    cell = _complete(kernel, "a", 1)
    cell.succeeded()
    if not kernel.peer.quiet():
        return failed("an answer to the next request", "none", cell)
    others = [one for one in cell.types if not one.startswith("status:")]
    return failed("busy and idle", ", ".join(others), cell) if others else passed()


@check("COMPLETE-09.3", "completing stores nothing in the history", snippets=("nothing",))
def stores_nothing(kernel: Testee) -> Outcome:
    code = new_name()
    stored_count(kernel)
    _complete(kernel, code, len(code)).replied()
    if code in stored_texts(kernel):
        return failed("a history without the code that was completed", "it is there")
    return passed()


@check(
    "COMPLETE-10.1",
    "empty code is completed",
    also=("COMPLETE-07",),
    mistake="The last word of the code is taken where there is none: an exception, and no reply.",
)
def empty_code(kernel: Testee) -> Outcome:
    return _is_ok(kernel, "")


@check(
    "COMPLETE-10.2",
    "position 0 is completed",
    snippets=("nothing",),
    mistake="The code before the cursor is taken apart without a look whether there is any.",
)
def position_zero(kernel: Testee) -> Outcome:
    return _is_ok(kernel, kernel.snippet("nothing"))


def _is_ok(kernel: Testee, code: str) -> Outcome:
    # Silence at every position is a kernel without completion, which is allowed (SHELL-02).
    _complete(kernel, "a", 1).replied()
    cell = _complete(kernel, code, 0)
    if cell.status != "ok":
        return failed("status ok", cell.answer, cell)
    return passed()


@check(
    "COMPLETE-11.1",
    "what the metadata say of types are objects with text and type",
    snippets=("define", "use"),
)
def types_of_matches(kernel: Testee) -> Outcome:
    _, use = _defined(kernel)
    reply = _complete(kernel, use, len(use)).succeeded()
    metadata = reply.content.get("metadata")
    found = metadata.get("_jupyter_types_experimental") if isinstance(metadata, dict) else None
    if found is None:
        raise Skip("the metadata say nothing of types")
    if not isinstance(found, list):
        return note("a list is the custom (AMB-70)", got=repr(found)[:80], evidence=(reply,))
    wrong = [one for one in found if not isinstance(one, dict) or "text" not in one]
    if wrong:
        return note("objects with text are the custom", got=repr(wrong[0]), evidence=(reply,))
    return passed()
