"""wxPython."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from assay._clock import monotonic
from assay.kernel.gui._descriptor_watch import DescriptorWatch
from assay.kernel.gui._toolkit import TURN_S, Toolkit, ToolkitError

__all__ = ["make"]

MAX_MS = 2**31 - 1


def make(name: str) -> Toolkit:
    """Return wx, with an application if there was none.

    Raises:
        ToolkitError: it is not installed, or there is no display.
    """
    try:
        wx: Any = import_module("wx")
    except ImportError as error:
        raise ToolkitError(
            f"GUI {name}: wanted wxPython, which cannot be imported: {error}"
        ) from error
    try:
        # It would take SIGINT, and show what is printed in a window of its own.
        app = wx.GetApp() or wx.App(redirect=False, clearSigInt=False)
    except (SystemError, SystemExit) as error:
        raise ToolkitError(f"GUI {name}: wanted a display, found: {error}") from error
    return _Wx(name, wx, app)


class _Wx:
    """An event loop of wx's.

    Args:
        name: As it was asked for.
        wx: The module.
        app: The application, which lives as long as this.
    """

    def __init__(self, name: str, wx: Any, app: Any) -> None:
        self.name = name
        self._wx, self._app = wx, app
        self._app.SetExitOnFrameDelete(False)
        self._loop = wx.GUIEventLoop()
        self._watch: DescriptorWatch | None = None

    def wait(self, descriptor: int, timeout: float | None) -> None:
        """Handle events until *descriptor* can be read, or some have been handled."""
        loop = self._loop
        activator = self._wx.EventLoopActivator(loop)
        try:
            if timeout != 0 and not loop.Pending():
                watch = self._watch = self._watch or DescriptorWatch(loop.WakeUp)
                watch.wake_when_readable(descriptor, timeout)
                try:
                    loop.DispatchTimeout(MAX_MS if timeout is None else round(timeout * 1000))
                finally:
                    watch.forget()
            end = monotonic() + TURN_S
            while loop.Pending() and monotonic() < end:
                loop.Dispatch()
            self._app.ProcessPendingEvents()
            loop.ProcessIdle()
        finally:
            del activator

    def break_off(self) -> None:
        """End the application's own loop, if a cell runs it."""
        # At once: what wx calls later is code of Python's, which the interrupt would strike. It
        # only sets that the loop is to end.
        if self._app.IsMainLoopRunning():
            self._app.ExitMainLoop()
            self._wx.WakeUpIdle()

    def close(self) -> None:
        """End the thread that wakes it."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
