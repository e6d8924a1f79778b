"""What a kernel leaves for the case that it dies, and what can be read of it."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from assay import _record
from assay._platform import lock_file
from assay._platform._processes import process_start, wait_unreaped
from assay._record import CELLS_AT, Record, is_left, note_failed_import, record_path
from assay._record_reader import RecordError, Story, find_story, newest_story, story_of_connection
from tests.limits import HANG_LIMIT_S
from tests.records import NO_PROCESS, amend

ABOUT = "assay 1, Python 3"

HOLDS_A_RECORD = """
import sys
from assay._record import Record
record = Record.open(sys.argv[1], "another")
print("open", flush=True)
sys.stdin.read()
"""

LOSES_THE_LOCK = HOLDS_A_RECORD.replace("print", "open(record.path).close(); print")

LOOKS = """
import sys
from assay._isolation import os
from assay import _record

def close_later(descriptor, close=os.close):
    print("open", flush=True)
    sys.stdin.read()
    close(descriptor)

os.close = close_later
_record.is_left(sys.argv[1])
"""

KNOWS_STARTS = process_start(os.getpid()) != ""


@contextmanager
def running(path: Path, program: str = HOLDS_A_RECORD) -> Iterator[subprocess.Popen[bytes]]:
    """Run *program* with *path* in another process; without one, it holds the record."""
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"open\n"
            yield process
        finally:
            process.kill()
            process.communicate(timeout=HANG_LIMIT_S)


@pytest.fixture
def connection_file(tmp_path: Path) -> Path:
    """Where a connection file would be."""
    return tmp_path / "kernel-1.json"


@pytest.fixture
def record(connection_file: Path) -> Iterator[Record]:
    """An open record."""
    record = Record.open(str(connection_file), ABOUT)
    yield record
    os.close(record.fileno())


def story(connection_file: Path) -> Story:
    """Return what is read beside *connection_file*."""
    found = story_of_connection(connection_file)
    assert found is not None
    return found


def test_who_it_was(record: Record, connection_file: Path) -> None:
    """It says which kernel it is of, and is its owner's alone."""
    found = story(connection_file)

    assert Path(record.path).stat().st_mode & 0o777 == 0o600
    assert found.who["connection"] == str(connection_file)
    assert found.who["process"] == str(os.getpid())
    assert found.who["about"] == ABOUT
    assert found.activity() == "before its first cell"
    assert not found.is_crash


@pytest.mark.parametrize(
    "code", ["x = 1\ny", "", "ä" * 500, "\udc80 \0 \x1b", "  \n\n  x = 1", "a b  c d"]
)
def test_cells(record: Record, connection_file: Path, code: str) -> None:
    """The last cell of the main shell and of subshells is there, with its first line."""
    record.main.begin(3, code)
    running = story(connection_file)
    record.main.end()
    record.subshells.begin(4, "")
    both = story(connection_file)

    (cell,) = running.running
    line = code.lstrip().split("\n")[0][:80].encode("utf-8", "backslashreplace")
    assert cell.number == 3
    assert line.decode().startswith(cell.line)
    assert bool(cell.line) == bool(line)
    assert running.activity() == "while cell 3 ran"
    assert [(one.number, one.ended is None) for one in both.cells] == [(3, False), (4, True)]
    assert both.activity() == "while cell 4 ran"


def test_two_at_once(record: Record, connection_file: Path) -> None:
    """Cells of two shells that ran are both named."""
    record.main.begin(3, "")
    record.subshells.begin(4, "")

    assert story(connection_file).activity() == "while cell 3 and 4 ran"


def test_end_of_an_older_cell_says_nothing_of_the_newest(
    record: Record, connection_file: Path
) -> None:
    """Of two subshells' cells the newest is kept, and runs until it has ended itself."""
    record.subshells.begin(3, "old()")
    with ThreadPoolExecutor(1) as other:
        other.submit(record.subshells.begin, 4, "new()").result()
        record.subshells.end()
        running = story(connection_file).activity()
        other.submit(record.subshells.end).result()
    ended = story(connection_file).activity()

    assert running == "while cell 4 ran"
    assert ended != running


def test_record_that_cannot_be_written_goes_with_a_good_end(
    record: Record, connection_file: Path
) -> None:
    """A full disk costs what would have been noted, and leaves nothing behind."""
    with Path(os.devnull).open() as unwritable:
        os.dup2(unwritable.fileno(), record.fileno(), inheritable=False)
    record.main.begin(3, "")
    record.remove(2)

    assert not Path(record_path(str(connection_file))).exists()


