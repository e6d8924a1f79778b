"""History (spec/chapters/history.md)."""

from __future__ import annotations

from contextlib import suppress

from assay.conformance._check import check
from assay.conformance._outcome import Outcome, Skip, failed, note, passed
from assay.conformance._response import Response
from assay.conformance._testee import Testee
from assay.conformance.checks._cells import new_name, not_alive
from assay.conformance.checks._history import Entry, ask_history, entries, stored_texts
from assay.protocol import Channel
from assay.transport import LaunchError

__all__: list[str] = []

MANY = 100
"""More cells than other kernels with the same history may have run in between."""

FIELDS: dict[str, dict[str, object]] = {
    "tail": {"n": 3},
    "range": {"session": 0, "start": 1, "stop": 3},
    "search": {"n": 3, "pattern": "*", "unique": False},
}


def _run(kernel: Testee, *words: str) -> tuple[str, ...]:
    """Run a stored cell that prints each of *words*, and return their codes.

    Raises:
        Skip: a cell fails.
    """
    codes = tuple(kernel.snippet("print", text=word) for word in words)
    for code in codes:
        kernel.peer.execute(code).succeeded()
    return codes


def _run_stored(kernel: Testee, *words: str) -> tuple[str, ...]:
    """As `_run`, and skip unless the tail has the last cell: the kernel has a history."""
    codes = _run(kernel, *words)
    if codes[-1] not in stored_texts(kernel, MANY):
        raise Skip("a cell that was run is not in the tail of the history (HIST-02)")
    return codes


def _texts(found: tuple[Entry, ...]) -> list[str]:
    return [str(value) for *_, value in found]


def _one_session(found: tuple[Entry, ...]) -> None:
    """Skip the check unless all of a tail is of one session: kernels may share a history."""
    if len({session for session, *_ in found}) > 1:
        raise Skip("another kernel has written into the same history meanwhile")


def _got(response: Response) -> list[str]:
    return _texts(entries(response.succeeded()))


@check(
    "HIST-01.1",
    "a tail request gets a history_reply",
    snippets=("print",),
)
def tail_is_answered(kernel: Testee) -> Outcome:
    _run_stored(kernel, new_name())
    response = ask_history(kernel, "tail", **FIELDS["tail"])
    if response.status != "ok" or response.replied().msg_type != "history_reply":
        return failed("a history_reply with status ok", f"status {response.status!r}", response)
    return passed()


@check(
    "HIST-02.1",
    "the tail has the last n cells, and no other",
    snippets=("print",),
    mistake="There is no history, and no answer that says so.",
)
def tail(kernel: Testee) -> Outcome:
    codes = _run(kernel, *(new_name() for _ in range(5)))
    response = ask_history(kernel, "tail", n=3)
    reply = response.replied()
    # A reply that has no status at all is for SHELL-09.
    if reply.content.get("status", "ok") != "ok":
        return failed("status ok", f"status {reply.status!r}", response)
    if not entries(reply):
        # Whether a kernel has a history at all, the text leaves to it.
        return note("the kernel keeps no history: after five cells it has none of them")
    _one_session(entries(reply))
    found = _texts(entries(reply))
    if sorted(found) != sorted(codes[-3:]):
        return failed(repr(list(codes[-3:])), repr(found), response)
    return passed()


def _session_and_lines(kernel: Testee, codes: tuple[str, ...]) -> tuple[int, list[int]]:
    """Return the session in which *codes* were run, and their lines."""
    places = {
        str(value): (session, line)
        for session, line, value in entries(ask_history(kernel, "tail", n=MANY).succeeded())
    }
    if not all(code in places for code in codes):
        raise Skip("the tail does not have the last cells (HIST-02)")
    return places[codes[0]][0], [places[code][1] for code in codes]


def _range(kernel: Testee, codes: tuple[str, ...]) -> tuple[Response, list[str]]:
    """Ask for all of *codes* but the last, by the number of the session."""
    session, lines = _session_and_lines(kernel, codes)
    response = ask_history(kernel, "range", session=session, start=lines[0], stop=lines[-1])
    return response, _got(response)


@check(
    "HIST-03.1",
    "a range has the cells from start on, and none before it",
    snippets=("print",),
    mistake="The whole session is sent, whatever start and stop.",
)
def range_of_session(kernel: Testee) -> Outcome:
    codes = _run_stored(kernel, *(new_name() for _ in range(5)))
    response, found = _range(kernel, codes[1:])
    if codes[0] in found or not set(codes[1:-1]) <= set(found):
        return failed(repr(list(codes[1:-1])), repr(found), response)
    return passed()


@check("HIST-03.2", "a range does not have the cell at stop", snippets=("print",))
def range_excludes_stop(kernel: Testee) -> Outcome:
    codes = _run_stored(kernel, *(new_name() for _ in range(4)))
    response, found = _range(kernel, codes)
    if codes[0] not in found:
        raise Skip("the range does not have its first cell (HIST-03.1)")
    if codes[-1] in found:
        return note(
            "stop is included; the text leaves that open (AMB-45)",
            expected=repr(list(codes[:-1])),
            got=repr(found),
            evidence=(response,),
        )
    return passed()


