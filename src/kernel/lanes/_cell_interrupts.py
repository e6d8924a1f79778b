"""What becomes of an interrupt that no signal handler can raise in the cell of the main lane.

A client that has an answer to kernel_info takes the kernel for ready, and its cell for running: one
that waits while the kernel starts is interrupted once it runs. Where a cell goes on because it is
in C code, its client gets a line that says so.
"""

from __future__ import annotations

from collections.abc import Callable

from assay.kernel._request import Request
from assay.kernel.lanes._answering import Surroundings
from assay.kernel.lanes._main_lane import MainLane
from assay.kernel.process._interrupts import Interrupts

__all__ = ["CellInterrupts"]

LOOK_AGAIN_S = 0.02
"""How often it is looked whether a cell that is to be interrupted has begun."""

GOES_ON = (
    "[assay] The cell was interrupted, and goes on: it is in C code, which cannot be interrupted. "
    "It ends when that returns.\n"
)


class CellInterrupts:
    """Looks after the cell of the main lane; in the I/O thread."""

    def __init__(self, around: Surroundings, main: MainLane, interrupts: Interrupts) -> None:
        self._around = around
        self._main = main
        self._interrupts = interrupts

    def say_it_goes_on(self) -> None:
        """Tell the client of the running cell that it was interrupted in vain."""
        if (request := self._around.parents.of_main_thread) is not None:
            self._around.output.warn(request, GOES_ON)

    def interrupt_behind_start(self, interrupt: Callable[[], None]) -> None:
        """Call *interrupt* once the first cell runs that waits while the kernel starts."""
        if (request := self._main.first_cell_behind_start()) is not None:
            self._look(request, self._interrupts.count, interrupt)

    def _look(self, request: Request, before: int, interrupt: Callable[[], None]) -> None:
        around = self._around
        if request.finished or self._interrupts.count > before or around.shutdown.is_asked:
            return
        if around.parents.of_main_thread is request:
            interrupt()
        around.io.call_later(LOOK_AGAIN_S, lambda: self._look(request, before, interrupt))
