"""What C code and child processes write to descriptors 1 and 2.

**Theory of operation.** Each descriptor is replaced by the write end of a pipe, and what comes out
of the read end is appended to the log as text of the request that runs. Two kinds of threads read:

- The I/O thread, whenever a pipe is readable. It must not wait: if another thread reads just now it
  does nothing, and it reads a piece at a time, since a child that never stops writing must not keep
  it from its sockets. While the log is full it does not look at the pipes at all; then the writer
  waits, as on any full pipe.
- A thread that is about to append text or a message of its own, so that its entry stands after what
  was written to the descriptor before it (`catch_up`). It reads what is there, a pipe's capacity at
  most.

Why the order holds: bytes that left a pipe are in no pipe and not yet in the log, and a thread that
asked only whether the pipes are empty would go ahead of them. `reading` is True in that gap, so
`is_behind` makes the thread wait for the lock, and with it for the entry. Text that a thread has
begun with half a line does not hold this text back: it parts the line (`write_captured`).

Why nothing waits for ever: a finalizer or signal handler may write, and so read, in any thread at
any moment. In the thread that holds the lock it finds itself by `_reader` and returns; in the I/O
thread it tries the lock only. A writer that waits for room in the log holds no lock of the I/O
thread's. A forked child takes nothing from the pipes: what it read would be lost to its parent.

Why nothing is lost: what has left a pipe is known to one function alone until it is in the log, and
a `print` reads in the middle of user code. So interrupts are put off from the one to the other,
and so are the program's own signal handlers, which may raise.

A third reader stands by for the one case in which neither thread can run: C code that fills a pipe
while it holds Python's lock. It is a process (`Reserve`, started after the first reply). It moves
what is in the full pipe into memory that it shares with the kernel, and leaves one byte in the
pipe, so that both threads still find it readable. They read the memory first and then the pipe.
"""

from __future__ import annotations

import codecs
import fcntl
import io
import select
import stat
import sys
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from threading import Lock, get_ident
from typing import TYPE_CHECKING, TextIO

from assay._isolation import os
from assay._platform import enlarge_pipe, make_readiness
from assay.kernel.output._iopub import Output
from assay.protocol import Buffer, StreamName
from assay.transport import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.kernel.output._reserve import Reserve

__all__ = ["DescriptorCapture", "real_stderr"]

logger = get_logger("assay.kernel")

READ_BYTES = 1 << 16
PIPE_BYTES = 1 << 20
"""A child that prints fast fills a pipe of the default 64 KiB in no time and then waits for us."""


DESCRIPTORS = {StreamName.STDOUT: 1, StreamName.STDERR: 2}

OF_PROCESS = ("__stdout__", "__stderr__")
"""The names that `sys` has for the streams of the process."""


class _Captured:
    """One descriptor, the pipe that took its place, and what it was before."""

    def __init__(self, name: StreamName, descriptor: int) -> None:
        self.name = name
        self.descriptor = descriptor
        self.original = os.dup(descriptor)
        self.read_end, write_end = os.pipe()
        os.set_blocking(self.read_end, False)
        enlarge_pipe(self.read_end, PIPE_BYTES)
        os.dup2(write_end, descriptor)
        self.writer = write_end
        """For those who ask the stream for its descriptor. It is another one than `descriptor`, by
        which programs know that the stream is not what the process was started with (wurlitzer)."""
        self.caught = descriptor
        """What is written to it is read from the pipe; after `release` a descriptor of its own."""
        self.decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self.read: Callable[[bool], bytes] = self._read_pipe
        """Returns some of what has been written since; empty if nothing. Called with True where the
        caller may wait until another process has read."""

    def _read_pipe(self, _may_wait: bool, /) -> bytes:
        try:
            return os.read(self.read_end, READ_BYTES)
        except BlockingIOError:
            return b""

    def mend(self) -> None:
        """Open again what a program has closed; what it has put in its place stays.

        sqlite, which writes the history, puts a null device that can only be read into the place
        of a standard descriptor that is closed.
        """
        if _is_closed(self.writer):
            self._open_again(self.writer, inheritable=False)
        if not _is_closed(self.descriptor):
            return
        if self.caught == self.descriptor:
            self._open_again(self.descriptor, inheritable=True)
        else:
            os.dup2(self.original, self.descriptor)

    def _open_again(self, number: int, *, inheritable: bool) -> None:
        """Give *number* to the pipe's write end."""
        for known in (self.writer, self.caught):
            if self._is_write_end(known):
                # No other number on the way: there may be none left.
                os.dup2(known, number, inheritable=inheritable)
                return
        if (end := self._new_write_end()) is not None:
            _become(end, number, inheritable=inheritable)

    def _is_write_end(self, descriptor: int) -> bool:
        if _is_closed(descriptor):
            return False
        return os.path.samestat(os.fstat(descriptor), os.fstat(self.read_end))

    def _new_write_end(self) -> int | None:
        with suppress(OSError):  # only Linux opens a pipe's other end so
            return os.open(f"/proc/self/fd/{self.read_end}", os.O_WRONLY | os.O_CLOEXEC)
        return None

    def release(self) -> None:
        if self.caught == self.descriptor:
            # The pipe stays: it is what our own text stream is to those who ask for a descriptor.
            self.caught = os.dup(self.descriptor)
            os.dup2(self.original, self.descriptor)

    def restore(self) -> None:
        os.dup2(self.original, self.descriptor)
        os.close(self.original)
        os.close(self.read_end)
        with suppress(OSError):  # a program has closed it
            os.close(self.writer)
        if self.caught != self.descriptor:
            os.close(self.caught)


