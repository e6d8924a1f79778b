"""What is different in Python while a cell runs: a display hook, and names among the builtins.

IPython's own look each value up by traitlets, and call a function for each name to put it in place
and to take it back, twice for a cell of one line.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable
from typing import Any, Self

from IPython.core.builtin_trap import BuiltinTrap as IPythonBuiltinTrap
from IPython.core.builtin_trap import BuiltinUndefined, HideBuiltin

__all__ = ["BuiltinTrap", "DisplayTrap"]


class DisplayTrap:
    """`sys.displayhook` is *hook* inside, also where it is entered several times."""

    def __init__(self, hook: Callable[[object], object]) -> None:
        self.hook = hook
        self.old_hook: Any = None
        self._nested_level = 0

    def __enter__(self) -> Self:
        if not self._nested_level:
            self.set()
        self._nested_level += 1
        return self

    def __exit__(self, *_: object) -> None:
        if self._nested_level == 1:
            self.unset()
        self._nested_level -= 1

    @property
    def is_active(self) -> bool:
        """True inside."""
        return self._nested_level > 0

    def set(self) -> None:
        """Put the hook in place."""
        present = sys.displayhook
        if present is not self.hook:
            self.old_hook = present
            sys.displayhook = self.hook

    def unset(self) -> None:
        """Put back what was there."""
        sys.displayhook = self.old_hook


class BuiltinTrap(IPythonBuiltinTrap):  # type: ignore[misc]  # IPython is untyped here
    """Some names are among the builtins inside, and others are not."""

    def activate(self) -> None:
        """Put the names in place, and hide the others."""
        names, kept = vars(builtins), self._orig_builtins
        for name, value in self.auto_builtins.items():
            if value is not HideBuiltin:
                kept[name] = names.get(name, BuiltinUndefined)
                names[name] = value
            elif name in names:
                kept[name] = names.pop(name)

    def deactivate(self) -> None:
        """Put back what was there."""
        names, kept = vars(builtins), self._orig_builtins
        for name, value in kept.items():
            if value is BuiltinUndefined:
                names.pop(name, None)
            else:
                names[name] = value
        kept.clear()
