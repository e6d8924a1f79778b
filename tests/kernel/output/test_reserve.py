"""What is written where no thread of the kernel can read: nothing hangs, and all of it is shown."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay._platform import (
    IS_PORTABLE,
    anonymous_file,
    enlarge_pipe,
    nonblocking_pipe,
    process_descriptor,
)
from assay.kernel.output import _reserve, _reserve_reader
from assay.kernel.output._reserve import _Reading
from assay.kernel.output._reserve_reader import HEAD_BYTES, Reader, ring_offset
from assay.protocol import StreamName
from assay.transport import Client, KernelProcess
from tests.kernel._kernels import HANG_LIMIT_S, execute, result, start, succeeded, value

HOLDING = "import ctypes, os; holding = ctypes.PyDLL(None)"
"""What calls C functions without releasing Python's lock."""

OUR_READERS = """
def readers():
    found = []
    for pid in filter(str.isdecimal, os.listdir('/proc')):
        try:
            words = open(f'/proc/{pid}/cmdline', 'rb').read().split(b'\\0')
        except OSError:
            continue
        if b'%d' % os.getpid() in words and b''.join(words[4:5]).endswith(b'_reserve_reader.py'):
            assert os.readlink(f'/proc/{pid}/cwd') == '/'  # it keeps no folder busy
            found.append(int(pid))
    return found

while not (found := readers()):  # the shell may not have become it yet
    pass
"""


WITH_READER = {"ASSAY_RESERVE": "1"}


@pytest.fixture(scope="module")
def shared_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KernelProcess]:
    """A kernel that was asked to have a reader."""
    with start(tmp_path_factory.mktemp("kernel"), env=WITH_READER) as kernel:
        yield kernel


@pytest.mark.parametrize("megabytes", [3, 12])
def test_writer_that_holds_the_lock_is_read(client: Client, megabytes: int) -> None:
    """More than a pipe holds, in one call, on both streams: in order with what Python prints."""
    answer = execute(
        client,
        f"{HOLDING}\n"
        f"for letter in b'ab':\n"
        f"    text = bytes([letter]) * {megabytes}_000_000\n"
        f"    holding.printf(b'%s\\n', text); print('printed', letter)\n"
        f"    _ = holding.write(2, text, len(text))\n",
    )

    length = megabytes * 1_000_000
    wanted = "".join(f"{letter * length}\nprinted {ord(letter)}\n" for letter in "ab")
    # Compared by hand: pytest would show the difference of megabytes.
    assert (answer.text() == wanted) is True
    assert (answer.text(StreamName.STDERR) == "a" * length + "b" * length) is True


def test_children_and_threads_write_as_before(client: Client) -> None:
    """What releases the lock is read by the kernel itself, also beside a thread that holds it."""
    answer = execute(
        client,
        f"{HOLDING}; import subprocess, threading\n"
        "holder = threading.Thread(target=lambda: [holding.usleep(20_000) for _ in range(40)])\n"
        "holder.start()\n"
        "for number in range(20):\n"
        "    os.write(1, b'w' * 300_000 + b'\\n'); print('line', number)\n"
        "subprocess.run('yes | head -c 4000000; yes e | head -c 4000000 >&2',"
        " shell=True)\n"
        "holder.join()",
    )

    lines = "".join(f"{'w' * 300_000}\nline {number}\n" for number in range(20))
    assert (answer.text() == lines + "y\n" * 2_000_000) is True


def test_no_child_of_the_kernel(client: Client) -> None:
    """A program that waits for all of its children does not wait for the kernel's."""
    code = (
        "import os, threading\n"
        "for thread in threading.enumerate():\n"
        "    if thread.name == 'assay-reserve': thread.join()\n"  # the shell was a child until then
        "if not (child := os.fork()): os._exit(0)\n"
        "first = os.wait()[0] == child\n"
        "try: os.wait()\nexcept ChildProcessError: print(first)"
    )

    assert execute(client, code).text() == "True\n"


@pytest.mark.skipif(
    IS_PORTABLE or not Path("/proc/self/cmdline").exists(), reason="wants /proc and pidfd"
)
def test_reader_ends_with_the_kernel_and_not_before_it(tmp_path: Path) -> None:
    """A kernel that is killed leaves no process, though a forked child of it lives on; and one that
    lost its reader goes on."""
    with start(tmp_path, env=WITH_READER) as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        succeeded(execute(client, f"{HOLDING}{OUR_READERS}"))
        reader = int(str(value(client, "found[0]")))
        end = process_descriptor(reader)
        os.kill(reader, 9)
        wait_for_end(end)
        goes_on = execute(
            client, "os.system('echo child'); os.write(1, b'w' * 3_000_000); print(1)"
        )

    with start(tmp_path, env=WITH_READER) as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        succeeded(execute(client, f"{HOLDING}{OUR_READERS}"))
        reader = int(str(value(client, "found[0]")))
        end = process_descriptor(reader)
        child = int(str(result(execute(client, FORKS))))
        kernel.kill(gently=False)
        wait_for_end(end)
        os.kill(child, 9)

    assert (goes_on.text() == "child\n" + "w" * 3_000_000 + "1\n") is True


FORKS = """
child = os.fork()
if not child:
    os.setsid()
    import signal; signal.pause()
child
"""


def wait_for_end(process: int | None) -> None:
    """Wait until the process has ended that a descriptor stands for."""
    assert process is not None
    ended = select.poll()
    ended.register(process, select.POLLIN)
    assert ended.poll(HANG_LIMIT_S * 1000)
    os.close(process)


# --- The two sides, in one process


