"""A debug session: the commands of the Debug Adapter Protocol, and Jupyter's additions to it.

**Theory of operation.** Everything here runs in the worker of `DebugService`, one request after the
other, but for three things: `on_event` and `on_lost` are called by the connection's reading thread,
and `begin` and `end` by the thread of a cell. They share the sets of stopped and of touched
threads, which are changed in single steps.

Most commands are debugpy's, and handed on: the answer is then a `Later`, so that a client's next
request does not wait for it (an expression may take long). What has several steps waits.

A session goes through these states:

| state       | after                  | then                                                     |
|-------------|------------------------|----------------------------------------------------------|
| none        | the start, disconnect  | dumpCell, debugInfo, source, modules, variables          |
| initialised | initialize             | what needs more attaches by itself                       |
| attached    | attach                 | everything                                               |

It is one session for all clients: the second one finds it attached (DEBUG-07).
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from threading import current_thread
from typing import TYPE_CHECKING

from attrs import frozen

from assay.kernel.debugger import _debugpy
from assay.kernel.debugger._cells import HASH_METHOD, HASH_SEED, CellFiles
from assay.kernel.debugger._connection import Connection, body_of
from assay.kernel.debugger._errors import DebuggerError
from assay.kernel.debugger._inspection import Inspection, fetch_expression
from assay.kernel.debugger._scopes import Scopes
from assay.kernel.debugger._stack import is_standard, page, step_rules, user_frames
from assay.protocol import Json, JsonObject
from assay.transport import get_logger

if TYPE_CHECKING:
    from assay.kernel._interpreter import Debuggee

__all__ = ["Later", "Session"]

logger = get_logger("assay.kernel")

STEP_LIMIT_S = 20.0
"""For each step of a command that has several. debugpy answers these in milliseconds; the rest is
for a busy machine."""

BARRIER_LIMIT_S = 10.0
"""How long the end of a cell waits for debugpy: also milliseconds."""

FORWARDED = frozenset(
    {
        "completions",
        "continue",
        "evaluate",
        "exceptionInfo",
        "goto",
        "gotoTargets",
        "next",
        "setExceptionBreakpoints",
        "setExpression",
        "setFunctionBreakpoints",
        "setVariable",
        "stepIn",
        "stepInTargets",
        "stepOut",
        "threads",
    }
)
"""The commands that are debugpy's alone."""

MOVES = frozenset({"next", "pause", "stepIn", "stepOut"})
"""After these a thread is to stop somewhere, which may be beyond the end of its cell."""

GREETINGS = frozenset({"initialized", "process"})
"""Events of an attach."""

GENERATED = "<string>"
"""The file of code that has none: Python's library generates some for the kernel, too."""

GENERATED_BY = ("<attrs generated", "<cattrs generated")
"""The same, of the libraries that the kernel uses."""

MAIN = "MainThread"
"""The name of the thread that runs the cells."""

Body = Mapping[str, Json]


@frozen
class Later:
    """An answer that comes when debugpy, or the thread that works on it, has it."""

    response: Future[JsonObject]
    """A response of the adapter protocol."""
    finish: Callable[[JsonObject], Body] = body_of
    """Makes the body of ours of it; raises `DebuggerError` if it failed."""


Answer = Body | Later


