"""Write the history database when there is time for it.

IPython wakes a thread for each cell, which then takes the interpreter and the disk away from the
reply: a millisecond and more. Here the thread, once woken, lets `PAUSE_S` pass and writes all cells
that have come meanwhile; and no cell waits until it has, for other kernels write to the same file.
Nor does the start wait for the disk to have the new session's number,
which takes as long as a quarter of IPython's import.

Theory of operation
-------------------

*Three connections, one lock.* The cells' thread and those that begin, move and end the session
share a connection to the file; the saving thread has one of its own, and so has each look while a
cell runs (`HistoryReader`), which only reads. Who writes cells or looks in the cells' thread holds
`_writing`, from before it takes the cells that wait until they are written or back among those that
wait. So who looks at the history under that lock finds each cell once: in the file or waiting.
A cell is stored (`store_inputs`) without it, and never waits for the disk.

*A session begins* in the main thread: its row is inserted, which gives it its number, and a thread
of its own commits that. Where others have the file locked it tries for ten seconds (`commit`), and
gives `_writing` back between two tries. Where the end comes first, `_is_ending` stops that thread,
and the end commits. A row that never came into the file is inserted anew before the first cells are
written (`_have_session`), since another kernel may have got its number meanwhile.

*Cells are written* by the saving thread, `PAUSE_S` after it is woken. It takes all that wait. What
sqlite refuses goes back to the front of those that wait, in order, and is tried again: a locked
file by itself, after twice the time (`LONGEST_REST_S`), anything else with the next cell. A line on
stderr names the error once, and a lock only if it lasts (`_Lateness`).

*A file that is locked when the session begins* would keep the start waiting. After `PATIENCE_S` the
session is in memory (`is_locked_out`), and a thread tries to move it (`move_into_file`). In one
transaction it gets a number of the file's and takes its cells along; then the connection is
replaced, under `_writing`. It moves once, and never back. A move that fails leaves it in memory.

*The end* takes `_writing` from all others, and sets its own patience, shorter than the time that a
kernel has for its end. It writes what waits and the time of the end in one transaction, or moves
the session first, and counts the cells that it could not write in a line on stderr. Afterwards
`session_number` is 0: whatever still runs finds that there is no session, and does nothing.

*A forked child* has none of these threads, and locks that no thread of it may hold. It gets new
ones, no session and no file (`_leave_to_parent`): what waits is written by the parent.
"""

from __future__ import annotations

import atexit
import os
import threading
from contextlib import closing, nullcontext, suppress
from inspect import unwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ref

from IPython.core import history
from IPython.core.history import HistorySavingThread
from IPython.core.interactiveshell import InteractiveShell

from assay._clock import monotonic, now, sleep
from assay._platform import block_signals
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
from assay.kernel.process._forks import call_in_children
from assay.kernel.process._patches import Kind, patches
from assay.transport import get_logger

if TYPE_CHECKING:
    from sqlite3 import Connection, DatabaseError

__all__ = ["end_session", "leave_exit_to_program", "make_history"]

logger = get_logger("assay.kernel")

PAUSE_S = 0.05
"""What a crash may cost: the input of cells that were sent so shortly before it."""


MAX_GAP = 1000
"""How many cells of other subshells may not have been stored yet when one is."""


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


def make_history(shell: InteractiveShell) -> HistoryManager:
    """Return the history of *shell*."""
    # The manager makes its thread itself, and another one after each fork; it looks the class up
    # here, and its trait takes no other one than the first.
    if history.HistorySavingThread is not _PatientThread:  # else this is a shell within another
        patches.replace(
            history,
            "HistorySavingThread",
            _PatientThread,
            kind=Kind.SPEED,
            reason="the disk is written to when no cell runs",
        )
    return HistoryManager(shell=shell, parent=shell)


def leave_exit_to_program(shell: InteractiveShell) -> None:
    """Have the exit of the process leave *shell* alone, which would empty the cells' namespace."""
    atexit.unregister(shell.atexit_operations)


def end_session(shell: InteractiveShell) -> None:
    """Do now what *shell* would do when the process exits, and close its history.

    IPython empties the cells' namespace then, which may be a program's: it gets another one.
    """
    shell.user_module, shell.user_ns = shell.prepare_user_module()
    shell.ns_table = {}
    manager, thread = shell.history_manager, shell.history_manager.save_thread
    leave_exit_to_program(shell)
    shell.atexit_operations()
    if thread is not None:
        atexit.unregister(thread.stop)
        thread.stop()
    manager.close_file()