def test_two_of_one_number(record: Record, connection_file: Path) -> None:
    """A cell of the main shell and one of a subshell that have the same number are both shown."""
    record.main.begin(3, "main()")
    record.subshells.begin(3, "sub()")

    shown = story(connection_file).text()

    assert "main()" in shown
    assert "sub()" in shown


@pytest.mark.parametrize("slot", ["3 nan - x", "3 1e300 - x", "3 1 inf x", "x 1 - x", "3 1"])
def test_damaged_cell(record: Record, connection_file: Path, slot: str) -> None:
    """A cell whose note makes no sense is none, and the rest is shown."""
    record.write(CELLS_AT, slot.encode())

    found = story(connection_file)

    assert found.cells == ()
    assert ABOUT in found.text()


@pytest.mark.parametrize(
    ("exit_code", "found"),
    [
        (-signal.SIGSEGV, "a segmentation fault (SIGSEGV)"),
        (-signal.SIGKILL, "for want of memory"),
        (-signal.SIGUSR1, "SIGUSR1"),
        (-250, "signal 250"),
        (3, "exit code 3 and without a word"),
        (None, "without a word"),
    ],
)
def test_cause(record: Record, connection_file: Path, exit_code: int | None, found: str) -> None:
    """What ended it is said in words, as far as it is known."""
    record.main.begin(1, "")

    assert found in story(connection_file).cause(exit_code)


