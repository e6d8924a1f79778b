"""Imports that wait until they are needed: what IPython imports late, and the debugger.

The working directory stands before the site packages, so that a file of the user's is found first.
What IPython imports for itself in the middle of the user's work must not be such a file.

Few use a debugger, and to import it takes a while: Python's is replaced when it is imported.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

__all__ = ["guard_late_imports", "replace_debugger_late"]

LATE = frozenset(
    {
        *("jedi", "parso"),
        *("pexpect", "ptyprocess"),
        *("asttokens", "executing", "pure_eval", "stack_data"),
    }
)
"""What IPython imports when it completes for the first time, runs a command, and shows an error."""


def guard_late_imports() -> None:
    """Find the packages in `LATE` past the working directory, from now on."""
    sys.meta_path.insert(0, _LateFinder())


class _LateFinder:
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - part of the signature
        target: ModuleType | None = None,  # noqa: ARG002 - part of the signature
    ) -> ModuleSpec | None:
        if fullname not in LATE:
            return None
        elsewhere = [entry for entry in sys.path if entry not in ("", _working_directory())]
        return PathFinder.find_spec(fullname, elsewhere)


DEBUGGERS = ("pdb", "IPython.core.debugger")
"""Python's debugger, and IPython's, which imports the other."""


def replace_debugger_late() -> None:
    """Call `replace_debugger` once one of the `DEBUGGERS` has been imported."""
    if any(name in sys.modules for name in DEBUGGERS):
        _replace_debugger()
    else:
        sys.meta_path.insert(0, _DebuggerFinder())


class _DebuggerFinder:
    # It stays on the list: other threads may be walking along it.
    _done = False

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - part of the signature
        target: ModuleType | None = None,  # noqa: ARG002 - part of the signature
    ) -> ModuleSpec | None:
        if self._done or fullname not in DEBUGGERS:
            return None
        self._done = True
        spec = find_spec(fullname)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_and_replace(module: ModuleType) -> None:
            execute(module)
            _replace_debugger()

        spec.loader.exec_module = execute_and_replace  # type: ignore[method-assign]  # wrapped
        return spec


def _replace_debugger() -> None:
    # By its name: this module is imported when the other is not.
    import_module("assay.kernel.ipython._debugger").replace_debugger()


def _working_directory() -> str:
    try:
        return str(Path.cwd())
    except FileNotFoundError:  # it has been removed
        return ""
