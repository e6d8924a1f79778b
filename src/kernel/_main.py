"""``assay kernel -f FILE``: read the connection file, bind, serve."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO, cast

from assay._clock import now
from assay.kernel._command_line import MAX_PID, CommandLine, parse
from assay.kernel._connection import OpenedConnection, open_connection
from assay.kernel._errors import StartError
from assay.kernel._info import kernel_info
from assay.kernel._kernel import Kernel
from assay.kernel._record_keeping import note_failure, open_record
from assay.kernel.dispatch._handlers import Handlers
from assay.kernel.output._descriptors import real_stderr
from assay.kernel.process._descriptor_limit import DESCRIPTORS
from assay.kernel.process._exit import join_threads
from assay.kernel.process._ownership import OWNER
from assay.protocol import (
    AssayError,
    ConnectionFile,
    ConnectionFileError,
    KernelInfoReply,
    MsgId,
    Session,
    SessionId,
)
from assay.transport import BindError, get_logger, prepare_logging, set_up_logging

if TYPE_CHECKING:
    from logging import Logger, LogRecord

    from assay._record import Record
    from assay.kernel._interpreter import Interpreter
    from assay.transport import Recorder

__all__ = ["kernel_session", "main", "serve"]

logger = get_logger("assay.kernel")

SWITCH_INTERVAL_S = 0.0005
"""How long a busy cell may keep the I/O thread from the interpreter; Python's default is ten times
as long (decision 0004)."""

LINE = "[assay] %(levelname)s %(message)s"
"""How the kernel logs."""

LAUNCHER = os.path.join(os.path.dirname(__file__), "resources", "ipykernel_launcher.py")  # noqa: PTH118, PTH120 - pathlib is no part of the start
"""What `sys.argv` begins with: programs look for this name, and may start it again."""

USAGE = """\
usage: assay kernel [-f FILE] [options] [IPython's options]

Serve a Jupyter client, which starts this command itself: see `assay install`.

  -f FILE            the connection file; if there is no such file, one is written and removed;
                     or a registration file: the kernel reports its ports, and serves once that
                     is acknowledged
  --ip=ADDRESS, --transport=tcp|ipc
  --shell=PORT, --iopub=PORT, --stdin=PORT, --control=PORT, --hb=PORT
                     where to listen, instead of what the file says
  --Session.keyfile=FILE, --Session.key=KEY, --Session.signature_scheme=hmac-sha256
                     how to sign, where the file has no key
  --no-secure        do not sign, where the file has no key: who reaches the kernel runs code in it
  --debug, --quiet, --log-level=LEVEL, --log-file=FILE
                     what the kernel says of itself, and where; the standard error by default
  --no-stdout, --no-stderr
                     let the process's own descriptor 1, or 2, lead nowhere; cells are shown
  --parent=PID       end with that process; 1 is the one that has started this
  --user=NAME, --ident=ID
                     the name, and the session, in the headers of the kernel's messages
  --publish-silent   publish what silent requests print and display, as ipykernel does
  --IPKernelApp.capture_fd_output=False
                     leave what C code and child processes write to the terminal
  --gui=NAME, --matplotlib[=NAME], --pylab[=NAME]
                     let windows live, see docs/gui.md
  --ext=MODULE, -c CODE, -m MODULE
                     load an extension; run code, or a module, before the first cell
  --help-all, --version
                     print all options of IPython's kernel, or the version
  --profile=NAME     and whatever else IPython's own kernel takes: see docs/options.md
"""


def main(arguments: list[str], *, parent: int | None = None) -> int:
    """Run the kernel; return the exit code.

    Args:
        arguments: What stands behind ``assay kernel``.
        parent: As `serve` takes it.

    Returns:
        As `serve` does.
    """
    if "-h" in arguments or "--help" in arguments:
        print(USAGE, end="")
        return 0
    info = kernel_info()
    if "--version" in arguments or "-V" in arguments:
        print(info.implementation, info.implementation_version)
        return 0
    if "--help-all" in arguments:
        from assay.kernel.ipython._app import print_options  # noqa: PLC0415 - slow

        print_options()
        return 0

    def prepare(rest: list[str]) -> Interpreter:
        sys.argv[:] = [LAUNCHER, *arguments]
        return _prepare_ipython(rest)

    control = Handlers()
    if not info.debugger:
        control.defer(lambda: _refuse_to_debug(control))
    return serve(arguments, info, prepare, control=control, parent=parent)


def serve(
    arguments: list[str],
    info: KernelInfoReply,
    prepare: Callable[[list[str]], Interpreter],
    *,
    control: Handlers | None = None,
    parent: int | None = None,
) -> int:
    """Run a kernel for whatever language *prepare* brings; return the exit code.

    Args:
        arguments: The options that `assay.kernel._command_line` knows, such as ``-f FILE``; what
            else there is goes to *prepare*.
        info: The answer to kernel_info_request.
        prepare: Makes the interpreter, once the sockets answer.
        control: Answer requests on control that may wait, as `Kernel` takes them.
        parent: The process's parent when it began, if that is known: a launcher that was it, and
            has ended since, ends the kernel; any other that is not there was none of this machine.

    Returns:
        0 after a shutdown, 1 if the kernel cannot start, 2 for options that make no sense.
    """
    open_missing_descriptors()
    prepare_logging(lambda: log_to(sys.__stderr__))
    try:
        options = parse(arguments, os.environ)
    except AssayError as error:
        return _refuse(info, error, 2)
    _silence(options.silenced)
    prepare_logging(lambda: log_to(sys.__stderr__, options.log_level, options.log_file))

    def prepare_with_rest() -> Interpreter:
        if options.log_level is not None:
            set_up_logging()
        for warning in options.warnings:
            logger.warning("%s", warning)
        return prepare(list(options.rest))

    try:
        check_descriptors()
        opened = _open(options)
        stderr = real_stderr()
        launcher = _parent_pid(options.parent)
        session = kernel_session(opened.connection, options)
        beside = opened.path if opened.registration is None else options.path
        record = open_record(beside, info, stderr)
        kernel = Kernel(
            opened.connection,
            session,
            info,
            prepare_with_rest,
            connection_path=opened.path,
            on_bound=lambda bound: _announce(bound, opened, info, stderr),
            on_forced_end=lambda: _remove_files(opened, record, stderr),
            parent_pid=launcher,
            is_parent=launcher in (parent, os.getppid()),
            publish_silent=options.publish_silent,
            control=control,
            recorder=_trace(options),
            ownership=OWNER,
            stderr=stderr,
            record=record,
        )
    except (AssayError, OSError) as error:
        return _refuse(info, error, 1)
    prepare_logging(lambda: log_to(stderr, options.log_level, options.log_file))
    if options.is_debugging:
        set_up_logging()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    return _run(kernel, opened, info, stderr, record)


def _trace(options: CommandLine) -> Recorder | None:
    if not options.is_debugging:
        return None
    from assay.kernel._trace import Trace  # noqa: PLC0415 - for few

    return Trace()


def _refuse_to_debug(control: Handlers) -> None:
    """Answer every debug_request by what is missing (AMB-28)."""
    from assay.kernel.debugger._missing import refuse  # noqa: PLC0415 - used by few
    from assay.protocol import DebugRequest  # noqa: PLC0415 - as above

    control.on(DebugRequest, refuse)


def _open(options: CommandLine) -> OpenedConnection:
    """Open the connection file, or the registration file that is in its place (HANDSHAKE-10)."""
    try:
        return open_connection(options)
    except ConnectionFileError as error:
        if error.requirement != "CONN-19":
            raise
    from assay.kernel._registration import open_registration  # noqa: PLC0415 - for few

    return open_registration(options)


def _announce(
    bound: ConnectionFile, opened: OpenedConnection, info: KernelInfoReply, stderr: TextIO
) -> None:
    """Write the ports that were bound into the connection file, and say what is risky."""
    for warning in opened.warnings:  # here: a kernel that does not start says that alone
        logger.warning("%s", warning)
    if (file := opened.registration) is not None:
        from assay.kernel._registration import report_ports  # noqa: PLC0415 - for few

        report_ports(file, bound)
    try:
        if not opened.is_written or bound != opened.connection:
            bound.write(opened.path)
    except ConnectionFileError as error:
        if opened.is_new or bound != opened.connection:
            raise
        # The author of the command line knows it; the file may be part of a container's image.
        logger.warning("%s; it does not say what the command line says", error)
    if opened.is_new:
        hint = f"connect a client with: jupyter console --existing {opened.path}"
        print(f"{info.implementation}: {hint}", file=stderr)


def _run(
    kernel: Kernel,
    opened: OpenedConnection,
    info: KernelInfoReply,
    stderr: TextIO,
    record: Record | None,
) -> int:
    try:
        code = kernel.run()
    except (StartError, BindError, ConnectionFileError) as error:
        logger.debug("where it failed", exc_info=True)
        print(f"{info.implementation}: {error}", file=stderr)
        note_failure(record, error, at_start=True)
        return 1
    except BaseException as error:
        note_failure(record, error, at_start=False)
        raise
    else:
        _remove_record(record, stderr)
    finally:
        _remove_new_file(opened)
    join_threads(code)
    # Where a string that `exec` ran was interrupted last, Python ends by SIGINT, whatever the code.
    exec("")  # noqa: S102 - Python forgets it
    return code


def _remove_files(opened: OpenedConnection, record: Record | None, stderr: TextIO) -> None:
    """Remove what this kernel has made: it is ended by force, as it was asked to end."""
    _remove_new_file(opened)
    _remove_record(record, stderr)


def _remove_record(record: Record | None, stderr: TextIO) -> None:
    if record is not None:
        record.remove(stderr.fileno())


def _remove_new_file(opened: OpenedConnection) -> None:
    """Remove the connection file if this kernel has written it."""
    if opened.is_new:
        with suppress(OSError):  # it is gone, or the folder can no longer be written
            os.unlink(opened.path)  # noqa: PTH108 - pathlib is no part of the start


def _refuse(info: KernelInfoReply, error: Exception, code: int) -> int:
    print(f"{info.implementation}: {error}", file=sys.stderr)
    return code


def check_descriptors() -> None:
    """Refuse to start where ZeroMQ would abort the process for want of descriptors."""
    taken: list[int] = []
    try:
        while len(taken) < DESCRIPTORS:
            taken.append(os.dup(0))
    except OSError as error:
        raise StartError(
            f"wanted {DESCRIPTORS} free file descriptors, found {len(taken)}: raise the limit "
            f"of the process (ulimit -n)"
        ) from error
    finally:
        for descriptor in taken:
            os.close(descriptor)


def open_missing_descriptors() -> None:
    """Let nothing else become descriptor 0, 1 or 2, which a launcher may have closed."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest one that is free


def _silence(descriptors: Iterable[int]) -> None:
    """Let *descriptors* lead nowhere, as where a launcher has no use for them."""
    for descriptor in descriptors:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)


