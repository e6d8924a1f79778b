"""pyglet."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from assay.kernel.gui._descriptor_watch import DescriptorWatch
from assay.kernel.gui._toolkit import Toolkit, ToolkitError

__all__ = ["make"]

FRAME_S = 1 / 60
"""How often windows are drawn; pyglet's own choice."""


def make(name: str) -> Toolkit:
    """Return pyglet.

    Raises:
        ToolkitError: it is not installed, or there is no display.
    """
    try:
        pyglet: Any = import_module("pyglet")
        place = import_module("pyglet.display")
    except ImportError as error:
        raise ToolkitError(
            f"GUI {name}: wanted pyglet 2.1 or later, which cannot be imported: {error}"
        ) from error
    try:
        place.get_display()
        import_module("pyglet.window")
    except Exception as error:  # each platform has its own, and so has each lack of a library
        raise ToolkitError(f"GUI {name}: wanted a display, found: {error!r}") from error
    return _Pyglet(name, pyglet)


class _Pyglet:
    """pyglet's platform loop, and its clock.

    Args:
        name: As it was asked for.
        pyglet: The package.
    """

    def __init__(self, name: str, pyglet: Any) -> None:
        self.name = name
        self._app, self._clock = pyglet.app, pyglet.clock
        self._watch: DescriptorWatch | None = None
        self._is_drawing = False
        pyglet.window.Window._enable_event_queue = False  # private: as `EventLoop.run` does

    def wait(self, descriptor: int, timeout: float | None) -> None:
        """Handle events until *descriptor* can be read, or some have been handled."""
        self._draw_while_there_are_windows()
        loop, platform = self._app.event_loop, self._app.platform_event_loop
        was_running, loop.is_running = loop.is_running, True  # else no button closes a window
        try:
            limit = loop.idle()
            if timeout == 0:
                platform.step(0)
                return
            watch = self._watch = self._watch or DescriptorWatch(platform.notify)
            watch.wake_when_readable(descriptor, timeout)
            try:
                platform.step(limit)
            finally:
                watch.forget()
        finally:
            loop.is_running = was_running

    def _draw_while_there_are_windows(self) -> None:
        wanted = bool(self._app.windows)
        if wanted and not self._is_drawing:
            self._clock.schedule_interval(self._draw, FRAME_S)
        elif self._is_drawing and not wanted:
            self._clock.unschedule(self._draw)
        self._is_drawing = wanted

    def _draw(self, elapsed: float) -> None:
        for window in list(self._app.windows):
            window.draw(elapsed)

    def break_off(self) -> None:
        """End ``pyglet.app.run``, if a cell runs it."""
        if self._app.event_loop.is_running:
            self._app.event_loop.exit()

    def close(self) -> None:
        """Draw no more, and end the thread that wakes it."""
        self._clock.unschedule(self._draw)
        self._is_drawing = False
        if self._watch is not None:
            self._watch.close()
            self._watch = None
