"""Faults in what is published and in prompts."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

import zmq

from tests.faults._cell import Cell
from tests.faults._kernel import Kernel, Prompt
from tests.faults._language import LanguageError
from tests.faults._table import (
    Change,
    Row,
    both,
    fault,
    gone,
    having,
    of,
    renamed,
    spoil,
    state,
    twice,
    with_content,
    with_parent,
    within,
    without,
)
from tests.faults._wire import IOPUB, STDIN, Incoming, Outgoing

DISPLAYS = of("display_data", "update_display_data")
SHOWN = of("display_data", "update_display_data", "execute_result")
RESULT = of("execute_result")
ERROR = of("error")
STREAM = of("stream")
CLEAR = of("clear_output")
WELCOME = of("iopub_welcome")
INPUT = of("execute_input")
PROMPT = of("input_request")


def _json_as_text(message: Outgoing) -> None:
    _change_data(message, lambda kind, v: json.dumps(v) if kind.endswith("json") else v)


def _binary_as_list(message: Outgoing) -> None:
    _change_data(message, lambda kind, v: list(str(v).encode()) if _is_image(kind) else v)


def _binary_as_latin(message: Outgoing) -> None:
    _change_data(message, lambda kind, v: _latin(str(v)) if _is_image(kind) else v)


def _is_image(kind: str) -> bool:
    return kind.startswith("image/") and not kind.endswith("xml")


def _latin(text: str) -> str:
    try:
        return base64.b64decode(text).decode("latin-1") + "\xff"
    except ValueError:
        return text + "\xff"


def _change_data(message: Outgoing, change: object) -> None:
    found = message.content.get("data")
    if isinstance(found, dict) and callable(change):
        message.content["data"] = {kind: change(kind, found[kind]) for kind in found}


def _topic(topic: bytes) -> Change:
    def change(message: Outgoing) -> None:
        message.prefix = [topic]

    return change


def _stripped(key: str) -> Change:
    def change(message: Outgoing) -> None:
        message.content[key] = str(message.content.get(key)).strip() + "\n"

    return change


def _each_apart(message: Outgoing) -> Sequence[Outgoing]:
    """Return a message for each representation, and one of the rest."""
    data = message.content.get("data")
    if not isinstance(data, dict) or message.type != "display_data":
        return (message,)
    html = message.copy()
    html.header["msg_id"] = f"{message.header['msg_id']}-2"
    html.content["data"] = {"text/html": "<p>"}
    return (message, html)


def _key_without_type(message: Outgoing) -> None:
    found = message.content.get("data")
    if isinstance(found, dict):
        message.content["data"] = {kind.rpartition("/")[2]: found[kind] for kind in found}


def _other_id(message: Outgoing) -> None:
    message.content["transient"] = {"display_id": "another"}


def _prefix_cut(message: Outgoing) -> None:
    message.prefix = [b"nobody", *message.prefix[1:]]


ROWS: tuple[Row, ...] = (
    spoil("iopub-no-welcome", "IOPUB-01 IOPUB-02", "Subscribers are not welcomed.", WELCOME,
          gone),
    spoil("iopub-welcome-other-text", "IOPUB-02", "The welcome names another subscription.",
          WELCOME, with_content(subscription="everything")),
    spoil("iopub-welcome-empty", "IOPUB-02", "The welcome has no `subscription`.", WELCOME,
          without("subscription")),
    spoil("iopub-welcome-other-topic", "IOPUB-05", "The topic of the welcome is its type.",
          WELCOME, _topic(b"iopub_welcome")),
    spoil("iopub-welcome-parent-null", "IOPUB-04 HDR-14 WIRE-06", "Its parent is that of a cell.",
          WELCOME, with_parent({"msg_id": "x", "session": "y"})),
    spoil("iopub-stream-name", "IOPUB-09", "The `name` of a stream is `out`.",
          both(STREAM, having(name="stdout")), with_content(name="out")),
    spoil("iopub-stream-no-name", "IOPUB-09", "A stream has no `name`.", STREAM,
          without("name")),
    spoil("iopub-stream-data", "IOPUB-09", "The text of a stream is under `data`.", STREAM,
          lambda m: m.content.update(data=m.content.pop("text", ""))),
    spoil("iopub-stream-list", "IOPUB-09", "The text of a stream is a list.", STREAM,
          lambda m: m.content.update(text=[m.content.get("text")])),
    spoil("iopub-streams-swapped", "IOPUB-09", "Stderr goes to stdout.",
          both(STREAM, having(name="stderr")), with_content(name="stdout")),
    spoil("iopub-display-no-data", "IOPUB-10", "A display has no `data`.", of("display_data"),
          without("data")),
    spoil("iopub-display-no-metadata", "IOPUB-10", "A display has no `metadata`.",
          of("display_data"), without("metadata")),
    spoil("iopub-display-data-text", "IOPUB-10", "The `data` of a display are text.",
          of("display_data"), with_content(data="a")),
    spoil("iopub-display-metadata-null", "IOPUB-10", "Its `metadata` are null.",
          of("display_data"), with_content(metadata=None)),
    spoil("iopub-display-transient-text", "IOPUB-10", "Its `transient` is text.",
          of("display_data"), with_content(transient="id")),
    spoil("iopub-display-apart", "IOPUB-11", "Each representation has a message of its own.",
          of("display_data"), _each_apart),
    spoil("iopub-display-bare-types", "IOPUB-11", "Representations are keyed by `plain`.",
          of("display_data"), _key_without_type),
    spoil("iopub-display-lost", "IOPUB-08 EXEC-31", "Displays are not published.",
          of("display_data"), gone),
    spoil("iopub-json-as-text", "IOPUB-12", "JSON is sent as text.", SHOWN, _json_as_text),
    spoil("iopub-binary-as-list", "IOPUB-13", "Images are lists of bytes.", SHOWN,
          _binary_as_list),
    spoil("iopub-binary-as-latin", "IOPUB-13", "Images are text of their bytes.", SHOWN,
          _binary_as_latin),
    spoil("iopub-display-id-number", "IOPUB-15", "A `display_id` is a number.",
          of("display_data"), within("transient", display_id=1)),
    spoil("iopub-update-no-id", "IOPUB-16", "An update has no `transient`.",
          of("update_display_data"), without("transient")),
    spoil("iopub-update-other-id", "IOPUB-16", "An update has another id.",
          of("update_display_data"), _other_id),
    spoil("iopub-update-is-display", "IOPUB-16", "An update is a new display.",
          of("update_display_data"), renamed("display_data")),
    spoil("iopub-update-no-metadata", "IOPUB-16", "An update has no `metadata`.",
          of("update_display_data"), without("metadata")),
    spoil("iopub-input-stripped", "IOPUB-18", "The code of `execute_input` is stripped.", INPUT,
          _stripped("code")),
    spoil("iopub-input-no-code", "IOPUB-18", "An `execute_input` has no `code`.", INPUT,
          without("code")),
    spoil("iopub-input-no-count", "IOPUB-18 EXEC-07", "It has no `execution_count`.", INPUT,
          without("execution_count")),
    spoil("iopub-result-no-count", "IOPUB-19", "A result has no `execution_count`.", RESULT,
          without("execution_count")),
    spoil("iopub-result-no-data", "IOPUB-19", "A result has no `data`.", RESULT,
          without("data")),
    spoil("iopub-result-no-metadata", "IOPUB-19", "A result has no `metadata`.", RESULT,
          without("metadata")),
    spoil("iopub-result-html", "IOPUB-29", "A result is HTML alone.", RESULT,
          with_content(data={"text/html": "<p>"})),
    spoil("iopub-error-status", "IOPUB-20", "An `error` has a `status`.", ERROR,
          with_content(status="error")),
    spoil("iopub-error-count", "IOPUB-20", "An `error` has an `execution_count`.", ERROR,
          with_content(execution_count=1)),
    spoil("iopub-error-no-name", "IOPUB-20", "An `error` has no `ename`.", ERROR,
          without("ename")),
    spoil("iopub-error-no-value", "IOPUB-20", "An `error` has no `evalue`.", ERROR,
          without("evalue")),
    spoil("iopub-error-no-traceback", "IOPUB-20", "An `error` has no `traceback`.", ERROR,
          without("traceback")),
    spoil("iopub-error-traceback-text", "IOPUB-20", "The `traceback` of an `error` is text.",
          ERROR, with_content(traceback="E: t")),
    spoil("iopub-state-capital", "IOPUB-21", "Busy is called `Busy`.", state("busy"),
          with_content(execution_state="Busy")),
    spoil("iopub-clear-no-wait", "IOPUB-25", "A `clear_output` has no `wait`.", CLEAR,
          without("wait")),
    spoil("iopub-clear-number", "IOPUB-25", "Its `wait` is a number.", CLEAR,
          with_content(wait=1)),
    # Prompts.
    spoil("stdin-no-parent", "STDIN-07 HDR-13", "A prompt has no parent.", PROMPT,
          with_parent({})),
    spoil("stdin-other-client", "STDIN-06", "A prompt has another routing prefix.", PROMPT,
          _prefix_cut),
    spoil("stdin-no-prompt", "STDIN-08", "A prompt has no `prompt`.", PROMPT,
          without("prompt")),
    spoil("stdin-prompt-null", "STDIN-08", "A `prompt` is null.", PROMPT,
          with_content(prompt=None)),
    spoil("stdin-no-password", "STDIN-08", "A prompt has no `password`.", PROMPT,
          without("password")),
    spoil("stdin-password-false", "STDIN-08", "The `password` of a secret is false.", PROMPT,
          with_content(password=False)),
    spoil("stdin-password-text", "STDIN-08", "A `password` is text.", PROMPT,
          with_content(password="no")),
    spoil("stdin-request-type", "STDIN-01 STDIN-08", "A prompt is called `raw_input_request`.",
          PROMPT, renamed("raw_input_request")),
    spoil("stdin-twice", "STDIN-01", "A prompt is sent twice.", PROMPT, twice),
)  # fmt: skip


@fault("iopub-welcome-once", "IOPUB-03", "Only the first subscriber of a topic is welcomed.")
class WelcomeOnce(Kernel):
    """An XPUB that is not verbose."""

    def prepare(self, channel: str, made: zmq.Socket[bytes]) -> None:
        super().prepare(channel, made)
        if channel == IOPUB:
            made.setsockopt(zmq.XPUB_VERBOSE, 0)


@fault("iopub-all-to-all", "IOPUB-01", "Every subscriber gets every message.")
class AllToAll(Kernel):
    """Topics are not looked at."""

    def prepare(self, channel: str, made: zmq.Socket[bytes]) -> None:
        super().prepare(channel, made)
        if channel == IOPUB:
            made.setsockopt(zmq.XPUB_MANUAL, 1)

    def receive_subscriptions(self) -> None:
        while True:
            try:
                frames = self.sockets[IOPUB].recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            if frames[0][:1] == b"\x01":
                self.sockets[IOPUB].setsockopt(zmq.SUBSCRIBE, self.granted(frames[0][1:]))
                self.welcome(frames[0][1:])
            else:
                self.taken_back(frames[0][1:])

    def granted(self, topic: bytes) -> bytes:  # noqa: ARG002
        """Return what is sent to a subscriber of *topic*."""
        return b""

    def taken_back(self, topic: bytes) -> None:
        """Serve an unsubscription."""


@fault("iopub-no-end", "IOPUB-01", "Who has unsubscribed still gets the messages.")
class NoEnd(AllToAll):
    """Unsubscriptions are not served."""

    def granted(self, topic: bytes) -> bytes:
        return topic


@fault("iopub-welcome-of-bytes", "IOPUB-06", "A subscription that is no text is welcomed too.")
class WelcomeOfBytes(Kernel):
    """Replacement characters."""

    def welcome(self, topic: bytes) -> None:
        text = topic.decode("utf-8", "replace")
        self.publish("iopub_welcome", {"subscription": text}, None, topic=topic)


@fault("iopub-farewell", "IOPUB-06", "An unsubscription is answered by a welcome.")
class Farewell(Kernel):
    """The first byte is not read."""

    def prepare(self, channel: str, made: zmq.Socket[bytes]) -> None:
        super().prepare(channel, made)
        if channel == IOPUB:
            made.setsockopt(zmq.XPUB_VERBOSER, 1)

    def receive_subscriptions(self) -> None:
        while True:
            try:
                frames = self.sockets[IOPUB].recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self.publish(
                "iopub_welcome",
                {"subscription": frames[0][1:].decode("utf-8", "replace")},
                None,
                topic=frames[0][1:],
            )


@fault("iopub-dies-of-junk", "IOPUB-06", "Bytes sent to IOPub end the process.")
class DiesOfJunk(Kernel):
    """Whatever is no subscription."""

    def receive_subscriptions(self) -> None:
        while True:
            try:
                frames = self.sockets[IOPUB].recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            if len(frames) != 1 or frames[0][:1] not in {b"\0", b"\1"}:
                self.die(3)
            if frames[0][:1] == b"\1":
                self.welcome(frames[0][1:])


@fault("iopub-of-first-client", "IOPUB-08", "Streams of other clients than the first are lost.")
class OnlyToAsker(Kernel):
    """Written for one frontend."""

    owner: bytes = b""

    def alter(self, message: Outgoing) -> Sequence[Outgoing]:
        if (
            message.channel == IOPUB
            and message.type == "stream"
            and self.owner != self.asker(message)
        ):
            return ()
        return (message,)

    def asker(self, message: Outgoing) -> bytes:
        """Return who asked."""
        found = message.cause.prefix[0] if message.cause is not None else b""
        self.owner = self.owner or found
        return found


@fault("iopub-starting-again", "IOPUB-22", "A kernel_info publishes `starting` again.")
class StartingAgain(Kernel):
    """Told to each client."""

    def busy(self, request: Incoming) -> None:
        if request.type == "kernel_info_request":
            self.publish_status("starting", None)
        super().busy(request)


@fault("iopub-starting-of-cells", "IOPUB-22 SHELL-04", "Each cell begins with `starting`.")
class StartingOfCells(Kernel):
    """A state too many."""

    def busy(self, request: Incoming) -> None:
        if request.type == "execute_request":
            self.publish_status("starting", request)
        super().busy(request)


@fault("iopub-blocks", "IOPUB-28", "A subscriber that does not read stops the kernel.")
class Blocks(Kernel):
    """It waits until all has been taken."""

    def prepare(self, channel: str, made: zmq.Socket[bytes]) -> None:
        super().prepare(channel, made)
        if channel == IOPUB:
            made.setsockopt(zmq.SNDHWM, 50)
            made.setsockopt(zmq.XPUB_NODROP, 1)


@fault("iopub-drops", "EXEC-31 IOPUB-23", "Of many lines each hundredth is lost.")
class Drops(Kernel):
    """A queue that is too short."""

    sent = 0

    def alter(self, message: Outgoing) -> Sequence[Outgoing]:
        self.sent += message.type == "stream"
        return () if message.type == "stream" and self.sent % 100 == 0 else (message,)


@fault(
    "iopub-streams-with-next", "SHELL-05 IOPUB-23 EXEC-31", "Streams go out with the next request."
)
class WithNext(Kernel):
    """Flushed when something happens."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type] # handed on
        self.late: list[Outgoing] = []

    def alter(self, message: Outgoing) -> Sequence[Outgoing]:
        if message.type != "stream":
            out = self.late if message.type == "status" and self.due(message) else []
            self.late = [] if out else self.late
            return (*out, message)
        self.late.append(message)
        return ()

    def due(self, message: Outgoing) -> bool:
        """Say whether the next request has come."""
        return message.content.get("execution_state") == "busy"


