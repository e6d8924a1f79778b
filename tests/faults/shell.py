"""Faults in the discipline of requests and replies, and in running code."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from tests.faults._cell import Cell
from tests.faults._kernel import Kernel
from tests.faults._lane import Lane
from tests.faults._language import NOTHING, LanguageError, Statement, statements
from tests.faults._table import (
    Row,
    both,
    caused_by,
    fault,
    gone,
    having,
    of,
    renamed,
    spoil,
    state,
    twice,
    with_content,
    without,
)
from tests.faults._wire import SHELL, STDIN, Fields, Incoming, Outgoing

ASKED = ("complete", "inspect", "history", "is_complete", "comm_info")

ON_CONTROL = ("interrupt", "debug", "create_subshell")

OUTPUTS = (
    "stream", "display_data", "update_display_data", "execute_result", "error", "clear_output",
)  # fmt: skip


def failed(message: Outgoing) -> bool:
    """Choose replies that report an error."""
    return message.type.endswith("_reply") and message.content.get("status") == "error"


def _aborted(message: Outgoing) -> bool:
    return message.cause is not None and message.cause.aborted


def _becomes_aborted(message: Outgoing) -> None:
    count = message.content.get("execution_count")
    message.content = {"status": "aborted", "execution_count": count}


def _no_status(kind: str) -> Row:
    request = f"{kind}_request"
    chosen = both(of("status"), caused_by(request))
    return spoil(
        f"shell-no-status-of-{kind.replace('_', '-')}",
        "SHELL-06" + (" CTRL-03" if kind in ON_CONTROL else ""),
        f"Busy and idle are not published for `{request}`.",
        chosen,
        gone,
    )


def _add(message: Outgoing, number: int) -> None:
    count = message.content.get("execution_count")
    if isinstance(count, int):
        message.content["execution_count"] = count + number


def _is_error(value: object) -> bool:
    return isinstance(value, dict) and value.get("status") == "error"


def _less(value: object, key: str) -> object:
    if not isinstance(value, dict):
        return value
    return {name: value[name] for name in value if name != key}


def _expressions(message: Outgoing, change: object) -> None:
    found = message.content.get("user_expressions")
    if isinstance(found, dict) and callable(change):
        message.content["user_expressions"] = {name: change(found[name]) for name in found}


def _drop_failed(message: Outgoing) -> None:
    found = message.content.get("user_expressions")
    if isinstance(found, dict):
        kept = {name: found[name] for name in found if not _is_error(found[name])}
        message.content["user_expressions"] = kept


def _payload(message: Outgoing, key: str) -> None:
    found = message.content.get("payload")
    if isinstance(found, list):
        message.content["payload"] = [_less(one, key) for one in found]


def _page(message: Outgoing) -> None:
    found = message.content.get("payload")
    if isinstance(found, list):
        html = {"data": {"text/html": "<p>"}}
        pages = [one | html if "data" in one else one for one in found]
        message.content["payload"] = pages


ROWS: tuple[Row, ...] = (
    *map(_no_status, (*ASKED, *ON_CONTROL)),
    spoil("shell-no-status-of-kernel-info", "SHELL-01", "None for `kernel_info_request`.",
          both(of("status"), caused_by("kernel_info_request")), gone),
    spoil("shell-reply-type-bare", "SHELL-03", "The type of every reply is `reply`.",
          lambda m: m.channel == SHELL and m.type.endswith("_reply"), renamed("reply")),
    spoil("shell-reply-type-of-complete", "SHELL-03", "Completion is answered by another type.",
          of("complete_reply"), renamed("completion_reply")),
    spoil("shell-reply-type-of-the-request", "SHELL-03", "Replies have the type of the request.",
          of("kernel_info_reply"), renamed("kernel_info_request")),
    spoil("shell-no-busy", "SHELL-04", "Busy is not published.", state("busy"), gone),
    spoil("shell-no-busy-of-execute", "SHELL-01 SHELL-04", "It is not published for execution.",
          both(state("busy"), caused_by("execute_request")), gone),
    spoil("shell-no-idle", "SHELL-05", "Idle is not published.", state("idle"), gone),
    spoil("shell-no-idle-of-execute", "SHELL-01 SHELL-05", "It is not published for execution.",
          both(state("idle"), caused_by("execute_request")), gone),
    spoil("shell-idle-twice", "SHELL-05", "Idle is published twice.", state("idle"), twice),
    spoil("shell-busy-twice", "SHELL-04", "Busy is published twice.", state("busy"), twice),
    spoil("shell-no-status-of-comms", "SHELL-07 COMM-07",
          "Busy and idle are not published for comm messages.",
          both(of("status"), caused_by("comm_open", "comm_msg", "comm_close")), gone),
    spoil("shell-status-missing", "SHELL-09", "An `execute_reply` has no `status`.",
          of("execute_reply"), without("status")),
    spoil("shell-status-of-info-missing", "SHELL-09", "A `kernel_info_reply` has no `status`.",
          of("kernel_info_reply"), without("status")),
    spoil("shell-status-of-complete-missing", "SHELL-09", "A `complete_reply` has no `status`.",
          of("complete_reply"), without("status")),
    spoil("shell-status-of-shutdown-missing", "SHELL-09", "A `shutdown_reply` has no `status`.",
          of("shutdown_reply"), without("status")),
    spoil("shell-status-invented", "SHELL-09", "The `status` of replies is `success`.",
          both(of("execute_reply", "kernel_info_reply"), having(status="ok")),
          with_content(status="success")),
    spoil("shell-error-without-name", "SHELL-10", "Error replies have no `ename`.", failed,
          without("ename")),
    spoil("shell-error-without-value", "SHELL-10", "Error replies have no `evalue`.", failed,
          without("evalue")),
    spoil("shell-error-without-traceback", "SHELL-10", "Error replies have no `traceback`.",
          failed, without("traceback")),
    spoil("shell-traceback-text", "SHELL-10", "The `traceback` of error replies is text.",
          failed, with_content(traceback="E: t")),
    spoil("shell-errors-with-more", "SHELL-10", "Error replies have the usual content too.",
          both(of("execute_reply"), failed), with_content(user_expressions={})),
    spoil("shell-aborted-with-more", "SHELL-11", "Aborted replies have status `aborted` and more.",
          _aborted, with_content(status="aborted")),
    spoil("shell-aborted", "SHELL-12 EXEC-21", "Aborted requests get the status `aborted`.",
          both(_aborted, of("execute_reply")), _becomes_aborted),
    spoil("shell-no-count", "SHELL-13", "An `execute_reply` has no `execution_count`.",
          of("execute_reply"), without("execution_count")),
    spoil("shell-no-count-of-errors", "SHELL-13", "One that reports an error has none.",
          both(of("execute_reply"), failed), without("execution_count")),
    spoil("shell-no-count-of-aborted", "SHELL-13", "One of an aborted request has none.",
          both(of("execute_reply"), _aborted), without("execution_count")),
    spoil("shell-count-text", "SHELL-13 HDR-18", "The `execution_count` of replies is text.",
          of("execute_reply"), with_content(execution_count="1")),
    spoil("shell-two-replies", "SHELL-14", "Every request on shell gets two replies.",
          lambda m: m.channel == SHELL and m.type.endswith("_reply"), twice),
    spoil("shell-two-execute-replies", "SHELL-14", "A cell that raises gets two replies.",
          both(of("execute_reply"), failed), twice),
    spoil("exec-no-input", "EXEC-18", "The `execute_input` is not published.",
          of("execute_input"), gone),
    spoil("exec-input-count", "EXEC-07", "The count of `execute_input` is one too high.",
          of("execute_input"), lambda m: _add(m, 1)),
    spoil("exec-input-count-before", "EXEC-07", "It is that of the cell before.",
          of("execute_input"), lambda m: _add(m, -1)),
    spoil("exec-reply-count", "EXEC-07", "The count of `execute_reply` is one too high.",
          of("execute_reply"), lambda m: _add(m, 1)),
    spoil("exec-result-count", "EXEC-07 IOPUB-19", "The count of `execute_result` is one too high.",
          of("execute_result"), lambda m: _add(m, 1)),
    spoil("exec-no-result", "EXEC-19", "Results are not published.", of("execute_result"), gone),
    spoil("exec-result-displayed", "EXEC-19", "Results are published as displays.",
          of("execute_result"), renamed("display_data"), without("execution_count")),
    spoil("exec-result-printed", "EXEC-19", "Results are written to stdout.",
          of("execute_result"), renamed("stream"),
          lambda m: m.content.clear(), with_content(name="stdout", text="6\n")),
    spoil("exec-no-error", "EXEC-17", "No `error` is published.", of("error"), gone),
    spoil("exec-error-twice", "EXEC-17", "The `error` is published twice.", of("error"), twice),
    spoil("exec-error-other-name", "EXEC-17", "Its `ename` is another than the reply's.",
          of("error"), with_content(ename="Error")),
    spoil("exec-error-other-traceback", "EXEC-17", "Its `traceback` is another.",
          of("error"), with_content(traceback=["an error"])),
    spoil("exec-error-is-ok", "EXEC-17", "A cell that raised is answered with `ok`.",
          both(of("execute_reply"), failed, lambda m: not _aborted(m)),
          without("ename", "evalue", "traceback"),
          with_content(status="ok", user_expressions={})),
    spoil("exec-no-expressions", "EXEC-11", "An `execute_reply` has no `user_expressions`.",
          of("execute_reply"), without("user_expressions")),
    spoil("exec-expressions-null", "EXEC-11", "Its `user_expressions` are null.",
          both(of("execute_reply"), having(status="ok")), with_content(user_expressions=None)),
    spoil("exec-expressions-text", "EXEC-09", "The values of user expressions are text.",
          of("execute_reply"), lambda m: _expressions(m, str)),
    spoil("exec-expressions-without-status", "EXEC-09", "They have no `status`.",
          of("execute_reply"), lambda m: _expressions(m, lambda v: _less(v, "status"))),
    spoil("exec-expressions-without-metadata", "EXEC-09", "They have no `metadata`.",
          of("execute_reply"), lambda m: _expressions(m, lambda v: _less(v, "metadata"))),
    spoil("exec-expressions-unevaluated", "EXEC-35", "No user expression is evaluated.",
          both(of("execute_reply"), having(status="ok")), with_content(user_expressions={})),
    spoil("exec-expression-errors-lost", "EXEC-10", "An expression that fails has no entry.",
          of("execute_reply"), _drop_failed),
    spoil("exec-expression-errors-bare", "EXEC-10", "An expression that fails has only a status.",
          of("execute_reply"),
          lambda m: _expressions(m, lambda v: {"status": "error"} if _is_error(v) else v)),
    spoil("exec-payload-without-source", "EXEC-13 EXEC-14", "Payloads have no `source`.",
          of("execute_reply"), lambda m: _payload(m, "source")),
    spoil("exec-payload-without-start", "EXEC-14", "Payloads have no `start`.",
          of("execute_reply"), lambda m: _payload(m, "start")),
    spoil("exec-payload-without-data", "EXEC-14 EXEC-33", "Payloads have no `data`.",
          of("execute_reply"), lambda m: _payload(m, "data")),
    spoil("exec-payload-without-replace", "EXEC-14", "Payloads have no `replace`.",
          of("execute_reply"), lambda m: _payload(m, "replace")),
    spoil("exec-payload-without-keepkernel", "EXEC-14", "Payloads have no `keepkernel`.",
          of("execute_reply"), lambda m: _payload(m, "keepkernel")),
    spoil("exec-payload-html", "EXEC-33", "A page is HTML alone.", of("execute_reply"),
          _page),
    spoil("exec-payload-object", "EXEC-13", "The `payload` is an object.", of("execute_reply"),
          with_content(payload={"source": "page"})),
    spoil("exec-aborted-unanswered", "EXEC-21 EXEC-16", "Aborted requests get no reply.",
          both(of("execute_reply"), _aborted), gone),
    spoil("exec-aborted-ok", "EXEC-21", "Aborted requests are answered with `ok`.",
          both(of("execute_reply"), _aborted), without("ename", "evalue", "traceback"),
          with_content(status="ok", user_expressions={})),
    spoil("exec-aborted-without-status", "SHELL-06", "Busy and idle are not published for them.",
          both(of("status"), _aborted), gone),
    spoil("exec-stdout-lost", "EXEC-31", "What is written to stdout is not published.",
          both(of("stream"), having(name="stdout")), gone),
    spoil("exec-stderr-lost", "EXEC-31", "What is written to stderr is not published.",
          both(of("stream"), having(name="stderr")), gone),
)  # fmt: skip


# Order.


class Held(Kernel):
    """Keeps some messages back until another one has gone out."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type] # handed on
        self.held: list[Outgoing] = []

    def is_held(self, message: Outgoing) -> bool:
        """Say whether a message is kept back."""
        raise NotImplementedError

    def releases(self, message: Outgoing) -> bool:  # noqa: ARG002
        """Say whether all that is held goes out behind a message."""
        return False

    def releases_before(self, message: Outgoing) -> bool:  # noqa: ARG002
        """Say whether all that is held goes out before a message."""
        return False

    def order(self, held: list[Outgoing]) -> list[Outgoing]:
        """Return what is held in the order in which it goes out."""
        return held

    def alter(self, message: Outgoing) -> Sequence[Outgoing]:
        if self.is_held(message):
            self.held.append(message)
            return ()
        if self.releases(message):
            out, self.held = [message, *self.order(self.held)], []
            return out
        if self.releases_before(message):
            out, self.held = [*self.order(self.held), message], []
            return out
        return (message,)


