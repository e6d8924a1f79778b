"""What the protocol leaves open: no check may fail on any of these kernels."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Sequence
from queue import SimpleQueue

import zmq

from tests.faults._cell import Cell
from tests.faults._core import LINGER_MS
from tests.faults._kernel import Kernel
from tests.faults._lane import Lane
from tests.faults._language import LanguageError
from tests.faults._table import (
    Change,
    Row,
    both,
    every,
    having,
    of,
    variation,
    vary,
    with_content,
    with_header,
    within,
    without,
)
from tests.faults._wire import CONTROL, IOPUB, SHELL, Fields, Incoming, Outgoing, now


def _more_keys(message: Outgoing) -> None:
    extra: Fields = {"x_extra": {"a": [1, None, "\N{GRINNING FACE}"]}}
    message.header |= extra
    message.metadata |= extra
    if not message.type.startswith(("comm", "debug")):
        message.content |= extra


def _metadata(message: Outgoing) -> None:
    message.metadata |= {"started": now(), "engine": "x", "status": "ok"}


def _topic(topic: bytes) -> Change:
    def change(message: Outgoing) -> None:
        message.prefix = [topic]

    return change


def _no_welcome_topic(message: Outgoing) -> bool:
    return message.channel == IOPUB and message.type != "iopub_welcome"


def _dates(text: str) -> Change:
    return with_header(date=text)


def _three(message: Outgoing) -> None:
    if message.type == "kernel_info_reply":
        message.content["protocol_version"] = "5.5.0"


def _payload(message: Outgoing) -> None:
    message.content.setdefault("payload", [])


def _behind_a_prompt(message: Outgoing) -> None:
    message.content["text"] = f"\x1b[32m>{message.content['text']}"


def _nine_more(message: Outgoing) -> None:
    count = message.content["execution_count"]
    assert isinstance(count, int)
    message.content["execution_count"] = count + 9


def _is_error(message: Outgoing) -> bool:
    return message.content.get("status") == "error" or message.type == "error"


INFO = of("kernel_info_reply")

LATE_S = 1.0
"""Far more than the checks wait for messages that are only behind others."""

ROWS: tuple[Row, ...] = (
    vary("extra-keys", "Unknown keys stand everywhere.", every, _more_keys),
    vary("metadata", "All messages have metadata.", every, _metadata),
    vary("topics-empty", "Topics are empty.", _no_welcome_topic, _topic(b"")),
    vary("topics-odd", "Topics are bytes that are no text.", _no_welcome_topic,
         _topic(b"\xff\xfe\0")),
    vary("date-naive", "Dates have no zone.", every, _dates("2026-01-01T12:00:00.000001")),
    vary("date-offset", "Dates have an offset.", every, _dates("2026-01-01T12:00:00+05:30")),
    vary("date-seconds", "Dates have no fraction.", every, _dates("2026-01-01T12:00:00Z")),
    vary("username-empty", "The `username` is empty.", every, with_header(username="")),
    vary("version-three-parts", "Versions have three parts.", every, with_header(version="5.5.0"),
         _three),
    vary("info-minimal", "A `kernel_info_reply` has only what it must have.", INFO,
         without("help_links", "debugger")),
    vary("info-rich", "It has all that it may have.", INFO,
         within("language_info", pygments_lexer="text", codemirror_mode={"name": "tiny"},
                nbconvert_exporter="python")),
    vary("is-complete-unknown", "All code is `unknown`.", of("is_complete_reply"),
         without("indent"), with_content(status="unknown")),
    vary("indent-empty", "An `indent` is empty.",
         both(of("is_complete_reply"), having(status="incomplete")), with_content(indent="")),
    vary("transient-missing", "Displays without an id have no `transient`.",
         both(of("display_data"), having(transient={})), without("transient")),
    vary("result-transient", "Results have a `transient`.", of("execute_result"),
         with_content(transient={})),
    vary("error-text", "Errors have other texts.", _is_error,
         lambda m: m.content.update(evalue=f"{m.content.get('evalue')} (see the manual)",
                                    traceback=[])),
    vary("payload-empty", "Replies have an empty `payload`.",
         both(of("execute_reply"), having(status="ok")),
         _payload),
    vary("stdout-behind-a-prompt", "What is printed has the end of a prompt before it.",
         both(of("stream"), having(name="stdout")), _behind_a_prompt),
    vary("count-from-ten", "The first cell has the number 10.",
         lambda m: isinstance(m.content.get("execution_count"), int), _nine_more),
    vary("subshell-in-headers", "Headers have an empty `subshell_id`.", every,
         with_header(subshell_id=None)),
    vary("types-of-matches", "A `complete_reply` has what frontends like in its metadata.",
         of("complete_reply"), within("metadata", _jupyter_types_experimental=[])),
    vary("displays-rich", "Results have more types than text.", of("execute_result"),
         within("data", **{"text/html": "<b>1</b>", "application/json": {"a": [1, None]}})),
    vary("connect-no-status", "A `connect_reply` has no status.", of("connect_reply"),
         without("status")),
)  # fmt: skip


@variation("good", "It is the kernel that all others are made from.")
class Good(Kernel):
    """Nothing is different."""


@variation("interrupt-by-message", "Its kernelspec states the interrupt mode `message`.")
class InterruptByMessage(Kernel):
    """The harness says so."""


@variation("idle-before-reply", "Idle is published before the reply is sent.")
class IdleFirst(Kernel):
    """The order is open."""

    def handle(self, request: Incoming, lane: Lane) -> None:
        self.busy(request)
        content = self.answer(request, lane)
        self.idle(request)
        if content is not None:
            self.reply(request, content)
        self.finished(request)


@variation("reply-before-outputs", "The reply is sent before the outputs are published.")
class ReplyFirst(Kernel):
    """Shell and IOPub are independent; idle is still the last on IOPub."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type] # handed on
        self.held: dict[object, list[Outgoing]] = {}

    def alter(self, message: Outgoing) -> Sequence[Outgoing]:
        key = message.parent.get("msg_id")
        request = None if message.cause is None else message.cause.type
        if request == "execute_request" and message.type in {"stream", "display_data"}:
            self.held.setdefault(key, []).append(message)
            return ()
        ends = message.type == "status" and message.content["execution_state"] == "idle"
        ends = ends or message.channel == "stdin"
        if ends or message.type not in {"status", "execute_reply"}:
            return (*self.held.pop(key, []), message)
        return (message,)


