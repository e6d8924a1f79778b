"""Subshells are made for the first request about one: most kernels get none."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from assay.kernel.lanes._answering import Surroundings
from assay.kernel.lanes._beside import Beside
from assay.kernel.lanes._host import KernelHost
from assay.kernel.lanes._services import Services
from assay.kernel.process._signal_watch import SignalWatch

if TYPE_CHECKING:
    from assay.kernel._interpreter import ConcurrentInterpreter
    from assay.kernel.lanes._subshells import Subshells

__all__ = ["LateSubshells"]


class LateSubshells:
    """Makes the subshells of a kernel, and lets them begin once there is an interpreter.

    Args:
        around: What each works with.
        host: Knows them once they are there.
        services: Has what they answer.
        beside: Looks after questions that wait for code.
        signals: Interrupts them as well, unless the signals are another program's.
        on_end: Called in the I/O thread with the id of each that has ended.
    """

    def __init__(
        self,
        around: Surroundings,
        host: KernelHost,
        services: Services,
        beside: Beside,
        *,
        signals: SignalWatch | None,
        on_end: Callable[[str], None],
    ) -> None:
        self._around = around
        self._host = host
        self._services = services
        self._beside = beside
        self._signals = signals
        self._on_end = on_end
        self._interpreter: ConcurrentInterpreter | None = None

    def made(self) -> Subshells:
        """Return the subshells; in the I/O thread."""
        if (found := self._host.lanes_beside) is not None:
            return found
        with self._around.io.spare.lent():
            from assay.kernel.lanes._subshells import Subshells  # noqa: PLC0415 - see above

            found = self._host.lanes_beside = Subshells(self._around, self._beside, self._on_end)
        if self._signals is not None:
            self._signals.interrupt_others = found.interrupt
        # The main thread looks in the other order: one of the two finds what the other has set.
        if self._interpreter is not None:
            self._let_begin(found, self._interpreter)
        return found

    def serve(self, interpreter: ConcurrentInterpreter) -> None:
        """Let them run *interpreter*, those that there are and those to come."""
        self._interpreter = interpreter
        if (found := self._host.lanes_beside) is not None:
            self._let_begin(found, interpreter)

    def _let_begin(self, subshells: Subshells, interpreter: ConcurrentInterpreter) -> None:
        services, output = self._services, self._around.output
        subshells.serve(interpreter, lambda one: services.of_subshell(interpreter, output, one))
