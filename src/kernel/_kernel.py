"""The kernel: who handles which request, and what is said around it. It knows no language.

Two threads share the work. The I/O thread receives; it answers control requests itself, and
kernel_info on shell while nothing is before it. The main thread handles everything else, one
request after the other (SHELL-15): busy, the handler, the reply, idle.
"""

from __future__ import annotations

import atexit
import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, NamedTuple

from assay import protocol
from assay.kernel._request import Request
from assay.kernel.dispatch._handlers import Handlers
from assay.kernel.dispatch._replies import Responder
from assay.kernel.dispatch._stdin import NoInputError, Prompter
from assay.kernel.output._descriptors import DescriptorCapture, real_stderr
from assay.kernel.output._iopub import Output
from assay.kernel.output._parents import Parents
from assay.kernel.output._streams import OutputStream
from assay.kernel.process._import_hooks import after_import
from assay.kernel.process._interrupts import Interrupts
from assay.kernel.process._parent_process import watch_parent
from assay.kernel.process._signal_pipe import SignalPipe
from assay.protocol import (
    Buffer,
    Channel,
    ConnectionFile,
    Content,
    Envelope,
    ErrorReply,
    Json,
    JsonObject,
    KernelInfoReply,
    KernelInfoRequest,
    Session,
    StreamName,
)
from assay.transport import (
    BindError,
    Heartbeat,
    IoThread,
    Lane,
    When,
    bind_kernel,
    get_logger,
    postpone_exit,
)

if TYPE_CHECKING:
    from pathlib import Path

    from assay.kernel._interpreter import Host, Interpreter
    from assay.kernel.lanes._lazy_event_loop import LazyEventLoop

__all__ = ["Kernel"]

logger = get_logger("assay.kernel")

SHUTDOWN_BUDGET_S = 2.0
"""How long user code and exit functions may take once a shutdown is asked for: clients send the
first signal after 2.5 seconds."""

EXIT_DELAY_S = 0.1
"""How long the kernel stays after a cell that said ``exit``: consoles look whether it lives before
they read the reply."""

REPEAT_INTERRUPT_S = 0.25
"""Code that swallows an interrupt during shutdown is interrupted again."""

INTERRUPT_RETRY_S = 0.001
"""When an interrupt comes again that struck where it must not raise; about as long as a fork."""

NOTICE_S = 0.05
"""How long the main thread has to notice an interrupt before it is asked whether it looks."""

SIGTERM_GRACE_S = 0.25
"""How long it has to answer before SIGTERM ends the kernel without it: longer than a busy machine
leaves a thread without a processor."""

TERMINATED = 128 + signal.SIGTERM
"""The exit code after SIGTERM, as shells count."""


class _Closing(NamedTuple):
    """Why the kernel ends."""

    request: Request | None = None
    restart: bool = False
    exit_code: int = 0


