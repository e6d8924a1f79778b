"""The file of the history where it is locked, damaged, full or none: cells and answers go on."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from IPython.core.history import HistoryManager
from IPython.core.interactiveshell import InteractiveShell

from assay.kernel._errors import UnavailableError
from assay.kernel.ipython import _history_file
from assay.kernel.ipython._answers import history_reply
from assay.kernel.ipython.speedups import _history_commit, _history_session
from assay.kernel.ipython.speedups._history import make_history
from assay.protocol import Channel, ErrorReply, HistoryReply, HistoryRequest
from tests.kernel._kernels import HANG_LIMIT_S, execute, start, succeeded

Open = Callable[[], HistoryManager]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the history is to be."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setattr(_history_file, "PATIENCE_S", 0.01)
    monkeypatch.setattr(_history_session, "PATIENCE_S", 0.01)
    monkeypatch.setattr(_history_session, "END_PATIENCE_S", 0.01)
    monkeypatch.setattr(logging.getLogger("assay"), "propagate", True)  # to be seen here
    return tmp_path / "history.sqlite"


@pytest.fixture
def open_history(path: Path) -> Iterator[Open]:
    """Return what opens the history, as a kernel that starts does."""
    opened: list[HistoryManager] = []

    def open_it() -> HistoryManager:
        shell = InteractiveShell()
        shell.host = SimpleNamespace(uninterrupted=nullcontext)
        shell.config.HistoryManager.hist_file = str(path)
        opened.append(make_history(shell))
        return opened[-1]

    yield open_it
    for manager in opened:
        manager.close()


def filled(path: Path) -> None:
    """Make a history of one session with one cell, as IPython makes it."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "CREATE TABLE sessions (session integer primary key autoincrement, start timestamp, "
            "end timestamp, num_cmds integer, remark text)"
        )
        db.execute(
            "CREATE TABLE history (session integer, line integer, source text, source_raw text, "
            "PRIMARY KEY (session, line))"
        )
        db.execute(
            "CREATE TABLE output_history (session integer, line integer, output text, "
            "PRIMARY KEY (session, line))"
        )
        db.execute("INSERT INTO sessions VALUES (1, NULL, NULL, 1, '')")
        db.execute("INSERT INTO history VALUES (1, 1, 'earlier', 'earlier')")


