"""What several threads share of one shell, and interrupts that strike just there; in memory."""

from __future__ import annotations

import ast
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from threading import RLock
from types import FrameType

import pytest
from IPython.core.compilerop import CachingCompiler

from assay.kernel.ipython import _concurrency
from assay.kernel.process._interrupts import is_locking


def test_interrupt_leaves_no_compiler_locked() -> None:
    """Whichever call it strikes on the way in or out, another thread may compile afterwards; also
    while the traceback is kept, as IPython does."""
    kept: list[KeyboardInterrupt] = []
    with ThreadPoolExecutor(1) as other:
        for moment in range(12):
            lock = RLock()
            compiler = CachingCompiler()
            _concurrency._lock_compiler(compiler, lock, nullcontext)
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


class Disturbed(CachingCompiler):  # type: ignore[misc]  # IPython is untyped here
    """Parses at the same time as another thread, the first time: cpython#106905."""

    times = 0

    def ast_parse(self, *args: str) -> ast.AST:
        """Fail once, as Python does."""
        self.times += 1
        if self.times == 1:
            raise SystemError("AST constructor recursion depth mismatch (before=117, after=136)")
        tree: ast.AST = super().ast_parse(*args)
        return tree


@pytest.mark.parametrize("shares", [True, False])
def test_cell_is_parsed_again_that_another_thread_has_disturbed(
    monkeypatch: pytest.MonkeyPatch, shares: bool
) -> None:
    """Before Python 3.11.8 that is no fault of the cell; later it is a fault of Python's."""
    monkeypatch.setattr(_concurrency, "SHARES_DEPTH", shares)
    compiler, lock = Disturbed(), RLock()
    _concurrency._lock_compiler(compiler, lock, nullcontext)

    if shares:
        assert isinstance(compiler.ast_parse("1"), ast.Module)
    else:
        with pytest.raises(SystemError, match="mismatch"):
            compiler.ast_parse("1")

    assert compiler.times == 1 + shares
    with pytest.raises(SyntaxError):
        compiler.ast_parse("1 +")


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
