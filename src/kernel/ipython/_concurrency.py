"""IPython's shell is made for one cell at a time: what makes it one for several.

A kernel without subshells needs none of this. It is put in place with the first subshell, and
stays. What belongs to one cell is in `CellRun`; what is process-wide in Python itself is shared:
`sys.stdout`, which ``%%capture`` and `contextlib.redirect_stdout` replace, the working directory,
the environment.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from threading import Lock, RLock, get_ident  # by name: gevent replaces the module's
from types import new_class
from typing import TYPE_CHECKING, Any, Self

from assay.kernel.ipython._alone import Alone, ImpatientLock, InTime
from assay.kernel.ipython._sketch import SHARES_DEPTH

if TYPE_CHECKING:
    from assay.kernel.ipython._shell import ZMQInteractiveShell

__all__ = ["run_cells_at_once"]

ENOUGH = 1_000_000
"""How often IPython takes a trap to have been entered, so that it does not undo it itself."""

TURN_S = 0.3
"""How long one shell's cells wait for who completes, inspects or shows an error in another."""

PARSES = 5
"""How often a cell is parsed again where another thread has disturbed it."""


def run_cells_at_once(shell: ZMQInteractiveShell, main_thread: int) -> None:
    """Let *shell*, which has run them in *main_thread*, run cells in several from now on."""
    lock = RLock()
    turns = ImpatientLock()
    shell.lock, shell.turn = lock, lambda: InTime(turns, TURN_S)
    display, builtin = shell.display_trap, shell.builtin_trap
    # A cell may be inside just now, and is not to undo what others need when it leaves: it counts
    # as inside until the next one begins.
    for trap, set_it, unset in (
        (display, display.set, display.unset),
        (builtin, builtin.activate, builtin.deactivate),
    ):
        if not trap._nested_level:
            set_it()
        trap._nested_level += ENOUGH
        trap.threads = _OfThreads(set_it, unset, main_thread)
        own = type(trap)
        trap.__class__ = new_class(own.__name__, (_ForSeveral, own))

    def release() -> None:
        for trap in (display, builtin):
            trap.threads.remove(get_ident())
        for held in (lock, turns):
            with suppress(RuntimeError):  # it is not held any more
                while True:
                    held.release()

    shell.release_thread = release
    _lock_compiler(shell.compile, lock, shell.turn)
    shell.genuine_excepthook = sys.excepthook
    if sys.excepthook == shell.excepthook:
        shell.genuine_excepthook = shell.sys_excepthook


class _OfThreads:
    """A trap that is set while a thread is inside; each thread counts how often it has entered.

    IPython counts for one thread, and an interrupt that strikes while a cell leaves makes one too
    many. So each cell begins with `remove`.
    """

    def __init__(
        self, set_it: Callable[[], None], unset: Callable[[], None], main_thread: int
    ) -> None:
        self._set, self._unset = set_it, unset
        self._lock = Lock()
        self._inside = {main_thread: 1}

    def enter(self) -> None:
        """Be inside once more."""
        thread = get_ident()
        with self._lock:
            if not self._inside:
                self._set()
            self._inside[thread] = self._inside.get(thread, 0) + 1

    def leave(self) -> None:
        """Be inside once less."""
        thread = get_ident()
        with self._lock:
            level = self._inside.pop(thread, 0)
            if level > 1:
                self._inside[thread] = level - 1
            elif level and not self._inside:
                self._unset()

    def remove(self, thread: int) -> None:
        """Count *thread* as outside, however often it has entered."""
        with self._lock:
            if self._inside.pop(thread, 0) and not self._inside:
                self._unset()


class _ForSeveral:
    """What a trap of IPython's, or of a program's own, is besides: one for several threads."""

    threads: _OfThreads

    def __enter__(self) -> Self:
        self.threads.enter()
        return self

    def __exit__(self, *raised: object) -> None:
        self.threads.leave()


def _lock_compiler(
    compiler: Any,
    lock: AbstractContextManager[object],
    turn: Callable[[], AbstractContextManager[object]],
) -> None:
    """Let one thread at a time compile with flags of its own: the last one would undo them.

    And parse: Python 3.11 counts how deep it is in a tree for all threads together, and fails. So
    a cell waits for its *turn*, after those who complete, inspect or show an error, who parse too.
    What threads of the user's parse meanwhile is not locked, also where Python shows an error in
    them: a cell is parsed again, therefore.
    """
    extra_flags = compiler.extra_flags

    def locked(flags: int) -> Alone:
        return Alone(lock, extra_flags(flags))

    parse = compiler.ast_parse

    def parse_locked(*args: Any, **keys: Any) -> Any:
        with turn() if SHARES_DEPTH else nullcontext(), lock:
            for _ in range(PARSES if SHARES_DEPTH else 0):
                with suppress(SystemError):
                    return parse(*args, **keys)
            return parse(*args, **keys)

    compiler.extra_flags, compiler.ast_parse = locked, parse_locked
