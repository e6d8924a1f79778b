"""Loans: memory of the user's that is sent as it is, and must not change meanwhile."""

from __future__ import annotations

import weakref
from threading import Lock  # by name: gevent replaces the module's

import zmq

from assay.protocol import Buffer
from assay.transport._sharing import LentFrame, Mark, has_collector, is_settled

__all__ = ["LENT_BYTES", "Loan", "lend"]

LENT_BYTES = 1024 * 1024
"""From this size on it is worth while to lend memory instead of copying it."""


class Loan:
    """Memory that is sent as it is, though others refer to it: it must not change meanwhile.

    Args:
        view: Of the memory. pyzmq keeps it longer than the frame: a thread of its own lets go.
    """

    def __init__(self, view: memoryview) -> None:
        # A lock, which whatever thread frees the memory can open wherever it is just then.
        self._is_used = Lock()
        self._is_used.acquire()
        self._view = weakref.ref(view, lambda _: self._is_used.release())
        self.mark: Mark | None = None
        """Of the message, once it is sent."""

    def note_mark(self, mark: Mark | None) -> None:
        """Take the *mark* of the message."""
        self.mark = mark

    def is_over(self, wait_s: float) -> bool:
        """Return True once no message refers to the memory; wait *wait_s* seconds for that."""
        if self._is_used.acquire(timeout=wait_s):
            self._is_used.release()
            return True
        # It may have left, and something else refer to the message: a debugger, say.
        return self.mark is not None and self.mark.done


def lend(buffer: Buffer) -> tuple[Buffer, Loan | None]:
    """Return *buffer* as one that is sent without a copy, and the loan to wait for.

    Nothing may write to its memory until that is over, which it also is if no message is made of
    it. What is small, has gaps, or needs no copy anyway, is returned as it is, without a loan.
    """
    view = memoryview(buffer)
    if view.nbytes < LENT_BYTES or not view.c_contiguous or is_settled(buffer):
        return buffer, None
    try:
        if not has_collector():
            return buffer, None
        frame = LentFrame(view, copy=False)
    except (RuntimeError, OSError, zmq.ZMQError):  # see `shared`
        return buffer, None
    loan = Loan(view)
    frame.note_mark = loan.note_mark
    lent: memoryview = frame.buffer.toreadonly()
    return lent, loan
