"""Run code, a script or a notebook on a kernel of its own, with outputs shown as they come."""

from __future__ import annotations

import getpass
import os
import signal
import sys
import tokenize
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Self

from attrs import field, frozen

from assay._command import kernel_argv
from assay._platform import ENDING_SIGNALS
from assay.commands._ending import Handler, put_back, put_handlers
from assay.commands._exit import Exit
from assay.commands._show import Screen
from assay.protocol import (
    END_OF_INPUT,
    Aborted,
    Content,
    Error,
    ErrorReply,
    ExecuteReply,
    ExecuteRequest,
    InputRequest,
    JsonObject,
    unstructure,
)
from assay.transport import (
    USUAL_REACH,
    Answer,
    Client,
    KernelProcess,
    Reach,
    Received,
    TimedOutError,
    TransportError,
    end_processes,
    find_kernelspec,
    launch,
    raise_soon,
)

if TYPE_CHECKING:
    from assay.commands._notebook import NotebookCell

__all__ = ["START_TIMEOUT_S", "Options", "SourceError", "read_script", "run_code", "run_notebook"]

START_TIMEOUT_S = 120.0
"""How long a kernel may take to answer, and again to load what it runs code with."""

INTERRUPT_GRACE_S = 10.0
"""How long code that took too long may take to be interrupted, its ``finally`` blocks included."""

ENOUGH_INTERRUPTS = 3
"""Pressing Ctrl-C so many times ends the kernel."""

TITLE_CHARACTERS = 60

LINE_FEED = "\n"


class SourceError(Exception):
    """What is to be run cannot be read; a fault of the command, not of the code."""


@frozen(kw_only=True)
class Options:
    """How to run."""

    kernel: str | None = None
    """A kernelspec's name; None is this Assay, run by this Python."""

    timeout: float | None = None
    """Seconds that one cell may take."""

    start_timeout: float = START_TIMEOUT_S
    """Seconds until the kernel answers, and again until it has run an empty cell."""

    allow_errors: bool = False
    """Go on after an exception, and do not call it a failure."""

    cwd: Path | None = None
    """Where the kernel runs; None is here, and for a notebook the folder it is in."""

    quiet: bool = False
    """Say nothing about progress."""

    reach: Reach = USUAL_REACH
    """How the kernel is reached."""


def read_script(path: Path | None) -> str:
    """Return the source in *path*; None reads stdin.

    Raises:
        SourceError: it cannot be read, or is no text in the encoding it declares.
    """
    try:
        if path is None:
            return sys.stdin.read()
        with tokenize.open(path) as file:
            return file.read()
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        raise SourceError(f"{path or 'stdin'}: cannot be read: {error}") from error


def run_code(
    code: str,
    options: Options,
    *,
    script: Path | None = None,
    arguments: Sequence[str] = (),
) -> int:
    """Run *code* as one cell and return the exit code.

    Args:
        code: The source.
        options: How.
        script: The file it came from, if it did.
        arguments: ``sys.argv`` from 1 on.
    """

    def work() -> int:
        with _running(options, script=script, arguments=arguments) as run:
            return run.verdict(run.cell(code, run.show))

    return _exit_code_of(work)


def run_notebook(path: Path, options: Options, *, output: Path | None = None) -> int:
    """Run the code cells of the notebook at *path* and return the exit code.

    Args:
        path: The notebook.
        options: How.
        output: Where the executed notebook goes, also one that was not run to its end.
    """
    from assay.commands._notebook import Notebook, NotebookError  # noqa: PLC0415 - not for code

    try:
        notebook = Notebook.read(path)
    except NotebookError as error:
        raise SourceError(str(error)) from error

    def work() -> int:
        with _running(options, cwd=path.resolve().parent) as run:
            if notebook.language not in (None, run.language):
                raise SourceError(
                    f"{path} is written in {notebook.language}, and this kernel speaks "
                    f"{run.language}; choose another one with --kernel"
                )
            notebook.describe(run.language_info)
            try:
                return _run_cells(run, tuple(notebook.cells()))
            finally:
                if output is not None:
                    notebook.write(output)

    return _exit_code_of(work)


def _run_cells(run: _Run, cells: Sequence[NotebookCell]) -> int:
    for cell in cells:
        cell.clear()
    for number, cell in enumerate(cells, 1):
        run.report(f"[{number}/{len(cells)}] {_title(cell.code)}")

        def take(content: Content, add: Callable[[Content], None] = cell.add) -> None:
            add(content)
            run.show(content)

        outcome = run.cell(cell.code, take)
        code = run.verdict(outcome)
        ends = code != Exit.OK or outcome.ename == "SystemExit"
        if ends and (run.interrupted or not cell.may_raise):
            return code
    return Exit.OK


