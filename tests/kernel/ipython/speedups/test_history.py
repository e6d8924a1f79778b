"""The history database, and cells that do not wait for it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from IPython.core.history import HistoryManager
from IPython.core.interactiveshell import InteractiveShell

from assay.kernel.ipython.speedups._history import make_history
from assay.transport import Client
from tests.kernel._kernels import HANG_LIMIT_S, execute, result
from tests.kernel._probe import LOAD


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the history is."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    return tmp_path / "history.sqlite"


@pytest.fixture
def manager(path: Path) -> Iterator[HistoryManager]:
    """A history that a thread writes."""
    shell = InteractiveShell()
    shell.host = SimpleNamespace(uninterrupted=nullcontext)
    shell.config.HistoryManager.hist_file = str(path)
    manager = make_history(shell)
    yield manager
    manager.close()


class Slow:
    """A connection to a disk that takes its time."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self.written: list[Any] = []

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, *_: object) -> None:
        """Commit."""

    def execute(self, statement: str, values: tuple[Any, ...]) -> SimpleNamespace | None:
        """Write, at last; the session is there."""
        if statement.startswith("SELECT"):
            return SimpleNamespace(fetchone=lambda: (1,))
        self.begun.set()
        assert self.go_on.wait(HANG_LIMIT_S)
        self.written.append(values[1:])
        return None


def test_cells_do_not_wait_for_the_disk(manager: HistoryManager) -> None:
    """While older cells are written, newer ones are stored, and are written next (EXEC-08)."""
    slow = Slow()
    manager.using_thread = False
    manager.store_inputs(1, "first")
    writer = threading.Thread(target=manager.writeout_cache, args=[slow])
    writer.start()
    assert slow.begun.wait(HANG_LIMIT_S)

    manager.store_inputs(2, "second")
    slow.go_on.set()
    writer.join()
    manager.writeout_cache(slow)

    assert slow.written == [(1, "first", "first"), (2, "second", "second")]


def test_who_looks_waits_for_what_is_being_written(manager: HistoryManager, path: Path) -> None:
    """What has been stored is found, whichever thread is about to write it (HISTORY-01)."""
    for number in range(1, 100):
        manager.store_inputs(number, f"cell {number}")
        ((_, _, found),) = manager.get_tail(1, include_latest=True)
        assert found == f"cell {number}"

    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM history").fetchone() == (99,)


def test_what_comes_behind_the_end_begins_no_session(manager: HistoryManager, path: Path) -> None:
    """A cell that is stored when the session has ended goes nowhere, now or later (HISTORY-01)."""
    manager.end_session()
    manager.store_inputs(1, "late")
    manager.writeout_cache()

    assert (manager.session_number, manager.db_input_cache) == (0, [])
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM sessions").fetchone() == (1,)
        assert db.execute("SELECT count(*) FROM history").fetchone() == (0,)


def test_new_session_is_whole_before_cells_are_written(manager: HistoryManager, path: Path) -> None:
    """Who is about to write cells while a session begins waits for its number and its start: else
    it would find no such session, and begin another."""
    looked: list[bool] = []

    class Watched(sqlite3.Connection):
        """Looks, at each step, whether another thread may write."""

        def execute(self, *statement: Any) -> sqlite3.Cursor:
            writer = threading.Thread(
                target=lambda: looked.append(manager._writing.acquire(blocking=False))
            )
            writer.start()
            writer.join()
            return super().execute(*statement)

    with closing(sqlite3.connect(path, factory=Watched)) as db:
        manager.new_session(db)

    assert len(looked) >= 2
    assert not any(looked)


def test_a_number_that_is_taken_moves_to_a_new_session(
    manager: HistoryManager, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in IPython: what another kernel has written under our number is left alone."""
    before = manager.session_number
    manager.store_inputs(1, "first")
    manager.writeout_cache()
    manager.store_inputs(1, "again")
    manager.writeout_cache()

    assert manager.session_number == before + 1
    assert "not unique" in capsys.readouterr().out


def test_thread_that_is_made_after_a_fork_is_no_cells(mine: Client) -> None:
    """A finalizer that prints where the history is written does so for the running cell, not for
    the one in which IPython has made the thread again (IOPUB-24)."""
    execute(mine, "import os\nif not (child := os.fork()): os._exit(0)\nos.waitpid(child, 0);")

    noted = execute(
        mine,
        f"{LOAD}thread = get_ipython().history_manager.save_thread\n"
        "thread.is_alive(), probe.follows(thread)",
    )

    assert result(noted) == "(True, False)"


FORK = """\
import os, signal, threading
history = get_ipython().history_manager
history.get_tail()  # what waits is written, and the thread that writes has nothing to do
history._stop_save_thread()
held, may_end = threading.Event(), threading.Event()

def hold():
    with history._writing, history._storing, history.db_input_cache_lock:
        held.set()
        may_end.wait()

holder = threading.Thread(target=hold)
holder.start()
held.wait()
child = os.fork()
if not child:
    signal.alarm(60)
    history.store_inputs(1, "of the child")
    history.writeout_cache()
    found = history.get_tail(), [cell for _, _, cell in history.get_range()][-1]
    history.end_session()
    os._exit(found != ([], "of the child"))
may_end.set()
holder.join()
os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""
"""Fork while another thread holds all locks, as one that writes does."""


def test_history_of_a_forked_child_is_in_memory(mine: Client) -> None:
    """A child uses what the shell offers whatever was going on when it was forked: it waits for no
    thread of its parent's, writes none of its parent's cells, and does not end its session."""
    execute(mine, "'before'")

    status = execute(mine, FORK)
    session = execute(
        mine,
        "history.get_session_info()[2:4], [cell for *_, cell in history.get_tail(2)] == In[-3:-1]",
    )

    assert result(status) == "0"
    assert result(session) == "((None, None), True)"
