"""Which GUI's windows live beside the cells, and how they share the main thread with the user's
event loop.

The loop does not poll them: where it would wait for its tasks, timers and sockets, the toolkit
waits in its place, and returns when one of those is due (decision 0019). A kernel that was never
asked for a GUI imports nothing of this, and its loop waits as asyncio does.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING

from assay._clock import monotonic
from assay.kernel._tracebacks import hide_own_frames
from assay.kernel.gui import LOOPLESS, Toolkit, ToolkitError, open_toolkit
from assay.kernel.process._main_thread import is_main_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.kernel._interpreter import Host
    from assay.kernel.ipython._lazy_event_loop import LazyEventLoop

__all__ = ["Gui"]

TURN_EVERY_S = 0.01
"""How often windows have their turn while the loop always has something to do."""

MAX_FAILURES = 10
"""How often in a row a toolkit may fail until it is switched off."""


class Gui:
    """The toolkits that cells have asked for; one of them at most is on.

    Args:
        host: The kernel.
        loop: The main shell's.
    """

    def __init__(self, host: Host, loop: LazyEventLoop) -> None:
        self._host = host
        self._loop = loop
        self._kept: dict[str, Toolkit] = {}
        """The newest of each name, also while it is off: an application that is freed takes its
        windows along."""

        self.present: Toolkit | None = None
        """The one that is on."""

    def choose(self, gui: str | Toolkit | None) -> None:
        """Let the windows of *gui* live from now on, and those of no other.

        Args:
            gui: A name, or a toolkit; None for none.

        Raises:
            ToolkitError: it is not there, or this is not the main thread; nothing has changed.
        """
        if not is_main_thread() and (self.present is not None or not _is_none(gui)):
            raise ToolkitError(
                f"GUI {_name_of(gui)}: wanted the main thread, which windows need, found another "
                f"one: cells of the main shell run there, in a process that is the kernel's own"
            )
        toolkit = self._find(gui)
        previous = self.present
        if toolkit is previous:
            return
        loop = self._loop.get()
        loop.wait_by(None if toolkit is None else _Waiter(toolkit, self._give_up).wait)
        self.present = toolkit
        self._host.on_interrupt(self._break_off)
        if previous is not None:
            previous.close()

    def _find(self, gui: str | Toolkit | None) -> Toolkit | None:
        if _is_none(gui):
            return None
        if not isinstance(gui, str):
            if not isinstance(gui, Toolkit):
                raise ToolkitError(f"GUI: wanted a name or a Toolkit, found {gui!r:.60}")
            return gui
        if self.present is not None and self.present.name == gui.lower():
            return self.present
        with self._host.lend_descriptors():
            opened = open_toolkit(gui)
        self._kept[opened.name] = opened
        return opened

    def _break_off(self) -> None:
        if (present := self.present) is not None:
            present.break_off()

    def _give_up(self, error: BaseException) -> None:
        """Switch off what fails each time."""
        name = self.present.name if self.present is not None else ""
        self.choose(None)
        print(
            f"[assay] The GUI {name!r} is switched off: it failed {MAX_FAILURES} times in a row, "
            f"last by {type(error).__name__}. %gui {name} switches it on again.",
            file=sys.stderr,
        )

    def close(self) -> None:
        """Switch off what is on."""
        self.choose(None)


def _is_none(gui: object) -> bool:
    """Return True if *gui* asks for no toolkit."""
    return gui is None or (isinstance(gui, str) and gui.lower() in LOOPLESS)


def _name_of(gui: object) -> str:
    if gui is None or isinstance(gui, str):
        return gui or "none"
    return str(getattr(gui, "name", "of your own"))


class _Waiter:
    """Has a toolkit wait, and shows what its callbacks raise.

    Args:
        toolkit: Waits.
        give_up: Called when it fails again and again.
    """

    def __init__(self, toolkit: Toolkit, give_up: Callable[[BaseException], None]) -> None:
        self._toolkit = toolkit
        self._give_up = give_up
        self._next_turn = 0.0
        self._failures = 0

    def wait(self, descriptor: int, timeout: float | None) -> None:
        """Do as `Toolkit.wait` does; nothing but an interrupt rises."""
        now = monotonic()
        if timeout == 0 and now < self._next_turn:
            return
        self._next_turn = now + TURN_EVERY_S
        try:
            if sys.excepthook is sys.__excepthook__:
                sys.excepthook = _show  # PyQt ends the process where it is Python's own
            self._toolkit.wait(descriptor, timeout)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - also SystemExit: a window's end is no kernel's
            self._note(error)
        else:
            self._failures = 0
        finally:
            if sys.excepthook is _show:
                sys.excepthook = sys.__excepthook__

    def _note(self, error: BaseException) -> None:
        self._failures += 1
        hide_own_frames(error)
        sys.excepthook(type(error), error, error.__traceback__)
        if self._failures >= MAX_FAILURES:
            self._give_up(error)


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show what a callback has raised as Python does, without the kernel's own frames."""
    del trace
    hide_own_frames(error)
    sys.__excepthook__(kind, error, error.__traceback__)
