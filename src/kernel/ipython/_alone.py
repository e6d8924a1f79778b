"""What several threads do to IPython's shell, one at a time."""

from __future__ import annotations

from contextlib import AbstractContextManager
from threading import RLock  # by name: gevent replaces the module's
from typing import Any, Protocol

from assay.kernel.process._interrupts import put_off_in

__all__ = ["Alone", "ImpatientLock", "InTime"]


class TimedLock(Protocol):
    """A lock that can be waited for as long as one likes."""

    def acquire(self, *, timeout: float) -> bool:
        """Lock it; False if that took longer than *timeout*."""
        ...

    def release(self) -> None:
        """Unlock it."""
        ...


class Alone:
    """No other thread is inside, in what *inner* changes for all of them."""

    # No generator: an interrupt that keeps one from its end leaves the lock locked until the last
    # traceback is forgotten that has it, and then it is another thread that gives it back.
    def __init__(
        self, lock: AbstractContextManager[object], inner: AbstractContextManager[object]
    ) -> None:
        self._lock, self._inner = lock, inner

    def __enter__(self) -> None:
        self._lock.__enter__()
        try:
            self._inner.__enter__()
        except BaseException:
            self._lock.__exit__(None, None, None)
            raise

    def __exit__(self, *raised: Any) -> None:
        try:
            self._inner.__exit__(*raised)
        finally:
            self._lock.__exit__(None, None, None)


class InTime:
    """True to who is inside if *lock* was free within *seconds*: then no other thread is inside."""

    # No generator, as above.
    def __init__(self, lock: TimedLock, seconds: float) -> None:
        self._lock, self._seconds = lock, seconds
        self._is_held = False

    def __enter__(self) -> bool:
        self._is_held = self._lock.acquire(timeout=self._seconds)
        return self._is_held

    def __exit__(self, *raised: object) -> None:
        if self._is_held:
            self._lock.release()


class ImpatientLock:
    """A lock for what runs the user's code, which may never end: its holder is waited for once.

    Who holds it may lock it again.
    """

    def __init__(self) -> None:
        self._lock = RLock()
        self._is_overdue = False

    def acquire(self, *, timeout: float) -> bool:
        """Lock it; False if that took longer than *timeout*, for this thread or for one before."""
        is_locked = self._lock.acquire(timeout=0 if self._is_overdue else timeout)
        self._is_overdue = not is_locked
        return is_locked

    def release(self) -> None:
        """Unlock it."""
        self._lock.release()


put_off_in(*(f.__code__ for of in (Alone, InTime) for f in (of.__enter__, of.__exit__)))
