"""What code in Python cannot run without, put back where a cell has taken it away."""

from __future__ import annotations

import builtins
import sys
import threading
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
    """Python's builtins, its threads, its table of modules, and what finds more of them.

    A cell that deletes a builtin, puts None in its place, or empties `sys.modules` or
    `sys.meta_path`, ends what Python's own library and IPython do from then on; ZeroMQ's needs the
    names of `threading`. What else it has put into the place of others is its own affair: what can
    be called stays, such as mocks, and so does another table that holds the modules. Our own
    choice.
    """

    def __init__(self) -> None:
        self._is_kept = False
        self._names: tuple[_Names, ...] = ()
        self._table: dict[str, ModuleType] = {}
        self._modules: dict[str, ModuleType] = {}
        self._finders: list[MetaPathFinderProtocol] = []

    def keep(self) -> None:
        """Put back from now on what there is at present."""
        self._names = (_Names(builtins), _Names(threading))
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
        said: list[tuple[str, ...]]
        said = [names.put_back() for names in self._names if not names.are_whole()]
        found = vars(sys).get("modules")
        if not isinstance(found, dict) or not dict.__contains__(found, "sys"):
            sys.modules = self._table
            for name, module in self._modules.items():
                self._table.setdefault(name, module)
            said.append(("sys.modules was empty: it has what it had when the kernel began",))
        finders = vars(sys).get("meta_path")
        if finders is None or (type(finders) is list and not finders):
            sys.meta_path = [*self._finders]
            said.append(("sys.meta_path was empty: it has what it had when the kernel began",))
        for line in said:  # when all is back: to log may import something
            with suppress(Exception):
                logger.warning(*line)


class _Names:
    """The names of *module* that were there at first: functions, classes, and what is neither."""

    def __init__(self, module: ModuleType) -> None:
        self._title = module.__name__
        self._present = vars(module)
        self._kept = {
            name: value
            for name, value in vars(module).items()
            if type(value).__module__ != OF_SHELLS
        }
        self._functions = frozenset(name for name, value in self._kept.items() if callable(value))
        self._others = frozenset(self._kept) - self._functions

    def are_whole(self) -> bool:
        """Return True if all are there, and functions can be called; asked with each request."""
        # A loop in Python would take three times as long.
        found = map(self._present.get, self._functions)
        return all(map(callable, found)) and self._others <= self._present.keys()

    def put_back(self) -> tuple[str, str, str]:
        """Put back what is lost, and return what to log."""
        lost = sorted(filter(self._is_lost, self._kept))
        self._present.update({name: self._kept[name] for name in lost})
        return "%s: what could not be used any more is back: %s", self._title, ", ".join(lost)

    def _is_lost(self, name: str) -> bool:
        if name not in self._present:
            return True
        return name in self._functions and not callable(self._present[name])
