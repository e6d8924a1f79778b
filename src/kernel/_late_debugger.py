"""The debugger of a kernel that announces one: it is made for the first debug_request."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from assay._isolation import Event
from assay.kernel.dispatch._handlers import Handlers
from assay.kernel.lanes._answering import Surroundings
from assay.kernel.lanes._host import KernelHost

if TYPE_CHECKING:
    from assay.kernel._interpreter import Debuggable, Interpreter

__all__ = ["DEBUGGER", "LateDebugger"]

DEBUGGER = "debugger"
"""The feature that a kernel with a debugger announces (DEBUG-01)."""


class LateDebugger:
    """Makes the debugger in the control thread, and has it wait for the interpreter.

    Args:
        around: The parts that it works with.
        host: Ends it.
        interrupt: Interrupts the cell; None if nothing does.
    """

    def __init__(
        self, around: Surroundings, host: KernelHost, interrupt: Callable[[], None] | None
    ) -> None:
        self._around = around
        self._host = host
        self._interrupt = interrupt
        self._interpreter: Interpreter | None = None
        self._has_interpreter = Event()

    def know_interpreter(self, interpreter: Interpreter) -> None:
        """Let the debugger look at *interpreter*, which is attached now."""
        self._interpreter = interpreter
        self._has_interpreter.set()

    def serve(self, control: Handlers) -> None:
        """Serve debug_request, of which one has come; in the control thread."""
        from assay.kernel.debugger._serving import serve_debugger  # noqa: PLC0415 - used by few

        around = self._around
        self._host.on_close(
            serve_debugger(
                control,
                responder=around.responder,
                output=around.output,
                parents=around.parents,
                call=around.io.log.call,
                interrupt=self._interrupt,
                interpreter=self._wait_for_interpreter,
            )
        )

    def _wait_for_interpreter(self) -> Debuggable:
        self._has_interpreter.wait()
        # Announced: `Kernel.info` says what follows from that.
        return cast("Debuggable", self._interpreter)
