"""How a kernel comes by its debugger: for the first debug_request."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from threading import Event  # by name: gevent replaces the module's

from assay.kernel._interpreter import Debuggable, Debuggee
from assay.kernel.debugger._service import DebugService
from assay.kernel.dispatch._handlers import Handlers
from assay.kernel.dispatch._replies import Responder
from assay.kernel.output._iopub import Output
from assay.kernel.output._parents import Parents
from assay.protocol import DebugEvent, DebugRequest

__all__ = ["serve_debugger"]

INTERRUPT_LIMIT_S = 10.0
"""How long the debugger waits until a cell is interrupted; that takes milliseconds."""


def serve_debugger(
    control: Handlers,
    *,
    responder: Responder,
    output: Output,
    parents: Parents,
    call: Callable[[Callable[[], None]], None],
    interrupt: Callable[[], None] | None,
    interpreter: Callable[[], Debuggable],
) -> Callable[[], None]:
    """Serve debug_request; in the control thread.

    Args:
        control: Gets the handler.
        responder: Sends replies.
        output: Publishes events.
        parents: Knows the cell that runs.
        call: Has the I/O thread call a function.
        interrupt: Interrupts the cell; in the I/O thread. None if nothing does.
        interpreter: Returns what is debugged; a client may ask before that is loaded.

    Returns:
        What ends the debugger.
    """

    @cache
    def debuggee() -> Debuggee:
        return interpreter().debuggee()

    def publish(event: DebugEvent) -> None:
        output.publish_for(parents.of_main_thread, event)

    service = DebugService(
        responder=responder,
        publish=publish,
        debuggee=debuggee,
        interrupt=partial(_interrupt_and_wait, call, interrupt) if interrupt else None,
        is_running=lambda: parents.of_main_thread is not None,
    )
    control.on(DebugRequest, service.handle)
    return service.close


def _interrupt_and_wait(
    call: Callable[[Callable[[], None]], None], interrupt: Callable[[], None]
) -> None:
    """Interrupt the cell before anything else is done; in the debugger's worker."""
    is_done = Event()

    def in_io_thread() -> None:  # whose timers an interrupt sets
        try:
            interrupt()
        finally:
            is_done.set()

    call(in_io_thread)
    is_done.wait(INTERRUPT_LIMIT_S)
