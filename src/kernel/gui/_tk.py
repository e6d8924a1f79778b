"""Tk, by Tcl's own waiting.

Tcl handles the events of all windows of its thread, whichever interpreter they belong to. So an
interpreter without windows waits for those of the user's. What it calls meanwhile is written in C,
or in Tcl: an interrupt that struck a function of Python's there would be kept by `_tkinter` for the
next ``mainloop`` of the user's.
"""

from __future__ import annotations

import operator
import os
from contextlib import suppress
from threading import Lock  # by name: gevent replaces the module's
from typing import TYPE_CHECKING, Any

from assay._clock import monotonic
from assay.kernel.gui._toolkit import TURN_S, Toolkit, ToolkitError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["make"]

MANY = 2**31 - 1
"""More windows than there are."""

DO_NOTHING: Callable[[object, int], object] = operator.is_
"""Takes a descriptor and a mask, and is no Python code."""

READ: Callable[[int, int], object] = os.read
"""Takes them as a descriptor and a count: the mask of what can be read is 2."""


def make(name: str) -> Toolkit:
    """Return Tk.

    Raises:
        ToolkitError: this Python has no tkinter, or there is no display.
    """
    try:
        import tkinter  # noqa: PLC0415 - a Python may have been built without
    except ImportError as error:
        raise ToolkitError(
            f"GUI {name}: wanted tkinter, which this Python lacks ({error}); systems have it in a "
            f"package of its own, such as python3-tk"
        ) from error
    try:
        tkinter.Tk().destroy()
    except tkinter.TclError as error:
        raise ToolkitError(f"GUI {name}: wanted a display, found: {error}") from error
    return _Tk(name, tkinter.Tcl())


class _Tk:
    """Tcl's notifier.

    Args:
        name: As it was asked for.
        tcl: An interpreter without windows.
    """

    def __init__(self, name: str, tcl: Any) -> None:
        import _tkinter  # noqa: PLC0415 - see `make`

        self.name = name
        self._tcl = tcl.tk
        self._readable, self._no_wait = _tkinter.READABLE, _tkinter.DONT_WAIT
        self._pipe: tuple[int, int] | None = None
        self._piping = Lock()
        """Held while the pipe is opened, written to or closed: a number may have another owner."""
        self._open_pipe()

    def wait(self, descriptor: int, timeout: float | None) -> None:
        """Handle events until *descriptor* can be read, or one has been handled."""
        if self._pipe is None:
            self._open_pipe()
        if timeout != 0:
            self._wait_for_one(descriptor, timeout)
        end = monotonic() + TURN_S
        while self._tcl.dooneevent(self._no_wait) and monotonic() < end:
            pass
        # No window is more than so many: it raises what a callback has raised that Tk lets through
        # (SystemExit), and forgets a `quit` that was meant for no mainloop.
        self._tcl.mainloop(MANY)

    def _wait_for_one(self, descriptor: int, timeout: float | None) -> None:
        tcl, timer = self._tcl, None
        try:
            tcl.createfilehandler(descriptor, self._readable, DO_NOTHING)
            if timeout is not None:
                timer = tcl.call("after", max(1, round(timeout * 1000)), "")
            tcl.dooneevent(0)
        finally:
            tcl.deletefilehandler(descriptor)
            if timer is not None:
                tcl.call("after", "cancel", timer)

    def _open_pipe(self) -> None:
        with self._piping:
            self._pipe = read, write = os.pipe()
            os.set_blocking(write, False)
            self._tcl.createfilehandler(read, self._readable, READ)

    def break_off(self) -> None:
        """Wake Tcl: ``mainloop`` looks for signals after each event."""
        # It is full if it has been asked to wake often enough.
        with self._piping, suppress(BlockingIOError):
            if self._pipe is not None:
                os.write(self._pipe[1], b"xx")

    def close(self) -> None:
        """Free the pipe."""
        with self._piping:
            if self._pipe is not None:
                self._tcl.deletefilehandler(self._pipe[0])
                for descriptor in self._pipe:
                    os.close(descriptor)
                self._pipe = None
