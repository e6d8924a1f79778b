"""The two text streams of the process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["replaced_streams"]


@contextmanager
def replaced_streams(stdout: Any, stderr: Any) -> Iterator[None]:
    """Have *stdout* and *stderr* take what is printed inside.

    Args:
        stdout: Anything with the methods of a text stream that programs use.
        stderr: The same.
    """
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = stdout, stderr
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
