"""What code in Python cannot run without, put back where a cell has taken it away."""

from __future__ import annotations

import builtins
import sys
from contextlib import suppress
from types import ModuleType
from typing import TYPE_CHECKING

from assay.kernel.process._main_thread import is_main_thread
from assay.transport import get_logger

if TYPE_CHECKING:
    from _typeshed.importlib import MetaPathFinderProtocol

__all__ = ["Essentials"]

logger = get_logger("assay.kernel")

OF_SHELLS = "_sitebuiltins"
"""The module of ``exit``, ``help`` and their like, which a program may well take away."""


class Essentials:
    """Python's builtins, its table of modules, and what finds more of them.

    A cell that deletes a builtin, or empties `sys.modules` or `sys.meta_path`, ends what Python's
    own library and IPython do from then on. What it has put into the place of others is its own
    affair: mocks stay, and so does another table that holds the modules. Our own choice.
    """

    def __init__(self) -> None:
        self._is_kept = False
        self._builtins: dict[str, object] = {}
        self._table: dict[str, ModuleType] = {}
        self._modules: dict[str, ModuleType] = {}
        self._finders: list[MetaPathFinderProtocol] = []

    def keep(self) -> None:
        """Put back from now on what there is at present."""
        self._builtins = {
            name: value
            for name, value in vars(builtins).items()
            if type(value).__module__ != OF_SHELLS
        }
        self._table = sys.modules
        self._modules = dict(sys.modules)
        self._finders = [*sys.meta_path]
        self._is_kept = True

    def put_back(self) -> None:
        """Put back what is missing, and say so in the log; in the main thread, and raises nothing.

        A subshell leaves it to the main one, whose cell may have taken something away for a while.
        """
        if not self._is_kept or not is_main_thread():
            return
        said = []
        names = vars(builtins)
        if not self._builtins.keys() <= names.keys():
            gone = sorted(self._builtins.keys() - names.keys())
            names.update({name: self._builtins[name] for name in gone})
            said.append(f"builtins were gone, and are back: {', '.join(gone)}")
        found = vars(sys).get("modules")
        if not isinstance(found, dict) or not dict.__contains__(found, "sys"):
            sys.modules = self._table
            for name, module in self._modules.items():
                self._table.setdefault(name, module)
            said.append("sys.modules was empty: it has what it had when the kernel began")
        finders = vars(sys).get("meta_path")
        if finders is None or (type(finders) is list and not finders):
            sys.meta_path = [*self._finders]
            said.append("sys.meta_path was empty: it has what it had when the kernel began")
        for line in said:  # when all is back: to log may import something
            with suppress(Exception):
                logger.warning("%s", line)