# Prompts.


@fault("stdin-value-stripped", "STDIN-09", "Blanks around a value are lost.")
class ValueStripped(Kernel):
    """Tidied up."""

    def input_value(self, reply: Incoming) -> str:
        return super().input_value(reply).strip()


@fault("stdin-value-needs-line-end", "STDIN-09", "The last character of a value is cut.")
class ValueCut(Kernel):
    """Taken for a line end."""

    def input_value(self, reply: Incoming) -> str:
        return super().input_value(reply)[:-1]


@fault("stdin-value-gets-line-end", "STDIN-09", "A line end is left on each value.")
class ValueWithLineEnd(Kernel):
    """As a terminal hands it over."""

    def input_value(self, reply: Incoming) -> str:
        return super().input_value(reply) + "\n"


@fault("stdin-value-gets-return", "STDIN-09", "A carriage return is left on each value.")
class ValueWithReturn(Kernel):
    """As a raw terminal hands it over."""

    def input_value(self, reply: Incoming) -> str:
        return super().input_value(reply) + "\r"


@fault("stdin-answers-fail", "STDIN-01 STDIN-09", "Every answer ends the cell with an error.")
class AnswersFail(Kernel):
    """It wants a field that no answer has."""

    def input_value(self, reply: Incoming) -> str:  # noqa: ARG002
        raise LanguageError("KeyError", "there is no status")


