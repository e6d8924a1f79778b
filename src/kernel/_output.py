"""What a program writes, and the way it takes: text streams, descriptors, displays."""

from __future__ import annotations

import codecs
import io
import os
import select
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TextIO

from assay.kernel._request import Parents, Request
from assay.protocol import Buffer, Channel, Content, Json, Session, StreamName
from assay.transport import BIG_TEXT, MAX_PARTS, OutboundLog, Run, When

__all__ = ["DescriptorCapture", "Output", "OutputStream"]

NO_PARENT = b"{}"
NO_RUN = Run(StreamName.STDOUT, NO_PARENT)
"""The run of a stream that has none: it never is the newest one."""

RECORDED_TEXTS = 2_000
"""What an interpreter may keep of a cell's output for itself: some hundred lines, none of them big.
"""

READ_BYTES = 1 << 16
PIPE_BYTES = 1 << 20
"""A child that prints fast fills a pipe of the default 64 KiB in no time and then waits for us."""

EXPECTED_FROM_SILENT = frozenset({"comm_open", "comm_msg", "comm_close", "debug_event"})
"""What a silent request still publishes: these are no output, and their receiver would be lost
without them."""


class Output:
    """Publish on IOPub on behalf of whichever request the running code belongs to."""

    def __init__(
        self,
        log: OutboundLog,
        session: Session,
        parents: Parents,
        topic: Callable[[str], bytes],
        *,
        publish_silent: bool = False,
    ) -> None:
        self._log = log
        self._session = session
        self._parents = parents
        self._topic = topic
        self._publish_silent = publish_silent
        self.forked = False
        """True in a child process, whose output goes to the captured descriptors instead."""

    def after_fork(self) -> None:
        """Know that this is a child process."""
        self.forked = True
        self._log.newest = None  # no stream may go on appending to the parent's log

    def publish(
        self,
        content: Content,
        *,
        metadata: Mapping[str, Json] | None = None,
        buffers: Sequence[Buffer] = (),
        parent: Request | None = None,
        when: When = When.SOON,
    ) -> None:
        """Publish *content*; nothing happens for a silent request.

        Args:
            content: One of IOPub's contents.
            metadata: Free for extensions.
            buffers: Raw bytes that go along.
            parent: The request that caused it; by default that of the running code.
            when: How long it may wait for what follows.
        """
        request = parent or self._parents.current()
        if self._is_muted(request) and content.msg_type not in EXPECTED_FROM_SILENT:
            return
        if self.forked:
            return
        frames = self._session.pack(
            content,
            parent=request.parent if request is not None else NO_PARENT,
            metadata=metadata,
            buffers=buffers,
            identities=(self._topic(content.msg_type),),
        )
        self._log.post(Channel.IOPUB, frames, when)

    def write(self, name: StreamName, text: str) -> Run | None:
        """Publish *text* of a stream; return where more of it may go (`OutboundLog.write`)."""
        request = self._parents.current()
        if self._is_muted(request):
            return None
        return self._log.write(name, request.parent if request is not None else NO_PARENT, text)

    def is_sender(self, thread: int) -> bool:
        """Return True for the thread that sends, which must not wait for what others write."""
        return thread == self._log.owner

    def _is_muted(self, request: Request | None) -> bool:
        return request is not None and request.silent and not self._publish_silent


