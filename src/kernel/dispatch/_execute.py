"""Handle execute requests: counter, execute_input, the cell, the reply, the queue behind it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from assay._clock import now
from assay.kernel._cell import Cell, Executed, Failed, Succeeded
from assay.kernel._request import Request
from assay.kernel._tracebacks import hide_own_frames, lines_of, text_of
from assay.kernel.dispatch._replies import Reply, error_reply
from assay.kernel.output._iopub import Output
from assay.protocol import Content, Error, ExecuteInput, ExecuteReply, ExecuteRequest, Json
from assay.transport import When, get_logger

if TYPE_CHECKING:
    from assay.kernel._interpreter import Interpreter

__all__ = ["ABORTED", "CellNotes", "Execution"]

logger = get_logger("assay.kernel")

ABORTED = "ExecutionAborted"
"""The ename for a request that was not run because one before it failed (AMB-01)."""


class CellNotes(Protocol):
    """Where it is noted which cell runs, for the case that the process dies of it."""

    def begin(self, number: int, code: str) -> None:
        """Note that a cell begins; *code* is empty for one that is not stored."""
        ...

    def end(self) -> None:
        """Note that it has ended."""
        ...


class Execution:
    """The handler of execute_request.

    Args:
        interpreter: Runs the code.
        output: Publishes the execute_input.
        interruptible: Allows interrupts inside, for the time that the code runs.
        abort_waiting: Marks the execute requests that have been received by now as aborted.
        notes: Says which cell runs, if that is kept.
    """

    def __init__(
        self,
        interpreter: Interpreter,
        output: Output,
        interruptible: Callable[[], AbstractContextManager[None]],
        abort_waiting: Callable[[], None],
        notes: CellNotes | None = None,
    ) -> None:
        self._notes = notes
        self._interpreter = interpreter
        self._output = output
        self._interruptible = interruptible
        self._abort_waiting = abort_waiting
        # One that runs several cells at once hands out their numbers (AMB-35).
        self._reserve: Callable[[], int] = getattr(interpreter, "reserve_number", self._next)

    def handle(self, request: Request, content: ExecuteRequest) -> Reply | None:
        """Run the code and return the reply; its metadata say when it began (AMB-70)."""
        started: Json = (request.started or now()).isoformat()
        answer = self._answer(request, content)
        return Reply(answer, metadata={"started": started}) if answer is not None else None

    def _answer(self, request: Request, content: ExecuteRequest) -> Content | None:
        request.silent = content.silent
        request.allow_stdin = content.allow_stdin
        if request.aborted:
            return error_reply(
                request,
                ABORTED,
                "an earlier cell failed, so this one was not run",
                execution_count=self._interpreter.execution_count,
            )
        stored = content.store_history is not False and not content.silent
        stored = stored and not self._is_blank(content.code)
        # Spec: "the current value" for cells that are not stored (EXEC-08). Seen: the next number
        # in execute_input, the last one in the reply. Here: the last one used, in both (AMB-07).
        count = self._reserve() if stored else self._interpreter.execution_count
        self._output.publish(
            ExecuteInput(code=content.code, execution_count=count),
            parent=request,
            when=When.WITH_NEXT,
        )
        if (notes := self._notes) is not None:
            notes.begin(count, content.code if stored else "")
        executed = self._run(request, content, stored, count)
        if notes is not None:
            notes.end()
        if isinstance(executed, Failed):
            if content.stop_on_error:
                self._abort_waiting()
            return error_reply(
                request,
                executed.ename,
                executed.evalue,
                traceback=executed.traceback,
                execution_count=count,
                payload=executed.payload,
            )
        return ExecuteReply(
            execution_count=count,
            user_expressions=executed.user_expressions,
            payload=executed.payload,
        )

    def _next(self) -> int:
        return self._interpreter.execution_count + 1

    def _is_blank(self, code: str) -> bool:
        try:
            return self._interpreter.is_blank(code)
        except Exception:  # the cell is run, and says what is wrong
            logger.exception("the interpreter cannot tell whether a cell is blank")
            return False

    def _run(
        self, request: Request, content: ExecuteRequest, stored: bool, number: int
    ) -> Executed:
        request.number = number
        cell_id = request.envelope.metadata.get("cellId")
        cell = Cell(
            code=content.code,
            number=number,
            silent=content.silent,
            store_history=stored,
            metadata=request.envelope.metadata,
            user_expressions=content.user_expressions,
            cell_id=cell_id if isinstance(cell_id, str) else None,
        )
        try:
            with self._interruptible():
                executed = self._interpreter.execute(cell)
            _check(self._interpreter, executed)
        except KeyboardInterrupt:
            if isinstance(shown := request.error, Error):
                return Failed(ename=shown.ename, evalue=shown.evalue, traceback=shown.traceback)
            # It came when the code had ended, or not begun, so that the interpreter has published
            # nothing (EXEC-17).
            executed = Failed(
                ename="KeyboardInterrupt", evalue="", traceback=("KeyboardInterrupt",)
            )
        except BaseException as error:  # not even SystemExit ends the kernel
            logger.exception("the interpreter failed")
            executed = _failed(error)
        if isinstance(executed, Failed) and request.error is None:
            self._publish(request, executed)
        return executed

    def _publish(self, request: Request, failed: Failed) -> None:
        """Publish an error that the interpreter has not published (EXEC-17)."""
        request.error = Error(ename=failed.ename, evalue=failed.evalue, traceback=failed.traceback)
        self._output.publish(request.error, parent=request)


def _check(interpreter: Interpreter, executed: object) -> None:
    if not isinstance(executed, (Succeeded, Failed)):
        name = type(interpreter).__name__
        raise TypeError(f"{name}.execute: wanted Succeeded or Failed, found {executed!r:.80}")


def _failed(error: BaseException) -> Failed:
    """Return what an interpreter failed with: its own frames, and none of the kernel's."""
    hide_own_frames(error)
    return Failed(
        ename=type(error).__name__, evalue=text_of(error), traceback=tuple(lines_of(error))
    )