class Kernel:
    """One kernel process.

    Args:
        connection: Where to listen; ports of 0 are chosen and can be read from `connection`.
        session: Signs and verifies.
        info: The answer to kernel_info_request.
        load: Makes the interpreter; called in the main thread when the sockets answer already.
        connection_path: The file that *connection* was read from.
        parent_pid: The process to die with; 0 for none.
        publish_silent: Publish what silent requests print and display, as ipykernel does (AMB-08).

    Raises:
        BindError: an address is taken (CONN-11).
    """

    def __init__(
        self,
        connection: ConnectionFile,
        session: Session,
        info: KernelInfoReply,
        load: Callable[[Host], Interpreter],
        *,
        connection_path: str | os.PathLike[str] | None = None,
        parent_pid: int = 0,
        publish_silent: bool = False,
    ) -> None:
        self._info = info
        self._load = load
        self._parent_pid = parent_pid
        self._ident = session.session.encode()
        sockets, bound = bind_kernel(connection)
        try:
            self._heartbeat = Heartbeat(bound)
        except BindError:
            sockets.close(linger_ms=0)
            raise
        self._connection = self._heartbeat.connection
        self._connection_path = connection_path
        self._io = IoThread(sockets, session, self, self._topic)
        self._responder = Responder(self._io.log, session, self._topic)
        self._lane: Lane[Request] = Lane()
        self._shell_received = 0
        self._shell_handled = 0
        self._parents = Parents()
        self._output = Output(
            self._io.log, session, self._parents, self._topic, publish_silent=publish_silent
        )
        self._capture = DescriptorCapture(self._output)
        self.stdout, self.stderr = (
            OutputStream(name, self._output, self._capture, self._io.log, self._parents)
            for name in (StreamName.STDOUT, StreamName.STDERR)
        )
        self._prompter = Prompter(self._io.log, session, lambda: self._io.drain(Channel.STDIN))
        self._interrupts = Interrupts()
        self._interrupts.put_off = self._put_interrupt_off
        self._signals = SignalPipe()
        self._closing: _Closing | None = None
        self._exit_is_requested = False
        self._finishing = False
        self._gone = False
        self._close_functions: list[Callable[[], None]] = []
        self._loop: LazyEventLoop | None = None
        self._flush_c: Callable[[], None] | None = None
        self._interpreter: Interpreter | None = None
        self._shell = Handlers()
        self._control = Handlers()
        self._control.on(KernelInfoRequest, lambda *_: self._info)
        self._control.defer(self._serve_control)

        self.real_stderr = real_stderr(self._capture)
        """The standard error that the process was started with."""

    # --- What an interpreter may use (see `Host`).

    def publish(
        self,
        content: Content,
        *,
        metadata: Mapping[str, Json] | None = None,
        buffers: Sequence[Buffer] = (),
        parent: JsonObject | None = None,
    ) -> None:
        """Publish *content* on IOPub on behalf of the running code, or of *parent*."""
        self._capture.catch_up()
        if parent is None and content.msg_type == "error":
            self._publish_error(content)
            return
        request = self._parents.resolve_parent(parent) if parent is not None else None
        self._output.publish(content, metadata=metadata, buffers=buffers, parent=request)

    def ask(self, prompt: str, *, password: bool = False) -> str:
        """Return a line from the client that sent the running request."""
        if self._output.forked:
            raise NoInputError("wanted the kernel itself to prompt, found a child process of it")
        self._capture.drain()
        return self._prompter.ask(self._parents.current(), prompt, password=password)

    def request(self) -> Request | None:
        """Return the request that the running code belongs to."""
        return self._parents.current()

    def set_parent(self, request: JsonObject) -> None:
        """Let what the running code causes from here on belong to *request*."""
        self._catch_up()
        self._parents.set_parent(self._parents.resolve_parent(request))

    def leave_descriptors(self) -> None:
        """Catch no more of what is written to descriptors 1 and 2."""
        self._capture.release()

    def on_close(self, function: Callable[[], None]) -> None:
        """Call *function* when the kernel shuts down, before its last messages."""
        self._close_functions.append(function)

    def request_exit(self) -> None:
        """Shut the kernel down once the running request is answered, if there is one."""
        self._exit_is_requested = True
        self._lane.wake()

    def use_loop(self, loop: LazyEventLoop) -> None:
        """Let tasks of *loop* go on between requests."""
        self._loop = loop
        self._interrupts.cancel = loop.interrupt
        loop.set_waker(self._lane.nudge)

    def flush_c_by(self, flush: Callable[[], None]) -> None:
        """Call *flush* at the end of each request: it makes C code write out what it holds back."""
        self._flush_c = flush

    @property
    def connection(self) -> ConnectionFile:
        """The ports that were bound, and the key."""
        return self._connection

    @property
    def connection_path(self) -> Path | None:
        """The connection file, if there is one."""
        from pathlib import Path  # noqa: PLC0415 - asked for by the interpreter

        return Path(self._connection_path) if self._connection_path is not None else None

    # --- The life of the kernel, in the main thread.

    def run(self) -> int:
        """Serve until a shutdown is asked for or the parent process ends; return the exit code."""
        for read_end in self._capture.read_ends:
            self._io.watch(read_end, self._capture.read_some)
        self._io.watch(self._signals.fileno(), self._signalled)
        self._interrupts.install()
        signal.signal(signal.SIGTERM, self._terminate)
        self._signals.install()
        after_import("trio", self._signals.give_up)  # it warns of other pipes
        self._parents.follow_threads(lambda: threading.get_ident() == self._io.ident)
        after_import("concurrent.futures.thread", self._parents.follow_pools)
        os.register_at_fork(
            before=_hold_sigterm, after_in_parent=_let_sigterm, after_in_child=self._after_fork
        )
        watch_parent(self._parent_pid, self._io, self._parent_gone)
        self._responder.status("starting")
        self._heartbeat.start()
        self._io.start()
        streams = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = self.stdout, self.stderr
        try:
            self._interpreter = self._load(self)
            # Registered last, behind the interpreter's own: called first before a fork, and last
            # after it.
            hold, let = self._interrupts.hold, self._interrupts.let
            os.register_at_fork(before=hold, after_in_parent=let, after_in_child=let)
            self._serve_with(self._interpreter)
            self._serve()
            self._finish()
        finally:
            sys.stdout, sys.stderr = streams
            self._close()
        return self._closing.exit_code if self._closing else 0

    def _serve_with(self, interpreter: Interpreter) -> None:
        """Fill the table of what is served on shell."""
        # Imported now that the sockets answer: making the classes of contents takes a while. Not
        # later: an interrupt or a shutdown must not depend on what a program has left to import.
        from assay.kernel.dispatch._execute import Execution  # noqa: PLC0415

        self._control.load_deferred()
        shell = self._shell = Handlers(lambda: interpreter.execution_count)
        execution = Execution(interpreter, self._output, self._interrupts, self._abort_waiting)
        shell.on(protocol.ExecuteRequest, execution.handle)
        shell.on(KernelInfoRequest, lambda *_: self._info)

        def serve_more() -> None:
            from assay.kernel.dispatch._introspection import serve_questions  # noqa: PLC0415 - see there

            serve_questions(shell, interpreter, self._interrupts, lambda: self._connection)
            for said in ("DisplayData", "InputRequest"):
                getattr(protocol, said)  # imports it, with what stands beside it
            # Deprecated on shell since 5.4 and served: it waits for its turn there (SHELL-16).
            shell.on(protocol.ShutdownRequest, self._shell_shutdown)

        shell.defer(serve_more)

    def _serve(self) -> None:
        self._exit_is_requested = False  # start-up code that says `exit` ends nothing (S-053)
        while self._closing is None:
            item = self._next()
            if isinstance(item, Request):
                self._handle(item)
                self._shell_handled += 1
                self._import_the_rest()
            if self._output.forked:
                os._exit(0)  # a background task has forked, see `_handle`
            if self._exit_is_requested:
                self._exit_is_requested = False
                self._io.log.call(lambda: self._io.call_later(EXIT_DELAY_S, self._exit_requested))

    def _import_the_rest(self) -> None:
        try:
            self._shell.load_deferred()
        except Exception:  # the loop must outlive a program that has used up all descriptors
            logger.exception("cannot import what answers other requests; it will be tried again")

    def _next(self) -> Request | None:
        """Wait for a request, letting background tasks go on; None if woken for another reason."""
        loop, lane = self._loop, self._lane
        if loop is None or loop.is_idle:
            return lane.get()
        try:
            with self._interrupts.allowed():
                if len(lane):
                    loop.run_once()
                else:
                    loop.run_until(self._wait_in_loop)
        except KeyboardInterrupt:
            logger.info("interrupted while only background tasks were running")
        except SystemExit:
            # A task of the user's wants to end the program; in a cell that is an error, no end.
            sys.excepthook(*sys.exc_info())
        finally:
            lane.wait_by(None)
        return lane.poll()

    def _wait_in_loop(self, stop: Callable[[], None]) -> None:
        self._lane.wait_by(stop)
        if len(self._lane):
            stop()

    def _handle(self, request: Request) -> None:
        """Handle one request: busy, the handler, one reply, idle (SHELL-04, SHELL-05)."""
        token = self._parents.enter(request)
        self._responder.status("busy", request, when=When.WITH_NEXT)
        try:
            reply = self._shell.answer(request)
            self._catch_up()
            if self._output.forked:
                # A child that user code forked has run the cell to its end: it has no business
                # with the requests of its parent, nor with this one's reply.
                self.stdout.flush()
                self.stderr.flush()
                os._exit(int(isinstance(reply, ErrorReply)))
            if reply is not None:
                self._responder.reply(request, reply)
        finally:
            request.finished = True
            self._parents.reset(token)
            if self._closing is None or self._closing.request is not request:
                self._responder.status("idle", request)

    def _exit_requested(self) -> None:
        self._begin_to_close(_Closing())

    def _catch_up(self) -> None:
        """Put into the log what has been written so far, by whomever."""
        self.stdout.catch_up()
        self.stderr.catch_up()
        if self._flush_c is not None:
            self._flush_c()
        self._capture.catch_up()

    def _shell_shutdown(self, request: Request, content: protocol.ShutdownRequest) -> None:
        self._begin_to_close(_Closing(request, content.restart))

    def _abort_waiting(self) -> None:
        """Mark as aborted the execute requests that have been received by now (EXEC-20, AMB-06).

        The I/O thread first reads what has arrived, so that it does not depend on chance which of
        the cells that a client sent at once are run.
        """
        if self._output.forked:
            return  # there is no I/O thread here
        done = threading.Event()

        def mark() -> None:
            self._io.drain(Channel.SHELL)
            for request in self._lane.waiting():
                request.aborted |= request.header.msg_type == "execute_request"
            done.set()

        self._io.log.call(mark)
        done.wait()

    def _publish_error(self, error: Content) -> None:
        request = self._parents.current()
        in_cell = threading.current_thread() is threading.main_thread()
        if in_cell:
            self._interrupts.hold()
        try:
            self._output.publish(error)
            if request is not None and in_cell:
                request.error = error
        finally:
            if in_cell:
                self._interrupts.let()

    # --- What happens in the I/O thread.

    def receive(self, channel: Channel, envelope: Envelope) -> None:
        """Take a trusted message (see `Receiver`)."""
        if channel is Channel.STDIN:
            self._prompter.receive(envelope)
            return
        request = Request(channel, envelope)
        msg_type = request.header.msg_type
        if channel is Channel.CONTROL:
            if msg_type == "shutdown_request":
                self._shut_down(request)
            else:
                self._answer_here(request)
        elif msg_type == "kernel_info_request" and self._shell_received == self._shell_handled:
            self._answer_here(request)
        else:
            self._shell_received += 1
            self._lane.put(request)
            self._io.look_soon()

    def _answer_here(self, request: Request) -> None:
        self._responder.status("busy", request)
        reply = self._control.answer(request)
        if reply is not None:
            self._responder.reply(request, reply)
        self._responder.status("idle", request)

    def _serve_control(self) -> None:
        """Import what an end needs, too."""
        self._control.on(protocol.InterruptRequest, self._interrupt)

    def _interrupt(self, _: Request, __: protocol.InterruptRequest) -> Content:
        self._interrupts.send()
        self._io.call_later(NOTICE_S, self._ask)
        return protocol.InterruptReply()

    def _shut_down(self, request: Request) -> None:
        self._responder.status("busy", request)
        closing = self._closing
        content = Handlers()
        restart: list[bool] = []
        content.on(protocol.ShutdownRequest, lambda _, c: restart.append(c.restart))
        refused = content.answer(request)
        if refused is None and closing is None:
            self._begin_to_close(_Closing(request, restart[0]))
            return
        self._responder.reply(request, refused or protocol.ShutdownReply(restart=restart[0]))
        self._responder.status("idle", request)

    def _parent_gone(self) -> None:
        logger.info("the parent process %s has ended", self._parent_pid)
        self._begin_to_close(_Closing())

    def _signalled(self) -> None:
        """See to it that the main thread handles what has come, or do it in its place."""
        self._lane.wake()
        numbers = self._signals.take()
        if signal.SIGINT in numbers:
            self._io.call_later(NOTICE_S, self._ask)
        if signal.SIGTERM in numbers and self._handles_sigterm():
            has_looked = self._signals.ask()
            self._io.call_later(SIGTERM_GRACE_S, lambda: self._terminate_unless(has_looked))

    def _ask(self) -> None:
        """Let a main thread look that began to wait just when an interrupt came."""
        self._signals.ask()

    def _terminate_unless(self, has_looked: Callable[[], bool]) -> None:
        if self._closing is None and not has_looked() and self._handles_sigterm():
            self._say_terminated()
            self._begin_to_close(_Closing(exit_code=TERMINATED))

    def _say_terminated(self) -> None:
        logger.warning("SIGTERM: shutting down")

    def _handles_sigterm(self) -> bool:
        return signal.getsignal(signal.SIGTERM) == self._terminate

    def _begin_to_close(self, closing: _Closing) -> None:
        """Make the main thread finish, by force if it must be; from any thread."""
        if self._closing is not None:
            return
        self._closing = closing
        self._lane.wake()
        self._io.log.call(self._interrupt_until_finished)
        self._io.log.call(lambda: self._io.call_later(SHUTDOWN_BUDGET_S, self._end_by_force))

    def _put_interrupt_off(self) -> None:
        self._io.log.call(lambda: self._io.call_later(INTERRUPT_RETRY_S, self._interrupt_again))

    def _interrupt_again(self) -> None:
        self._interrupts.send(children=False)

    def _interrupt_until_finished(self) -> None:
        if self._finishing:
            return
        self._interrupts.send(children=False)
        self._io.call_later(REPEAT_INTERRUPT_S, self._interrupt_until_finished)

    def _end_by_force(self) -> None:
        if self._gone:
            return
        logger.critical(
            "the main thread did not come to an end within %s s; it is here:", SHUTDOWN_BUDGET_S
        )
        self._dump_stacks()
        closing = self._closing or _Closing()
        self._send_shutdown_reply(closing)
        self._io.end()
        if os.getpgrp() == os.getpid() and self._handles_sigterm():
            os.killpg(os.getpgrp(), signal.SIGTERM)  # to ourselves it is news that nobody reads
        os._exit(closing.exit_code)

    def _dump_stacks(self) -> None:
        from tempfile import TemporaryFile  # noqa: PLC0415 - few kernels hang

        # Not to the descriptor itself: it may be a full pipe, where writing waits for ever.
        with suppress(OSError), TemporaryFile("w+", encoding="utf-8") as stacks:
            faulthandler.dump_traceback(stacks, all_threads=True)
            stacks.seek(0)
            self.real_stderr.write(stacks.read())

    # --- The end.

    def _after_fork(self) -> None:
        """Be an ordinary process, in a child: SIGTERM ends it."""
        self._output.after_fork()
        self._signals.remove()
        if self._handles_sigterm():
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _let_sigterm()

    def _terminate(self, _number: int, _frame: FrameType | None) -> None:
        # Said elsewhere: it may have come in the middle of anything, even of the import of logging.
        self._io.log.call(self._say_terminated)
        self._begin_to_close(_Closing(exit_code=TERMINATED))

    def _finish(self) -> None:
        """Clean up, reply, broadcast, idle (AMB-39)."""
        self._finishing = True
        closing = self._closing or _Closing()
        request = closing.request
        token = self._parents.enter(request) if request is not None else None
        resume = postpone_exit()
        functions = [*self._close_functions, atexit._run_exitfuncs, resume]
        if self._interpreter is not None:
            functions.append(self._interpreter.close)
        for function in functions:
            try:
                with self._interrupts.allowed():
                    function()
            except (Exception, KeyboardInterrupt):
                logger.exception("an exit function failed")
        self._end_children()
        self._catch_up()
        self._gone = True
        if token is not None:
            self._parents.reset(token)
        self._send_shutdown_reply(closing)

    def _send_shutdown_reply(self, closing: _Closing) -> None:
        if closing.request is None:
            return
        self._responder.shutdown_reply(
            closing.request, protocol.ShutdownReply(restart=closing.restart)
        )
        self._responder.status("idle", closing.request)

    def _end_children(self) -> None:
        """End the child processes that are left, where the process group is our own."""
        if os.getpgrp() != os.getpid():
            return
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(os.getpgrp(), signal.SIGTERM)

    def _close(self) -> None:
        self._gone = True
        self._parents.forget_threads()
        self._io.stop()
        self._capture.restore()
        self._heartbeat.close()
        self._interrupts.restore()
        self._signals.remove()

    def _topic(self, msg_type: str) -> bytes:
        """Return the topic frame of an IOPub message (WIRE-12)."""
        return b"kernel.%b.%b" % (self._ident, msg_type.encode())


def _hold_sigterm() -> None:
    # One that reached a child before its handler is the default one would be lost.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def _let_sigterm() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
