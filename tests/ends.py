"""The end of a process that no test has started itself, such as a child of a kernel."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.limits import HANG_LIMIT_S

__all__ = ["End", "watched_end"]


class End:
    """A named pipe that a process keeps open for writing, once it has opened `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._read = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def wait(self) -> None:
        """Wait until no process has the pipe open any more."""
        ready, _, _ = select.select([self._read], [], [], HANG_LIMIT_S)
        assert ready
        assert os.read(self._read, 1) == b""

    def close(self) -> None:
        """Close our own end of it."""
        os.close(self._read)


@contextmanager
def watched_end(folder: Path) -> Iterator[End]:
    """Make the pipe in *folder*."""
    end = End(folder / "end")
    try:
        yield end
    finally:
        end.close()
