"""Which toolkit a name stands for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

from assay.kernel.gui._toolkit import Toolkit, ToolkitError

__all__ = ["LOOPLESS", "NAMES", "open_toolkit"]

LOOPLESS = frozenset(
    {"agg", "asyncio", "inline", "ipympl", "nbagg", "none", "notebook", "webagg", "widget"}
)
"""What counts as a GUI and needs no loop beside the user's own: the client shows it, or no one."""

MODULES = {
    "tk": "_tk",
    "qt": "_qt",
    "qt6": "_qt",
    "qt5": "_qt",
    "gtk": "_gtk",
    "gtk3": "_gtk",
    "gtk4": "_gtk",
    "wx": "_wx",
    "pyglet": "_pyglet",
    "osx": "_osx",
    "macosx": "_osx",
}
"""Names, and the modules whose `make` takes them."""

NAMES = tuple(MODULES)


def open_toolkit(name: str) -> Toolkit:
    """Return the toolkit that *name* stands for; in the main thread.

    Raises:
        ToolkitError: there is none of that name, it is not installed, or has no display.
    """
    module = MODULES.get(name.lower())
    if module is None:
        known = ", ".join([*NAMES, *sorted(LOOPLESS)])
        raise ToolkitError(f"GUI: wanted one of {known}, found {name!r}")
    make = cast("Callable[[str], Toolkit]", import_module(f"assay.kernel.gui.{module}").make)
    return make(name.lower())
