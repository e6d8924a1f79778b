"""`sys.stdout` and `sys.stderr`: text streams over the outbound log.

Theory of operation
-------------------

`print` calls `write` for each argument, for what stands between them and for the end of the line,
and 100,000 lines shall take no longer than a program's own work. So `write` has two ways.

The *quick way* appends to the run of the text before (`assay.transport._log`) without a lock. It
is taken if nothing else could belong between: the same thread wrote for the same request, the run
is the newest entry of the log and has room, and nothing waits in the captured descriptors. `state`
is replaced as one value: a thread that has read it and loses its turn finds a thread in it that is
not its own, or a run that is not the newest, and never appends to another thread's run. `room` may
get the figure that such a thread had read before, but only once, since the next text of that takes
the slow way: a run then grows to twice its size and no further. The end of a line takes no room:
it is one object for all of them. A text for which there is no room begins another run
(`write_on`), and waits for room in the log.

The *slow way* reads the descriptors first, then lets the log find or make the run.

What can come in between: the I/O thread takes the run, or another thread appends an entry (both
are found by `is_settled` after appending); an interrupt between appending and that look
(`catch_up` puts the run into the log at the end of the cell); a finalizer or signal handler that
writes (it takes the slow way or appends whole texts: none is lost).

The end of a line may come without looking at the descriptors: what was not flushed stays together
(decision 0006). A flush, or the empty text of ``print(x, end="")``, ends this and lets others
write between (`OutboundLog.part_line`); that of ``sep=""`` and an empty argument do not (`_calls`).
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from threading import get_ident  # by name: gevent replaces the module's
from types import CodeType, FrameType
from typing import Any

from assay.kernel._request import Request
from assay.kernel.output._bytes import BytesOfStream
from assay.kernel.output._descriptors import DescriptorCapture
from assay.kernel.output._iopub import Output
from assay.kernel.output._parents import Parents
from assay.kernel.output._text_wrapper import LikeTextWrapper
from assay.protocol import EMPTY_OBJECT, JsonObject, StreamName
from assay.transport import PART_ROOM, RUN_ROOM, OutboundLog, Record, Run

__all__ = ["OutputStream"]

Hook = Callable[[dict[str, Any]], dict[str, Any] | None]

NO_RUN = Run(StreamName.STDOUT, EMPTY_OBJECT)
"""The run of a stream that has none: it never is the newest one."""

CLOSED = "I/O operation on closed file"
DETACHED = "underlying buffer has been detached"
"""Python's own words."""

RECORDED_CHARACTERS = 2 * RUN_ROOM
"""What an interpreter may keep of a cell's output for itself: some thousand lines."""


