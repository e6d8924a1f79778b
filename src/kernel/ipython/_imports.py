"""Imports that wait until they are needed: what IPython imports late, and the debugger.

The working directory stands before the site packages, so that a file of the user's is found first.
What IPython imports for itself in the middle of the user's work must not be such a file. The
standard library stands before both; but where it looks for what another system has, it must have
looked before the working directory is on the path.

Few use a debugger, and to import it takes a while: Python's is replaced when it is imported.
"""

from __future__ import annotations

import subprocess  # noqa: F401 - it looks for a module of Windows, see below
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from assay.kernel.process._import_hooks import after_import

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


PYTHONS_DEBUGGER, IPYTHONS_DEBUGGER = "pdb", "IPython.core.debugger"
OUR_DEBUGGER = "assay.kernel.ipython._debugger"
"""Each imports the one before it, and the last takes their place."""


def replace_debugger_late() -> None:
    """Put our debugger into the place of the others once one of them has been imported."""
    # By their names, for none is imported here. A debugger that has imported the one before it is
    # half made when that calls us; it goes on by itself, and calls us again.
    after_import(PYTHONS_DEBUGGER, lambda: import_module(IPYTHONS_DEBUGGER))
    after_import(IPYTHONS_DEBUGGER, lambda: import_module(OUR_DEBUGGER))


def _working_directory() -> str:
    try:
        return str(Path.cwd())
    except FileNotFoundError:  # it has been removed
        return ""