def _is_state(message: Outgoing, name: str) -> bool:
    return message.type == "status" and message.content.get("execution_state") == name


def _executes(message: Outgoing) -> bool:
    return message.cause is not None and message.cause.type == "execute_request"


@fault("shell-busy-after-input", "SHELL-04 EXEC-18", "Busy follows behind `execute_input`.")
class BusyAfterInput(Held):
    """Published by the thread that runs the cell."""

    def is_held(self, message: Outgoing) -> bool:
        loud = message.cause is not None and message.cause.content.get("silent") is not True
        return _is_state(message, "busy") and _executes(message) and loud and not _aborted(message)

    def releases(self, message: Outgoing) -> bool:
        return message.type == "execute_input"


@fault("shell-busy-last", "SHELL-04", "Busy follows just before idle.")
class BusyLast(Held):
    """Published when everything is over."""

    def is_held(self, message: Outgoing) -> bool:
        return _is_state(message, "busy")

    def releases_before(self, message: Outgoing) -> bool:
        return _is_state(message, "idle")


@fault("shell-idle-before-output", "SHELL-05 IOPUB-23 EXEC-31", "Output follows behind idle.")
class IdleBeforeOutput(Held):
    """A buffer that is flushed by another thread."""

    def is_held(self, message: Outgoing) -> bool:
        return message.type in OUTPUTS

    def releases(self, message: Outgoing) -> bool:
        return _is_state(message, "idle")