@contextmanager
def both_sides() -> Iterator[tuple[int, Reader, _Reading]]:
    """Give a pipe's write end, what moves from it, and what reads it."""
    file = anonymous_file()
    read_end, write_end = os.pipe()
    enlarge_pipe(write_end, 1 << 16)
    os.set_blocking(read_end, False)
    os.set_blocking(write_end, False)
    life, question = nonblocking_pipe()
    try:
        reader = Reader(file, question, [life], [(read_end, write_end)])
        yield write_end, reader, _Reading(file, 0, read_end)
    finally:
        for descriptor in (file, read_end, write_end, life, question):
            os.close(descriptor)


class Disk:
    """What gives files no room behind an offset, as a full disk and ``ulimit -f`` do."""

    def __init__(self, patch: pytest.MonkeyPatch, end: int | None = None) -> None:
        self.end = end
        self._pwrite = os.pwrite
        patch.setattr(os, "pwrite", self.write)

    def write(self, file: int, data: bytes, offset: int) -> int:
        """Write what there is room for."""
        if self.end is not None and offset >= self.end:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        return self._pwrite(file, data[: self.end and self.end - offset], offset)


STEPS = st.lists(
    st.sampled_from(["write", "move", "read", "move within read", "tidy", "fill", "free"]),
    max_size=40,
)


@given(STEPS)
def test_order_whoever_reads(steps: list[str]) -> None:
    """Whatever is moved when, also between two looks of one read, all comes in order."""
    with pytest.MonkeyPatch.context() as patch, both_sides() as (write_end, reader, reading):
        patch.setattr(_reserve_reader, "RING_BYTES", 10_000)
        patch.setattr(_reserve, "RING_BYTES", 10_000)
        patch.setattr(_reserve, "READ_BYTES", 3_000)
        disk = Disk(patch)
        written, found = bytearray(), bytearray()
        lock = reading._lock
        for number, step in enumerate((*steps, *["read"] * 40)):
            match step:
                case "write":
                    text = b"%06d" % number * 700
                    written += text[: os.write(write_end, text)]
                case "move":
                    reader._move(0)
                case "read":
                    found += reading.read()
                case "tidy":
                    reader._tidy()
                case "fill" | "free":
                    disk.end = ring_offset(0) + 5_000 if step == "fill" else None
                case _:
                    reading._lock = partial(moved_before, reader, lock)
                    found += reading.read()
                    reading._lock = lock

    assert found == written


def moved_before(reader: Reader, step: Callable[[], int]) -> int:
    """Let *reader* move what it finds, and only then do a step."""
    reader._move(0)
    return step()


def test_pipe_stays_readable_while_something_is_in_the_file() -> None:
    """The kernel looks at the pipe alone: one byte stays there."""
    with both_sides() as (write_end, reader, reading):
        os.write(write_end, b"12345")
        reader._move(0)
        reader._move(0)
        moved = reading.moved()
        found = reading.read(), reading.read(), reading.read()

    assert moved == 4
    assert found == (b"1234", b"5", b"")


def test_nothing_leaves_a_pipe_that_the_file_has_no_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a full disk the rest stays in the pipe, where the kernel finds it."""
    with both_sides() as (write_end, reader, reading):
        disk = Disk(monkeypatch, ring_offset(0) + 4)
        os.write(write_end, b"1234567")
        moves = [reader._move(0), reader._move(0)]
        moved = reading.moved()
        found = [reading.read(), reading.read(), reading.read()]
        disk.end = None
        os.write(write_end, b"abc")
        moves += [reader._move(0)]
        found += [reading.read(), reading.read()]

    assert (moves, moved) == ([True, False, True], 4)
    assert found == [b"1234", b"567", b"", b"ab", b"c"]


def test_pipe_is_read_again_after_the_file_was_cut() -> None:
    """What is not there is not waited for."""
    with both_sides() as (write_end, reader, reading):
        os.write(write_end, b"12345")
        reader._move(0)
        os.ftruncate(reading._file, HEAD_BYTES)
        found = reading.read(), reading.read()

    assert found == (b"", b"5")


def test_pipe_that_is_emptied_meanwhile_ends_no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a pipe has in it may be wrong when it is read, and the process goes on."""
    with both_sides() as (write_end, reader, reading):
        os.write(write_end, b"12345")
        with monkeypatch.context() as patch:
            patch.setattr(fcntl, "ioctl", emptied_by(reading))
            is_moved = reader._move(0)
        os.write(write_end, b"67")
        moves = is_moved, reader._move(0)
        found = reading.read(), reading.read()

    assert moves == (False, True)
    assert found == (b"6", b"7")


def emptied_by(reading: _Reading) -> Callable[[int, int, bytes], bytes]:
    """Return an `ioctl` after which nothing is in the pipe."""
    ioctl = fcntl.ioctl

    def answer(descriptor: int, request: int, buffer: bytes) -> bytes:
        waiting = ioctl(descriptor, request, buffer)
        reading.read()
        return waiting

    return answer


LOCKS = """
import os, sys
os.lockf(int(sys.argv[1]), os.F_LOCK, 0)
print(flush=True)
sys.stdin.read()
"""


def test_pipe_is_not_read_while_the_other_process_has_the_file_locked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither is it waited for within a call of C, which a signal would end without the lock."""
    monkeypatch.setattr(_reserve, "LOCK_TRIES", 2)
    with both_sides() as (write_end, _, reading):
        os.write(write_end, b"12345")
        file = reading._file
        with subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", LOCKS, str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[file],
        ) as other:
            assert other.stdout is not None
            other.stdout.readline()
            meanwhile = reading.read()
            other.communicate()
        found = reading.read()

    assert (meanwhile, found) == (b"", b"12345")
