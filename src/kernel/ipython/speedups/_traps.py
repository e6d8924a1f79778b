"""What is different in Python while a cell runs: a display hook, and names among the builtins.

IPython's own look each value up by traitlets, and call a function for each name to put it in place
and to take it back, twice for a cell of one line.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable
from operator import attrgetter
from typing import Any, Self

from IPython.core.builtin_trap import BuiltinTrap as IPythonBuiltinTrap
from IPython.core.builtin_trap import BuiltinUndefined, HideBuiltin
from IPython.core.display_trap import DisplayTrap as IPythonDisplayTrap

__all__ = ["BuiltinTrap", "DisplayTrap"]


_for_names = attrgetter("add_builtin", "remove_builtin")
"""Returns the methods that IPython calls for each name, which a program may have replaced."""


class DisplayTrap(IPythonDisplayTrap):  # type: ignore[misc]  # IPython is untyped here
    """`sys.displayhook` is *hook* inside, also where it is entered several times."""

    hook: Any = None  # no trait here

    def __init__(self, hook: Callable[[object], object]) -> None:
        super().__init__()
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

    def __init__(self, shell: Any = None) -> None:
        super().__init__(shell)
        self._own = _for_names(self)

    def activate(self) -> None:
        """Put the names in place, and hide the others."""
        if _for_names(self) != self._own:
            super().activate()
            return
        names, kept = vars(builtins), self._orig_builtins
        for name, value in self.auto_builtins.items():
            if value is not HideBuiltin:
                kept[name] = names.get(name, BuiltinUndefined)
                names[name] = value
            elif name in names:
                kept[name] = names.pop(name)

    def deactivate(self) -> None:
        """Put back what was there."""
        if _for_names(self) != self._own:
            super().deactivate()
            return
        names, kept = vars(builtins), self._orig_builtins
        for name, value in kept.items():
            if value is BuiltinUndefined:
                names.pop(name, None)
            else:
                names[name] = value
        kept.clear()
