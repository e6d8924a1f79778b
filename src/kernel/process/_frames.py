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

__all__ = ["look_at", "looking_safely", "threads_in_python", "uncollected"]

Frames = Callable[[], dict[int, FrameType]]
"""What returns the innermost frame of each thread, as `sys._current_frames` does."""


def look_at(thread: int, seen: Callable[[FrameType | None], bool]) -> bool:
    """Return what *seen* says of the frame that *thread* is in, or of None if it has ended.

    Args:
        thread: Its identifier.
        seen: Called with the innermost frame, before the thread goes on; it may follow ``f_back``.
    """
    with uncollected():
        return seen(sys._current_frames().get(thread))


def threads_in_python() -> set[int]:
    """Return the identifiers of all threads that run Python code, whatever started them."""
    with uncollected():
        return set(sys._current_frames())


def looking_safely(frames: Frames) -> Frames:
    """Return what calls *frames*, and collects no garbage meanwhile, for code of others."""

    def current_frames() -> dict[int, FrameType]:
        with uncollected():
            return frames()

    return current_frames


def uncollected() -> AbstractContextManager[None]:
    """Collect no garbage in the block, on a Python that may collect it while frames are looked at.

    For code of others that asks for the frames of all threads. Garbage that is collected there
    makes that call wait for itself, for ever, as well: it holds the lock that threads start with.
    """
    if sys.version_info >= (3, 12):
        return nullcontext()
    return _Uncollected()


class _Uncollected(AbstractContextManager[None]):
    """No garbage is collected inside: of blocks that overlap the last one makes it so again.

    What a program that sets `gc` itself at this very moment asks for may be undone.
    """

    _lock = Lock()
    _inside = 0
    _was_enabled = False

    def __enter__(self) -> None:
        kind = _Uncollected
        with kind._lock:
            if not kind._inside:
                kind._was_enabled = gc.isenabled()
                gc.disable()
            kind._inside += 1

    def __exit__(self, *_: object) -> None:
        kind = _Uncollected
        with kind._lock:
            kind._inside -= 1
            if not kind._inside and kind._was_enabled:
                gc.enable()
