"""The processes that this program has started, for one that a signal may end at any moment.

A handler that raises while `subprocess.Popen` starts a process would lose it: it runs, and no code
knows its number. So a program whose handlers raise lets them do it by `raise_soon`, and calls
`end_processes` when it ends: whatever was started by then, and not closed, is ended, also if more
signals come meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["STARTS", "end_processes", "raise_soon"]


class Closable(Protocol):
    """A process that runs."""

    def kill(self) -> None:
        """Kill it if it runs, without waiting for its end."""
        ...

    def close(self) -> None:
        """Kill it if it runs, and let go of everything."""
        ...


class Starts:
    """What runs, whichever thread has started it, and what handlers in the main thread wait for."""

    def __init__(self) -> None:
        self._is_deferring = False
        self._waiting: list[BaseException] = []
        self.living: set[Closable] = set()

    @contextmanager
    def deferring(self) -> Iterator[None]:
        """Make `raise_soon` wait for the end of the block, as one that adds to `living`."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._waiting = []
        self._is_deferring = True
        try:
            yield
        finally:
            self._is_deferring = False  # from here on a handler raises by itself
            if self._waiting:
                raise self._waiting[0]  # the program ends once, however many signals came

    def raise_soon(self, error: BaseException) -> None:
        """Raise *error*, now or when the process is known that is being started.

        Of several that wait the first is raised.
        """
        if not self._is_deferring:
            raise error
        self._waiting.append(error)


STARTS = Starts()
"""Those of this program: there is one main thread, and one set of handlers."""

raise_soon = STARTS.raise_soon


def end_processes() -> None:
    """End every process that was started and not closed.

    All are killed before the first is waited for, and an exception, as from a handler, ends none of
    this early. The first that came is raised at the end.
    """
    children = [*STARTS.living]
    errors: list[BaseException] = []

    def kill_all() -> None:
        with STARTS.deferring():
            for child in children:
                _do(child.kill, errors)

    _do(kill_all, errors)
    for child in children:
        # Once more what was interrupted: else it is not reaped, and its record stays.
        if not _do(child.close, errors):
            _do(child.close, errors)
    if errors:
        raise errors[0]


def _do(step: Callable[[], None], errors: list[BaseException]) -> bool:
    """Do *step* and return True, or add what it raises to *errors*."""
    try:
        step()
    except BaseException as error:  # noqa: BLE001 - `end_processes` raises it
        errors.append(error)
        return False
    return True