@contextmanager
def locked(path: Path, mode: str = "EXCLUSIVE") -> Iterator[None]:
    """Lock the file at *path* inside, as another process may do for long."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(f"BEGIN {mode}")
        yield
        other.execute("ROLLBACK")


def cells(path: Path) -> list[str]:
    """Return the cells in the file."""
    with closing(sqlite3.connect(path)) as db:
        return [cell for (cell,) in db.execute("SELECT source_raw FROM history ORDER BY session")]


def stop_saving(manager: HistoryManager) -> None:
    """Leave it to the caller when cells are written: the next cell starts no thread for it."""
    manager._stop_save_thread()
    manager.using_thread = False


def tail(manager: HistoryManager) -> list[object]:
    """Return the newest cells, as a client gets them."""
    reply = history_reply(manager, HistoryRequest(hist_access_type="tail", n=9))
    return [entry[2] for entry in reply.history]


def garbage(path: Path) -> None:
    path.write_bytes(b"no database" * 3000)


def damaged(path: Path) -> None:
    filled(path)
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xa5" * (len(data) - 4096))


@pytest.mark.parametrize("spoil", [garbage, damaged])
def test_damaged_file_is_moved_away(
    path: Path, open_history: Open, caplog: pytest.LogCaptureFixture, spoil: Callable[[Path], None]
) -> None:
    """A file that is no database, or has damaged pages, keeps its content under another name, with
    its journal; one warning names both, and the session is written to a new file."""
    spoil(path)
    before = path.read_bytes()
    Path(f"{path}-wal").write_bytes(b"")

    manager = open_history()
    manager.store_inputs(1, "cell")
    found = tail(manager)

    (moved,) = path.parent.glob("history-corrupt-*.sqlite")
    (warning,) = caplog.messages
    assert found == cells(path) == ["cell"]
    assert moved.read_bytes() == before
    assert str(moved) in warning


def folder(path: Path) -> None:
    path.mkdir()


def nowhere(path: Path) -> None:
    path.symlink_to(path.parent / "missing" / "file")


def of_another_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE sessions (name text)")


@pytest.mark.parametrize("spoil", [folder, nowhere, of_another_program])
def test_unusable_file_is_left_alone(
    path: Path, open_history: Open, caplog: pytest.LogCaptureFixture, spoil: Callable[[Path], None]
) -> None:
    """What is no damaged database stays where it is; the session has a history in memory, and one
    warning says that it is not kept."""
    spoil(path)

    manager = open_history()
    manager.store_inputs(1, "cell")
    found = tail(manager)
    manager.end_session()

    assert found == ["cell"]
    assert [*path.parent.glob("history*")] == [path]
    (warning,) = caplog.messages
    assert str(path) in warning
    assert "is not kept" in warning


@pytest.mark.parametrize("mode", ["IMMEDIATE", "EXCLUSIVE"])
def test_locked_file_gets_the_session_at_its_end(
    path: Path, open_history: Open, caplog: pytest.LogCaptureFixture, mode: str
) -> None:
    """A file that another process has locked at the start is neither moved nor waited for; cells
    are found meanwhile, and written when the session ends. A short lock is worth no warning."""
    filled(path)
    with locked(path, mode):
        manager = open_history()
        manager.store_inputs(1, "cell")
        found = tail(manager)

    manager.end_session()

    assert found == ["cell"]
    assert cells(path) == ["earlier", "cell"]
    assert [*path.parent.glob("history*")] == [path]
    assert caplog.messages == []
    ((end, count),) = rows(path, "SELECT end, num_cmds FROM sessions WHERE session > 1")
    assert end is not None
    assert count == 1


def test_session_moves_into_a_file_that_is_free_again(path: Path, open_history: Open) -> None:
    """From the first request that asks for it on, and with all that came before: cells, outputs,
    the number of the session. What comes then is written as ever."""
    filled(path)
    with locked(path):
        manager = open_history()
        manager.db_log_output = True
        for number, cell in enumerate(["one", "two"], 1):
            manager.store_inputs(number, cell)
        manager.output_hist_reprs[1] = "output"
        manager.store_output(1)
        meanwhile = tail(manager)
    found = tail(manager)
    manager.store_inputs(3, "three")
    manager.writeout_cache()
    previous = [entry[2] for entry in manager.get_range(-1)]
    session = manager.session_number
    manager.end_session()

    assert meanwhile == ["one", "two"]
    assert found == ["earlier", "one", "two"]
    assert previous == ["earlier"]
    assert cells(path) == ["earlier", "one", "two", "three"]
    assert rows(path, "SELECT * FROM output_history") == [(session, 1, "output")]
    assert rows(path, "SELECT session, num_cmds FROM sessions") == [(1, 1), (session, 3)]


def test_session_moves_by_itself(path: Path, open_history: Open) -> None:
    """Without any request: another thread tries until the file is free."""
    filled(path)
    before = {*threading.enumerate()}
    with locked(path):
        manager = open_history()
        manager.store_inputs(1, "cell")
        new = {*threading.enumerate()} - before
    (thread,) = (one for one in new if one.name == "assay-history")
    thread.join(HANG_LIMIT_S)

    assert not thread.is_alive()
    assert manager.is_locked_out is False
    assert manager.hist_file == path


def test_file_that_stays_locked_is_warned_of_once(
    path: Path, open_history: Open, caplog: pytest.LogCaptureFixture
) -> None:
    """A file that is locked at the start and at the end has one warning, which says what is
    lost."""
    filled(path)
    with locked(path, "EXCLUSIVE"):
        manager = open_history()
        manager.store_inputs(1, "cell")
        manager.end_session()

    assert cells(path) == ["earlier"]
    (warning,) = warnings(caplog)
    assert "1 cells of this session are lost" in warning


def test_file_that_is_locked_for_long_is_warned_of_before_the_end(
    path: Path,
    open_history: Open,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That line says what becomes of the cells, and no other one follows: where fifty kernels share
    the file, each has one."""
    monkeypatch.setattr(_history_session, "WARNED_AFTER_S", 0.0)
    filled(path)
    with locked(path, "EXCLUSIVE"):
        manager = open_history()
        manager.store_inputs(1, "cell")
        found = tail(manager)
        manager.end_session()

    (warning,) = warnings(caplog)
    assert found == ["cell"]
    assert str(path) in warning
    assert "is written as soon as it can be used" in warning
    assert "what is not written when the kernel ends is lost" in warning