class HistoryManager(OnFile, history.HistoryManager):  # type: ignore[misc]  # skipped, see mypy.ini
    """A history whose new session is known at once and on the disk a little later.

    A disk that refuses shows when the session is inserted, in the caller's thread as ever.
    Its name is IPython's, which is what ``%config`` knows it by.
    """

    # IPython's are traits: expensive for what is set with each cell.
    _i = _ii = _iii = _i00 = ""
    save_thread: Any = None
    input_hist_parsed: Any = None
    input_hist_raw: Any = None

    db_input_cache: Any = None
    db_output_cache: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._writing = threading.RLock()
        """Held by who writes, and by who looks: no cell is on its way to the file meanwhile."""
        self._storing = threading.Lock()
        self._is_ending = threading.Event()
        """Set before the end waits for `_writing`: the commit of the session is left to it."""
        self._lateness = _Lateness()
        self._start = ""
        """When the session has begun, as the file has it: others may get a number that it lost."""
        self._forget_forks = call_in_children(self._leave_to_parent)
        self.input_hist_parsed, self.input_hist_raw = [""], [""]
        self.db_input_cache, self.db_output_cache = [], []
        super().__init__(*args, **kwargs)
        self._follow_late()

    def _leave_to_parent(self) -> None:
        """Know in a forked child what is in memory, and leave the file alone.

        Its cells are written by the parent, sqlite's connections do not survive a fork, and who
        held one of the locks is not there any more.
        """
        self._writing, self._storing = threading.RLock(), threading.Lock()
        self.db_input_cache_lock, self.db_output_cache_lock = threading.Lock(), threading.Lock()
        self.db_input_cache, self.db_output_cache = [], []
        self.enabled = self.using_thread = self.is_locked_out = False
        self.session_number = 0  # it has ended, as far as the child is concerned

    def store_inputs(self, line_num: int, source: str, source_raw: str | None = None) -> None:
        """Store a cell as ``In[line_num]``, whichever cell of a subshell was stored before it."""
        # An interrupt in a lock of Python's own would leave that locked.
        with self.shell.host.uninterrupted(), self._storing:
            size = len(self.input_hist_parsed)
            super().store_inputs(line_num, source, source_raw)
            if len(self.input_hist_parsed) != size and line_num != size:
                _place(self.input_hist_parsed, line_num)
                _place(self.input_hist_raw, line_num)

    def writeout_cache(self, conn: Connection | Uncommitted | None = None) -> None:
        """Write what waits; meanwhile more may be stored.

        What cannot be written just now (a full disk, a lock, no descriptor) waits for the next
        cell.
        """
        with self._writing:
            with self.db_input_cache_lock:
                inputs, self.db_input_cache = self.db_input_cache, []
            with self.db_output_cache_lock:
                outputs, self.db_output_cache = self.db_output_cache, []
            if not self.session_number:  # it has ended: what comes behind has none to go to
                return
            batch = _Batch(self, [*inputs], [*outputs])
            try:
                if inputs or outputs:
                    self._have_session(self.db if conn is None else conn)
                history.HistoryManager.writeout_cache(batch, conn)
            except database_error() as error:
                # IPython writes both in turn, each as a whole; its own error empties what failed.
                self._keep(inputs, outputs)
                self._write_later(error)
            else:
                if not self.is_locked_out:
                    self._lateness = _Lateness()
                if isinstance(flag := self.save_flag, _PatientFlag):
                    flag.pause = PAUSE_S

    def _write_later(self, error: DatabaseError) -> None:
        """Warn once of what could not be written; what is only locked is tried again."""
        if self._lateness.is_to_be_told(error):
            self._warn("cannot be written just now: %s", error)
        if is_locked(error) and isinstance(flag := self.save_flag, _PatientFlag):
            flag.pause = min(2 * flag.pause, LONGEST_REST_S)
            flag.set()

    def close_file(self) -> None:
        """Close it for good: nothing moves into it any more."""
        self._forget_forks()
        with self._writing:
            self.is_locked_out = False
            self.db.close()

    def _warn(self, message: str, *what: object) -> None:
        path = self.file_in_vain or self.hist_file
        # A kernel that ends removes the temporary folder that it had in need.
        if os.path.isdir(os.path.dirname(path)):  # noqa: PTH112, PTH120 - text
            logger.warning(f"history: %s {message}", path, *what)

    def _keep(self, inputs: list[Any], outputs: list[Any]) -> None:
        with self.db_input_cache_lock:
            self.db_input_cache = [*inputs, *self.db_input_cache]
        with self.db_output_cache_lock:
            self.db_output_cache = [*outputs, *self.db_output_cache]

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
        if self.hist_file == MEMORY or not may_share:
            self._insert_session(db)
            return
        self._insert_session(Uncommitted(db))
        self._is_ending = threading.Event()
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
        self._lateness = _Lateness()
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
        self._lateness = _Lateness()

    def _save_in_thread(self) -> None:
        self.save_thread = _PatientThread(self)
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
            waiting = len(self._waiting())
            error = self._error_of_end(patience)
            if self.is_locked_out:
                waiting = len(self.input_hist_raw) - 1
            elif error is None:
                waiting = len(self._waiting())
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
        """Warn of the cells that are lost, whatever has been warned of before."""
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

    def get_tail(
        self,
        n: int | None = 10,
        raw: bool = True,
        output: bool = False,
        include_latest: bool = False,
    ) -> list[Any]:
        """Return the newest *n* cells, also those that cannot be written just now."""
        self.move_into_file()
        wanted = 10 if n is None else n
        if wanted < 1:
            return list(super().get_tail(n, raw, output, include_latest))
        with self._writing:
            more = wanted + (not include_latest)
            found = super().get_tail(more, raw, output, include_latest=True)
            everything = [*found, *(self._entry(row, raw, output) for row in self._waiting())]
        if not include_latest:
            everything = everything[:-1]
        return everything[-wanted:]

    def search(  # noqa: PLR0917 - as IPython has it
        self,
        pattern: str = "*",
        raw: bool = True,
        search_raw: bool = True,
        output: bool = False,
        n: int | None = None,
        unique: bool = False,
    ) -> list[Any]:
        """Return the cells that match *pattern*, also those that cannot be written just now."""
        self.move_into_file()
        with self._writing:
            found = list(super().search(pattern, raw, search_raw, output, n, unique))
            waiting = self._waiting()
        matching = _matching(waiting, pattern, search_raw)
        if not matching:
            return found
        everything = [*found, *(self._entry(row, raw, output) for row in matching)]
        if unique:
            newest = {str(entry[2]): entry for entry in everything}
            everything = [entry for entry in everything if newest[str(entry[2])] is entry]
        return everything if n is None else everything[len(everything) - n :] if n else []

    def _waiting(self) -> list[tuple[int, str, str]]:
        """Return the cells that are not written, which a look at the file has just tried."""
        if not self.enabled:
            return []
        with self.db_input_cache_lock:
            return list(self.db_input_cache)

    def _entry(self, row: tuple[int, str, str], raw: bool, output: bool) -> tuple[int, int, Any]:
        number, source, source_raw = row
        text = source_raw if raw else source
        shown = (text, self.output_hist_reprs.get(number)) if output else text
        return self.session_number, number, shown

    def get_range(
        self,
        session: int = 0,
        start: int = 1,
        stop: int | None = None,
        raw: bool = True,
        output: bool = False,
    ) -> Any:
        """Return the cells of a session: of the present one from memory, which never fails."""
        if session < 0:
            self.move_into_file()
        number = session if session > 0 else session + self.session_number
        if number == self.session_number:
            return self._get_range_session(start, stop, raw, output)
        return _range_of_file(self, number, start, stop, raw, output)


