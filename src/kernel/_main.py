"""``assay kernel -f FILE``: read the connection file, bind, serve."""

from __future__ import annotations

import faulthandler
import gc
import itertools
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

from assay.kernel._info import kernel_info
from assay.kernel._kernel import Kernel
from assay.protocol import (
    AssayError,
    ConnectionFile,
    ConnectionFileError,
    KernelInfoReply,
    MsgId,
    Session,
    SessionId,
)
from assay.transport import get_logger, prepare_logging

if TYPE_CHECKING:
    from assay.kernel._interpreter import Interpreter

__all__ = ["main", "serve"]

logger = get_logger("assay.kernel")

JOIN_S = 0.5
"""How long threads that are no daemons may go on after the last message."""

SWITCH_INTERVAL_S = 0.0005
"""How long a busy cell may keep the I/O thread from the interpreter; Python's default is ten times
as long (decision 0004)."""

MAX_PID = 2**31 - 1
"""The greatest that the system's type holds."""

USAGE = """\
usage: assay kernel [-f FILE] [--publish-silent] [IPython's options]

Serve a Jupyter client, which starts this command itself: see `assay install`.

  -f FILE            the connection file; if there is no such file, one is written and removed
  --publish-silent   publish what silent requests print and display, as ipykernel does
  --profile=NAME     and whatever else IPython's own kernel takes
"""


def main(arguments: list[str]) -> int:
    """Run the kernel; return the exit code.

    Args:
        arguments: What stands behind ``assay kernel``.
    """
    if "-h" in arguments or "--help" in arguments:
        print(USAGE, end="")
        return 0
    return serve(arguments, kernel_info(), _load_ipython)


def serve(
    arguments: list[str], info: KernelInfoReply, load: Callable[[Kernel, list[str]], Interpreter]
) -> int:
    """Run a kernel for whatever language *load* brings; return the exit code.

    Args:
        arguments: ``-f FILE`` and ``--publish-silent``; what else there is goes to *load*.
        info: The answer to kernel_info_request.
        load: Makes the interpreter, once the sockets answer.
    """
    _open_missing_descriptors()
    prepare_logging(lambda: _log_to(sys.__stderr__))
    path, publish_silent, rest = _parse(arguments)
    created = not os.path.exists(path)  # noqa: PTH110 - pathlib is no part of the start
    try:
        connection = _new_connection() if created else ConnectionFile.read(path)
        kernel = Kernel(
            connection,
            _session(connection),
            info,
            lambda _: load(kernel, rest),
            connection_path=path,
            parent_pid=_parent_pid(),
            publish_silent=publish_silent,
        )
    except AssayError as error:
        print(f"{info.implementation}: {error}", file=sys.stderr)
        return 1
    prepare_logging(lambda: _log_to(kernel.real_stderr))
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    faulthandler.enable(kernel.real_stderr)
    try:
        code = kernel.run()
    except ConnectionFileError as error:
        print(f"{info.implementation}: {error}", file=kernel.real_stderr)
        return 1
    finally:
        if created:
            with suppress(FileNotFoundError):
                os.unlink(path)  # noqa: PTH108 - as above
    _leave(code)
    return code


def _open_missing_descriptors() -> None:
    """Let nothing else become descriptor 0, 1 or 2, which a launcher may have closed."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest one that is free


def _parent_pid() -> int:
    text = os.environ.get("JPY_PARENT_PID") or "0"
    if not text.lstrip("-").isdecimal() or int(text) > MAX_PID:
        logger.warning("JPY_PARENT_PID: wanted a process, found %r", text)
        return 0
    return int(text)


def _parse(arguments: list[str]) -> tuple[str, bool, list[str]]:
    path = ""
    publish_silent = False
    rest: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        option, _, value = argument.partition("=")
        if option in ("-f", "--f", "--connection-file", "--IPKernelApp.connection_file"):
            path = value or next(waiting, "")
        elif option == "--publish-silent":
            publish_silent = True
        else:
            rest.append(argument)
    return path or _default_path(), publish_silent, rest


def _default_path() -> str:
    # Only without -f.
    from pathlib import Path  # noqa: PLC0415

    from jupyter_core.paths import jupyter_runtime_dir  # noqa: PLC0415

    folder = Path(jupyter_runtime_dir())
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return str(folder / f"kernel-{os.getpid()}.json")


def _new_connection() -> ConnectionFile:
    return ConnectionFile(key=os.urandom(16).hex())


def _session(connection: ConnectionFile) -> Session:
    session = os.urandom(16).hex()
    count = itertools.count()
    return Session(
        connection.key.encode(),
        session=SessionId(session),
        now=lambda: datetime.now(UTC),
        new_id=lambda: MsgId(f"{session}_{next(count)}"),
        username="kernel",
        signature_scheme=connection.signature_scheme,
    )


def _load_ipython(kernel: Kernel, arguments: list[str]) -> Interpreter:
    """Import IPython and make its shell; the sockets answer already."""
    # Nothing of what is imported becomes garbage: collecting meanwhile costs a sixth of the time.
    gc.disable()
    from assay.kernel.ipython._interpreter import IPythonInterpreter  # noqa: PLC0415 - see above

    # No later than a program may use the logger itself, and not once more: it is the program's.
    _log_to(kernel.real_stderr)
    prepare_logging(lambda: None)
    interpreter = IPythonInterpreter(kernel, arguments)
    kernel.use_loop(interpreter.loop)
    kernel.flush_c_by(_c_flusher())
    gc.freeze()
    gc.enable()
    return interpreter


def _c_flusher() -> Callable[[], None]:
    """Return a function that makes C code write out what it printed.

    A pipe makes C's streams hold text back until a buffer is full; lines leave at once from here
    on, and the rest at the end of each request.
    """
    import ctypes  # noqa: PLC0415 - IPython has imported it

    library = ctypes.PyDLL(None)
    buffers = []
    for name in ("stdout", "stderr"):
        try:
            stream = ctypes.c_void_p.in_dll(library, name)
        except ValueError:  # another C library's name for it
            continue
        buffer = ctypes.create_string_buffer(8192)
        buffers.append(buffer)
        library.setvbuf(stream, buffer, 1, len(buffer))  # _IOLBF
    flush = library.fflush
    flush.argtypes = [ctypes.c_void_p]

    def flush_all() -> None:
        assert buffers, "C writes into them as long as the process lives"
        flush(None)

    return flush_all


def _log_to(stream: TextIO | None) -> None:
    import logging  # noqa: PLC0415 - called when there is something to log

    project = logging.getLogger("assay")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("[assay] %(levelname)s %(message)s"))
    project.handlers[:] = [handler]
    project.propagate = False


def _leave(code: int) -> None:
    """End at once if threads are left that would keep the process alive."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(JOIN_S)
            if thread.is_alive():
                logger.warning("thread %s is still running", thread.name)
                os._exit(code)
