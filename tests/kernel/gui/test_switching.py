"""Toolkits that are switched off and on: what is kept, and what is given back; in memory."""

from __future__ import annotations

import gc
import os
import weakref
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from threading import Semaphore
from types import SimpleNamespace
from typing import Any, cast

import pytest

from assay.kernel._interpreter import Host
from assay.kernel.gui._descriptor_watch import DescriptorWatch
from assay.kernel.gui._gtk import _Gtk
from assay.kernel.gui._pyglet import _Pyglet
from assay.kernel.ipython._gui import Gui
from assay.kernel.ipython._lazy_event_loop import LazyEventLoop
from tests.limits import HANG_LIMIT_S

FILES = 8
"""As many numbers as a watch may have given back, and some more."""


class Windows:
    """What wakes, and what calls: a window's callback, while the toolkit waits."""

    def __init__(self) -> None:
        self.callback: Callable[[], None] = lambda: None
        self.ready_times: list[int] = []
        self._wakes = Semaphore(0)

    def wake(self, *_: object) -> None:
        """End one `wait_for_event`."""
        self._wakes.release()

    def wait_for_event(self) -> None:
        """Wait as a callback or a cell does that has the toolkit wait for one event."""
        assert self._wakes.acquire(timeout=HANG_LIMIT_S)

    def tick(self, ready_time: int) -> None:
        """Note when GLib's source is due: -1 is never."""
        self.ready_times.append(ready_time)

    def call(self, *_: object) -> None:
        """Be a turn of the toolkit's."""
        self.callback()


def gtk(windows: Windows) -> Any:
    """Return GTK over a context in which *windows* have their turns."""
    context = SimpleNamespace(wakeup=windows.wake, iteration=windows.call, pending=lambda: False)
    glib = SimpleNamespace(MainContext=SimpleNamespace(default=lambda: context))
    return _Gtk("gtk", SimpleNamespace(), glib, SimpleNamespace(set_ready_time=windows.tick))


def pyglet(windows: Windows) -> Any:
    """Return pyglet over a platform in which *windows* have their turns."""
    platform = SimpleNamespace(notify=windows.wake, step=windows.call)
    loop = SimpleNamespace(idle=lambda: None, is_running=False)
    app = SimpleNamespace(windows=(), event_loop=loop, platform_event_loop=platform)
    clock = SimpleNamespace(unschedule=lambda _: None)
    window = SimpleNamespace(Window=SimpleNamespace())
    return _Pyglet("pyglet", SimpleNamespace(app=app, clock=clock, window=window))


@pytest.fixture
def users_file(tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Opened often: what is called opens it, and returns what it holds."""
    path, opened = tmp_path / "users", list[int]()
    path.touch()

    def open_often() -> str:
        opened.extend(os.open(path, os.O_RDWR) for _ in range(FILES))
        return path.read_text()

    yield open_often
    for descriptor in opened:
        os.close(descriptor)


@pytest.mark.parametrize("make", [gtk, pyglet])
def test_callback_that_switches_windows_off_writes_into_no_file(
    make: Callable[[Windows], Any], users_file: Callable[[], str]
) -> None:
    """The toolkit waits meanwhile, and its descriptors may be another's when it returns."""
    windows = Windows()
    toolkit = make(windows)
    read, write = os.pipe()

    def switch_off() -> None:
        toolkit.close()
        users_file()

    windows.callback = switch_off
    toolkit.wait(read, HANG_LIMIT_S)
    os.close(read)
    os.close(write)

    assert users_file() == ""


def test_watch_that_is_closed_does_nothing(users_file: Callable[[], str]) -> None:
    """Whatever it is asked for; it may be closed again."""
    watch = DescriptorWatch(lambda: None)
    watch.close()
    users_file()

    watch.wake_when_readable(0, 0.0)
    watch.forget()
    watch.close()

    assert users_file() == ""


def test_request_wakes_what_a_callback_waits_for_itself() -> None:
    """However often: a figure of matplotlib's that is drawn waits for two events of GTK's."""
    windows = Windows()
    toolkit = gtk(windows)
    read, write = os.pipe()
    os.write(write, b"x")

    def draw() -> None:
        for _ in range(4):
            windows.wait_for_event()

    windows.callback = draw
    toolkit.wait(read, None)
    toolkit.close()
    os.close(read)
    os.close(write)


def test_cell_may_wait_for_an_event_of_gtk() -> None:
    """There are some, though nobody moves the mouse; and where GTK is off GLib makes them."""
    windows = Windows()
    toolkit = gtk(windows)
    read, write = os.pipe()

    toolkit.wait(read, None)
    for _ in range(4):
        windows.wait_for_event()
    toolkit.close()
    os.close(read)
    os.close(write)

    assert windows.ready_times == [-1, 0]


def test_window_of_pyglet_can_be_closed_by_its_button() -> None:
    """What handles the button closes the window only where pyglet's own loop runs."""
    windows = Windows()
    toolkit = pyglet(windows)
    seen: list[bool] = []
    loop = toolkit._app.event_loop

    windows.callback = lambda: seen.append(loop.is_running)
    toolkit.wait(0, 0)

    assert (seen, loop.is_running) == ([True], False)


class Toy:
    """A toolkit that does nothing."""

    name = "toy"

    def wait(self, descriptor: int, timeout: float | None) -> None:
        """Return at once."""

    def break_off(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def test_toolkit_that_was_on_last_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switched off, on and off again, it is the newest of its name that lives on."""
    made: list[weakref.ref[Toy]] = []

    def make(_: str) -> Toy:
        toy = Toy()
        made.append(weakref.ref(toy))
        return toy

    monkeypatch.setattr("assay.kernel.ipython._gui.open_toolkit", make)
    monkeypatch.setattr("assay.kernel.ipython._gui.is_main_thread", lambda: True)
    loop = SimpleNamespace(wait_by=lambda _: None)
    host = SimpleNamespace(on_interrupt=lambda _: None, lend_descriptors=nullcontext)
    gui = Gui(cast("Host", host), cast("LazyEventLoop", SimpleNamespace(get=lambda: loop)))

    for name in ("toy", "none", "toy", "none"):
        gui.choose(name)
    gc.collect()

    assert made[-1]() is not None
