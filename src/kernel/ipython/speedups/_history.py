"""Write the history database when there is time for it.

IPython wakes a thread for each cell, which then takes the interpreter and the disk away from the
reply: a millisecond and more. Here the thread, once woken, lets `PAUSE_S` pass and writes all cells
that have come meanwhile; and no cell waits until it has, for other kernels write to the same file.
Nor does the start wait for the disk to have the new session's number,
which takes as long as a quarter of IPython's import.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Sequence
from contextlib import closing, nullcontext, suppress
from inspect import unwrap
from typing import TYPE_CHECKING, Any

from IPython.core import history
from IPython.core.history import HistorySavingThread
from IPython.core.interactiveshell import InteractiveShell

from assay.kernel._own_thread import OwnThread
from assay.kernel.ipython._history_file import (
    MEMORY,
    OnFile,
    database_error,
    identity,
    write_session,
)
from assay.kernel.process._patches import Kind, patches
from assay.transport import get_logger

if TYPE_CHECKING:
    from sqlite3 import Connection, Cursor

__all__ = ["end_session", "leave_exit_to_program", "make_history"]

logger = get_logger("assay.kernel")

PAUSE_S = 0.05
"""What a crash may cost: the input of cells that were sent so shortly before it."""


MAX_GAP = 1000
"""How many cells of other subshells may not have been stored yet when one is."""


COMMITS = 40
"""How often the new session is committed where others have the file locked: ten seconds long."""


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
    manager.db.close()


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

    db_input_cache: list[Any]
    db_output_cache: list[Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._writing = threading.RLock()
        """Held by who writes, and by who looks: no cell is on its way to the file meanwhile."""
        self._storing = threading.Lock()
        self.input_hist_parsed, self.input_hist_raw = [""], [""]
        super().__init__(*args, **kwargs)

    def store_inputs(self, line_num: int, source: str, source_raw: str | None = None) -> None:
        """Store a cell as ``In[line_num]``, whichever cell of a subshell was stored before it."""
        # An interrupt in a lock of Python's own would leave that locked.
        with self.shell.host.uninterrupted(), self._storing:
            size = len(self.input_hist_parsed)
            super().store_inputs(line_num, source, source_raw)
            if len(self.input_hist_parsed) != size and line_num != size:
                _place(self.input_hist_parsed, line_num)
                _place(self.input_hist_raw, line_num)

    def writeout_cache(self, conn: Connection | None = None) -> None:
        """Write what waits; meanwhile more may be stored.

        What cannot be written just now (a full disk, a lock, no descriptor) waits for the next
        cell.
        """
        with self._writing:
            with self.db_input_cache_lock:
                inputs, self.db_input_cache = self.db_input_cache, []
            with self.db_output_cache_lock:
                outputs, self.db_output_cache = self.db_output_cache, []
            batch = _Batch(self, [*inputs], [*outputs])
            try:
                history.HistoryManager.writeout_cache(batch, conn)
            except database_error() as error:
                if not self._has_failed:
                    self._warn("the history cannot be written just now: %s", error)
                self._has_failed = True
                # IPython writes both in turn, each as a whole; its own error empties what failed.
                self._keep(inputs, outputs)
            else:
                self._has_failed = False

    _has_failed = False
    """What waits could not be written when that was tried last."""

    def _warn(self, message: str, error: Exception) -> None:
        # A kernel that ends removes the temporary folder that it had in need.
        if os.path.isdir(os.path.dirname(self.file_in_vain or self.hist_file)):  # noqa: PTH112, PTH120 - text
            logger.warning(message, error)

    def _keep(self, inputs: list[Any], outputs: list[Any]) -> None:
        with self.db_input_cache_lock:
            self.db_input_cache = [*inputs, *self.db_input_cache]
        with self.db_output_cache_lock:
            self.db_output_cache = [*outputs, *self.db_output_cache]

    def new_session(self, conn: Connection | None = None) -> None:
        if conn is not None or not self.enabled:
            super().new_session(conn)
            return
        found = identity(self.hist_file)
        try:
            self._begin_session()
        except database_error() as error:
            self.replace_file(error, found)
            self._begin_session()

    def _begin_session(self) -> None:
        db: Connection = self.db
        may_share = self.connection_options.get("check_same_thread", True) is False
        if self.hist_file == MEMORY or not may_share:
            super().new_session(db)
            return
        super().new_session(_Uncommitted(db))
        OwnThread(target=_commit, args=(db,), name="assay-history", daemon=True).start()

    def end_session(self) -> None:
        """Write what waits, and when the session has ended; nothing more can be done for it."""
        number = self.session_number
        try:
            super().end_session()
        except database_error() as error:
            self._warn("history: the end of this session cannot be written: %s", error)
        if self.is_locked_out and self.file_in_vain is not None:
            try:
                write_session(self.db, number, self.file_in_vain, self.connection_options)
            except database_error() as error:  # the warning at the start has said so
                logger.info("history: this session is lost: %s", error)

    def get_tail(
        self,
        n: int | None = 10,
        raw: bool = True,
        output: bool = False,
        include_latest: bool = False,
    ) -> list[Any]:
        """Return the newest *n* cells, also those that cannot be written just now."""
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
        number = session if session > 0 else session + self.session_number
        if number == self.session_number:
            return self._get_range_session(start, stop, raw, output)
        return _range_of_file(self, number, start, stop, raw, output)


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


class _Uncommitted:
    """A connection that leaves the commit to another thread."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        """Begin nothing: the first statement does."""

    def __exit__(self, *_: object) -> None:
        """Commit nothing."""

    def execute(self, statement: str, values: Sequence[str]) -> Cursor:
        """Execute *statement*."""
        return self._db.execute(statement, values)


def _commit(db: Connection) -> None:
    """Commit the new session; others who read or write just now make it wait."""
    from sqlite3 import Error  # noqa: PLC0415 - IPython imports it where it needs it

    for left in reversed(range(COMMITS)):
        try:
            db.commit()
        except Error as error:
            if not db.in_transaction:  # who looked at the history has committed it
                return
            if left and "locked" in str(error):
                continue
            logger.warning("the history knows nothing of this session: %s", error)
            with suppress(Error):
                db.rollback()  # it would keep all others from writing
        return


class _PatientThread(HistorySavingThread, OwnThread):  # type: ignore[misc]  # skipped, see mypy.ini
    """It is made again after a fork, in the next cell."""

    def __init__(self, manager: HistoryManager) -> None:
        HistorySavingThread.__init__(self, manager)
        self.save_flag = _PatientFlag(self)


class _PatientFlag(threading.Event):
    """An event whose waiter waits a little longer, unless its thread is to stop."""

    def __init__(self, thread: _PatientThread) -> None:
        super().__init__()
        self._thread = thread
        self._stop = threading.Event()

    def set(self) -> None:
        if self._thread._stop_now:
            self._stop.set()
        if not self.is_set():
            super().set()

    def wait(self, timeout: float | None = None) -> bool:
        found = super().wait(timeout)
        self._stop.wait(PAUSE_S)
        return found
