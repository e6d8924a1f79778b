"""The seam between the kernel and a GUI toolkit."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from assay.protocol import AssayError

__all__ = ["TURN_S", "Toolkit", "ToolkitError"]

TURN_S = 0.005
"""How long a toolkit that always has something to do keeps others from their turn."""


class ToolkitError(AssayError):
    """A GUI toolkit is not there, or cannot run here."""


@runtime_checkable
class Toolkit(Protocol):
    """A GUI's events. The user's event loop calls it where it would wait itself (decision 0019).

    Everything is called in the main thread, but for `break_off`. KeyboardInterrupt may be raised
    anywhere in it, and rises; a call after that finds the toolkit able to go on.
    """

    @property
    def name(self) -> str:
        """The word that ``%gui`` knows it by."""
        ...

    def wait(self, descriptor: int, timeout: float | None) -> None:
        """Handle the GUI's events until *descriptor* can be read, or time has passed.

        It may return earlier, such as after each event. It must not return later, but for what an
        event's handler takes: that a request waits is known by the descriptor alone.

        Args:
            descriptor: Of the kind that can be polled; it is not to be read from.
            timeout: Seconds; None for no limit, 0 to handle what waits and return.
        """
        ...

    def break_off(self) -> None:
        """End a loop of the toolkit's that a cell runs itself; called in another thread.

        The cell has been interrupted. It is not known whether it runs such a loop.
        """
        ...

    def close(self) -> None:
        """Give back what `wait` has needed; windows stay, and it may be called again."""
        ...