@contextmanager
def _running(
    options: Options,
    *,
    cwd: Path | None = None,
    script: Path | None = None,
    arguments: Sequence[str] | None = None,
) -> Iterator[_Run]:
    with _Signals() as signals, _launch(options, options.cwd or cwd) as kernel:
        client = kernel.client(timeout=options.start_timeout)
        info = client.kernel_info
        run = _Run(
            kernel=kernel,
            client=client,
            signals=signals,
            options=options,
            language_info={} if info is None else unstructure(info.language_info),
        )
        run.prepare(script, arguments)
        # Only now: an interrupt before the first cell would be one of nothing, and be lost.
        signals.forward_to(kernel)
        yield run


def _launch(options: Options, cwd: Path | None) -> KernelProcess:
    handshake, connection = options.reach.handshake, options.reach.connection()
    if options.kernel is None:
        chooses = handshake is None
        return launch(
            kernel_argv(),
            connection=connection,
            kernel_chooses_ports=chooses,
            handshake=handshake,
            cwd=cwd,
            timeout=options.start_timeout,
        )
    kernel = find_kernelspec(options.kernel)
    return launch(
        kernel,
        connection=connection,
        handshake=handshake,
        cwd=cwd,
        timeout=options.start_timeout,
    )


@frozen(kw_only=True)
class _Outcome:
    """How a cell ended."""

    raised: bool = False
    ename: str = ""
    evalue: str = ""
    reason: str = ""
    """What to say of it if the kernel has published no `error`."""


@frozen(kw_only=True)
class _Run:
    """A kernel that is ready, and what is needed to run code on it."""

    kernel: KernelProcess
    client: Client
    signals: _Signals
    options: Options
    language_info: JsonObject
    screen: Screen = field(factory=lambda: Screen(sys.stdout, sys.stderr, colour=_has_colour()))

    @property
    def language(self) -> str:
        """The kernel's language, in lower case."""
        return str(self.language_info.get("name", "")).lower()

    @property
    def interrupted(self) -> bool:
        """True once Ctrl-C was pressed."""
        return self.signals.pressed > 0

    def prepare(self, script: Path | None, arguments: Sequence[str] | None) -> None:
        """Wait until the kernel can run code, and make it feel like ``python FILE`` to a script.

        A kernel may answer long before it has loaded what it needs; a first, empty cell tells.

        Args:
            script: The script's file; its neighbours can be imported.
            arguments: ``sys.argv`` from 1 on; None for a notebook.

        Raises:
            TransportError: the kernel did not say in time how that cell ended.
        """
        lines: list[str] = []
        if arguments is not None and self.language == "python":
            path = "-c" if script is None else str(script)
            lines.append(f"__import__('sys').argv[:] = {[path, *arguments]!r}")
            # IPython has a hint for those who call sys.exit at a prompt; here is none.
            lines.append("__import__('warnings').filterwarnings('ignore', 'To exit: use')")
            if script is not None:
                folder = str(script.resolve().parent)
                lines.append(f"__import__('sys').path.insert(0, {folder!r})")
                lines.append(f"__file__ = {path!r}")
        elif arguments:
            raise SourceError("arguments can be handed to Python only")
        limit = self.options.start_timeout
        try:
            self.client.execute(
                LINE_FEED.join(lines), silent=True, store_history=False, timeout=limit
            )
        except TimedOutError as error:
            raise TransportError(
                f"the kernel answers, but did not say within {limit:g} s how an empty cell ended; "
                f"--start-timeout gives it longer: {error}"
            ) from error

    def cell(self, code: str, take: Callable[[Content], None]) -> _Outcome:
        """Run one cell; *take* gets what it publishes."""

        has_error = False

        def on_output(received: Received) -> None:
            nonlocal has_error
            has_error = has_error or isinstance(received.content, Error)
            take(received.content)

        exchange = self.client.start(
            ExecuteRequest(code=code, allow_stdin=True),
            on_output=on_output,
            on_input=self._ask,
            keep=False,
        )
        try:
            outcome = self._outcome(self.client.finish(exchange, timeout=self.options.timeout))
        except TimedOutError:
            _complain(f"the code took longer than {self.options.timeout:g} s; it is interrupted")
        else:
            if outcome.reason and not (has_error or self.interrupted):
                _complain(outcome.reason)
            return outcome
        self.kernel.interrupt()
        try:
            self.client.finish(exchange, timeout=INTERRUPT_GRACE_S)
        except TimedOutError:
            _complain("the code does not react; the kernel is killed")
            self.kernel.kill(gently=False)
        return _Outcome(raised=True, ename="TimeoutError")

    def verdict(self, outcome: _Outcome) -> int:
        """Return the exit code that *outcome* amounts to."""
        if not outcome.raised:
            return Exit.OK
        if self.interrupted:
            return Exit.INTERRUPTED
        if outcome.ename == "SystemExit":
            return _exit_status(outcome.evalue)
        return Exit.OK if self.options.allow_errors else Exit.RAISED

    def show(self, content: Content) -> None:
        """Show one output."""
        if isinstance(content, Error) and content.ename == "SystemExit":
            # A script's way to end, not a fault; a text is meant to be seen.
            if not _is_exit_status(content.evalue):
                _complain(content.evalue, prefix="")
            return
        self.screen.show(content)

    def report(self, line: str) -> None:
        """Say how far we are."""
        if self.options.quiet:
            return
        from rich.console import Console  # noqa: PLC0415 - takes time, and code does not need it

        Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(line, style="dim")

    def _outcome(self, answer: Answer) -> _Outcome:
        match answer.content:
            case ExecuteReply(payload=tuple(payload)):
                for wish in payload:
                    self._show_page(wish)
                return _Outcome()
            case ErrorReply(ename=ename, evalue=evalue):
                reason = "" if ename == "SystemExit" else f"{ename}: {evalue}"
                return _Outcome(raised=True, ename=ename, evalue=evalue, reason=reason)
            case Aborted():
                return _Outcome(raised=True, reason="the kernel has aborted the code")
            case other:
                status = other.extra.get("status", "ok")
                if status == "ok":
                    return _Outcome()
                return _Outcome(raised=True, reason=f"the kernel's reply has the status {status!r}")

    def _show_page(self, wish: JsonObject) -> None:
        data = wish.get("data")
        text = data.get("text/plain") if isinstance(data, dict) else None
        if wish.get("source") == "page" and isinstance(text, str):
            self.screen.show_text(text)

    def _ask(self, question: InputRequest) -> str | None:
        try:
            with self.signals.raising():
                return self._read_line(question)
        except EOFError:
            return END_OF_INPUT
        except KeyboardInterrupt:
            self.signals.pressed += 1
            self.kernel.interrupt()
            return None

    def _read_line(self, question: InputRequest) -> str:
        if sys.stdin is None:
            raise EOFError
        if sys.stdin.isatty() and sys.stdout.isatty():
            self.screen.prompt("")
            if question.password:
                return getpass.getpass(question.prompt)
            with suppress(ImportError):
                import readline  # noqa: F401, PLC0415 - gives input() its line editing
            return input(question.prompt)
        self.screen.prompt(question.prompt)
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.removesuffix(LINE_FEED)


