"""The kernel's side of the process that reads where the kernel cannot (`_reserve_reader`)."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from operator import call

from assay._platform import anonymous_file, nonblocking_pipe
from assay.kernel._own_thread import OwnThread
from assay.kernel.output import _reserve_reader
from assay.kernel.output._reserve_reader import (
    ANSWERED,
    HEAD_BYTES,
    MOVED,
    MOVED_AT_ONCE,
    NUMBER_BYTES,
    RING_BYTES,
    TAKEN,
    ring_offset,
)
from assay.transport import get_logger

__all__ = ["READ_BYTES", "Reserve"]

logger = get_logger("assay.kernel")

READ_BYTES = 1 << 16
"""Of one read."""

LOCK_TRIES = 1_000
LOCK_REST_S = 0.001
"""Between two tries to lock the file: the process has it for the time of one move, a megabyte."""

IN_BACKGROUND = ("/bin/sh", "-c", '"$@" &', "sh")
"""What starts a process that is no child of the kernel's, so that a program which waits for all of
its children (`os.wait`) does not wait for this one."""


class Reserve:
    """A process that moves what is in a full pipe into a file, and what reads that file here.

    The pipes are read by this from then on, by one thread at a time.

    Args:
        pipes: The read end and the write end of each, at most two.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, pipes: Sequence[tuple[int, int]]) -> None:
        self._file = anonymous_file()
        self._life, life = nonblocking_pipe()[::-1]
        self.questions, question = nonblocking_pipe()
        """Readable when the process asks whether the kernel can read: see `answer`."""
        self._answered = 0
        given = (self._file, question, life, *(end for pipe in pipes for end in pipe))
        try:
            # The numbers have their room from the beginning, whatever the disk has later.
            os.pwrite(self._file, bytes(HEAD_BYTES), 0)
            self._start(given)
        except BaseException:
            self.close()
            raise
        finally:
            os.close(question)
            os.close(life)
        self._pipes = [_Reading(self._file, number, pipe[0]) for number, pipe in enumerate(pipes)]

    @staticmethod
    def _start(given: Sequence[int]) -> None:
        path = os.path.abspath(_reserve_reader.__file__)  # noqa: PTH100 - pathlib is no part of the start
        program = (os.path.abspath(sys.executable), "-I", "-S", "-B", path)  # noqa: PTH100 - as above
        if not sys.executable:
            raise FileNotFoundError("wanted the path of Python, found none")
        command = [*IN_BACKGROUND, *program, str(os.getpid()), *map(str, given)]
        started = subprocess.Popen(  # noqa: S603 - of ours alone
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=given,
            cwd="/",  # the kernel's may be on something that is to be unmounted
            start_new_session=True,
        )
        # The shell ends at once; on a busy machine that takes longer than a client should wait.
        OwnThread(target=started.wait, name="assay-reserve", daemon=True).start()

    def answer(self) -> None:
        """Say that threads of Python's run; in the I/O thread, when `questions` is readable."""
        os.read(self.questions, READ_BYTES)
        self._answered += 1
        _write(self._file, ANSWERED, self._answered)

    def read(self, number: int) -> bytes:
        """Return some of what was written to a pipe, in order; empty if there is nothing.

        Nobody else reads that pipe meanwhile.
        """
        return self._pipes[number].read()

    def pieces(self) -> int:
        """Return how many calls of `read` it takes at most to get what has left the pipes."""
        # The last piece of a ring is smaller, and so is the one byte that stays in a pipe. What
        # is being moved just now has left the pipe, and is not in the file.
        return sum(2 + (reading.moved() + MOVED_AT_ONCE) // READ_BYTES for reading in self._pipes)

    def close(self) -> None:
        """Let the process end."""
        for descriptor in (self._file, self._life, self.questions):
            os.close(descriptor)


class _Reading:
    """One pipe, and what of it is in the file.

    A thread that has the file locked may lose Python's lock between two steps, and a program that
    writes while it holds that one waits for ever then. So lock, look, read and unlock are calls of
    C that keep Python's lock, made one after the other by C code: the others if the file could be
    locked, and none otherwise. None of them waits, for what waits keeps Python's lock as well, and
    ends without the file's when a signal comes.
    """

    def __init__(self, file: int, number: int, read_end: int) -> None:
        self._file = file
        self._moved_at, self._taken_at = MOVED[number], TAKEN[number]
        self._ring = ring_offset(number)
        self._taken = 0
        library = ctypes.PyDLL(None)
        lock, look, read = library.lockf, library.pread, library.read
        lock.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_long)
        look.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_long)
        read.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t)
        look.restype = read.restype = ctypes.c_ssize_t
        self._moved = ctypes.create_string_buffer(NUMBER_BYTES)
        self._data = ctypes.create_string_buffer(READ_BYTES)
        self._lock: Callable[[], int] = partial(lock, file, os.F_TLOCK, 0)
        self._steps: tuple[Callable[[], int], ...] = (
            partial(look, file, self._moved, NUMBER_BYTES, self._moved_at),
            partial(read, read_end, self._data, READ_BYTES),
            partial(lock, file, os.F_ULOCK, 0),
        )

    def read(self) -> bytes:
        if moved := self.moved():
            return self._take(moved)
        for _ in range(LOCK_TRIES):
            if (found := self._read_pipe()) is not None:
                break
            time.sleep(LOCK_REST_S)
        else:
            return b""
        total, data = found
        # What was moved between the two looks stands before what was read.
        before = []
        while self._taken < total:
            before.append(self._take(total - self._taken))
        return b"".join((*before, data)) if before else data

    def moved(self) -> int:
        """Return how many bytes are in the file that have not been taken."""
        total = int.from_bytes(os.pread(self._file, NUMBER_BYTES, self._moved_at), sys.byteorder)
        return total - self._taken

    def _read_pipe(self) -> tuple[int, bytes] | None:
        """Return how much had been moved when *data* was read from the pipe, and *data*.

        Nothing is read, and None returned, while the other process has the file locked.
        """
        results: list[int] = []
        others: Callable[[], int | None] = partial(results.extend, map(call, self._steps))
        # `any` goes on to the others after 0, which says that the file is locked.
        if any(map(call, (self._lock, others))):
            return None
        _, length, _ = results
        moved = int.from_bytes(self._moved.raw, sys.byteorder)
        return moved, ctypes.string_at(self._data, max(length, 0))

    def _take(self, at_most: int) -> bytes:
        at = self._taken % RING_BYTES
        wanted = min(at_most, RING_BYTES - at, READ_BYTES)
        data = os.pread(self._file, wanted, self._ring + at)
        if not data:  # it would be waited for, and the pipe never read again
            logger.warning("%s bytes of captured output are lost: their file has been cut", wanted)
        self._taken += len(data) or wanted
        _write(self._file, self._taken_at, self._taken)
        return data


def _write(file: int, at: int, number: int) -> None:
    os.pwrite(file, number.to_bytes(NUMBER_BYTES, sys.byteorder), at)