@fault("shell-idle-before-streams", "SHELL-05 IOPUB-23 EXEC-31", "Streams follow behind idle.")
class IdleBeforeStreams(IdleBeforeOutput):
    """The commonest race of all."""

    def is_held(self, message: Outgoing) -> bool:
        return message.type == "stream"


@fault("exec-input-late", "EXEC-18", "The `execute_input` follows behind the output.")
class InputLate(Held):
    """Published when the number of the cell is known."""

    def is_held(self, message: Outgoing) -> bool:
        return message.type == "execute_input"

    def releases_before(self, message: Outgoing) -> bool:
        return _is_state(message, "idle")


@fault("exec-output-reversed", "EXEC-31 IOPUB-27", "The output of a cell is published backwards.")
class OutputReversed(Held):
    """A stack where a queue is due."""

    def is_held(self, message: Outgoing) -> bool:
        return message.type in {"stream", "display_data"}

    def releases_before(self, message: Outgoing) -> bool:
        return _is_state(message, "idle") or message.type in {"execute_result", "error"}

    def order(self, held: list[Outgoing]) -> list[Outgoing]:
        return held[::-1]


@fault("exec-streams-late", "EXEC-31 IOPUB-27", "Streams follow behind displays.")
class StreamsLate(Held):
    """Text waits for a timer, displays do not."""

    def is_held(self, message: Outgoing) -> bool:
        return message.type == "stream"

    def releases_before(self, message: Outgoing) -> bool:
        return _is_state(message, "idle")


