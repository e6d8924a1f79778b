"""What is written where no thread of the kernel can read: nothing hangs, and all of it is shown."""

from __future__ import annotations

import fcntl
import inspect
import mmap
import os
import re
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

from assay._platform import IS_PORTABLE, enlarge_pipe, nonblocking_pipe
from assay._platform._memory import anonymous_memory
from assay._platform._processes import process_descriptor
from assay.kernel.output import _reserve, _reserve_reader
from assay.kernel.output._reserve import _Reading
from assay.kernel.output._reserve_reader import MEMORY_BYTES, Reader, numbers_of
from assay.kernel.process import _process_beside
from assay.kernel.process._process_beside import why_none_beside
from assay.protocol import StreamName
from assay.transport import Client, KernelProcess
from tests import moments
from tests.kernel._kernels import HANG_LIMIT_S, argv, execute, result, start, succeeded, value

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

text = b'w' * 3_000_000
holding.printf(b'%s', text)  # ends when the process has read: it is there then
found = readers()
"""


WITH_READER = {"ASSAY_RESERVE": ""}
"""What leaves it to the kernel; for the kernels of most tests it is 0."""


WHY_NONE = "the second forms are used" if IS_PORTABLE else why_none_beside()
WANTED = pytest.mark.skipif(WHY_NONE is not None, reason=str(WHY_NONE))


@pytest.fixture(scope="module")
def shared_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KernelProcess]:
    """A kernel that has a reader."""
    with start(tmp_path_factory.mktemp("kernel"), env=WITH_READER) as kernel:
        yield kernel


@WANTED
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
        "import os\n"
        "if not (child := os.fork()): os._exit(0)\n"
        "first = os.wait()[0] == child\n"
        "try: os.wait()\nexcept ChildProcessError: print(first)"
    )

    assert execute(client, code).text() == "True\n"


@WANTED
def test_files_that_may_not_grow_hold_nothing_back(client: Client) -> None:
    """A limit that code sets is for files, and the memory has its size already."""
    answer = execute(
        client,
        f"{HOLDING}; import resource\n"
        "text = b'w' * 3_000_000\n"
        "limits = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))\n"
        "holding.printf(b'%s\\n', text); print('.')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, limits)",
    )

    assert (answer.text() == "w" * 3_000_000 + "\n.\n") is True


def test_kernel_under_a_limit_of_files_has_none_and_serves(tmp_path: Path) -> None:
    """``ulimit -f`` below the size of the memory: the kernel reads all that it can."""
    limited = ["/bin/sh", "-c", 'ulimit -f 100000; exec "$@"', "sh", *argv()]
    code = f"import os\n{OUR_READERS.partition('text =')[0]}\nos.system('yes | head -c 2000000')"
    with (
        start(tmp_path, env=WITH_READER, command=limited) as kernel,
        kernel.client(timeout=HANG_LIMIT_S) as client,
    ):
        answer = execute(client, f"{code}\nprint(readers())")

    assert (answer.text() == "y\n" * 1_000_000 + "[]\n") is True


STRIKES = """
def raises(*_):
    raise KeyboardInterrupt
if NUMBER != signal.SIGINT:
    signal.signal(NUMBER, raises)

def is_interrupted(place):
    try:
        has_fewer = struck(lambda: print('.'), place, lambda: signal.raise_signal(NUMBER))
        if NUMBER == signal.SIGINT and not has_fewer:
            time.sleep(LIMIT)  # it has been put off, and comes again
    except KeyboardInterrupt:
        return True

interrupts = 0
for place in range(150):  # there are about 110
    os.write(1, b'<%d>' % place)
    interrupts += is_interrupted(place) is True
print(interrupts)
"""


@pytest.mark.parametrize("number", ["SIGINT", "SIGALRM"])
def test_signals_lose_nothing(client: Client, number: str) -> None:
    """What was written to a descriptor is shown, wherever an interrupt strikes the `print` behind
    it, or a handler of the program's that raises."""
    imports = f"import os, signal, time\nLIMIT = {HANG_LIMIT_S}; NUMBER = signal.{number}\n"
    succeeded(execute(client, imports + inspect.getsource(moments)))
    text = execute(client, STRIKES).text()

    assert re.findall(r"<(\d+)>", text) == [str(number) for number in range(150)]
    assert int(text.splitlines()[-1]) > 0


HANDLES_CHILDREN = """
import signal
seen = []
def raises(*_):
    seen.append(1)
    print('a child has ended')
    raise RuntimeError('a child that I did not start')
signal.signal(signal.SIGCHLD, raises)
"""


def test_start_up_code_that_handles_children_sees_none(tmp_path: Path) -> None:
    """The kernel starts, and starts no process beside it."""
    folder = tmp_path / "ipythondir" / "profile_default" / "startup"
    folder.mkdir(parents=True)
    (folder / "10-children.py").write_text(HANDLES_CHILDREN)
    with start(tmp_path, env=WITH_READER) as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        assert value(client, "seen") == "[]"


@WANTED
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


# --- Where there is none


@WANTED
def test_programs_that_are_no_python_start_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would start themselves once more."""
    for executable in ("", None, "/opt/bin/blender"):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "executable", executable)
            assert "path of Python" in str(why_none_beside())
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert "path of Python" in str(why_none_beside())


@WANTED
def test_systems_that_show_no_end_of_processes_start_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that outlives its kernel would be left."""
    monkeypatch.setattr(_process_beside, "process_descriptor", lambda _: None)
    assert "no descriptors" in str(why_none_beside())