@variation("json-spaced", "JSON has spaces, escapes and keys in another order.")
class JsonSpaced(Kernel):
    """Another formatting."""

    def dumps(self, message: Outgoing, part: Fields) -> bytes:
        plain = json.loads(super().dumps(message, part))
        return json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=True).encode("ascii")


@variation("slow", "Every answer takes a twentieth of a second.")
class Slow(Kernel):
    """Slower than most, but below every limit."""

    def handle(self, request: Incoming, lane: Lane) -> None:
        time.sleep(0.05)
        super().handle(request, lane)


@variation("slow-iopub", "What is published is a twentieth of a second behind.")
class SlowIopub(Kernel):
    """A thread of its own, at its own pace."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type] # handed on
        self.waiting: SimpleQueue[tuple[float, Sequence[bytes]]] = SimpleQueue()
        threading.Thread(target=self.publish_late, daemon=True).start()

    def queue(self, channel: str, frames: Sequence[bytes]) -> None:
        if channel == IOPUB:
            self.waiting.put((time.monotonic() + 0.05, frames))
        else:
            super().queue(channel, frames)

    def publish_late(self) -> None:
        """Hand on what has waited long enough."""
        while True:
            due, frames = self.waiting.get()
            time.sleep(max(0.0, due - time.monotonic()))
            super().queue(IOPUB, frames)

    def finished(self, request: Incoming) -> None:
        if request.type == "shutdown_request" or self.exiting:
            time.sleep(0.1)
        super().finished(request)


@variation("pauses-before-idle", "Once a cell has run, half a second lies between reply and idle.")
class PausesBeforeIdle(Kernel):
    """As on a machine that gives it no processor meanwhile: longer than the grace of its start."""

    pause_s = 0.0

    def idle(self, request: Incoming) -> None:
        if request.type == "execute_request":
            self.pause_s = 0.5
        time.sleep(self.pause_s)
        super().idle(request)


@variation("background", "It publishes a log and comm messages that no request has caused.")
class Background(Kernel):
    """What threads of its own do, without a parent."""

    def finished(self, request: Incoming) -> None:
        self.publish("stream", {"name": "stderr", "text": "[log] all is well\n"}, None)
        comm: Fields = {"comm_id": "of-the-kernel", "data": {}}
        self.publish("comm_open", comm | {"target_name": "of.the.kernel"}, None)
        self.publish("comm_msg", comm, None)
        super().finished(request)


@variation("own-status", "Behind each request it says without a parent, too, that it is idle.")
class OwnStatus(Kernel):
    """A side effect typically has a parent, and this is none of the request's."""

    def finished(self, request: Incoming) -> None:
        self.publish_status("idle", None)
        super().finished(request)


