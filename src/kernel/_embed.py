"""Kernels in a program that goes on: embedded, in the background, or a step at a time.

Such a kernel is a guest. It takes of the process only what its caller asks it to take, and what
``docs/embedding.md`` lists; and it gives all of that back. IPython has one shell in a process, so
there is one such kernel at a time; but for `embed` in a cell of a kernel, whose shell steps aside.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from types import FrameType, ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Self

import attrs

from assay._command import kernel_argv
from assay.kernel._command_line import parse
from assay.kernel._connection import OpenedConnection, default_path, open_connection
from assay.kernel._errors import StartError
from assay.kernel._info import kernel_info
from assay.kernel._kernel import Kernel, RunningKernel
from assay.kernel._main import kernel_session
from assay.kernel.process._main_thread import is_main_thread
from assay.kernel.process._ownership import VISITOR, Ownership
from assay.transport import KernelEndedError, KernelProcess, TimedOutError, get_logger
from assay.transport import launch as launch_command

if TYPE_CHECKING:
    from assay.kernel._interpreter import Interpreter
    from assay.kernel.ipython._scope import Scope
    from assay.kernel.ipython._shell import ZMQInteractiveShell
    from assay.kernel.process._interrupts import LentInterrupts
    from assay.protocol import ConnectionFile
    from assay.transport import Client

__all__ = [
    "BackgroundKernel",
    "NamespaceError",
    "SteppedKernel",
    "embed",
    "launch",
    "serve_background",
    "serve_in_steps",
]

logger = get_logger("assay.kernel")

STOP_TIMEOUT_S = 10.0
"""How long `stop` waits for the cell that runs: some code cannot be interrupted."""


class NamespaceError(StartError, TypeError):
    """The scope that cells shall run in is none."""


def embed(
    module: ModuleType | None = None,
    local_ns: dict[str, Any] | None = None,
    connection_file: str | os.PathLike[str] | None = None,
    *,
    arguments: Sequence[str] = (),
    owns: Ownership = VISITOR,
    quiet: bool = False,
) -> None:
    """Serve a kernel in the caller's scope until a client ends it; may be called again and again.

    Also in a cell of a kernel, or a task of an engine, which goes on afterwards.

    Args:
        module: Where cells look for what is not in *local_ns*; by default the caller's module.
        local_ns: The cells' variables, which stay in it; by default those of the caller. In a
            function they are copies, at the top of a module they are the module's own.
        connection_file: Read if it exists, else written, and removed at the end; by default one in
            Jupyter's folder for such files, named after the process.
        arguments: What could stand behind ``assay kernel``, such as ``--ip=127.0.0.1``.
        owns: What of the process the kernel takes over meanwhile.
        quiet: Do not write to stderr how to connect.

    Raises:
        StartError: there is a kernel or an IPython shell in this process, or this is not the main
            thread.
        NamespaceError: *module* is no module, or *local_ns* no dict.
        BindError: an address is taken (CONN-11).
        ConnectionFileError: *connection_file* cannot be read or written.
        KeyboardInterrupt: Ctrl-C came while it waited.
    """
    if not is_main_thread():
        name = threading.current_thread().name
        raise StartError(
            f"embed: wanted the main thread, found {name!r}: serve_background starts a kernel "
            f"from any thread"
        )
    from assay.kernel.ipython._suspended import shell_around  # noqa: PLC0415 - slow

    around = shell_around()
    if around is not None and owns != VISITOR:
        raise StartError(
            f"embed: wanted to own no more than {VISITOR} in a cell of a kernel, found {owns}: "
            f"the rest is that kernel's"
        )
    scope = _scope_of_caller(sys._getframe(1), module, local_ns)
    with around.host.lend_interrupts() if around is not None else nullcontext() as lent:
        guests = _guest(
            scope,
            connection_file,
            arguments,
            owns,
            says_where=not quiet,
            within=(around, lent) if around is not None and lent is not None else None,
        )
        with guests as guest, _no_running_loop():
            guest.kernel.run()


def serve_background(
    namespace: dict[str, Any] | None = None,
    connection_file: str | os.PathLike[str] | None = None,
    *,
    arguments: Sequence[str] = (),
    owns: Ownership = VISITOR,
) -> BackgroundKernel:
    """Start a kernel in a thread of its own, and return when clients can connect.

    Cells run in that thread. The kernel ends by `BackgroundKernel.stop`, at the end of a ``with``
    block, by a client, or with the program.

    Args:
        namespace: The cells' variables; by default those of the caller's module.
        connection_file: As `embed` takes it.
        arguments: As `embed` takes them.
        owns: What of the process the kernel takes over meanwhile; no signals.

    Raises:
        StartError: there is a kernel or an IPython shell in this process.
        NamespaceError: *namespace* is no dict.
        BindError: an address is taken (CONN-11).
        ConnectionFileError: *connection_file* cannot be read or written.
    """
    if owns.signals:
        raise StartError("serve_background: wanted no signals, which are the main thread's")
    scope = _scope_of_module(sys._getframe(1), namespace)
    return BackgroundKernel(_guest(scope, connection_file, arguments, owns))


def serve_in_steps(
    namespace: dict[str, Any] | None = None,
    connection_file: str | os.PathLike[str] | None = None,
    *,
    arguments: Sequence[str] = (),
    owns: Ownership = VISITOR,
) -> SteppedKernel:
    """Start a kernel that runs cells in the caller's thread, when the caller says so.

    For programs whose objects belong to one thread, such as windows: call
    `SteppedKernel.do_one_iteration` by a timer, or when `SteppedKernel.when_due` says so.

    Args:
        namespace: The cells' variables; by default those of the caller's module.
        connection_file: As `embed` takes it.
        arguments: As `embed` takes them.
        owns: What of the process the kernel takes over meanwhile.

    Raises:
        StartError: there is a kernel or an IPython shell in this process.
        NamespaceError: *namespace* is no dict.
        BindError: an address is taken (CONN-11).
        ConnectionFileError: *connection_file* cannot be read or written.
    """
    scope = _scope_of_module(sys._getframe(1), namespace)
    return SteppedKernel(_guest(scope, connection_file, arguments, owns))


def launch(
    *arguments: str,
    connection: ConnectionFile | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    capture: bool = True,
) -> KernelProcess:
    """Start a kernel of this Python in a process of its own.

    Args:
        arguments: What could stand behind ``assay kernel``, such as ``--profile=NAME``.
        connection: What its connection file says; by default free ports and a fresh key.
        env: Added to the environment.
        cwd: Where it runs; None is here.
        capture: Keep what the process writes to its own stdout and stderr, for error messages.

    Returns:
        The process, with the ports that it listens on in its `connection`; a context manager that
        ends it.

    Raises:
        LaunchError: it did not start.
    """
    return launch_command(
        [*kernel_argv(), *arguments],
        connection=connection,
        kernel_chooses_ports=True,
        env=env,
        cwd=cwd,
        capture=capture,
    )


class _Guest:
    """A kernel of this process that has not started."""

    def __init__(self, kernel: Kernel, opened: OpenedConnection) -> None:
        self.kernel = kernel
        self.path = Path(opened.path).absolute()


class _EmbeddedKernel:
    """What a program has of the kernel in it."""

    def __init__(self, guest: _Guest) -> None:
        self._guest = guest
        self._process = os.getpid()

    @property
    def connection(self) -> ConnectionFile:
        """The ports that were bound, and the key."""
        return self._guest.kernel.connection

    @property
    def connection_file(self) -> Path:
        """The file that says so, for ``jupyter console --existing``; removed at the end."""
        return self._guest.path

    @property
    def is_running(self) -> bool:
        """True until it has ended."""
        raise NotImplementedError

    def connect(self) -> Client:
        """Return a new client, for another thread than the one that cells run in.

        It misses nothing that the kernel publishes from now on.

        Raises:
            KernelEndedError: the kernel has ended.
        """
        from assay.transport import Client  # noqa: PLC0415 - few programs talk to themselves

        if not self.is_running:
            raise KernelEndedError("wanted a kernel that runs, found one that has ended")
        client = Client(self.connection)
        try:
            client.wait_until_welcomed()
        except BaseException:
            client.close()
            raise
        return client

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self, timeout: float = STOP_TIMEOUT_S) -> None:
        """End the kernel; see the classes below."""
        raise NotImplementedError

    def _stop_with_process(self) -> None:
        if os.getpid() == self._process:
            with suppress(TimedOutError):
                self.stop()


class BackgroundKernel(_EmbeddedKernel):
    """A kernel in a thread of its own; made by `serve_background`."""

    def __init__(self, guests: AbstractContextManager[_Guest]) -> None:
        self._guests = guests
        self._running: RunningKernel | None = None
        self._errors: list[BaseException] = []
        self._is_settled = threading.Event()
        self._thread = threading.Thread(target=self._run, name="assay-kernel", daemon=True)
        super().__init__(guests.__enter__())
        self._thread.start()
        self._is_settled.wait()
        for error in self._errors:
            self._thread.join()
            raise error

    @property
    def is_running(self) -> bool:
        """True until it has ended."""
        return self._thread.is_alive() and os.getpid() == self._process

    def stop(self, timeout: float = STOP_TIMEOUT_S) -> None:
        """End the kernel, and give back all that it had of the process.

        A cell that runs is interrupted. Called by a cell, it returns at once, and the kernel ends
        behind that cell. It does nothing where the kernel has ended.

        Args:
            timeout: Seconds for the cell that runs: code that waits in the system, or catches the
                interrupt, cannot be ended.

        Raises:
            TimedOutError: the cell still runs; the kernel ends as soon as it lets go.
        """
        if self._running is None or not self.is_running:
            return
        if threading.get_ident() == self._thread.ident:
            self._running.end_behind_cell()
        else:
            self._running.ask_end()
            self.wait(timeout)

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the kernel has ended.

        Raises:
            TimedOutError: it still runs after *timeout* seconds.
        """
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise TimedOutError("the end of the kernel's thread", timeout or 0)

    def _run(self) -> None:
        try:
            with self._guest.kernel.started() as self._running:
                # Now: exit functions run last first, and what the start has registered is needed.
                atexit.register(self._stop_with_process)
                self._is_settled.set()
                self._running.serve()
        except BaseException as error:  # for the thread that waits for the start
            if self._is_settled.is_set():
                logger.exception("the kernel in the background has failed")
            self._errors.append(error)
        finally:
            self._guests.__exit__(None, None, None)
            atexit.unregister(self._stop_with_process)
            self._is_settled.set()