@fault("iopub-lines-swapped", "IOPUB-27", "Each second piece of a stream overtakes the first.")
class LinesSwapped(Held):
    """Two threads that publish."""

    def is_held(self, message: Outgoing) -> bool:
        return message.type == "stream" and not self.held

    def releases(self, message: Outgoing) -> bool:
        return message.type == "stream"

    def releases_before(self, message: Outgoing) -> bool:
        return message.type != "stream"


@fault("shell-no-idle-after-error", "SHELL-08", "A cell that raises is not followed by idle.")
class NoIdleAfterError(Kernel):
    """Idle is not in a finally block."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type] # handed on
        self.raised_in: set[object] = set()

    def alter(self, message: Outgoing) -> Sequence[Outgoing]:
        if message.type == "execute_reply" and message.content.get("status") == "error":
            self.raised_in.add(message.parent.get("msg_id"))
        late = _is_state(message, "idle") and message.parent.get("msg_id") in self.raised_in
        return () if late else (message,)


@fault("shell-no-idle-after-refusal", "SHELL-08", "A request that is refused gets no idle.")
class NoIdleAfterRefusal(Kernel):
    """Only requests with wrong fields."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type] # handed on
        self.refused: set[object] = set()

    def failed(self, request: Incoming, error: LanguageError) -> Fields | None:
        self.refused.add(request.header["msg_id"])
        return super().failed(request, error)

    def idle(self, request: Incoming) -> None:
        if request.header["msg_id"] not in self.refused:
            super().idle(request)


@fault("shell-no-status-of-unknown", "SHELL-07", "Unknown types get neither busy nor idle.")
class NoStatusOfUnknown(Kernel):
    """They are dropped at the door."""

    def accept(self, request: Incoming) -> None:
        if request.channel == STDIN or hasattr(self, f"on_{request.type}"):
            super().accept(request)


@fault("shell-status-only-of-execute", "SHELL-06", "Busy and idle are published for cells alone.")
class StatusOnlyOfExecute(Kernel):
    """As before protocol 5.0."""

    def busy(self, request: Incoming) -> None:
        if request.type in {"execute_request", "kernel_info_request"}:
            super().busy(request)

    def idle(self, request: Incoming) -> None:
        if request.type in {"execute_request", "kernel_info_request"}:
            super().idle(request)


@fault("shell-complete-dropped", "SHELL-06", "A `complete_request` has no effect at all.")
class CompleteDropped(Kernel):
    """Completion is not implemented, and it gets no busy and no idle."""

    def accept(self, request: Incoming) -> None:
        if request.type != "complete_request":
            super().accept(request)


@fault("shell-last-first", "SHELL-15", "The request that came last is handled first.")
class LastFirst(Kernel):
    """A stack where a queue is due."""

    def route(self, request: Incoming) -> None:
        super().route(request)
        lane = self.lanes[None]
        if request.channel == SHELL and len(lane.waiting) > 1:
            lane.waiting.rotate(1)


