"""What an interpreter may be able to do besides; the kernel asks it whether it can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from assay.kernel._comm_contents import CarriedClose, CarriedMsg, CarriedOpen
    from assay.kernel._interpreter import Onlooker
    from assay.protocol import InspectReply, Message

__all__ = ["CommCarrier", "SectionInspector", "Watched"]


@runtime_checkable
class CommCarrier(Protocol):
    """An interpreter that takes comm messages whose data are any JSON (decision 0028)."""

    def carry_comm(self, message: Message[CarriedOpen | CarriedMsg | CarriedClose]) -> None:
        """Take a comm message instead of `Interpreter.comm`."""
        ...


@runtime_checkable
class SectionInspector(Protocol):
    """An interpreter that can leave out parts of a description, as clients ask for (AMB-70)."""

    def inspect_without(
        self, omitted: Sequence[str], code: str, cursor_pos: int, detail_level: int
    ) -> InspectReply:
        """Describe what stands at *cursor_pos*, without the sections *omitted*."""
        ...


@runtime_checkable
class Watched(Protocol):
    """What an interpreter has besides if questions need not wait for the end of a cell."""

    def onlooker(self) -> Onlooker:
        """Return what answers while a cell runs; called once, in another thread, when needed."""
        ...
