"""The seam between a kernel and a language.

A kernel knows the protocol and no language; an `Interpreter` knows a language and no protocol
beyond the contents it returns. `Language` is its comfortable form; the guide is in
``docs/languages.md``.

A kernel that runs asks this module for nothing: what it makes and tells apart stands in `_cell` and
`_abilities`, and the protocols here are for type checkers and authors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Literal, Protocol, TextIO, runtime_checkable

from assay.kernel._abilities import SectionInspector, Watched
from assay.kernel._cell import Cell, Executed, Failed, Succeeded
from assay.kernel._errors import StartError
from assay.kernel._request import NoInputError, Request

if TYPE_CHECKING:
    from pathlib import Path

    from assay.kernel.process._interrupts import LentInterrupts
    from assay.protocol import (
        Buffer,
        CommClose,
        CommInfoReply,
        CommMsg,
        CommOpen,
        CompleteReply,
        ConnectionFile,
        Content,
        HistoryReply,
        HistoryRequest,
        InspectReply,
        IsCompleteReply,
        Json,
        JsonObject,
        Message,
    )

__all__ = [
    "INTERPRETER_VERSION",
    "Cell",
    "CellTracer",
    "ConcurrentInterpreter",
    "Debuggable",
    "Debuggee",
    "EventLoop",
    "Executed",
    "Failed",
    "Host",
    "Interpreter",
    "NoInputError",
    "Onlooker",
    "Request",
    "SectionInspector",
    "StartError",
    "SubshellLoop",
    "Succeeded",
    "TextStream",
    "Watched",
]


INTERPRETER_VERSION = (1, 0)
"""Of `Interpreter`, `Host` and what they exchange. The second number grows when a kernel offers
more; the first when an interpreter that was right before is not any more."""


@runtime_checkable
class TextStream(Protocol):
    """What the kernel puts into the place of `sys.stdout` and `sys.stderr`."""

    @property
    def write(self) -> Callable[[str], int]:
        """Publish text and return its length."""
        ...

    def writelines(self, lines: Iterable[str], /) -> None:
        """Write each of *lines*."""
        ...

    def flush(self) -> None:
        """Let what others write come next."""
        ...

    def reopen(self) -> None:
        """Take text again, if a program has closed it."""
        ...

    def recording(self, keep: Callable[[list[str]], None]) -> AbstractContextManager[object]:
        """Give *keep* the newest texts that are written inside, oldest first, if there are any.

        Not where the block ends by an exception.
        """
        ...


class EventLoop(Protocol):
    """A loop of the language's own, whose tasks go on between requests.

    Everything is called in the main thread, but for what says otherwise.
    """

    @property
    def is_idle(self) -> bool:
        """True if nothing waits for the loop: no task, no timer, no socket."""
        ...

    def run_once(self) -> None:
        """Give every task that is ready one turn."""
        ...

    def run_until(self, stop: Callable[[Callable[[], None]], None]) -> None:
        """Run until the argument that *stop* is called with has been called, by any thread."""
        ...

    def interrupt(self) -> bool:
        """Cancel what waits in the loop for a running cell; called in a signal handler.

        Returns:
            True if that was done; False if KeyboardInterrupt is to be raised instead.
        """
        ...

    def set_waker(self, wake: Callable[[], None]) -> None:
        """Call *wake* when another thread gives the loop something to do while it does not run."""
        ...

    def set_visitor(self, visit: Callable[[], None]) -> None:
        """Call *visit* between two steps of the loop: when a cell begins to await, and as asked."""
        ...

    def call_visitor(self) -> None:
        """Call the visitor once between two steps of the loop; for any thread."""
        ...


class SubshellLoop(EventLoop, Protocol):
    """The loop of a subshell; everything is called in its thread, but for what says otherwise.

    No signal handler runs there: `interrupt` is called in another thread, while user code runs.
    """

    @property
    def is_stuck(self) -> bool:
        """True while an interrupt that it took waits for code that blocks the loop; any thread."""
        ...

    def forget_interrupt(self) -> None:
        """Take back an interrupt that came too late for any cell."""
        ...

    def nudge(self) -> None:
        """Let the loop come round, if it waits; from any thread."""
        ...


class Host(Protocol):
    """What a kernel offers to its interpreter; all but `use_loop` and `ask` for any thread."""

    @property
    def stdout(self) -> TextStream:
        """What is written to it is published as the cell's standard output."""
        ...

    @property
    def stderr(self) -> TextStream:
        """What is written to it is published as the cell's standard error."""
        ...

    real_stderr: TextIO
    """What the process was started with: for what concerns the person who started it."""

    crash_file: TextIO | int
    """Where `faulthandler` writes the stacks of a crash: a descriptor of the kernel's record, or
    `real_stderr` where there is none."""

    @property
    def connection(self) -> ConnectionFile:
        """The ports that were bound, and the key."""
        ...

    @property
    def owns_process(self) -> bool:
        """True if the process ends with the kernel; else `Interpreter.close` leaves no trace."""
        ...

    @property
    def catches_descriptors(self) -> bool:
        """True if what C code writes is shown to the client, until `leave_descriptors`."""
        ...

    @property
    def is_own_code(self) -> bool:
        """True if the running code is the kernel's to care for, and not its host program's."""
        ...

    @property
    def is_in_request(self) -> bool:
        """True in the thread of `Interpreter`, in the middle of a request."""
        ...

    def lend_interrupts(self) -> LentInterrupts:
        """Return what lets another kernel, which serves in the middle of the running cell, say
        where an interrupt of that cell strikes."""
        ...

    @property
    def connection_path(self) -> Path | None:
        """The connection file, if there is one."""
        ...

    def publish(
        self,
        content: Content,
        *,
        metadata: Mapping[str, Json] | None = None,
        buffers: Sequence[Buffer] = (),
        parent: JsonObject | None = None,
    ) -> None:
        """Publish *content* on IOPub on behalf of the running code.

        An `Error` ends the cell: no interrupt comes in between, and none that comes behind it
        replaces it (`Request.error`).

        Args:
            content: One of IOPub's contents.
            metadata: Free for extensions.
            buffers: Raw bytes that go along.
            parent: Another request that it belongs to, as a dict of its parts.

        Raises:
            ContentError: *parent* has no header, or one that is none.
        """
        ...

    def ask(self, prompt: str, *, password: bool = False) -> str:
        """Return a line from the client that sent the running request (`Prompter.ask`)."""
        ...

    @property
    def abandons(self) -> bool:
        """True once the kernel ends and the running request is not answered: no error is shown."""
        ...

    @property
    def is_ending(self) -> bool:
        """True once the kernel ends: the code is interrupted until it has ended, more than once."""
        ...

    def request(self) -> Request | None:
        """Return the request that the running code belongs to."""
        ...

    def set_parent(self, request: JsonObject) -> None:
        """Let what the running code causes from here on belong to *request*.

        Args:
            request: A dict of its parts, as `Request.as_json` makes it.

        Raises:
            ContentError: it has no header, or one that is none.
        """
        ...

    def output_to(
        self, target: JsonObject | Literal["origin", "current"]
    ) -> AbstractContextManager[None]:
        """Let what the caller's thread or task causes inside belong to *target*.

        Args:
            target: A request, as `set_parent` takes it; "origin" for the one that started the
                thread, which is where output goes anyhow; "current" for the one that is handled at
                each moment.

        Raises:
            ContentError: *target* has no header, or one that is none.
        """
        ...

    def leave_descriptors(self) -> None:
        """Catch no more of what C code and child processes write to descriptors 1 and 2.

        It goes where the process was started; text streams are shown as before.
        """
        ...

    def handle_waiting(self) -> bool:
        """Handle the first request that waits behind the running cell and is no cell itself.

        Called by that cell, or by another thread while it waits for that.

        Returns:
            False if there was none.

        Raises:
            KeyboardInterrupt: it was interrupted, and the cell is meant.
        """
        ...

    def end_child(self, error: BaseException) -> None:
        """End a forked child that user code leaves by *error*; do nothing in the kernel itself."""
        ...

    def lend_descriptors(self) -> AbstractContextManager[None]:
        """Let some descriptors be free inside, where user code has left none.

        For what an interpreter has to open for itself, such as the source that an error is in.
        """
        ...

    def uninterrupted(self) -> AbstractContextManager[None]:
        """Put interrupts of the caller's thread off inside: what it does is not done by half."""
        ...

    def interrupt_count(self) -> int:
        """Return how often the caller's thread was interrupted, also where it has caught that."""
        ...

    def subshell(self) -> str | None:
        """Return the id of the subshell that the caller's thread is; None for any other thread."""
        ...

    def subshells(self) -> Sequence[str]:
        """Return the ids of all subshells but the main one, oldest first."""
        ...

    def on_interrupt(self, function: Callable[[], None]) -> None:
        """Call *function* in another thread when the running cell is interrupted.

        It ends code that comes back to Python by itself too late for KeyboardInterrupt. The cell
        may just have ended.
        """
        ...

    def on_close(self, function: Callable[[], None]) -> None:
        """Call *function* when the kernel shuts down, before its last messages."""
        ...

    def note_file(self, path: Path, *, is_there: bool) -> None:
        """Take note of a file that is to go with the process, or that it is gone already.

        An engine of a cluster has it removed if the process is killed.
        """
        ...

    def on_flush(self, flush: Callable[[], None]) -> None:
        """Call *flush* at the end of each request: it writes out what C code holds back."""
        ...

    def use_loop(self, loop: EventLoop) -> None:
        """Run *loop* between requests while it has something to do."""
        ...

    def request_exit(self) -> None:
        """Shut the kernel down once the running request is answered, if there is one."""
        ...


