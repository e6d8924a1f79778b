"""What code in Python cannot run without, put back where a cell has taken it away."""

from __future__ import annotations

import builtins
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import repeat
from operator import is_
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING

from assay.kernel.process._main_thread import is_main_thread
from assay.transport import get_logger

if TYPE_CHECKING:
    from _typeshed.importlib import MetaPathFinderProtocol

__all__ = ["Essentials"]

logger = get_logger("assay.kernel")

OF_SHELLS = "_sitebuiltins"
"""The module of ``exit``, ``help`` and their like, which a program may well take away."""

CALLS: dict[str, tuple[object, ...]] = {
    "__build_class__": (lambda: None, "Tried"),
    "__import__": ("sys",),
    "all": ((),),
    "any": ((),),
    "callable": (len,),
    "compile": ("0", "tried", "eval"),
    "eval": ("0",),
    "exec": ("",),
    "getattr": ("", "lower"),
    "hasattr": ("", "lower"),
    "hash": ("",),
    "id": ("",),
    "isinstance": ("", str),
    "issubclass": (str, str),
    "iter": ((),),
    "len": ("",),
    "max": (0, 0),
    "min": (0, 0),
    "next": (repeat(0),),
    "repr": ("",),
    "vars": (sys,),
}
"""Builtins without which no cell is answered, and arguments that each can be called with."""

FUNCTIONS_DO = frozenset({"enumerate", "filter", "map", "reversed", "zip"})
"""Builtin classes of which hardly any code asks whether something is one."""


class Essentials:
    """Python's builtins, its threads, its table of modules, and what finds more of them.

    A cell that deletes a builtin, puts None in its place, or empties `sys.modules` or
    `sys.meta_path`, ends what Python's own library and IPython do from then on; ZeroMQ's needs the
    names of `threading`. What else it has put into the place of others is its own affair: what can
    be called stays, such as mocks, and so does another table that holds the modules. But where
    classes stood there has to be a class, and a function that all code calls (`CALLS`) is of no use
    if it fails when it is called as Python's library does. Our own choice.
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
        # Not of threading: gevent and the like put functions where that has classes.
        self._are_builtins = module is builtins
        self._usable = {name: value for name, value in self._kept.items() if callable(value)}
        """What was found in the places of functions, and is of use; at first Python's own."""
        self._others = frozenset(self._kept) - frozenset(self._usable)

    def are_whole(self) -> bool:
        """Return True if all are there and can be used; asked with each request."""
        # A loop in Python would take three times as long.
        found = map(self._present.get, self._usable)
        are_known = all(map(is_, found, self._usable.values()))
        if are_known and self._others <= self._present.keys():
            return True
        return not any(map(self._is_lost, self._kept))

    def put_back(self) -> tuple[str, str, str]:
        """Put back what is lost, and return what to log."""
        lost = sorted(filter(self._is_lost, self._kept))
        self._present.update({name: self._kept[name] for name in lost})
        return "%s: what could not be used any more is back: %s", self._title, ", ".join(lost)

    def _is_lost(self, name: str) -> bool:
        """Return True if *name* is missing or of no use; what stands there is tried once."""
        if name not in self._present:
            return True
        present = self._present[name]
        if self._usable.get(name, present) is present:  # what was no function is not asked
            return False
        if not callable(present) or (self._are_builtins and not self._can_be_used(name, present)):
            return True
        self._usable[name] = present
        return False

    def _can_be_used(self, name: str, present: Callable[..., object]) -> bool:
        """Return True if the builtin *present* does what hardly any code does without."""
        if isinstance(self._kept[name], type) and name not in FUNCTIONS_DO:
            return isinstance(present, type)
        try:
            if name in CALLS:
                _call_as_program(present, CALLS[name])
        except BaseException:  # noqa: BLE001 - it is the program's
            return False
        return True


_call_as_program: Callable[[Callable[..., object], tuple[object, ...]], object]
_call_as_program = FunctionType(
    (lambda function, arguments: function(*arguments)).__code__,
    {"__builtins__": vars(builtins), "__name__": __name__},
)
"""Calls as code of the program does, with its builtins and not our copy (`assay._isolation`).

C code may look for names of its own in the builtins of who calls it. That of PySide6 ends the
process where it does not find them.
"""
