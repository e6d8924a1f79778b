"""debugpy in this process: the only module that imports it.

**Theory of operation.** debugpy is asked to connect to a socket that this process listens on for
that one moment, and speaks the Debug Adapter Protocol there. So there is no adapter's process that
could be lost, and no port that others could reach (decision 0013; `_meeting`).

debugpy traces every thread but those that say it should not. Its ``connect`` returns only when a
client is done with the configuration, so it runs in a thread of its own.

What it changes in the process is undone when the session ends, as far as it can be: see
``docs/process.md``.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from assay._clock import monotonic, sleep
from assay.kernel.debugger._connection import Connection
from assay.kernel.debugger._errors import DebuggerError
from assay.kernel.debugger._meeting import meet
from assay.kernel.debugger._missing import INSTALL
from assay.kernel.process._frames import looking_safely, uncollected
from assay.kernel.process._patches import Kind, patches
from assay.protocol import JsonObject
from assay.transport import get_logger

__all__ = [
    "connect",
    "disconnect",
    "follow_thread",
    "is_kernels",
    "load",
    "release_thread",
    "rest_thread",
    "stop_after",
]

logger = get_logger("assay.kernel")

CONNECT_LIMIT_S = 30.0
"""It takes a few milliseconds; on a machine that is very busy, seconds."""

END_LIMIT_S = 15.0
"""debugpy waits for up to a second for its own threads; the rest is for a busy machine."""

SETTINGS = {
    # Each statement of a cell is a frame of its own: steps go from one to the next. The names are
    # those of the functions that call a cell's code: IPython's, and the shell's own around it.
    "PYDEVD_IPYTHON_COMPATIBLE_DEBUGGING": "1",
    "PYDEVD_IPYTHON_CONTEXT": "interactiveshell.py, run_code, run_code",
    # Without it, it warns on stderr of Python's frozen modules.
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    "PYDEVD_USE_FRAME_EVAL": "NO",
    # With `sys.monitoring`, from Python 3.12, it swallows the interrupt of a thread that stands.
    "PYDEVD_USE_SYS_MONITORING": "0",
}
"""What debugpy reads from the environment when it is imported."""

HIDDEN = "the debugger neither stops nor shows the kernel's own threads"

THREADS = ("assay-", "IPythonHistorySavingThread")
"""What the names of the kernel's threads begin with."""

ZMQ = "zmq."
"""The module of a thread that pyzmq frees frames in."""

SHOWN = ("assay-kernel", "assay-subshell")
"""Those whose names begin with that run cells."""

_state: dict[str, Any] = {"follows_forks": False}


def load() -> Any:
    """Import debugpy, and return it.

    Raises:
        DebuggerError: it is not installed, or cannot be imported.
    """
    if (module := sys.modules.get("debugpy")) is not None and hasattr(module, "connect"):
        return module
    hook = sys.breakpointhook
    try:
        with _environment(SETTINGS):
            import debugpy  # noqa: PLC0415, T100 - optional, and slow to import
            import debugpy.server.api  # noqa: PLC0415 - it imports the rest on its first call
    except ImportError as error:
        if importlib.util.find_spec("debugpy") is None:
            raise DebuggerError(INSTALL) from error
        raise DebuggerError(f"debugpy cannot be imported: {error}") from error
    except Exception as error:
        raise DebuggerError(
            f"debugpy cannot be imported: {type(error).__name__}: {error}"
        ) from error
    finally:
        sys.breakpointhook = hook  # without a client, debugpy's would do nothing at all
    return debugpy


def connect(
    *, on_event: Callable[[JsonObject], None], on_lost: Callable[[], None]
) -> tuple[Connection, Callable[[], None]]:
    """Start debugpy's part.

    Returns:
        The connection to it; and what waits, once ``configurationDone`` is answered, until debugpy
        has changed all that it changes.

    Raises:
        DebuggerError: it cannot be had, or a debugger is there that is not ours.
    """
    _look_safely()  # first: what debugpy imports keeps the function
    try:
        debugpy = _load_free()
    except DebuggerError:
        _look_as_before()
        raise
    debugpy.configure(subProcess=False)  # a child would look for a debugger that is not there
    _hide_threads()

    def join(address: tuple[str, int], token: str) -> None:
        with uncollected():  # it asks for the frames of all threads
            debugpy.connect(address, access_token=token)

    try:
        connection, joining = meet(
            join,
            on_event=on_event,
            on_lost=on_lost,
            limit_s=CONNECT_LIMIT_S,
        )
    except DebuggerError:
        _show_threads()
        _look_as_before()
        raise
    _send_at_once()
    _follow_forks()
    _use_breakpoint_hook(debugpy)
    return connection, lambda: joining.join(CONNECT_LIMIT_S)


def _load_free() -> Any:
    """Import debugpy, and return it once it has no session."""
    debugpy = load()
    _await_end()
    if _global_debugger() is not None:
        raise DebuggerError("another debugger is attached to this process already")
    return debugpy


