"""What several threads do to IPython's shell, one at a time."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from assay.kernel.process._interrupts import put_off_in

__all__ = ["Alone"]


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


put_off_in(Alone.__enter__.__code__, Alone.__exit__.__code__)
