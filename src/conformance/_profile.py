"""How much is asked of a kernel."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from attrs import evolve

from assay.conformance._outcome import Outcome, Verdict
from assay.protocol import Profile as MessageProfile
from assay.spec import Requirement

if TYPE_CHECKING:
    from assay.conformance._check import Check

__all__ = ["Profile"]

OURS = (
    "no kernel is judged by this: no document says it, it is our own reading, or another page of "
    "the public text allows the opposite"
)


class Profile(StrEnum):
    """How much is asked of a kernel."""

    STRICT = "strict"
    """All that the text asks for."""

    DE_FACTO = "de-facto"
    """What kernels in wide use do: where the register knows that they differ from the text, a
    failure is a note, and messages are judged as a tolerant receiver does."""

    @property
    def of_messages(self) -> MessageProfile:
        """By which profile single messages are judged."""
        return MessageProfile.STRICT if self is Profile.STRICT else MessageProfile.LENIENT

    def excuse(self, rule: Requirement, *, ours: bool = False) -> str:
        """Return why a failure of *rule* is worth a note only; nothing if it is a failure."""
        if ours or not rule.judged:
            return OURS
        if self is Profile.DE_FACTO and rule.divergence is not None:
            return f"well-known software differs as well: {rule.divergence}"
        return ""

    def mild(self, check: Check, outcome: Outcome) -> Outcome:
        """Return *outcome*, as a note where the profile has an excuse for the failure."""
        if outcome.verdict is not Verdict.FAILED:
            return outcome
        excuse = self.excuse(check.requirement, ours=check.ours)
        return evolve(outcome, verdict=Verdict.NOTE, reason=excuse) if excuse else outcome