@fault("stdin-no-end-of-file", "STDIN-10", "U+0004 is a value like any other.")
class NoEndOfFile(Kernel):
    """The convention is not known."""

    def input_value(self, reply: Incoming) -> str:
        return str(reply.content["value"])


@fault("stdin-any-client", "STDIN-11", "Any client may answer a prompt.")
class AnyClient(Kernel):
    """Whoever is first."""

    def is_from_the_client(self, prompt: Prompt, reply: Incoming) -> bool:  # noqa: ARG002
        return True


@fault("stdin-any-type", "STDIN-11", "Any message with a value answers a prompt.")
class AnyType(Kernel):
    """The type is not read."""

    def is_answer(self, prompt: Prompt, reply: Incoming) -> bool:
        if not self.is_from_the_client(prompt, reply):
            return False
        reply.content.setdefault("value", "")
        return True


@fault("stdin-early-answers", "STDIN-11", "An answer that comes before the prompt is kept for it.")
class EarlyAnswers(Kernel):
    """It waits in the socket."""

    early: Incoming | None = None

    def answered(self, reply: Incoming) -> None:
        self.early = None if self.prompts else reply
        super().answered(reply)

    def emit(self, message: Outgoing) -> None:
        super().emit(message)
        if message.type == "input_request" and self.early is not None:
            super().answered(self.early)