@check(
    "HIST-03.3",
    "a range of a session that there never was has no cells of this one",
    snippets=("print",),
)
def range_of_another_session(kernel: Testee) -> Outcome:
    codes = _run_stored(kernel, *(new_name() for _ in range(2)))
    session, lines = _session_and_lines(kernel, codes)
    fields = {"start": lines[0], "stop": lines[-1]}
    if codes[0] not in _got(ask_history(kernel, "range", session=session, **fields)):
        raise Skip("the range does not have its first cell (HIST-03.1)")
    response = ask_history(kernel, "range", session=session + 1_000_000, **fields)
    if response.status == "error":
        return passed()
    if codes[0] in _got(response):
        return failed("no cells of this session", "some", response)
    return passed()


def _search(kernel: Testee, pattern: str, **fields: object) -> tuple[Response, list[str]]:
    response = ask_history(kernel, "search", pattern=pattern, **fields)
    return response, _got(response)


@check(
    "HIST-04.1",
    "a search with the wildcard * finds what matches, and nothing else",
    snippets=("print",),
    mistake="The pattern is taken literally.",
)
def star(kernel: Testee) -> Outcome:
    word, other = new_name(), new_name()
    code, _ = _run_stored(kernel, word, other)
    response, found = _search(kernel, f"*{word}*", n=20)
    return passed() if found == [code] else failed(repr([code]), repr(found), response)


@check("HIST-04.2", "the wildcard ? stands for one character", snippets=("print",))
def question_mark(kernel: Testee) -> Outcome:
    word = new_name()
    one, two, _ = _run_stored(kernel, f"{word}axb", f"{word}ayb", f"{word}axxb")
    response, found = _search(kernel, f"*{word}a?b*", n=20)
    if sorted(found) != sorted([one, two]):
        return failed(repr([one, two]), repr(found), response)
    return passed()


@check("HIST-04.3", "a search gives the last n cells that match", snippets=("print",))
def last_that_match(kernel: Testee) -> Outcome:
    word = new_name()
    codes = _run_stored(kernel, *(f"{word}{letter}" for letter in "abcd"))
    response, found = _search(kernel, f"*{word}*", n=2)
    if sorted(found) != sorted(codes[-2:]):
        return failed(repr(list(codes[-2:])), repr(found), response)
    return passed()


def _search_repeated(kernel: Testee, **fields: object) -> tuple[Response, list[str], str]:
    word = new_name()
    codes = _run_stored(kernel, f"{word}a", f"{word}b", f"{word}a", f"{word}b", f"{word}a")
    response, found = _search(kernel, f"*{word}*", n=20, **fields)
    return response, found, codes[0]


@check("HIST-05.1", "a search with unique true leaves out duplicates", snippets=("print",))
def unique(kernel: Testee) -> Outcome:
    response, found, code = _search_repeated(kernel, unique=True)
    if len(found) != 2 or found.count(code) != 1:
        return failed("each of two cells once", repr(found), response)
    return passed()


@check("HIST-05.2", "a search with unique false keeps duplicates", snippets=("print",))
def not_unique(kernel: Testee) -> Outcome:
    response, found, code = _search_repeated(kernel, unique=False)
    if found.count(code) != 3:
        return failed("the cell that ran three times three times", repr(found), response)
    return passed()


@check("HIST-05.3", "a search without unique keeps duplicates", snippets=("print",))
def unique_by_default(kernel: Testee) -> Outcome:
    response, found, code = _search_repeated(kernel)
    if found.count(code) != 3:
        return failed("the cell that ran three times three times", repr(found), response)
    return passed()


@check(
    "HIST-06.1",
    "raw true gives the input as it was typed",
    snippets=("print", "rewritten"),
)
def raw(kernel: Testee) -> Outcome:
    code, found, response = _last_rewritten(kernel, raw=True)
    return passed() if found == code else failed(repr(code), repr(found), response)


@check(
    "HIST-06.2",
    "raw false gives the input as it was transformed",
    snippets=("print", "rewritten"),
    mistake="Only one form of the input is stored.",
)
def transformed(kernel: Testee) -> Outcome:
    code, found, response = _last_rewritten(kernel, raw=False)
    if found == code:
        return note(
            "the kernel keeps one form of its input, or gives one for both; only of one that "
            "keeps both does the sentence speak",
            expected="the code that the front end made of it",
            got=repr(found),
            evidence=(response,),
        )
    return passed()


def _last_rewritten(kernel: Testee, *, raw: bool) -> tuple[str, str, Response]:
    """Run a cell that the kernel rewrites; return it, and what the history has of it."""
    _run_stored(kernel, new_name())
    word = new_name()
    code = kernel.snippet("rewritten", text=word)
    kernel.peer.execute(code).succeeded()
    response = ask_history(kernel, "tail", n=1, raw=raw)
    found = _got(response)
    if len(found) != 1 or word not in found[0]:
        raise Skip("the tail does not have the last cell (HIST-02)")
    return code, found[0], response


