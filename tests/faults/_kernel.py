"""The small kernel: what each request does. It follows protocol 5.5 to the letter."""

from __future__ import annotations

import fnmatch
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.faults import _language as language
from tests.faults._cell import BOMB, CALLS, Cell
from tests.faults._core import PORTS, SHUTDOWN_WAIT_S
from tests.faults._debugger import Debugger
from tests.faults._fields import read
from tests.faults._lane import Lane
from tests.faults._language import NOTHING, LanguageError, show
from tests.faults._registering import RegisteringCore
from tests.faults._wire import STDIN, Fields, Incoming, Outgoing, new_id

END_OF_FILE = "\x04"

SUBSHELL_REQUESTS = ("create_subshell_request", "delete_subshell_request", "list_subshell_request")


class Stored(NamedTuple):
    """A cell of the history."""

    session: int
    line: int
    raw: str
    transformed: str
    output: str | None


class Prompt:
    """A question that waits for its answer."""

    def __init__(self, cell: Cell, msg_id: object) -> None:
        self.cell = cell
        self.msg_id = msg_id
        self.reply: Incoming | None = None


class Kernel(RegisteringCore):
    """A kernel for the tiny language."""

    features: tuple[str, ...] = ("debugger", "kernel subshells")

    def __init__(
        self, connection: Mapping[str, object], stored: list[Stored] | None = None
    ) -> None:
        super().__init__(connection)
        self.names: dict[str, object] = {BOMB: BOMB}
        self.documented: dict[str, str] = {}
        self.to_touch: list[str] = []
        self.count = 0
        self.counting = threading.Lock()
        self.history: list[Stored] = stored if stored is not None else []
        self.history_session = 1 + max((cell.session for cell in self.history), default=0)
        self.targets: dict[str, str] = {"echo": "echo", "raise": "raise"}
        self.comms: dict[str, str] = {}
        self.prompts: deque[Prompt] = deque()
        self.debugger = Debugger(self)
        self.exiting = False

    def call_names(self) -> tuple[str, ...]:
        """Return the names of the language's calls."""
        return CALLS

    def serve(self, request: Incoming, lane: Lane) -> Fields | None:
        """Handle a request of any type; one that is unknown gets no reply."""
        name = request.type
        if request.channel != "control" and not self.is_known_subshell(request):
            raise LanguageError("UnknownSubshellError", "there is no such subshell")
        method = getattr(self, f"on_{name}", None)
        if method is None or (
            name in SUBSHELL_REQUESTS and "kernel subshells" not in self.features
        ):
            print(f"cannot handle {name}", file=sys.stderr)
            return None
        content: Fields | None = method(request, self.read(request), lane)
        return content

    def read(self, request: Incoming) -> Fields:
        """Return the checked fields of a request."""
        return read(request.type, request.content)

    def is_known_subshell(self, request: Incoming) -> bool:
        """Say whether the subshell of a request exists."""
        return self.subshell_of(request) in self.lanes

    def subshell_of(self, request: Incoming) -> str | None:
        """Return the subshell of a request; without the feature there is only the main shell."""
        if "kernel subshells" not in self.features:
            return None
        return super().subshell_of(request)

    # Execution.

    def on_execute_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:
        """Run a cell."""
        if request.aborted:
            return self.aborted()
        cell = self.make_cell(request, lane, asked)
        store = self.is_stored(asked)
        cell.count = self.take_number(store=store)
        self.publish_input(cell)
        try:
            value = cell.run()
            content = self.succeeded(cell, asked, value)
        except LanguageError as error:
            value = NOTHING
            content = self.raised(cell, asked, error)
        if store:
            self.store(cell, value)
        return content

    def make_cell(self, request: Incoming, lane: Lane, asked: Fields) -> Cell:
        """Return the run of a request's code."""
        return Cell(self, request, lane, asked)

    def is_stored(self, asked: Fields) -> bool:
        """Say whether a request counts and goes into the history."""
        wanted = asked["store_history"]
        return not asked["silent"] and (wanted is None or bool(wanted))

    def take_number(self, *, store: bool) -> int:
        """Return the number of a cell: the next one, or the current one if it is not stored."""
        with self.counting:
            self.count += store
            return self.count

    def publish_input(self, cell: Cell) -> None:
        """Publish `execute_input`."""
        cell.publish("execute_input", {"code": cell.code, "execution_count": cell.count})

    def succeeded(self, cell: Cell, asked: Fields, value: object) -> Fields:
        """Publish the result and return the reply of a cell that ran."""
        if value is not NOTHING:
            self.publish_result(cell, value)
        content: Fields = {
            "status": "ok",
            "execution_count": cell.count,
            "user_expressions": self.expressions(cell, asked),
        }
        return content | ({"payload": cell.payloads} if cell.payloads else {})

    def publish_result(self, cell: Cell, value: object) -> None:
        """Publish `execute_result`."""
        content: Fields = {"execution_count": cell.count, **self.bundle(value)}
        cell.publish("execute_result", content)

    def bundle(self, value: object) -> Fields:
        """Return the representations of a value."""
        return {"data": {"text/plain": show(value)}, "metadata": {}}

    def expressions(self, cell: Cell, asked: Fields) -> Fields:
        """Evaluate the user expressions."""
        wanted = asked["user_expressions"]
        assert isinstance(wanted, dict)
        return {name: self.expression(cell, code) for name, code in wanted.items()}

    def expression(self, cell: Cell, code: object) -> Fields:
        """Evaluate one user expression."""
        try:
            made = language.statements(str(code))
            values = [cell.evaluator.statement(statement) for statement in made]
        except LanguageError as error:
            return self.error(error)
        except language.IncompleteError:
            return self.error(LanguageError("SyntaxError", "the expression does not end"))
        return {"status": "ok", **self.bundle(values[-1] if values else None)}

    def raised(self, cell: Cell, asked: Fields, error: LanguageError) -> Fields:
        """Publish the error, abort what is queued, and return the reply of a cell that raised."""
        cell.publish("error", self.error_fields(error))
        if asked["stop_on_error"]:
            self.abort_queue(cell.lane)
        return self.error(error) | {"execution_count": cell.count}

    def aborted(self) -> Fields:
        """Return the reply to a request that a failure before it aborted."""
        error = LanguageError("AbortedError", "a cell before this one failed")
        return self.error(error) | {"execution_count": self.count}

    def failed(self, request: Incoming, error: LanguageError) -> Fields | None:
        """Add the counter to the reply of an execution that could not begin."""
        content = super().failed(request, error)
        if content is not None and request.type == "execute_request":
            return content | {"execution_count": self.count}
        return content

    def store(self, cell: Cell, value: object) -> None:
        """Add a cell to the history."""
        output = None if value is NOTHING else show(value)
        changed = language.transform(cell.code)
        self.history.append(Stored(self.history_session, cell.count, cell.code, changed, output))

    def display_content(self, values: list[object]) -> Fields:
        """Return the content of a display: its data, and its id if there is one."""
        data = values[0] if values and isinstance(values[0], dict) else {"text/plain": show(values)}
        transient = {"display_id": str(values[1])} if len(values) > 1 else {}
        return {"data": data, "metadata": {}, "transient": transient}

    def output_topic(self, msg_type: str, content: Fields) -> bytes:
        """Return the topic of an output."""
        if msg_type == "stream":
            return f"stream.{content['name']}".encode()
        return self.topic(msg_type)

    # Input.

    def ask(self, cell: Cell, prompt: str, *, password: bool) -> str:
        """Ask the client of a cell and return its answer.

        Raises:
            LanguageError: there is no more input, or an interrupt came.
        """
        message = Outgoing(
            channel=STDIN,
            prefix=list(cell.request.prefix),
            header=self.header("input_request"),
            parent=self.parent(cell.request),
            content={"prompt": prompt, "password": password},
            cause=cell.request,
        )
        waiting = Prompt(cell, message.header["msg_id"])
        self.prompts.append(waiting)
        self.emit(message)
        try:
            cell.lane.pause(None, until=lambda: waiting.reply is not None)
        finally:
            self.prompts.remove(waiting)
        assert waiting.reply is not None
        return self.input_value(waiting.reply)

    def input_value(self, reply: Incoming) -> str:
        """Return what an `input_reply` says."""
        value = str(reply.content["value"])
        if value == END_OF_FILE:
            raise LanguageError("EOFError", "there is no more input")
        return value

    def answered(self, reply: Incoming) -> None:
        """Give a reply to the question that it answers; drop it if there is none."""
        for prompt in list(self.prompts):
            if prompt.reply is None and self.is_answer(prompt, reply):
                prompt.reply = reply
                prompt.cell.lane.notify()
                return

    def is_answer(self, prompt: Prompt, reply: Incoming) -> bool:
        """Say whether a reply answers a question."""
        return (
            self.is_from_the_client(prompt, reply)
            and reply.type == "input_reply"
            and isinstance(reply.content.get("value"), str)
            and reply.parent.get("msg_id", prompt.msg_id) == prompt.msg_id
        )

    def is_from_the_client(self, prompt: Prompt, reply: Incoming) -> bool:
        """Say whether a reply comes from the client that was asked."""
        return reply.prefix[:1] == prompt.cell.request.prefix[:1]

    # Questions.

    def on_kernel_info_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:  # noqa: ARG002
        """Tell what kernel this is."""
        return {
            "status": "ok",
            "protocol_version": self.protocol_version,
            "implementation": "tiny",
            "implementation_version": "1.0",
            "language_info": {
                "name": "tiny",
                "version": "1.0",
                "mimetype": "text/x-tiny",
                "file_extension": ".tiny",
            },
            "banner": "A small kernel",
            "help_links": [
                {"text": "The protocol", "url": "https://jupyter-client.readthedocs.io"}
            ],
            "debugger": "debugger" in self.features,
            "supported_features": list(self.features),
        }

    def on_complete_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:  # noqa: ARG002
        """Complete the name before the cursor."""
        code, cursor = self.code_and_cursor(asked)
        start = language.name_before(code, cursor)
        word = code[start:cursor]
        known = [*CALLS, *self.names, *self.documented]
        matches = sorted({name for name in known if name.startswith(word)})
        return {
            "status": "ok",
            "matches": matches,
            "cursor_start": start,
            "cursor_end": cursor,
            "metadata": {},
        }

    def code_and_cursor(self, asked: Fields) -> tuple[str, int]:
        """Return the code and the place in it, in code points.

        Raises:
            LanguageError: the place is before the code.
        """
        code, cursor = str(asked["code"]), asked["cursor_pos"]
        if not isinstance(cursor, int) or cursor > len(code):
            return code, len(code)
        if cursor < 0:
            raise LanguageError("ValueError", "cursor_pos is negative")
        return code, cursor

    def on_inspect_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:  # noqa: ARG002
        """Describe the name at the cursor."""
        level = asked["detail_level"]
        if level not in {0, 1}:
            raise LanguageError("ValueError", "detail_level is neither 0 nor 1")
        name = language.name_at(*self.code_and_cursor(asked))
        text = self.describe(name)
        if text is None:
            return {"status": "ok", "found": False, "data": {}, "metadata": {}}
        data = {"text/plain": text + ("\nno source" if level else "")}
        return {"status": "ok", "found": True, "data": data, "metadata": {}}

    def describe(self, name: str) -> str | None:
        """Return what is known about a name.

        Raises:
            LanguageError: its value cannot be shown.
        """
        if name == BOMB:
            raise LanguageError("ValueError", "this value cannot be inspected")
        if name in self.documented:
            return f"{name}: {self.documented[name]}"
        if name in self.names:
            return f"{name} = {show(self.names[name])}"
        return f"{name}(…), a call of the language" if name in CALLS else None

    def on_is_complete_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:  # noqa: ARG002
        """Say whether code is complete."""
        state = language.is_complete(str(asked["code"]))
        indent: Fields = {"indent": "  "} if state == "incomplete" else {}
        return {"status": state} | indent

    def on_history_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:  # noqa: ARG002
        """List cells."""
        select = {"tail": self.tail, "range": self.of_session, "search": self.search}
        kind = str(asked["hist_access_type"])
        if kind not in select:
            raise LanguageError("ValueError", f"there is no access type {kind}")
        return {"status": "ok", "history": [self.row(c, asked) for c in select[kind](asked)]}

    def row(self, cell: Stored, asked: Fields) -> list[object]:
        """Return a cell as the reply lists it."""
        source = cell.raw if asked["raw"] else cell.transformed
        return [cell.session, cell.line, [source, cell.output] if asked["output"] else source]

    def tail(self, asked: Fields) -> list[Stored]:
        """Return the last *n* cells."""
        return last(self.history, asked["n"])

    def of_session(self, asked: Fields) -> list[Stored]:
        """Return the cells between two numbers of a session, the second not included."""
        session, start, stop = asked["session"], asked["start"], asked["stop"]
        assert isinstance(session, int)
        wanted = session if session > 0 else self.history_session + session
        return [
            cell
            for cell in self.history
            if cell.session == wanted
            and (not isinstance(start, int) or cell.line >= start)
            and (not isinstance(stop, int) or cell.line < stop)
        ]

    def search(self, asked: Fields) -> list[Stored]:
        """Return the last *n* cells that match a pattern."""
        pattern = str(asked["pattern"])
        source = {True: "raw", False: "transformed"}[bool(asked["raw"])]
        found = [c for c in self.history if self.matches(str(getattr(c, source)), pattern)]
        if asked["unique"]:
            newest = {getattr(cell, source): cell for cell in found}
            found = [cell for cell in found if newest[getattr(cell, source)] is cell]
        return last(found, asked["n"])

    def matches(self, text: str, pattern: str) -> bool:
        """Say whether a text matches a pattern of `*` and `?`."""
        return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))

    def on_connect_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:  # noqa: ARG002
        """Tell the ports."""
        return {"status": "ok"} | {port: self.connection.get(port) for port in PORTS}

    # Comms.

    def on_comm_info_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:  # noqa: ARG002
        """List the open comms."""
        wanted = asked["target_name"]
        comms = {
            comm_id: {"target_name": target}
            for comm_id, target in self.comms.items()
            if wanted in {None, target}
        }
        return {"status": "ok", "comms": comms}

    def on_comm_open(self, request: Incoming, asked: Fields, lane: Lane) -> None:  # noqa: ARG002
        """Open a comm, or close it at once if nothing is registered for its target."""
        comm_id, target = str(asked["comm_id"]), str(asked["target_name"])
        if target in self.targets:
            self.comms[comm_id] = target
        else:
            self.publish("comm_close", {"comm_id": comm_id, "data": {}}, request)

    def on_comm_msg(self, request: Incoming, asked: Fields, lane: Lane) -> None:  # noqa: ARG002
        """Echo a message, with its metadata and buffers."""
        comm_id = str(asked["comm_id"])
        does = self.targets.get(self.comms.get(comm_id, ""))
        if does == "raise":
            raise LanguageError("ValueError", "the handler of this comm raises")
        if does == "echo":
            content: Fields = {"comm_id": comm_id, "data": asked["data"]}
            metadata, buffers = dict(request.metadata), request.buffers
            self.publish("comm_msg", content, request, metadata=metadata, buffers=buffers)

    def on_comm_close(self, request: Incoming, asked: Fields, lane: Lane) -> None:  # noqa: ARG002
        """Forget a comm."""
        self.comms.pop(str(asked["comm_id"]), None)

    # Control.

    def on_interrupt_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:  # noqa: ARG002
        """Interrupt what runs."""
        self.interrupt()
        return {"status": "ok"}

    def on_shutdown_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:  # noqa: ARG002
        """End what runs; `finished` ends the loop when all has been sent."""
        self.interrupt()
        self.clean_up(lane)
        return {"status": "ok", "restart": asked["restart"]}

    def clean_up(self, lane: Lane) -> None:
        """Wait until the cells that ran have ended, and make the files that cells asked for."""
        end = time.monotonic() + SHUTDOWN_WAIT_S
        for other in list(self.lanes.values()):
            if other is not lane:
                other.close()
                other.wait_until_idle(end - time.monotonic())
        self.touch()

    def touch(self) -> None:
        """Do what cells have left to be done at the end."""
        for name in self.to_touch:
            Path(name).touch()

    def reply(self, request: Incoming, content: Fields) -> None:
        """Send a reply; that of a shutdown is broadcast too."""
        super().reply(request, content)
        if request.type == "shutdown_request" and content.get("status") == "ok":
            self.broadcast(request, content)

    def broadcast(self, request: Incoming, content: Fields) -> None:
        """Tell all clients that the kernel ends."""
        self.publish("shutdown_reply", dict(content), request)

    def finished(self, request: Incoming) -> None:
        """Stop the loop after a shutdown, and after a cell that asked for it."""
        if self.exiting:
            self.post(self.stop)
        if request.type == "shutdown_request" and isinstance(
            request.content.get("restart", False), bool
        ):
            self.post(self.stop)

    def on_create_subshell_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:  # noqa: ARG002
        """Start a lane."""
        name = new_id()
        made = Lane(name, self, subshell=name)
        self.lanes[name] = made
        made.start()
        return {"status": "ok", "subshell_id": name}

    def on_delete_subshell_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:  # noqa: ARG002
        """End a lane."""
        gone = self.lanes.pop(str(asked["subshell_id"]), None)
        if gone is None:
            raise LanguageError("UnknownSubshellError", "there is no such subshell")
        gone.close()
        return {"status": "ok"}

    def on_list_subshell_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields:  # noqa: ARG002
        """List the subshells."""
        return {"status": "ok", "subshell_id": self.subshells()}

    def subshells(self) -> list[str]:
        """Return the ids of the subshells, without the main shell."""
        return [name for name in list(self.lanes) if name is not None]

    def on_debug_request(self, request: Incoming, asked: Fields, lane: Lane) -> Fields | None:  # noqa: ARG002
        """Debug."""
        if "debugger" not in self.features:
            return None
        return self.debugger.request(request, asked)


def last(cells: list[Stored], number: object) -> list[Stored]:
    """Return the last cells, all if no number is given."""
    if not isinstance(number, int):
        return list(cells)
    return cells[-number:] if number > 0 else []


__all__ = ["Kernel", "Prompt", "Stored", "last"]
