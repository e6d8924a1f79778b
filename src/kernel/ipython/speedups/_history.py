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
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from IPython.core import history
from IPython.core.history import HistorySavingThread
from IPython.core.interactiveshell import InteractiveShell

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


def make_history(shell: InteractiveShell) -> HistoryManager:
    """Return the history of *shell*."""
    # The manager makes its thread itself, and another one after each fork; it looks the class up
    # here, and its trait takes no other one than the first.
    patches.patch(
        history,
        "HistorySavingThread",
        lambda _: _PatientThread,
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


class HistoryManager(history.HistoryManager):  # type: ignore[misc]  # skipped, see mypy.ini
    """A history whose new session is known at once and on the disk a little later.

    A disk that refuses shows when the session is inserted, in the caller's thread as ever.
    Its name is IPython's, which is what ``%config`` knows it by.
    """

    # IPython's are traits: expensive for what is set with each cell.
    _i = _ii = _iii = _i00 = ""

    db_input_cache: list[Any]
    db_output_cache: list[Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._writing = threading.Lock()
        self._storing = threading.Lock()
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

        What cannot be written just now (a full disk, no descriptor) waits for the next cell.
        """
        from sqlite3 import OperationalError  # noqa: PLC0415 - IPython imports it where it needs it

        with self._writing:
            with self.db_input_cache_lock:
                inputs, self.db_input_cache = self.db_input_cache, []
            with self.db_output_cache_lock:
                outputs, self.db_output_cache = self.db_output_cache, []
            batch = _Batch(self, [*inputs], [*outputs])
            try:
                history.HistoryManager.writeout_cache(batch, conn)
            except OperationalError as error:
                # A kernel that ends removes the temporary folder that it had in need.
                if os.path.isdir(os.path.dirname(self.hist_file)):  # noqa: PTH112, PTH120 - text
                    logger.warning("the history cannot be written just now: %s", error)
                # IPython writes both in turn, each as a whole; its own error empties what failed.
                self._keep(inputs, outputs)

    def _keep(self, inputs: list[Any], outputs: list[Any]) -> None:
        with self.db_input_cache_lock:
            self.db_input_cache = [*inputs, *self.db_input_cache]
        with self.db_output_cache_lock:
            self.db_output_cache = [*outputs, *self.db_output_cache]

    def new_session(self, conn: Connection | None = None) -> None:
        may_share = self.connection_options.get("check_same_thread", True) is False
        if conn is not None or not self.enabled or not may_share:
            super().new_session(conn)
            return
        db: Connection = self.db
        super().new_session(_Uncommitted(db))
        threading.Thread(target=_commit, args=(db,), name="assay-history", daemon=True).start()


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
    from sqlite3 import Error  # noqa: PLC0415 - IPython imports it where it needs it

    try:
        db.commit()
    except Error as error:
        logger.warning("the history knows nothing of this session: %s", error)


class _PatientThread(HistorySavingThread):  # type: ignore[misc]  # skipped, see mypy.ini
    is_the_kernels = True
    """It is made again after a fork, in the next cell (see `Parents.follow_threads`)."""

    def __init__(self, manager: HistoryManager) -> None:
        super().__init__(manager)
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
