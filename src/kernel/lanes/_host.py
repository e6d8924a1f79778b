"""What a kernel offers to its interpreter: the `Host` of the seam."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import get_ident  # by name: gevent replaces the module's
from typing import TYPE_CHECKING, Literal, TextIO

from assay.kernel._request import NoInputError
from assay.kernel.dispatch._stdin import Prompter
from assay.kernel.lanes._main_lane import MainLane
from assay.kernel.output._descriptors import DescriptorCapture
from assay.kernel.output._iopub import Output
from assay.kernel.output._parents import Parents
from assay.kernel.output._streams import OutputStream
from assay.kernel.process._child import end_child_by
from assay.kernel.process._interrupts import (
    Interrupts,
    LentInterrupts,
    SignalledLoop,
    interrupts_of_this_thread,
)
from assay.kernel.process._signal_handlers import Undisturbed
from assay.protocol import Buffer, ConnectionFile, Content, Json, JsonObject
from assay.transport import IoThread, get_logger

if TYPE_CHECKING:
    from pathlib import Path

    from assay.kernel._interpreter import EventLoop
    from assay.kernel.lanes._subshell import Subshell
    from assay.kernel.lanes._subshells import Subshells
    from assay.kernel.process._thread_interrupts import ThreadInterrupts

__all__ = ["KernelHost"]


logger = get_logger("assay.kernel")


class _Held:
    """Interrupts are put off inside."""

    # No generator: each cell enters one of these when it is stored.
    def __init__(self, guard: Interrupts | ThreadInterrupts) -> None:
        self._guard = guard

    def __enter__(self) -> None:
        self._guard.hold()

    def __exit__(self, *_: object) -> None:
        self._guard.release()


class _HeldAndUndisturbed(_Held):
    """No handler of the program's strikes inside either; in the main thread."""

    def __init__(self, guard: Interrupts | ThreadInterrupts) -> None:
        super().__init__(guard)
        self._undisturbed = Undisturbed()

    # Held to the very end: an interrupt that struck on the way out would leave signals kept back.
    def __enter__(self) -> None:
        super().__enter__()
        try:
            self._undisturbed.__enter__()
        except BaseException:
            super().__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        try:
            self._undisturbed.__exit__()
        finally:
            super().__exit__()