@fault("shell-questions-last-first", "SHELL-20", "The question that came last is answered first.")
class QuestionsLastFirst(Kernel):
    """Cells and comm messages keep their order, and there are no subshells."""

    features: tuple[str, ...] = ("debugger",)

    def route(self, request: Incoming) -> None:
        super().route(request)
        lane = self.lanes[None]
        is_question = request.type.endswith("_request") and request.type != "execute_request"
        if request.channel == SHELL and is_question and len(lane.waiting) > 1:
            lane.waiting.rotate(1)


@fault("subshell-questions-last-first", "SUBSHELL-10", "As before, in a kernel with subshells.")
class SubshellQuestionsLastFirst(QuestionsLastFirst):
    """The enhancement proposal wants each subshell to keep the order, the main shell too."""

    features = ("debugger", "kernel subshells")


@fault("shell-no-shutdown", "SHELL-16 CTRL-14", "A shutdown on shell is ignored.")
class NoShutdownOnShell(Kernel):
    """Control alone."""

    def serve(self, request: Incoming, lane: Lane) -> Fields | None:
        if request.type == "shutdown_request" and request.channel == SHELL:
            return None
        return super().serve(request, lane)

    def finished(self, request: Incoming) -> None:
        if request.channel != SHELL:
            super().finished(request)


@fault("shell-info-unanswered", "SHELL-01 INFO-01", "A kernel_info on shell gets no reply.")
class InfoUnanswered(Kernel):
    """Control alone."""

    def serve(self, request: Incoming, lane: Lane) -> Fields | None:
        if request.type == "kernel_info_request" and request.channel == SHELL:
            return None
        return super().serve(request, lane)


@fault("shell-execute-unanswered", "SHELL-01 EXEC-16", "An `execute_request` gets no reply.")
class ExecuteUnanswered(Kernel):
    """It runs all the same."""

    def reply(self, request: Incoming, content: Fields) -> None:
        if request.type != "execute_request":
            super().reply(request, content)


# Execution.


class Reads(Kernel):
    """Reads some fields in its own way."""

    def changed(self, asked: Fields, request: Incoming) -> Fields:
        """Return the fields as they are read."""
        raise NotImplementedError

    def read(self, request: Incoming) -> Fields:
        asked = super().read(request)
        return self.changed(asked, request) if request.type == "execute_request" else asked


@fault("exec-first-line", "EXEC-01", "Only the first line of a cell is run.")
class FirstLine(Reads):
    """Made for a console."""

    def changed(self, asked: Fields, request: Incoming) -> Fields:  # noqa: ARG002
        return asked | {"code": str(asked["code"]).split("\n", 1)[0]}

    def publish_input(self, cell: Cell) -> None:
        code = cell.request.content["code"]
        cell.publish("execute_input", {"code": code, "execution_count": cell.count})


@fault("exec-names-forgotten", "EXEC-01", "Each cell has names of its own.")
class NamesForgotten(Kernel):
    """A namespace for each request."""

    def make_cell(self, request: Incoming, lane: Lane, asked: Fields) -> Cell:
        self.names.clear()
        return super().make_cell(request, lane, asked)


@fault("exec-silent-by-default", "EXEC-02 EXEC-28", "A missing `silent` is read as true.")
class SilentByDefault(Reads):
    """The wrong default."""

    def changed(self, asked: Fields, request: Incoming) -> Fields:
        return asked | ({} if "silent" in request.content else {"silent": True})


@fault("exec-silent-stored", "EXEC-03", "A silent request that asks to be stored is stored.")
class SilentStored(Kernel):
    """The fields are taken one by one."""

    def is_stored(self, asked: Fields) -> bool:
        return bool(asked["store_history"]) or super().is_stored(asked)


@fault("exec-silent-counts", "EXEC-03", "Every request moves the counter.")
class SilentCounts(Kernel):
    """Silent ones too."""

    def is_stored(self, asked: Fields) -> bool:
        return bool(asked["silent"]) or super().is_stored(asked)


@fault("exec-all-counts", "EXEC-06", "Every request moves the counter, stored or not.")
class AllCounts(Kernel):
    """It counts what it runs."""

    def is_stored(self, asked: Fields) -> bool:  # noqa: ARG002
        return True


@fault("exec-ends-without-silent", "EXEC-02 EXEC-28", "A missing `silent` ends the process.")
class EndsWithoutSilent(Kernel):
    """The fields are read as they are."""

    def on_execute_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:
        if "silent" not in request.content:
            os._exit(1)
        return super().on_execute_request(request, asked, lane)


@fault("shell-first-cell-ends", "SHELL-01", "The first cell ends the process.")
class FirstCellEnds(Kernel):
    """What would run it is not there yet."""

    def on_execute_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:  # noqa: ARG002
        os._exit(0)


@fault("exec-queued-output-lost", "EXEC-31", "What a cell prints that has waited is lost.")
class QueuedOutputLost(Kernel):
    """It names another request, which has ended."""

    def alter(self, message: Outgoing) -> Sequence[Outgoing]:
        lost = message.type == "stream" and message.content.get("text") == "behind\n"
        return () if lost else (message,)


