"""Descriptors that are open for nothing, so that some are left when a program has taken all others.

A program that leaks files ends at the limit of its process. The kernel in that process has still to
accept the client that interrupts it, to import the code that shows its error, and to end. It then
gives up some of these, and takes them back when others have been closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from assay._isolation import os

__all__ = ["RESERVED", "SpareDescriptors", "are_free"]

SPARE = 12
"""Five for the connections of one client, one for those that are cut, `RESERVED`, and some for
what a kernel opens once, such as its history."""

RESERVED = 3
"""What is left for the kernel itself: an event loop takes so many, an import takes one."""


class SpareDescriptors:
    """A number of descriptors; for any thread."""

    def __init__(self) -> None:
        self._wanted = SPARE
        self._held: list[int] = []
        self._borrowers: set[object] = set()
        """One for each thread that is inside `lent`."""
        self.refill()

    def __len__(self) -> int:
        return len(self._held)

    @property
    def are_lent(self) -> bool:
        """True while a thread is inside `lent`."""
        return bool(self._borrowers)

    def refill(self) -> bool:
        """Take back what was given up, as far as it is free; return True if nothing is missing.

        Nothing is taken from a thread that is inside `lent`.
        """
        if len(self._held) == self._wanted:
            return True
        with suppress(OSError):
            while len(self._held) < self._wanted and not self._borrowers:
                self._held.append(os.open(os.devnull, os.O_RDONLY))
        while len(self._held) > self._wanted:  # another thread has refilled, or closed, meanwhile
            self.give_up()
        return len(self._held) >= self._wanted

    def give_up(self) -> bool:
        """Close one; return False if there is none left."""
        try:
            descriptor = self._held.pop()
        except IndexError:
            return False
        with suppress(OSError):  # a program has closed it, with all that it found
            os.close(descriptor)
        return True

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Close all of these inside, unless `RESERVED` others are free; refill at the end."""
        borrower = object()
        try:
            self._borrowers.add(borrower)
            if not are_free(RESERVED):
                while self.give_up():
                    continue
            yield
        finally:
            self._borrowers.discard(borrower)
            self.refill()

    def close(self) -> None:
        """Give up all, for good."""
        self._wanted = 0
        while self.give_up():
            continue


def are_free(count: int) -> bool:
    """Return True if the process may open *count* descriptors."""
    taken: list[int] = []
    try:
        while len(taken) < count:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        return False
    finally:
        for descriptor in taken:
            os.close(descriptor)
    return True