class OutputStream(io.TextIOBase):
    """`sys.stdout` or `sys.stderr`: text for the outbound log.

    Text is not held back here, and how much of it makes one message is the log's business. Only in
    a forked child does it wait for the end of its line: several children write to one pipe.
    """

    errors = "backslashreplace"
    line_buffering = True

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
        self._record: Callable[[str], None] = _forget
        self._name = name
        self._output = output
        self._capture = capture
        self.name = f"<{name}>"
        self.mode = "w"
        self._line = ""
        self.buffer = _BytesOfStream(self)
        self.write, self._part_line = self._quick_write()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed has a plain attribute
        """Always UTF-8."""
        return "utf-8"

    write: Callable[[str], int]
    """Publish text and return its length.

    Raises:
        TypeError: not text.
        ValueError: the stream has been closed.
    """

    def _quick_write(self) -> tuple[Callable[[str], int], Callable[[], None]]:
        """Return `write`, and what lets a line's end be parted from its text.

        A program that prints much goes the quick way: nothing else has been said since our last
        text, neither by us nor through the descriptors, and it was for the same request. `print`
        writes twice for each line, so that the variables of a function, which are found faster
        than the attributes of an object, are worth a quarter of the time. Nor are the descriptors
        looked at for the second: a line that was not flushed stays together (decision 0006).
        """
        log, of_context, capture = self._log, self._request_of_context, self._capture
        written_to = capture.written_to
        room = 0
        last = ""
        # One value, taken once: another thread may change it while we look at the descriptors.
        state: tuple[Run, Callable[[str], None], Request | None, Callable[[str], None]]
        state = NO_RUN, NO_RUN.append, None, _forget

        def write(text: str, /) -> int:
            nonlocal room, last
            run, append, request, record = state
            if (
                of_context() is request
                and type(text) is str
                and room
                and 0 < (length := len(text)) < BIG_TEXT
                and (
                    (text == "\n" and last and last[-1] != "\n")
                    or (not written_to(0) and not capture.reading)
                )
                # Last: what is not waiting any more may have been put into the log just now.
                and run is log.newest
            ):
                append(text)
                last = text
                if run.taken:
                    log.resume(run)
                record(text)
                room -= 1
                return length
            return write_slowly(text)

        def write_slowly(text: str) -> int:
            nonlocal state, room, last
            if type(text) is str and not text and not self.closed:
                # Of ``print(x, end="")``: others may write the rest of the line.
                last = ""
                return 0
            if not room:
                log.end_run(state[0])
            run = self._write(text)
            last = text
            state = run, run.append, of_context(), self._record
            room = MAX_PARTS - 1
            return len(text)

        def part_line() -> None:
            nonlocal last
            last = ""

        return write, part_line

    def _write(self, text: str) -> Run:
        """Publish *text* and return where more of it may go; `NO_RUN` if nowhere."""
        run: Run | None = None
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if self.closed:
            raise ValueError("I/O operation on closed file")
        if self._output.forked:
            self._line += text
            if "\n" in text:
                self.flush()
        elif text:
            self._capture.catch_up()
            run = self._output.write(self._name, text)
            if len(text) < BIG_TEXT:
                self._record(text)
            if len(text) >= BIG_TEXT or self._request_of_context() is None:
                run = None
        self._run = run or NO_RUN
        return self._run

    def catch_up(self) -> None:
        """Put into the log what an interrupt has kept out of it, at the worst of moments."""
        run = self._run
        if run.taken and run.parts and not self._output.forked:
            self._log.resume(run)

    @contextmanager
    def recording(self) -> Iterator[deque[str]]:
        """Keep the newest `RECORDED_TEXTS` texts that are written inside, oldest first."""
        outer, texts = self._record, deque[str](maxlen=RECORDED_TEXTS)
        self._record_by(texts.append)
        try:
            yield texts
        finally:
            self._record_by(outer)
            for text in texts:
                outer(text)

    def _record_by(self, record: Callable[[str], None]) -> None:
        self._record = record
        self._log.newest = None  # `write` looks anew

    def close(self) -> None:
        """Refuse to write from now on."""
        self._log.newest = None
        super().close()

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

    def fileno(self) -> int:
        """Return the captured descriptor, for child processes and C code."""
        return self._capture.descriptor(self._name)


def _forget(_: str) -> None:
    """Record nothing."""


class _BytesOfStream(io.BufferedIOBase):
    """`sys.stdout.buffer`: bytes of UTF-8 for the stream, split wherever the program likes."""

    def __init__(self, stream: OutputStream) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def write(self, data: Buffer, /) -> int:  # type: ignore[override]
        view = memoryview(data)
        self._stream.write(self._decoder.decode(bytes(view)))
        return view.nbytes

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream.fileno()


class _Captured:
    """One descriptor, the pipe that took its place, and what it was before."""

    def __init__(self, name: StreamName, descriptor: int) -> None:
        self.name = name
        self.descriptor = descriptor
        self.original = os.dup(descriptor)
        self.read_end, write_end = os.pipe()
        os.set_blocking(self.read_end, False)
        _enlarge(self.read_end)
        os.dup2(write_end, descriptor)
        os.close(write_end)
        self.decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def read(self) -> str:
        """Return what has been written since; empty if nothing."""
        try:
            data = os.read(self.read_end, READ_BYTES)
        except BlockingIOError:
            return ""
        return self.decoder.decode(data)

    def restore(self) -> None:
        os.dup2(self.original, self.descriptor)
        os.close(self.original)
        os.close(self.read_end)