class OutputStream(LikeTextWrapper):
    """`sys.stdout` or `sys.stderr`: text for the outbound log.

    Text is not held back here, and how much of it makes one message is the log's business. Only in
    a forked child does it wait for the end of its line: several children write to one pipe.
    """

    def __init__(
        self,
        name: StreamName,
        output: Output,
        capture: DescriptorCapture,
        log: OutboundLog,
        parents: Parents,
    ) -> None:
        self._log = log
        self._request_of_context = parents.of_context
        self._run = NO_RUN
        self._records: dict[Request | None, Record] = {}
        """Who keeps what is written, by the request that it is written for."""
        self._name = name
        self._output = output
        self._capture = capture
        self._parents = parents
        self._hooks: tuple[Hook, ...] = ()
        self.name = f"<{name}>"
        self.mode = "w"
        self._line = ""
        self._refusal = ""
        """The error of who writes now; empty while the stream is open."""
        self.buffer = BytesOfStream(self, parents.current)
        self.write, self._part_line = self._quick_write()

    write: Callable[[str], int]
    """Publish text and return its length.

    Raises:
        TypeError: not text.
        ValueError: the stream has been closed.
    """

    def _quick_write(self) -> tuple[Callable[[str], int], Callable[[], None]]:
        """Return `write`, and a function that gives up its line: others may write into it.

        The variables of a function are found faster than the attributes of an object, which is
        worth a quarter of the time.
        """
        log, of_context, capture = self._log, self._request_of_context, self._capture
        written_to = capture.written_to
        room = 0
        drained = 0
        last, newline = "", "\n"
        # One value, taken once: another thread may change it while we look at the descriptors.
        state: tuple[Run, Callable[[str], None], Request | None, int]
        state = NO_RUN, NO_RUN.append, None, 0
        may_end_line = _EmptyTexts().may_end_line

        def write(text: str, /) -> int:
            nonlocal room, last
            run, append, request, thread = state
            if of_context() is request and get_ident() == thread:
                # One object in CPython, and where it is not, the second branch does the same.
                if text is newline and last and last[-1] is not newline:
                    if run is log.newest:
                        append(text)
                        last = ""
                        if run.is_settled:
                            log.attend(run)
                        return 1
                elif (
                    type(text) is str
                    and (length := len(text))
                    and not written_to(0, 1)
                    and not capture.reading
                    # Last: what is not waiting any more may have been put into the log just now.
                    and run is log.newest
                ):
                    if room < length:
                        return write_on(text, run, length)
                    append(text)
                    last = text
                    room -= length + PART_ROOM
                    if run.is_settled:
                        log.attend(run)
                    return length
            return write_slowly(text)

        def write_on(text: str, before: Run, length: int) -> int:
            note(log.write(before.name, before.parent, text, before.record), text)
            return length

        def write_slowly(text: str) -> int:
            if type(text) is not str and isinstance(text, str):
                text = str.__str__(text)  # its own methods may say anything of what it holds
            if type(text) is str and not text and not self._refusal:
                # Behind `write`, which called this: what called that, perhaps by `print`.
                if may_end_line(sys._getframe(2)):
                    part_line()  # of ``print(x, end="")``
                return 0
            note(self._write(text), text)
            return len(text)

        def note(run: Run, text: str) -> None:
            nonlocal state, room, drained, last
            if run is not state[0] or run.drained != drained:
                room, drained = RUN_ROOM - len(text), run.drained
            last = text
            state = run, run.append, of_context(), get_ident()

        def part_line() -> None:
            nonlocal last
            if get_ident() == state[3] and (not last or last[-1] is newline):
                return  # it has ended
            last = ""
            log.part_line()

        write.__qualname__ = "write"  # what is wrong with a call names it
        return write, part_line

    def _write(self, text: str) -> Run:
        """Publish *text* and return where more of it may go; `NO_RUN` if nowhere."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if self._refusal:
            raise ValueError(self._refusal)
        return self._say(text)

    def _say(self, text: str) -> Run:
        run: Run | None = None
        if self._output.forked:
            self._line += text
            if "\n" in text:
                self.flush()
        elif text and not (self._hooks and self._is_taken(text)):
            self._capture.catch_up()
            record = self._records.get(self._parents.current()) if self._records else None
            run = self._output.write(self._name, text, record)
            if self._hooks or self._request_of_context() is None:
                run = None
        self._run = run or NO_RUN
        return self._run

    def write_decoded(self, text: str, /) -> None:
        """Publish *text*, which was written to `buffer`, also where that has been detached."""
        if self._refusal != DETACHED:
            self.write(text)
        elif text:
            self._say(text)

    def show_rest(self, text: str, request: Request | None, /) -> None:
        """Publish *text*, half a character, as output of *request*, also where this is closed."""
        if request is self._parents.current():
            self._say(text)
            return
        with self._parents.writing_for(request):
            self._say(text)

    def register_hook(self, hook: Hook) -> None:
        """Call *hook* with each text, as a message in its dict form; None takes it."""
        self._hooks = (*self._hooks, hook)
        self._log.newest = None  # `write` looks anew

    def unregister_hook(self, hook: Hook) -> bool:
        """Undo `register_hook`; False if *hook* is not registered."""
        found = hook in self._hooks
        self._hooks = tuple(known for known in self._hooks if known != hook)
        return found

    def _is_taken(self, text: str) -> bool:
        message: dict[str, Any] | None = {
            "header": {"msg_type": "stream"},
            "msg_type": "stream",
            "parent_header": self.parent_header,
            "metadata": {},
            "content": {"name": str(self._name), "text": text},
        }
        for hook in self._hooks:
            assert message is not None
            message = hook(message)
            if message is None:
                return True
        return False

    @property
    def parent_header(self) -> dict[str, Any]:
        """The header of the request that is written for; an empty dict without one."""
        request = self._parents.current()
        return dict(request.as_json()["header"]) if request is not None else {}

    @parent_header.setter
    def parent_header(self, parent: JsonObject) -> None:
        self.set_parent(parent)

    def set_parent(self, parent: JsonObject) -> None:
        """Let what the caller causes belong to *parent*, an earlier request or its header.

        Raises:
            ContentError: there is no such header.
        """
        if not parent:
            return
        self._capture.catch_up()
        whole = parent if "header" in parent else {"header": parent}
        self._parents.set_parent(self._parents.resolve_parent(whole))

    def _is_master_process(self) -> bool:
        # What ipykernel's streams answer: False in a forked child.
        return not self._output.forked

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        # A session that is pickled holds such streams, in its log handlers for example.
        return _present, (str(self._name),)

    def catch_up(self) -> None:
        """Append to the log what an interrupt has kept out of it."""
        run = self._run
        if run.taken and run.parts and not self._output.forked:
            self._log.resume(run)
        if self.buffer.holds:
            self.buffer.finish(self._parents.current())

    def recording(self, keep: Callable[[list[str]], None]) -> AbstractContextManager[object]:
        """Give *keep* the newest `RECORDED_CHARACTERS` that the caller's request writes inside.

        In order, and at the end, unless that is an exception or nothing was written.
        """
        return _Recording(self, keep)

    def _record_by(self, request: Request | None, record: Record | None) -> None:
        if record is not None:
            self._records[request] = record
        else:
            self._records.pop(request, None)
        if self._log.newest is not None:
            self._log.end_run()  # it is recorded then, and `write` looks anew

    def close(self) -> None:
        """Refuse to write from now on, until `reopen`."""
        self._refuse(CLOSED)

    def detach(self) -> BytesOfStream:  # type: ignore[override]  # typeshed wants its own class
        """Return `buffer`, and refuse to write until `reopen`: the caller wraps it anew."""
        if self._refusal:
            raise ValueError(self._refusal)
        self._refuse(DETACHED)
        return self.buffer

    def _refuse(self, reason: str) -> None:
        self._log.end_run()  # `write` looks anew
        self._refusal = reason

    @property
    def closed(self) -> bool:
        """True from `close` to `reopen`."""
        return self._refusal == CLOSED

    def reopen(self) -> None:
        """Take text again: a program that closed the stream was one cell of several."""
        self._refusal = ""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name!r} mode='w' encoding={self.encoding!r}>"

    def writelines(self, lines: Iterable[str], /) -> None:  # type: ignore[override]
        """Write each of *lines*."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Let what others write come next; and write what a forked child holds back."""
        self._part_line()
        if self._line:
            line, self._line = self._line, ""
            self._capture.write(self._name, line)

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Return False: there is no terminal."""
        return False

    def _decode_by(self, encoding: str, errors: str) -> None:
        self.buffer.decode_by(encoding, errors)

    def fileno(self) -> int:
        """Return the captured descriptor, for child processes and C code."""
        return self._capture.writer(self._name)


class _EmptyTexts:
    """What empty texts mean: those that follow are mostly of the same call, which is looked up."""

    def __init__(self) -> None:
        # One value, taken once: several threads ask.
        self._newest: tuple[CodeType | None, int, bool] = None, 0, True

    def may_end_line(self, frame: FrameType) -> bool:
        """Return False if the empty text that *frame* writes does not end its line (`_calls`)."""
        code, at, may_end = self._newest
        if at != frame.f_lasti or code is not frame.f_code:
            may_end = _may_end_line(frame)
            self._newest = frame.f_code, frame.f_lasti, may_end
        return may_end


def _may_end_line(frame: FrameType) -> bool:
    try:
        # Not to be found if the program has used up all descriptors: a text is written even so.
        from assay.kernel.output._calls import may_be_end  # noqa: PLC0415 - few write empty texts

        return may_be_end(frame.f_code, frame.f_lasti)
    except Exception:  # noqa: BLE001 - the source is the user's, and so may be what finds it
        return True


class _Recording:
    """Records what the caller's request writes inside, until it is left or dropped.

    Each cell enters two: a generator would take three times as long. It would be closed where an
    interrupt strikes before `__exit__` does anything; so is this.
    """

    _texts: _Texts | None = None

    def __init__(self, stream: OutputStream, keep: Callable[[list[str]], None]) -> None:
        self._stream = stream
        self._keep = keep

    def __enter__(self) -> None:
        stream = self._stream
        self._request = request = stream._parents.current()
        self._outer = stream._records.get(request)
        self._texts = texts = _Texts()
        stream._record_by(request, texts.append)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        texts = self._texts
        self.__del__()
        if texts is not None and texts.kept and kind is None:
            self._keep(texts.all())

    def __del__(self) -> None:
        if (texts := self._texts) is not None:
            self._stream._record_by(self._request, self._outer)
            self._texts = None
            if self._outer is not None:
                self._outer(texts.all())


class _Texts:
    """The newest texts, up to `RECORDED_CHARACTERS`; for threads that have the log's lock."""

    _size = 0

    def __init__(self) -> None:
        self.kept: deque[tuple[list[str], int]] = deque()
        """With the number of characters in each."""

    def all(self) -> list[str]:
        """Return them, oldest first."""
        return [text for texts, _ in [*self.kept] for text in texts]  # threads may still append

    def append(self, texts: list[str]) -> None:
        size = sum(map(len, texts))
        self.kept.append((texts, size))
        self._size += size
        while self._size > RECORDED_CHARACTERS:
            self._size -= self.kept.popleft()[1]


def _present(name: str) -> object:
    """Return the stream of that *name* in the process that unpickles it."""
    return getattr(sys, name)
