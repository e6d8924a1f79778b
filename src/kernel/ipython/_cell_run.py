"""What the shell keeps of a cell while it runs: several may run at once, in subshells.

IPython keeps it in the shell, of which there is one. Here it goes with the request, which other
threads and tasks that the cell starts find as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, field

if TYPE_CHECKING:
    from assay.kernel._interpreter import Request

__all__ = ["CellRun", "run_of"]


@define(eq=False)
class CellRun:
    """One cell, from its beginning to its reply."""

    count: int = 0
    """What `execution_count` is to it: its number, and the next one once IPython has counted; 0 if
    it is not stored and so has no number."""

    payload: list[dict[str, Any]] = field(factory=list)
    """What it asks its client for (EXEC-12)."""

    result: object = None
    """Where IPython notes its result."""


def run_of(request: Request | None) -> CellRun | None:
    """Return the run of *request*; None if it is no cell that runs."""
    run = request.run if request is not None else None
    return run if isinstance(run, CellRun) else None
