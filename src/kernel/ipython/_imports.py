"""Late imports of IPython's, and files of the same name in the working directory.

The working directory stands before the site packages, so that a file of the user's is found first.
What IPython imports for itself in the middle of the user's work must not be such a file.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

__all__ = ["guard_late_imports"]

LATE = frozenset({"jedi", "parso", "pexpect", "ptyprocess"})
"""What IPython imports when it completes for the first time, and when it runs a command."""


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


def _working_directory() -> str:
    try:
        return str(Path.cwd())
    except FileNotFoundError:  # it has been removed
        return ""
