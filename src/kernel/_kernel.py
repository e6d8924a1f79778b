"""The kernel: makes its parts, takes what it needs of the process, serves, and gives all back."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from threading import get_ident  # by name: gevent replaces the module's
from typing import TYPE_CHECKING, TextIO

from assay.kernel._parts import Parts
from assay.kernel.lanes._shutdown import Ending
from assay.kernel.output._descriptors import real_stderr
from assay.kernel.process._exit import call_at_exit, end_children, run_exit_functions
from assay.kernel.process._import_hooks import after_import
from assay.kernel.process._ownership import GUEST, Ownership
from assay.kernel.process._parent_process import watch_parent
from assay.kernel.process._patches import patches
from assay.kernel.process._streams import replaced_streams
from assay.protocol import ConnectionFile, KernelInfoReply, Session
from assay.transport import BindError, Heartbeat, bind_kernel, get_logger, postpone_exit

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
        self._stderr = stderr

    @property
    def connection(self) -> ConnectionFile:
        """Where to listen, and the key; once it runs, with the ports that were bound."""
        return self._connection

    def run(self) -> int:
        """Serve until something asks for the end; return the exit code.

        Raises:
            BindError: an address is taken (CONN-11).
        """
        with ExitStack() as stack:
            parts, heartbeat = self._make()
            self._acquire(parts, heartbeat, stack)
            interpreter = self._load(parts.host)
            if parts.signals is not None:
                parts.signals.hold_interrupts_in_forks()
                parts.interrupts.handlers.leave_code()  # start-up files are the user's code too
            parts.main.serve(parts.services.of_shell(interpreter, parts.output, parts.main))
            self._finish(parts, interpreter)
        return parts.shutdown.exit_code

    def _make(self) -> tuple[Parts, Heartbeat]:
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
            stderr=self._stderr or real_stderr(),
        )
        return parts, heartbeat

    def _acquire(self, parts: Parts, heartbeat: Heartbeat, stack: ExitStack) -> None:
        """Take what *stack* gives back, last first."""
        owned, io = self._ownership, parts.io
        stack.callback(patches.undo_since, patches.mark())
        stack.callback(io.stop)  # before it runs, this only closes the sockets
        stack.callback(heartbeat.close)
        if (signals := parts.signals) is not None:
            signals.install()
            stack.callback(signals.restore)
            signals.follow_forks(parts.output.after_fork)
        if owned.descriptors:
            parts.capture.start()
            for read_end in parts.capture.read_ends:
                io.watch_text(read_end, parts.capture.read_some)
        stack.callback(parts.capture.restore)
        if owned.threads:
            parts.parents.follow_threads(lambda: get_ident() == io.ident)
            after_import("concurrent.futures.thread", parts.parents.follow_pools)
        if self._on_bound is not None:
            self._on_bound(self._connection)
        watch_parent(self._parent_pid, io, lambda: self._parent_ended(parts))
        parts.responder.status("starting")
        heartbeat.start()
        io.start()
        stack.callback(io.stop)
        stack.callback(parts.control.close)
        if owned.threads:
            stack.callback(parts.parents.forget_threads)
        if owned.streams:
            stack.enter_context(replaced_streams(parts.host.stdout, parts.host.stderr))

    def _finish(self, parts: Parts, interpreter: Interpreter) -> None:
        """Clean up; reply, broadcast and idle follow (AMB-39)."""
        parts.shutdown.stopped()
        if (request := parts.shutdown.request) is not None:
            parts.parents.enter(request)  # what exit functions write belongs to it
        owns_exit = self._ownership.exit
        functions = [*parts.host.close_functions]
        if owns_exit:
            functions += [run_exit_functions, postpone_exit()]
        call_at_exit([*functions, interpreter.close], parts.interruptible)
        if owns_exit:
            end_children()
        parts.host.catch_up()
        parts.shutdown.finished()

    def _parent_ended(self, parts: Parts) -> None:
        logger.info("the parent process %s has ended", self._parent_pid)
        parts.shutdown.ask(Ending())