@variation("streams-in-parts", "What is printed comes in two messages, wherever they part.")
class InParts(Kernel):
    """How much text a message has is open."""

    def alter(self, message: Outgoing) -> Sequence[Outgoing]:
        text = message.content.get("text")
        if message.type != "stream" or not isinstance(text, str) or len(text) < 2:
            return (message,)
        first, second = message, message.copy()
        half = len(text) // 2
        first.content["text"], second.content["text"] = text[:half], text[half:]
        second.header["msg_id"] = f"{message.header['msg_id']}-2"
        return (first, second)


class Lacking(Kernel):
    """A kernel without some optional requests, which get busy and idle and no reply."""

    lacks: tuple[str, ...] = ()

    def serve(self, request: Incoming, lane: Lane) -> Fields | None:
        return None if request.type in self.lacks else super().serve(request, lane)


@variation("no-history", "History is not implemented.")
class NoHistory(Lacking):
    """Optional."""

    lacks = ("history_request",)


@variation("no-inspection", "Inspection is not implemented.")
class NoInspection(Lacking):
    """Optional."""

    lacks = ("inspect_request",)


@variation("no-completion", "Completion is not implemented.")
class NoCompletion(Lacking):
    """Optional."""

    lacks = ("complete_request",)


@variation("no-is-complete", "Completeness is not implemented.")
class NoIsComplete(Lacking):
    """Optional."""

    lacks = ("is_complete_request",)


@variation("no-connect", "A `connect_request` is not answered.")
class NoConnect(Lacking):
    """Deprecated."""

    lacks = ("connect_request",)


@variation("no-comms", "Comms are not implemented.")
class NoComms(Lacking):
    """Optional."""

    lacks: tuple[str, ...] = ("comm_info_request", "comm_open", "comm_msg", "comm_close")

    def call_names(self) -> tuple[str, ...]:
        return tuple(set(super().call_names()) - {"target", "open", "close", "send"})


@variation("comms-of-a-library", "Targets can be registered, and no comm is ever opened for one.")
class CommsOfALibrary(Lacking):
    """The language has a library of comms that knows nothing of the kernel."""

    lacks = ("comm_open", "comm_msg", "comm_close")

    def call_names(self) -> tuple[str, ...]:
        return tuple(set(super().call_names()) - {"open", "close", "send"})


@variation("no-shutdown", "A `shutdown_request` is not answered, and the process goes on.")
class NoShutdown(Lacking):
    """Optional: a launcher ends it by force."""

    lacks = ("shutdown_request",)

    def finished(self, request: Incoming) -> None:
        if request.type != "shutdown_request":
            super().finished(request)


@variation("minimal", "It does nothing that is optional.")
class Minimal(NoComms):
    """The smallest kernel that conforms."""

    features: tuple[str, ...] = ()
    lacks: tuple[str, ...] = (
        "complete_request", "inspect_request", "history_request", "is_complete_request",
        "comm_info_request", "connect_request", "comm_open", "comm_msg", "comm_close",
        "debug_request",
    )  # fmt: skip

    def on_kernel_info_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:
        made = super().on_kernel_info_request(request, asked, lane)
        for key in ("help_links", "debugger", "supported_features"):
            made.pop(key)
        return made


@variation("wrapper", "It has what the page on wrapper kernels requires of an author, and no more.")
class Wrapper(Kernel):
    """Its machinery answers for what the author left out: there is nothing (AMB-76)."""

    def on_kernel_info_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:
        made = super().on_kernel_info_request(request, asked, lane)
        about = made["language_info"]
        assert isinstance(about, dict)
        made["language_info"] = {key: about[key] for key in ("name", "mimetype", "file_extension")}
        return made

    def expressions(self, cell: Cell, asked: Fields) -> Fields:  # noqa: ARG002
        return {}

    def on_complete_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:  # noqa: ARG002
        cursor = asked["cursor_pos"]
        return {
            "status": "ok",
            "matches": [],
            "cursor_start": cursor,
            "cursor_end": cursor,
            "metadata": {},
        }

    def on_inspect_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:  # noqa: ARG002
        return {"status": "ok", "found": False, "data": {}, "metadata": {}}

    def on_history_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:  # noqa: ARG002
        return {"status": "ok", "history": []}

    def on_is_complete_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:  # noqa: ARG002
        return {"status": "unknown"}


