"""Run tasks: apply_request, which brings a function and its arguments as bytes.

To read such a request is to unpickle it, which runs what the sender wants. So the handler exists in
an engine alone, and is reached by messages whose signature has been verified.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from attrs import evolve

from assay.kernel._interpreter import Failed, Interpreter
from assay.kernel._request import Request
from assay.kernel._tracebacks import text_of
from assay.kernel.dispatch._handlers import Handlers
from assay.kernel.dispatch._replies import Reply, error_reply
from assay.kernel.engine._results import packed
from assay.kernel.output._iopub import Output
from assay.protocol import Aborted, ApplyReply, ApplyRequest, Buffer, Error
from assay.transport import get_logger, writable

__all__ = ["EngineHandlers", "TaskInterpreter", "Tasks"]

logger = get_logger("assay.kernel")


class TaskInterpreter(Interpreter, Protocol):
    """An interpreter that also calls functions."""

    def run_task(self, task: Callable[[dict[str, Any]], None]) -> Failed | None:
        """Call *task* with the user's namespace, where the user's event loop seems to run.

        Returns:
            None, or what it failed with, which has been published.
        """
        ...

    def clear(self) -> None:
        """Empty the user's namespace; in any thread."""
        ...


class Tasks:
    """The handler of apply_request.

    Args:
        interpreter: Calls the functions.
        output: Publishes errors.
        interruptible: Allows interrupts inside, for the time that a function runs.
        lend: Returns a buffer as one that is sent without a copy, or as it is.
    """

    def __init__(
        self,
        interpreter: TaskInterpreter,
        output: Output,
        interruptible: Callable[[], AbstractContextManager[None]],
        lend: Callable[[Buffer], Buffer],
    ) -> None:
        self._interpreter = interpreter
        self._output = output
        self._interruptible = interruptible
        self._lend = lend

    def handle(self, request: Request, _: ApplyRequest) -> Reply | None:
        """Call the function and return its result, or the error."""
        result: list[Buffer] = []
        failed = self._run(request, result)
        if failed is None:
            return Reply(ApplyReply(), buffers=result)
        if request.error is None:  # it was struck where the interpreter could not publish it
            request.error = Error(
                ename=failed.ename, evalue=failed.evalue, traceback=failed.traceback
            )
            self._output.publish(request.error, parent=request)
        reply = error_reply(request, failed.ename, failed.evalue, traceback=failed.traceback)
        return None if reply is None else Reply(reply)

    def _run(self, request: Request, result: list[Buffer]) -> Failed | None:
        # Imported before the first task comes, see `prepare`.
        from ipyparallel.serialize import serialize_object, unpack_apply_message  # noqa: PLC0415

        def task(namespace: dict[str, Any]) -> None:
            # Tasks work on their arrays in place, as ipyparallel's engine lets them.
            buffers = [writable(buffer) for buffer in request.envelope.buffers]
            function, args, kwargs = unpack_apply_message(buffers, namespace, copy=False)
            result[:] = packed(serialize_object, lambda: function(*args, **kwargs), self._lend)

        try:
            with self._interruptible():
                return self._interpreter.run_task(task)
        except KeyboardInterrupt:  # when the function had returned, or not begun
            shown = request.error
            if isinstance(shown, Error):
                return Failed(ename=shown.ename, evalue=shown.evalue, traceback=shown.traceback)
            return Failed(ename="KeyboardInterrupt", evalue="", traceback=("KeyboardInterrupt",))
        except BaseException as error:  # not even SystemExit ends the engine
            logger.exception("the interpreter failed")
            name, text = type(error).__name__, text_of(error)
            return Failed(ename=name, evalue=text, traceback=(f"{name}: {text}",))


class EngineHandlers(Handlers):
    """The handlers of the main lane, where a request may have been aborted (ENGINE-13).

    Args:
        shell: The handlers of the rest.
    """

    def __init__(self, shell: Handlers) -> None:
        super().__init__()
        self._shell = shell

    @property
    def has_deferred(self) -> bool:
        """As the others'."""
        return self._shell.has_deferred

    def load_deferred(self) -> None:
        """As the others'."""
        self._shell.load_deferred()

    def answer(self, request: Request) -> Reply | None:
        """Return the reply to *request*; one that was aborted is not looked at."""
        if request.aborted and request.header.msg_type.endswith("_request"):
            return Reply(Aborted(status="aborted"))
        if request.header.msg_type == "execute_request":
            _let_silent_ones_fail(request)
        return self._shell.answer(request)

    def failed(self, request: Request, error: BaseException) -> Reply | None:
        """Return the reply to *request*, which ended by *error*."""
        return self._shell.failed(request, error)


def _let_silent_ones_fail(request: Request) -> None:
    """Let a silent cell that fails abort nothing, unless its client asks for that.

    Clients of a cluster never say `stop_on_error`, and queue silent cells that have nothing to do
    with each other (ENGINE-15).
    """
    content = request.envelope.content
    if content.get("silent") is True and "stop_on_error" not in content:
        request.envelope = evolve(request.envelope, content={**content, "stop_on_error": False})
