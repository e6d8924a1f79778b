"""Do something as soon as somebody imports a module, and not earlier."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

__all__ = ["after_import"]


def after_import(names: Sequence[str], function: Callable[[], None]) -> None:
    """Call *function* once one of the modules *names* has been imported, by whichever thread."""
    if any(name in sys.modules for name in names):
        function()
    else:
        sys.meta_path.insert(0, _Finder(names, function))


class _Finder:
    """Wraps the loader of the first of the modules that is imported."""

    # It stays on the list: other threads may be walking along it.
    def __init__(self, names: Sequence[str], function: Callable[[], None]) -> None:
        self._names = names
        self._function = function
        self._is_looking = False

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - part of the signature
        target: ModuleType | None = None,  # noqa: ARG002 - part of the signature
    ) -> ModuleSpec | None:
        if fullname not in self._names or self._is_looking:
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
            self._call()

        spec.loader.exec_module = execute_and_call  # type: ignore[method-assign]  # wrapped
        return spec

    def _call(self) -> None:
        # What the function imports comes by here too.
        names, self._names = self._names, ()
        try:
            if names:
                self._function()
        except BaseException:
            self._names = names
            raise
