"""Spare engines that see no array the import of numpy.

ipyparallel looks up in a table how a type is packed. One of its keys is the name of numpy's array,
and the first object that is packed imports what the names name: a quarter of what an engine's start
takes. But as long as numpy is not imported there is no array to pack.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

__all__ = ["spare_numpy"]

ARRAY = "numpy.ndarray"
"""The key, as ipyparallel writes it."""


class _ArrayTypes(tuple[type, ...]):
    """A key that stands for several types: those of numpy's arrays that are there by now.

    The table has it for good. To change the table when numpy comes would disturb another thread
    that reads it.
    """

    __slots__ = ()

    def __iter__(self) -> Iterator[type]:
        found = getattr(sys.modules.get("numpy"), "ndarray", None)
        return iter(() if found is None else (found,))


def spare_numpy(table: dict[Any, Any]) -> None:
    """Let *table*, ipyparallel's ``can_map``, be read without numpy; its order stays.

    Nothing is done where numpy is there already, or the table has no such key.
    """
    if ARRAY not in table or "numpy" in sys.modules:
        return
    entries = list(table.items())
    table.clear()
    table.update((_ArrayTypes() if key == ARRAY else key, value) for key, value in entries)