def test_cells_that_others_keep_from_the_file_for_a_moment_are_written(
    path: Path, open_history: Open, caplog: pytest.LogCaptureFixture
) -> None:
    """Without another cell, and without a warning."""
    filled(path)
    manager = open_history()
    wait_for_commit(manager)
    stop_saving(manager)
    with locked(path, "IMMEDIATE"):
        manager.store_inputs(1, "cell")
        manager.writeout_cache()
        waiting = manager._waiting()
    manager.writeout_cache()

    assert [cell for _, _, cell in waiting] == ["cell"]
    assert cells(path) == ["earlier", "cell"]
    assert caplog.messages == []


@contextmanager
def read(path: Path) -> Iterator[None]:
    """Read the file at *path* inside, in one transaction: others begin to write, and never end."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM history").fetchall()
        yield


def test_cells_that_a_reader_keeps_from_the_file_are_counted_at_the_end(
    path: Path, open_history: Open, caplog: pytest.LogCaptureFixture
) -> None:
    """They were taken out of what waits, and nothing but the commit failed. The end is over
    then: another one does nothing."""
    filled(path)
    manager = open_history()
    stop_saving(manager)
    wait_for_commit(manager)
    manager.store_inputs(1, "cell")
    with read(path):
        manager.end_session()
        manager.end_session()

    assert cells(path) == ["earlier"]
    (warning,) = warnings(caplog)
    assert "is locked by another process: 1 cells of this session are lost" in warning


def test_end_takes_the_commit_of_the_session_over(
    path: Path,
    open_history: Open,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where a reader has kept the session from the file since it began, the thread that tries to
    commit it stops, and the end writes all of it once the reader has gone."""
    monkeypatch.setattr(_history_commit, "COMMITS", 10**9)
    filled(path)
    before = {*threading.enumerate()}
    with read(path):
        manager = open_history()
        (thread,) = (
            one for one in {*threading.enumerate()} - before if one.name == "assay-history"
        )
        stop_saving(manager)
        manager.store_inputs(1, "cell")
        manager.end_session()
        thread.join(HANG_LIMIT_S)

    assert not thread.is_alive()
    assert cells(path) == ["earlier"]
    (warning,) = warnings(caplog)
    assert "1 cells of this session are lost" in warning


