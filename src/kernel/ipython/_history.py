"""Write the history database when there is time for it.

IPython wakes a thread for each cell, which then takes the interpreter and the disk away from the
reply: a millisecond and more. Here the thread, once woken, lets `PAUSE_S` pass and writes all cells
that have come meanwhile.
"""

from __future__ import annotations

import threading

from IPython.core import history
from IPython.core.history import HistoryManager, HistorySavingThread
from IPython.core.interactiveshell import InteractiveShell

__all__ = ["make_history"]

PAUSE_S = 0.05
"""What a crash may cost: the input of cells that were sent so shortly before it."""


def make_history(shell: InteractiveShell) -> HistoryManager:
    """Return the history of *shell*."""
    # The manager makes its thread itself, and another one after each fork; it looks the class up
    # here, and its trait takes no other one than the first.
    history.HistorySavingThread = _PatientThread
    return HistoryManager(shell=shell, parent=shell)


class _PatientThread(HistorySavingThread):  # type: ignore[misc]  # skipped, see mypy.ini
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
