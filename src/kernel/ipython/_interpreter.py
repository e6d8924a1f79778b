"""IPython behind the `Interpreter` seam."""

from __future__ import annotations

import builtins
import getpass
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Lock, get_ident  # by name: gevent replaces the module's
from typing import TYPE_CHECKING, Any

from assay import protocol
from assay.kernel._cell import Cell, Executed, Failed, Succeeded
from assay.kernel._errors import StartError
from assay.kernel.ipython._answers import (
    complete_reply,
    history_reply,
    inspect_reply,
    is_complete_reply,
)
from assay.kernel.ipython._app import IPKernelApp
from assay.kernel.ipython._c_streams import c_flusher
from assay.kernel.ipython._cell_run import CellRun
from assay.kernel.ipython._commands import let_interrupts_end_cells
from assay.kernel.ipython._comms import Comms
from assay.kernel.ipython._imports import replace_debugger_late
from assay.kernel.ipython._lazy_event_loop import LazyEventLoop, Loops
from assay.kernel.ipython._process_state import ProcessState
from assay.kernel.ipython._shell import ZMQInteractiveShell
from assay.kernel.ipython._user_streams import UserStreams
from assay.kernel.ipython._user_tracebacks import hide_everywhere
from assay.kernel.ipython.compat._commands import send_commands_as_utf8
from assay.kernel.ipython.compat._fault_handler import keep_crash_traces
from assay.kernel.ipython.compat._ipykernel_modules import install_shims, remove_shims
from assay.kernel.ipython.compat._kernel_facade import KernelFacade, ask
from assay.kernel.ipython.speedups._grammars import defer_parso_grammars
from assay.kernel.ipython.speedups._history import end_session, leave_exit_to_program
from assay.kernel.process._patches import Kind, patches
from assay.protocol import Error

if TYPE_CHECKING:
    from assay.kernel._interpreter import Debuggee, Host, Onlooker, Request
    from assay.kernel.ipython._scope import Scope
    from assay.kernel.ipython._suspended import SuspendedShell
    from assay.protocol import Json

__all__ = ["IPythonInterpreter"]


