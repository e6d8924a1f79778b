"""The kernel's side of the process that reads where the kernel cannot (`_reserve_reader`).

**Theory of operation.** The process asks a question by a pipe whenever a captured pipe is full. The
I/O thread answers it, which it can only if threads of Python's run; then the kernel reads by itself
and nothing is moved. Without an answer the process moves what is in the pipe into the memory.

Why the order holds: what is in the memory was written before what is in the pipe. A reader takes
what is in the memory; only if that is empty it locks the file, looks how much has been moved, reads
the pipe and unlocks. The process moves under the same lock. So what it moved just before is known,
and is put in front of what was read.

Why neither waits for the other for ever: the steps under the lock are calls of C, made one after
the other without Python's lock being given up (`_Reading`), and none of them waits. A kernel that
dies leaves no lock, and a process that was killed neither: the kernel reads the pipes alone then.

How it ends: it sees a kernel that closes its end of a pipe (`life`), and one that ends in whatever
way by a descriptor of its process, since a forked child may have that end as well.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from operator import call

from assay._clock import sleep
from assay._platform import nonblocking_pipe
from assay._platform._memory import anonymous_memory
from assay.kernel.output import _reserve_reader
from assay.kernel.output._reserve_reader import (
    ANSWERED,
    MEMORY_BYTES,
    MOVED,
    MOVED_AT_ONCE,
    RING_BYTES,
    TAKEN,
    numbers_of,
    ring_offset,
)
from assay.kernel.process._process_beside import why_none_beside

__all__ = ["READ_BYTES", "Reserve"]

READ_BYTES = 1 << 16
"""Of one read."""

LOCK_TRIES = 1_000
FEW_LOCK_TRIES = 3
"""In the I/O thread, which comes again after its other work."""
LOCK_REST_S = 0.001
"""Between two tries to lock the file: the process has it for the time of one move, a megabyte."""

IN_BACKGROUND = ("/bin/sh", "-c", '"$@" &', "sh")
"""What starts a process that is no child of the kernel's, so that a program which waits for all of
its children (`os.wait`) does not wait for this one."""


class Reserve:
    """A process that moves what is in a full pipe into memory, and what reads that memory here.

    The pipes are read by this from then on, by one thread at a time.

    Args:
        pipes: The read end and the write end of each, at most two.

    Raises:
        OSError: it cannot be started, or must not be in this process.
    """

    def __init__(self, pipes: Sequence[tuple[int, int]]) -> None:
        if (reason := why_none_beside()) is not None:
            raise OSError(reason)
        with ExitStack() as ours, ExitStack() as given:
            file = anonymous_memory(MEMORY_BYTES)
            ours.callback(os.close, file)
            memory = ours.enter_context(mmap.mmap(file, MEMORY_BYTES))
            self._numbers = ours.enter_context(numbers_of(memory))
            life, self._life = nonblocking_pipe()
            given.callback(os.close, life)
            ours.callback(os.close, self._life)
            self.questions, question = nonblocking_pipe()
            """Readable when the process asks whether the kernel can read: see `answer`."""
            ours.callback(os.close, self.questions)
            given.callback(os.close, question)
            _start((file, question, life, *(end for pipe in pipes for end in pipe)))
            self._pipes = [
                _Reading(file, memory, self._numbers, number, read_end)
                for number, (read_end, _) in enumerate(pipes)
            ]
            self._open = ours.pop_all()

    def answer(self) -> None:
        """Say that threads of Python's run; in the I/O thread, when `questions` is readable."""
        os.read(self.questions, READ_BYTES)
        self._numbers[ANSWERED] += 1

    def read(self, number: int, may_wait: bool, /) -> bytes:
        """Return some of what was written to a pipe, in order; empty if there is nothing.

        No other reader has that pipe meanwhile. While the other process does, it is waited for: a
        second, or where *may_wait* is False some milliseconds.
        """
        return self._pipes[number].read(LOCK_TRIES if may_wait else FEW_LOCK_TRIES)

    def pieces(self) -> int:
        """Return how many calls of `read` it takes at most to get what has left the pipes."""
        # The last piece of a ring is smaller, and so is the one byte that stays in a pipe. What
        # is being moved just now has left the pipe, and is not counted in the memory.
        return sum(2 + (reading.moved() + MOVED_AT_ONCE) // READ_BYTES for reading in self._pipes)

    def close(self) -> None:
        """Let the process end."""
        self._open.close()


def _start(given: Sequence[int]) -> None:
    """Start the process; before this returns, what has started it is gone.

    Raises:
        OSError: there is no room for it.
    """
    path = os.path.abspath(_reserve_reader.__file__)  # noqa: PTH100 - pathlib is no part of the start
    program = (os.path.abspath(sys.executable), "-I", "-S", "-B", path)  # noqa: PTH100 - as above
    subprocess.run(  # noqa: S603 - of ours alone
        [*IN_BACKGROUND, *program, str(os.getpid()), *map(str, given)],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=given,
        cwd="/",  # the kernel's may be on something that is to be unmounted
        start_new_session=True,
    )


class _Reading:
    """One pipe, and the part of its bytes that is in the memory.

    A thread that has the file locked may lose Python's lock between two steps, and a program that
    writes while it holds that one waits for ever then. So lock, look, read and unlock are calls of
    C that keep Python's lock, made one after the other by C code: the others if the file could be
    locked, and none otherwise. None of them waits, for what waits keeps Python's lock as well, and
    ends without the file's when a signal comes.
    """

    def __init__(
        self, file: int, memory: mmap.mmap, numbers: memoryview, number: int, read_end: int
    ) -> None:
        self._memory = memory
        self._numbers = numbers
        self._moved_at, self._taken_at = MOVED[number], TAKEN[number]
        self._ring = ring_offset(number)
        self._taken = 0
        library = ctypes.PyDLL(None)
        lock, read = library.lockf, library.read
        lock.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_long)
        read.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t)
        read.restype = ctypes.c_ssize_t
        self._data = ctypes.create_string_buffer(READ_BYTES)
        self._lock: Callable[[], int] = partial(lock, file, os.F_TLOCK, 0)
        self._steps: tuple[Callable[[], int], ...] = (
            partial(numbers.__getitem__, self._moved_at),
            partial(read, read_end, self._data, READ_BYTES),
            partial(lock, file, os.F_ULOCK, 0),
        )

    def read(self, tries: int) -> bytes:
        if moved := self.moved():
            return self._take(moved)
        for _ in range(tries):
            if (found := self._read_pipe()) is not None:
                break
            sleep(LOCK_REST_S)
        else:
            return b""
        total, data = found
        # What was moved between the two looks stands before what was read.
        before = []
        while self._taken < total:
            before.append(self._take(total - self._taken))
        return b"".join((*before, data)) if before else data

    def moved(self) -> int:
        """Return how many bytes are in the memory that have not been taken."""
        return int(self._numbers[self._moved_at]) - self._taken

    def _read_pipe(self) -> tuple[int, bytes] | None:
        """Return how much had been moved when *data* was read from the pipe, and *data*.

        Nothing is read, and None returned, while the other process has the file locked.
        """
        results: list[int] = []
        others: Callable[[], int | None] = partial(results.extend, map(call, self._steps))
        # `any` goes on to the others after 0, which says that the file is locked.
        if any(map(call, (self._lock, others))):
            return None
        moved, length, _ = results
        return moved, ctypes.string_at(self._data, max(length, 0))

    def _take(self, at_most: int) -> bytes:
        at = self._taken % RING_BYTES
        begin = self._ring + at
        data = self._memory[begin : begin + min(at_most, RING_BYTES - at, READ_BYTES)]
        self._taken += len(data)
        self._numbers[self._taken_at] = self._taken
        return data