class Onlooker(Protocol):
    """Answers while a cell runs, in two other threads, and runs none of the user's code.

    What cannot be known by looking is left out. Everything else is as for `Interpreter`.
    """

    def complete(self, code: str, cursor_pos: int) -> CompleteReply:
        """Say what may stand at *cursor_pos*."""
        ...

    def inspect(self, code: str, cursor_pos: int, detail_level: int) -> InspectReply:
        """Describe what stands at *cursor_pos*."""
        ...

    def is_complete(self, code: str) -> IsCompleteReply:
        """Say whether *code* can be run as it stands."""
        ...

    def history(self, request: HistoryRequest) -> HistoryReply:
        """Return earlier cells."""
        ...

    def comm_info(self, target_name: str | None) -> CommInfoReply:
        """List the open comms, of one target or of all."""
        ...


class Interpreter(Protocol):
    """A language. Everything is called in the main thread, one request at a time.

    To make one is to prepare it: that may take long, needs no kernel, and takes nothing of the
    process over, so that a server may do it once and fork. `attach` gives it to one kernel.
    """

    def attach(self, host: Host) -> None:
        """Begin to work for the kernel of *host*; called once, before anything else.

        Raises:
            StartError: it cannot start.
        """
        ...

    @property
    def execution_count(self) -> int:
        """The number of the newest cell that was stored; 0 before the first (AMB-07)."""
        ...

    def is_blank(self, code: str) -> bool:
        """Return True if *code* holds nothing to run, and so gets no number."""
        ...

    def execute(self, cell: Cell) -> Executed:
        """Run *cell*; results and displays are published by the interpreter.

        What it raises is published and replied as the cell's error, without the kernel's frames.

        Raises:
            KeyboardInterrupt: it was interrupted where the interpreter could not notice.
        """
        ...

    def complete(self, code: str, cursor_pos: int) -> CompleteReply:
        """Say what may stand at *cursor_pos*, 0 to ``len(code)`` code points."""
        ...

    def inspect(self, code: str, cursor_pos: int, detail_level: int) -> InspectReply:
        """Describe what stands at *cursor_pos*, 0 to ``len(code)`` code points."""
        ...

    def is_complete(self, code: str) -> IsCompleteReply:
        """Say whether *code* can be run as it stands."""
        ...

    def history(self, request: HistoryRequest) -> HistoryReply:
        """Return earlier cells.

        Raises:
            ContentError: a field that this kind of access needs is missing.
        """
        ...

    def comm(self, message: Message[CommOpen | CommMsg | CommClose]) -> None:
        """Take a comm message."""
        ...

    def comm_info(self, target_name: str | None) -> CommInfoReply:
        """List the open comms, of one target or of all."""
        ...

    def close(self) -> None:
        """Free what the interpreter holds; the process is about to end, if the kernel owns it."""
        ...


