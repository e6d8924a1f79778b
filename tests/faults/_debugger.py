"""A small debugger: breakpoints on the lines of cells, and Jupyter's additions to the DAP."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults._language import LanguageError, show
from tests.faults._wire import Fields, Incoming

if TYPE_CHECKING:
    from tests.faults._cell import Cell
    from tests.faults._kernel import Kernel

SEED = 0xC70F6907

THREAD = 1


def murmur2(data: bytes, seed: int) -> int:
    """Return the 32-bit hash MurmurHash2 of *data*."""
    factor, mask = 0x5BD1E995, 0xFFFFFFFF
    value = (seed ^ len(data)) & mask
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        word = int.from_bytes(data[at : at + 4], "little") * factor & mask
        word = (word ^ word >> 24) * factor & mask
        value = (value * factor & mask) ^ word
    if data[whole:]:
        value = (value ^ int.from_bytes(data[whole:], "little")) * factor & mask
    value = (value ^ value >> 13) * factor & mask
    return value ^ value >> 15


class Debugger:
    """The debugger of one kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.started = False
        self.breakpoints: dict[str, list[Fields]] = {}
        self.stopped_at: int | None = None
        self.resumed = True
        self.sequence = 0
        self.folder = Path(tempfile.gettempdir()) / "assay_faults"
        self._lock = threading.Lock()

    def path(self, code: str) -> str:
        """Return the path that stands for a cell."""
        return f"{self.folder}/{murmur2(code.encode('utf-8', 'replace'), SEED)}.tiny"

    def reached(self, cell: Cell, line: int) -> None:
        """Stop at a line of a cell if it has a breakpoint."""
        if not self.started or not self.breakpoints:
            return
        lines = [point.get("line") for point in self.breakpoints.get(self.path(cell.code), ())]
        if line in lines:
            self.stop(cell, line)

    def stop(self, cell: Cell, line: int) -> None:
        """Tell that a line was reached, and wait until the client goes on."""
        self.stopped_at, self.resumed = line, False
        body = {"reason": "breakpoint", "threadId": THREAD, "allThreadsStopped": True}
        self.event("stopped", body, cell.request)
        try:
            cell.lane.pause(None, until=lambda: self.resumed)
        finally:
            self.stopped_at = None

    def event(self, name: str, body: Fields, cause: Incoming | None) -> None:
        """Publish an event."""
        content: Fields = {"type": "event", "seq": self.number(), "event": name, "body": body}
        self.kernel.publish("debug_event", content, cause)

    def number(self) -> int:
        """Return the next sequence number."""
        with self._lock:
            self.sequence += 1
            return self.sequence

    def request(self, request: Incoming, asked: Fields) -> Fields:
        """Return the response to a request."""
        command = str(asked["command"])
        serve: Callable[[Fields, Incoming], Fields] | None
        serve = getattr(self, f"do_{command}", None)
        made: Fields = {
            "type": "response",
            "seq": self.number(),
            "request_seq": asked["seq"],
            "command": command,
        }
        arguments = asked["arguments"]
        if serve is None or not isinstance(arguments, dict):
            return made | {"success": False, "message": f"no command {command}", "body": {}}
        try:
            return made | {"success": True, "body": serve(arguments, request)}
        except LanguageError as error:
            return made | {"success": False, "message": error.text, "body": {}}

    # Commands of the Debug Adapter Protocol.

    def do_initialize(self, arguments: Fields, request: Incoming) -> Fields:  # noqa: ARG002
        """Tell what the debugger can do."""
        self.event("initialized", {}, request)
        return {"supportsConfigurationDoneRequest": True}

    def do_attach(self, arguments: Fields, request: Incoming) -> Fields:  # noqa: ARG002
        """Start."""
        self.started = True
        return {}

    do_launch = do_attach

    def do_configurationDone(self, arguments: Fields, request: Incoming) -> Fields:  # noqa: ARG002, N802
        """Accept that the client is ready."""
        return {}

    def do_disconnect(self, arguments: Fields, request: Incoming) -> Fields:  # noqa: ARG002
        """Stop debugging."""
        self.started = False
        self.breakpoints.clear()
        self.go_on()
        return {}

    do_terminate = do_disconnect

    def do_setBreakpoints(self, arguments: Fields, request: Incoming) -> Fields:  # noqa: ARG002, N802
        """Set the breakpoints of a file."""
        source = arguments.get("source")
        path = source.get("path") if isinstance(source, dict) else None
        points = arguments.get("breakpoints")
        if not isinstance(path, str) or not isinstance(points, list):
            raise LanguageError("DebugError", "wanted a source and breakpoints")
        self.breakpoints[path] = [point for point in points if isinstance(point, dict)]
        if not points:
            del self.breakpoints[path]
        return {"breakpoints": [{"verified": True, **point} for point in points]}

    def do_setExceptionBreakpoints(self, arguments: Fields, request: Incoming) -> Fields:  # noqa: ARG002, N802
        """Accept the filters."""
        return {}

    def do_threads(self, arguments: Fields, request: Incoming) -> Fields:  # noqa: ARG002
        """List the one thread."""
        return {"threads": [{"id": THREAD, "name": "MainThread"}]}

    def do_stackTrace(self, arguments: Fields, request: Incoming) -> Fields:  # noqa: ARG002, N802
        """List the one frame of a cell that stands at a breakpoint."""
        if self.stopped_at is None:
            return {"stackFrames": [], "totalFrames": 0}
        frame = {"id": 1, "name": "cell", "line": self.stopped_at, "column": 1}
        return {"stackFrames": [frame], "totalFrames": 1}

    def do_scopes(self, arguments: Fields, request: Incoming) -> Fields:  # noqa: ARG002
        """List the one scope."""
        return {"scopes": [{"name": "Globals", "variablesReference": 1, "expensive": False}]}

    def do_variables(self, arguments: Fields, request: Incoming) -> Fields:  # noqa: ARG002
        """List the variables."""
        return {"variables": self.variables()}

    def do_source(self, arguments: Fields, request: Incoming) -> Fields:  # noqa: ARG002
        """Return the text of a file."""
        source = arguments.get("source")
        path = Path(str(source.get("path"))) if isinstance(source, dict) else Path()
        if not path.is_file():
            raise LanguageError("DebugError", "there is no such file")
        return {"content": path.read_text(encoding="utf-8")}

    def do_continue(self, arguments: Fields, request: Incoming) -> Fields:  # noqa: ARG002
        """Go on."""
        self.go_on()
        self.event("continued", {"threadId": THREAD, "allThreadsContinued": True}, request)
        return {"allThreadsContinued": True}

    def do_next(self, arguments: Fields, request: Incoming) -> Fields:  # noqa: ARG002
        """Go on; there are no steps."""
        self.go_on()
        return {}

    do_stepIn = do_stepOut = do_next  # noqa: N815

    def go_on(self) -> None:
        """Let the cell run."""
        self.resumed = True
        for lane in list(self.kernel.lanes.values()):
            lane.notify()

    # Additions of Jupyter.

    def do_dumpCell(self, arguments: Fields, request: Incoming) -> Fields:  # noqa: ARG002, N802
        """Write a cell to the file that stands for it."""
        code = str(arguments.get("code", ""))
        path = self.path(code)
        self.folder.mkdir(exist_ok=True)
        Path(path).write_text(code, encoding="utf-8", errors="replace")
        return {"sourcePath": path}

    def do_debugInfo(self, arguments: Fields, request: Incoming) -> Fields:  # noqa: ARG002, N802
        """Tell the state of the debugger."""
        points = [
            {"source": source, "breakpoints": points} for source, points in self.breakpoints.items()
        ]
        return {
            "isStarted": self.started,
            "hashMethod": "Murmur2",
            "hashSeed": SEED,
            "tmpFilePrefix": f"{self.folder}/",
            "tmpFileSuffix": ".tiny",
            "breakpoints": points,
            "stoppedThreads": [] if self.stopped_at is None else [THREAD],
            "richRendering": True,
            "exceptionPaths": [],
            "copyToGlobals": True,
        }

    def do_inspectVariables(self, arguments: Fields, request: Incoming) -> Fields:  # noqa: ARG002, N802
        """List the user's variables."""
        return {"variables": self.variables()}

    def variables(self) -> list[Fields]:
        """Return the user's variables."""
        return [
            {
                "name": name,
                "variablesReference": 0,
                "value": show(value),
                "type": type(value).__name__,
            }
            for name, value in list(self.kernel.names.items())
        ]

    def do_richInspectVariables(self, arguments: Fields, request: Incoming) -> Fields:  # noqa: ARG002, N802
        """Show one variable."""
        name = arguments.get("variableName")
        if name not in self.kernel.names:
            raise LanguageError("DebugError", f"there is no variable {name}")
        return {"data": {"text/plain": show(self.kernel.names[str(name)])}, "metadata": {}}

    def do_copyToGlobals(self, arguments: Fields, request: Incoming) -> Fields:  # noqa: ARG002, N802
        """Copy a variable of the frame; all are global here."""
        source, name = str(arguments.get("srcVariableName")), arguments.get("dstVariableName")
        if source not in self.kernel.names:
            raise LanguageError("DebugError", f"there is no variable {source}")
        self.kernel.names[str(name)] = value = self.kernel.names[source]
        return {"value": show(value), "type": type(value).__name__, "variablesReference": 0}