@fault("stdin-second-answer", "STDIN-11", "A second answer to a prompt is kept for the next one.")
class SecondAnswer(EarlyAnswers):
    """Answers are read when they are needed, whatever they answer."""

    def answered(self, reply: Incoming) -> None:
        waiting = any(prompt.reply is None for prompt in self.prompts)
        self.early = None if waiting else reply
        Kernel.answered(self, reply)

    def is_answer(self, prompt: Prompt, reply: Incoming) -> bool:
        reply.parent["msg_id"] = prompt.msg_id
        return super().is_answer(prompt, reply)


@fault("stdin-stale-answers", "STDIN-11", "An answer to another prompt is taken.")
class StaleAnswers(Kernel):
    """The parent is not read."""

    def is_answer(self, prompt: Prompt, reply: Incoming) -> bool:
        return self.is_from_the_client(prompt, reply) and reply.type == "input_reply"


@fault("stdin-no-interrupt", "STDIN-12 CTRL-17", "A prompt goes on after an interrupt.")
class NoInterrupt(Kernel):
    """It asks again."""

    def ask(self, cell: Cell, prompt: str, *, password: bool) -> str:
        while True:
            try:
                return super().ask(cell, prompt, password=password)
            except LanguageError as error:
                if error.name != "KeyboardInterrupt" or self.stopped:
                    raise


