"""The kernel: builds its parts, runs them, and gives back what it took. It knows no language.

What each part does and why it is safe stands at its top: `lanes` (where a request runs), `dispatch`
(what answers it), `output` (what code writes), `process` (what is process-wide).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from threading import Lock, get_ident  # by name: gevent replaces the module's
from typing import TYPE_CHECKING, TextIO

from assay import protocol
from assay.kernel._request import Request
from assay.kernel.dispatch._handlers import Handlers
from assay.kernel.dispatch._replies import Responder
from assay.kernel.dispatch._stdin import Prompter
from assay.kernel.lanes._control_lane import ControlLane
from assay.kernel.lanes._host import KernelHost
from assay.kernel.lanes._main_lane import MainLane
from assay.kernel.lanes._router import Router
from assay.kernel.lanes._shutdown import Ending, Shutdown
from assay.kernel.lanes._shutdown_effects import KernelEffects
from assay.kernel.output._descriptors import DescriptorCapture, real_stderr
from assay.kernel.output._iopub import Output
from assay.kernel.output._parents import Parents
from assay.kernel.output._streams import OutputStream
from assay.kernel.process._exit import end_children, run_exit_functions
from assay.kernel.process._import_hooks import after_import
from assay.kernel.process._interrupts import Interrupts
from assay.kernel.process._ownership import GUEST, Ownership
from assay.kernel.process._parent_process import watch_parent
from assay.kernel.process._patches import patches
from assay.kernel.process._signal_watch import SignalWatch
from assay.protocol import (
    Channel,
    ConnectionFile,
    Content,
    Envelope,
    KernelInfoReply,
    KernelInfoRequest,
    Session,
    StreamName,
)
from assay.transport import (
    BindError,
    Heartbeat,
    IoThread,
    Topics,
    bind_kernel,
    get_logger,
    postpone_exit,
)

if TYPE_CHECKING:
    from assay.kernel._interpreter import Host, Interpreter

__all__ = ["Kernel"]

logger = get_logger("assay.kernel")


class Kernel:
    """One kernel. Nothing is opened or taken over before `run`, and all is given back after it.

    Args:
        connection: Where to listen; ports of 0 are chosen when it runs.
        session: Signs and verifies.
        info: The answer to kernel_info_request.
        load: Makes the interpreter; called in the main thread when the sockets answer already.
        connection_path: The file that *connection* was read from.
        on_bound: Called with the ports that were bound, before anything is served.
        parent_pid: The process to die with; 0 for none.
        publish_silent: Publish what silent requests print and display, as ipykernel does (AMB-08).
        ownership: What of the process is the kernel's; by default nothing.
        stderr: The standard error that the process was started with; by default the present.
    """

    def __init__(
        self,
        connection: ConnectionFile,
        session: Session,
        info: KernelInfoReply,
        load: Callable[[Host], Interpreter],
        *,
        connection_path: str | os.PathLike[str] | None = None,
        on_bound: Callable[[ConnectionFile], None] | None = None,
        parent_pid: int = 0,
        publish_silent: bool = False,
        ownership: Ownership = GUEST,
        stderr: TextIO | None = None,
    ) -> None:
        self._connection = connection
        self._session = session
        self._info = info
        self._load = load
        self._path = os.fspath(connection_path) if connection_path is not None else None
        self._on_bound = on_bound
        self._parent_pid = parent_pid
        self._publish_silent = publish_silent
        self._ownership = ownership
        self._given_stderr = stderr
        self._topics = Topics.of_kernel(session.session)

    @property
    def connection(self) -> ConnectionFile:
        """Where to listen, and the key; once it runs, with the ports that were bound."""
        return self._connection

    def run(self) -> int:
        """Serve until something asks for the end; return the exit code.

        Raises:
            BindError: an address is taken (CONN-11).
        """
        self._build(*self._bind())
        with ExitStack() as stack:
            self._acquire(stack)
            interpreter = self._load(self._host)
            if self._ownership.signals:
                self._signals.hold_interrupts_in_forks()
                self._interrupts.handlers.leave_code()  # start-up files are the user's code too
            self._main.serve(self._shell_handlers(interpreter))
            self._finish(interpreter)
        return self._shutdown.exit_code

    # --- Build: nothing process-wide is touched.

    def _bind(self) -> tuple[IoThread, Heartbeat]:
        sockets, bound = bind_kernel(self._connection)
        try:
            heartbeat = Heartbeat(bound)
        except BindError:
            sockets.close(linger_ms=0)
            raise
        self._connection = heartbeat.connection
        self._inbox = _Inbox()
        return IoThread(sockets, self._session, self._inbox, self._topics), heartbeat

    def _build(self, io: IoThread, heartbeat: Heartbeat) -> None:
        log, session, owned = io.log, self._session, self._ownership
        self._io, self._heartbeat = io, heartbeat
        self._stderr = self._given_stderr or real_stderr()
        self._parents = Parents()
        self._interrupts = Interrupts()
        self._interruptible = self._interrupts.allowed if owned.signals else nullcontext
        self._responder = Responder(log, session, self._topics.of)
        self._output = Output(
            log, session, self._parents, self._topics.of, publish_silent=self._publish_silent
        )
        self._capture = DescriptorCapture(self._output)
        self._prompter = Prompter(log, session, lambda: io.drain(Channel.STDIN), Lock())
        self._host = self._make_host()
        effects = KernelEffects(
            io, self._responder, self._output, real_stderr=self._stderr, owns_exit=owned.exit
        )
        self._shutdown = Shutdown(log.call, effects)
        self._main = MainLane(
            io=io,
            responder=self._responder,
            output=self._output,
            parents=self._parents,
            shutdown=self._shutdown,
            interruptible=self._interruptible,
            catch_up=self._host.catch_up,
        )
        self._host.attach(self._main)
        self._signals = SignalWatch(
            io, self._interrupts, wake=self._main.wake, terminate=self._terminate
        )
        effects.stop = self._main.wake
        if owned.signals:
            effects.interrupt = self._signals.interrupt_again
            effects.handles_sigterm = lambda: self._signals.handles_sigterm
        self._control = ControlLane(Handlers(), self._responder)
        self._at_once = self._at_once_handlers()
        router = Router(
            at_once=self._at_once,
            main=self._main,
            control=self._control,
            prompter=self._prompter,
            responder=self._responder,
        )
        self._inbox.receive = router.receive

    def _make_host(self) -> KernelHost:
        return KernelHost(
            io=self._io,
            output=self._output,
            parents=self._parents,
            capture=self._capture,
            streams=[
                OutputStream(name, self._output, self._capture, self._io.log, self._parents)
                for name in (StreamName.STDOUT, StreamName.STDERR)
            ],
            prompter=self._prompter,
            interrupts=self._interrupts,
            real_stderr=self._stderr,
            connection=self._connection,
            connection_path=self._path,
        )

    # --- Run: what is acquired is given back in reverse order.

    def _acquire(self, stack: ExitStack) -> None:
        owned, io = self._ownership, self._io
        stack.callback(patches.undo_since, patches.mark())
        stack.callback(io.stop)  # before it runs, this only closes the sockets
        stack.callback(self._heartbeat.close)
        if owned.signals:
            self._signals.install()
            stack.callback(self._signals.restore)
            self._signals.follow_forks(self._output.after_fork)
        if owned.descriptors:
            self._capture.start()
            for read_end in self._capture.read_ends:
                io.watch_text(read_end, self._capture.read_some)
        stack.callback(self._capture.restore)
        if owned.threads:
            self._parents.follow_threads(lambda: get_ident() == io.ident)
            after_import("concurrent.futures.thread", self._parents.follow_pools)
        if self._on_bound is not None:
            self._on_bound(self._connection)
        watch_parent(self._parent_pid, io, self._parent_ended)
        self._responder.status("starting")
        self._heartbeat.start()
        io.start()
        stack.callback(io.stop)
        stack.callback(self._control.close)
        if owned.threads:
            stack.callback(self._parents.forget_threads)
        if owned.streams:
            stack.enter_context(_replaced_streams(self._host))

    def _finish(self, interpreter: Interpreter) -> None:
        """Clean up; reply, broadcast and idle follow (AMB-39)."""
        self._shutdown.stopped()
        if (request := self._shutdown.request) is not None:
            self._parents.enter(request)  # what exit functions write belongs to it
        owns_exit = self._ownership.exit
        functions = [*self._host.close_functions]
        if owns_exit:
            functions += [run_exit_functions, postpone_exit()]
        for function in (*functions, interpreter.close):
            try:
                with self._interruptible():
                    function()
            except (Exception, KeyboardInterrupt):
                logger.exception("an exit function failed")
        if owns_exit:
            end_children()
        self._host.catch_up()
        self._shutdown.finished()

    # --- Who asks for the end, besides clients and cells; any thread.

    def _terminate(self, exit_code: int) -> None:
        self._shutdown.ask(Ending(exit_code=exit_code))

    def _parent_ended(self) -> None:
        logger.info("the parent process %s has ended", self._parent_pid)
        self._shutdown.ask(Ending())

    # --- The tables of what is served.

    def _at_once_handlers(self) -> Handlers:
        handlers = Handlers()
        handlers.on(KernelInfoRequest, lambda *_: self._info)

        def add() -> None:
            handlers.on(protocol.ShutdownRequest, self._shut_down)
            if self._ownership.signals:
                handlers.on(protocol.InterruptRequest, self._interrupt)
            protocol.preload("ShutdownReply", "InterruptReply")

        handlers.defer(add)
        return handlers

    def _shell_handlers(self, interpreter: Interpreter) -> Handlers:
        # Imported now that the sockets answer: making the classes of contents takes a while. Not
        # later: an interrupt or a shutdown must not depend on what a program has left to import.
        from assay.kernel.dispatch._execute import Execution  # noqa: PLC0415

        self._at_once.load_deferred()
        handlers = Handlers(lambda: interpreter.execution_count)
        execution = Execution(
            interpreter, self._output, self._interruptible, self._main.abort_waiting
        )
        handlers.on(protocol.ExecuteRequest, execution.handle)
        handlers.on(KernelInfoRequest, lambda *_: self._info)

        def add() -> None:
            from assay.kernel.dispatch._introspection import serve_introspection  # noqa: PLC0415 - see there

            serve_introspection(
                handlers, interpreter, self._interruptible, lambda: self._connection
            )
            protocol.preload("DisplayData", "InputRequest")
            # Deprecated on shell since 5.4 and served: it waits for its turn there (SHELL-16).
            handlers.on(protocol.ShutdownRequest, self._shut_down_in_turn)

        handlers.defer(add)
        return handlers

    def _shut_down(self, request: Request, content: protocol.ShutdownRequest) -> None:
        self._shutdown.ask(Ending(request=request, restart=content.restart))

    def _shut_down_in_turn(self, request: Request, content: protocol.ShutdownRequest) -> None:
        self._shut_down(request, content)
        self._shutdown.settle()  # the main lane is to handle no other request

    def _interrupt(self, _: Request, __: protocol.InterruptRequest) -> Content:
        self._signals.interrupt()
        return protocol.InterruptReply()


class _Inbox:
    """The receiver of the I/O thread, which is made before what it hands requests to."""

    receive: Callable[[Channel, Envelope], None]


@contextmanager
def _replaced_streams(host: KernelHost) -> Iterator[None]:
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = host.stdout, host.stderr
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
