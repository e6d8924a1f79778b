"""Make the completer when it is asked for first.

IPython makes it at the start: two modules with 0.4 MB of code, for a kernel that may never be asked
to complete. Whoever asks for it finds it made: a completion, a program, ``%config``, and a hook for
completions, which has its place behind IPython's own.

The standard library's modules that it needs are imported at the start, all the same: later, a cell
may have put a file of that name where Python looks first. IPython's are found in its own folder.
"""

from __future__ import annotations

import glob  # noqa: F401 - see above
from collections.abc import Callable, Iterable, Iterator
from threading import RLock  # by name: gevent replaces the module's
from typing import TYPE_CHECKING, Any

from IPython.core.interactiveshell import InteractiveShell

if TYPE_CHECKING:
    from assay.kernel._interpreter import Host

__all__ = ["CompletesLate"]


class CompletesLate:
    """A shell that makes its completer when something asks for it."""

    host: Host
    around: object
    configurables: list[Any]
    _completer: Any = None
    _making_completer = RLock()

    @property
    def Completer(self) -> Any:  # noqa: N802 - IPython's name
        """The completer; IPython's, or what a program has put into its place."""
        if self._completer is None:
            # An interrupt in the middle of an import may leave a lock of Python's locked.
            with self.host.uninterrupted(), self.host.lend_descriptors(), self._making_completer:
                if self._completer is None:
                    self._make_completer()
        return self._completer

    @Completer.setter
    def Completer(self, completer: Any) -> None:  # noqa: N802 - as above
        self._completer = completer

    def init_completer(self) -> None:
        """Make none yet, and no list without it."""
        self.configurables = _Configurables(self.configurables, lambda: self.Completer)

    def set_hook(self, name: str, *args: Any, **options: Any) -> None:
        """Do as IPython does; its own hooks for completions come first."""
        if name == "complete_command":
            _ = self.Completer
        InteractiveShell.set_hook(self, name, *args, **options)

    def _make_completer(self) -> None:
        from assay.kernel.ipython.speedups._completer import (  # noqa: PLC0415 - see the top
            give_jedi_few_attributes,
            init_completer,
        )

        init_completer(self)
        if self.around is None:  # else the other kernel's shell sees to it
            give_jedi_few_attributes()


class _Configurables(list[Any]):
    """What ``%config`` knows: whoever walks along it finds the completer, too."""

    def __init__(self, known: Iterable[Any], make: Callable[[], object]) -> None:
        super().__init__(known)
        self._make = make

    def __iter__(self) -> Iterator[Any]:
        self._make()
        return super().__iter__()
