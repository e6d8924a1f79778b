"""What several threads share of one shell, and interrupts that strike just there; in memory."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from threading import RLock
from types import FrameType

from IPython.core.compilerop import CachingCompiler

from assay.kernel.ipython._concurrency import _lock_compiler
from assay.kernel.process._interrupts import is_locking


def test_interrupt_leaves_no_compiler_locked() -> None:
    """Whichever call it strikes on the way in or out, another thread may compile afterwards; also
    while the traceback is kept, as IPython does."""
    kept: list[KeyboardInterrupt] = []
    with ThreadPoolExecutor(1) as other:
        for moment in range(12):
            lock = RLock()
            compiler = CachingCompiler()
            _lock_compiler(compiler, lock)
            before = compiler.flags

            try:
                sys.setprofile(Strike(moment))
                with compiler.extra_flags(1):
                    pass
            except KeyboardInterrupt as struck:
                kept.append(struck)
            finally:
                sys.setprofile(None)

            assert other.submit(lock.acquire, blocking=False).result()
            assert compiler.flags == before
    assert kept


class Strike:
    """A profile function that raises as an interrupt does, at the call of that number."""

    def __init__(self, moment: int) -> None:
        self._left = moment

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """Raise where an interrupt would not be put off."""
        if event != "call" or is_locking(frame):
            return
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt
