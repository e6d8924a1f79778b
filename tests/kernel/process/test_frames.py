"""Where another thread is, seen while it runs."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

from assay.kernel.process._frames import look_at, uncollected
from tests.limits import HANG_LIMIT_S

MANY = 1000
"""Objects, for which Python would collect garbage, as for the objects of frames."""


@contextmanager
def waiting() -> Iterator[int]:
    """Yield the identifier of a thread that waits."""
    begun, over = threading.Event(), threading.Event()

    def wait_here() -> None:
        begun.set()
        over.wait(HANG_LIMIT_S)

    thread = threading.Thread(target=wait_here, daemon=True)
    thread.start()
    assert begun.wait(HANG_LIMIT_S)
    assert thread.ident is not None
    yield thread.ident
    over.set()
    thread.join(HANG_LIMIT_S)


@pytest.mark.parametrize("enabled", [True, False])
def test_no_garbage_is_collected_while_a_frame_is_looked_at(enabled: bool) -> None:
    """A finalizer would let the thread go on, and Python 3.11 loses the frame then. Afterwards
    garbage is collected as before."""
    collected: list[str] = []
    found: list[int] = []

    def count(phase: str, _: dict[str, int]) -> None:
        collected.append(phase)

    def seen(frame: FrameType | None) -> bool:
        gc.callbacks.append(count)
        try:
            kept = [[frame] for _ in range(MANY)]
        finally:
            gc.callbacks.remove(count)
        found.append(len(kept))
        return True

    before, was_enabled = gc.get_threshold(), gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    gc.set_threshold(10)
    try:
        with waiting() as ident:
            answer = look_at(ident, seen)
        is_enabled = gc.isenabled()
    finally:
        gc.set_threshold(*before)
        (gc.enable if was_enabled else gc.disable)()

    assert answer
    assert found == [MANY]
    assert is_enabled is enabled
    assert collected == [] or sys.version_info >= (3, 12)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="garbage is collected elsewhere there")
def test_the_last_block_that_collects_no_garbage_makes_it_as_it_was() -> None:
    """Blocks of several threads may overlap."""
    one, other = uncollected(), uncollected()
    was_enabled = gc.isenabled()
    gc.enable()
    try:
        with one:
            other.__enter__()
        between = gc.isenabled()
        other.__exit__(None, None, None)
        after = gc.isenabled()
    finally:
        (gc.enable if was_enabled else gc.disable)()

    assert (between, after) == (False, True)


def test_frame_is_that_of_the_thread() -> None:
    """What is seen is where the thread is; one that has ended is nowhere."""
    with waiting() as ident:
        codes: list[str] = []

        def seen(frame: FrameType | None) -> bool:
            while frame is not None:
                codes.append(frame.f_code.co_name)
                frame = frame.f_back
            return False

        assert not look_at(ident, seen)

    assert "wait_here" in codes
    assert look_at(0, lambda frame: frame is None)
