"""Look at where another thread is.

Python 3.11 makes the object of a frame when it is asked for, and may collect garbage to make it. A
finalizer that runs then lets the thread that is looked at go on: the object is filled in for a
frame that has ended meanwhile, which ends the process by SIGSEGV sooner or later, or the thread
waits for a lock that this one holds (cpython#106883, cpython#111363). From Python 3.12 on garbage
is collected between two instructions alone.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from threading import Lock
from types import FrameType

__all__ = ["look_at"]


def look_at(thread: int, seen: Callable[[FrameType | None], bool]) -> bool:
    """Return what *seen* says of the frame that *thread* is in, or of None if it has ended.

    Args:
        thread: Its identifier.
        seen: Called with the innermost frame, before the thread goes on; it may follow ``f_back``.
    """
    with _uncollected():
        return seen(sys._current_frames().get(thread))


def _uncollected() -> AbstractContextManager[None]:
    if sys.version_info >= (3, 12):
        return nullcontext()
    return _Uncollected()


class _Uncollected(AbstractContextManager[None]):
    """No garbage is collected inside.

    What a program that sets `gc` itself at this very moment asks for may be undone: inside are some
    microseconds, in which the thread that looks does not wait.
    """

    _one_at_a_time = Lock()

    def __enter__(self) -> None:
        self._one_at_a_time.acquire()
        self._was_enabled = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        if self._was_enabled:
            gc.enable()
        self._one_at_a_time.release()