def test_stacks_say_the_cause(record: Record, connection_file: Path) -> None:
    """Where nobody knows how it ended, what `faulthandler` wrote does; the crash stands first."""
    text = "Fatal Python error: Segmentation fault\n\nThread 1:\n  a\n\nCurrent thread 2:\n  b\n"
    os.write(record.fileno(), text.encode())

    found = story(connection_file)

    assert "SIGSEGV" in found.cause()
    assert found.stacks.split("\n\n")[1:] == ["Current thread 2:\n  b", "Thread 1:\n  a"]
    assert found.is_crash


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Thread 1 (most\n  a\n\nCurrent thread 2 (most\n  b\n", "(SIGXCPU, as by"),
        ("Current thread 2 (most\n  b\n", "(SIGXCPU, as by"),
        ("Stack (most recent call first):\n  b\n", "(SIGALRM)"),
    ],
)
def test_stacks_that_name_no_signal(
    record: Record, connection_file: Path, text: str, found: str
) -> None:
    """What `faulthandler` writes at signals that are not its own is told apart by its form."""
    os.write(record.fileno(), text.encode())

    left = story(connection_file)

    assert found in left.cause()
    assert "  a" not in left.stacks.split("  b")[0]


CRASH = b"Fatal Python error: Segmentation fault\n\nCurrent thread 2:\n"


@pytest.mark.parametrize("noted", [True, False])
def test_child_that_c_code_forked(record: Record, connection_file: Path, noted: bool) -> None:
    """How it dies is no cause of its parent's end, if that begins or ends a cell afterwards."""
    record.main.begin(1, "parent")
    child = os.fork()
    if child == 0:
        try:
            record.main.begin(9, "child")
            os.write(record.fileno(), CRASH + b"  child\n")
        finally:
            os._exit(0)  # else it would go on with the tests
    os.waitpid(child, 0)
    if noted:
        record.main.end()
    killed = story(connection_file)
    os.write(record.fileno(), CRASH + b"  parent\n")
    crashed = story(connection_file)

    assert [cell.line for cell in killed.cells] == ["parent"]
    assert killed.stacks.endswith("" if noted else "child")
    assert ("without a word" in killed.cause()) == noted
    assert ("child" in crashed.stacks) != noted
    assert crashed.stacks.endswith("parent")


def test_crash_while_a_cell_begins(record: Record, connection_file: Path) -> None:
    """Stacks that another thread writes just then are read from their beginning."""
    os.write(record.fileno(), CRASH)
    record.main.begin(2, "")
    os.write(record.fileno(), b"  b\n")

    assert story(connection_file).stacks == (CRASH + b"  b").decode()


@pytest.mark.parametrize("exit_code", [1, None])
def test_end_after_a_time(record: Record, connection_file: Path, exit_code: int | None) -> None:
    """What `faulthandler` writes when it ends a process that hangs is the cause, with the time."""
    os.write(record.fileno(), b"Timeout (0:01:30.500000)!\nThread 1 (most recent call first):\n")

    found = story(connection_file)

    assert "not done after 0:01:30 (faulthandler.dump" in found.cause(exit_code)
    assert "end by SIGTERM" not in found.cause(-signal.SIGTERM)
    assert found.is_crash


def test_what_the_kernel_said_itself(record: Record, connection_file: Path) -> None:
    """It is the cause, whatever came of it, and never too long."""
    record.note_end("it could not start: " + "x" * 5_000, "Traceback\n")

    found = story(connection_file)

    assert found.cause(1).startswith("it could not start: xxx")
    assert found.stacks == "Traceback"


def test_good_end(record: Record, connection_file: Path, tmp_path: Path) -> None:
    """It is removed, and what is written later goes to the stderr that is given."""
    with (tmp_path / "stderr").open("w+b") as stderr:
        record.remove(stderr.fileno())
        record.main.begin(1, "")
        os.write(record.fileno(), b"crash")
        stderr.seek(0)
        written = stderr.read()

    assert written == b"crash"
    assert story_of_connection(connection_file) is None


def test_another_ones_is_left_alone(record: Record, tmp_path: Path) -> None:
    """Only the record that this kernel has made is removed."""
    path = Path(record.path)
    path.unlink()
    path.write_text("another")
    with (tmp_path / "stderr").open("w+b") as stderr:
        record.remove(stderr.fileno())

    assert path.read_text() == "another"


def test_running_kernel_keeps_its_own(connection_file: Path) -> None:
    """A second kernel with the same connection file gets none; the first is known to run."""
    with running(connection_file):
        assert story(connection_file).runs
        with pytest.raises(BlockingIOError):
            Record.open(str(connection_file), ABOUT)
        assert story(connection_file).who["about"] == "another"

    assert not story(connection_file).runs


def test_former_kernel(connection_file: Path) -> None:
    """The record of one that died stays when another one starts with its connection file."""
    with running(connection_file):
        pass
    with running(connection_file):
        found = find_story(connection_file)
        newest = newest_story(connection_file.parent)
    record = Record.open(str(connection_file), ABOUT)
    os.close(record.fileno())

    assert found.path == newest.path != Path(record.path)
    assert not found.runs
    assert record.former == str(found.path)


def test_old_ones_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest, those that run and what is no record stay; what is too old goes (docs/limits.md).

    A record that was never written is an empty file.
    """
    monkeypatch.setattr(_record, "KEPT", 3)
    now = time.time()

    def make(name: str, changed: float) -> None:
        record = Record.open(str(tmp_path / f"{name}.json"), ABOUT)
        os.close(record.fileno())
        amend(Path(record.path), process=NO_PROCESS)
        os.utime(record.path, (changed, changed))

    with running(tmp_path / "runs.json"):
        os.utime(record_path(str(tmp_path / "runs.json")), (1, 1))
        (tmp_path / ".foreign").touch()
        (tmp_path / ".foreign.record").write_text("assay record 10\n")
        os.utime(tmp_path / ".foreign.record", (1, 1))
        (tmp_path / ".empty.record").touch()
        os.utime(tmp_path / ".empty.record", (1, 1))
        os.mkfifo(tmp_path / ".pipe.record")
        os.utime(tmp_path / ".pipe.record", (1, 1))
        make("old", 1)
        for number in range(5):
            make(str(number), now - 100 + number)
        left = {path.name for path in tmp_path.iterdir()}

    newest = {f".{number}.json.record" for number in (1, 2, 3)}
    foreign = {".foreign", ".foreign.record", ".pipe.record"}
    assert left == foreign | {".runs.json.record", ".4.json.record"} | newest


def test_running_ones_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many of dead kernels stay as may, however many run."""
    monkeypatch.setattr(_record, "KEPT", 2)

    with running(tmp_path / "1.json"), running(tmp_path / "2.json"):
        with running(tmp_path / "3.json"), running(tmp_path / "4.json"):
            pass
        os.close(Record.open(str(tmp_path / "5.json"), ABOUT).fileno())
        left = {path.name for path in tmp_path.iterdir()}

    assert left == {f".{number}.json.record" for number in (1, 2, 3, 4, 5)}


def test_two_look_at_once(connection_file: Path) -> None:
    """Of two processes that look at the record of a dead kernel neither takes the other for it."""
    path = record_path(str(connection_file))
    with running(connection_file):
        pass

    with running(Path(path), LOOKS):
        assert is_left(path)


def test_start_while_another_looks(connection_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel has its lock also if a process looks at its record as it is made."""
    locked: list[bool | None] = []

    def lock_while_looked_at(descriptor: int) -> bool | None:
        if not locked:
            with running(Path(record_path(str(connection_file))), LOOKS):
                locked.append(lock_file(descriptor))
        else:
            locked.append(lock_file(descriptor))
        return locked[-1]

    monkeypatch.setattr(_record, "lock_file", lock_while_looked_at)
    os.close(Record.open(str(connection_file), ABOUT).fileno())

    assert locked == [False, True]


@pytest.mark.skipif(not KNOWS_STARTS, reason="only Linux tells processes apart")
def test_lock_that_is_lost(connection_file: Path) -> None:
    """A kernel in which code has opened and closed its record runs, and dies, all the same."""
    with running(connection_file, LOSES_THE_LOCK) as process:
        while_it_ran = story(connection_file).runs
        process.kill()
        assert wait_unreaped(process.pid)
        before_it_was_reaped = story(connection_file).runs

    assert (while_it_ran, before_it_was_reaped) == (True, False)
    assert not story(connection_file).runs


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without locks."""

    def refuse(*_: int) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "lockf", refuse)


@pytest.mark.usefixtures("no_locks")
def test_without_locks(connection_file: Path) -> None:
    """The process decides: one that runs is known to, and its record stays however old it is."""
    path = record_path(str(connection_file))
    with running(connection_file):
        runs = story(connection_file).runs
        os.utime(path, (1, 1))
        os.close(Record.open(str(connection_file.with_name("another")), ABOUT).fileno())
        is_kept = Path(path).exists()

    assert (runs, is_kept) == (True, True)
    assert not story(connection_file).runs


@pytest.mark.parametrize(
    "values",
    [
        {"process": NO_PROCESS},
        {"process": "what"},
        {"process": "-1"},
        {"process": "9" * 30},
        {"host": "another"},
        {"started": "1"},
        {"started": ""},
    ],
    ids=str,
)
def test_another_process(connection_file: Path, values: dict[str, str]) -> None:
    """A process with the number of a dead kernel, or of another host, is not that kernel."""
    record = Record.open(str(connection_file), ABOUT)
    os.close(record.fileno())

    amend(Path(record.path), **values)

    assert is_left(record.path)


def test_write_that_fails(record: Record, connection_file: Path) -> None:
    """A disk that is full, or a descriptor that a program has closed, costs no cell."""
    read_only = os.open(record.path, os.O_RDONLY)
    os.dup2(read_only, record.fileno())
    os.close(read_only)

    record.main.begin(1, "")
    record.main.end()

    assert story(connection_file).cells == ()


def test_no_folder(tmp_path: Path) -> None:
    """Where there can be none, nothing is left."""
    with pytest.raises(OSError, match="No such file"):
        Record.open(str(tmp_path / "none" / "kernel.json"), ABOUT)


def test_link_is_not_followed(connection_file: Path, tmp_path: Path) -> None:
    """A link in a folder that others can write leads nowhere."""
    precious = tmp_path / "precious"
    precious.write_text("precious")
    Path(record_path(str(connection_file))).symlink_to(precious)

    with pytest.raises(OSError, match="symbolic links"):
        Record.open(str(connection_file), ABOUT)

    assert precious.read_text() == "precious"


def test_forked_child(record: Record, connection_file: Path, tmp_path: Path) -> None:
    """What a child does and how it dies is not its parent's."""
    with (tmp_path / "stderr").open("w+b") as stderr:
        child = os.fork()
        if child == 0:
            try:
                record.leave(stderr.fileno())
                record.main.begin(9, "child")
                os.write(record.fileno(), b"child")
            finally:
                os._exit(0)  # else it would go on with the tests
        os.waitpid(child, 0)
        stderr.seek(0)
        written = stderr.read()

    assert written == b"child"
    assert story(connection_file).cells == ()
    assert story(connection_file).stacks == ""


def test_failed_import(connection_file: Path) -> None:
    """A kernel that cannot be imported says so; without a connection file there is no place."""
    error = ImportError("no module named zmq")

    note_failed_import([], error)
    note_failed_import(["-f"], error)
    note_failed_import(["-f", str(connection_file)], error)

    assert story(connection_file).cause() == (
        "it could not be imported: ImportError: no module named zmq"
    )


@pytest.mark.parametrize("content", [b"", b"what", b"\xff" * 9_000])
def test_no_record(tmp_path: Path, content: bytes) -> None:
    """Another file is named, with what was wanted."""
    path = tmp_path / ".x.record"
    path.write_bytes(content)

    with pytest.raises(RecordError, match="wanted the record of a kernel"):
        find_story(path)
    with pytest.raises(RecordError, match="found none"):
        newest_story(tmp_path)
    with pytest.raises(RecordError, match="found none"):
        find_story(tmp_path / "kernel.json")