class IPythonInterpreter:
    """IPython's shell, made with the user's profile and configuration.

    What takes long is the import of this module. An interpreter that no host is attached to has
    changed nothing in the process, opened no file and started no thread: it may be forked.

    Args:
        arguments: IPython's own command line, such as ``--profile=NAME``.
        scope: Where cells run; by default in a module of their own, after start-up code.
        around: What has the cell in the middle of which this one works; by default there is none.
    """

    shell: ZMQInteractiveShell
    _host: Host
    _streams: UserStreams
    _loops: Loops
    _comms: Comms
    _before: ProcessState | None = None
    """What a guest puts back."""

    cell_tracing: Callable[[], AbstractContextManager[None]] | None = None
    """Entered around each cell while a debugger is attached."""

    def __init__(
        self,
        arguments: list[str],
        scope: Scope | None = None,
        around: Callable[[], SuspendedShell] | None = None,
    ) -> None:
        self._arguments = arguments
        self._scope = scope
        self._suspend_around = around
        self._around: SuspendedShell | None = None
        self._opening = Lock()
        self._takes_metadata = "cell_meta" in ZMQInteractiveShell.run_cell.__code__.co_varnames

    def attach(self, host: Host) -> None:
        """Make the shell for the kernel of *host*, and run the user's start-up code.

        Raises:
            StartError: a file cannot be read or written that IPython needs; an argument or a
                configuration file is wrong.
            SystemExit: the arguments ask for a text alone, such as ``--help-all``.
        """
        self._host = host
        self._main_thread = get_ident()
        try:
            self._attach(host)
        except BaseException as error:
            is_guest = self._before is not None
            if self._before is not None:
                self._loops.main.end()
                self._leave_no_trace()
                self._before.restore(None)
            # A program is not to end, and a process not for what looks like a fault of the kernel.
            if isinstance(error, SystemExit) and (error.code or is_guest):
                reason = "an option or a configuration file is wrong, see what it wrote to stderr"
                raise StartError(f"IPython cannot start: {reason}") from error
            raise

    def _attach(self, host: Host) -> None:
        self._streams = UserStreams(host)
        self._runs_cells_at_once = False
        if not host.owns_process:
            self._before = ProcessState()
        self._loops = Loops(nullcontext if self._suspend_around is not None else None)
        self._comms = Comms(host, is_alone=self._suspend_around is None)
        if self._suspend_around is not None:
            self._around = self._suspend_around()
            self._arguments = self._around.with_profile(self._arguments)
            self._replace_prompts()
        else:
            self._patch_process()
        host.on_close(_forget_parsed)
        try:
            app = IPKernelApp.instance(host, self._take_shell, self._scope)
            app.initialize(self._arguments)
        except OSError as error:
            raise StartError(f"IPython cannot start: {error}") from error
        host.use_loop(self._loops.main)
        if self._before is not None:
            self._before.restore(app.shell)
            leave_exit_to_program(app.shell)
            of_cells = app.shell.builtin_trap.auto_builtins
            of_cells["input"] = self._input
            for name in ("exit", "quit"):  # IPython hides these from all other threads, too
                of_cells.pop(name, None)
            host.on_close(self._loops.main.end)  # the user's code, which may be interrupted
        if host.catches_descriptors:
            host.on_flush(c_flusher())

    def _patch_process(self) -> None:
        host = self._host
        let_interrupts_end_cells()
        self._replace_prompts()
        send_commands_as_utf8()
        if host.owns_process:  # what a program shows, and how it is debugged, is its own
            keep_crash_traces(host)
            hide_everywhere()
            replace_debugger_late()
        defer_parso_grammars()
        install_shims(self._comms, type(host.stdout))

    @property
    def execution_count(self) -> int:
        """The number of the newest stored cell."""
        return self.shell.newest_count - 1

    def reserve_number(self) -> int:
        """Return the number of a cell that is about to run; no other cell gets it."""
        return self.shell.reserve_number()

    def open_subshell(self) -> LazyEventLoop:
        """Begin to work in the caller's thread, and return its event loop."""
        with self._opening:
            if not self._runs_cells_at_once:
                from assay.kernel.ipython._concurrency import (  # noqa: PLC0415 - for few kernels
                    run_cells_at_once,
                )

                run_cells_at_once(self.shell, self._main_thread)
                self._loops.accept_threads()
                self._runs_cells_at_once = True
        return self._loops.open(self._making_loop)

    @contextmanager
    def _making_loop(self) -> Iterator[None]:
        # An interrupt in the middle of an import may leave a lock of Python's locked.
        with self._host.uninterrupted(), self._host.lend_descriptors():
            yield

    def close_subshell(self) -> None:
        """End that, and cancel what still runs on the thread's loop."""
        self._loops.close()

    def is_blank(self, code: str) -> bool:
        """Return True if *code* is white space."""
        return not code or code.isspace()

    def execute(self, cell: Cell) -> Executed:
        """Run *cell* in the user's namespace."""
        shell, request = self.shell, self._host.request()
        self._streams.mend()
        run = CellRun(cell.number if cell.store_history else 0)
        if request is not None:
            request.run = run
        shell.kept_here.payload = run.payload
        shell.release_thread()
        try:
            tracing = self.cell_tracing
            with self._loops.here().in_cell(), nullcontext() if tracing is None else tracing():
                result = shell.run_cell(
                    cell.code,
                    store_history=cell.store_history,
                    silent=cell.silent,
                    cell_id=cell.cell_id,
                    **self._metadata_of(cell),
                )
                self._streams.flush()
                error: BaseException | None = result.error_before_exec or result.error_in_exec
                # IPython goes on from an interrupt that strikes what is called when a cell has run
                # (`EventManager.trigger`).
                error = error or run.interrupt_outside
                unshown = _result_error(request)
                if error is None and unshown is None:
                    expressions = shell.user_expressions(dict(cell.user_expressions))
                    return Succeeded(user_expressions=expressions, payload=self._take_payload())
            payload = self._take_payload()
            shown = shell.published_error(error) if error is not None else unshown
            assert shown is not None
            return Failed(
                ename=shown.ename, evalue=shown.evalue, traceback=shown.traceback, payload=payload
            )
        finally:
            shell.release_thread()

    def complete(self, code: str, cursor_pos: int) -> protocol.CompleteReply:
        """Complete with IPython's completer."""
        with self._looking():
            return complete_reply(self.shell, code, cursor_pos)

    def inspect(self, code: str, cursor_pos: int, detail_level: int) -> protocol.InspectReply:
        """Describe the name at the cursor, or the one whose call it stands in."""
        return self.inspect_without((), code, cursor_pos, detail_level)

    def inspect_without(
        self, omitted: Sequence[str], code: str, cursor_pos: int, detail_level: int
    ) -> protocol.InspectReply:
        """Describe it without the sections *omitted*, such as ``docstring``."""
        with self._looking():
            return inspect_reply(self.shell, code, cursor_pos, detail_level, omitted)

    @contextmanager
    def _looking(self) -> Iterator[None]:
        """Look at objects inside, whose code may run; an interrupt that IPython catches is raised.

        Its completer does, and goes on with what it has found until then.
        """
        before = self._host.interrupt_count()
        yield
        if self._host.interrupt_count() != before:
            raise KeyboardInterrupt

    def is_complete(self, code: str) -> protocol.IsCompleteReply:
        """Ask IPython's input transformer."""
        status, indent = self.shell.input_transformer_manager.check_complete(code)
        return is_complete_reply(status, indent, code)

    def history(self, request: protocol.HistoryRequest) -> protocol.HistoryReply:
        """Ask IPython's history database."""
        return history_reply(self.shell.history_manager, request)

    def comm(
        self, message: protocol.Message[protocol.CommOpen | protocol.CommMsg | protocol.CommClose]
    ) -> None:
        """Hand the message to its comm, as `carry_comm` does."""
        self.carry_comm(message)

    def carry_comm(self, message: protocol.Message[protocol.Content]) -> None:
        """Hand the message to its comm; the user's event loop seems to run."""
        with self._loops.here().in_cell():
            self._comms.receive(message)
            self._streams.flush()

    def comm_info(self, target_name: str | None) -> protocol.CommInfoReply:
        """List the open comms."""
        return self._comms.info(target_name)

    def onlooker(self) -> Onlooker:
        """Return what answers while a cell runs, in another thread."""
        from assay.kernel.ipython._onlooker import Onlooker  # noqa: PLC0415 - most cells are short

        return Onlooker(self.shell, self._comms)

    def debuggee(self) -> Debuggee:
        """Return what a debugger has to know."""
        from assay.kernel.ipython._debuggee import IPythonDebuggee  # noqa: PLC0415 - used by few

        return IPythonDebuggee(self)

    def close(self) -> None:
        """Cancel what still runs on the user's event loop; a guest leaves no trace."""
        self._loops.main.end()
        self._comms.is_over = True
        if self._before is not None:
            self._leave_no_trace()
            self._before.forget_errors()

    def _leave_no_trace(self) -> None:
        from assay.kernel.ipython._quiet import forget_filters  # noqa: PLC0415 - used by few

        forget_filters()
        if (shell := getattr(self, "shell", None)) is not None:
            end_session(shell)
        IPKernelApp.clear_instance()
        ZMQInteractiveShell.clear_instance()
        if self._around is not None:
            self._around.resume()
            self._comms.uninstall()
            patches.undo(getpass, "getpass")
        else:
            remove_shims()
        if self._scope is not None:
            self._scope.leave()

    def _take_shell(self, shell: ZMQInteractiveShell) -> None:
        """Give the new *shell* what it needs, before it runs any code."""
        self.shell = shell
        shell.host = self._host
        shell.loops = self._loops
        shell.around = self._around.shell if self._around is not None else None
        shell.kernel = self._comms.kernel = KernelFacade(self._host, self._comms, shell)

    def _metadata_of(self, cell: Cell) -> dict[str, Any]:
        # IPython takes it since 9.11 and shows it to hooks, such as those of `pre_run_cell`.
        return {"cell_meta": dict(cell.metadata)} if self._takes_metadata else {}

    def _take_payload(self) -> tuple[dict[str, Json], ...]:
        """Take what is kept for the reply out of the manager, which may be a program's own."""
        manager = self.shell.payload_manager
        payload = tuple(manager.read_payload())
        if payload:
            manager.clear_payload()
        return payload

    def _replace_prompts(self) -> None:
        ask_terminal, ask_hidden = builtins.input, getpass.getpass

        def input(prompt: object = "", /) -> str:  # noqa: A001 - it takes the builtin's place
            """Read a line from the client; EOF raises EOFError."""
            if not self._host.is_own_code:
                return ask_terminal(prompt)
            return ask(self._host, str(prompt), password=False)

        def ask_password(prompt: str = "Password: ", stream: Any = None, **_: Any) -> str:
            if not self._host.is_own_code:
                return ask_hidden(prompt, stream)
            if stream is not None:
                warnings.warn("a kernel cannot write the prompt to a stream", stacklevel=2)
            return ask(self._host, str(prompt), password=True)

        self._input = input
        prompts: list[tuple[object, str, object]] = [(getpass, "getpass", ask_password)]
        if self._host.owns_process:  # else it is there while a cell runs
            prompts.append((builtins, "input", input))
        for owner, name, ours in prompts:
            patches.replace(
                owner,
                name,
                ours,
                kind=Kind.CORRECTNESS,
                reason="the client is asked; there is no terminal",
            )


def _result_error(request: Request | None) -> Error | None:
    """Return why the cell's result could not be shown: IPython goes on as if it were."""
    error = request.result_error if request is not None else None
    return error if isinstance(error, Error) else None


def _forget_parsed() -> None:
    """Let go of what completions have parsed: looking through it at the end takes half a second."""
    if (cache := sys.modules.get("parso.cache")) is not None:
        cache.parser_cache.clear()
