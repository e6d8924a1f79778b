"""GTK 3 and 4, by PyGObject."""

from __future__ import annotations

import sys
from importlib import import_module
from time import monotonic
from typing import Any

from assay.kernel.gui._descriptor_watch import DescriptorWatch
from assay.kernel.gui._toolkit import TURN_S, Toolkit, ToolkitError

__all__ = ["make"]

VERSIONS = {"gtk": ("3.0", "4.0"), "gtk3": ("3.0",), "gtk4": ("4.0",)}
"""Names, and the versions that will do, best first; one that is imported already is better."""


def make(name: str) -> Toolkit:
    """Return GTK.

    Raises:
        ToolkitError: it is not installed, another version is in use, or there is no display.
    """
    try:
        gi: Any = import_module("gi")
    except ImportError as error:
        raise ToolkitError(
            f"GUI {name}: wanted PyGObject, which cannot be imported ({error}); systems have it in "
            f"a package such as python3-gi"
        ) from error
    _require_version(name, gi)
    # A module for each, though there is no such file.
    gtk, gdk, glib = (import_module(f"gi.repository.{part}") for part in ("Gtk", "Gdk", "GLib"))
    if gdk.Display.get_default() is None:
        raise ToolkitError(f"GUI {name}: wanted a display, found none that GTK can use")
    return _Gtk(name, gtk, glib)


def _require_version(name: str, gi: Any) -> None:
    wanted = VERSIONS[name]
    loaded = gi.get_required_version("Gtk") if "gi.repository.Gtk" in sys.modules else None
    faults = []
    for version in [v for v in wanted if v == loaded] or wanted:
        try:
            gi.require_version("Gtk", version)
            gi.require_version("Gdk", version)
        except ValueError as error:
            faults.append(str(error))
        else:
            return
    raise ToolkitError(f"GUI {name}: wanted GTK {' or '.join(wanted)}, found: {'; '.join(faults)}")


class _Gtk:
    """GLib's main context.

    Args:
        name: As it was asked for.
        gtk: The namespace Gtk.
        glib: The namespace GLib.
    """

    def __init__(self, name: str, gtk: Any, glib: Any) -> None:
        self.name = name
        self._gtk, self._glib = gtk, glib
        self._context = glib.MainContext.default()
        self._watch: DescriptorWatch | None = None

    def wait(self, descriptor: int, timeout: float | None) -> None:
        """Handle events until *descriptor* can be read, or some have been handled."""
        context = self._context
        if timeout != 0:
            watch = self._watch = self._watch or DescriptorWatch(context.wakeup)
            watch.wake_when_readable(descriptor, timeout)
            try:
                context.iteration(True)
            finally:
                watch.forget()
        end = monotonic() + TURN_S
        while context.pending() and monotonic() < end:
            context.iteration(False)

    def break_off(self) -> None:
        """End the innermost ``Gtk.main``; GLib's own loops look for signals themselves."""
        # Functions of C: an interrupt would be lost in one of Python's.
        if hasattr(self._gtk, "main_quit") and self._gtk.main_level():
            self._glib.idle_add(self._gtk.main_quit)

    def close(self) -> None:
        """End the thread that wakes it."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
