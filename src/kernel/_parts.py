"""The parts of one kernel, made and put together. None of them touches the process yet.

What each part does and why it is safe stands at its top: `lanes` (where a request runs), `dispatch`
(what answers it), `output` (what code writes), `process` (what is process-wide).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from threading import Event, Lock  # by name: gevent replaces the module's
from typing import TYPE_CHECKING, ClassVar, TextIO, cast

from assay.kernel.dispatch._handlers import Handlers, serve
from assay.kernel.dispatch._replies import Responder
from assay.kernel.dispatch._stdin import Prompter
from assay.kernel.lanes._answering import Surroundings
from assay.kernel.lanes._beside import Beside
from assay.kernel.lanes._host import KernelHost
from assay.kernel.lanes._main_lane import MainLane
from assay.kernel.lanes._router import FEATURE, Router
from assay.kernel.lanes._services import Services
from assay.kernel.lanes._shutdown import Ending, Shutdown
from assay.kernel.lanes._shutdown_effects import KernelEffects
from assay.kernel.lanes._thread_lane import ThreadLane
from assay.kernel.output._descriptors import DescriptorCapture
from assay.kernel.output._iopub import Output
from assay.kernel.output._parents import Parents
from assay.kernel.output._streams import OutputStream
from assay.kernel.process._interrupts import Interrupts
from assay.kernel.process._ownership import Ownership
from assay.kernel.process._signal_watch import INTERRUPT_RETRY_S, SignalWatch
from assay.protocol import Channel, ConnectionFile, Envelope, KernelInfoReply, Session, StreamName
from assay.transport import IoThread, KernelSockets, Topics

if TYPE_CHECKING:
    from assay._record import Record
    from assay.kernel._interpreter import (
        ConcurrentInterpreter,
        Debuggable,
        Debuggee,
        Interpreter,
    )
    from assay.kernel._request import Request
    from assay.kernel.lanes._subshells import Subshells
    from assay.kernel.process._visit import Visit
    from assay.protocol import DebugEvent
    from assay.transport import Receiver, Recorder

__all__ = ["DEBUGGER", "Parts"]

DEBUGGER = "debugger"
"""The feature that a kernel with a debugger announces (DEBUG-01)."""


class Parts:
    """The parts of one kernel, for one run.

    Args:
        sockets: Bound.
        session: Signs and verifies.
        connection: The ports that were bound.
        connection_path: The file that says so, if there is one.
        info: The answer to kernel_info_request.
        ownership: What of the process is the kernel's.
        publish_silent: Publish what silent requests print and display (AMB-08).
        control: The handlers of requests on control that may wait.
        recorder: Sees each message.
        stderr: For what concerns the person who started the process.
        record: Says which cell runs, if that is kept.
    """

    # What an engine of a cluster has of its own (`assay.kernel.engine`).
    responder_class: ClassVar[type[Responder]] = Responder
    output_class: ClassVar[type[Output]] = Output
    router_class: ClassVar[type[Router]] = Router

    def __init__(
        self,
        sockets: KernelSockets,
        session: Session,
        *,
        connection: ConnectionFile,
        connection_path: str | None,
        info: KernelInfoReply,
        ownership: Ownership,
        publish_silent: bool,
        control: Handlers,
        recorder: Recorder | None,
        stderr: TextIO,
        record: Record | None = None,
    ) -> None:
        topics = self._topics(session)
        inbox = _Inbox()
        self.io = io = self._io_thread(sockets, session, inbox, topics, recorder)
        self.responder = self.responder_class(io.log, session, topics.of)
        self.parents = Parents()
        self.output = self.output_class(
            io.log, session, self.parents, topics.of, publish_silent=publish_silent
        )
        self.capture = DescriptorCapture(self.output)
        self.interrupts = Interrupts()
        self._concurrent: ConcurrentInterpreter | None = None
        self._prompter = prompter = Prompter(io.log, session, lambda: io.drain(Channel.STDIN), Lock)
        streams = (
            OutputStream(StreamName.STDOUT, self.output, self.capture, io.log, self.parents),
            OutputStream(StreamName.STDERR, self.output, self.capture, io.log, self.parents),
        )
        visits = ownership.visits and not ownership.signals
        self.visit = self._make_visit(streams) if visits else None
        self.interruptible: Callable[[], AbstractContextManager[None]] = nullcontext
        if ownership.signals:
            self.interruptible = self.interrupts.allowed
        elif self.visit is not None:
            self.interruptible = self.visit.allowed
        self.host = KernelHost(
            io=io,
            output=self.output,
            parents=self.parents,
            capture=self.capture,
            streams=streams,
            prompter=prompter,
            interrupts=self.interrupts,
            real_stderr=stderr,
            crash_file=stderr if record is None else record.fileno(),
            connection=connection,
            connection_path=connection_path,
            owns_process=ownership.exit,
        )
        self.effects = effects = KernelEffects(
            io, self.responder, self.output, real_stderr=stderr, owns_exit=ownership.exit
        )
        self.shutdown = Shutdown(io.log.call, effects)
        self._around = Surroundings(
            io=io,
            responder=self.responder,
            output=self.output,
            parents=self.parents,
            shutdown=self.shutdown,
            catch_up=self.host.catch_up,
        )
        self.main = MainLane(self._around, self.interruptible)
        if ownership.signals:
            self.main.leave_code = self.interrupts.ensure_left
            self.main.interrupts = self.interrupts
        elif self.visit is not None:
            self.main.leave_code = self.visit.leave
            effects.interrupt = self.visit.interrupt
        self.main.ends_by_keyboard = not ownership.signals
        features = info.supported_features or ()
        self.host.attach(self.main)
        self.signals = self._signal_watch(effects) if ownership.signals else None
        effects.stop = self.main.wake
        self.control = ThreadLane(
            "assay-control", lambda request: serve(request, control, self.responder)
        )
        self._interpreter: Interpreter | None = None
        self._has_interpreter = Event()
        if DEBUGGER in features and not control.has_deferred:  # else a debugger is there already
            control.defer(lambda: self._serve_debugger(control))
        control.defer_for("usage_request", lambda: _serve_usage(control))
        self.services = Services(
            info=info,
            connection=connection,
            shutdown=self.shutdown,
            interrupt=self._interrupt,
            interruptible=self.interruptible,
            record=record,
        )
        self.beside = self.main.answering.limits = Beside(
            at_once=self.services.at_once,
            responder=self.responder,
            parents=self.parents,
            call=io.log.call,
            call_later=io.call_later,
        )
        self.router = self.router_class(
            at_once=self.services.at_once,
            main=self.main,
            control=self.control,
            beside=self.beside,
            prompter=prompter,
            responder=self.responder,
            subshells=self._subshells if FEATURE in features else None,
        )
        inbox.receive = self.router.receive

    def may_strike(self) -> bool:
        """Return True where an interrupt may strike the thread of the cells, for a guest's."""
        return self.main.is_waiting or (self.visit is not None and self.visit.may_strike())

    def shell_handlers(self, interpreter: Interpreter) -> Handlers:
        """Return what the main lane answers with *interpreter*."""
        return self.services.of_shell(interpreter, self.output, self.main)

    def _topics(self, session: Session) -> Topics:
        """Return how what is published is named."""
        return Topics.of_kernel(session.session)

    def _io_thread(
        self,
        sockets: KernelSockets,
        session: Session,
        receiver: Receiver,
        topics: Topics,
        recorder: Recorder | None,
    ) -> IoThread:
        """Return the owner of *sockets*, which has not begun."""
        return IoThread(sockets, session, receiver, topics, recorder)

    @property
    def _interrupt(self) -> Callable[[], None] | None:
        if self.signals is not None:
            return self.signals.interrupt
        return self.visit.interrupt if self.visit is not None else None

    def _make_visit(self, streams: tuple[OutputStream, OutputStream]) -> Visit:
        from assay.kernel.process._visit import Visit  # noqa: PLC0415 - only guests need it

        def later(call: Callable[[], None]) -> None:
            self.io.log.call(lambda: self.io.call_later(INTERRUPT_RETRY_S, call))

        return Visit(self.interrupts, streams, lambda: self.parents.of_context() is not None, later)

    def serve_subshells(self, interpreter: ConcurrentInterpreter) -> None:
        """Let subshells run *interpreter*, those that there are and those to come."""
        self._concurrent = interpreter
        if (subshells := self.host.lanes_beside) is not None:
            self._let_begin(subshells, interpreter)

    def _subshells(self) -> Subshells:
        """Return the subshells, made for the first request about one; in the I/O thread."""
        if (found := self.host.lanes_beside) is not None:
            return found
        with self.io.spare.lent():
            from assay.kernel.lanes._subshells import Subshells  # noqa: PLC0415 - see above

            found = self.host.lanes_beside = Subshells(
                self._around, self.beside, on_end=self._prompter.forget
            )
        if self.signals is not None:
            self.signals.interrupt_others = found.interrupt
        # The main thread looks in the other order: one of the two finds what the other has set.
        if self._concurrent is not None:
            self._let_begin(found, self._concurrent)
        return found

    def _let_begin(self, subshells: Subshells, interpreter: ConcurrentInterpreter) -> None:
        services, output = self.services, self.output
        subshells.serve(interpreter, lambda one: services.of_subshell(interpreter, output, one))

    def know_interpreter(self, interpreter: Interpreter) -> None:
        """Let the debugger look at *interpreter*, which is attached now."""
        self._interpreter = interpreter
        self._has_interpreter.set()

    def _serve_debugger(self, control: Handlers) -> None:
        """Serve debug_request, of which one has come; in the control thread."""
        from assay.kernel.debugger._service import DebugService  # noqa: PLC0415 - used by few
        from assay.protocol import DebugRequest  # noqa: PLC0415 - as above

        debuggee: list[Debuggee] = []
        interrupt = self._interrupt

        def of_interpreter() -> Debuggee:
            self._has_interpreter.wait()  # a client may ask before the interpreter is loaded
            if not debuggee:
                # Announced: `Kernel.info` says what follows from that.
                debuggee.append(cast("Debuggable", self._interpreter).debuggee())
            return debuggee[0]

        def publish(event: DebugEvent) -> None:
            self.output.publish_for(self.parents.of_main_thread, event)

        service = DebugService(
            responder=self.responder,
            publish=publish,
            debuggee=of_interpreter,
            interrupt=partial(self._interrupt_and_wait, interrupt) if interrupt else None,
            is_running=lambda: self.parents.of_main_thread is not None,
        )
        control.on(DebugRequest, service.handle)
        self.host.on_close(service.close)

    def _interrupt_and_wait(self, interrupt: Callable[[], None]) -> None:
        """Interrupt the cell before anything else is done; in the debugger's worker."""
        is_done = Event()

        def in_io_thread() -> None:  # whose timers an interrupt sets
            try:
                interrupt()
            finally:
                is_done.set()

        self.io.log.call(in_io_thread)
        is_done.wait(INTERRUPT_LIMIT_S)

    def _signal_watch(self, effects: KernelEffects) -> SignalWatch:
        def terminate(exit_code: int) -> None:
            self.shutdown.ask(Ending(exit_code=exit_code))
            self.main.has_been_signalled = True

        def say_it_goes_on() -> None:
            if (request := self.parents.of_main_thread) is not None:
                self.output.warn(request, GOES_ON)

        def interrupt_later() -> None:
            if (request := self.main.first_cell_behind_start()) is not None:
                self._interrupt_once_it_runs(request, signals.interrupt_again)

        signals = SignalWatch(self.io, self.interrupts, wake=self.main.wake, terminate=terminate)
        signals.say_it_goes_on = say_it_goes_on
        signals.interrupt_later = interrupt_later

        def interrupt() -> None:
            signals.interrupt_again()
            signals.interrupt_others()

        effects.interrupt = interrupt
        effects.handles_sigterm = lambda: signals.handles_sigterm
        return signals

    def _interrupt_once_it_runs(self, request: Request, interrupt: Callable[[], None]) -> None:
        """Interrupt a cell that waits while the kernel starts; in the I/O thread.

        A client that has an answer to kernel_info takes the kernel for ready, and its cell for
        running.
        """
        before = self.interrupts.count

        def look() -> None:
            is_struck = self.interrupts.count > before
            if request.finished or is_struck or self.shutdown.is_asked:
                return
            if self.parents.of_main_thread is request:
                interrupt()
            self.io.call_later(LOOK_AGAIN_S, look)

        look()


LOOK_AGAIN_S = 0.02
"""How often it is looked whether a cell that is to be interrupted has begun."""


def _serve_usage(control: Handlers) -> None:
    """Serve usage_request; in the control thread, where it may read what the system says."""
    from assay.kernel.process._usage import Usage  # noqa: PLC0415 - for few kernels
    from assay.protocol import UsageRequest, register_usage  # noqa: PLC0415 - as above

    register_usage()
    usage = Usage()
    control.on(UsageRequest, lambda *_: usage.reply())


INTERRUPT_LIMIT_S = 10.0
"""How long the debugger waits until a cell is interrupted; that takes milliseconds."""

GOES_ON = (
    "[assay] The cell was interrupted, and goes on: it is in C code, which cannot be interrupted. "
    "It ends when that returns.\n"
)


class _Inbox:
    """The receiver of the I/O thread, which is made before what it hands requests to."""

    receive: Callable[[Channel, Envelope], None]