def _parent_pid(asked: int) -> int:
    if asked:
        return os.getppid() if asked == 1 else asked
    text = os.environ.get("JPY_PARENT_PID") or "0"
    digits = text.removeprefix("-")
    is_number = digits.isascii() and digits.isdecimal() and len(digits) <= len(str(MAX_PID))
    if not is_number or int(text) > MAX_PID:
        logger.warning("JPY_PARENT_PID: wanted the number of a process, found %r", text[:40])
        return 0
    return int(text)


def kernel_session(connection: ConnectionFile, options: CommandLine) -> Session:
    """Return a session for a kernel that listens where *connection* says."""
    session = options.session or os.urandom(16).hex()
    # Neither calls a function of Python's: a cell has four messages, each with a date and an id.
    numbered = session.replace("%", "%%") + "_%d"
    ids = cast("Iterator[MsgId]", map(numbered.__mod__, itertools.count()))
    return Session(
        connection.key.encode(),
        session=SessionId(session),
        now=now,
        new_id=ids.__next__,
        username=options.username,
        signature_scheme=connection.signature_scheme,
    )


def _prepare_ipython(arguments: list[str]) -> Interpreter:
    """Import IPython; the sockets answer already."""
    from assay.kernel.ipython._interpreter import IPythonInterpreter  # noqa: PLC0415 - slow

    # No later than a program may use the logger itself, and not once more: it is the program's.
    set_up_logging()
    return IPythonInterpreter(arguments)


