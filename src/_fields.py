"""Classes that hold named values, as type checkers know them, and that cost a start nothing.

A class of attrs is made by a compiler, and a `NamedTuple` as well: a million instructions each. A
class with `Fields` is made as any other is. Its instances take a little longer to make, so it is
for values of which a process makes a few: options, parts, what was found at the start.
"""

from __future__ import annotations

from typing import ClassVar, dataclass_transform

__all__ = ["Fields"]


@dataclass_transform(eq_default=False, kw_only_default=True, frozen_default=True)
class Fields:
    """Has a field for each annotation of its class; all are given by keyword, none is changed.

    Two with the same fields differ.

    Raises:
        TypeError: a field that has no default is not given, or there is no such field.
    """

    _names: ClassVar[frozenset[str]] = frozenset()
    _needed: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls) -> None:
        kinds = {name: str(kind).partition("[")[0] for name, kind in cls.__annotations__.items()}
        cls._names = cls._names.union(
            name for name, kind in kinds.items() if kind.rpartition(".")[2] != "ClassVar"
        )
        cls._needed = frozenset(name for name in cls._names if not hasattr(cls, name))

    def __init__(self, **values: object) -> None:
        if not self._needed <= values.keys() <= self._names:
            missing = ", ".join(sorted(self._needed - values.keys()))
            unknown = ", ".join(sorted(values.keys() - self._names))
            wanted = missing or f"none but {', '.join(sorted(self._names))}"
            raise TypeError(f"{type(self).__name__}: wanted {wanted}; found {unknown or 'none'}")
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be deleted")
