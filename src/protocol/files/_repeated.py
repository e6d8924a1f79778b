"""Refuse a file in which a name stands twice: which of the two counts would be a guess."""

from __future__ import annotations

from collections.abc import Iterable

from assay.protocol._errors import ConnectionFileError

__all__ = ["check_repeated"]


def check_repeated(name: str, data: bytes, keys: Iterable[str], requirement: str) -> None:
    """Return if none of *keys* stands twice in the JSON object *data*; inside of values they may.

    Raises:
        ConnectionFileError: one does; *name* stands in the error.
    """
    # A name can be written with escapes as well.
    if b"\\" not in data and not any(data.count(b'"%s"' % key.encode()) > 1 for key in keys):
        return
    import json  # noqa: PLC0415 - few files have one of the words twice

    def names(pairs: list[tuple[str, object]]) -> list[str]:
        return [key for key, _ in pairs]

    found: list[str] = json.loads(data, object_pairs_hook=names)
    if repeated := [key for key in keys if found.count(key) > 1]:
        raise ConnectionFileError(
            f"{name}: {', '.join(repeated)}: wanted each key once, found it more than once",
            requirement=requirement,
        )
