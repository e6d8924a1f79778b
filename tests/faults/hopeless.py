"""Three kernels on which no check may pass."""

from __future__ import annotations

from collections.abc import Sequence

from tests.faults._kernel import Kernel
from tests.faults._lane import Lane
from tests.faults._language import LanguageError
from tests.faults._table import hopeless
from tests.faults._wire import Fields, Incoming


@hopeless("never-answers", "It binds its sockets and answers nothing.")
class NeverAnswers(Kernel):
    """A process that hangs."""

    def turn(self, ready: object) -> None:  # noqa: ARG002
        """Read nothing, send nothing."""
        self.sockets["hb"].poll(1_000)


@hopeless("answers-with-errors", "It answers every request with an error.")
class AnswersWithErrors(Kernel):
    """A process without an interpreter."""

    def serve(self, request: Incoming, lane: Lane) -> Fields | None:  # noqa: ARG002
        raise LanguageError("InternalError", "this kernel is broken")


@hopeless("dies-at-first-request", "It ends with the first message on any channel.")
class DiesAtFirst(Kernel):
    """A process that crashes."""

    def receive(self, channel: str, frames: Sequence[bytes]) -> None:  # noqa: ARG002
        self.die(3)
