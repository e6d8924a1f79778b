"""The scope that a guest's cells run in: names of the program, and none of IPython's left behind.

Where the names are a module's, cells are like lines of that module. Where they are a function's
local variables, or a dict of their own, a cell's functions and comprehensions must find them as
well as what the module has: to Python those are local and global names, and code that `exec` runs
with both finds only the second in a function. So such a dict is both, and what it has not is looked
up in the module and then among the builtins (`_Beyond`).
"""

from __future__ import annotations

import builtins
import re
from types import ModuleType
from typing import Any

__all__ = ["Scope"]

INTERACTIVE = re.compile(
    r"_|__|___|_\d+|_i|_ii|_iii|_i\d+|_ih|_oh|_dh|In|Out|exit|quit|open|get_ipython"
    r"|_exit_code|__session__|__builtin__|__builtins__|__name__"
)
"""The names that IPython puts where cells run."""


class Scope:
    """Where cells run.

    Args:
        module: Whose functions they are like.
        names: Their variables; None for those of *module* itself.
    """

    def __init__(self, module: ModuleType | None, names: dict[str, Any] | None = None) -> None:
        self.module = module
        if names is None:
            names = vars(module) if module is not None else {}
        self.names: dict[str, Any] = names
        self.is_within_module = module is not None and self.names is not vars(module)
        self._before = _interactive(self.names)
        self._of_module = _interactive(vars(module)) if self.is_within_module and module else {}

    def enter(self) -> None:
        """Let names be found that only the module has."""
        if self.is_within_module and self.module is not None:
            self.names.setdefault("__name__", self.module.__name__)
            self.names["__builtins__"] = _Beyond(self.module)

    def leave(self) -> None:
        """Take away what IPython has put there, and put back what it replaced."""
        _restore(self.names, self._before)
        if self.is_within_module and self.module is not None:
            _restore(vars(self.module), self._of_module)


class _Beyond(dict[str, Any]):
    """What is found where a name is not: in *module*, or among the builtins."""

    def __init__(self, module: ModuleType) -> None:
        # Python looks these two up past `__missing__`.
        super().__init__(__import__=builtins.__import__, __build_class__=builtins.__build_class__)
        self._module = vars(module)

    def __missing__(self, name: str) -> Any:
        if name in self._module:
            return self._module[name]
        return vars(builtins)[name]


def _interactive(names: dict[str, Any]) -> dict[str, Any]:
    # A copy: other threads of the program set names meanwhile.
    return {name: value for name, value in [*names.items()] if INTERACTIVE.fullmatch(str(name))}


def _restore(names: dict[str, Any], before: dict[str, Any]) -> None:
    for name in _interactive(names):
        if name not in before:
            del names[name]
    names.update(before)
