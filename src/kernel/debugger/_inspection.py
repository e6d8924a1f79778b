"""Looking at the user's variables, in threads of its own: what shows a value may be the user's.

A ``__repr__`` may hang, and one that does must not keep the debugger from its other requests. So
each look has a thread, and no second one begins while one is out: the namespace that hangs once
hangs again.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

from assay.kernel._own_thread import OwnThread
from assay.kernel._tracebacks import text_of
from assay.kernel.debugger._connection import body_of
from assay.kernel.debugger._errors import DebuggerError
from assay.kernel.debugger._variables import FIRST_REFERENCE, Variables
from assay.protocol import Json, JsonObject

if TYPE_CHECKING:
    from assay.kernel._interpreter import Debuggee

__all__ = ["Inspection", "fetch_expression", "keep"]

_awaited: dict[str, list[object]] = {}
"""What expressions in a stopped frame are to hand over, by token; empty until they have."""


class Inspection:
    """The user's variables.

    Args:
        debuggee: Returns what the language has to tell; waits until it is there.
    """

    def __init__(self, debuggee: Callable[[], Debuggee]) -> None:
        self._debuggee = debuggee
        self._variables = Variables(lambda: debuggee().variables())
        self._looking: threading.Thread | None = None

    def everything(self) -> Future[JsonObject]:
        """Return all that the user has defined (DEBUG-09)."""
        return self._look(lambda: {"variables": self._variables.all()})

    def is_known(self, reference: int) -> bool:
        """Return True for a reference of `everything`, and not of debugpy's."""
        return reference >= FIRST_REFERENCE

    def parts(self, reference: int, start: int, count: int) -> Future[JsonObject]:
        """Return the parts of a variable."""
        return self._look(lambda: {"variables": self._variables.parts(reference, start, count)})

    def rich(self, name: str) -> Future[JsonObject]:
        """Return how the variable *name* is displayed (DEBUG-10)."""

        def form() -> dict[str, Json]:
            variables = self._debuggee().variables()
            if name not in variables:
                raise DebuggerError(f"name {name!r} is not defined")
            return self._form(variables[name])

        return self._look(form)

    def rich_in_frame(self, token: str, evaluated: Future[JsonObject]) -> Future[JsonObject]:
        """Return how the value is displayed that an expression hands over by *token*.

        Args:
            token: As `fetch_expression` gave it.
            evaluated: The response to the evaluation of the expression.
        """
        answer: Future[JsonObject] = Future()

        def form() -> dict[str, Json]:
            body_of(evaluated.result())
            if not (values := _awaited[token]):
                raise DebuggerError("the variable could not be evaluated in that frame")
            return self._form(values[0])

        # Also where the look is refused, and `form` not called.
        answer.add_done_callback(lambda _: _awaited.pop(token, None))
        evaluated.add_done_callback(lambda _: self._look(form, answer))
        return answer

    def _form(self, value: object) -> dict[str, Json]:
        data, metadata = self._debuggee().rich_form(value)
        return {"data": data, "metadata": metadata}

    def _look(
        self, look: Callable[[], dict[str, Json]], answer: Future[JsonObject] | None = None
    ) -> Future[JsonObject]:
        answer = Future() if answer is None else answer
        if self._looking is not None and self._looking.is_alive() and not _joined(self._looking):
            answer.set_exception(
                DebuggerError("an earlier look at the variables has not come to an end")
            )
            return answer

        def run() -> None:
            try:
                answer.set_result({"success": True, "body": look()})
            except DebuggerError as error:
                answer.set_exception(error)
            except Exception as error:  # noqa: BLE001 - the user's code may raise anything
                answer.set_exception(DebuggerError(f"{type(error).__name__}: {text_of(error)}"))

        self._looking = OwnThread(target=run, name="assay-debugger-look", daemon=True)
        self._looking.start()
        return answer


def _joined(thread: threading.Thread) -> bool:
    """Wait a moment for a thread that has answered, and is about to end."""
    thread.join(0.1)
    return not thread.is_alive()


def fetch_expression(name: str) -> tuple[str, str]:
    """Return a token, and an expression that hands the variable *name* of a frame over by it.

    What it hands over is kept until `Inspection.rich_in_frame` has answered.
    """
    token = secrets.token_hex(8)
    _awaited[token] = []
    return token, f"__import__('sys').modules[{__name__!r}].keep({token!r}, {name})"


def keep(token: str, value: object) -> None:
    """Hand *value* over, if it is awaited; called by the expression, in the stopped thread."""
    if (values := _awaited.get(token)) is not None:
        values.append(value)