class Session:
    """The debugger of one kernel.

    Args:
        debuggee: Returns what the language has to tell; waits until it is there.
        publish: Publishes an event, by its name and body.
        interrupt: Interrupts the cell that runs; None if the kernel cannot.
        is_running: Returns True while a cell runs.
    """

    def __init__(
        self,
        *,
        debuggee: Callable[[], Debuggee],
        publish: Callable[[str, Json], None],
        interrupt: Callable[[], None] | None,
        is_running: Callable[[], bool],
    ) -> None:
        self._debuggee = debuggee
        self._publish = publish
        self._interrupt = interrupt
        self._is_running = is_running
        self._cells = CellFiles()
        self._inspection = Inspection(debuggee)
        self._connection: Connection | None = None
        self._await_debugpy: Callable[[], None] = _do_nothing
        self._capabilities: Body = {}
        self._is_attached = False
        self._asked_for: JsonObject = {}
        """The arguments of attach."""
        self._breakpoints: dict[str, list[Json]] = {}
        self._mapped: dict[str, str] = {}
        """By the path of a cell, the name that it was compiled under before there was a session."""
        self._scopes = Scopes(lambda name: self._debuggee().is_hidden(name), self._is_cell)
        self._stopped: dict[int, None] = {}
        self._touched: set[int] = set()
        """Threads that have been stopped, or are to stop, since their cell began."""
        self._own: dict[str, Callable[[JsonObject], Answer]] = {
            "attach": self._attach,
            "configurationDone": self._configuration_done,
            "copyToGlobals": self._copy_to_globals,
            "debugInfo": self._debug_info,
            "disconnect": self._disconnect,
            "dumpCell": self._dump_cell,
            "initialize": self._initialize,
            "inspectVariables": lambda _: Later(self._inspection.everything()),
            "modules": _modules,
            "pause": self._pause,
            "richInspectVariables": self._rich,
            "scopes": self._of_frame,
            "setBreakpoints": self._set_breakpoints,
            "source": self._source,
            "stackTrace": self._stack_trace,
            "terminate": self._terminate,
            "variables": self._variables,
        }

    def answer(self, command: str, arguments: JsonObject) -> Answer:
        """Return the answer to *command*.

        Raises:
            DebuggerError: it fails.
        """
        if (own := self._own.get(command)) is not None:
            return own(arguments)
        if command not in FORWARDED:
            raise DebuggerError(f"the command {command[:80]!r} is not supported")
        return self._forward(command, arguments)

    def close(self) -> None:
        """End the session, if there is one, and remove what it has written."""
        if self._connection is not None:
            self._end()
        self._cells.remove()

    # --- By the thread of a cell (`CellTracer`).

    def file_of(self, code: str) -> str:
        """Return the path that *code* is compiled under while this session is attached."""
        path = self._cells.path(code)
        return self._mapped.get(path, path)

    def begin(self) -> None:
        """Begin with a cell: it is traced, though an interrupt may have ended that."""
        if self._connection is None:
            _debugpy.release_thread()
            self._debuggee().trace_cells(None)
        else:
            _debugpy.follow_thread()

    def fail(self, error: BaseException) -> None:
        """Stop after an uncaught *error*, if the client wants that; debugpy sees it be caught."""
        if self._is_attached and isinstance(error, Exception):
            _debugpy.stop_after(error)

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Trace the caller's thread no longer, but from the end of this on."""
        # After an interrupt it is traced no more: debugpy takes it for stopped, and would stop it.
        was_traced = _debugpy.rest_thread()
        try:
            yield
        finally:
            if was_traced:
                _debugpy.follow_thread()

    def end(self) -> None:
        """End with a cell: what was to stop in it does not stop in the next.

        After an interrupt debugpy takes the thread for stopped, and after a step for stepping.
        """
        connection = self._connection
        if connection is None or not self._touched:
            return
        try:
            threads = connection.ask("threads", {}, BARRIER_LIMIT_S).get("threads")
            ident = _ident(threads, current_thread().name)
            if ident not in self._touched:
                return
            self._touched.discard(ident)
            connection.send("continue", {"threadId": ident})
            connection.ask("threads", {}, BARRIER_LIMIT_S)  # answered after that has been done
            if ident in self._stopped:
                self._on_continued({"threadId": ident})
                self._publish("continued", {"threadId": ident, "allThreadsContinued": False})
        except DebuggerError as error:
            logger.warning("debugger: the end of a cell: %s", error)

    # --- By the reading thread.

    def on_event(self, event: JsonObject) -> None:
        """Publish an event of debugpy's, and note what it says."""
        name, body = str(event.get("event")), event.get("body", {})
        details = body if isinstance(body, Mapping) else {}
        if name == "stopped":
            self._on_stopped(details)
        elif name == "continued":
            self._on_continued(details)
        elif name == "terminated" or (name == "output" and _is_own_report(details)):
            return  # of the first there is one, when the session has ended
        elif name in GREETINGS and self._is_attached:
            return
        self._publish(name, body)

    def _on_stopped(self, body: JsonObject) -> None:
        ident = body.get("threadId")
        if isinstance(ident, int):
            self._stopped[ident] = None
            self._touched.add(ident)

    def _on_continued(self, body: JsonObject) -> None:
        ident = body.get("threadId")
        if body.get("allThreadsContinued") is True:
            self._stopped = {}
        elif isinstance(ident, int):
            self._stopped.pop(ident, None)

    # --- The life of a session.

    def _initialize(self, arguments: JsonObject) -> Body:
        if self._connection is None or self._connection.is_lost:
            if self._connection is not None:
                self._end()
            self._start(arguments)
        return self._capabilities

    def _start(self, arguments: JsonObject) -> None:
        connection, self._await_debugpy = _debugpy.connect(
            on_event=self.on_event, on_lost=self._on_lost
        )
        try:
            self._capabilities = connection.ask("initialize", arguments, STEP_LIMIT_S)
        except DebuggerError:
            connection.close()
            _debugpy.disconnect()
            raise
        self._connection = connection

    def _on_lost(self) -> None:
        # By the reading thread. The rest is done by `_end`, for the next request or at the end.
        self._stopped = {}
        self._publish("terminated", {})

    def _attach(self, arguments: JsonObject) -> Body:
        connection = self._connected()
        if self._is_attached:
            return {}
        self._asked_for = arguments
        asked = _attach_arguments(arguments, self._breakpoints)
        connection.ask("attach", asked, STEP_LIMIT_S)
        connection.ask("configurationDone", {}, STEP_LIMIT_S)
        self._await_debugpy()  # its last step sets what the next sets
        folders = [f"{folder}/" for folder in self._debuggee().machinery]
        untraced: list[Json] = [*folders, *GENERATED_BY]
        connection.ask(
            "setDebuggerProperty",
            {"dontTraceStartPatterns": untraced, "dontTraceEndPatterns": []},
            STEP_LIMIT_S,
        )
        self._is_attached = True
        self._let_go(connection)
        self._debuggee().trace_cells(self)
        for path, breakpoints in self._breakpoints.items():  # of a session that was lost
            connection.ask(
                "setBreakpoints",
                {"source": {"path": path}, "breakpoints": breakpoints},
                STEP_LIMIT_S,
            )
        return {}

    def _let_go(self, connection: Connection) -> None:
        """Let no thread stop that was to stop, or stood, when an earlier session was lost."""
        threads = connection.ask("threads", {}, STEP_LIMIT_S).get("threads")
        connection.ask("continue", {"threadId": _ident(threads, MAIN)}, STEP_LIMIT_S)

    def _configuration_done(self, _: JsonObject) -> Body:
        self._attached()  # debugpy knows already: a client that reloads does not attach again
        return {}

    def _disconnect(self, arguments: JsonObject) -> Body:
        if arguments.get("terminateDebuggee") is True:
            return self._terminate(arguments)
        if self._connection is not None:
            self._end()
        self._breakpoints = {}
        return {}

    def _terminate(self, _: JsonObject) -> Body:
        # What is debugged is a cell: the kernel ends by shutdown_request.
        if self._interrupt is not None and self._is_running():
            self._interrupt()
        return self._disconnect({})

    def _end(self) -> None:
        connection, self._connection = self._connection, None
        assert connection is not None, "ended once"
        self._is_attached = False
        if not connection.is_lost:
            try:
                connection.ask("disconnect", {"terminateDebuggee": False}, STEP_LIMIT_S)
            except DebuggerError as error:
                logger.warning("debugger: %s", error)
        connection.close()
        _debugpy.disconnect()
        self._mapped, self._touched = {}, set()
        self._scopes.forget()

    def _connected(self) -> Connection:
        if self._connection is None:
            raise DebuggerError("the debugger is not started: initialize and attach come first")
        if self._connection.is_lost:
            raise DebuggerError("the connection to debugpy is lost: initialize starts it again")
        return self._connection

    def _attached(self) -> Connection:
        connection = self._connected()
        if not self._is_attached:
            self._attach({})
        return connection

    # --- Jupyter's additions.

    def _dump_cell(self, arguments: JsonObject) -> Body:
        return {"sourcePath": self._cells.dump(_text(arguments, "code"))}

    def _debug_info(self, _: JsonObject) -> Body:
        breakpoints: list[Json] = [
            {"source": path, "breakpoints": list(found)}
            for path, found in self._breakpoints.items()
        ]
        return {
            "isStarted": self._connection is not None and not self._connection.is_lost,
            "hashMethod": HASH_METHOD,
            "hashSeed": HASH_SEED,
            "tmpFilePrefix": self._cells.prefix,
            "tmpFileSuffix": self._cells.suffix,
            "breakpoints": breakpoints,
            "stoppedThreads": list(self._stopped),
            "richRendering": True,
            "exceptionPaths": ["Python Exceptions"],
            "copyToGlobals": True,
        }

    def _rich(self, arguments: JsonObject) -> Answer:
        name, frame = _text(arguments, "variableName"), arguments.get("frameId")
        if not name.isidentifier():
            raise DebuggerError(f"variableName: wanted an identifier, found {name[:80]!r}")
        if not isinstance(frame, int) or not self._stopped:
            return Later(self._inspection.rich(name))
        connection = self._attached()
        token, expression = fetch_expression(name)
        evaluated = connection.send(
            "evaluate", {"expression": expression, "frameId": frame, "context": "watch"}
        )
        return Later(self._inspection.rich_in_frame(token, evaluated))

    def _copy_to_globals(self, arguments: JsonObject) -> Answer:
        source, target = (_text(arguments, name) for name in ("srcVariableName", "dstVariableName"))
        for name in (source, target):
            if not name.isidentifier():
                raise DebuggerError(f"wanted the name of a variable, found {name[:80]!r}")
        frame = arguments.get("srcFrameId")
        return self._forward(
            "setExpression",
            {"expression": f"globals()[{target!r}]", "value": source, "frameId": frame},
        )

    # --- Commands of the adapter protocol that are changed on their way.

    def _forward(self, command: str, arguments: JsonObject) -> Later:
        connection = self._attached()
        ident = arguments.get("threadId")
        if command in MOVES and isinstance(ident, int):
            self._touched.add(ident)
        return Later(connection.send(command, arguments))

    def _pause(self, arguments: JsonObject) -> Later:
        connection = self._attached()
        threads = connection.ask("threads", {}, STEP_LIMIT_S).get("threads")
        if arguments.get("threadId") == _ident(threads, MAIN) and not self._is_running():
            raise DebuggerError("no cell runs that could be paused")
        return self._forward("pause", arguments)

    def _set_breakpoints(self, arguments: JsonObject) -> Later:
        connection = self._attached()
        source = arguments.get("source")
        path = source.get("path") if isinstance(source, Mapping) else None
        if not isinstance(path, str):
            raise DebuggerError("source.path: wanted the path of a file, found none")
        self._map(connection, path)
        if is_standard(path) and path not in self._breakpoints:
            # debugpy takes other rules no other way.
            changed = _attach_arguments(self._asked_for, [*self._breakpoints, path])
            connection.ask("attach", changed, STEP_LIMIT_S)
        asked = arguments.get("breakpoints")
        wanted = (
            [dict(one) for one in asked if isinstance(one, dict)] if isinstance(asked, list) else []
        )

        def note(response: JsonObject) -> Body:
            body = body_of(response)
            self._breakpoints[path] = _placed(wanted, body.get("breakpoints"))
            return body

        return Later(connection.send("setBreakpoints", arguments), note)

    def _map(self, connection: Connection, path: str) -> None:
        """Find what the cell of *path* was compiled under before the session began."""
        code = self._cells.code(path)
        if code is None or path in self._mapped:
            return
        names = [name for name in self._debuggee().files_of(code) if name != path]
        if not names:
            return
        whole: Json = [
            {
                "line": 1,
                "endLine": code.count("\n") + 1,
                "runtimeSource": {"path": names[0]},
                "runtimeLine": 1,
            }
        ]
        connection.ask(
            "setPydevdSourceMap",
            {"source": {"path": path}, "pydevdSourceMaps": whole},
            STEP_LIMIT_S,
        )
        self._mapped[path] = names[0]

    def _stack_trace(self, arguments: JsonObject) -> Later:
        everything = {
            name: value for name, value in arguments.items() if name not in {"startFrame", "levels"}
        }

        def filtered(response: JsonObject) -> Body:
            frames = body_of(response).get("stackFrames")
            shown = user_frames(frames if isinstance(frames, list) else [], self._is_cell)
            self._scopes.note_frames(shown)
            return page(shown, arguments)

        return Later(self._attached().send("stackTrace", everything), filtered)

    def _is_cell(self, path: str) -> bool:
        return path.startswith(self._cells.prefix) or path in self._mapped.values()

    def _variables(self, arguments: JsonObject) -> Answer:
        reference = arguments.get("variablesReference")
        if not isinstance(reference, int):
            raise DebuggerError("variablesReference: wanted a number, found none")
        if self._inspection.is_known(reference):
            start, count = (_count(arguments, name) for name in ("start", "count"))
            return Later(self._inspection.parts(reference, start, count))

        def shown(response: JsonObject) -> Body:
            return self._scopes.without_hidden(reference, body_of(response))

        return Later(self._attached().send("variables", arguments), shown)

    def _of_frame(self, arguments: JsonObject) -> Later:
        def noted(response: JsonObject) -> Body:
            body = body_of(response)
            self._scopes.note_scopes(arguments.get("frameId"), body.get("scopes"))
            return body

        return Later(self._attached().send("scopes", arguments), noted)

    def _source(self, arguments: JsonObject) -> Answer:
        reference = arguments.get("sourceReference")
        source = arguments.get("source")
        path = source.get("path") if isinstance(source, Mapping) else None
        if isinstance(path, str):
            if (content := _content(path)) is not None:
                return {"content": content}
            if not isinstance(reference, int) or reference == 0:
                raise DebuggerError(f"source unavailable: there is no file {path[:200]}")
        return self._forward("source", arguments)