class _Lateness:
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


def _follow_late(manager: ref[HistoryManager]) -> None:
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


def _matching(
    rows: list[tuple[int, str, str]], pattern: str, search_raw: bool
) -> list[tuple[int, str, str]]:
    if not rows:
        return []
    from sqlite3 import connect  # noqa: PLC0415 - IPython imports it where it needs it

    with closing(connect(":memory:")) as judge:  # by the file's own rules
        return [
            row
            for row in rows
            if judge.execute("SELECT ? GLOB ?", (row[2 if search_raw else 1], pattern)).fetchone()[
                0
            ]
        ]


def _range_of_file(manager: HistoryManager, *which: Any) -> list[Any]:
    if not manager.enabled:
        return []
    return list(unwrap(history.HistoryAccessor.get_range)(manager, *which))


def _place(inputs: list[str], number: int) -> None:
    """Move the last of *inputs* to *number*, where that is near the end or was left free."""
    if number < len(inputs) - 1 and not inputs[number]:
        inputs[number] = inputs.pop()
    elif len(inputs) <= number < len(inputs) + MAX_GAP:
        inputs[-1:-1] = [""] * (number + 1 - len(inputs))


class _Batch:
    """What is to be written at one time: to what writes it, it is the manager."""

    db_input_cache_lock = db_output_cache_lock = nullcontext()
    _writeout_input_cache = history.HistoryManager._writeout_input_cache
    _writeout_output_cache = history.HistoryManager._writeout_output_cache

    def __init__(self, manager: HistoryManager, inputs: list[Any], outputs: list[Any]) -> None:
        self._manager = manager
        self.db_input_cache = inputs
        self.db_output_cache = outputs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._manager, name)


class _PatientThread(HistorySavingThread, OwnThread):  # type: ignore[misc]  # skipped, see mypy.ini
    """It is made again after a fork, in the next cell."""

    def __init__(self, manager: HistoryManager) -> None:
        HistorySavingThread.__init__(self, manager)
        self.save_flag = _PatientFlag(self)

    def run(self) -> None:
        # A signal that came here would be handled in the main thread, also where that has kept
        # signals back for a moment (`Undisturbed`).
        block_signals()
        super().run()


class _PatientFlag(threading.Event):
    """An event whose waiter waits a little longer, unless its thread is to stop."""

    def __init__(self, thread: _PatientThread) -> None:
        super().__init__()
        self.pause = PAUSE_S
        """How long it waits; longer where others have the file locked."""
        self._thread = thread
        self._stop = threading.Event()

    def set(self) -> None:
        if self._thread._stop_now:
            self._stop.set()
        if not self.is_set():
            super().set()

    def wait(self, timeout: float | None = None) -> bool:
        found = super().wait(timeout)
        self._stop.wait(self.pause)
        return found
