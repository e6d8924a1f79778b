"""Faults on control, in the debugger and in subshells."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterable

from tests.faults._cell import Cell
from tests.faults._debugger import Debugger
from tests.faults._kernel import Kernel
from tests.faults._lane import Lane
from tests.faults._language import LanguageError
from tests.faults._start import Start
from tests.faults._table import (
    Change,
    Row,
    both,
    fault,
    gone,
    having,
    of,
    on,
    published,
    renamed,
    spoil,
    with_content,
    with_parent,
    within,
    within_without,
    without,
)
from tests.faults._wire import CONTROL, IOPUB, SHELL, Fields, Incoming, Outgoing

SHUT_DOWN = of("shutdown_reply")
BROADCAST = both(published, lambda m: m.type == "shutdown_reply")
DEBUGGED = of("debug_reply")
EVENT = of("debug_event")
CREATED = of("create_subshell_reply")
LISTED = of("list_subshell_reply")


def _reply_id(message: Outgoing) -> None:
    if message.type == "shutdown_reply":
        message.header["msg_id"] = f"shutdown-{message.parent.get('msg_id')}"


def _other_restart(message: Outgoing) -> None:
    message.content["restart"] = not message.content.get("restart")


def _request_seq_off(message: Outgoing) -> None:
    message.content["request_seq"] = 0


def _breakpoints_by_file(message: Outgoing) -> None:
    body = message.content.get("body")
    points = body.get("breakpoints") if isinstance(body, dict) else None
    if isinstance(body, dict) and isinstance(points, list):
        by_file = {one["source"]: one["breakpoints"] for one in points}
        message.content["body"] = body | {"breakpoints": by_file}


def _variables_less(key: str) -> Change:
    def change(message: Outgoing) -> None:
        body = message.content.get("body")
        found = body.get("variables") if isinstance(body, dict) else None
        if isinstance(found, list):
            less = [{name: one[name] for name in one if name != key} for one in found]
            message.content["body"] = {"variables": less}

    return change


def _first_variable(message: Outgoing) -> None:
    body = message.content.get("body")
    if isinstance(body, dict):
        message.content["body"] = {"variables": body["variables"][:1]}


def _subshell_in_header(message: Outgoing) -> None:
    if "subshell_id" in message.parent:
        message.header["subshell_id"] = message.parent["subshell_id"]


def _main_listed(message: Outgoing) -> None:
    found = message.content.get("subshell_id")
    message.content["subshell_id"] = ["main", *found] if isinstance(found, list) else found


ROWS: tuple[Row, ...] = (
    spoil("ctrl-shutdown-other-restart", "CTRL-04", "A shutdown turns `restart` round.",
          SHUT_DOWN, _other_restart),
    spoil("ctrl-shutdown-no-restart", "CTRL-04", "A `shutdown_reply` has no `restart`.",
          SHUT_DOWN, without("restart")),
    spoil("ctrl-shutdown-restart-text", "CTRL-04", "Its `restart` is text.", SHUT_DOWN,
          with_content(restart="false")),
    spoil("ctrl-shutdown-unanswered", "CTRL-04", "It ends on a shutdown and does not reply.",
          both(SHUT_DOWN, on(CONTROL)), gone),
    spoil("ctrl-shutdown-error", "CTRL-04", "A shutdown is answered with an error.",
          both(SHUT_DOWN, on(CONTROL)),
          with_content(status="error", ename="E", evalue="", traceback=[])),
    spoil("ctrl-no-broadcast", "CTRL-07", "A shutdown is not broadcast.", BROADCAST, gone),
    spoil("ctrl-broadcast-same-id", "CTRL-07 HDR-02", "Its broadcast has the id of the reply.",
          lambda m: m.type == "shutdown_reply", _reply_id),
    spoil("ctrl-no-status", "CTRL-03 SHELL-06", "Busy and idle are not published for control.",
          both(of("status"), lambda m: m.cause is not None and m.cause.channel == CONTROL), gone),
    spoil("ctrl-status-without-parent", "CTRL-03", "They have no parent.",
          both(of("status"), lambda m: m.cause is not None and m.cause.channel == CONTROL),
          with_parent({})),
    spoil("ctrl-interrupt-unanswered", "CTRL-09 CTRL-10", "An interrupt_request gets no reply.",
          of("interrupt_reply"), gone),
    spoil("ctrl-interrupt-error", "CTRL-09 CTRL-10", "It is answered with an error.",
          of("interrupt_reply"),
          with_content(status="error", ename="E", evalue="", traceback=[])),
    spoil("ctrl-interrupt-no-status", "CTRL-09 SHELL-09", "An `interrupt_reply` is empty.",
          of("interrupt_reply"), without("status")),
    # The debugger.
    spoil("debug-no-type", "DEBUG-04", "A response has no `type`.", DEBUGGED, without("type")),
    spoil("debug-no-seq", "DEBUG-04", "A response has no `seq`.", DEBUGGED, without("seq")),
    spoil("debug-no-request-seq", "DEBUG-04", "It has no `request_seq`.", DEBUGGED,
          without("request_seq")),
    spoil("debug-other-request-seq", "DEBUG-04", "Its `request_seq` is another.", DEBUGGED,
          _request_seq_off),
    spoil("debug-no-command", "DEBUG-04", "It has no `command`.", DEBUGGED, without("command")),
    spoil("debug-no-success", "DEBUG-04", "It has no `success`.", DEBUGGED, without("success")),
    spoil("debug-type-reply", "DEBUG-02", "Responses have the type `reply`.", DEBUGGED,
          with_content(type="reply")),
    spoil("debug-empty", "DEBUG-02 DEBUG-04", "Responses are empty.", DEBUGGED,
          lambda m: m.content.clear()),
    spoil("debug-event-other-type", "DEBUG-03", "Events are published as `debug_reply`.", EVENT,
          renamed("debug_reply")),
    spoil("debug-event-no-name", "DEBUG-03", "Events have no `event`.", EVENT, without("event")),
    spoil("debug-event-no-type", "DEBUG-03", "Events have no `type`.", EVENT, without("type")),
    spoil("debug-events-lost", "DEBUG-03", "Events are not published.", EVENT, gone),
    spoil("debug-dump-no-path", "DEBUG-05", "The body of dumpCell has no `sourcePath`.",
          both(DEBUGGED, having(command="dumpCell")), within_without("body", "sourcePath")),
    spoil("debug-dump-fails", "DEBUG-05", "dumpCell fails.",
          both(DEBUGGED, having(command="dumpCell")),
          with_content(success=False, message="no", body={})),
    spoil("debug-dump-other-path", "DEBUG-13", "The path of a cell cannot be computed.",
          both(DEBUGGED, having(command="dumpCell")), within("body", sourcePath="/tmp/cell.tiny")),
    spoil("debug-other-seed", "DEBUG-13", "Another seed is announced.",
          both(DEBUGGED, having(command="debugInfo")), within("body", hashSeed=1)),
    spoil("debug-no-prefix", "DEBUG-06 DEBUG-13", "debugInfo has no `tmpFilePrefix`.",
          both(DEBUGGED, having(command="debugInfo")), within_without("body", "tmpFilePrefix")),
    spoil("debug-no-hash", "DEBUG-06 DEBUG-13", "debugInfo has no `hashMethod`.",
          both(DEBUGGED, having(command="debugInfo")), within_without("body", "hashMethod")),
    spoil("debug-no-started", "DEBUG-06", "debugInfo has no `isStarted`.",
          both(DEBUGGED, having(command="debugInfo")), within_without("body", "isStarted")),
    spoil("debug-never-started", "DEBUG-06", "`isStarted` is always false.",
          both(DEBUGGED, having(command="debugInfo")), within("body", isStarted=False)),
    spoil("debug-no-breakpoints", "DEBUG-06 DEBUG-08", "debugInfo has no `breakpoints`.",
          both(DEBUGGED, having(command="debugInfo")), within_without("body", "breakpoints")),
    spoil("debug-breakpoints-forgotten", "DEBUG-07", "debugInfo lists no breakpoint.",
          both(DEBUGGED, having(command="debugInfo")), within("body", breakpoints=[])),
    spoil("debug-stopped-forgotten", "DEBUG-07", "debugInfo lists no stopped thread.",
          both(DEBUGGED, having(command="debugInfo")), within("body", stoppedThreads=[])),
    spoil("debug-breakpoints-by-file", "DEBUG-08", "The `breakpoints` are an object.",
          both(DEBUGGED, having(command="debugInfo")), _breakpoints_by_file),
    spoil("debug-variables-no-value", "DEBUG-09", "Variables have no `value`.",
          both(DEBUGGED, having(command="inspectVariables")), _variables_less("value")),
    spoil("debug-variables-no-name", "DEBUG-09", "Variables have no `name`.",
          both(DEBUGGED, having(command="inspectVariables")), _variables_less("name")),
    spoil("debug-variables-no-type", "DEBUG-09", "Variables have no `type`.",
          both(DEBUGGED, having(command="inspectVariables")), _variables_less("type")),
    spoil("debug-variables-no-reference", "DEBUG-09", "They have no `variablesReference`.",
          both(DEBUGGED, having(command="inspectVariables")),
          _variables_less("variablesReference")),
    spoil("debug-variables-first", "DEBUG-09", "Only the first variable is listed.",
          both(DEBUGGED, having(command="inspectVariables")), _first_variable),
    spoil("debug-rich-no-data", "DEBUG-10", "richInspectVariables has no `data`.",
          both(DEBUGGED, having(command="richInspectVariables")),
          within_without("body", "data")),
    spoil("debug-rich-no-metadata", "DEBUG-10", "It has no `metadata`.",
          both(DEBUGGED, having(command="richInspectVariables")),
          within_without("body", "metadata")),
    spoil("debug-rich-fails", "DEBUG-10", "It fails.",
          both(DEBUGGED, having(command="richInspectVariables")),
          with_content(success=False, message="no", body={})),
    spoil("debug-copy-fails", "DEBUG-11", "copyToGlobals is announced and fails.",
          both(DEBUGGED, having(command="copyToGlobals")),
          with_content(success=False, message="no", body={})),
    spoil("debug-unanswered", "DEBUG-02 INFO-09", "Debugging is announced and not answered.",
          DEBUGGED, gone),
    # Subshells.
    spoil("subshell-no-id", "SUBSHELL-02", "A created subshell has no id.", CREATED,
          without("subshell_id")),
    spoil("subshell-id-number", "SUBSHELL-02", "Its id is a number.", CREATED,
          with_content(subshell_id=1)),
    spoil("subshell-create-unanswered", "SUBSHELL-02", "Creating one gets no reply.", CREATED,
          gone),
    spoil("subshell-list-plural", "SUBSHELL-04", "The list is under `subshell_ids`.", LISTED,
          lambda m: m.content.update(subshell_ids=m.content.pop("subshell_id", []))),
    spoil("subshell-list-text", "SUBSHELL-04", "The list is text.", LISTED,
          lambda m: m.content.update(subshell_id=str(m.content.get("subshell_id")))),
    spoil("subshell-list-main", "SUBSHELL-05", "The list holds the main shell.", LISTED,
          _main_listed),
    spoil("subshell-in-header", "SUBSHELL-15", "Headers of replies show the subshell.",
          on(SHELL), _subshell_in_header),
    spoil("subshell-in-header-of-outputs", "SUBSHELL-15", "Headers of outputs show it.",
          on(IOPUB), _subshell_in_header),
    spoil("subshell-delete-bare-error", "SUBSHELL-17", "An unknown one has a bare error.",
          both(of("delete_subshell_reply"), having(status="error")),
          without("ename", "traceback")),
    spoil("subshell-delete-status-missing", "SUBSHELL-03 SHELL-09", "Its reply has no status.",
          of("delete_subshell_reply"), without("status")),
)  # fmt: skip


@fault("ctrl-behind-shell", "CTRL-01 INFO-03", "Control waits for the cell that runs.")
class BehindShell(Kernel):
    """One thread for both."""

    def route(self, request: Incoming) -> None:
        if request.on_control:
            self.lanes[None].put(request)
        else:
            super().route(request)


@fault("info-behind-shell", "INFO-03", "A kernel_info on control waits for the cell that runs.")
class InfoBehindShell(Kernel):
    """The answer needs the interpreter."""

    def route(self, request: Incoming) -> None:
        if request.on_control and request.type == "kernel_info_request":
            self.lanes[None].put(request)
        else:
            super().route(request)


@fault("ctrl-slow-while-busy", "CTRL-02", "Control answers seconds late while a cell runs.")
class SlowWhileBusy(Kernel):
    """It gets its turn once in a while."""

    def handle(self, request: Incoming, lane: Lane) -> None:
        if lane is self.control and self.lanes[None].current is not None:
            time.sleep(2.5)
        super().handle(request, lane)


@fault("ctrl-shutdown-ignored", "CTRL-20", "A shutdown on control is not handled at all.")
class ShutdownIgnored(Kernel):
    """A launcher ends it by force."""

    def serve(self, request: Incoming, lane: Lane) -> Fields | None:
        ignored = request.on_control and request.type == "shutdown_request"
        return None if ignored else super().serve(request, lane)

    def finished(self, request: Incoming) -> None:
        if not request.on_control:
            super().finished(request)


@fault("ctrl-shutdown-stays", "CTRL-05", "The process goes on after a shutdown.")
class ShutdownStays(Kernel):
    """A thread that is not a daemon."""

    def stop(self) -> None:
        """Go on."""


@fault("ctrl-shutdown-slow", "CTRL-05 CTRL-06", "The process ends 20 seconds after its reply.")
class ShutdownSlow(Kernel):
    """It cleans up after the reply."""

    def touch(self) -> None:
        pass

    def close(self) -> None:
        super().close()
        threading.Event().wait(20.0)
        super().touch()


@fault("ctrl-shutdown-refused-while-busy", "CTRL-08", "A shutdown waits for the cell that runs.")
class ShutdownWhileBusy(Kernel):
    """No interrupt."""

    def route(self, request: Incoming) -> None:
        if request.on_control and request.type == "shutdown_request":
            self.lanes[None].put(request)
        else:
            super().route(request)


@fault("ctrl-interrupt-ignored", "CTRL-09 EXEC-30", "An interrupt_request has no effect.")
class InterruptIgnored(Kernel):
    """It is answered with `ok` alone."""

    def on_interrupt_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:  # noqa: ARG002
        return {"status": "ok"}


@fault("ctrl-interrupt-busy-ignored", "CTRL-09", "An interrupt does not reach a busy loop.")
class BusyInterruptIgnored(Kernel):
    """Only waits are interrupted."""

    def make_cell(self, request: Incoming, lane: Lane, asked: Fields) -> Cell:
        made = super().make_cell(request, lane, asked)
        made.calls["loop"] = lambda _: self.spin()
        made.evaluator.calls = made.calls
        return made

    def spin(self) -> None:
        """Work for ever."""
        while not self.stopped:
            time.sleep(0)


@fault("ctrl-interrupt-waits", "CTRL-09 CTRL-01", "An interrupt_request waits for the cell.")
class InterruptWaits(Kernel):
    """In the queue of the shell."""

    def route(self, request: Incoming) -> None:
        if request.on_control and request.type == "interrupt_request":
            self.lanes[None].put(request)
        else:
            super().route(request)


@fault("ctrl-idle-interrupt-kills", "CTRL-10 CTRL-11", "An interrupt while idle ends the process.")
class IdleInterruptKills(Kernel):
    """An exception in the loop."""

    def interrupt(self) -> None:
        if all(lane.current is None for lane in self.lanes.values()):
            self.die(3)
        super().interrupt()


@fault("ctrl-idle-interrupt-stays", "CTRL-10 CTRL-11", "It interrupts the next cell.")
class IdleInterruptStays(Kernel):
    """A flag that waits for somebody."""

    pending = False

    def interrupt(self) -> None:
        self.pending = self.lanes[None].current is None
        super().interrupt()

    def publish_input(self, cell: Cell) -> None:
        super().publish_input(cell)
        if self.pending:
            self.pending = False
            cell.lane.interrupt()


@fault("ctrl-mute", "INFO-02 CTRL-10", "On control there is a status, and no reply.")
class ControlMute(Kernel):
    """All but a shutdown is handled, and not answered."""

    def reply(self, request: Incoming, content: Fields) -> None:
        if request.channel != CONTROL or request.type == "shutdown_request":
            super().reply(request, content)


@fault("ctrl-sigint-kills", "CTRL-11", "SIGINT ends the process.")
class SigintKills(Start):
    """No handler."""

    def install(self, kernel: Kernel) -> None:  # noqa: ARG002
        signal.signal(signal.SIGINT, signal.SIG_DFL)


@fault("ctrl-sigint-ignored", "CTRL-11 EXEC-30", "SIGINT is ignored.")
class SigintIgnored(Start):
    """Left to interrupt_request."""

    def install(self, kernel: Kernel) -> None:  # noqa: ARG002
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@fault("ctrl-stuck-after-unknown-type", "CTRL-15", "After an unknown type control is deaf.")
class StuckAfterUnknown(Kernel):
    """Its thread has ended."""

    def handle(self, request: Incoming, lane: Lane) -> None:
        if lane is self.control and not hasattr(self, f"on_{request.type}"):
            lane.close()
            return
        super().handle(request, lane)


@fault("ctrl-interrupt-not-while-asking", "CTRL-17 STDIN-12", "A prompt cannot be interrupted.")
class NotWhileAsking(Kernel):
    """The wait for the answer is uninterruptible."""

    def interrupt(self) -> None:
        asking = {prompt.cell.lane for prompt in self.prompts}
        for lane in list(self.lanes.values()):
            if lane not in asking:
                lane.interrupt()


# The debugger.


class Debugging(Kernel):
    """A kernel with another debugger."""

    debugger_class: type[Debugger] = Debugger

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type] # handed on
        self.debugger = self.debugger_class(self)


@fault("debug-blocks-control", "DEBUG-12", "Control is deaf at a breakpoint.")
class DebugBlocks(Kernel):
    """The whole process stands still."""

    def handle(self, request: Incoming, lane: Lane) -> None:
        if lane is self.control:
            end = time.monotonic() + 30.0
            while self.debugger.stopped_at is not None and time.monotonic() < end:
                time.sleep(0.01)
        super().handle(request, lane)


class Seedless(Debugger):
    """Counts cells instead of hashing them."""

    cells = 0

    def path(self, code: str) -> str:  # noqa: ARG002
        self.cells += 1
        return f"{self.folder}/{self.cells}.tiny"


@fault("debug-path-counts", "DEBUG-13", "The paths of cells are numbered.")
class PathCounts(Debugging):
    """No hash."""

    debugger_class = Seedless


class NeverStops(Debugger):
    """Sets breakpoints and passes them."""

    def reached(self, cell: Cell, line: int) -> None:
        """Go on."""


@fault("debug-never-stops", "DEBUG-03 DEBUG-07", "A breakpoint is never reached.")
class DebugNeverStops(Debugging):
    """It is set and passed."""

    debugger_class = NeverStops


@fault("debug-unannounced", "DEBUG-01", "A debugger that works is not announced.")
class DebugUnannounced(Kernel):
    """Neither in the list nor by the boolean."""

    def on_kernel_info_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:
        made = super().on_kernel_info_request(request, asked, lane)
        return made | {"debugger": False, "supported_features": ["kernel subshells"]}


# Subshells.


@fault("subshell-unannounced", "SUBSHELL-01", "Subshells that work are not announced.")
class SubshellUnannounced(Kernel):
    """Not in the list."""

    def on_kernel_info_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:
        made = super().on_kernel_info_request(request, asked, lane)
        return made | {"supported_features": ["debugger"]}


@fault("subshell-one-id", "SUBSHELL-02", "All subshells have one id.")
class OneId(Kernel):
    """A constant."""

    def on_create_subshell_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:
        made = super().on_create_subshell_request(request, asked, lane)
        self.lanes["one"] = self.lanes[str(made["subshell_id"])]
        return made | {"subshell_id": "one"}


@fault("subshell-dead", "SUBSHELL-02 SUBSHELL-07", "A subshell answers nothing.")
class DeadSubshell(Kernel):
    """Its thread never starts."""

    def on_create_subshell_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:
        made = super().on_create_subshell_request(request, asked, lane)
        self.lanes[str(made["subshell_id"])] = Lane("dead", self)
        return made


@fault("subshell-prints-nothing", "SUBSHELL-02", "What a subshell's cell prints is lost.")
class SubshellPrintsNothing(Kernel):
    """It goes to a terminal that no client sees."""

    def alter(self, message: Outgoing) -> Iterable[Outgoing]:
        cause = message.cause
        if message.type == "stream" and cause is not None and self.subshell_of(cause) is not None:
            return ()
        return super().alter(message)


@fault("subshell-stays", "SUBSHELL-03", "A deleted subshell is still listed.")
class SubshellStays(Kernel):
    """Marked, not removed."""

    def on_delete_subshell_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:
        name = str(asked["subshell_id"])
        kept = self.lanes.get(name)
        made = super().on_delete_subshell_request(request, asked, lane)
        if kept is not None:
            self.lanes[name] = kept
        return made


@fault("subshell-unsupported-errors", "SUBSHELL-06", "Without subshells, creating one is an error.")
class UnsupportedErrors(Kernel):
    """It replies where it must not."""

    features = ("debugger",)

    def serve(self, request: Incoming, lane: Lane) -> Fields | None:
        if "subshell" in request.type:
            raise LanguageError("NotImplementedError", "there are no subshells")
        return super().serve(request, lane)


@fault("subshell-ignored", "SUBSHELL-07", "All requests are handled in the main shell.")
class SubshellIgnored(Kernel):
    """The header is not read."""

    def route(self, request: Incoming) -> None:
        if request.channel == SHELL and self.subshell_of(request) in self.lanes:
            self.lanes[None].put(request)
        else:
            super().route(request)


@fault("subshell-null-refused", "SUBSHELL-07", "A `subshell_id` of null is an error.")
class NullRefused(Kernel):
    """Only a missing key is the main shell."""

    def serve(self, request: Incoming, lane: Lane) -> Fields | None:
        if request.channel == SHELL and request.header.get("subshell_id", "") is None:
            raise LanguageError("UnknownSubshellError", "there is no subshell None")
        return super().serve(request, lane)


@fault("subshell-unknown-is-main", "SUBSHELL-08", "An unknown subshell is the main shell.")
class UnknownIsMain(Kernel):
    """A default where an error is due."""

    def subshell_of(self, request: Incoming) -> str | None:
        found = super().subshell_of(request)
        return found if found in self.lanes else None


@fault("subshell-unknown-unanswered", "SUBSHELL-08", "For an unknown subshell nothing is done.")
class UnknownUnanswered(Kernel):
    """Dropped without a word."""

    def route(self, request: Incoming) -> None:
        if request.on_control or self.subshell_of(request) in self.lanes:
            super().route(request)


@fault("subshell-id-refused", "SUBSHELL-09", "A kernel without subshells drops such requests.")
class IdRefused(Kernel):
    """It takes the key seriously."""

    features = ("debugger",)

    def accept(self, request: Incoming) -> None:
        if not request.header.get("subshell_id"):
            super().accept(request)


@fault("subshell-at-once", "SUBSHELL-10", "Requests of one subshell are handled at the same time.")
class AtOnce(Kernel):
    """A thread for each request."""

    def route(self, request: Incoming) -> None:
        named = self.subshell_of(request)
        if request.channel == SHELL and named is not None and named in self.lanes:
            lane = Lane("once", self, subshell=named)
            lane.start()
            lane.put(request)
        else:
            super().route(request)


@fault("subshell-own-names", "SUBSHELL-11", "A subshell has names of its own.")
class OwnNames(Kernel):
    """Another namespace."""

    def make_cell(self, request: Incoming, lane: Lane, asked: Fields) -> Cell:
        made = super().make_cell(request, lane, asked)
        if lane.subshell is not None:
            made.evaluator.names = {}
        return made


@fault("subshell-interrupt-main", "SUBSHELL-20", "An interrupt reaches the main shell alone.")
class InterruptMain(Kernel):
    """As a signal does."""

    def interrupt(self) -> None:
        self.lanes[None].interrupt()


@fault("subshell-shutdown-waits", "SUBSHELL-12 CTRL-08", "A shutdown waits for a subshell's cell.")
class ShutdownWaits(Kernel):
    """It is queued behind it."""

    def route(self, request: Incoming) -> None:
        running = [lane for name, lane in self.lanes.items() if name is not None and lane.current]
        if request.on_control and request.type == "shutdown_request" and running:
            running[0].put(request)
        else:
            super().route(request)


@fault("subshell-one-prompt", "SUBSHELL-14", "One subshell can ask at a time.")
class OnePrompt(Kernel):
    """The first question blocks the others."""

    asking = threading.Lock()

    def ask(self, cell: Cell, prompt: str, *, password: bool) -> str:
        with self.asking:
            return super().ask(cell, prompt, password=password)


@fault("subshell-aborts-all", "SUBSHELL-16", "An exception aborts the queues of all subshells.")
class AbortsAll(Kernel):
    """One flag for all."""

    def abort_queue(self, lane: Lane) -> None:  # noqa: ARG002
        for other in list(self.lanes.values()):
            super().abort_queue(other)


@fault("subshell-unknown-deleted", "SUBSHELL-17", "Deleting an unknown subshell is `ok`.")
class UnknownDeleted(Kernel):
    """Nothing to do, all is well."""

    def on_delete_subshell_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:
        if asked["subshell_id"] in self.lanes:
            return super().on_delete_subshell_request(request, asked, lane)
        return {"status": "ok"}