def _attach_arguments(arguments: JsonObject, breakpoints: Iterable[str]) -> dict[str, Json]:
    """Return what debugpy is asked for: what the client says, and what suits a kernel.

    Only the thread that reaches a breakpoint stops: the kernel's main thread serves the client as
    well.
    """
    changed: dict[str, Json] = {"justMyCode": False, "stopAllThreadsOnSuspend": False, **arguments}
    rules = changed.get("rules")
    own = rules if isinstance(rules, list) else []
    ours = step_rules(breakpoints) if changed["justMyCode"] is False else []
    changed["rules"] = [*own, *ours, {"path": GENERATED, "include": False}]
    return changed


def _placed(wanted: Sequence[dict[str, Json]], found: Json) -> list[Json]:
    """Return the breakpoints that are set: debugpy may have put them on other lines."""
    placed: list[Json] = []
    places = found if isinstance(found, list) else []
    for number, one in enumerate(wanted):
        place = places[number] if number < len(places) else None
        line = place.get("line") if isinstance(place, dict) else None
        placed.append({**one, "line": line} if isinstance(line, int) else one)
    return placed


def _ident(threads: Json, name: str) -> int | None:
    for one in threads if isinstance(threads, list) else []:
        if isinstance(one, dict) and one.get("name") == name:
            ident = one.get("id")
            return ident if isinstance(ident, int) else None
    return None


