"""The session of a history: how it begins in the file, moves there, and ends.

*A session begins* in the main thread: its row is inserted, which gives it its number, and a thread
of its own commits that. Where others have the file locked it tries for ten seconds (`commit`), and
gives `_writing` back between two tries. Where the end comes first, `_is_ending` stops that thread,
and the end commits. A row that never came into the file is inserted anew before the first cells are
written (`_have_session`), since another kernel may have got its number meanwhile.

*A file that is locked when the session begins* would keep the start waiting. After `PATIENCE_S` the
session is in memory (`is_locked_out`), and a thread tries to move it (`move_into_file`). In one
transaction it gets a number of the file's and takes its cells along; then the connection is
replaced, under `_writing`. It moves once, and never back. A move that fails leaves it in memory.

*The end* takes `_writing` from all others, and sets its own patience, shorter than the time that a
kernel has for its end. It writes what waits and the time of the end in one transaction, or moves
the session first, and counts the cells that it could not write in a line on stderr, unless one has
said before that the file cannot be written and what becomes of the cells. Afterwards
`session_number` is 0: whatever still runs finds that there is no session, and does nothing.

`_writing`, the lock of who writes, is explained at the top of `_history`.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ref

from IPython.core import history

from assay._clock import monotonic, now, sleep
from assay.kernel._own_thread import OwnThread
from assay.kernel.ipython._history_file import (
    MEMORY,
    PATIENCE_S,
    OnFile,
    copy_session,
    database_error,
    identity,
    is_locked,
    open_late,
)
from assay.kernel.ipython.speedups._history_commit import Uncommitted, commit
from assay.kernel.ipython.speedups._history_thread import PAUSE_S, PatientThread
from assay.transport import get_logger

if TYPE_CHECKING:
    from sqlite3 import Connection, DatabaseError

__all__ = ["LONGEST_REST_S", "Lateness", "SessionInFile"]

logger = get_logger("assay.kernel")

LONGEST_REST_S = 2.0
"""Between two tries to write to a file that others have locked; the first comes after `PAUSE_S`."""

WARNED_AFTER_S = 10.0
"""How long a file may be locked before a line on stderr says so: where many kernels start at once,
each has it for some milliseconds."""

END_PATIENCE_S = 1.2
"""How long the end of a session waits for the file, when all kernels of a machine may end: of the
two seconds that a kernel has for all of its end."""

END_PATIENCE_WITHOUT_CELLS_S = 0.2
"""Where only the time of the end is to be written: those that have cells come first."""


class SessionInFile(OnFile, history.HistoryManager):  # type: ignore[misc]  # skipped, see mypy.ini
    """A history whose session is in the file, or follows there as soon as it can."""

    # IPython's are traits: expensive for what is set with each cell.
    save_thread: Any = None
    input_hist_parsed: Any = None
    input_hist_raw: Any = None

    db_input_cache: Any = None
    db_output_cache: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._writing = threading.RLock()
        """Held by who writes, and by who looks: no cell is on its way to the file meanwhile."""
        self._is_ending = threading.Event()
        """Set before the end waits for `_writing`: the commit of the session is left to it."""
        self._lateness = Lateness()
        self._start = ""
        """When the session has begun, as the file has it: others may get a number that it lost."""
        super().__init__(*args, **kwargs)
        self._follow_late()

    def new_session(self, conn: Connection | Uncommitted | None = None) -> None:
        if not self.enabled:
            return
        if conn is not None:
            self._insert_session(conn)
            return
        found = identity(self.hist_file)
        try:
            self._begin_session()
        except database_error() as error:
            self.replace_file(error, found)
            self._begin_session()
            if self.save_thread is not None:  # else the manager is made just now
                self._stop_save_thread()
                self.using_thread = False
                if self.hist_file != MEMORY:  # a new one, where the old one was damaged
                    self._save_in_thread()
                self._follow_late()

    def _begin_session(self) -> None:
        db: Connection = self.db
        may_share = self.connection_options.get("check_same_thread", True) is False
        self._is_ending = threading.Event()
        if self.hist_file == MEMORY or not may_share:
            self._insert_session(db)
            return
        self._insert_session(Uncommitted(db))
        OwnThread(
            target=commit,
            args=(db, self._writing, self._is_ending),
            name="assay-history",
            daemon=True,
        ).start()

    def _insert_session(self, conn: Connection | Uncommitted) -> None:
        # Who writes cells would find the new number with the old start, and insert another session.
        with self._writing:
            super().new_session(conn)
            row = conn.execute(
                "SELECT start || '' FROM sessions WHERE session==?", (self.session_number,)
            )
            (self._start,) = row.fetchone()

    def _have_session(self, conn: Connection | Uncommitted) -> None:
        """Begin the session anew if it has not come into the file: its number may be another's."""
        if not self.enabled:
            return
        row = conn.execute(
            "SELECT 1 FROM sessions WHERE session==? AND start==?",
            (self.session_number, self._start),
        )
        if row.fetchone() is None:
            self._insert_session(conn)

    def _follow_late(self) -> None:
        """Have the session move into the file as soon as no other process has it locked."""
        if not self.is_locked_out:
            return
        self._lateness = Lateness()
        with suppress(RuntimeError):  # no thread can be had: it is tried at the session's end
            OwnThread(
                target=_follow_late, args=(ref(self),), name="assay-history", daemon=True
            ).start()

    def move_into_file(self) -> bool:
        """Move the session into the file if that is not locked any more.

        Returns:
            False if it still cannot be used, and True if there is nothing more to be tried.
        """
        with self._writing:
            if not self.is_locked_out or self.file_in_vain is None:
                return True
            if not self.session_number:  # it has ended
                return False
            try:
                self._move_into(self.file_in_vain, self.connection_options)
                self._save_in_thread()
            except database_error() as error:
                if self._lateness.is_to_be_told(error):
                    self._warn(
                        "cannot be used (%s): this session is in memory, and is written as soon as"
                        " it can be used; what is not written when the kernel ends is lost",
                        error,
                    )
                return False
            return True

    def _move_into(self, path: Path, options: dict[str, Any]) -> None:
        file = open_late(path, options)
        try:
            self.session_number = copy_session(self.db, self.session_number, file)
        except BaseException:
            file.close()
            raise
        # That in memory is closed with the last who reads it.
        self.db, self.hist_file = file, path
        self.is_locked_out = False
        self._lateness = Lateness()

    def _save_in_thread(self) -> None:
        self.save_thread = PatientThread(self)
        with suppress(RuntimeError):  # no thread can be had: its end writes the session
            self.save_thread.start()
            self.using_thread = True
            self.save_thread.save_flag.set()

    def reset(self, new_session: bool = True) -> None:
        """Begin another session, as ``%reset`` does: cells wait for it, so the end is short."""
        if new_session:
            self._end(PATIENCE_S)
        super().reset(new_session)

    def end_session(self) -> None:
        """Write what waits, and when the session has ended; nothing more can be done for it."""
        self._end(END_PATIENCE_S)

    def _end(self, patience: float) -> None:
        self._is_ending.set()
        with self._writing:
            if not self.session_number:  # it has ended before
                return
            waiting, is_told = len(self._waiting()), self._lateness.is_told
            error = self._error_of_end(patience)
            if self.is_locked_out:
                waiting = len(self.input_hist_raw) - 1
            elif error is None:
                waiting = len(self._waiting())
            if not is_told:
                self._warn_of_end(error, waiting)
            self.session_number = 0
            self.db_input_cache, self.db_output_cache = [], []  # what comes is another session

    def _error_of_end(self, patience: float) -> DatabaseError | None:
        try:
            if self.is_locked_out:
                self._end_in_memory(patience)
            else:
                self._end_in_file(patience)
        except database_error() as error:
            return error
        return None

    def _warn_of_end(self, error: DatabaseError | None, lost: int) -> None:
        """Warn of the cells that are lost, where nothing has been said of the file before."""
        if lost and error is not None and is_locked(error):
            self._warn("is locked by another process: %s cells of this session are lost", lost)
        elif lost:
            self._warn("cannot be written (%s): %s cells of this session are lost", error, lost)
        elif error is not None and not is_locked(error):
            self._warn("does not get the end of this session: %s", error)

    def _end_in_memory(self, patience: float) -> None:
        """End the session there, and write all of it by one access to the file."""
        number = self.session_number
        super().end_session()
        if self.file_in_vain is not None:
            self.session_number = number
            self._move_into(self.file_in_vain, {**self.connection_options, "timeout": patience})
            self._wait_for_others(self.connection_options.get("timeout", PATIENCE_S))

    def _end_in_file(self, patience: float) -> None:
        """Write what waits and the end by one access to the file: others may end just now."""
        if not self.enabled:
            super().end_session()
            return
        has_cells = self.db.in_transaction or self._waiting()
        self._wait_for_others(
            patience if has_cells else min(patience, END_PATIENCE_WITHOUT_CELLS_S)
        )
        try:
            self._write_end()
        finally:
            self._wait_for_others(self.connection_options.get("timeout", PATIENCE_S))

    def _wait_for_others(self, seconds: float) -> None:
        """Have sqlite try for so long from now on where others have the file locked."""
        self.db.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")

    def _write_end(self) -> None:
        with self.db:
            if not self.db.in_transaction:
                self.db.execute("BEGIN IMMEDIATE")
            self._have_session(Uncommitted(self.db))
            self.writeout_cache(Uncommitted(self.db))
            self.db.execute(
                "UPDATE sessions SET end=?, num_cmds=? WHERE session==?",
                (_now(), len(self.input_hist_parsed) - 1, self.session_number),
            )

    def close_file(self) -> None:
        """Close it for good: nothing moves into it any more."""
        with self._writing:
            self.is_locked_out = False
            self.db.close()

    def _waiting(self) -> list[tuple[int, str, str]]:
        """Return the cells that are not written, which a look at the file has just tried."""
        if not self.enabled:
            return []
        with self.db_input_cache_lock:
            return list(self.db_input_cache)

    def _warn(self, message: str, *what: object) -> None:
        path = self.file_in_vain or self.hist_file
        # A kernel that ends removes the temporary folder that it had in need.
        if os.path.isdir(os.path.dirname(path)):  # noqa: PTH112, PTH120 - text
            logger.warning(f"history: %s {message}", path, *what)


class Lateness:
    """Since when the file is not written as it should be, and whether a line on stderr says so."""

    def __init__(self) -> None:
        self.is_told = False
        self._since: float | None = None

    def is_to_be_told(self, error: Exception) -> bool:
        """Return True once: of a lock when it has lasted, of anything else at once."""
        now = monotonic()
        if self._since is None:
            self._since = now
        has_lasted = now - self._since >= WARNED_AFTER_S
        if self.is_told or (is_locked(error) and not has_lasted):
            return False
        self.is_told = True
        return True


def _follow_late(manager: ref[SessionInFile]) -> None:
    """Try until the session is in its file, or has ended."""
    rest = PAUSE_S
    while True:
        sleep(rest)
        if (found := manager()) is None or found.move_into_file():
            return
        del found
        rest = min(2 * rest, LONGEST_REST_S)


def _now() -> str:
    return now().isoformat(" ")
