"""How the code of the main lane is interrupted: by a signal, as a guest may, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

from assay.kernel.lanes._cell_interrupts import CellInterrupts
from assay.kernel.output._parents import Parents
from assay.kernel.output._streams import OutputStream
from assay.kernel.process._interrupts import Interrupts
from assay.kernel.process._ownership import Ownership
from assay.kernel.process._signal_watch import INTERRUPT_RETRY_S, SignalWatch
from assay.transport import IoThread

if TYPE_CHECKING:
    from assay.kernel.lanes._answering import Surroundings
    from assay.kernel.lanes._main_lane import MainLane
    from assay.kernel.lanes._shutdown_effects import KernelEffects
    from assay.kernel.process._visit import Visit

__all__ = ["Interruption"]


class Interruption:
    """What interrupts code, by what of the process is the kernel's.

    Args:
        ownership: Tells that.
        io: Calls back later.
        parents: Know what code belongs to a request.
        streams: The kernel's, for stdout and stderr.
    """

    def __init__(
        self,
        ownership: Ownership,
        io: IoThread,
        parents: Parents,
        streams: tuple[OutputStream, OutputStream],
    ) -> None:
        self.interrupts = Interrupts()
        """Strike the thread of the cells."""
        self.signals: SignalWatch | None = None
        """Where the signals are the kernel's, once it is attached."""
        self.visit: Visit | None = None
        """Where they are not, and cells take the streams while they run."""
        self.allowed: Callable[[], AbstractContextManager[None]] = nullcontext
        """Lets what runs inside be interrupted."""
        self._io = io
        self._owns_signals = ownership.signals
        self._main: MainLane | None = None
        if ownership.signals:
            self.allowed = self.interrupts.allowed
        elif ownership.visits:
            self.visit = self._make_visit(parents, streams)
            self.allowed = self.visit.allowed

    def attach(self, around: Surroundings, main: MainLane, effects: KernelEffects) -> None:
        """Interrupt what *main* runs, and at the end what *effects* end."""
        self._main = main
        main.ends_by_keyboard = not self._owns_signals
        if self._owns_signals:
            main.leave_code = self.interrupts.ensure_left
            main.interrupts = self.interrupts
            self.signals = self._watch(around, main, effects)
        elif self.visit is not None:
            main.leave_code = self.visit.leave
            effects.interrupt = self.visit.interrupt

    @property
    def interrupt(self) -> Callable[[], None] | None:
        """What an interrupt_request calls; None where it is refused."""
        if self.signals is not None:
            return self.signals.interrupt
        return self.visit.interrupt if self.visit is not None else None

    def may_strike(self) -> bool:
        """Return True where an interrupt may strike the thread of the cells, for a guest's."""
        waits = self._main is not None and self._main.is_waiting
        return waits or (self.visit is not None and self.visit.may_strike())

    def _make_visit(self, parents: Parents, streams: tuple[OutputStream, OutputStream]) -> Visit:
        from assay.kernel.process._visit import Visit  # noqa: PLC0415 - only guests need it

        io = self._io

        def later(call: Callable[[], None]) -> None:
            io.log.call(lambda: io.call_later(INTERRUPT_RETRY_S, call))

        return Visit(self.interrupts, streams, lambda: parents.of_context() is not None, later)

    def _watch(self, around: Surroundings, main: MainLane, effects: KernelEffects) -> SignalWatch:
        interrupts = self.interrupts
        signals = SignalWatch(self._io, interrupts, wake=main.wake, terminate=main.terminate)
        cells = CellInterrupts(around, main, interrupts)
        signals.say_it_goes_on = cells.say_it_goes_on
        signals.interrupt_later = partial(cells.interrupt_behind_start, signals.interrupt_again)
        effects.interrupt = signals.interrupt_all
        effects.handles_sigterm = lambda: signals.handles_sigterm
        return signals