class SteppedKernel(_EmbeddedKernel):
    """A kernel that works when its program calls it; made by `serve_in_steps`.

    All of its methods are for the thread that made it.
    """

    def __init__(self, guests: AbstractContextManager[_Guest]) -> None:
        self._stack = ExitStack()
        with ExitStack() as stack:
            super().__init__(stack.enter_context(guests))
            self._running = stack.enter_context(self._guest.kernel.started())
            self._stack = stack.pop_all()
        self._is_stepping = False
        self._is_over = False
        atexit.register(self._stop_with_process)

    @property
    def is_running(self) -> bool:
        """True until it has ended."""
        return not self._is_over and os.getpid() == self._process

    def do_one_iteration(self) -> bool:
        """Handle one request, if one waits, and let the tasks of cells go on; wait for nothing.

        It ends the kernel if a client has asked for that. Called by a cell, or when the kernel has
        ended, it does nothing.

        Returns:
            True if there was a request, and so may be another.
        """
        if self._is_stepping or not self.is_running:
            return False
        self._is_stepping = True
        try:
            with _no_running_loop():
                found = not self._running.is_over and self._running.step()
        finally:
            self._is_stepping = False
        if self._running.is_over:
            self.stop()
        return found

    def when_due(self, call: Callable[[], object]) -> None:
        """Have *call* called when there is something to do, in another thread.

        It must not wait, and only tell the thread of the cells to call `do_one_iteration` until
        that returns False: ``lambda: loop.call_soon_threadsafe(step)`` in asyncio, a signal in Qt.
        """
        self._running.when_due(call)

    def stop(self, timeout: float = STOP_TIMEOUT_S) -> None:
        """End the kernel, and give back all that it had of the process.

        Called by a cell, the kernel ends behind that cell. It does nothing where the kernel has
        ended.

        Args:
            timeout: Is not looked at: no cell runs.
        """
        del timeout
        if not self.is_running:
            return
        if self._is_stepping:
            self._running.end_behind_cell()
            return
        self._running.ask_end()
        self._is_over = True
        atexit.unregister(self._stop_with_process)
        with _no_running_loop():
            self._stack.close()


