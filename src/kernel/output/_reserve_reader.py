"""Read the captured descriptors where the kernel cannot: a program of its own (decision 0025).

A thread that writes to a full pipe while it holds Python's lock waits for the kernel's reader,
which waits for that lock. This process needs neither. It sleeps until something is written, and
does nothing while the kernel reads. Where a pipe stays full and the kernel does not answer a
question either, which it does in a thread of Python's, what is in the pipe is moved into memory
that both have mapped, until the kernel answers again.

The memory is a head of numbers of eight bytes, and behind it a ring for each pipe. Numbers only
grow, and each has one writer:

| number         | written by | what                                                |
|----------------|------------|-----------------------------------------------------|
| `MOVED` (two)  | this       | bytes that have been moved from the pipe            |
| `TAKEN` (two)  | the kernel | bytes of these that it has taken                    |
| `ANSWERED`     | the kernel | questions that it has answered                      |

Who reads a pipe has the memory's file locked, so that it is known what came first; a lock is gone
with its process. One byte stays in the pipe, so that the kernel finds it readable as long as
something is in the memory: it has no more to look at than without this process.

Nothing is taken from a pipe that the ring has no room for: its writer waits, as it would without
this process. The memory has its full size from the beginning, so no part of it can be refused
later: not by a full disk, and not by a limit of files that code sets.

Run by path, without the project's packages: it takes 3 MB and 15 ms of a processor, once.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import select
import sys
import termios
from collections.abc import Sequence
from contextlib import suppress

__all__ = [
    "ANSWERED",
    "HEAD_BYTES",
    "MEMORY_BYTES",
    "MOVED",
    "MOVED_AT_ONCE",
    "RING_BYTES",
    "TAKEN",
    "numbers_of",
    "ring_offset",
]

MOVED = 0, 1
TAKEN = 2, 3
ANSWERED = 4
HEAD_BYTES = 1 << 16
"""A whole number of pages, on all machines."""

RING_BYTES = 1 << 26
"""Of text that no kernel reads meanwhile: what stands there takes memory, the rest does not."""

MEMORY_BYTES = HEAD_BYTES + 2 * RING_BYTES

MOVED_AT_ONCE = 1 << 20

FIRST_LOOK_MS = 50
"""A kernel that can read has read by then."""

ANSWER_MS = 300
"""How long a kernel may take that can answer: it waits for Python's lock as other threads do."""

SHORTEST_REST_MS, LONGEST_REST_MS = 1, 50
"""Between two looks at pipes that the kernel does not read: a writer fills one in a millisecond."""

TIDY_MS = 250
"""Between looks whether the kernel has taken all."""


def ring_offset(number: int) -> int:
    """Return where in the memory the ring of a pipe begins: of stdout 0, of stderr 1."""
    return HEAD_BYTES + number * RING_BYTES


def numbers_of(memory: mmap.mmap) -> memoryview:
    """Return the head of *memory*; each number is read and written in one step."""
    return memoryview(memory)[:HEAD_BYTES].cast("Q")