class KernelHost:
    """Publish, ask and end on behalf of the running code; see `Host` for what each does."""

    def __init__(
        self,
        *,
        io: IoThread,
        output: Output,
        parents: Parents,
        capture: DescriptorCapture,
        streams: Sequence[OutputStream],
        prompter: Prompter,
        interrupts: Interrupts,
        real_stderr: TextIO,
        crash_file: TextIO | int,
        connection: ConnectionFile,
        connection_path: str | None,
        owns_process: bool,
    ) -> None:
        self._io = io
        self._output = output
        self._parents = parents
        self._capture = capture
        capture.uninterrupted = self._undisturbed
        self._prompter = prompter
        self._interrupts = interrupts
        self._connection_path = connection_path
        self._main: MainLane | None = None
        self.lanes_beside: Subshells | None = None
        """The subshells, once there has been a request about one."""
        self._thread = 0
        self._flush: Callable[[], None] | None = None
        self.close_functions: list[Callable[[], None]] = []
        """To be called at the end, first to last."""
        self.file_noted: Callable[[Path, bool], None] = _ignore
        """Called with a file that is to go with the process, and whether it is there."""
        self.request = parents.current
        """Returns the request that the running code belongs to."""
        self.stdout, self.stderr = streams
        self.real_stderr = real_stderr
        self.crash_file = crash_file
        self.connection = connection
        self.owns_process = owns_process

    def attach(self, main: MainLane) -> None:
        """Know the lane that runs the interpreter; in the thread that does."""
        self._main = main
        self._thread = get_ident()

    @property
    def catches_descriptors(self) -> bool:
        """True if what C code writes is shown to the client."""
        return bool(self._capture.read_ends)

    @property
    def is_own_code(self) -> bool:
        """True in a process of the kernel's, and in a guest for what belongs to a request."""
        return self.owns_process or self._parents.of_context() is not None

    @property
    def is_in_request(self) -> bool:
        """True in the thread of the cells, in the middle of one."""
        return get_ident() == self._thread and self._parents.of_main_thread is not None

    def lend_interrupts(self) -> LentInterrupts:
        """Let another kernel say where an interrupt of the running cell strikes."""
        return LentInterrupts(self._interrupts)

    @property
    def connection_path(self) -> Path | None:
        """The connection file, if there is one."""
        from pathlib import Path  # noqa: PLC0415 - asked for by the interpreter

        return Path(self._connection_path) if self._connection_path is not None else None

    def publish(
        self,
        content: Content,
        *,
        metadata: Mapping[str, Json] | None = None,
        buffers: Sequence[Buffer] = (),
        parent: JsonObject | None = None,
    ) -> None:
        """Publish *content* on IOPub on behalf of the running code, or of *parent*."""
        self._capture.catch_up()
        if parent is None and content.msg_type == "error":
            self._publish_error(content)
            return
        request = self._parents.resolve_parent(parent) if parent is not None else None
        self._output.publish(content, metadata=metadata, buffers=buffers, parent=request)

    def ask(self, prompt: str, *, password: bool = False) -> str:
        """Return a line from the client that sent the running request."""
        if self._output.forked:
            raise NoInputError("wanted the kernel itself to prompt, found a child process of it")
        self._capture.drain()
        return self._prompter.ask(self._parents.current(), prompt, password=password)

    @property
    def abandons(self) -> bool:
        """True once the kernel ends and the running request is not answered."""
        return self._output.errors_are_muted

    @property
    def is_ending(self) -> bool:
        """True once the end of the kernel has been asked for."""
        return self._main is not None and self._main.is_ending

    def set_parent(self, request: JsonObject) -> None:
        """Attribute to *request* what the running code causes from here on."""
        self.catch_up()
        self._parents.set_parent(self._parents.resolve_parent(request))

    @contextmanager
    def output_to(self, target: JsonObject | Literal["origin", "current"]) -> Iterator[None]:
        """Attribute to *target* what the running code causes inside."""
        match target:
            case "current":
                request = None
            case "origin":
                request = self._parents.of_origin or self._parents.current()
            case parts:
                request = self._parents.resolve_parent(parts)
        self.catch_up()
        with self._parents.writing_for(request):
            try:
                yield
            finally:
                self.catch_up()

    def leave_descriptors(self) -> None:
        """Catch no more of what is written to descriptors 1 and 2."""
        self._capture.release()

    def on_interrupt(self, function: Callable[[], None]) -> None:
        """Call *function* in the I/O thread when the running cell is interrupted."""
        self._interrupts.tell = function

    def on_close(self, function: Callable[[], None]) -> None:
        """Call *function* when the kernel shuts down, before its last messages."""
        self.close_functions.append(function)

    def note_file(self, path: Path, *, is_there: bool) -> None:
        """Note a file that is to be removed with the process, or that has been removed."""
        self.file_noted(path, is_there)

    def on_flush(self, flush: Callable[[], None]) -> None:
        """Call *flush* at the end of each request: it writes out what C code holds back."""
        self._flush = flush

    def use_loop(self, loop: EventLoop) -> None:
        """Run *loop* between requests while it has something to do."""
        assert self._main is not None, "attached before the interpreter is loaded"
        self._interrupts.cancel = loop.interrupt
        self._interrupts.loop = loop if isinstance(loop, SignalledLoop) else None
        self._main.use_loop(loop)

    def request_exit(self) -> None:
        """End the kernel once the running request is answered, if there is one."""
        assert self._main is not None, "attached before the interpreter is loaded"
        (self._subshell() or self._main).request_exit()

    def handle_waiting(self) -> bool:
        """Handle a request that waits behind the running cell, unless it is one itself."""
        assert self._main is not None, "attached before the interpreter is loaded"
        return (self._subshell() or self._main).handle_waiting()

    def end_child(self, error: BaseException) -> None:
        """End a forked child that user code leaves by *error*; do nothing in the kernel itself."""
        if self._output.forked:
            self.catch_up()
            end_child_by(error)

    def lend_descriptors(self) -> AbstractContextManager[None]:
        """Free some descriptors inside, where user code has left none."""
        return self._io.spare.lent()

    def uninterrupted(self) -> AbstractContextManager[None]:
        """Put interrupts of the caller's thread off inside: what it does is not done by half."""
        guard = self._guard()
        return nullcontext() if guard is None or guard.is_held else _Held(guard)

    def _undisturbed(self) -> AbstractContextManager[None]:
        """Put interrupts off inside, and what the program handles itself."""
        guard = self._guard()
        if guard is not self._interrupts:
            return self.uninterrupted()
        return Undisturbed() if guard.is_held else _HeldAndUndisturbed(guard)

    def _guard(self) -> Interrupts | ThreadInterrupts | None:
        """Return what interrupts the caller's thread; None in one that nothing interrupts."""
        in_main = get_ident() == self._thread
        return interrupts_of_this_thread() or (self._interrupts if in_main else None)

    def interrupt_count(self) -> int:
        """Return how often the caller's thread was interrupted, also where it has caught that."""
        return (interrupts_of_this_thread() or self._interrupts).count

    def subshell(self) -> str | None:
        """Return the id of the subshell that the caller's thread is; None for any other thread."""
        found = self._subshell()
        return found.ident if found is not None else None

    def subshells(self) -> Sequence[str]:
        """Return the ids of all subshells but the main one, oldest first."""
        return self.lanes_beside.idents if self.lanes_beside is not None else ()

    def catch_up(self) -> None:
        """Put into the log what has been written so far, by this process or its children.

        What cannot be is logged: a request is answered, whatever its program has left.
        """
        # First the descriptors: C code's text that is flushed below wants to get out.
        if not self._output.forked:
            _try(self._capture.mend)
        _try(self.stdout.catch_up)
        _try(self.stderr.catch_up)
        if self._flush is not None:
            _try(self._flush)
        _try(self._capture.catch_up)

    def _publish_error(self, error: Content) -> None:
        """Publish and note it in one step: an interrupt in between would make a second error."""
        request = self._parents.current()
        with self.uninterrupted():
            self._output.publish(error)
            if request is not None and self._guard() is not None:
                request.error = error

    def _subshell(self) -> Subshell | None:
        """Return the subshell of the caller's thread."""
        if self.lanes_beside is None or interrupts_of_this_thread() is None:
            return None
        return self.lanes_beside.of_thread(get_ident())


def _try(step: Callable[[], None]) -> None:
    try:
        step()
    except KeyboardInterrupt:  # the code is meant, where this is called in the middle of it
        raise
    except BaseException:  # of a hook or a codec of the user's, or the descriptors that are left
        logger.exception("cannot show all that has been written")


def _ignore(_path: Path, _is_there: bool, /) -> None:
    """Do nothing: no process outlives this one."""
