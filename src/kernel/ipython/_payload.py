"""What a cell asks its client for, kept until the reply (EXEC-12)."""

from __future__ import annotations

from typing import Any

from IPython.core import payload

from assay.kernel.ipython._cell_run import run_of
from assay.protocol import decode_json, encode_json

__all__ = ["PayloadManager"]


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
        return self._of_no_cell

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
