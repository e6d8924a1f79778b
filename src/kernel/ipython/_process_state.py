"""What IPython changes in the process when it makes a shell, besides what can be patched.

In a process of the kernel's own it stays. A guest puts it back at once, and what IPython needs of
it while a cell runs is there for as long: the program goes on.
"""

from __future__ import annotations

import builtins
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assay.kernel.ipython._shell import ZMQInteractiveShell

__all__ = ["ProcessState"]

SYS_NAMES = ("excepthook", "displayhook", "ps1", "ps2", "ps3")
ERROR_NAMES = ("last_type", "last_value", "last_traceback", "last_exc")
"""What Python remembers of the last error; cells look at it (``%debug``)."""

MAIN = "__main__"
BUILTIN_NAMES = ("__IPYTHON__", "display", "get_ipython")
OF_CELLS = ("__IPYTHON__", "display")
"""The builtins that IPython takes for lasting; it has others come and go with each cell."""


class ProcessState:
    """How the process is when this is made."""

    def __init__(self) -> None:
        self._of_sys = _found(sys, SYS_NAMES)
        self._errors = _found(sys, ERROR_NAMES)
        self._of_builtins = _found(builtins, BUILTIN_NAMES)
        self._modules = dict(sys.modules)

    def restore(self, shell: ZMQInteractiveShell | None) -> None:
        """Make the process what it was; cells of *shell* find what they should."""
        if shell is not None:
            for name in OF_CELLS:
                if name in vars(builtins):
                    shell.builtin_trap.auto_builtins[name] = vars(builtins)[name]
        _set(sys, SYS_NAMES, self._of_sys)
        _set(builtins, BUILTIN_NAMES, self._of_builtins)
        # IPython puts the module of the cells there, under its name.
        module = getattr(shell, "user_module", None)
        for name in (MAIN, getattr(module, "__name__", MAIN)):
            if (before := self._modules.get(name)) is not None:
                sys.modules[name] = before
            elif sys.modules.get(name) is module:
                del sys.modules[name]

    def forget_errors(self) -> None:
        """Have Python forget the last error of the cells, which would keep all that they had."""
        _set(sys, ERROR_NAMES, self._errors)


def _found(owner: object, names: tuple[str, ...]) -> dict[str, object]:
    return {name: getattr(owner, name) for name in names if hasattr(owner, name)}


def _set(owner: object, names: tuple[str, ...], values: dict[str, object]) -> None:
    for name in names:
        if name in values:
            setattr(owner, name, values[name])
        elif hasattr(owner, name):
            delattr(owner, name)
