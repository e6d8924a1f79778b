"""Call a function as soon as a module is imported, and not earlier."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

__all__ = ["after_import", "forget_imports", "waiting_imports"]

_waiting: list[_Finder] = []
"""What waits for an import, oldest first."""


def after_import(name: str, function: Callable[[], object]) -> None:
    """Call *function* once the module *name* has been imported, by whichever thread.

    The import may be part of another one: *function* finds the modules half made that import it.
    """
    if name in sys.modules:
        function()
    else:
        finder = _Finder(name, function)
        _waiting.append(finder)
        sys.meta_path.insert(0, finder)


def waiting_imports() -> int:
    """Return a mark for `forget_imports`."""
    return len(_waiting)


def forget_imports(mark: int) -> None:
    """Do no more what has been asked for since *mark*."""
    while len(_waiting) > mark:
        _waiting.pop().forget()
    # Another list: other threads may be walking along this one, and would miss a finder.
    sys.meta_path = [one for one in sys.meta_path if not getattr(one, "is_over", False)]


class _Finder:
    """Wraps the loader of the module."""

    def __init__(self, name: str, function: Callable[[], object]) -> None:
        self._name = name
        self._function = function
        self._is_looking = False
        self._is_done = False

    @property
    def is_over(self) -> bool:
        """True if it waits no more."""
        return self._is_done

    def forget(self) -> None:
        """Stop waiting for the module: its import causes nothing more."""
        self._is_done = True

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - part of the signature
        target: ModuleType | None = None,  # noqa: ARG002 - part of the signature
    ) -> ModuleSpec | None:
        if fullname != self._name or self._is_looking or self._is_done:
            return None
        # The search for it comes by here once more; no other thread does, for Python's import lock
        # is held.
        self._is_looking = True
        try:
            spec = find_spec(fullname)
        finally:
            self._is_looking = False
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_and_call(module: ModuleType) -> None:
            # An import that was interrupted leaves the submodules that it had got, and a package
            # that is executed once more does not find them among its names.
            for name, submodule in tuple(sys.modules.items()):
                package, _, last = name.rpartition(".")
                if package == fullname:
                    setattr(module, last, submodule)
            execute(module)
            if not self._is_done:
                self._function()
                self._is_done = True

        spec.loader.exec_module = execute_and_call  # type: ignore[method-assign]  # wrapped
        return spec
