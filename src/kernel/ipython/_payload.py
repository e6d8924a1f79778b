"""What a cell asks its client for, kept until the reply (EXEC-12)."""

from __future__ import annotations

from IPython.core import payload

from assay.protocol import decode_json, encode_json

__all__ = ["PayloadManager"]


class PayloadManager(payload.PayloadManager):  # type: ignore[misc]  # IPython is untyped here
    """IPython's, which keeps JSON. Its name is IPython's: ``%config`` knows it by that."""

    def write_payload(self, data: object, single: bool = True) -> None:
        """Keep *data* for the reply; with *single* instead of what has the same ``source``.

        Raises:
            JsonError: a part of it has no JSON form; the message names it.
            TypeError: it is no dict.
        """
        super().write_payload(
            decode_json(encode_json(data)) if isinstance(data, dict) else data, single
        )
