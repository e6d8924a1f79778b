"""The parts of one kernel, made and put together. None of them touches the process yet.

What each part does and why it is safe stands at its top: `lanes` (where a request runs), `dispatch`
(what answers it), `output` (what code writes), `process` (what is process-wide).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from threading import Lock  # by name: gevent replaces the module's
from typing import TYPE_CHECKING, ClassVar, TextIO

from assay.kernel._late_debugger import DEBUGGER, LateDebugger
from assay.kernel.dispatch._handlers import Handlers, serve
from assay.kernel.dispatch._replies import Responder
from assay.kernel.dispatch._stdin import Prompter
from assay.kernel.lanes._answering import Surroundings
from assay.kernel.lanes._beside import Beside
from assay.kernel.lanes._cell_interrupts import CellInterrupts
from assay.kernel.lanes._host import KernelHost
from assay.kernel.lanes._late_subshells import LateSubshells
from assay.kernel.lanes._main_lane import MainLane
from assay.kernel.lanes._router import FEATURE, Router
from assay.kernel.lanes._services import Services, serve_usage
from assay.kernel.lanes._shutdown import Shutdown
from assay.kernel.lanes._shutdown_effects import KernelEffects
from assay.kernel.lanes._thread_lane import ThreadLane
from assay.kernel.output._descriptors import DescriptorCapture
from assay.kernel.output._iopub import Output
from assay.kernel.output._parents import Parents
from assay.kernel.output._prints import is_within_print
from assay.kernel.output._streams import OutputStream
from assay.kernel.process._essentials import Essentials
from assay.kernel.process._interrupts import Interrupts
from assay.kernel.process._ownership import Ownership
from assay.kernel.process._signal_watch import INTERRUPT_RETRY_S, SignalWatch
from assay.protocol import Channel, ConnectionFile, Envelope, KernelInfoReply, Session, StreamName
from assay.transport import IoThread, KernelSockets, Topics

if TYPE_CHECKING:
    from assay._record import Record
    from assay.kernel._interpreter import Interpreter
    from assay.kernel.process._visit import Visit
    from assay.transport import Receiver, Recorder

__all__ = ["Parts"]


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
        io.log.goes_on = is_within_print
        self.responder = self.responder_class(io.log, session, topics.of)
        self.parents = Parents()
        self.output = self.output_class(
            io.log, session, self.parents, topics.of, publish_silent=publish_silent
        )
        self.capture = DescriptorCapture(self.output)
        self.interrupts = Interrupts()
        prompter = Prompter(io.log, session, lambda: io.drain(Channel.STDIN), Lock)
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
        self.essentials = Essentials()
        self._around = Surroundings(
            io=io,
            responder=self.responder,
            output=self.output,
            parents=self.parents,
            shutdown=self.shutdown,
            catch_up=self.host.catch_up,
            put_back=self.essentials.put_back,
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
        self.debugger = debugger = LateDebugger(self._around, self.host, self._interrupt)
        if DEBUGGER in features and not control.has_deferred:  # else a debugger is there already
            control.defer(lambda: debugger.serve(control))
        control.defer_for("usage_request", lambda: serve_usage(control))
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
        self.subshells = LateSubshells(
            self._around,
            self.host,
            self.services,
            self.beside,
            signals=self.signals,
            on_end=prompter.forget,
        )
        self.router = self.router_class(
            at_once=self.services.at_once,
            main=self.main,
            control=self.control,
            beside=self.beside,
            prompter=prompter,
            responder=self.responder,
            subshells=self.subshells.made if FEATURE in features else None,
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

    def _signal_watch(self, effects: KernelEffects) -> SignalWatch:
        main = self.main
        signals = SignalWatch(self.io, self.interrupts, wake=main.wake, terminate=main.terminate)
        cells = CellInterrupts(self._around, main, self.interrupts)
        signals.say_it_goes_on = cells.say_it_goes_on
        signals.interrupt_later = partial(cells.interrupt_behind_start, signals.interrupt_again)
        effects.interrupt = signals.interrupt_all
        effects.handles_sigterm = lambda: signals.handles_sigterm
        return signals


class _Inbox:
    """The receiver of the I/O thread, which is made before what it hands requests to."""

    receive: Callable[[Channel, Envelope], None]