def _is_closed(descriptor: int) -> bool:
    """Return True if *descriptor* is closed, or what sqlite opens in place of a closed one.

    Any other file that can only be read is the user's.
    """
    try:
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY:
            return False
        return _is_null_device(os.fstat(descriptor))
    except OSError:
        return True


def _is_null_device(found: os.stat_result) -> bool:
    try:
        null = os.stat(os.devnull)
    except OSError:  # then nothing can have opened it
        return False
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == null.st_rdev


def _become(new: int, number: int, *, inheritable: bool) -> None:
    """Give *new* the *number*."""
    if new == number:  # it was the lowest that was free
        os.set_inheritable(new, inheritable)
        return
    os.dup2(new, number, inheritable=inheritable)
    os.close(new)


class _StreamOfProcess:
    """`sys.__stdout__` or `sys.__stderr__` while its descriptor is a pipe.

    A stream that was opened on a file asks for its place there when it is wrapped or reconfigured,
    and a pipe has none. So another stands in its place until the file is back.
    """

    def __init__(self, name: str, before: io.TextIOWrapper) -> None:
        self._name = name
        self._before = before
        # Python closes no descriptor of its own standard streams when they are dropped.
        raw = io.FileIO(before.fileno(), "wb", closefd=False)
        raw.name = before.name
        self._ours = io.TextIOWrapper(
            io.BufferedWriter(raw), before.encoding, before.errors, line_buffering=True
        )
        vars(self._ours).update(vars(before))  # its mode, which Python sets from outside
        setattr(sys, name, self._ours)

    def restore(self) -> None:
        """Write what is held back, and put the stream back that was there before."""
        with suppress(ValueError, OSError):  # a program has closed or detached it
            self._ours.flush()
        if getattr(sys, self._name) is self._ours:
            setattr(sys, self._name, self._before)


