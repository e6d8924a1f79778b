"""GTK 3 and 4, by PyGObject."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

from assay._clock import monotonic
from assay.kernel.gui._descriptor_watch import AGAIN_S, DescriptorWatch
from assay.kernel.gui._toolkit import TURN_S, Toolkit, ToolkitError

__all__ = ["make"]

VERSIONS = {"gtk": ("3.0", "4.0"), "gtk3": ("3.0",), "gtk4": ("4.0",)}
"""Names, and the versions that will do, best first; one that is imported already is better."""

GO_ON: Callable[[object], bool] = operator.truth
"""What GLib calls again if it returns True; no Python code, in which an interrupt would be lost."""

NEVER, AT_ONCE = -1, 0
"""When a source of GLib's is due."""


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
    return _Gtk(name, gtk, glib, _ticks())


@cache
def _ticks() -> Any:
    """Return a source of the process's own main context, which is not due yet.

    It is for figures that are shown inline when GTK is off: see `_Gtk.wait`.
    """
    glib: Any = import_module("gi.repository.GLib")
    ticks = glib.timeout_source_new(round(AGAIN_S * 1000))
    ticks.set_callback(GO_ON, True)
    ticks.set_ready_time(NEVER)
    ticks.attach(glib.MainContext.default())
    return ticks


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
        ticks: A source that ends what a cell waits for in GLib, while this is off.
    """

    def __init__(self, name: str, gtk: Any, glib: Any, ticks: Any) -> None:
        self.name = name
        self._gtk, self._glib = gtk, glib
        self._context = glib.MainContext.default()
        self._watch: DescriptorWatch | None = None
        self._ticks = ticks

    def wait(self, descriptor: int, timeout: float | None) -> None:
        """Handle events until *descriptor* can be read, or some have been handled."""
        context = self._context
        if timeout != 0:
            watch = self._watch or self._open_watch()
            watch.wake_when_readable(descriptor, timeout)
            try:
                context.iteration(True)
            finally:
                # matplotlib waits for one event wherever it changes the mouse's cursor, as when it
                # saves a figure, and the next may be the user's next move. So there are some while
                # a cell or a callback runs.
                watch.wake_when_readable(descriptor, AGAIN_S)
        end = monotonic() + TURN_S
        while context.pending() and monotonic() < end:
            context.iteration(False)

    def _open_watch(self) -> DescriptorWatch:
        self._ticks.set_ready_time(NEVER)
        self._watch = DescriptorWatch(self._context.wakeup)
        return self._watch

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
            self._ticks.set_ready_time(AT_ONCE)
