"""Let programs find out that they run in a kernel, in the way they know.

Spec: none. Seen: progress bars and others look for the module `KNOWN_MODULE` among those that are
imported, or for its name in that of the shell's class; else they write for a terminal. Here: a
module of that name that holds our class, and whatever else is asked of it from the package that the
name belongs to, if that is installed.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

from assay.kernel.ipython._shell import ZMQInteractiveShell

__all__ = ["be_known"]

KNOWN_MODULE = "ipykernel.zmqshell"


def be_known() -> None:
    """Show the shell's class where it is looked for."""
    module = _KnownModule(KNOWN_MODULE, "The shell of this kernel, where programs look for it.")
    module.__file__ = sys.modules[ZMQInteractiveShell.__module__].__file__
    ZMQInteractiveShell.__module__ = KNOWN_MODULE
    module.__dict__[ZMQInteractiveShell.__name__] = ZMQInteractiveShell
    sys.modules.setdefault(KNOWN_MODULE, module)


class _KnownModule(ModuleType):
    def __getattr__(self, name: str) -> object:
        if name.startswith("__") or sys.modules.get(KNOWN_MODULE) is not self:
            raise AttributeError(f"module {KNOWN_MODULE!r} has no attribute {name!r}")
        del sys.modules[KNOWN_MODULE]
        try:
            value: object = getattr(import_module(KNOWN_MODULE), name)
        except ImportError:
            sys.modules[KNOWN_MODULE] = self
            raise AttributeError(
                f"{KNOWN_MODULE} is not installed; it would have {name!r}"
            ) from None
        return value
