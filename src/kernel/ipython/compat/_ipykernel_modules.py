"""Let programs find this kernel in the way they know.

Spec: none. Seen: progress bars and others look for the module ``ipykernel.zmqshell`` among those
that are imported, or for its name in that of the shell's class; else they write for a terminal.
Others import the class of comms, or ask that of the application for the running one. Here: modules
of those names that hold our classes, and whatever else is asked of them from the package that the
names belong to, if that is installed. That the package is among the imported modules says that a
kernel runs, as programs conclude from it (keras). Whether it is installed they see by its
``__path__`` and `importlib`. VS Code has each of its questions import the ``__version__``, and asks
nothing where it cannot.

Terminal libraries leave colours in what is written to a stream of the class
``ipykernel.iostream.OutStream`` (click, loguru): notebooks show them.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import TYPE_CHECKING

from assay.kernel.ipython import _shell
from assay.kernel.ipython._app import IPKernelApp
from assay.kernel.ipython._shell import ZMQInteractiveShell
from assay.kernel.process._import_hooks import after_import

if TYPE_CHECKING:
    from assay.kernel.ipython._comms import Comms

__all__ = ["install_shims", "remove_shims"]

PACKAGE = "ipykernel"
SHELL_MODULE = f"{PACKAGE}.zmqshell"
CONNECT_MODULE = f"{PACKAGE}.connect"

CONNECT = ("get_connection_file", "get_connection_info")
"""What there is of it where it is not installed (`_connect`)."""

LIKE_VERSION = (6, 31, 0)
"""What programs that find the package among the modules take it for, where it is not installed.
From 6.18 on widgets make their comms by the comm package, and from 6 on VS Code can debug."""

VERSIONS = {"version_info": LIKE_VERSION, "__version__": ".".join(map(str, LIKE_VERSION))}


def install_shims(comms: Comms, stream_class: type) -> None:
    """Show the classes of this kernel where they are looked for.

    Args:
        comms: Their classes.
        stream_class: Of the kernel's text streams.
    """
    comm, manager = comms.comm_class, type(comms.manager)
    shell = _ShimModule(SHELL_MODULE, ZMQInteractiveShell=ZMQInteractiveShell)
    stream = _ShimModule(f"{PACKAGE}.iostream", OutStream=stream_class)
    stream_class.__module__ = f"{PACKAGE}.iostream"
    stream_class.__name__ = stream_class.__qualname__ = "OutStream"
    # `inspect` finds the source of a class by its module.
    shell.__file__ = _shell.__file__
    ZMQInteractiveShell.__module__ = SHELL_MODULE
    comm_module = _ShimModule(f"{PACKAGE}.comm.comm", Comm=comm, BaseComm=comm)
    manager_module = _ShimModule(f"{PACKAGE}.comm.manager", CommManager=manager)
    submodules: dict[str, object] = {
        "zmqshell": shell,
        "iostream": stream,
        "connect": _ShimModule(CONNECT_MODULE),
        "kernelapp": _ShimModule(f"{PACKAGE}.kernelapp", IPKernelApp=IPKernelApp),
        "comm": _ShimModule(
            f"{PACKAGE}.comm",
            Comm=comm,
            CommManager=manager,
            comm=comm_module,
            manager=manager_module,
        ),
    }
    # Python does this for what it imports itself.
    after_import(PACKAGE, lambda: sys.modules[PACKAGE].__dict__.update(submodules))
    _ShimModule(PACKAGE, **submodules)
    # It puts functions of its own into the comm package, whose comms would be mute.
    after_import(f"{PACKAGE}.ipkernel", comms.install)


def remove_shims() -> None:
    """Undo `install_shims`, but for the names that the classes have."""
    for name, module in [*sys.modules.items()]:
        if isinstance(module, _ShimModule):
            del sys.modules[name]


class _ShimModule(ModuleType):
    """Holds *ours*; the module that is installed under its *name* takes its place when it must."""

    def __init__(self, name: str, **ours: object) -> None:
        super().__init__(name, "Classes of this kernel, where programs look for them.")
        self._ours = ours
        self.__dict__.update(ours)
        # Whether the name can be imported is the installed module's to say. Set, not looked up:
        # each import asks for it, and swallows an interrupt that strikes code which finds it.
        spec = PathFinder.find_spec(name) if name == PACKAGE else None
        self.__spec__ = spec or ModuleSpec(name, None)
        sys.modules.setdefault(name, self)

    def __getattr__(self, name: str) -> object:
        if name in ("__path__", "__file__"):
            return self._found(name)
        if name.startswith("__") and name not in {"__version__", "__all__"}:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        try:
            module = self._installed()
        except ImportError:
            if self.__name__ == PACKAGE and name in VERSIONS:
                return VERSIONS[name]
            if self.__name__ in {PACKAGE, CONNECT_MODULE} and name in CONNECT:
                return getattr(import_module("assay.kernel.ipython.compat._connect"), name)
            raise AttributeError(
                f"{self.__name__} is not installed; it would have {name!r}"
            ) from None
        value: object = getattr(module, name)
        return value

    def _found(self, name: str) -> object:
        """Return what the import system asks for, without importing anything."""
        spec = PathFinder.find_spec(PACKAGE) if self.__name__ == PACKAGE else None
        found: object = None
        if spec is not None:
            found = spec.origin if name == "__file__" else spec.submodule_search_locations
        if found is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return found

    def _installed(self) -> ModuleType:
        """Return the module that is installed, with our classes in it."""
        name = self.__name__
        is_first = sys.modules.get(name) is self
        if is_first:
            del sys.modules[name]
        try:
            module = import_module(name)
        finally:
            sys.modules.setdefault(name, self)  # where it is not installed, or broken
        if is_first:
            module.__dict__.update(self._ours)
        return module
