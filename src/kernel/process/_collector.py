"""Python's garbage collector, while much is made that is no garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collector_at_rest"]


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Collect nothing inside, and never look through what has been made by then.

    Nothing of what an interpreter imports becomes garbage: collecting meanwhile costs a sixth of
    the time.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
