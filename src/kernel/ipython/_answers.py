"""What IPython says as the protocol has it, for any thread.

A completion or a description runs the user's code, in the thread that asks. That code may never end
in a thread of the user's, which therefore keeps neither cells nor questions waiting. IPython's
connection to the history may be used by every thread, and sqlite lets one of them in at a time.
Where a configuration binds it to its thread, another thread reads by a connection of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from threading import RLock  # by name: gevent replaces the module's
from typing import TYPE_CHECKING, Any

from IPython.utils.tokenutil import token_at_cursor

from assay import protocol
from assay.kernel._errors import UnavailableError
from assay.kernel.ipython._alone import InTime
from assay.kernel.ipython._history_file import HistoryReader, database_error
from assay.kernel.ipython._quiet import allow_provisional
from assay.kernel.ipython.speedups._highlighting import spare_html
from assay.kernel.process._main_thread import is_main_thread
from assay.protocol import UNSET, ContentError

if TYPE_CHECKING:
    from assay.kernel.ipython._shell import ZMQInteractiveShell
    from assay.protocol import Json

__all__ = ["complete_reply", "history_reply", "inspect_reply", "is_complete_reply"]

COMPLETION_EXTRAS = "_jupyter_types_experimental"
"""Where clients look for the kind and signature of a completion (COMPLETE-11)."""

MAX_COMPLETIONS = 10_000

MAX_LINE = 10_000
"""Characters between the cursor and the beginning of its line. One of IPython's patterns takes time
in proportion to their square, a third of a second for so many, and lets nothing else run meanwhile:
with millions, neither an interrupt nor a shutdown nor the parent's end would be noticed."""

_completing = RLock()
"""Held by who completes: IPython's completer has state of its own, and jedi changes for moments
which warnings the process shows. What is asked of the user meanwhile may complete as well."""

WAIT_S, THREAD_WAIT_S = 0.3, 3.0
"""How long a request, or a thread of the user's, waits for who completes; then nothing is found."""

MOST = 2**62
"""More cells than any history has; SQLite knows no number above twice as many."""


def complete_reply(
    shell: ZMQInteractiveShell, code: str, cursor_pos: int, *, in_thread: bool = False
) -> protocol.CompleteReply:
    """Complete with IPython's completer; *in_thread* for a thread of the user's."""
    nothing = protocol.CompleteReply(matches=(), cursor_start=cursor_pos, cursor_end=cursor_pos)
    if cursor_pos - code.rfind("\n", 0, cursor_pos) > MAX_LINE:
        return nothing
    completer = shell.Completer  # imports what comes next
    from IPython.core.completer import rectify_completions  # noqa: PLC0415

    with InTime(_completing, THREAD_WAIT_S if in_thread else WAIT_S) as is_our_turn:
        if not is_our_turn:
            return nothing
        allow_provisional()
        with shell.unseen if in_thread else shell.own_work:
            found = completer.completions(code, cursor_pos)
            completions = list(rectify_completions(code, found))[:MAX_COMPLETIONS]
    extras: list[Json] = [
        {
            "start": completion.start,
            "end": completion.end,
            "text": completion.text,
            "type": completion.type,
            "signature": completion.signature,
        }
        for completion in completions
    ]
    start, end = (
        (completions[0].start, completions[0].end) if completions else (cursor_pos, cursor_pos)
    )
    return protocol.CompleteReply(
        matches=tuple(completion.text for completion in completions),
        cursor_start=start,
        cursor_end=end,
        metadata={COMPLETION_EXTRAS: extras},
    )


def inspect_reply(
    shell: ZMQInteractiveShell,
    code: str,
    cursor_pos: int,
    detail_level: int,
    omitted: Sequence[str],
    *,
    in_thread: bool = False,
) -> protocol.InspectReply:
    """Describe the name at the cursor, or the one whose call it stands in.

    *in_thread* for a thread of the user's.
    """
    name = token_at_cursor(code, cursor_pos)
    wants_html = shell.enable_html_pager
    try:
        with (
            shell.unseen if in_thread else shell.own_work,
            nullcontext() if wants_html else spare_html(),
        ):
            bundle = shell.object_inspect_mime(
                name, detail_level=detail_level, omit_sections=omitted
            )
    except KeyError:
        return protocol.InspectReply(found=False)
    if not wants_html:
        bundle.pop("text/html", None)
    return protocol.InspectReply(found=True, data=bundle)


def history_reply(manager: Any, request: protocol.HistoryRequest) -> protocol.HistoryReply:
    """Return what *request* asks for of the history of *manager*.

    Raises:
        ContentError: a field that this kind of access needs is missing.
        UnavailableError: the file cannot be read, such as one that another process has locked.
    """
    try:
        return _reply(manager, request)
    except database_error() as error:
        raise UnavailableError(f"history: {manager.hist_file} cannot be read: {error}") from error


def _reply(manager: Any, request: protocol.HistoryRequest) -> protocol.HistoryReply:
    flags = {"raw": request.raw, "output": request.output}
    entries: Iterable[tuple[int, int, Any]]
    reader = manager if is_main_thread() or _is_for_any_thread(manager) else _own_reader(manager)
    match request.hist_access_type:
        case "tail":
            entries = reader.get_tail(_number(request, "n"), include_latest=True, **flags)
        case "range":
            session = _number(request, "session", 0)
            start, stop = _number(request, "start", 1), request.stop
            stop = _within(stop) if isinstance(stop, int) else None
            present = session in {0, manager.session_number}
            entries = (manager if present else reader).get_range(session, start, stop, **flags)
        case "search":
            pattern = request.pattern
            entries = reader.search(
                pattern if isinstance(pattern, str) else "*",
                n=_within(request.n) if isinstance(request.n, int) else None,
                unique=request.unique,
                **flags,
            )
    # The running session is 0 to IPython; clients are sent its number (AMB-45).
    current = manager.session_number
    found = [(session or current, line, text) for session, line, text in entries]
    # Where others write to the same file, IPython puts the present session last (HIST-12).
    found.sort(key=lambda entry: entry[:2])
    return protocol.HistoryReply(history=tuple(found))


def is_complete_reply(status: Any, indent: int | None, code: str) -> protocol.IsCompleteReply:
    """Return IPython's answer to whether *code* is complete."""
    # IPython waits for more after a NUL since Python 3.12. To a cell's magic it is a character.
    if "\0" in code and not code.lstrip().startswith("%%"):
        status = "invalid"
    if status == "incomplete":
        return protocol.IsCompleteReply(status="incomplete", indent=" " * (indent or 0))
    return protocol.IsCompleteReply(status=status)


def _is_for_any_thread(manager: Any) -> bool:
    return not manager.enabled or manager.connection_options.get("check_same_thread", True) is False


def _own_reader(manager: Any) -> Any:
    """Return what reads the same file; cells that have not been written yet are missing."""
    return HistoryReader(hist_file=manager.hist_file, config=manager.config)


def _within(number: int) -> int:
    return max(-MOST, min(number, MOST))


def _number(request: protocol.HistoryRequest, name: str, default: int | None = None) -> int:
    value = getattr(request, name)
    if isinstance(value, int):
        return _within(value)
    if default is not None and (value is UNSET or value is None):
        return default
    raise ContentError(
        f"{name}: wanted an integer for {request.hist_access_type}, found none",
        requirement="HIST-01",
    )