@variation("no-debugger", "There is no debugger.")
class NoDebugger(Kernel):
    """Optional."""

    features = ("kernel subshells",)


@variation("no-debugger-failure", "There is no debugger, and requests to it fail.")
class DebuggerFailure(Kernel):
    """Optional, with an answer."""

    features = ("kernel subshells",)

    def on_debug_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:  # noqa: ARG002
        return {
            "type": "response",
            "seq": 1,
            "request_seq": asked["seq"],
            "command": asked["command"],
            "success": False,
            "message": "there is no debugger",
        }


@variation("no-subshells", "There are no subshells.")
class NoSubshells(Kernel):
    """Optional."""

    features = ("debugger",)


@variation("no-stdin", "Code that asks for input fails at once.")
class NoStdin(Kernel):
    """Prompts are optional."""

    def make_cell(self, request: Incoming, lane: Lane, asked: Fields) -> Cell:
        return super().make_cell(request, lane, asked | {"allow_stdin": False})


class _LeavingCell(Cell):
    def call_exit(self, values: list[object]) -> object:  # noqa: ARG002
        os._exit(0)


@variation("exit-ends-at-once", "Code that ends the session ends the kernel, without a reply.")
class ExitEndsAtOnce(Kernel):
    """As the interpreter behind it does."""

    def make_cell(self, request: Incoming, lane: Lane, asked: Fields) -> Cell:
        return _LeavingCell(self, request, lane, asked)


@variation("tail-only", "Of history there is the tail; the rest is an error.")
class TailOnly(Kernel):
    """What clients use."""

    def on_history_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:
        if asked["hist_access_type"] != "tail":
            raise LanguageError("NotImplementedError", "there is only the tail")
        return super().on_history_request(request, asked, lane)


@variation("accepts-replays", "A message that comes again is handled again.")
class AcceptsReplays(Kernel):
    """Refusing it is optional."""

    def is_replay(self, signature: bytes) -> bool:  # noqa: ARG002
        return False


@variation("control-alone-on-control", "Control serves nothing but its own types.")
class ControlOnly(Kernel):
    """Shell requests on control get busy and idle alone."""

    own = frozenset(
        {
            "kernel_info_request", "interrupt_request", "shutdown_request", "debug_request",
            "create_subshell_request", "delete_subshell_request", "list_subshell_request",
        }
    )  # fmt: skip

    def serve(self, request: Incoming, lane: Lane) -> Fields | None:
        if request.channel == CONTROL and request.type not in self.own:
            return None
        return super().serve(request, lane)


@variation("info-on-shell-alone", "An older kernel, which leaves kernel_info to shell.")
class InfoOnShell(ControlOnly):
    """That control answers it as well is said since protocol 5.5."""

    protocol_version = "5.3"
    own = ControlOnly.own - {"kernel_info_request"}


@variation("lingers", "Sockets linger for two seconds.")
class Lingers(Kernel):
    """A detail of ZeroMQ."""

    def prepare(self, channel: str, made: zmq.Socket[bytes]) -> None:
        super().prepare(channel, made)
        made.linger = LINGER_MS * 2


@variation("questions-overtake", "Questions are answered while code runs, ahead of cells.")
class QuestionsOvertake(Kernel):
    """Handled by the thread that receives them (AMB-74)."""

    def route(self, request: Incoming) -> None:
        asks = ("kernel_info_request", "complete_request", "is_complete_request")
        current = self.lanes[None].current
        runs_code = current is not None and current.type == "execute_request"
        if request.channel == SHELL and request.type in asks and runs_code:
            self.handle(request, Lane("none", self))
        else:
            super().route(request)


@variation("interrupts-late", "A cell ends a second after an interrupt, and questions overtake it.")
class InterruptsLate(QuestionsOvertake):
    """Code that cleans up first."""

    def answer(self, request: Incoming, lane: Lane) -> Fields | None:
        made = super().answer(request, lane)
        if made is not None and made.get("ename") == "KeyboardInterrupt":
            time.sleep(LATE_S)
        return made
