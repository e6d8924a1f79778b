"""One cell that runs: what its calls do."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tests.faults._language import (
    NOTHING,
    Call,
    Evaluator,
    IncompleteError,
    LanguageError,
    Statement,
    show,
    statements,
)
from tests.faults._wire import Fields, Incoming, new_id

if TYPE_CHECKING:
    from tests.faults._kernel import Kernel
    from tests.faults._lane import Lane

BOMB = "bomb"
"""A value that cannot be inspected."""


class Cell:
    """The run of the code of one request."""

    def __init__(self, kernel: Kernel, request: Incoming, lane: Lane, asked: Fields) -> None:
        self.kernel = kernel
        self.request = request
        self.lane = lane
        self.code = str(asked["code"])
        self.silent = bool(asked["silent"])
        self.allow_stdin = bool(asked["allow_stdin"])
        self.payloads: list[Fields] = []
        self.count = 0
        self.calls: dict[str, Call] = {
            name: getattr(self, f"call_{name}") for name in kernel.call_names()
        }
        self.evaluator = Evaluator(kernel.names, self.calls)

    def run(self) -> object:
        """Run all statements and return the value of the last, `NOTHING` if it has none.

        Raises:
            LanguageError: the code is wrong, raised, or was interrupted.
        """
        try:
            return self.run_all(statements(self.code))
        except IncompleteError as error:
            raise LanguageError("SyntaxError", "the code does not end") from error
        except (AssertionError, IndexError, KeyError, TypeError, ValueError) as error:
            raise LanguageError(type(error).__name__, str(error)) from error

    def run_all(self, code: list[Statement]) -> object:
        """Run statements and return the value of the last."""
        value: object = NOTHING
        for statement in code:
            value = self.step(statement)
        return value

    def step(self, statement: Statement) -> object:
        """Run one statement."""
        self.lane.check()
        self.kernel.debugger.reached(self, statement.line)
        return self.evaluator.statement(statement)

    def publish(self, msg_type: str, content: Fields, *, buffers: Sequence[bytes] = ()) -> None:
        """Publish an output, unless the request is silent."""
        if not self.silent:
            self.kernel.publish(
                msg_type,
                content,
                self.request,
                buffers=buffers,
                topic=self.kernel.output_topic(msg_type, content),
            )

    def write(self, name: str, text: str) -> None:
        """Write to a stream."""
        self.publish("stream", {"name": name, "text": text})

    # Calls of the language.

    def call_print(self, values: list[object]) -> object:
        """Write texts to stdout."""
        self.write("stdout", "".join(map(_text, values)))
        return NOTHING

    def call_say(self, values: list[object]) -> object:
        """Write texts and a line end to stdout."""
        self.write("stdout", "".join(map(_text, values)) + "\n")
        return NOTHING

    def call_lines(self, values: list[object]) -> object:
        """Write a text as many times as a number says, each time in a message of its own."""
        for _ in range(values[0] if isinstance(values[0], int) else 0):
            self.lane.check()
            self.write("stdout", _text(values[1]) + "\n")
        return NOTHING

    def call_warn(self, values: list[object]) -> object:
        """Write texts to stderr."""
        self.write("stderr", "".join(map(_text, values)))
        return NOTHING

    def call_raise(self, values: list[object]) -> object:
        """Raise an exception of a name and a text."""
        raise LanguageError(_text(values[0]), _text(values[1]) if len(values) > 1 else "")

    def call_display(self, values: list[object]) -> object:
        """Display a bundle, under an id if there is one."""
        self.publish("display_data", self.kernel.display_content(values))
        return NOTHING

    def call_update(self, values: list[object]) -> object:
        """Update the display of an id."""
        self.publish("update_display_data", self.kernel.display_content(values))
        return NOTHING

    def call_clear(self, values: list[object]) -> object:
        """Clear the output, now or with the next."""
        self.publish("clear_output", {"wait": bool(values and values[0])})
        return NOTHING

    def call_input(self, values: list[object]) -> object:
        """Ask for a line."""
        return self.ask(_text(values[0]) if values else "", password=False)

    def call_password(self, values: list[object]) -> object:
        """Ask for a secret."""
        return self.ask(_text(values[0]) if values else "", password=True)

    def ask(self, prompt: str, *, password: bool) -> str:
        """Ask the client of this request.

        Raises:
            LanguageError: it must not be asked, has no more input, or an interrupt came.
        """
        if not self.allow_stdin:
            raise LanguageError("StdinError", "the client takes no questions")
        return self.kernel.ask(self, prompt, password=password)

    def call_loop(self, values: list[object]) -> object:  # noqa: ARG002
        """Work for ever."""
        self.lane.spin()
        return NOTHING

    def call_sleep(self, values: list[object]) -> object:
        """Sleep for some seconds."""
        seconds = values[0] if values else 0
        self.lane.pause(seconds if isinstance(seconds, int | float) else 0)
        return NOTHING

    def call_target(self, values: list[object]) -> object:
        """Register a comm target, which echoes or does what a second word says."""
        self.kernel.targets[_text(values[0])] = _text(values[1]) if len(values) > 1 else "echo"
        return NOTHING

    def call_open(self, values: list[object]) -> object:
        """Open a comm to a target, with data and an id if they are given, and return its id."""
        target = _text(values[0])
        comm_id = _text(values[2]) if len(values) > 2 else new_id()
        data = values[1] if len(values) > 1 and isinstance(values[1], dict) else {}
        self.kernel.comms[comm_id] = target
        content: Fields = {"comm_id": comm_id, "target_name": target, "data": data}
        self.kernel.publish("comm_open", content, self.request)
        return comm_id

    def call_send(self, values: list[object]) -> object:
        """Send data on a comm."""
        data = values[1] if len(values) > 1 and isinstance(values[1], dict) else {}
        content: Fields = {"comm_id": _text(values[0]), "data": data}
        self.kernel.publish("comm_msg", content, self.request)
        return NOTHING

    def call_close(self, values: list[object]) -> object:
        """Close the comm of an id."""
        self.kernel.comms.pop(_text(values[0]), None)
        content: Fields = {"comm_id": _text(values[0]), "data": {}}
        self.kernel.publish("comm_close", content, self.request)
        return NOTHING

    def call_page(self, values: list[object]) -> object:
        """Show a text in the pager."""
        data = {"text/plain": _text(values[0])}
        self.payloads.append({"source": "page", "data": data, "start": 0})
        return NOTHING

    def call_document(self, values: list[object]) -> object:
        """Give a name a documentation."""
        self.kernel.documented[_text(values[0])] = _text(values[1])
        return NOTHING

    def call_exit(self, values: list[object]) -> object:  # noqa: ARG002
        """End the kernel when this request has been answered."""
        self.payloads.append({"source": "ask_exit", "keepkernel": False})
        self.kernel.exiting = True
        return NOTHING

    def call_touch(self, values: list[object]) -> object:
        """Have a file made when the kernel cleans up."""
        self.kernel.to_touch.append(_text(values[0]))
        return NOTHING

    def call_next(self, values: list[object]) -> object:
        """Set the next input."""
        text = _text(values[0])
        self.payloads.append({"source": "set_next_input", "text": text, "replace": False})
        return NOTHING

    def call_flood(self, values: list[object]) -> object:
        """Write many lines, each in a message of its own."""
        for number in range(values[0] if isinstance(values[0], int) else 0):
            self.lane.check()
            self.write("stdout", f"{number}\n")
        return NOTHING

    def call_later(self, values: list[object]) -> object:
        """Write from a thread, some seconds after the cell has ended."""
        text = _text(values[0])
        seconds = values[1] if len(values) > 1 else 0

        def work() -> None:
            self.lane.wait_until_idle(10.0)
            threading.Event().wait(seconds if isinstance(seconds, int | float) else 0)
            self.write("stdout", text)

        threading.Thread(target=work, daemon=True).start()
        return NOTHING


CALLS = tuple(name[5:] for name in vars(Cell) if name.startswith("call_"))


def _text(value: object) -> str:
    return value if isinstance(value, str) else show(value)
