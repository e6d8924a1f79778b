"""What a program does to Python's builtins does not reach the kernel's own code.

Tests replace `open`, refuse imports, and notebooks delete names by accident. A function looks its
builtins up in the dict that its module named when it was made, ``__builtins__``. So the modules of
the kernel, and those of other packages that its threads run, are given a copy. And each is made
once: a program that takes it out of `sys.modules` finds the same one when it is imported again, as
the kernel does, whose classes are to be those that it has already. Functions of `os`
are kept in the same way, for those modules that import them from here: descriptors are read and
written between cells, and while one runs. And an event of the system's lock is here: gevent
and eventlet put locks of their own, which no other thread opens, under those of `threading`.
"""

from __future__ import annotations

import builtins
import sys
import threading
from _thread import allocate_lock
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import TYPE_CHECKING

__all__ = ["Event", "event_of_threads", "isolate", "os"]

PACKAGES = frozenset({"assay", "attr", "cattr", "cattrs", "msgspec", "zmq"})
"""Whose functions have builtins of their own."""

START_NAME = "_start_new_thread" if sys.version_info < (3, 13) else "_start_joinable_thread"
START = vars(threading)[START_NAME]
"""What begins a thread of the system's: gevent and eventlet replace it."""

if TYPE_CHECKING:
    import os as os  # noqa: PLC0414 - passed on
else:
    import os as _os

    os = ModuleType("os")
    vars(os).update(vars(_os), __name__="os of assay")  # pyfakefs goes by the name


def isolate() -> None:
    """Give the modules of `PACKAGES` that are imported from now on a copy of the builtins.

    It stays, as the modules do: a kernel that is a process of its own does it once, at its start.
    """
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder(dict(vars(builtins))))


class Event:
    """What threads wait for until another one sets it.

    While it is not set, its lock is locked; no thread owns that lock. A signal's handler may raise
    between any two steps. So `set` opens the lock before it sets the flag: a thread that waits
    finds the lock open, and sets the flag itself.
    """

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._lock.acquire()
        self._is_set = False

    def is_set(self) -> bool:
        """Return True once it is set."""
        return self._is_set

    def set(self) -> None:
        """Let all go on that wait or will wait."""
        self._release()
        self._is_set = True

    def clear(self) -> None:
        """Have it set no more; for the one thread that waits."""
        self._is_set = False
        self._lock.acquire(blocking=False)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, at most *timeout* seconds; return False if it is not."""
        patience = -1 if timeout is None else max(timeout, 0)
        if not self._is_set and self._lock.acquire(timeout=patience):
            self._is_set = True
            self._release()  # for the next that waits
        return self._is_set

    def _release(self) -> None:
        try:  # noqa: SIM105 - `suppress` needs a builtin that a program may have taken away
            self._lock.release()
        except RuntimeError:  # another thread was faster
            pass


def event_of_threads() -> Event | threading.Event:
    """Return what threads that begin now can wait for.

    Where a program has put greenlets into their place, that has to be an event of its kind.
    """
    return Event() if vars(threading)[START_NAME] is START else threading.Event()


class _Finder:
    def __init__(self, names: dict[str, object]) -> None:
        self._names = names
        self._made: dict[str, ModuleType] = {}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] not in PACKAGES:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            made = self._made if target is None else {}  # a module to reload is made anew
            spec.loader = _Loader(spec.loader.name, spec.loader.path, self._names, made)
        return spec


class _Loader(SourceFileLoader):
    def __init__(
        self, name: str, path: str, names: dict[str, object], made: dict[str, ModuleType]
    ) -> None:
        super().__init__(name, path)
        self._names = names
        self._made = made

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._made.get(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        if self.name not in self._made:
            vars(module)["__builtins__"] = self._names
            super().exec_module(module)
            self._made[self.name] = module
