"""The parts of one kernel, made and put together. None of them touches the process yet.

What each part does and why it is safe stands at its top: `lanes` (where a request runs), `dispatch`
(what answers it), `output` (what code writes), `process` (what is process-wide).
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock  # by name: gevent replaces the module's
from typing import TYPE_CHECKING, ClassVar, TextIO

from assay.kernel._late_debugger import DEBUGGER, LateDebugger
from assay.kernel.dispatch._handlers import Handlers, serve
from assay.kernel.dispatch._replies import Responder
from assay.kernel.dispatch._stdin import Prompter
from assay.kernel.lanes._answering import Surroundings
from assay.kernel.lanes._beside import Beside
from assay.kernel.lanes._host import KernelHost
from assay.kernel.lanes._interruption import Interruption
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
from assay.kernel.process._ownership import Ownership
from assay.protocol import Channel, ConnectionFile, Envelope, KernelInfoReply, Session, StreamName
from assay.transport import IoThread, KernelSockets, Topics

if TYPE_CHECKING:
    from assay._record import Record
    from assay.kernel._interpreter import Interpreter
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
        prompter = Prompter(io.log, session, lambda: io.drain(Channel.STDIN), Lock)
        streams = (
            OutputStream(StreamName.STDOUT, self.output, self.capture, io.log, self.parents),
            OutputStream(StreamName.STDERR, self.output, self.capture, io.log, self.parents),
        )
        self.interruption = Interruption(ownership, io, self.parents, streams)
        self.host = KernelHost(
            io=io,
            output=self.output,
            parents=self.parents,
            capture=self.capture,
            streams=streams,
            prompter=prompter,
            interrupts=self.interruption.interrupts,
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
        self.main = MainLane(self._around, self.interruption.allowed)
        self.interruption.attach(self._around, self.main, effects)
        features = info.supported_features or ()
        self.host.attach(self.main)
        effects.stop = self.main.wake
        self.control = ThreadLane(
            "assay-control", lambda request: serve(request, control, self.responder)
        )
        self.debugger = debugger = LateDebugger(
            self._around, self.host, self.interruption.interrupt
        )
        if DEBUGGER in features and not control.has_deferred:  # else a debugger is there already
            control.defer(lambda: debugger.serve(control))
        control.defer_for("usage_request", lambda: serve_usage(control))
        self.services = Services(
            info=info,
            connection=connection,
            shutdown=self.shutdown,
            interrupt=self.interruption.interrupt,
            interruptible=self.interruption.allowed,
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
            signals=self.interruption.signals,
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


class _Inbox:
    """The receiver of the I/O thread, which is made before what it hands requests to."""

    receive: Callable[[Channel, Envelope], None]