class _Signals:
    """What Ctrl-C and requests to end do while a kernel runs for us.

    | signal            | while the kernel starts | while code runs         | while it asks     |
    |-------------------|-------------------------|-------------------------|-------------------|
    | SIGINT            | ends the run            | interrupts the code;    | interrupts the    |
    |                   |                         | the third time ends it  | code              |
    | SIGTERM, SIGHUP   | ends the run            | ends the run            | ends the run      |

    Ending the run kills the kernel and removes what was made for it. A signal that is ignored when
    the run begins stays so.
    """

    def __init__(self) -> None:
        self.pressed = 0
        self._kernel: KernelProcess | None = None
        self._raises = False
        self._before: dict[signal.Signals, Handler] = {}

    def __enter__(self) -> Self:
        ending = dict.fromkeys(ENDING_SIGNALS, self._end)
        self._before = put_handlers({**ending, signal.SIGINT: self._interrupt})
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._kernel = None  # it ends: nothing of it can be interrupted
        try:
            end_processes()  # as long as signals raise: their defaults would end us at once
        finally:
            put_back(self._before)

    def forward_to(self, kernel: KernelProcess) -> None:
        """From now on, interrupt *kernel*."""
        self._kernel = kernel

    @contextmanager
    def raising(self) -> Iterator[None]:
        """While this lasts, Ctrl-C raises KeyboardInterrupt as it does in any program."""
        self._raises = True
        try:
            yield
        finally:
            self._raises = False

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._kernel is None or self._raises:
            raise_soon(KeyboardInterrupt())
            return
        self.pressed += 1
        if self.pressed >= ENOUGH_INTERRUPTS:
            raise KeyboardInterrupt
        if self.pressed == ENOUGH_INTERRUPTS - 1:
            _complain("press Ctrl-C once more to kill the kernel")
        self._kernel.interrupt()

    @staticmethod
    def _end(number: int, frame: FrameType | None) -> None:
        del frame
        raise_soon(SystemExit(128 + number))


def _exit_code_of(work: Callable[[], int]) -> int:
    try:
        return int(work())
    except TransportError as error:
        _complain(str(error))
        return Exit.KERNEL
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Python would complain once more when it flushes stdout at its end.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.BROKEN_PIPE


def _complain(text: str, *, prefix: str = "assay: ") -> None:
    sys.stderr.write(f"{prefix}{text}{LINE_FEED}")
    sys.stderr.flush()


def _has_colour() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")


def _title(code: str) -> str:
    line = next((line.strip() for line in code.splitlines() if line.strip()), "")
    return line if len(line) <= TITLE_CHARACTERS else f"{line[: TITLE_CHARACTERS - 1]}…"


def _is_exit_status(value: str) -> bool:
    return value in ("", "None") or value.lstrip("-").isdecimal()


def _exit_status(value: str) -> int:
    """Return what ``sys.exit`` with this value means to a shell."""
    if value in ("", "None"):
        return Exit.OK
    return int(value) & 0xFF if _is_exit_status(value) else Exit.RAISED
