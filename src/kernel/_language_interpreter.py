"""The `Interpreter` of a `Language`: numbers, history, comms, errors, and cells that await."""

from __future__ import annotations

import fnmatch
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, get_args

from attrs import frozen

from assay.kernel._interpreter import Cell, Executed, Failed, Host, Succeeded
from assay.kernel._language import CellError, Completeness, Language, Result, bundle
from assay.kernel._tracebacks import text_of
from assay.protocol import (
    UNSET,
    CommClose,
    CommInfoReply,
    CommMsg,
    CommOpen,
    CompleteReply,
    ContentError,
    ExecuteResult,
    HistoryReply,
    HistoryRequest,
    InspectReply,
    IsCompleteReply,
    JsonObject,
    Message,
)

if TYPE_CHECKING:
    from assay.kernel.ipython._lazy_event_loop import LazyEventLoop

__all__ = ["LanguageInterpreter"]

SESSION = 1
"""The only one that is remembered, and its number."""


@frozen
class _Remembered:
    number: int
    code: str
    shown: str | None


class LanguageInterpreter:
    """A `Language` behind the seam.

    Args:
        language: Not in use elsewhere.
    """

    def __init__(self, language: Language) -> None:
        self._language = language
        self._remembered: list[_Remembered] = []
        self._count = 0
        self._loop: LazyEventLoop | None = None

    def attach(self, host: Host) -> None:
        """Begin to work for the kernel of *host*."""
        self._host = self._language.host = host
        host.on_interrupt(self._language.interrupt)
        if _is_async(self._language):
            # asyncio takes long to import: only for languages that await.
            from assay.kernel.ipython._lazy_event_loop import LazyEventLoop  # noqa: PLC0415

            self._loop = LazyEventLoop()
            host.use_loop(self._loop)
        self._language.start()

    @property
    def execution_count(self) -> int:
        """The number of the newest cell that was stored."""
        return self._count

    def is_blank(self, code: str) -> bool:
        """Return True if *code* holds nothing to run."""
        return self._language.is_blank(code)

    def execute(self, cell: Cell) -> Executed:
        """Run *cell*, and publish its result."""
        if cell.store_history:
            self._count = cell.number
        shown: str | None = None
        try:
            with self._loop.in_cell() if self._loop is not None else nullcontext():
                executed, shown = self._run(cell)
        except self._errors as error:
            executed = _failed(error)
        finally:
            if cell.store_history:
                self._remembered.append(_Remembered(cell.number, cell.code, shown))
        return executed

    def complete(self, code: str, cursor_pos: int) -> CompleteReply:
        """Complete the word before the cursor."""
        found: object = self._language.complete(code, cursor_pos)
        if isinstance(found, CompleteReply):
            return found
        if not isinstance(found, Iterable) or isinstance(found, str):
            raise self._wrong("complete", "names or a CompleteReply", found)
        names = []
        for name in found:
            if not isinstance(name, str):
                raise self._wrong("complete", "names, which are text", name)
            names.append(name)
        before = re.search(f"(?:{self._language.word})\\Z", code[:cursor_pos])
        start = before.start() if before is not None else cursor_pos
        begun = code[start:cursor_pos].casefold()
        matches = tuple(name for name in names if name.casefold().startswith(begun))
        return CompleteReply(matches=matches, cursor_start=start, cursor_end=cursor_pos)

    def inspect(self, code: str, cursor_pos: int, detail_level: int) -> InspectReply:
        """Describe what stands at the cursor."""
        found: object = self._language.inspect(code, cursor_pos, detail_level)
        if isinstance(found, InspectReply):
            return found
        if found is None:
            return InspectReply(found=False)
        if not isinstance(found, (str, Mapping)):
            wanted = "a text, a dict by MIME type, an InspectReply or None"
            raise self._wrong("inspect", wanted, found)
        return InspectReply(found=True, data=bundle(found, self._name("inspect")))

    def is_complete(self, code: str) -> IsCompleteReply:
        """Say whether *code* can be run as it stands."""
        judged = self._language.is_complete(code)
        if isinstance(judged, IsCompleteReply):
            return judged
        if judged not in get_args(Completeness):
            wanted = f"one of {', '.join(get_args(Completeness))}, or an IsCompleteReply"
            raise self._wrong("is_complete", wanted, judged)
        return IsCompleteReply(status=judged, indent="" if judged == "incomplete" else UNSET)

    def history(self, request: HistoryRequest) -> HistoryReply:
        """Return earlier cells of this session; others are not remembered."""
        found = {"tail": self._tail, "range": self._range, "search": self._search}
        return HistoryReply(
            history=tuple(
                (SESSION, one.number, (one.code, one.shown) if request.output else one.code)
                for one in found[request.hist_access_type](request)
            )
        )

    def comm(self, message: Message[CommOpen | CommMsg | CommClose]) -> None:
        """Close what is opened: there are no targets (COMM-03)."""
        if isinstance(message.content, CommOpen):
            self._host.publish(CommClose(comm_id=message.content.comm_id))

    def comm_info(self, target_name: str | None) -> CommInfoReply:  # noqa: ARG002 - the seam's
        """List no comms."""
        return CommInfoReply()

    def close(self) -> None:
        """Close the language, and cancel what it left in its event loop."""
        if self._loop is not None:
            self._loop.end()
        self._language.close()

    @property
    def _errors(self) -> tuple[type[Exception], ...]:
        return (CellError, *self._language.errors)

    def _run(self, cell: Cell) -> tuple[Executed, str | None]:
        """Return how *cell* ended, and what of its result is remembered."""
        result: object = None
        if not self._language.is_blank(cell.code):
            result = self._settled(self._language.execute(cell))
        if isinstance(result, Failed):
            return result, None
        shown: Mapping[str, object] = {}
        if isinstance(result, (str, Mapping)):
            data = shown = bundle(result, self._name("execute"))
            self._host.publish(ExecuteResult(execution_count=cell.number, data=data))
        elif result is not None and not isinstance(result, Succeeded):
            raise self._wrong("execute", "a text, a dict by MIME type or None", result)
        text = shown.get("text/plain")
        done = result if isinstance(result, Succeeded) else Succeeded()
        if cell.user_expressions:
            asked = {name: self._evaluated(text) for name, text in cell.user_expressions.items()}
            done = Succeeded(
                user_expressions={**asked, **done.user_expressions}, payload=done.payload
            )
        return done, text if isinstance(text, str) else None

    def _wrong(self, method: str, wanted: str, found: object) -> TypeError:
        """Return the error of an author's *method* that has returned something else."""
        shown = f"{found!r:.80}"
        if inspect.iscoroutine(found):
            found.close()  # else Python warns of it, somewhere
            shown = "a coroutine: only execute may be async"
        return TypeError(f"{self._name(method)}: wanted {wanted}, found {shown}")

    def _name(self, method: str) -> str:
        return f"{type(self._language).__name__}.{method}"

    def _settled(self, result: object) -> object:
        if not inspect.isawaitable(result):
            return result
        if self._loop is None:  # its `execute` does not look like it
            from assay.kernel.ipython._lazy_event_loop import LazyEventLoop  # noqa: PLC0415 - as above

            self._loop = LazyEventLoop()
            self._host.use_loop(self._loop)
            with self._loop.in_cell():
                return self._loop.run_cell(_awaited(result))
        return self._loop.run_cell(_awaited(result))

    def _evaluated(self, expression: str) -> JsonObject:
        try:
            data = bundle(self._language.evaluate(expression), self._name("evaluate"))
        except Exception as error:  # noqa: BLE001 - the user's, or the author's: the reply says so
            failed = _failed(error)
            return {
                "status": "error",
                "ename": failed.ename,
                "evalue": failed.evalue,
                "traceback": list(failed.traceback),
            }
        return {"status": "ok", "data": data, "metadata": {}}

    def _tail(self, request: HistoryRequest) -> list[_Remembered]:
        count = request.n
        if not isinstance(count, int):
            raise ContentError("n: wanted an integer for tail, found none", requirement="HIST-01")
        return self._remembered[-count:] if count > 0 else []

    def _range(self, request: HistoryRequest) -> list[_Remembered]:
        session = request.session if isinstance(request.session, int) else 0
        if session not in (0, SESSION):
            return []
        start = request.start if isinstance(request.start, int) else 1
        stop = request.stop if isinstance(request.stop, int) else self._count + 1
        return [one for one in self._remembered if start <= one.number < stop]

    def _search(self, request: HistoryRequest) -> list[_Remembered]:
        pattern = request.pattern if isinstance(request.pattern, str) else "*"
        matches = _glob(pattern)
        found = [one for one in self._remembered if matches(one.code)]
        if request.unique:
            newest = {one.code: one for one in found}
            found = sorted(newest.values(), key=lambda one: one.number)
        return found[-request.n :] if isinstance(request.n, int) and request.n > 0 else found


def _glob(pattern: str) -> Callable[[str], object]:
    """Return what tells whether a text matches *pattern*, in which only ``*`` and ``?`` count."""
    literal = pattern.replace("[", "[[]")
    return re.compile(fnmatch.translate(literal)).match


def _is_async(language: Language) -> bool:
    return inspect.iscoroutinefunction(language.execute)


def _failed(error: Exception) -> Failed:
    if isinstance(error, CellError):
        name, text, lines = error.name, error.text, error.traceback
    else:
        name, text, lines = type(error).__name__, text_of(error), ()
    return Failed(ename=name, evalue=text, traceback=lines or (f"{name}: {text}",))


async def _awaited(result: object) -> object:
    assert inspect.isawaitable(result), "looked at before"
    found: Result = await result
    return found