class ConcurrentInterpreter(Interpreter, Protocol):
    """An interpreter that runs cells in several threads at once, in one namespace (SUBSHELL-11).

    `execute`, `comm` and what looks at code are then called in the thread of each subshell as well.
    """

    def reserve_number(self) -> int:
        """Return the number of a cell that is about to run; no other cell gets it (AMB-35)."""
        ...

    def open_subshell(self) -> SubshellLoop:
        """Begin to work in the caller's thread, and return its event loop."""
        ...

    def close_subshell(self) -> None:
        """End that, and cancel what still runs on the thread's loop."""
        ...


class CellTracer(Protocol):
    """What follows the cells while a debugger is attached; in the thread of the cell."""

    def file_of(self, code: str) -> str:
        """Return the name that cells with this source are to be compiled under."""
        ...

    def begin(self) -> None:
        """Begin with a cell."""
        ...

    def fail(self, error: BaseException) -> None:
        """Look at *error*, which the cell has not caught, before it is shown."""
        ...

    def at_rest(self) -> AbstractContextManager[None]:
        """Look away inside: the caller's thread does work of the kernel's."""
        ...

    def end(self) -> None:
        """End with a cell, however it ended."""
        ...


class Debuggee(Protocol):
    """What a debugger has to know of a language; for any thread."""

    machinery: Sequence[str]
    """Folders with code that is neither the user's nor called by it: what runs the cells."""

    def variables(self) -> Mapping[str, object]:
        """Return what the user has defined, by name."""
        ...

    def is_hidden(self, name: str) -> bool:
        """Return True for a *name* in the user's namespace that the user has not defined."""
        ...

    def rich_form(self, value: object) -> tuple[JsonObject, JsonObject]:
        """Return the data and the metadata that display *value*."""
        ...

    def files_of(self, code: str) -> Sequence[str]:
        """Return the names that cells with this source have been compiled under, newest first."""
        ...

    def trace_cells(self, tracer: CellTracer | None) -> None:
        """Let *tracer* follow the cells from now on; None for none."""
        ...


class Debuggable(Interpreter, Protocol):
    """An interpreter whose cells a debugger of this process can follow (DEBUG-01)."""

    def debuggee(self) -> Debuggee:
        """Return what the debugger has to know; called once a client asks for it."""
        ...