_present: list[_Guest] = []
"""The kernel that is in this process, if there is one."""
_lock = threading.Lock()


@contextmanager
def _guest(
    scope: Scope,
    connection_file: str | os.PathLike[str] | None,
    arguments: Sequence[str],
    owns: Ownership,
    *,
    says_where: bool = False,
    within: tuple[ZMQInteractiveShell, LentInterrupts] | None = None,
) -> Iterator[_Guest]:
    """Make a kernel; inside, it is the only one, but for the one whose shell it is *within*."""
    from assay.kernel.ipython._interpreter import IPythonInterpreter  # noqa: PLC0415 - slow
    from assay.kernel.ipython._suspended import SuspendedShell, shell_in_the_way  # noqa: PLC0415 - slow

    around, lent = within if within is not None else (None, None)
    if around is not None and connection_file is None:
        connection_file = _path_within()
    words = ["-f", os.fspath(connection_file)] if connection_file is not None else []
    with _lock:
        if around is None:
            _refuse_company(shell_in_the_way())
        options = parse([*words, *arguments])
        opened = open_connection(options)
        for warning in opened.warnings:
            logger.warning("%s", warning)

        def write(bound: ConnectionFile) -> None:
            if around is not None and opened.is_new:
                around.host.note_file(guest.path, is_there=True)
            if not opened.is_written or bound != opened.connection:
                bound.write(opened.path)
            if says_where:
                hint = f"connect a client with: jupyter console --existing {guest.path}"
                print(f"assay: {hint}", file=sys.stderr)

        def prepare() -> Interpreter:
            suspend = partial(SuspendedShell, around) if around is not None else None
            return IPythonInterpreter(list(options.rest), scope, suspend)

        kernel = Kernel(
            opened.connection,
            kernel_session(opened.connection, options),
            # A guest has no subshells, and traces no program that is not its own.
            attrs.evolve(kernel_info(), supported_features=(), debugger=False),
            prepare,
            connection_path=opened.path,
            on_bound=write,
            publish_silent=options.publish_silent,
            ownership=owns,
            stderr=around.host.real_stderr if around is not None else None,
            around=lent,
        )
        guest = _Guest(kernel, opened)
        _present.append(guest)
    try:
        yield guest
    finally:
        _present.remove(guest)
        if opened.is_new:
            with suppress(OSError):  # it is gone, or the folder can no longer be written
                guest.path.unlink()
            if around is not None:
                around.host.note_file(guest.path, is_there=False)