def test_session_moves_when_a_full_disk_has_room_again(
    path: Path,
    open_history: Open,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A session in memory is tried again whatever kept it from its file, as its line promises."""
    copy = _history_file.copy_session
    failures = [sqlite3.OperationalError("database or disk is full")]

    def copy_or_fail(memory: sqlite3.Connection, number: int, file: sqlite3.Connection) -> int:
        if failures:
            raise failures.pop()
        return copy(memory, number, file)

    monkeypatch.setattr(_history_session, "copy_session", copy_or_fail)
    filled(path)
    before = {*threading.enumerate()}
    with locked(path):
        manager = open_history()
        manager.store_inputs(1, "cell")
        new = {*threading.enumerate()} - before
    (thread,) = (one for one in new if one.name == "assay-history")
    thread.join(HANG_LIMIT_S)
    moved_to = manager.hist_file
    manager.end_session()

    assert not thread.is_alive()
    assert moved_to == path
    assert cells(path) == ["earlier", "cell"]
    (warning,) = warnings(caplog)
    assert "disk is full" in warning
    assert "is written as soon as it can be used" in warning


def test_end_that_fails_names_the_error_and_what_is_lost(
    path: Path, open_history: Open, caplog: pytest.LogCaptureFixture
) -> None:
    """Of a file that no process has locked, no line says that it is locked."""
    filled(path)
    manager = open_history()
    stop_saving(manager)
    wait_for_commit(manager)
    manager.store_inputs(1, "cell")
    manager.db.execute("PRAGMA query_only = 1")
    manager.end_session()

    (warning,) = warnings(caplog)
    assert "readonly" in warning
    assert "locked" not in warning
    assert "1 cells of this session are lost" in warning


def test_file_that_cannot_be_written_any_more_has_one_warning(
    path: Path, open_history: Open, caplog: pytest.LogCaptureFixture
) -> None:
    """It comes with the first cell that waits, and says what becomes of those that wait at the
    end."""
    filled(path)
    manager = open_history()
    stop_saving(manager)
    wait_for_commit(manager)
    manager.store_inputs(1, "cell")
    manager.db.execute("PRAGMA query_only = 1")
    manager.writeout_cache()
    manager.end_session()

    (warning,) = warnings(caplog)
    assert "cannot be written just now (attempt to write a readonly database)" in warning
    assert "what is not written when the kernel ends is lost" in warning


def test_reset_waits_no_longer_for_the_file_than_a_cell(
    path: Path, open_history: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither then, as the end of a kernel does, nor in what comes after it."""
    monkeypatch.setattr(_history_session, "END_PATIENCE_S", HANG_LIMIT_S)
    filled(path)
    manager = open_history()
    stop_saving(manager)
    wait_for_commit(manager)
    manager.store_inputs(1, "cell")
    manager.reset()
    wait_for_commit(manager)
    ((patience_ms,),) = manager.db.execute("PRAGMA busy_timeout").fetchall()
    with locked(path):
        manager.reset()
        is_in_memory = manager.is_locked_out
        monkeypatch.setattr(_history_session, "END_PATIENCE_S", 0.01)

    assert patience_ms == 10
    assert is_in_memory


def test_session_after_a_damaged_file_is_written_by_itself(path: Path, open_history: Open) -> None:
    """A file that is found damaged by ``%reset`` is moved, and cells go into the new one without
    a request."""
    filled(path)
    manager = open_history()
    wait_for_commit(manager)
    manager.end_session()
    garbage(path)
    is_written = threading.Event()
    write = manager.writeout_cache

    def write_and_look(conn: sqlite3.Connection | None = None) -> None:
        write(conn)
        if not manager._waiting():
            is_written.set()

    manager.new_session()
    manager.store_inputs(1, "after")
    manager.writeout_cache = write_and_look

    assert manager.using_thread
    manager.store_inputs(2, "last")
    assert is_written.wait(HANG_LIMIT_S)
    manager.end_session()
    assert cells(path) == ["after", "last"]


def test_session_that_begins_while_the_file_is_locked_moves_later(
    path: Path, open_history: Open
) -> None:
    """What ``%reset`` begins."""
    filled(path)
    manager = open_history()
    wait_for_commit(manager)
    manager.store_inputs(1, "before")
    manager.end_session()
    with locked(path):
        manager.new_session()
        manager.store_inputs(1, "after")
        found = tail(manager)
    manager.end_session()

    assert found == ["after"]
    assert cells(path) == ["earlier", "before", "after"]


def another_session(path: Path, number: int, cell: str) -> None:
    """Be another kernel, which gets a session of this number and writes a cell."""
    with closing(sqlite3.connect(path, timeout=HANG_LIMIT_S)) as db, db:
        db.execute("INSERT INTO sessions VALUES (?, 'its start', NULL, NULL, '')", (number,))
        db.execute("INSERT INTO history VALUES (?, 1, ?, ?)", (number, cell, cell))


def give_up(path: Path, open_history: Open) -> HistoryManager:
    """Open a history whose session a reader keeps from the file until no thread tries any more."""
    before = {*threading.enumerate()}
    with read(path):
        manager = open_history()
        for thread in {*threading.enumerate()} - before:
            if thread.name == "assay-history":
                thread.join(HANG_LIMIT_S)
    return manager


def look(path: Path, open_history: Open) -> HistoryManager:
    """Open a history whose session is lost where a look at it tries to write a cell."""
    with read(path):
        manager = open_history()
        stop_saving(manager)
        manager.store_inputs(1, "lost")
        tail(manager)
        manager.db_input_cache = []
    return manager


@pytest.mark.parametrize("lose", [give_up, look])
def test_session_that_does_not_come_into_the_file_gets_another_number(
    path: Path,
    open_history: Open,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    lose: Callable[[Path, Open], HistoryManager],
) -> None:
    """Another kernel may get the number that it had: that one's cells and end are left alone, and
    its own are written, in a session that another look finds (HIST-01)."""
    monkeypatch.setattr(_history_commit, "COMMITS", 1)
    filled(path)
    manager = lose(path, open_history)
    stop_saving(manager)
    lost = manager.session_number
    another_session(path, lost, "of another")
    manager.store_inputs(1, "cell")
    manager.store_inputs(2, "next")
    manager.writeout_cache()
    manager.end_session()

    assert rows(path, "SELECT session, line, source FROM history ORDER BY session, line")[1:] == [
        (lost, 1, "of another"),
        (lost + 1, 1, "cell"),
        (lost + 1, 2, "next"),
    ]
    ((end, count),) = rows(path, f"SELECT end, num_cmds FROM sessions WHERE session=={lost}")
    assert (end, count) == (None, None)
    assert not capsys.readouterr().out


def test_lost_session_without_cells_ends_no_other_one(
    path: Path, open_history: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That another kernel has got its number is found at its end as well."""
    monkeypatch.setattr(_history_commit, "COMMITS", 1)
    filled(path)
    manager = give_up(path, open_history)
    another_session(path, manager.session_number, "of another")
    manager.end_session()

    assert rows(path, "SELECT end FROM sessions WHERE start == 'its start'") == [(None,)]


@pytest.mark.parametrize("number", [2**63, -(2**80), 2**200])
@pytest.mark.parametrize(
    "found",
    [
        lambda n: HistoryRequest(hist_access_type="tail", n=n),
        lambda n: HistoryRequest(hist_access_type="search", pattern="*", n=n),
        lambda n: HistoryRequest(hist_access_type="range", session=n, start=-n, stop=n),
        lambda n: HistoryRequest(hist_access_type="range", session=1, start=-n, stop=n),
    ],
    ids=["tail", "search", "session", "range"],
)
def test_numbers_that_sqlite_does_not_know(
    path: Path,
    open_history: Open,
    found: Callable[[int], HistoryRequest],
    number: int,
) -> None:
    """A client may ask for more cells than there can be: there are no more than there are."""
    filled(path)
    manager = open_history()
    stop_saving(manager)
    wait_for_commit(manager)

    reply = history_reply(manager, found(number))

    assert {entry[2] for entry in reply.history} <= {"earlier"}


@pytest.mark.parametrize(
    "request_of",
    [
        HistoryRequest(hist_access_type="tail", n=9),
        HistoryRequest(hist_access_type="search", pattern="*", n=9),
        HistoryRequest(hist_access_type="search", pattern="*"),
        HistoryRequest(hist_access_type="search", pattern="*", unique=True),
    ],
)
def test_cells_of_several_kernels_are_listed_by_session(
    path: Path, open_history: Open, request_of: HistoryRequest
) -> None:
    """Also where they were written in turn, and the present session is not the newest (HIST-12)."""
    filled(path)
    manager = open_history()
    stop_saving(manager)
    wait_for_commit(manager)
    session = manager.session_number
    manager.store_inputs(1, "first")
    manager.writeout_cache()
    another_session(path, session + 1, "of another")
    manager.store_inputs(2, "second")
    reply = history_reply(manager, request_of)

    assert reply.history == (
        (1, 1, "earlier"),
        (session, 1, "first"),
        (session, 2, "second"),
        (session + 1, 1, "of another"),
    )


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was warned of."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    """Return what the file answers."""
    with closing(sqlite3.connect(path)) as db:
        return list(db.execute(query))


def test_file_that_is_locked_later_is_read_later(path: Path, open_history: Open) -> None:
    """While another process has the file locked, the present session is answered from memory, and
    what needs the file by an error; the file stays, and nothing is lost."""
    filled(path)
    manager = open_history()
    stop_saving(manager)
    wait_for_commit(manager)
    with locked(path):
        manager.store_inputs(1, "cell")
        present = history_reply(
            manager, HistoryRequest(hist_access_type="range", session=0, start=1, stop=2)
        )
        with pytest.raises(UnavailableError, match="is locked"):
            tail(manager)

    assert [entry[2] for entry in present.history] == ["cell"]
    assert tail(manager) == cells(path) == ["earlier", "cell"]


def test_cells_that_cannot_be_written_are_found(path: Path, open_history: Open) -> None:
    """Where the file can be read and not written, answers have the cells that wait as well
    (HIST-01, HIST-04, HIST-05)."""
    filled(path)
    manager = open_history()
    stop_saving(manager)
    wait_for_commit(manager)
    with locked(path, "IMMEDIATE"):
        for number, cell in enumerate(["earlier", "later", "later"], 1):
            manager.store_inputs(number, cell)
        found = [*manager.search("*l*er"), *manager.search("la*", unique=True)]
        newest = manager.get_tail(2, include_latest=True, output=True)
        before = manager.get_tail(2)
        (second,) = manager.search("*", n=1)

    session = manager.session_number
    every = [(1, 1, "earlier"), (session, 1, "earlier"), (session, 2, "later")]
    assert found == [*every, (session, 3, "later"), (session, 3, "later")]
    assert newest == [(session, 2, ("later", None)), (session, 3, ("later", None))]
    assert before == [(session, 1, "earlier"), (session, 2, "later")]
    assert second == (session, 3, "later")


def test_file_that_another_kernel_has_replaced_stays(path: Path) -> None:
    """Of two kernels that find a damaged file, the second does not move the first one's new one."""
    garbage(path)
    found = _history_file.identity(path)
    path.replace(path.with_name("moved"))
    filled(path)

    assert _history_file._move_away(path, found) is None
    assert cells(path) == ["earlier"]


def wait_for_commit(manager: HistoryManager) -> None:
    """Return once the new session is in the file: it is written by another thread, or here."""
    with manager._writing:
        manager.db.commit()


FILL = """\
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
"""
"""Let every write to a file fail as on a full disk; sqlite needs no other one to be read."""


def test_kernel_with_a_locked_history_answers(tmp_path: Path) -> None:
    """A kernel whose history is locked runs cells and answers, and the next kernel finds the cells
    (HIST-01)."""
    profile = tmp_path / "ipythondir" / "profile_default"
    profile.mkdir(parents=True)
    path = profile / "history.sqlite"
    filled(path)
    with ExitStack() as lock:
        lock.enter_context(locked(path))  # before the kernel opens it
        with start(tmp_path) as kernel, kernel.client() as client:
            succeeded(execute(client, "'cell'"))
            request = HistoryRequest(hist_access_type="tail", n=9, raw=True, output=False)
            reply = client.request(request, channel=Channel.SHELL, timeout=HANG_LIMIT_S).content
            lock.close()
            kernel.shutdown()
            written = kernel.written()

    assert isinstance(reply, HistoryReply)
    assert [entry[2] for entry in reply.history] == ["'cell'"]
    assert "history" not in written
    assert cells(path) == ["earlier", "'cell'"]


def test_kernels_that_start_at_once_keep_all_cells(tmp_path: Path) -> None:
    """They make the file, and each writes its session, though others have it locked (HIST-01)."""
    with ExitStack() as stack, ThreadPoolExecutor(4) as pool:
        kernels = [
            stack.enter_context(kernel) for kernel in pool.map(lambda _: start(tmp_path), range(4))
        ]
        clients = [stack.enter_context(kernel.client()) for kernel in kernels]
        for number, client in enumerate(clients):
            succeeded(execute(client, f"'cell of {number}'"))
        for kernel in kernels:
            kernel.shutdown()

    path = tmp_path / "ipythondir" / "profile_default" / "history.sqlite"
    assert sorted(cells(path)) == [f"'cell of {number}'" for number in range(4)]
    assert len({*rows(path, "SELECT session FROM history")}) == 4


def test_kernel_on_a_full_disk_answers(tmp_path: Path) -> None:
    """Where the disk is full, cells run, and an answer has those that could not be written
    (HIST-01)."""
    with start(tmp_path) as kernel, kernel.client() as client:
        succeeded(execute(client, FILL))
        succeeded(execute(client, "'cell'"))
        request = HistoryRequest(hist_access_type="tail", n=1, raw=True, output=False)
        reply = client.request(request, channel=Channel.SHELL, timeout=HANG_LIMIT_S).content

    assert not isinstance(reply, ErrorReply), reply
    assert isinstance(reply, HistoryReply)
    assert [entry[2] for entry in reply.history] == ["'cell'"]