def disconnect() -> None:
    """Undo what `connect` and debugpy have done; the connection is closed already."""
    patches.undo(sys, "breakpointhook")
    pydevd = sys.modules.get("pydevd")
    if pydevd is not None:
        pydevd.stoptrace()
    _await_end()
    _show_threads()
    _look_as_before()


def follow_thread() -> None:
    """Trace the calling thread, where an interrupt has ended that."""
    debugpy = sys.modules.get("debugpy")
    if debugpy is not None and _global_debugger() is not None:
        debugpy.trace_this_thread(True)


def rest_thread() -> bool:
    """Trace the calling thread no longer, until `follow_thread`; False if it was not traced."""
    debugpy = sys.modules.get("debugpy")
    if debugpy is None or _global_debugger() is None or sys.gettrace() is None:
        return False
    debugpy.trace_this_thread(False)
    return True


def stop_after(error: BaseException) -> None:
    """Stop the calling thread where *error* was raised, if the client wants uncaught exceptions."""
    debugpy = sys.modules.get("debugpy")
    if debugpy is not None and error.__traceback__ is not None:
        debugpy.trigger_exception_handler((type(error), error, error.__traceback__))


def release_thread() -> None:
    """Trace the calling thread no longer; the session is over."""
    if _global_debugger() is None:
        sys.settrace(None)


def _send_at_once() -> None:
    """Let debugpy's small pieces not wait for each other: 40 ms each."""
    client = getattr(_global_debugger(), "_client_socket", None)
    if isinstance(client, socket.socket):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _global_debugger() -> object:
    constants: Any = sys.modules.get("_pydevd_bundle.pydevd_constants")
    return constants.get_global_debugger() if constants is not None else None


def _await_end() -> None:
    """Wait until the debugger of an earlier session is gone, for it blocks the next."""
    debugger: Any = _global_debugger()
    limit = monotonic() + END_LIMIT_S
    while debugger is not None and debugger.pydb_disposed and monotonic() < limit:
        sleep(0.01)
        debugger = _global_debugger()


def _use_breakpoint_hook(debugpy: Any) -> None:
    patches.replace(
        sys,
        "breakpointhook",
        lambda *_, **__: debugpy.breakpoint(),
        kind=Kind.CORRECTNESS,
        reason="while a client debugs, `breakpoint()` stops there",
    )


def _look_safely() -> None:
    """It looks at the frames of all threads whenever one begins or is to be traced."""
    patches.patch(
        sys,
        "_current_frames",
        looking_safely,
        kind=Kind.CORRECTNESS,
        reason="while a client debugs, no garbage is collected where debugpy looks at the frames "
        "of all threads: Python 3.11 may wait for itself there, for ever",
    )


def _look_as_before() -> None:
    patches.undo(sys, "_current_frames")


def _hide_threads() -> None:
    for name in ("is_pydev_daemon_thread", "pydev_do_not_trace"):
        patches.add(threading.Thread, name, _Hiding(name), kind=Kind.CORRECTNESS, reason=HIDDEN)


def _show_threads() -> None:
    for name in ("is_pydev_daemon_thread", "pydev_do_not_trace"):
        patches.undo(threading.Thread, name)


class _Hiding:
    """An attribute of threads by which debugpy knows whom to leave alone; by default, the kernel's.

    Not set on the threads: most of them are there before debugpy, and some are made later.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, thread: threading.Thread | None, _: type) -> object:
        if thread is None:
            return self
        marked: object = vars(thread).get(self._name)
        return is_kernels(thread) if marked is None else marked

    def __set__(self, thread: threading.Thread, value: object) -> None:
        vars(thread)[self._name] = value


def is_kernels(thread: threading.Thread) -> bool:
    """Return True if *thread* is the kernel's own and runs no cells."""
    if type(thread).__module__.startswith(ZMQ):
        return True
    return thread.name.startswith(THREADS) and not thread.name.startswith(SHOWN)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables that are not set; the program and its children are to see none of them."""
    before = {name: os.environ.get(name) for name in values}
    for name, value in values.items():
        os.environ.setdefault(name, value)
    try:
        yield
    finally:
        for name, old in before.items():
            if old is None:
                os.environ.pop(name, None)


def _follow_forks() -> None:
    """A forked child has the traced frames, and none of the threads that could let it go on."""
    if not _state["follows_forks"]:
        _state["follows_forks"] = True
        os.register_at_fork(after_in_child=_leave_child_alone)


def _leave_child_alone() -> None:
    debugpy, pydevd = sys.modules.get("debugpy"), sys.modules.get("pydevd")
    if debugpy is None or pydevd is None or _global_debugger() is None:
        return
    debugpy.trace_this_thread(False)
    pydevd.settrace_forked(setup_tracing=False)