def _has_form(kernel: Testee, *, output: bool) -> Outcome:
    _run(kernel, new_name(), new_name())
    response = ask_history(kernel, "tail", n=2, output=output)
    found = response.succeeded().content.get("history")
    if not isinstance(found, list):
        return failed("a list under 'history'", repr(found), response)
    if not found:
        raise Skip("the tail is empty (HIST-02)")
    wanted = "[session, line, [input, output]]" if output else "[session, line, input]"
    for one in found:
        if not _is_entry(one, output=output):
            return failed(wanted, repr(one), response)
    return passed()


def _is_entry(value: object, *, output: bool) -> bool:
    match value:
        case [bool(), _, _] | [_, bool(), _]:
            return False
        case [int(), int(), [str(), str() | None]]:
            return output
        case [int(), int(), str()]:
            return not output
        case _:
            return False


@check(
    "HIST-07.1",
    "history without output is a list of session, line and input",
    snippets=("print",),
    mistake="The reply is an object by session, or its entries are objects.",
)
def form_without_output(kernel: Testee) -> Outcome:
    return _has_form(kernel, output=False)


@check(
    "HIST-07.2",
    "history with output has pairs of input and output in third place",
    snippets=("print",),
)
def form_with_output(kernel: Testee) -> Outcome:
    return _has_form(kernel, output=True)


@check("HIST-08.1", "the history does not have a silent cell", snippets=("print",))
def silent_is_not_there(kernel: Testee) -> Outcome:
    return _is_not_stored(kernel, silent=True, store_history=True)


@check(
    "HIST-08.2",
    "the history does not have a cell whose store_history is false",
    snippets=("print",),
)
def unstored_is_not_there(kernel: Testee) -> Outcome:
    return _is_not_stored(kernel, silent=False, store_history=False)


def _is_not_stored(kernel: Testee, *, silent: bool, store_history: bool) -> Outcome:
    code = kernel.snippet("print", text=new_name())
    cell = kernel.peer.execute(code, silent=silent, store_history=store_history)
    cell.succeeded()
    _run_stored(kernel, new_name())
    if code in stored_texts(kernel):
        return failed("a history without the cell", "it is there", cell)
    return passed()


def _session(kernel: Testee, code: str) -> int | None:
    """Return the session in which *code* was run, None if it is not in the history."""
    found = entries(ask_history(kernel, "tail", n=MANY).succeeded())
    return next((session for session, _, value in found if value == code), None)


@check(
    "HIST-09.1",
    "a kernel that is started later has a higher session number",
    fresh=True,
    process=True,
    snippets=("print",),
    slow=True,
)
def sessions_grow(kernel: Testee) -> Outcome:
    (before,) = _run_stored(kernel, new_name())
    first = _session(kernel, before)
    # The history may be written when the kernel ends, so it ends before the next one starts.
    kernel.peer.send("shutdown_request", {"restart": False}, channel=Channel.CONTROL)
    with suppress(LaunchError):
        kernel.own_process().wait(kernel.patience)
    with kernel.another() as other:
        (after,) = _run_stored(other, new_name())
        second, kept = _session(other, after), _session(other, before) is not None
    if first is None or second is None:
        raise Skip("a cell that was run is not in the tail of the history (HIST-02)")
    if second > first:
        return passed()
    if not kept:
        return note("each start has a history of its own", got=f"{first}, then {second}")
    return failed(f"a session number above {first}", f"{second}")


@check(
    "HIST-10.1",
    "which access types the kernel serves",
    snippets=("print",),
)
def access_types(kernel: Testee) -> Outcome:
    _run_stored(kernel, new_name())
    asked = {one: ask_history(kernel, one, **fields) for one, fields in FIELDS.items()}
    if (wrong := not_alive(kernel)) is not None:
        return wrong
    refused = [one for one, response in asked.items() if response.status != "ok"]
    if refused:
        return note(f"not {' and not '.join(refused)}", evidence=asked.values())
    return passed()


@check(
    "HIST-11.1",
    "an unknown access type gets an error reply",
    snippets=("print",),
    mistake="The reply is an empty history.",
)
def unknown_access_type(kernel: Testee) -> Outcome:
    _run_stored(kernel, new_name())
    draft = kernel.peer.draft("history_request", {"hist_access_type": "assay", "n": 1})
    response = kernel.peer.ask(draft.with_content(output=False, raw=True).unjudged())
    if (wrong := not_alive(kernel)) is not None:
        return wrong
    if response.status == "error":
        return passed()
    got = response.answer
    return note(
        "the text leaves it open (AMB-45)",
        expected="an error reply",
        got=got,
        evidence=(response,),
    )


@check("HIST-12.1", "the tail is in ascending order", snippets=("print",))
def ascending(kernel: Testee) -> Outcome:
    codes = _run_stored(kernel, *(new_name() for _ in range(4)))
    response = ask_history(kernel, "tail", n=4)
    found = _got(response)
    if sorted(found) != sorted(codes):
        raise Skip("the tail does not have the last cells (HIST-02)")
    return passed() if found == list(codes) else failed(repr(list(codes)), repr(found), response)