@fault("stdin-no-shutdown", "STDIN-12 CTRL-08", "A shutdown waits for the answer to a prompt.")
class NoShutdown(Kernel):
    """Its cell has to end first."""

    def route(self, request: Incoming) -> None:
        if request.on_control and request.type == "shutdown_request" and self.prompts:
            self.lanes[None].put(request)
        else:
            super().route(request)


@fault("stdin-output-late", "STDIN-13", "Output waits until the prompt has been answered.")
class OutputLate(Kernel):
    """Flushed behind the prompt."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type] # handed on
        self.late: list[Outgoing] = []

    def alter(self, message: Outgoing) -> Sequence[Outgoing]:
        if message.type == "stream":
            self.late.append(message)
            return ()
        if message.channel == STDIN:
            return (message,)
        out, self.late = [*self.late, message], []
        return out


@fault("stdin-one-prompt", "STDIN-14", "Only the first prompt of a cell is sent.")
class OneAnswer(Kernel):
    """The first answer is given to all."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type] # handed on
        self.given: dict[object, str] = {}

    def ask(self, cell: Cell, prompt: str, *, password: bool) -> str:
        key = cell.request.header["msg_id"]
        if key not in self.given:
            self.given[key] = super().ask(cell, prompt, password=password)
        return self.given[key]


@fault("stdin-to-all", "STDIN-06", "A prompt goes to every client that has spoken.")
class PromptToAll(Kernel):
    """One socket, all peers."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type] # handed on
        self.known: list[list[bytes]] = []

    def accept(self, request: Incoming) -> None:
        if request.prefix not in self.known:
            self.known.append(list(request.prefix))
        super().accept(request)

    def alter(self, message: Outgoing) -> Sequence[Outgoing]:
        if message.channel != STDIN:
            return (message,)
        copies = [message.copy() for _ in self.known]
        for copy, prefix in zip(copies, self.known, strict=True):
            copy.prefix = prefix
        return copies
