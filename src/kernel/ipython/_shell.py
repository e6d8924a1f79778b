"""IPython's shell with a client as its terminal.

The class keeps the name that IPython's kernels have had since 0.13, and is known by the module
where it is expected: programs look at both to find out whether they run in a notebook.
"""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from threading import Lock, local  # by name: gevent replaces the module's
from typing import TYPE_CHECKING, Any, Literal, cast

from IPython.core import page, payloadpage
from IPython.core.autocall import ExitAutocall, ZMQExitAutocall
from IPython.core.getipython import get_ipython
from IPython.core.history import HistoryOutput
from IPython.core.interactiveshell import InteractiveShell, InteractiveShellABC
from traitlets import Any as AnyTrait
from traitlets import Bool, Instance, Type, default

from assay.kernel._tracebacks import last_line_of, text_of
from assay.kernel.ipython._alone import Alone
from assay.kernel.ipython._cell_run import CellRun, PayloadManager, run_of
from assay.kernel.ipython._display import IopubDisplayHook, IopubDisplayPublisher
from assay.kernel.ipython._errors import is_raised_in
from assay.kernel.ipython._long_tracebacks import leave_out_middle
from assay.kernel.ipython._plot_backend import backend_kept_on_failure
from assay.kernel.ipython._representing import represent
from assay.kernel.ipython._shown_errors import ExcInfo, ShowsErrors
from assay.kernel.ipython._user_tracebacks import without_own_frames
from assay.kernel.ipython.speedups._formatter import DisplayFormatter
from assay.kernel.ipython.speedups._history import make_history
from assay.kernel.ipython.speedups._input import (
    PrefilterManager,
    QuickTransformer,
    is_python,
    may_await,
)
from assay.kernel.ipython.speedups._late_completer import CompletesLate
from assay.kernel.ipython.speedups._traps import BuiltinTrap, DisplayTrap
from assay.protocol import decode_json, encode_json

if TYPE_CHECKING:
    from assay.kernel._interpreter import CellTracer, Host
    from assay.kernel.gui import Toolkit
    from assay.kernel.ipython._debugger import Debugger
    from assay.kernel.ipython._lazy_event_loop import LazyEventLoop, Loops
    from assay.kernel.ipython.compat._kernel_facade import KernelFacade
    from assay.protocol import Json, JsonObject

__all__ = ["ZMQInteractiveShell"]

ENVIRONMENT = {
    "TERM": "xterm-color",
    "CLICOLOR": "1",
    "CLICOLOR_FORCE": "1",
    "FORCE_COLOR": "1",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
}
"""For child processes: there are colours, and a pager would wait for a key for ever."""

SESSION_NAME = "JPY_SESSION_NAME"
"""The notebook that a server started the kernel for."""


class _LoopRunner:
    """Runs cells that await, by the name that ``%autoawait`` shows."""

    def __init__(self, shell: ZMQInteractiveShell) -> None:
        self._shell = shell  # asked for its loop later: it has none when options are read

    def __call__(self, coroutine: Coroutine[Any, Any, object]) -> object:
        return self._shell.user_loop.run_cell(coroutine)

    def __str__(self) -> str:
        return "asyncio"


