"""What cells of tests see of the kernel that runs them, and the one place that knows where it is.

A cell begins with `LOAD`, and has then a `probe`. Nothing else in a test's cell reaches for what is
private to the kernel: if the kernel's parts move, this file follows, and no test.
"""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

from assay.kernel.dispatch import _execute
from assay.kernel.lanes import _beside, _main_lane, _shutdown, _subshells
from assay.kernel.process import _exit, _signal_watch
from assay.transport import _io_thread

__all__ = ["LOAD", "Probe"]

LOAD = f"import runpy; probe = runpy.run_path({str(Path(__file__))!r})['Probe'](get_ipython())\n"
"""Code that makes `probe` in a cell."""


class Probe:
    """The insides of a kernel, as far as tests need them.

    Args:
        shell: The shell that runs the cell.
    """

    def __init__(self, shell: Any) -> None:
        self._host = shell.kernel._host

    def queued(self) -> int:
        """Return how many requests wait behind the one that runs."""
        return len(self._host._main.lane)

    def is_prompting(self) -> bool:
        """Return True while a prompt waits for its answer."""
        return bool(self._host._prompter._asked)

    def is_asking(self) -> bool:
        """Return True while any thread asks for input, also before its prompt is sent."""
        locks = self._host._prompter._locks.values()
        return any(lock.locked() for lock in locks)

    def follows(self, thread: threading.Thread) -> bool:
        """Return True if what *thread* writes belongs to the cell that started it."""
        return thread in self._host._parents._of_thread

    def call_in_io_thread(self, function: Any) -> None:
        """Call *function* in the I/O thread, and return when that is done."""
        self._host._io.log.call(function)
        self.io_thread_passes()

    def io_thread_passes(self, seconds: float = 0) -> None:
        """Return when the I/O thread has done what it is to do within *seconds*."""
        done = threading.Event()
        io = self._host._io
        io.log.call(lambda: io.call_later(seconds, done.set))
        done.wait()

    def sigterm_is_judged(self) -> None:
        """Return when the kernel has decided what a SIGTERM that came meant."""
        self.io_thread_passes()
        self.io_thread_passes(_signal_watch.SIGTERM_GRACE_S)

    def exit_is_due(self) -> None:
        """Return when a kernel would have ended that a cell before has told to ``exit``."""
        self.io_thread_passes(_main_lane.EXIT_DELAY_S)

    def allow_for_shutdown(self, seconds: float) -> None:
        """Let all that ends take *seconds*, which a busy machine may need, before it is forced."""
        _shutdown.SHUTDOWN_BUDGET_S = _subshells.CLOSE_S = _exit.JOIN_S = seconds

    def allow_for_answers(self, seconds: float) -> None:
        """Let questions while a cell runs take *seconds*, which a busy machine may need."""
        _beside.HANDOVER_S = seconds
        _beside.DEADLINE_S = dict.fromkeys(_beside.DEADLINE_S, seconds)

    def allow_for_prints(self, seconds: float) -> None:
        """Let each line that is printed take *seconds*, which a busy machine may need."""
        _io_thread.PRINT_S = _io_thread.LONGEST_PRINT_S = seconds

    def interrupt_once_at_the_end(self) -> None:
        """Interrupt what runs once when the kernel ends: it may be slow on a busy machine."""
        _shutdown.REPEAT_INTERRUPT_S = 2 * _shutdown.SHUTDOWN_BUDGET_S

    def interrupt_on_the_way_to_the_code(self) -> None:
        """Interrupt the next cell when it has been taken, and its code has not begun."""
        is_blank = _execute.Execution._is_blank

        def interrupt(execution: Any, code: str) -> bool:
            setattr(_execute.Execution, "_is_blank", is_blank)  # noqa: B010 - a method
            os.kill(os.getpid(), signal.SIGINT)
            return is_blank(execution, code)

        setattr(_execute.Execution, "_is_blank", interrupt)  # noqa: B010 - a method
