"""A thread of the kernel's own, which works for no cell."""

from __future__ import annotations

import threading

__all__ = ["OwnThread"]


class OwnThread(threading.Thread):
    """A thread that belongs to no cell, also where one runs when it is started.

    What it prints, and what threads that it starts print, is not the output of that cell, whose
    request it does not keep (`Parents.follow_threads`).
    """