class ZMQInteractiveShell(ShowsErrors, CompletesLate, InteractiveShell):  # type: ignore[misc]  # IPython is untyped here
    """The shell of a kernel; `host` is the kernel behind it."""

    host: Host
    loops: Loops
    # A trait: programs ask has_trait("kernel") to learn whether a client shows what they display.
    kernel = cast("KernelFacade", AnyTrait())
    displayhook_class = Type(IopubDisplayHook)
    display_pub_class = Type(IopubDisplayPublisher)
    keepkernel_on_exit: bool | None = None
    exiter = Instance(ExitAutocall)
    autoindent = Bool(False, help="For terminals; a client indents as it likes.").tag(config=True)

    # What it is made of: traits in IPython, each of which costs two calls wherever a cell needs it.
    history_manager: Any = None
    builtin_trap: Any = None
    display_trap: Any = None
    prefilter_manager: Any = None
    payload_manager: Any = None
    magics_manager: Any = None
    last_execution_succeeded: bool = True
    last_execution_result: Any = None

    tracer: CellTracer | None = None
    """Follows the cells, while a debugger is attached."""

    lock: AbstractContextManager[object] = nullcontext()
    """Keeps apart what several cells do to the shell; see `run_cells_at_once`.

    Nobody runs the user's code inside, which may never end.
    """

    turn: Callable[[], AbstractContextManager[object]] = staticmethod(nullcontext)
    """Keeps apart, as long as that does not take long, libraries that run the user's code."""

    release_thread: Callable[[], object] = staticmethod(lambda: None)
    """Gives back the locks and traps that this thread still holds.

    An interrupt may have kept a cell from giving them back. So it is called before and after each
    cell, once several may run at a time.
    """

    genuine_excepthook: Any = None
    """What `sys.excepthook` is between cells, once several may run at a time."""

    @property
    def own_work(self) -> AbstractContextManager[object]:
        """Inside, libraries work for the shell: in their turn, and no debugger looks.

        The frames of these libraries are not known to be the shell's: users call them too.
        """
        return self.turn() if self.tracer is None else Alone(self.turn(), self.unseen)

    @property
    def unseen(self) -> AbstractContextManager[object]:
        """Inside, no debugger looks, and cells go on: for a thread of the user's."""
        tracer = self.tracer
        return nullcontext() if tracer is None else tracer.at_rest()

    _counting = Lock()

    newest_count = 1
    """The number of the next cell that has none yet."""

    @property
    def user_loop(self) -> LazyEventLoop:
        """The event loop of the cells in the caller's thread."""
        return self.loops.here()

    @property
    def execution_count(self) -> int:
        """The running cell's number, and the next one once IPython has counted it."""
        request = self.host.request()
        if request is not None and not request.finished:
            run = request.run  # not by `run_of`: IPython asks five times a cell
            if isinstance(run, CellRun) and run.count:
                return run.count
        return self.newest_count

    @execution_count.setter
    def execution_count(self, count: int) -> None:
        run = run_of(self.host.request())
        if run is None or not run.count:
            self.newest_count = count
            return
        # One more is IPython's own counting. Anything else is the program's wish.
        is_counted = count == run.count + 1
        if not is_counted or count > self.newest_count:
            self.newest_count = count
        run.count = count

    def reserve_number(self) -> int:
        """Return the number of a cell that is about to run; no other gets it (AMB-35)."""
        with self._counting:
            number = self.newest_count
            self.newest_count = number + 1
        return number

    @default("exiter")
    def _exiter(self) -> ExitAutocall:
        return ZMQExitAutocall(self)

    @default("input_transformer_manager")
    def _transformer(self) -> QuickTransformer:
        return QuickTransformer()

    def transform_cell(self, raw_cell: str) -> str:
        """Return *raw_cell* as Python."""
        # A trait of which there is no value has its default: IPython's, an empty list.
        if not self._trait_values.get("input_transformers_post") and is_python(self, raw_cell):
            return raw_cell if raw_cell.endswith("\n") else f"{raw_cell}\n"
        transformed: str = super().transform_cell(raw_cell)
        return transformed

    @default("loop_runner")
    def _runner(self) -> Callable[..., object]:
        return _LoopRunner(self)

    @property
    def loop_runner_map(self) -> dict[str, tuple[Callable[..., object], bool]]:
        """The runners that have a name, such as for ``%autoawait``."""
        return {**InteractiveShell.loop_runner_map, "asyncio": (_LoopRunner(self), True)}

    def should_run_async(
        self,
        raw_cell: str,
        *,
        transformed_cell: str | None = None,
        preprocessing_exc_tuple: ExcInfo | None = None,
    ) -> bool:
        """Return True if the cell awaits something at its top level."""
        if transformed_cell is not None and not may_await(transformed_cell):
            return False
        awaits: bool = super().should_run_async(
            raw_cell,
            transformed_cell=transformed_cell,
            preprocessing_exc_tuple=preprocessing_exc_tuple,
        )
        if awaits:
            with self.host.lend_descriptors():
                self.user_loop.get()
        return awaits

    @property
    def debugger_cls(self) -> type[Debugger]:
        """The debugger of ``%debug`` and ``%pdb``."""
        from assay.kernel.ipython._debugger import Debugger  # noqa: PLC0415 - used by few

        return Debugger

    def init_user_ns(self) -> None:
        """Fill the user's namespace, at the start and after ``%reset``."""
        super().init_user_ns()
        if session := os.environ.get(SESSION_NAME):
            self.user_ns["__session__"] = self.user_ns_hidden["__session__"] = session

    around: ZMQInteractiveShell | None = None
    """The shell of the cell in the middle of which this one works, if there is one."""

    is_within_module = False
    """Cells have names of their own, and see those of the module around them (`Scope`)."""

    @property
    def user_global_ns(self) -> dict[str, Any]:
        """What is global to a cell's functions."""
        names: dict[str, Any] = self.user_ns
        if not self.is_within_module:
            names = self.user_module.__dict__
        return names

    def _ofind(self, oname: str, namespaces: Any = None) -> Any:
        if namespaces is None and self.is_within_module:
            places = (self.user_ns, vars(self.user_module), vars(builtins))
            names = ("Interactive", "Interactive (global)", "Python builtin")
            namespaces = list(zip(names, places, strict=True))
        return super()._ofind(oname, namespaces)

    def init_environment(self) -> None:
        """Tell child processes what kind of terminal this is; a guest's are its program's."""
        if self.parent.host.owns_process:
            os.environ.update(ENVIRONMENT)

    def init_builtins(self) -> None:
        """Make what puts names among the builtins while a cell runs."""
        super().init_builtins()
        self.builtin_trap = BuiltinTrap(shell=self)

    def init_displayhook(self) -> None:
        """Make what shows results, and what puts it in place while a cell runs."""
        super().init_displayhook()
        self.display_trap = DisplayTrap(self.displayhook)

    def init_hooks(self) -> None:
        """Send pages to the client."""
        super().init_hooks()
        self.set_hook("show_in_pager", page.as_hook(payloadpage.page), 99)

    def init_display_formatter(self) -> None:
        """Make the formatter of results and displays."""
        self.display_formatter = DisplayFormatter(parent=self)
        self.configurables.append(self.display_formatter)

    def init_prefilter(self) -> None:
        """Make what looks at cells of one line."""
        self.prefilter_manager = PrefilterManager(shell=self, parent=self)
        self.configurables.append(self.prefilter_manager)
        self.prefilter = self.prefilter_manager.prefilter_lines

    def __reduce_ex__(self, protocol: object) -> tuple[Callable[[], object], tuple[()]]:
        # A session that is pickled holds it, in `exit` for one; the reader has its own.
        return get_ipython, ()

    def init_payload(self) -> None:
        """Make what keeps the payload of a cell until its reply."""
        self.kept_here = local()  # of each thread's own cell
        self.payload_manager = PayloadManager(parent=self)
        self.configurables.append(self.payload_manager)

    def _format_user_obj(self, obj: object) -> Json:
        # As JSON now: an iterator can be read once, and what has no form is this expression's
        # error, not the reply's.
        data, metadata = represent(self.display_formatter, obj)
        shown = {"status": "ok", "data": data, "metadata": metadata}
        return decode_json(encode_json(shown))

    def _user_obj_error(self) -> dict[str, str | list[str]]:
        """Return what the reply says of an expression that has just failed."""
        kind, error, _ = sys.exc_info()
        assert error is not None
        try:
            lines: list[str] = self.InteractiveTB.get_exception_only(kind, error)
        except BaseException:  # noqa: BLE001 - of its `__str__`, which may raise anything
            lines = [last_line_of(error)]
        name, text = type(error).__name__, text_of(error)
        return {"status": "error", "ename": name, "evalue": text, "traceback": lines}

    def init_history(self) -> None:
        """Open the history database."""
        self.history_manager = make_history(self)
        self.configurables.append(self.history_manager)

    def _tee(self, channel: str) -> AbstractContextManager[object]:
        """Keep what a cell writes for ``%notebook``.

        IPython puts a function of its own in the place of the stream's `write`, which takes twice
        as long, and keeps everything; and in the place of that of any object that a program has put
        there, which may refuse it. What such an object writes to the kernel's stream is kept.
        """
        is_out = channel == "stdout"
        kind = "out_stream" if is_out else "err_stream"
        stream = self.host.stdout if is_out else self.host.stderr
        # Its own number: IPython counts it later.
        return stream.recording(partial(self._keep_output, self.execution_count, kind))

    def _keep_output(self, number: int, kind: str, texts: list[str]) -> None:
        output = HistoryOutput(output_type=kind, bundle={"stream": texts})
        self.history_manager.outputs[number].append(output)

    def _run_cell(self, *args: Any, **kwargs: Any) -> Any:
        """Run a cell.

        Raises:
            KeyboardInterrupt: it was interrupted twice, the second time where IPython notes the
                first, which makes no result then.
        """
        try:
            return super()._run_cell(*args, **kwargs)
        except UnboundLocalError as error:
            if not is_raised_in(InteractiveShell._run_cell.__code__, error):
                raise
        raise KeyboardInterrupt

    async def run_code(self, code_obj: object, result: Any = None, **kwargs: Any) -> bool:
        """Run a part of a cell; True if it failed."""
        run = run_of(self.host.request()) or CellRun()
        if not run.depth:
            if run.outcome is None and run.interrupt_outside is not None:
                # IPython goes on from one that strikes what is called before a cell is run.
                result.error_in_exec = run.interrupt_outside
                return True
            run.outcome = result
        run.depth += 1
        try:
            failed: bool = await super().run_code(code_obj, result, **kwargs)
        finally:
            run.depth -= 1
        if self.genuine_excepthook is not None and sys.excepthook == self.excepthook:
            sys.excepthook = self.genuine_excepthook  # another cell's, which ends after this one
        if not hasattr(sys, "stdout"):
            sys.stdout = None  # IPython looks at it next; to `print`, no stream is as good as None
        return failed

    def init_magics(self) -> None:
        """Add the magics that only a kernel has."""
        super().init_magics()
        from assay.kernel.ipython._magics import KernelMagics  # noqa: PLC0415 - needs this module

        self.register_magics(KernelMagics)
        self.magics_manager.register_alias("ed", "edit")

    @property
    def parent_header(self) -> dict[str, Any]:
        """The running request, as `get_parent` returns it."""
        return self.kernel.get_parent()

    def get_parent(self) -> dict[str, Any]:
        """Return the running request as a dict with a ``header``, or an empty one."""
        return self.kernel.get_parent()

    def set_parent(self, parent: JsonObject) -> None:
        """Let what the caller prints and shows belong to *parent*, an earlier request."""
        self.kernel.set_parent(None, parent)

    def output_to(
        self, target: JsonObject | Literal["origin", "current"]
    ) -> AbstractContextManager[None]:
        """Choose the cell under which the caller's thread or task prints and shows, inside.

        Args:
            target: What `get_parent` returned in that cell; "current" for the cell that runs at
                each moment; "origin" for the one that started the thread, as outside.

        Raises:
            ContentError: *target* has no header, or one that is none.
        """
        return self.host.output_to(target)

    def set_thread_parent(self, parent: JsonObject) -> JsonObject:
        """Do as `set_parent` does; return what `reset_thread_parent` takes."""
        before = self.get_parent()
        self.set_parent(parent)
        return before

    def reset_thread_parent(self, token: JsonObject) -> None:
        """Undo `set_thread_parent`, in the same thread."""
        self.set_parent(token)

    def ask_exit(self) -> None:
        """End the kernel, or with `keepkernel_on_exit` only tell the client to leave."""
        self.payload_manager.write_payload(
            {"source": "ask_exit", "keepkernel": bool(self.keepkernel_on_exit)}
        )
        if not self.keepkernel_on_exit:
            self.host.request_exit()
        self.keepkernel_on_exit = None

    def set_next_input(self, s: str, replace: bool = False) -> None:
        """Ask the client to put *s* into the next cell, or with *replace* into this one.

        Raises:
            TypeError: *s* is no text, which no client could put there.
        """
        if not isinstance(s, str):
            raise TypeError(f"set_next_input: wanted text, found {type(s).__name__}")
        self.payload_manager.write_payload(
            {"source": "set_next_input", "text": s, "replace": bool(replace)}
        )

    @property
    def active_eventloop(self) -> str | None:
        """The name of the GUI whose windows live."""
        return self.kernel.active_gui

    def enable_gui(self, gui: str | Toolkit | None = None) -> None:
        """Let the windows of a GUI toolkit live while the kernel waits; None for none.

        Raises:
            ToolkitError: it is not there, or cannot run here (`KernelFacade.enable_gui`).
        """
        self.kernel.enable_gui(gui)

    def enable_matplotlib(self, gui: str | None = None) -> tuple[str | None, str]:
        """Choose matplotlib's backend, and let its windows live.

        IPython keeps to the first GUI. Here one may follow another; where matplotlib refuses, its
        own error says so. What cannot be had leaves the backend there was.
        """
        self.pylab_gui_select = None
        with backend_kept_on_failure():
            chosen: tuple[str | None, str] = super().enable_matplotlib(gui)
        return chosen

    def init_traceback_handlers(self, custom_exceptions: object) -> None:
        """Make what formats errors, also those that a magic prints itself (``%debug``)."""
        super().init_traceback_handlers(custom_exceptions)
        formatter = self.InteractiveTB
        formatter.structured_traceback = without_own_frames(formatter.structured_traceback)
        leave_out_middle(formatter)

    def init_virtualenv(self) -> None:
        """Do nothing: a kernel runs in the environment that it was installed in."""


InteractiveShellABC.register(ZMQInteractiveShell)