def log_to(stream: TextIO | None, level: int | None = None, path: str = "") -> Logger:
    """Let the project's lines go to *stream*, or into the file *path* if one is named.

    Its level is its own: what a program asks of the root logger does not make the kernel talk.
    """
    import logging  # noqa: PLC0415 - called when there is something to log

    project = logging.getLogger("assay")
    terminal: logging.Handler = logging.StreamHandler(stream)
    terminal.setFormatter(logging.Formatter(LINE))
    handler = terminal
    if path:
        try:
            # What is made here is for its owner alone: at DEBUG it has what people write.
            os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
            handler = logging.FileHandler(path, encoding="utf-8")
            handler.setFormatter(logging.Formatter(f"%(asctime)s {LINE}"))
            # By default it is written to `sys.stderr`, which is a cell's.
            setattr(handler, "handleError", terminal.emit)  # noqa: B010 - mypy knows no record here
        except OSError as error:
            print(f"[assay] WARNING --log-file: {path}: {error.strerror}", file=stream)
    setattr(terminal, "handleError", _give_up)  # noqa: B010 - as above
    former = project.handlers[:]
    project.handlers[:] = [handler]
    for replaced in former:
        replaced.close()
    project.setLevel(logging.WARNING if level is None else level)
    project.propagate = False
    return project


def _give_up(_line: LogRecord) -> None:
    """Do nothing: there is no other place for a line that the terminal does not take."""
