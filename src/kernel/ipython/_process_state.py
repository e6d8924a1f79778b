"""What IPython changes in the process besides attributes that can be patched.

In a process of the kernel's own it stays. A guest puts it back when it closes: the program goes on.
"""

from __future__ import annotations

import builtins
import os
import sys

__all__ = ["ProcessState"]

SYS_NAMES = ("stdin", "stdout", "stderr", "excepthook", "displayhook", "ps1", "ps2", "ps3")
BUILTIN_NAMES = ("__IPYTHON__", "display", "get_ipython")
MAIN = "__main__"


class ProcessState:
    """How the process is when this is made."""

    def __init__(self) -> None:
        self._of_sys = _found(sys, SYS_NAMES)
        self._of_builtins = _found(builtins, BUILTIN_NAMES)
        self._main = sys.modules.get(MAIN)
        self._path = [*sys.path]
        self._finders = [*sys.meta_path]
        self._environment = dict(os.environ)

    def restore(self) -> None:
        """Make the process what it was."""
        _set(sys, SYS_NAMES, self._of_sys)
        _set(builtins, BUILTIN_NAMES, self._of_builtins)
        if self._main is not None:
            sys.modules[MAIN] = self._main
        sys.path[:] = self._path
        # Those of `after_import` stay, and do nothing any more: other threads walk along the list.
        ours = __name__.rpartition(".")[0]
        for finder in [*sys.meta_path]:
            if finder not in self._finders and type(finder).__module__.startswith(ours):
                sys.meta_path.remove(finder)
        os.environ.clear()
        os.environ.update(self._environment)


def _found(owner: object, names: tuple[str, ...]) -> dict[str, object]:
    return {name: getattr(owner, name) for name in names if hasattr(owner, name)}


def _set(owner: object, names: tuple[str, ...], values: dict[str, object]) -> None:
    for name in names:
        if name in values:
            setattr(owner, name, values[name])
        elif hasattr(owner, name):
            delattr(owner, name)
