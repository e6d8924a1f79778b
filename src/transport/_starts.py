"""The processes that this program has started, for one that a signal may end at any moment.

A handler that raises while `subprocess.Popen` starts a process would lose it: it runs, and nobody
knows its number. So a program whose handlers raise lets them do it by `raise_soon`, and calls
`end_processes` when it ends: whatever was started by then, and not closed, is ended.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["STARTS", "end_processes", "raise_soon"]


class Closable(Protocol):
    """A process that runs."""

    def close(self) -> None:
        """Kill it if it runs, and let go of everything."""
        ...


class Starts:
    """What is being started in the main thread, where handlers run, and what has been anywhere."""

    def __init__(self) -> None:
        self._is_starting = False
        self._waiting: list[BaseException] = []
        self.living: set[Closable] = set()

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Let `raise_soon` wait for the end of the block, which adds to `living`."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._is_starting = True
        try:
            yield
        finally:
            self._is_starting = False  # from here on a handler raises by itself
            if self._waiting:
                raise self._waiting.pop(0)

    def raise_soon(self, error: BaseException) -> None:
        """Raise *error*, now or when the process is known that is being started."""
        if not self._is_starting:
            raise error
        self._waiting.append(error)


STARTS = Starts()
"""Those of this program: there is one main thread, and one set of handlers."""

raise_soon = STARTS.raise_soon


def end_processes() -> None:
    """End every process that was started and not closed."""
    for child in [*STARTS.living]:
        child.close()
