"""One run of an engine: a kernel whose sockets connect, and that also runs tasks."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, TextIO, cast

from assay.kernel._errors import StartError
from assay.kernel._kernel import Kernel
from assay.kernel._parts import Parts
from assay.kernel._request import Request
from assay.kernel.dispatch._handlers import Handlers
from assay.kernel.dispatch._replies import Reply
from assay.kernel.engine._aborts import Aborts
from assay.kernel.engine._cluster import Cluster, Registered
from assay.kernel.engine._entrance import Entrance
from assay.kernel.engine._hub_watch import HubWatch
from assay.kernel.engine._lending import Lender
from assay.kernel.engine._membership import Membership
from assay.kernel.engine._options import EngineOptions
from assay.kernel.engine._replies import EngineOutput, EngineResponder
from assay.kernel.engine._tasks import EngineHandlers, TaskInterpreter, Tasks
from assay.kernel.engine._watcher import Watcher, answer_signal
from assay.kernel.lanes._router import Router
from assay.kernel.lanes._shutdown import Ending
from assay.kernel.process._detached import send_signal
from assay.kernel.process._ownership import OWNER
from assay.protocol import (
    AbortRequest,
    ApplyRequest,
    Channel,
    ClearReply,
    ClearRequest,
    ConnectionFile,
    Content,
    KernelInfoReply,
    Session,
    SignalRequest,
)
from assay.transport import (
    EngineSockets,
    EngineTopics,
    Heart,
    Heartbeat,
    HubLine,
    IoThread,
    KernelSockets,
    Receiver,
    Recorder,
    TimedOutError,
    Topics,
    connect_control,
    connect_engine,
    get_logger,
)

if TYPE_CHECKING:
    from assay.kernel._interpreter import Interpreter

__all__ = ["EngineKernel"]

logger = get_logger("assay.kernel")

CONTROLLER_GONE = 1
"""The exit code of an engine whose controller is gone."""

LONGEST_START_S = 10.0
"""When the heart begins though start-up files still run: the hub forgets engines that register and
have no heart for half a minute."""

SIGNAL_DELAY_S = 0.05
"""A signal may end the engine, and its reply is to leave before."""


class EngineRouter(Router):
    """Looks at each request whether it was aborted; abort and signal wait for nothing."""

    aborts: Aborts
    signal: Callable[[Request], Content]
    """Answers signal_request, a type that no kernel knows."""

    was_asked = False
    """A client has sent a request, so it knows the engine."""

    def _route(self, request: Request) -> None:
        if request.channel is Channel.SHELL:
            self.was_asked = True
            self.aborts.look_at(request)
        elif request.header.msg_type == SignalRequest.msg_type:
            self._responder.status("busy", request)
            self._responder.reply(request, Reply(self.signal(request)))
            self._responder.status("idle", request)
            return
        super()._route(request)

    def _is_answered_here(self, request: Request) -> bool:
        is_abort = request.header.msg_type == AbortRequest.msg_type
        if is_abort and request.channel is Channel.CONTROL:
            return True
        return super()._is_answered_here(request)


class EngineParts(Parts):
    """The parts of an engine.

    Args:
        number: The engine's.
        sockets: Connected.
        session: Signs and verifies.
        connection: Where clients may enter it.
        info: The answer to kernel_info_request.
        stderr: For what concerns the person who started the process.
    """

    responder_class = EngineResponder
    output_class = EngineOutput
    router_class = EngineRouter

    def __init__(
        self,
        number: int,
        sockets: EngineSockets,
        session: Session,
        *,
        connection: ConnectionFile,
        info: KernelInfoReply,
        stderr: TextIO,
    ) -> None:
        self._number = number
        control = Handlers()
        control.on(ClearRequest, self._clear)
        super().__init__(
            sockets,
            session,
            connection=connection,
            connection_path=None,
            info=info,
            ownership=OWNER,
            publish_silent=True,
            control=control,
            recorder=None,
            stderr=stderr,
        )
        assert isinstance(self.router, EngineRouter)
        assert isinstance(self.responder, EngineResponder)
        self.responder.number = number
        self.aborts = self.router.aborts = Aborts(self.io, self.main)
        self.ready: Callable[[], None] = _do_nothing
        """Called when the interpreter is attached."""
        self.interpreter: TaskInterpreter | None = None
        """Once it is attached."""
        self.services.at_once.on(AbortRequest, self.aborts.abort)
        self.router.signal = self._signal

    def shell_handlers(self, interpreter: Interpreter) -> Handlers:
        """Return what the main lane answers with *interpreter*, which calls functions as well."""
        self.interpreter = cast("TaskInterpreter", interpreter)  # what `EngineKernel` was given
        shell = super().shell_handlers(interpreter)
        lend = Lender(self.main).lend
        tasks = Tasks(self.interpreter, self.output, self.interruption.allowed, lend)
        shell.on(ApplyRequest, tasks.handle)
        self.ready()
        return EngineHandlers(shell)

    def _topics(self, session: Session) -> Topics:
        del session
        return EngineTopics.of_engine(self._number)

    def _io_thread(
        self,
        sockets: KernelSockets,
        session: Session,
        receiver: Receiver,
        topics: Topics,
        recorder: Recorder | None,
    ) -> IoThread:
        # Schedulers and hub are always waited for: what they do not get, a client waits for in
        # vain. They subscribe to everything, and would log a welcome as a fault.
        return IoThread(
            sockets, session, receiver, topics, recorder, patience_s=math.inf, welcomes=False
        )

    def _clear(self, _: Request, __: ClearRequest) -> ClearReply:
        if self.interpreter is not None:
            self.interpreter.clear()
        return ClearReply()

    def _signal(self, request: Request) -> Content:
        """Send this process a signal; only where there is no watcher to do it."""
        return answer_signal(
            request.envelope,
            lambda number: self.io.call_later(
                SIGNAL_DELAY_S, lambda: send_signal(os.getpid(), number)
            ),
        )


class EngineKernel(Kernel):
    """One engine that is registered.

    Args:
        cluster: Where the controller is.
        registered: What the hub answered.
        uuid: The engine's identity.
        options: Of the command line.
        watcher: Its process; None if there is none.
        info: The answer to kernel_info_request.
        prepare: Makes the interpreter.
        started: Called when the hub may announce the engine.
        stderr: The standard error that the process was started with.
    """

    def __init__(
        self,
        cluster: Cluster,
        registered: Registered,
        uuid: str,
        *,
        options: EngineOptions,
        watcher: Watcher | None,
        info: KernelInfoReply,
        prepare: Callable[[], TaskInterpreter],
        started: Callable[[], None],
        stderr: TextIO,
    ) -> None:
        file = cluster.file
        super().__init__(
            ConnectionFile(key=file.key, signature_scheme=file.signature_scheme),
            cluster.session(uuid),
            info,
            prepare,
            ownership=OWNER,
            stderr=stderr,
        )
        self._cluster = cluster
        self._registered = registered
        self._uuid = uuid
        self._options = options
        self._watcher = watcher
        self._started = started
        self._sockets: EngineSockets

    def _make(self, stderr: TextIO) -> tuple[Parts, Heartbeat]:
        cluster, file, number = self._cluster, self._cluster.file, self._registered.number
        timeout_s = self._options.timeout_s
        control = cluster.url(file.control) if self._watcher is None else self._watcher.control
        identity = self._uuid.encode()
        shell = [file.mux, file.task, file.broadcast_port(number)]
        try:
            sockets = self._sockets = connect_engine(
                shell=[cluster.url(port) for port in shell],
                control=control,
                iopub=cluster.url(file.iopub),
                identity=identity,
                curve=cluster.curve,
                timeout_s=timeout_s,
            )
        except TimedOutError as error:
            raise StartError(str(error)) from error
        if self._watcher is not None:
            self._watcher.note_number(number)
            if not self._watcher.wait_until_ready(timeout_s):
                self._do_without_watcher()
        heart = Heart(cluster.url(file.hb_ping), cluster.url(file.hb_pong), identity, cluster.curve)
        parts = EngineParts(
            number,
            sockets,
            self._session,
            connection=self._connection,
            info=self._info,
            stderr=stderr,
        )
        return parts, heart

    def _acquire(self, parts: Parts, heartbeat: Heartbeat, stack: ExitStack) -> None:
        """Take what *stack* gives back; the heart begins to beat when all else is there."""
        assert isinstance(heartbeat, Heart)
        assert isinstance(parts, EngineParts)
        begin = _once(lambda: self._begin(parts, heartbeat))
        parts.ready = lambda: parts.io.log.call(begin)
        number = self._registered.number
        Entrance(self._cluster, self._sockets, parts, number).replace_bind_kernel()
        parts.io.call_later(LONGEST_START_S, begin)
        if (watcher := self._watcher) is not None:
            parts.io.watch(watcher.fileno(), lambda: self._watcher_ended(parts))
            stack.callback(watcher.close)
            parts.host.file_noted = watcher.note_file
        super()._acquire(parts, heartbeat, stack)

    def _begin(self, parts: Parts, heart: Heart) -> None:
        """Let the hub announce the engine; in the I/O thread."""
        cluster, period_s = self._cluster, self._registered.period_s
        line = HubLine(self._sockets, cluster.url(cluster.file.registration), cluster.curve)

        def end() -> None:
            parts.shutdown.ask(Ending(exit_code=CONTROLLER_GONE))

        def dropped(reason: str) -> None:
            logger.critical("%s: it ends", reason)
            if self._watcher is not None:
                self._watcher.forget_number()  # by now another engine may have it
            end()

        router = parts.router
        assert isinstance(router, EngineRouter)
        membership = Membership(
            parts.io,
            line,
            cluster.session(self._uuid),
            period_s=period_s,
            was_asked=lambda: router.was_asked,
            dropped=dropped,
        )
        HubWatch(
            parts.io,
            heart,
            line,
            period_s=period_s,
            misses=self._options.misses,
            gone=end,
            returned=membership.check,
        )
        heart.beat()
        self._started()

    def _watcher_ended(self, parts: Parts) -> None:
        assert self._watcher is not None, "watched only then"
        parts.io.unwatch(self._watcher.fileno())
        logger.warning("the watcher has ended: the engine takes its control messages itself")
        self._do_without_watcher()

    def _do_without_watcher(self) -> None:
        url = self._cluster.url(self._cluster.file.control)
        connect_control(self._sockets, url, self._cluster.curve)


def _once(function: Callable[[], None]) -> Callable[[], None]:
    """Return what calls *function* when it is called first; for one thread."""
    left = [function]
    return lambda: left.pop()() if left else None


def _do_nothing() -> None:
    """Do nothing."""
