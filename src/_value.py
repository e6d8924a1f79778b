"""Equality, hash and representation, written once for all values."""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = ["Value"]


class Value:
    """The base of classes made by attrs with ``eq=False, repr=False``.

    attrs would make these three for each class from source, which takes half as long again as
    making the class does (decision 0003). What attrs says of a field holds: ``eq``, ``hash`` and
    ``repr``.
    """

    __slots__ = ()

    __attrs_attrs__: ClassVar[tuple[Any, ...]]

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        names = (f.name for f in self.__attrs_attrs__ if f.eq)
        return all(getattr(self, name) == getattr(other, name) for name in names)

    def __hash__(self) -> int:
        # Equal values have equal hashes; what may hold JSON objects has none and is left out.
        found = (
            getattr(self, f.name) for f in self.__attrs_attrs__ if f.eq and f.hash is not False
        )
        return hash((type(self), *(value for value in found if isinstance(value, HASHABLE))))

    def __repr__(self) -> str:
        shown = (
            f.alias or f.name
            for f in self.__attrs_attrs__
            if f.repr and (f.name != "_extra" or getattr(self, f.name))
        )
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
        return f"{type(self).__name__}({fields})"


HASHABLE = (str, int, float, bytes, frozenset, type(None), Value)
