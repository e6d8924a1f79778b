"""Event loops that user code in a thread runs itself, as `asyncio.run` does, and their interrupts.

Such a loop waits in the system, from where no thread can be called back; but any thread may have it
call a function. There an interrupt ends it, between two of its steps, where no callback is lost: it
may have to cancel its tasks afterwards, which would wait for ever for what was lost.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Self

from assay.kernel.process._interrupts import interrupts_of_this_thread

__all__ = ["RunningLoop", "may_be_ended"]


def may_be_ended() -> bool:
    """Return True in the thread of a subshell: interrupts end the loops that run there."""
    return interrupts_of_this_thread() is not None


class RunningLoop(AbstractContextManager["RunningLoop"]):
    """A loop that user code runs itself, where it may be ended; inside, it runs.

    Args:
        call_soon: Calls a function in the loop and wakes it for that; from any thread.
        end: Ends the loop; called in it.
    """

    def __init__(
        self,
        call_soon: Callable[[Callable[[], None]], object],
        end: Callable[[], object],
    ) -> None:
        interrupts = interrupts_of_this_thread()
        assert interrupts is not None, "made in the thread of a subshell"
        self._interrupts = interrupts
        self._call_soon = call_soon
        self._end = end
        self._outer: RunningLoop | None = None
        self.is_asked = False
        """An interrupt is to end it, and has not yet."""
        self.is_ended = False
        """An interrupt has ended it."""

    def __enter__(self) -> Self:
        self._outer = self._interrupts.running
        self._interrupts.running = self
        return self

    def __exit__(self, *_: object) -> None:
        self._interrupts.running = self._outer
        self._interrupts.hand_on(self)

    def ask(self) -> bool:
        """Ask it to end; in any thread.

        Returns:
            False if it has been asked already, or does not run any more.
        """
        if self.is_asked:
            return False
        self.is_asked = True
        try:
            self._call_soon(self._come_round)
        except Exception:  # noqa: BLE001 - of any loop, that it has been closed
            self.is_asked = False
        return self.is_asked

    def _come_round(self) -> None:
        if self._interrupts.take(self):
            self.is_ended = True
            self._end()