class DescriptorCapture:
    """Catch what C code and child processes write to descriptors 1 and 2.

    Two threads read the pipes: the I/O thread whenever something comes, and a thread that is about
    to write text of its own, so that the order of both is kept. `reading` closes the gap between
    the I/O thread's reading and its entry in the log.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._lock = threading.Lock()
        self.reading = False
        """True from when somebody takes text from a pipe until it is in the log."""
        self._reader: int | None = None
        """The thread that holds the lock."""
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # it was closed when the process began
                stream.flush()
        self._captured = (_Captured(StreamName.STDOUT, 1), _Captured(StreamName.STDERR, 2))
        # Unlike a `select.poll`, an epoll may be asked by several threads at once.
        epoll = select.epoll()
        for captured in self._captured:
            epoll.register(captured.read_end, select.EPOLLIN)
        self._epoll = epoll
        self.written_to = epoll.poll
        """Called with 0, returns what is not empty if something waits to be read."""

    @property
    def read_ends(self) -> tuple[int, ...]:
        """The descriptors that are readable when something was written."""
        return tuple(captured.read_end for captured in self._captured)

    def original(self, name: StreamName) -> int:
        """Return a descriptor of what the stream was before it was captured."""
        return self._of(name).original

    def descriptor(self, name: StreamName) -> int:
        """Return the captured descriptor of the stream."""
        return self._of(name).descriptor

    def write(self, name: StreamName, text: str) -> None:
        """Write *text* to the captured descriptor: for child processes, which have no log."""
        data = memoryview(text.encode("utf-8", "backslashreplace"))
        while data:
            data = data[os.write(self.descriptor(name), data) :]

    def catch_up(self) -> None:
        """Publish what has been written to the descriptors so far; nothing in a child process."""
        if self._output.forked:
            return  # what it took from the pipe would be lost to the parent
        if self.is_behind():
            self.drain()

    def is_behind(self) -> bool:
        """Return True if something has been written to the descriptors that is not published."""
        return bool(self.written_to(0)) or self.reading

    def read_some(self) -> None:
        """Publish some of what has been written; for the I/O thread, which must not wait.

        Who holds the lock may be waiting for room in the log, which only the I/O thread makes; and
        a child that never stops writing must not keep it from its sockets.
        """
        if not self._lock.acquire(blocking=False):
            return
        self.reading = True
        try:
            self._read_each()
        finally:
            self.reading = False
            self._lock.release()

    def drain(self) -> None:
        """Read all that has been written so far, or in the I/O thread some of it.

        Not until there is nothing more: a child may go on writing for ever. What was there when
        this was called fits into the pipe.

        A finalizer or signal handler that writes may run in any thread at any moment: also in one
        that is reading just now, and in the I/O thread.
        """
        thread = threading.get_ident()
        if thread == self._reader:
            return
        if self._output.is_sender(thread):
            self.read_some()
            return
        with self._lock:
            self._reader = thread
            self.reading = True
            try:
                for _ in range(1 + PIPE_BYTES // READ_BYTES):
                    if not self._read_each():
                        break
            finally:
                self.reading = False
                self._reader = None

    def restore(self) -> None:
        """Publish the rest, and make the descriptors what they were."""
        self.drain()
        self._epoll.close()
        for captured in self._captured:
            captured.restore()

    def _read_each(self) -> bool:
        found = False
        for captured in self._captured:
            if text := captured.read():
                self._output.write(captured.name, text)
                found = True
        return found

    def _of(self, name: StreamName) -> _Captured:
        return self._captured[0 if name is StreamName.STDOUT else 1]


def _enlarge(descriptor: int) -> None:
    import fcntl  # noqa: PLC0415 - absent on some platforms

    with_size = getattr(fcntl, "F_SETPIPE_SZ", None)
    if with_size is None:
        return
    try:
        fcntl.fcntl(descriptor, with_size, PIPE_BYTES)
    except OSError:  # over the user's limit: the default will do
        return


def real_stderr(capture: DescriptorCapture) -> TextIO:
    """Return a stream to the standard error that the process was started with.

    What does not fit into a pipe that nobody reads is dropped.
    """
    raw = _Unread(os.dup(capture.original(StreamName.STDERR)))
    return io.TextIOWrapper(raw, "utf-8", "backslashreplace", write_through=True)  # type: ignore[type-var]  # typeshed wants a buffer between


class _Unread(io.RawIOBase):
    """A descriptor that may be a full pipe: the I/O thread writes to it, and must never wait."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)

    def fileno(self) -> int:
        return self._descriptor

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer, /) -> int:  # type: ignore[override]
        view = memoryview(data).cast("B")
        for start in range(0, len(view), select.PIPE_BUF):
            if not self._poll.poll(0):
                break
            with suppress(OSError):  # the reader is gone
                # A pipe that is ready takes that much at once.
                os.write(self._descriptor, view[start : start + select.PIPE_BUF])
        return len(view)