def _path_within() -> str:
    """Return a path for a kernel within another one; a file may have the process's number already.

    So may one of an engine on another machine, where they share a home folder.
    """
    path = Path(default_path())
    return str(path.with_name(f"{path.stem}-{os.urandom(4).hex()}.json"))


def _refuse_company(shell: str) -> None:
    if _present:
        raise StartError(
            f"wanted no other kernel in this process, found one: stop it first, or connect to it "
            f"(jupyter console --existing {_present[0].path})"
        )
    if shell:
        if shell != "ZMQInteractiveShell":
            instead = "its prompt is there already, and IPython.embed() opens another"
        elif "assay.kernel.engine" in sys.modules:
            instead = (
                "this is an engine already, which clients of a kernel enter by the connection file "
                "that ipyparallel.bind_kernel() returns; or call embed in a task"
            )
        else:
            instead = (
                "this is a kernel already, to which more clients can connect: see %connect_info; "
                "or call embed in a cell, in the main thread"
            )
        raise StartError(f"wanted a program without IPython's shell, found {shell}: {instead}")


def _scope_of_caller(
    frame: FrameType, module: ModuleType | None, local_ns: dict[str, Any] | None
) -> Scope:
    from assay.kernel.ipython._scope import Scope  # noqa: PLC0415 - its package is slow to import

    if module is not None and not isinstance(module, ModuleType):
        raise NamespaceError(f"module: wanted a module, found {_kind(module)}")
    _require_dict("local_ns", local_ns)
    found = module or _module_of(frame)
    names = local_ns
    if names is None:
        is_function = frame.f_locals is not frame.f_globals
        names = dict(frame.f_locals) if is_function else frame.f_globals
    if found is None:  # code that was executed in a dict
        return Scope(None, names if names is frame.f_globals else {**frame.f_globals, **names})
    return Scope(found, names)


def _scope_of_module(frame: FrameType, namespace: dict[str, Any] | None) -> Scope:
    from assay.kernel.ipython._scope import Scope  # noqa: PLC0415 - as above

    _require_dict("namespace", namespace)
    if namespace is None:
        return Scope(_module_of(frame), frame.f_globals)
    return Scope(None, namespace)


def _module_of(frame: FrameType) -> ModuleType | None:
    found = sys.modules.get(str(frame.f_globals.get("__name__")))
    is_its = isinstance(found, ModuleType) and vars(found) is frame.f_globals
    return found if is_its else None


def _require_dict(name: str, value: object) -> None:
    if value is not None and not isinstance(value, dict):
        raise NamespaceError(f"{name}: wanted a dict, found {_kind(value)}")


def _kind(value: object) -> str:
    return f"{value!r:.60} of type {type(value).__name__}"


@contextmanager
def _no_running_loop() -> Iterator[None]:
    """Put the program's asyncio loop aside, in which this may be called: cells have their own."""
    events = sys.modules.get("asyncio.events")
    before = events._get_running_loop() if events is not None else None
    if events is None or before is None:
        yield
        return
    events._set_running_loop(None)
    try:
        yield
    finally:
        events._set_running_loop(before)
