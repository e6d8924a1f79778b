"""IPython's shell is made for one cell at a time: what makes it one for several.

A kernel without subshells needs none of this. It is put in place with the first subshell, and
stays. What belongs to one cell is in `CellRun`; what is process-wide in Python itself is shared:
`sys.stdout`, which ``%%capture`` and `contextlib.redirect_stdout` replace, the working directory,
the environment.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import RLock  # by name: gevent replaces the module's
from typing import TYPE_CHECKING, Any

from IPython.core.builtin_trap import BuiltinTrap
from IPython.core.display_trap import DisplayTrap

if TYPE_CHECKING:
    from assay.kernel.ipython._shell import ZMQInteractiveShell

__all__ = ["run_cells_at_once"]


def run_cells_at_once(shell: ZMQInteractiveShell) -> None:
    """Let *shell* run cells in several threads from now on."""
    lock = RLock()
    shell.lock = lock
    # Both count how often they have been entered, and the last one out undoes what they do.
    # A cell may be inside just now: they stay the same objects.
    for trap, locked in (
        (shell.display_trap, _LockedDisplayTrap),
        (shell.builtin_trap, _LockedBuiltinTrap),
    ):
        trap.lock = lock
        trap.__class__ = locked
    _lock_flags(shell.compile, lock)
    shell.genuine_excepthook = sys.excepthook
    if sys.excepthook == shell.excepthook:
        shell.genuine_excepthook = shell.sys_excepthook


class _LockedDisplayTrap(DisplayTrap):  # type: ignore[misc]  # IPython is untyped here
    """One that one thread at a time enters or leaves."""

    lock: AbstractContextManager[object]

    def __enter__(self) -> _LockedDisplayTrap:
        with self.lock:
            super().__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        with self.lock:
            super().__exit__(*raised)


class _LockedBuiltinTrap(BuiltinTrap):  # type: ignore[misc]  # as above
    """The same."""

    lock: AbstractContextManager[object]

    def __enter__(self) -> _LockedBuiltinTrap:
        with self.lock:
            super().__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        with self.lock:
            super().__exit__(*raised)


def _lock_flags(compiler: Any, lock: AbstractContextManager[object]) -> None:
    """Let one thread at a time compile with flags of its own: the last one would undo them."""
    extra_flags = compiler.extra_flags

    @contextmanager
    def locked(flags: int) -> Iterator[None]:
        with lock, extra_flags(flags):
            yield

    compiler.extra_flags = locked
