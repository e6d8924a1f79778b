"""The kernel: makes its parts, takes what it needs of the process, serves, and gives all back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from threading import get_ident  # by name: gevent replaces the module's
from typing import TYPE_CHECKING, TextIO, cast

from assay._isolation import Event
from assay.kernel._parts import Parts
from assay.kernel._plain_methods import refuse_async
from assay.kernel._record_keeping import note_exits
from assay.kernel.dispatch._handlers import Handlers
from assay.kernel.lanes._shutdown import Ending
from assay.kernel.output._descriptors import real_stderr
from assay.kernel.process._collector import collector_at_rest
from assay.kernel.process._descriptor_limit import refuse_too_few
from assay.kernel.process._exit import (
    call_at_exit,
    end_children,
    end_pools,
    run_exit_functions,
)
from assay.kernel.process._import_hooks import after_import, forget_imports, waiting_imports
from assay.kernel.process._ownership import GUEST, Ownership
from assay.kernel.process._parent_process import watch_parent
from assay.kernel.process._patches import patches
from assay.kernel.process._streams import replaced_streams
from assay.protocol import ConnectionFile, KernelInfoReply, Session
from assay.transport import BindError, Heartbeat, bind_kernel, get_logger, postpone_exit

if TYPE_CHECKING:
    from assay._record import Record
    from assay.kernel._interpreter import ConcurrentInterpreter, Interpreter
    from assay.kernel.process._interrupts import LentInterrupts
    from assay.transport import IoThread, Recorder

__all__ = ["Kernel", "RunningKernel"]

logger = get_logger("assay.kernel")


class RunningKernel:
    """A kernel that has started.

    Args:
        parts: Its own.
        interpreter: Attached.
    """

    def __init__(self, parts: Parts, interpreter: Interpreter) -> None:
        self._parts = parts
        parts.main.begin(parts.shell_handlers(interpreter))

    def serve(self) -> None:
        """Serve until something asks for the end."""
        main = self._parts.main
        try:
            main.serve()
        except KeyboardInterrupt:  # in the middle of what the kernel itself does
            if not main.ends_by_keyboard:
                raise
            main.ended_by_keyboard = True
            self.ask_end()

    def step(self) -> bool:
        """Handle one request that waits, and give background tasks a turn; wait for nothing.

        Returns:
            True if there was a request.
        """
        return self._parts.main.step()

    def when_due(self, call: Callable[[], object]) -> None:
        """Call *call* in another thread whenever there is a reason for a `step`."""

        def wake() -> None:
            call()

        self._parts.main.when_due(wake)

    def ask_end(self) -> None:
        """Ask for the end, from any thread; what runs is interrupted if it can be, and answered."""
        self._parts.shutdown.ask(Ending(answers=True))

    def end_behind_cell(self) -> None:
        """End once the running cell is answered; called by it."""
        self._parts.main.request_exit()

    @property
    def is_over(self) -> bool:
        """True once something has asked for the end."""
        return self._parts.shutdown.is_asked

    @property
    def exit_code(self) -> int:
        """The exit code that was asked for."""
        return self._parts.shutdown.exit_code

    @property
    def ended_by_keyboard(self) -> bool:
        """True if Ctrl-C has ended it while it waited."""
        return self._parts.main.ended_by_keyboard


class Kernel:
    """One kernel. Nothing is opened or taken over before `run`, and all is given back after it.

    Args:
        connection: Where to listen; ports of 0 are chosen when it runs.
        session: Signs and verifies.
        info: The answer to kernel_info_request. If it announces subshells, there are some, and the
            interpreter is a `ConcurrentInterpreter`; if a debugger, it is a `Debuggable`.
        prepare: Makes the interpreter, which may take long and needs no host yet; called in the
            thread of `run` when the sockets answer already. A server that forks has prepared one
            before, and returns that.
        connection_path: The file that *connection* was read from.
        on_bound: Called with the ports that were bound, before anything is served.
        on_forced_end: Called in another thread before the process is ended by force, where the
            thread of `run` hangs and cleans up no more.
        parent_pid: The process to die with; 0 for none.
        is_parent: It was this process's parent when this one began.
        publish_silent: Publish what silent requests print and display, as ipykernel does (AMB-08).
        control: Answer requests on control, in a thread where they may wait; kernel_info, interrupt
            and shutdown are the kernel's own. By default there are none.
        recorder: Sees each message that is sent and received, in the I/O thread.
        ownership: What of the process is the kernel's; by default nothing.
        stderr: The standard error that the process was started with; by default the present.
        record: Says which cell runs, if that is kept; its maker removes it.
        around: Says when interrupts strike the cell in the middle of which this kernel runs, which
            is another one's; by default there is none.
    """

    def __init__(
        self,
        connection: ConnectionFile,
        session: Session,
        info: KernelInfoReply,
        prepare: Callable[[], Interpreter],
        *,
        connection_path: str | os.PathLike[str] | None = None,
        on_bound: Callable[[ConnectionFile], None] | None = None,
        on_forced_end: Callable[[], None] | None = None,
        parent_pid: int = 0,
        is_parent: bool = False,
        publish_silent: bool = False,
        control: Handlers | None = None,
        recorder: Recorder | None = None,
        ownership: Ownership = GUEST,
        stderr: TextIO | None = None,
        record: Record | None = None,
        around: LentInterrupts | None = None,
    ) -> None:
        self._around = around
        self._record = record
        self._connection = connection
        self._session = session
        self._info = info
        self._prepare = prepare
        self._path = os.fspath(connection_path) if connection_path is not None else None
        self._on_bound = on_bound
        self._on_forced_end = on_forced_end
        self._parent_pid = parent_pid
        self._is_parent = is_parent
        self._publish_silent = publish_silent
        self._control = control
        self._recorder = recorder
        self._ownership = ownership
        self._stderr = stderr

    @property
    def connection(self) -> ConnectionFile:
        """Where to listen, and the key; once it runs, with the ports that were bound."""
        return self._connection

    def run(self) -> int:
        """Serve until something asks for the end; return the exit code.

        Raises:
            KeyboardInterrupt: Ctrl-C came while it waited, and signals are not the kernel's.
            BindError: an address is taken (CONN-11).
            StartError: the interpreter cannot start.
        """
        with self.started() as running:
            running.serve()
        if running.ended_by_keyboard:
            raise KeyboardInterrupt
        return running.exit_code

    @contextmanager
    def started(self) -> Iterator[RunningKernel]:
        """Be ready inside, to serve in the caller's thread: for long, or step by step.

        Raises:
            BindError: an address is taken (CONN-11).
            StartError: the interpreter cannot start.
        """
        with ExitStack() as stack:
            if (stderr := self._stderr) is None:
                stderr = stack.enter_context(real_stderr())
            parts, heartbeat = self._make(stderr)
            self._acquire(parts, heartbeat, stack)
            with collector_at_rest() if self._ownership.collector else nullcontext():
                interpreter = self._prepare()
                refuse_async(interpreter)
                # The user's code, of which start-up files are the first, may leave no descriptor,
                # where ZeroMQ ends the process, and replace the threads of what begins later.
                self._follow_clients(parts.io, heartbeat, self._connection).wait()
                if self._ownership.exit:
                    parts.essentials.keep()
                interpreter.attach(parts.host)
            parts.debugger.know_interpreter(interpreter)
            if (signals := parts.interruption.signals) is not None:
                signals.hold_interrupts_in_forks()
                # Start-up files are the user's code too.
                parts.interruption.interrupts.handlers.leave_code()
            parts.subshells.serve(cast("ConcurrentInterpreter", interpreter))
            parts.beside.serve(*parts.services.of_onlooker(interpreter))
            if self._ownership.descriptors and os.environ.get("ASSAY_RESERVE") != "0":
                parts.capture.keep_reserve(
                    lambda descriptor, ready: parts.io.log.call(
                        lambda: parts.io.watch(descriptor, ready)
                    )
                )
            yield RunningKernel(parts, interpreter)
            self._finish(parts, interpreter)

    def _make(self, stderr: TextIO) -> tuple[Parts, Heartbeat]:
        sockets, bound = bind_kernel(self._connection)
        try:
            heartbeat = Heartbeat(bound)
        except BindError:
            sockets.close(linger_ms=0)
            raise
        self._connection = heartbeat.connection
        parts = Parts(
            sockets,
            self._session,
            connection=self._connection,
            connection_path=self._path,
            info=self._info,
            ownership=self._ownership,
            publish_silent=self._publish_silent,
            control=self._control or Handlers(),
            recorder=self._recorder,
            stderr=stderr,
            record=self._record,
        )
        return parts, heartbeat

    @staticmethod
    def _follow_clients(io: IoThread, heartbeat: Heartbeat, connection: ConnectionFile) -> Event:
        """Make what takes descriptors, in the I/O thread; return what is set once it is there."""
        is_done = Event()

        def follow() -> None:
            try:
                io.admit_clients(heartbeat.monitor, connection)
            finally:
                is_done.set()

        io.log.call(follow)
        return is_done

    def _acquire(self, parts: Parts, heartbeat: Heartbeat, stack: ExitStack) -> None:
        """Take what *stack* gives back, last first."""
        owned, io, interruption = self._ownership, parts.io, parts.interruption
        visit = interruption.visit
        parts.effects.remove_files = partial(self._remove_files, heartbeat)
        if (around := self._around) is None:  # else some may be the other kernel's
            stack.callback(patches.undo_since, patches.mark())
            stack.callback(forget_imports, waiting_imports())
        elif visit is not None:
            stack.callback(around.reset)
            around.may_strike, around.put_off = interruption.may_strike, visit.put_off
        if self._record is not None:
            note_exits(self._record)
        stack.callback(io.stop)  # before it runs, this only closes the sockets
        stack.callback(heartbeat.close)
        if (signals := interruption.signals) is not None:
            signals.install()
            stack.callback(signals.restore, goes_on=not owned.exit)
            signals.follow_forks(parts.output.after_fork)
        if owned.descriptors:
            parts.capture.start()
            for read_end in parts.capture.read_ends:
                io.watch_text(read_end, parts.capture.read_some)
        stack.callback(parts.capture.restore)
        if owned.exit:
            after_import("resource", refuse_too_few)
        if owned.threads:
            parts.parents.follow_threads(lambda: get_ident() == io.ident)
            after_import("concurrent.futures.thread", parts.parents.follow_pools)
        if self._on_bound is not None:
            self._on_bound(self._connection)
        watch_parent(
            self._parent_pid, io, lambda: self._parent_ended(parts), is_parent=self._is_parent
        )
        parts.responder.status("starting")
        heartbeat.start()
        io.start()
        stack.callback(io.stop)
        stack.callback(parts.control.close)
        stack.callback(parts.beside.close)
        if owned.threads:
            stack.callback(parts.parents.forget_threads)
        if visit is not None:
            from assay.kernel.process._forks import call_in_children  # noqa: PLC0415 - for guests

            stack.callback(call_in_children(parts.output.after_fork))
            stack.callback(visit.end)
        if owned.streams:
            stack.enter_context(replaced_streams(parts.host.stdout, parts.host.stderr))

    def _remove_files(self, heartbeat: Heartbeat) -> None:
        """Remove what the process leaves on the disk, apart from the files of the I/O thread."""
        if self._on_forced_end is not None:
            self._on_forced_end()
        heartbeat.remove_file()

    def _finish(self, parts: Parts, interpreter: Interpreter) -> None:
        """Clean up; reply, broadcast and idle follow (AMB-39)."""
        parts.shutdown.stopped()
        if (subshells := parts.host.lanes_beside) is not None:
            subshells.close()
        parts.io.spare.close()  # exit functions may need what there is
        if (request := parts.shutdown.request) is not None:
            parts.parents.enter(request)  # what exit functions write belongs to it
        owns_exit = self._ownership.exit
        functions = [*parts.host.close_functions]
        if owns_exit:
            functions += [end_pools, run_exit_functions, postpone_exit(), interpreter.close]
        call_at_exit(functions, parts.interruption.allowed)
        if not owns_exit:  # what it has of the process is given back whatever comes
            call_at_exit([interpreter.close], nullcontext)
        parts.main.leave_code()
        if owns_exit:
            end_children()
        parts.host.catch_up()
        parts.shutdown.finished()

    def _parent_ended(self, parts: Parts) -> None:
        logger.info("the parent process %s has ended", self._parent_pid)
        parts.shutdown.ask(Ending())
