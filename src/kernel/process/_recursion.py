"""Python's limit of recursion, which a program shares with the kernel that runs it."""

from __future__ import annotations

import sys

from assay.transport import get_logger

__all__ = ["LOWEST", "ensure_recursion"]

LOWEST = 400
"""What the kernel needs: a traceback with colours takes some 150 frames, imports in it more."""

logger = get_logger("assay.kernel")


def ensure_recursion() -> None:
    """Raise a limit that is too low for the kernel itself, so that the next cell can run.

    Between cells: the cell that sets it runs with it to its end. Our own choice.
    """
    found = sys.getrecursionlimit()
    if found < LOWEST:
        sys.setrecursionlimit(LOWEST)
        logger.warning(
            "the recursion limit was %d, with which no cell could run: it is %d now",
            found,
            LOWEST,
        )