class Loud(Cell):
    """Publishes some types for silent requests too."""

    types: tuple[str, ...] = ()

    def publish(self, msg_type: str, content: Fields, *, buffers: Sequence[bytes] = ()) -> None:
        silent, self.silent = self.silent, self.silent and msg_type not in self.types
        super().publish(msg_type, content, buffers=buffers)
        self.silent = silent


class LoudKernel(Kernel):
    """A kernel whose silent requests are not quite silent."""

    types: tuple[str, ...] = ()

    def make_cell(self, request: Incoming, lane: Lane, asked: Fields) -> Cell:
        made = Loud(self, request, lane, asked)
        made.types = self.types
        return made


@fault("exec-silent-results", "EXEC-04", "Results of silent requests are published.")
class SilentResults(LoudKernel):
    """`execute_result`."""

    types = ("execute_result",)


@fault("exec-silent-streams", "EXEC-04", "What silent requests print is published.")
class SilentStreams(LoudKernel):
    """`stream`."""

    types = ("stream",)


@fault("exec-silent-displays", "EXEC-04", "What silent requests display is published.")
class SilentDisplays(LoudKernel):
    """`display_data`."""

    types = ("display_data", "update_display_data")


@fault("exec-not-stored-by-default", "EXEC-05 EXEC-28", "A missing `store_history` is false.")
class NotStoredByDefault(Kernel):
    """The wrong default."""

    def is_stored(self, asked: Fields) -> bool:
        return bool(asked["store_history"]) and not asked["silent"]


@fault("exec-counter-skips", "EXEC-06", "The counter grows by two.")
class CounterSkips(Kernel):
    """Counted twice."""

    def take_number(self, *, store: bool) -> int:
        super().take_number(store=store)
        return super().take_number(store=store)


@fault("exec-counter-stands", "EXEC-06", "The counter stays at one.")
class CounterStands(Kernel):
    """A constant."""

    def take_number(self, *, store: bool) -> int:
        super().take_number(store=store)
        self.count = min(self.count, 1)
        return self.count


