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

*The session* begins, moves into the file and ends as the top of `_history_session` says.

*Cells are written* by the saving thread, `PAUSE_S` after it is woken. It takes all that wait. What
sqlite refuses goes back to the front of those that wait, in order, and is tried again: a locked
file by itself, after twice the time (`LONGEST_REST_S`), anything else with the next cell. A line on
stderr names the error once, and a lock only if it lasts (`Lateness`).

*A forked child* has none of these threads, and locks that no thread of it may hold. It gets new
ones, no session and no file (`_leave_to_parent`): what waits is written by the parent.
"""

from __future__ import annotations

import atexit
import threading
from contextlib import closing, nullcontext
from inspect import unwrap
from typing import TYPE_CHECKING, Any

from IPython.core import history
from IPython.core.interactiveshell import InteractiveShell

from assay.kernel.ipython._history_file import database_error, is_locked
from assay.kernel.ipython.speedups._history_session import LONGEST_REST_S, Lateness, SessionInFile
from assay.kernel.ipython.speedups._history_thread import PAUSE_S, PatientFlag, PatientThread
from assay.kernel.process._forks import call_in_children
from assay.kernel.process._patches import Kind, patches

if TYPE_CHECKING:
    from sqlite3 import Connection, DatabaseError

    from assay.kernel.ipython.speedups._history_commit import Uncommitted

__all__ = ["end_session", "leave_exit_to_program", "make_history"]

MAX_GAP = 1000
"""How many cells of other subshells may not have been stored yet when one is."""


def make_history(shell: InteractiveShell) -> HistoryManager:
    """Return the history of *shell*."""
    # The manager makes its thread itself, and another one after each fork; it looks the class up
    # here, and its trait takes no other one than the first.
    if history.HistorySavingThread is not PatientThread:  # else this is a shell within another
        patches.replace(
            history,
            "HistorySavingThread",
            PatientThread,
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


class HistoryManager(SessionInFile):
    """A history whose new session is known at once and on the disk a little later.

    A disk that refuses shows when the session is inserted, in the caller's thread as ever.
    Its name is IPython's, which is what ``%config`` knows it by.
    """

    # IPython's are traits: expensive for what is set with each cell.
    _i = _ii = _iii = _i00 = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._storing = threading.Lock()
        self._forget_forks = call_in_children(self._leave_to_parent)
        self.input_hist_parsed, self.input_hist_raw = [""], [""]
        self.db_input_cache, self.db_output_cache = [], []
        super().__init__(*args, **kwargs)

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
                    self._lateness = Lateness()
                if isinstance(flag := self.save_flag, PatientFlag):
                    flag.pause = PAUSE_S

    def _write_later(self, error: DatabaseError) -> None:
        """Warn once of what could not be written; what is only locked is tried again.

        The end says itself what it could not write.
        """
        if not self._is_ending.is_set() and self._lateness.is_to_be_told(error):
            self._warn(
                "cannot be written just now (%s): cells wait until it can; what is not written when"
                " the kernel ends is lost",
                error,
            )
        if is_locked(error) and isinstance(flag := self.save_flag, PatientFlag):
            flag.pause = min(2 * flag.pause, LONGEST_REST_S)
            flag.set()

    def close_file(self) -> None:
        """Close it for good: nothing moves into it any more."""
        self._forget_forks()
        super().close_file()

    def _keep(self, inputs: list[Any], outputs: list[Any]) -> None:
        with self.db_input_cache_lock:
            self.db_input_cache = [*inputs, *self.db_input_cache]
        with self.db_output_cache_lock:
            self.db_output_cache = [*outputs, *self.db_output_cache]

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