class Reader:
    """The process: what it has open, and what it knows of the kernel.

    Args:
        file: Of the memory, where what is moved goes.
        question: A pipe's write end, which never waits: the kernel answers each byte.
        kernel: Readable when the kernel has ended, each of them.
        pipes: The read end and the write end of each.
    """

    def __init__(
        self, file: int, question: int, kernel: Sequence[int], pipes: Sequence[tuple[int, int]]
    ) -> None:
        self._file = file
        self._memory = mmap.mmap(file, MEMORY_BYTES)
        self._numbers = numbers_of(self._memory)
        self._question = question
        self._pipes = pipes
        self._end = select.poll()
        self._readable = select.poll()
        for descriptor in kernel:
            self._end.register(descriptor, select.POLLIN)
            self._readable.register(descriptor, select.POLLIN)
        for read_end, _ in pipes:
            self._readable.register(read_end, select.POLLIN)
        self._room = [select.poll() for _ in pipes]
        for poll, (_, write_end) in zip(self._room, pipes, strict=True):
            poll.register(write_end, select.POLLOUT)

    def serve(self) -> None:
        """Stand in for the kernel whenever it does not answer; its end raises `SystemExit`."""
        is_tidy = True
        while True:
            self._readable.poll(None if is_tidy else TIDY_MS)
            self._rest(FIRST_LOOK_MS)
            if any(map(self._is_full, range(len(self._pipes)))):
                before = self._numbers[ANSWERED]
                if not self._is_answered(before):
                    self._stand_in(before)
                    is_tidy = False
            # Also beside a writer that keeps its pipe full for ever.
            is_tidy = is_tidy or self._tidy()

    def _stand_in(self, before: int) -> None:
        """Move what comes until the kernel answers; before this it has answered *before* times."""
        rest = SHORTEST_REST_MS
        while self._numbers[ANSWERED] == before:
            full = filter(self._is_full, range(len(self._pipes)))
            moved = [self._move(number) for number in full]
            rest = SHORTEST_REST_MS if any(moved) else min(2 * rest, LONGEST_REST_MS)
            self._rest(rest)

    def _move(self, number: int) -> bool:
        """Return True if something has been moved."""
        os.lockf(self._file, os.F_LOCK, 0)
        try:
            moved = self._numbers[MOVED[number]]
            room = RING_BYTES - (moved - self._numbers[TAKEN[number]])
            at = moved % RING_BYTES
            read_end, _ = self._pipes[number]
            waiting = int.from_bytes(
                fcntl.ioctl(read_end, termios.FIONREAD, bytes(4)), sys.byteorder
            )
            wanted = min(waiting - 1, room, RING_BYTES - at, MOVED_AT_ONCE)
            if wanted <= 0:
                return False
            offset = ring_offset(number) + at
            done = self._read_into(offset, read_end, wanted)
            self._numbers[MOVED[number]] = moved + done
            return done > 0
        finally:
            os.lockf(self._file, os.F_ULOCK, 0)

    def _read_into(self, offset: int, read_end: int, wanted: int) -> int:
        """Return how many bytes have been read into the memory."""
        with memoryview(self._memory) as memory, memory[offset : offset + wanted] as ring:
            try:
                return os.readv(read_end, [ring])
            except OSError:  # the pipe is empty although it counted some; or there is no memory
                return 0

    def _tidy(self) -> bool:
        """Give back the memory of what was taken, and return True; False if there is more to take.

        Taken is copied: the kernel reads no byte of the rings once it has sent that.
        """
        os.lockf(self._file, os.F_LOCK, 0)
        try:
            pairs = zip(MOVED, TAKEN, strict=True)
            if any(self._numbers[moved] != self._numbers[taken] for moved, taken in pairs):
                return False
            if sys.platform == "linux":
                self._memory.madvise(mmap.MADV_REMOVE, HEAD_BYTES, 2 * RING_BYTES)
            return True
        finally:
            os.lockf(self._file, os.F_ULOCK, 0)

    def _is_full(self, number: int) -> bool:
        return not self._room[number].poll(0)

    def _is_answered(self, before: int) -> bool:
        """Ask; return True if the kernel has answered more than *before* times."""
        with suppress(BlockingIOError):  # there are questions enough
            os.write(self._question, b"?")
        for _ in range(ANSWER_MS // SHORTEST_REST_MS):
            self._rest(SHORTEST_REST_MS)
            if self._numbers[ANSWERED] != before:
                return True
        return False

    def _rest(self, milliseconds: int) -> None:
        if self._end.poll(milliseconds):
            raise SystemExit


def main(arguments: Sequence[str]) -> None:
    """Serve the kernel that *arguments* name: its number, and descriptors that it has given."""
    pid, file, question, life, *ends = map(int, arguments)
    pipes = [
        (read_end, write_end) for read_end, write_end in zip(ends[::2], ends[1::2], strict=True)
    ]
    if sys.platform == "linux":
        try:
            # A forked child of the kernel's has the other end of `life` too.
            kernel = os.pidfd_open(pid)
            Reader(file, question, [life, kernel], pipes).serve()
        except OSError:  # the kernel has ended just now: there is nothing to do
            return


if __name__ == "__main__":
    main(sys.argv[1:])
