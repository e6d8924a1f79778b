"""The thread that writes a history: it is patient, so that no cell waits for the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.core.history import HistorySavingThread

from assay._isolation import event_of_threads
from assay._platform import block_signals
from assay.kernel._own_thread import OwnThread

if TYPE_CHECKING:
    from IPython.core.history import HistoryManager

__all__ = ["PAUSE_S", "PatientFlag", "PatientThread"]

PAUSE_S = 0.05
"""What a crash may cost: the input of cells that were sent so shortly before it."""


class PatientThread(HistorySavingThread, OwnThread):  # type: ignore[misc]  # skipped, see mypy.ini
    """It is made again after a fork, in the next cell."""

    def __init__(self, manager: HistoryManager) -> None:
        HistorySavingThread.__init__(self, manager)
        self.save_flag = PatientFlag(self)

    def run(self) -> None:
        # A signal that came here would be handled in the main thread, also where that has kept
        # signals back for a moment (`Undisturbed`).
        block_signals()
        super().run()


class PatientFlag:
    """An event whose waiter waits a little longer, unless its thread is to stop."""

    def __init__(self, thread: PatientThread) -> None:
        self._flag = event_of_threads()
        self.pause = PAUSE_S
        """How long it waits; longer where others have the file locked."""
        self._thread = thread
        self._stop = event_of_threads()

    def set(self) -> None:
        if self._thread._stop_now:
            self._stop.set()
        self._flag.set()

    def is_set(self) -> bool:
        return self._flag.is_set()

    def clear(self) -> None:
        self._flag.clear()

    def wait(self, timeout: float | None = None) -> bool:
        found = self._flag.wait(timeout)
        self._stop.wait(self.pause)
        return found