class DescriptorCapture:
    """Catch what C code and child processes write to descriptors 1 and 2.

    Two threads read the pipes: the I/O thread whenever something comes, and a thread that is about
    to write text of its own, so that the order of both is kept. `reading` closes the gap between
    the I/O thread's reading and its entry in the log.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._lock = Lock()
        self.reading = False
        """True from when a thread takes text from a pipe until it is in the log."""
        self._reader: int | None = None
        """The thread that holds the lock."""
        self._captured: tuple[_Captured, ...] = ()
        self._streams: tuple[_StreamOfProcess, ...] = ()
        self._reserve: Reserve | None = None
        self.uninterrupted: Callable[[], AbstractContextManager[None]] = nullcontext
        """Puts off inside what may strike the caller's thread: interrupts, and signal handlers of
        the program's that raise (`KernelHost`)."""
        self._readiness = make_readiness()
        self.written_to = self._readiness.poll
        """Called with 0 and 1, returns what is not empty if something waits to be read."""

    def start(self) -> None:
        """Take the descriptors over; until then nothing is caught."""
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # it was closed when the process began
                stream.flush()
                if isinstance(stream, io.TextIOWrapper):
                    # It becomes `sys.__stdout__`, whose lines stand between the others.
                    stream.reconfigure(line_buffering=True)
        self._captured = (_Captured(StreamName.STDOUT, 1), _Captured(StreamName.STDERR, 2))
        for captured in self._captured:
            self._readiness.register(captured.read_end, select.POLLIN)
        self._streams = tuple(
            _StreamOfProcess(name, stream)
            for name in OF_PROCESS
            if _is_of_a_file(stream := getattr(sys, name))
        )

    def keep_reserve(self, watch: Callable[[int, Callable[[], None]], None]) -> None:
        """Start the process that reads the pipes where no thread of Python's can (decision 0025).

        Where it cannot be had, C code that fills a pipe while it holds Python's lock waits until
        signals end the call.

        Args:
            watch: Lets the I/O thread call a function when a descriptor is readable.
        """
        try:
            from assay.kernel.output._reserve import Reserve  # noqa: PLC0415 - after the first reply

            reserve = Reserve([(one.read_end, one.writer) for one in self._captured])
        except (OSError, ImportError) as error:  # a Python without ctypes
            logger.debug("nothing reads for code that holds the lock: %s", error)
            return
        with self._lock:  # no other thread is in the middle of a read
            self._reader = get_ident()  # a finalizer that prints may run here: see `drain`
            try:
                for number, captured in enumerate(self._captured):
                    captured.read = partial(reserve.read, number)
                self._reserve = reserve
            finally:
                self._reader = None
        watch(reserve.questions, reserve.answer)

    @property
    def read_ends(self) -> tuple[int, ...]:
        """The descriptors that are readable when something was written."""
        return tuple(captured.read_end for captured in self._captured)

    def descriptor(self, name: StreamName) -> int:
        """Return a descriptor whose text is shown as the stream's."""
        for captured in self._captured:
            if captured.name is name:
                return captured.caught
        return DESCRIPTORS[name]

    def writer(self, name: StreamName) -> int:
        """Return a descriptor whose text is shown as the stream's, whatever becomes of 1 and 2."""
        for captured in self._captured:
            if captured.name is name:
                return captured.writer
        return DESCRIPTORS[name]

    def mend(self) -> None:
        """Open the descriptors again that a program has closed; at the end of each request.

        Not later: another thread may open a file meanwhile, or a client connect, and get one.
        """
        for captured in self._captured:
            try:
                captured.mend()
            except OSError:
                logger.exception("cannot open descriptor %s again", captured.descriptor)

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
        # A finalizer may send as late as the interpreter's end (`restore`).
        return self.reading or (not self._readiness.closed and bool(self.written_to(0, 1)))

    def read_some(self) -> None:
        """Publish some of what has been written; for the I/O thread, which must not wait.

        Who holds the lock may be waiting for room in the log, which only the I/O thread makes; and
        a child that never stops writing must not keep it from its sockets.
        """
        if not self._lock.acquire(blocking=False):
            return
        self.reading = True
        try:
            self._read_each(may_wait=False)
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
        thread = get_ident()
        if thread == self._reader:
            return
        if self._output.is_sender(thread):
            self.read_some()
            return
        with self._lock:
            self._reader = thread
            self.reading = True
            try:
                moved = self._reserve.pieces() if self._reserve is not None else 0
                for _ in range(1 + PIPE_BYTES // READ_BYTES + moved):
                    if not self._read_each(may_wait=True):
                        break
            finally:
                self.reading = False
                self._reader = None

    def release(self) -> None:
        """Make the descriptors 1 and 2 what they were, for C code and child processes."""
        self.drain()
        for captured in self._captured:
            captured.release()

    def restore(self) -> None:
        """Publish the rest, and make the descriptors what they were."""
        for stream in self._streams:
            stream.restore()
        self.drain()
        self._readiness.close()
        for captured in self._captured:
            captured.restore()
        if self._reserve is not None:
            self._reserve.close()

    def _read_each(self, *, may_wait: bool) -> bool:
        """Return True if something has been read."""
        found = False
        # To ask costs a tenth of a look into a pipe that is empty.
        ready = dict(self.written_to(0, len(DESCRIPTORS)))
        for captured in self._captured:
            if captured.read_end in ready and self._publish_some(captured, may_wait=may_wait):
                found = True
        return found

    def _publish_some(self, captured: _Captured, *, may_wait: bool) -> bool:
        """Return True if something has been read, be it the first half of a character."""
        # Piece by piece: an interrupt need not wait until all is in the log, which may be full.
        with self.uninterrupted():
            data = captured.read(may_wait)
            if text := captured.decoder.decode(data):
                self._output.write_captured(captured.name, text)
        return bool(data)


def _is_of_a_file(stream: object) -> bool:
    try:
        return isinstance(stream, io.TextIOWrapper) and stream.seekable()
    except ValueError:  # closed, or detached: start-up code has wrapped what is below it
        return False


def real_stderr() -> TextIO:
    """Return a stream to the standard error that the process has now, before it is captured.

    What does not fit into a pipe that is not read is dropped.
    """
    raw = _Unread(os.dup(DESCRIPTORS[StreamName.STDERR]))
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

    def close(self) -> None:
        if not self.closed:
            super().close()
            os.close(self._descriptor)

    def write(self, data: Buffer, /) -> int:  # type: ignore[override]
        view = memoryview(data).cast("B")
        for start in range(0, len(view), select.PIPE_BUF):
            if not self._poll.poll(0):
                break
            with suppress(OSError):  # the reader is gone
                # A pipe that is ready takes that much at once.
                os.write(self._descriptor, view[start : start + select.PIPE_BUF])
        return len(view)
