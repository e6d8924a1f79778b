"""What the shell keeps of a cell while it runs: several may run at once, in subshells.

IPython keeps it in the shell, of which there is one. Here it goes with the request, which other
threads and tasks that the cell starts find as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core import payload

from assay.protocol import decode_json, encode_json

if TYPE_CHECKING:
    from assay.kernel._interpreter import Request
    from assay.protocol import Error

__all__ = ["CellRun", "PayloadManager", "run_of"]


class CellRun:
    """One cell, from its beginning to its reply."""

    def __init__(self, count: int = 0) -> None:
        self.count = count
        """What `execution_count` is to it: its number, and the next one once IPython has counted; 0
        if it is not stored and so has no number."""

        self.payload: list[dict[str, Any]] = []
        """What it asks its client for (EXEC-12)."""

        self.depth = 0
        """How many pieces of code run in each other: one, and more where the code runs cells
        itself."""

        self.is_ending = False
        """The error that is being shown is what its code raised."""

        self.outcome: object = None
        """IPython's account of its code, where that notes what the code has raised."""

        self.shows_interrupt = False
        """An interrupt is being shown."""

        self.is_failed = False
        """Its own error has been shown: an interrupt that comes behind it adds nothing
        (EXEC-17)."""

        self.errors: list[tuple[BaseException, Error]] = []
        """What was raised outside its code or ended it, and what was shown of that: a hook of
        IPython's may fail behind code that has failed."""

        self.ended_by: Error | None = None
        """What was shown of what ended its code, as its own error may stand for an interrupt."""

        self.interrupt_outside: BaseException | None = None
        """An interrupt that struck before or behind the cell's code, and was shown."""

        self.result: object = None
        """Where IPython notes its result."""

    @property
    def is_in_code(self) -> bool:
        """True until its code has ended: what is shown until then is caught, and not its error."""
        if self.is_ending or not self.depth:
            return False
        return self.depth > 1 or getattr(self.outcome, "error_in_exec", None) is None


def run_of(request: Request | None) -> CellRun | None:
    """Return the run of *request*; None if it is no cell that runs."""
    run = request.run if request is not None else None
    return run if isinstance(run, CellRun) else None


class PayloadManager(payload.PayloadManager):  # type: ignore[misc]  # IPython is untyped here
    """IPython's, which keeps JSON, for each cell its own.

    Its name is IPython's: ``%config`` knows it by that.
    """

    def __init__(self, **keys: Any) -> None:
        super().__init__(**keys)
        self._of_no_cell: list[Any] = []
        """What start-up code asked for."""

    @property
    def _payload(self) -> list[Any]:
        run = run_of(self.parent.host.request())
        if run is not None:
            return run.payload
        # The code belongs to a request that is over (`set_parent`, `output_to`): what it wishes is
        # for the reply of the cell that the thread runs.
        kept: list[Any] = getattr(self.parent.kept_here, "payload", self._of_no_cell)
        return kept

    def clear_payload(self) -> None:
        """Forget what has been kept."""
        self._payload.clear()

    def write_payload(self, data: object, single: bool = True) -> None:
        """Keep *data* for the reply; with *single* instead of what has the same ``source``.

        Raises:
            JsonError: a part of it has no JSON form; the message names it.
            TypeError: it is no dict.
        """
        super().write_payload(
            decode_json(encode_json(data)) if isinstance(data, dict) else data, single
        )
