"""What a kernel serves: the table of what is answered at once, and that of the main lane."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Lock  # by name: gevent replaces the module's
from typing import TYPE_CHECKING

from assay import protocol
from assay.kernel._request import Request
from assay.kernel.dispatch._handlers import Handlers
from assay.kernel.lanes._main_lane import MainLane
from assay.kernel.lanes._shutdown import Ending, Shutdown
from assay.kernel.output._iopub import Output
from assay.protocol import ConnectionFile, Content, KernelInfoReply, KernelInfoRequest

if TYPE_CHECKING:
    from assay._record import Record
    from assay.kernel._interpreter import Interpreter, Onlooker
    from assay.kernel.dispatch._execute import CellNotes
    from assay.kernel.lanes._subshell import Subshell

__all__ = ["Services", "serve_usage"]


class Services:
    """The handlers of one kernel.

    Args:
        info: The answer to kernel_info_request.
        connection: The ports that were bound, for connect_request.
        shutdown: Asked for the end by shutdown_request.
        interrupt: Interrupts the main thread; None refuses interrupt_request.
        interruptible: Allows interrupts inside, for the time that user code runs.
        record: Says which cell runs, if that is kept.
    """

    def __init__(
        self,
        *,
        info: KernelInfoReply,
        connection: ConnectionFile,
        shutdown: Shutdown,
        interrupt: Callable[[], None] | None,
        interruptible: Callable[[], AbstractContextManager[None]],
        record: Record | None = None,
    ) -> None:
        self._record = record
        self._info = info
        self._connection = connection
        self._shutdown = shutdown
        self._interrupt = interrupt
        self._interruptible = interruptible
        self.at_once = Handlers()
        """What the I/O thread answers, whatever the main thread does."""
        self.at_once.on(KernelInfoRequest, lambda *_: info)
        self.at_once.defer(self._add_at_once)

    def of_shell(self, interpreter: Interpreter, output: Output, main: MainLane) -> Handlers:
        """Return what the main lane *main* answers with *interpreter*."""
        return self._shell(
            interpreter,
            output,
            self._interruptible,
            main.abort_waiting,
            self._shut_down_in_turn,
            notes=None if self._record is None else self._record.main,
        )

    def of_subshell(self, interpreter: Interpreter, output: Output, subshell: Subshell) -> Handlers:
        """Return what *subshell* answers with *interpreter*: the same, for its own queue."""
        return self._shell(
            interpreter,
            output,
            subshell.interrupts.allowed,
            subshell.abort_waiting,
            self._shut_down,
            notes=None if self._record is None else self._record.subshells,
        )

    def _shell(
        self,
        interpreter: Interpreter,
        output: Output,
        interruptible: Callable[[], AbstractContextManager[None]],
        abort_waiting: Callable[[], None],
        shut_down: Callable[[Request, protocol.ShutdownRequest], None],
        *,
        notes: CellNotes | None,
    ) -> Handlers:
        # Imported now that the sockets answer: making the classes of contents takes a while. Not
        # later: an interrupt or a shutdown must not depend on what a program has left to import.
        from assay.kernel.dispatch._execute import Execution  # noqa: PLC0415
        from assay.kernel.output import _calls  # noqa: F401, PLC0415 - streams need it in a cell

        self.at_once.load_deferred()
        shell = Handlers(lambda: interpreter.execution_count)
        execution = Execution(interpreter, output, interruptible, abort_waiting, notes)
        shell.on(protocol.ExecuteRequest, execution.handle)
        shell.on(KernelInfoRequest, lambda *_: self._info)

        def add() -> None:
            from assay.kernel.dispatch._introspection import serve_introspection  # noqa: PLC0415 - see there

            serve_introspection(shell, interpreter, interruptible, lambda: self._connection)
            protocol.preload("DisplayData", "InputRequest", "Stream")
            # Deprecated on shell since 5.4 and served: it waits for its turn there (SHELL-16).
            shell.on(protocol.ShutdownRequest, shut_down)

        shell.defer(add)
        return shell

    def of_onlooker(
        self, interpreter: Interpreter
    ) -> tuple[Handlers, Handlers] | tuple[None, None]:
        """Return what answers while *interpreter* runs code, and what does when time is up.

        Neither if it cannot be asked then.
        """
        from assay.kernel._abilities import Watched  # noqa: PLC0415 - the sockets answer now

        if not isinstance(interpreter, Watched):
            return None, None
        onlooker = _Once(interpreter.onlooker)
        beside, nothing = Handlers(), Handlers()

        def add_to_beside() -> None:
            from assay.kernel.dispatch._introspection import serve_beside  # noqa: PLC0415 - see there

            serve_beside(beside, onlooker.get, lambda: self._connection)

        def add_to_nothing() -> None:
            from assay.kernel.dispatch._introspection import serve_without_finding  # noqa: PLC0415 - see there

            serve_without_finding(nothing)

        beside.defer(add_to_beside)
        nothing.defer(add_to_nothing)
        return beside, nothing

    def _add_at_once(self) -> None:
        self.at_once.on(protocol.ShutdownRequest, self._shut_down)
        if self._interrupt is not None:
            self.at_once.on(protocol.InterruptRequest, self._interrupt_main)
        protocol.preload("ShutdownReply", "InterruptReply")

    def _shut_down(self, request: Request, content: protocol.ShutdownRequest) -> None:
        self._shutdown.ask(Ending(request=request, restart=content.restart))

    def _shut_down_in_turn(self, request: Request, content: protocol.ShutdownRequest) -> None:
        self._shut_down(request, content)
        self._shutdown.settle()  # the main lane is to handle no other request

    def _interrupt_main(self, _: Request, __: protocol.InterruptRequest) -> Content:
        assert self._interrupt is not None, "served only then"
        self._interrupt()
        return protocol.InterruptReply()


def serve_usage(control: Handlers) -> None:
    """Serve usage_request; in the control thread, where it may read what the system says."""
    from assay.kernel.process._usage import Usage  # noqa: PLC0415 - for few kernels

    protocol.register_usage()
    usage = Usage()
    control.on(protocol.UsageRequest, lambda *_: usage.reply())


class _Once:
    """Makes an onlooker when it is asked first, whichever of the threads that is."""

    def __init__(self, make: Callable[[], Onlooker]) -> None:
        self._make = make
        self._lock = Lock()
        self._made: Onlooker | None = None

    def get(self) -> Onlooker:
        """Return the onlooker."""
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made