def _is_own_report(body: JsonObject) -> bool:
    """Return True for what debugpy says where an interrupt has ended its tracing; it goes on."""
    return "raised from within the callback set in sys.settrace" in str(body.get("output"))


def _content(path: str) -> str | None:
    try:
        return Path(path).read_text("utf-8", "replace")
    except (OSError, ValueError):
        return "".join(linecache.getlines(path)) or None


def _modules(arguments: JsonObject) -> Body:
    """List what has been imported from files of Python's; debugpy knows only what has stopped."""
    found: list[Json] = []
    for number, (name, module) in enumerate(sys.modules.copy().items()):
        path = getattr(getattr(module, "__spec__", None), "origin", None)
        if isinstance(path, str) and path.endswith(".py"):
            found.append({"id": number, "name": name, "path": path})
    start, count = (_count(arguments, name) for name in ("startModule", "moduleCount"))
    end = start + count if count else len(found)
    return {"modules": found[start:end], "totalModules": len(found)}


def _count(arguments: JsonObject, name: str) -> int:
    value = arguments.get(name)
    return max(value, 0) if isinstance(value, int) else 0


def _text(arguments: JsonObject, name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str):
        raise DebuggerError(f"{name}: wanted text, found {type(value).__name__}")
    return value


def _do_nothing() -> None:
    """Do nothing: there is no session."""