@fault("exec-counter-per-client", "EXEC-06", "Each client has a counter of its own.")
class CounterPerClient(Kernel):
    """Kept with the connection."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type] # handed on
        self.counts: dict[bytes, int] = {}

    def make_cell(self, request: Incoming, lane: Lane, asked: Fields) -> Cell:
        client = request.prefix[0]
        self.count = self.counts.get(client, 0)
        self.counts[client] = self.count + self.is_stored(asked)
        return super().make_cell(request, lane, asked)


@fault("exec-counter-of-questions", "EXEC-06 INFO-11", "A kernel_info moves the counter.")
class CounterOfQuestions(Kernel):
    """Every request is counted."""

    def serve(self, request: Incoming, lane: Lane) -> Fields | None:
        self.count += request.type == "kernel_info_request"
        return super().serve(request, lane)


@fault("exec-counter-of-successes", "EXEC-06 EXEC-30", "A cell that raises does not count.")
class CounterOfSuccesses(Kernel):
    """It is counted at the end."""

    def raised(self, cell: Cell, asked: Fields, error: LanguageError) -> Fields:
        made = super().raised(cell, asked, error)
        self.count -= self.is_stored(asked)
        return made


@fault("exec-not-stored-is-next", "EXEC-08", "A request that is not stored has the next number.")
class NotStoredIsNext(Kernel):
    """Neither counted nor current."""

    def take_number(self, *, store: bool) -> int:
        return super().take_number(store=store) + (not store)


@fault("exec-not-stored-counts", "EXEC-05 EXEC-08", "A request that is not stored is counted.")
class NotStoredCounts(Kernel):
    """`store_history` is not read."""

    def is_stored(self, asked: Fields) -> bool:
        return not asked["silent"]


@fault("exec-expressions-first", "EXEC-09 EXEC-12", "Expressions are evaluated before the code.")
class ExpressionsFirst(Kernel):
    """They see what was before."""

    early: Fields | None = None

    def publish_input(self, cell: Cell) -> None:
        super().publish_input(cell)
        wanted = cell.request.content.get("user_expressions")
        found = wanted if isinstance(wanted, dict) else {}
        self.early = {name: self.expression(cell, code) for name, code in found.items()}

    def expressions(self, cell: Cell, asked: Fields) -> Fields:  # noqa: ARG002
        return self.early or {}


@fault("exec-expression-fails-all", "EXEC-10", "An expression that fails makes the reply fail.")
class ExpressionFailsAll(Kernel):
    """An exception that is not caught."""

    def expressions(self, cell: Cell, asked: Fields) -> Fields:
        made = super().expressions(cell, asked)
        if any(map(_is_error, made.values())):
            raise LanguageError("NameError", "an expression failed")
        return made


@fault("exec-expressions-count", "EXEC-12", "An expression moves the counter.")
class ExpressionsCount(Kernel):
    """Run like a cell."""

    def expression(self, cell: Cell, code: object) -> Fields:
        self.count += 1
        return super().expression(cell, code)


@fault("exec-prompts-always", "EXEC-15 STDIN-03", "It asks even where it must not.")
class PromptsAlways(Kernel):
    """`allow_stdin` is not read."""

    def make_cell(self, request: Incoming, lane: Lane, asked: Fields) -> Cell:
        return super().make_cell(request, lane, asked | {"allow_stdin": True})


@fault("exec-prompts-by-default", "EXEC-28 STDIN-03", "A missing `allow_stdin` is read as true.")
class PromptsByDefault(Reads):
    """The wrong default, if there is a right one."""

    def changed(self, asked: Fields, request: Incoming) -> Fields:
        return asked | ({} if "allow_stdin" in request.content else {"allow_stdin": True})


@fault("exec-no-abort", "EXEC-20 EXEC-21", "The queue goes on after an exception.")
class NoAbort(Kernel):
    """`stop_on_error` is not read."""

    def abort_queue(self, lane: Lane) -> None:
        """Go on."""


@fault("exec-no-abort-by-default", "EXEC-20 EXEC-28", "A missing `stop_on_error` is false.")
class NoAbortByDefault(Reads):
    """The wrong default."""

    def changed(self, asked: Fields, request: Incoming) -> Fields:
        return asked | ({} if "stop_on_error" in request.content else {"stop_on_error": False})


@fault("exec-aborts-one", "EXEC-20", "Only the next request of the queue is aborted.")
class AbortsOne(Kernel):
    """It looks no further."""

    def abort_queue(self, lane: Lane) -> None:
        super().abort_queue(lane)
        for request in list(lane.waiting)[1:]:
            request.aborted = False


@fault("exec-aborted-runs", "EXEC-20", "What is answered as aborted runs all the same.")
class AbortedRuns(Kernel):
    """The reply alone says that it did not."""

    def on_execute_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:
        if request.aborted:
            request.aborted = False
            super().on_execute_request(request, asked, lane)
            request.aborted = True
        return super().on_execute_request(request, asked, lane)


@fault("exec-aborted-counts", "EXEC-21", "An aborted request moves the counter.")
class AbortedCounts(Kernel):
    """It did not run."""

    def aborted(self) -> Fields:
        self.count += 1
        return super().aborted()


@fault("exec-aborts-always", "EXEC-22", "The queue is aborted even if `stop_on_error` is false.")
class AbortsAlways(Reads):
    """The field is not read."""

    def changed(self, asked: Fields, request: Incoming) -> Fields:  # noqa: ARG002
        return asked | {"stop_on_error": True}


@fault("exec-aborts-everything", "EXEC-23", "Questions of the queue are aborted too.")
class AbortsEverything(Kernel):
    """Whatever waits."""

    def is_aborted(self, request: Incoming) -> bool:  # noqa: ARG002
        return True

    def serve(self, request: Incoming, lane: Lane) -> Fields | None:
        if request.aborted and request.type != "execute_request":
            raise LanguageError("AbortedError", "a cell before this one failed")
        return super().serve(request, lane)


@fault("exec-aborts-what-follows", "EXEC-24", "The first request after the error reply is aborted.")
class AbortsWhatFollows(Kernel):
    """Whatever comes next."""

    armed = False

    def abort_queue(self, lane: Lane) -> None:
        super().abort_queue(lane)
        self.armed = not any(request.aborted for request in lane.waiting)

    def accept(self, request: Incoming) -> None:
        if self.armed and request.type == "execute_request":
            self.armed, request.aborted = False, True
        super().accept(request)


@fault("exec-aborts-for-a-time", "EXEC-24", "What comes within half a second is aborted.")
class AbortsForATime(Kernel):
    """A window of time."""

    until = 0.0

    def abort_queue(self, lane: Lane) -> None:
        super().abort_queue(lane)
        self.until = time.monotonic() + 0.5

    def accept(self, request: Incoming) -> None:
        if request.type == "execute_request" and time.monotonic() < self.until:
            request.aborted = True
        super().accept(request)


@fault("exec-aborts-after-expressions", "EXEC-26", "An expression that fails aborts the queue.")
class AbortsAfterExpressions(Kernel):
    """Taken for an exception of the code."""

    def expressions(self, cell: Cell, asked: Fields) -> Fields:
        made = super().expressions(cell, asked)
        if any(map(_is_error, made.values())):
            self.abort_queue(cell.lane)
        return made


@fault("exec-aborts-after-success", "EXEC-26", "Every cell aborts what is queued behind it.")
class AbortsAfterSuccess(Kernel):
    """One cell at a time."""

    def succeeded(self, cell: Cell, asked: Fields, value: object) -> Fields:
        self.abort_queue(cell.lane)
        return super().succeeded(cell, asked, value)


@fault("exec-empty-silent-refused", "EXEC-27", "Empty code is an error.")
class EmptyRefused(Reads):
    """There is nothing to run."""

    def changed(self, asked: Fields, request: Incoming) -> Fields:  # noqa: ARG002
        if not asked["code"]:
            raise LanguageError("ValueError", "the code is empty")
        return asked


@fault("exec-fields-needed", "EXEC-28", "A missing optional field is an error.")
class FieldsNeeded(Reads):
    """Every field is required."""

    def changed(self, asked: Fields, request: Incoming) -> Fields:
        if set(asked) - set(request.content):
            raise LanguageError("KeyError", "a field is missing")
        return asked


@fault("exec-user-variables", "EXEC-29", "The old `user_variables` are evaluated.")
class UserVariables(Kernel):
    """As before protocol 5.0."""

    def succeeded(self, cell: Cell, asked: Fields, value: object) -> Fields:
        made = super().succeeded(cell, asked, value)
        wanted = cell.request.content.get("user_variables")
        if isinstance(wanted, list):
            found = {str(name): self.expression(cell, name) for name in wanted}
            made["user_variables"] = found
        return made


@fault("exec-user-variables-refused", "EXEC-29 WIRE-15", "`user_variables` are an error.")
class UserVariablesRefused(Reads):
    """A strict reader of what is gone."""

    def changed(self, asked: Fields, request: Incoming) -> Fields:
        if "user_variables" in request.content:
            raise LanguageError("TypeError", "user_variables are unknown")
        return asked


@fault("exec-interrupt-is-ok", "EXEC-30", "An interrupted cell is answered with `ok`.")
class InterruptIsOk(Kernel):
    """Taken for a normal end."""

    def raised(self, cell: Cell, asked: Fields, error: LanguageError) -> Fields:
        if error.name == "KeyboardInterrupt":
            return self.succeeded(cell, asked, NOTHING)
        return super().raised(cell, asked, error)


@fault("exec-interrupt-aborted", "EXEC-30", "An interrupted cell is answered as aborted.")
class InterruptAborted(Kernel):
    """Taken for one that was in the queue, as wrappers of shells do."""

    def raised(self, cell: Cell, asked: Fields, error: LanguageError) -> Fields:
        if error.name == "KeyboardInterrupt":
            return {"status": "aborted", "execution_count": cell.count}
        return super().raised(cell, asked, error)


@fault("exec-interrupt-stays", "EXEC-30", "After an interrupt the next cell is interrupted too.")
class InterruptStays(Kernel):
    """A flag that is not reset."""

    stays = False

    def raised(self, cell: Cell, asked: Fields, error: LanguageError) -> Fields:
        self.stays = error.name == "KeyboardInterrupt" and not self.stays
        return super().raised(cell, asked, error)

    def publish_input(self, cell: Cell) -> None:
        super().publish_input(cell)
        if self.stays:
            cell.lane.interrupt()


@fault("exec-interrupt-unanswered", "EXEC-30 EXEC-16", "An interrupted cell gets no reply.")
class InterruptUnanswered(Kernel):
    """The thread that would reply was interrupted."""

    def alter(self, message: Outgoing) -> Sequence[Outgoing]:
        lost = (
            message.type == "execute_reply" and message.content.get("ename") == "KeyboardInterrupt"
        )
        return () if lost else (message,)


class ResultThenError(Cell):
    """Publishes the value of each statement as a result."""

    def step(self, statement: Statement) -> object:
        value = super().step(statement)
        if value is not NOTHING and len(statements(self.code)) > 1:
            self.kernel.publish_result(self, value)
            return NOTHING
        return value


@fault(
    "exec-result-of-each", "EXEC-32 EXEC-19", "Each statement has a result, before an error too."
)
class ResultOfEach(Kernel):
    """A console in disguise."""

    def make_cell(self, request: Incoming, lane: Lane, asked: Fields) -> Cell:
        return ResultThenError(self, request, lane, asked)


@fault("exec-result-after-error", "EXEC-32", "A cell that raised has a result.")
class ResultAfterError(Kernel):
    """The exception is its value."""

    def raised(self, cell: Cell, asked: Fields, error: LanguageError) -> Fields:
        made = super().raised(cell, asked, error)
        self.publish_result(cell, error.text)
        return made


@fault("exec-result-always", "EXEC-19", "A cell without a value has a result too.")
class ResultAlways(Kernel):
    """The value is none."""

    def succeeded(self, cell: Cell, asked: Fields, value: object) -> Fields:
        return super().succeeded(cell, asked, None if value is NOTHING else value)


@fault("exec-own-names", "EXEC-01", "User code can overwrite the kernel's own names.")
class OwnNames(Kernel):
    """One namespace for both."""

    def on_execute_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:
        if {"kernel", "session", "shell", "socket", "sys", "self"} & set(self.names):
            self.die(3)
        return super().on_execute_request(request, asked, lane)