@WANTED
def test_first_process_of_a_container_starts_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Orphans are its children."""
    monkeypatch.setattr(os, "getpid", lambda: 1)
    assert "child" in str(why_none_beside())


@WANTED
def test_child_of_process_1_starts_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is process 1 of a container reaps no orphans: each would be a zombie."""
    monkeypatch.setattr(os, "getppid", lambda: 1)
    assert "orphans" in str(why_none_beside())


REAPS = """
import ctypes
from assay.kernel.process._process_beside import why_none_beside
first = why_none_beside()
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
print(first, why_none_beside(), sep=chr(10))
"""


@WANTED
def test_reaper_of_orphans_starts_none() -> None:
    """Those that ask the system for it (`PR_SET_CHILD_SUBREAPER`)."""
    command = [sys.executable, "-c", REAPS]
    first, then = subprocess.check_output(command, text=True).splitlines()
    assert first == "None"
    assert "child" in then


@WANTED
def test_nothing_is_left_where_the_process_cannot_be_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No descriptor and no memory."""

    def fails(*_: object, **__: object) -> None:
        raise BlockingIOError("no more processes")

    monkeypatch.setattr(_reserve, "_start", fails)
    before = taken()
    with pytest.raises(OSError, match="no more"):
        _reserve.Reserve([])
    assert taken() == before


def taken() -> tuple[int, int]:
    """Return how many descriptors are open, and how much is mapped that has the name of ours."""
    descriptors = [*Path("/proc/self/fd").iterdir()]
    return len(descriptors), Path("/proc/self/maps").read_text().count("memfd:assay")


# --- The two sides, in one process


@contextmanager
def both_sides() -> Iterator[tuple[int, Reader, _Reading]]:
    """Give a pipe's write end, what moves from it, and what reads it."""
    file = anonymous_memory(MEMORY_BYTES)
    read_end, write_end = os.pipe()
    enlarge_pipe(write_end, 1 << 16)
    os.set_blocking(read_end, False)
    os.set_blocking(write_end, False)
    life, question = nonblocking_pipe()
    try:
        reader = Reader(file, question, [life], [(read_end, write_end)])
        with mmap.mmap(file, MEMORY_BYTES) as memory, numbers_of(memory) as numbers:
            yield write_end, reader, _Reading(file, memory, numbers, 0, read_end)
    finally:
        for descriptor in (file, read_end, write_end, life, question):
            os.close(descriptor)


STEPS = st.lists(
    st.sampled_from(["write", "move", "read", "move within read", "tidy"]),
    max_size=40,
)


@WANTED
@given(STEPS)
def test_order_whoever_reads(steps: list[str]) -> None:
    """Whatever is moved when, also between two looks of one read, all comes in order."""
    with pytest.MonkeyPatch.context() as patch, both_sides() as (write_end, reader, reading):
        patch.setattr(_reserve_reader, "RING_BYTES", 10_000)
        patch.setattr(_reserve, "RING_BYTES", 10_000)
        patch.setattr(_reserve, "READ_BYTES", 3_000)
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
                    found += reading.read(2)
                case "tidy":
                    reader._tidy()
                case _:
                    reading._lock = partial(moved_before, reader, lock)
                    found += reading.read(2)
                    reading._lock = lock

    assert found == written


def moved_before(reader: Reader, step: Callable[[], int]) -> int:
    """Let *reader* move what it finds, and only then do a step."""
    reader._move(0)
    return step()


@WANTED
def test_pipe_stays_readable_while_something_is_in_the_file() -> None:
    """The kernel looks at the pipe alone: one byte stays there."""
    with both_sides() as (write_end, reader, reading):
        os.write(write_end, b"12345")
        reader._move(0)
        reader._move(0)
        moved = reading.moved()
        found = reading.read(2), reading.read(2), reading.read(2)

    assert moved == 4
    assert found == (b"1234", b"5", b"")


@WANTED
def test_pipe_that_is_emptied_meanwhile_ends_no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a pipe has in it may be wrong when it is read, and the process goes on."""
    with both_sides() as (write_end, reader, reading):
        os.write(write_end, b"12345")
        with monkeypatch.context() as patch:
            patch.setattr(fcntl, "ioctl", emptied_by(reading))
            is_moved = reader._move(0)
        os.write(write_end, b"67")
        moves = is_moved, reader._move(0)
        found = reading.read(2), reading.read(2)

    assert moves == (False, True)
    assert found == (b"6", b"7")


def emptied_by(reading: _Reading) -> Callable[[int, int, bytes], bytes]:
    """Return an `ioctl` after which nothing is in the pipe."""
    ioctl = fcntl.ioctl

    def answer(descriptor: int, request: int, buffer: bytes) -> bytes:
        waiting = ioctl(descriptor, request, buffer)
        reading.read(2)
        return waiting

    return answer


LOCKS = """
import os, sys
os.lockf(int(sys.argv[1]), os.F_LOCK, 0)
print(flush=True)
sys.stdin.read()
"""


@WANTED
def test_pipe_is_not_read_while_the_other_process_has_the_file_locked() -> None:
    """Neither is it waited for within a call of C, which a signal would end without the lock."""
    with both_sides() as (write_end, reader, reading):
        os.write(write_end, b"12345")
        file = reader._file
        with subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", LOCKS, str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[file],
        ) as other:
            assert other.stdout is not None
            other.stdout.readline()
            meanwhile = reading.read(2)
            other.communicate()
        found = reading.read(2)

    assert (meanwhile, found) == (b"", b"12345")
