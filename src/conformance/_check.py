"""Checks: one question to a kernel each, about one requirement."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from attrs import frozen

from assay.spec import Requirement, requirement

if TYPE_CHECKING:
    from assay.conformance._outcome import Outcome
    from assay.conformance._testee import Testee

__all__ = ["Check", "check"]

Function: TypeAlias = "Callable[[Testee], Outcome]"

ID = re.compile(r"([A-Z]+-\d\d+)\.([1-9]\d*)")


@frozen(kw_only=True)
class Check:
    """One question, and how to ask it."""

    id: str
    """The requirement's id, and a number that is given once: ``SHELL-04.1``."""

    title: str
    """The fact: "busy is the first message published for a request"."""

    function: Function
    fresh: bool
    process: bool
    snippets: tuple[str, ...]
    feature: str | None
    also: tuple[str, ...]
    mistake: str
    slow: bool
    ours: bool

    @property
    def requirement(self) -> Requirement:
        """The requirement that is judged."""
        return requirement(self.id.rpartition(".")[0])

    @property
    def requirements(self) -> tuple[str, ...]:
        """The ids of all requirements that it is about, the one that is judged first."""
        return (self.requirement.id, *self.also)

    @property
    def judged(self) -> bool:
        """Whether a kernel can fail it; else there is a note at most."""
        return self.requirement.judged and not self.ours

    @property
    def number(self) -> int:
        """The number behind the requirement's id."""
        return int(self.id.rpartition(".")[2])

    def __call__(self, kernel: Testee) -> Outcome:
        """Ask *kernel*."""
        return self.function(kernel)


def check(
    id: str,  # noqa: A002 - what the register calls it
    title: str,
    *,
    fresh: bool = False,
    process: bool = False,
    snippets: tuple[str, ...] = (),
    feature: str | None = None,
    also: tuple[str, ...] = (),
    mistake: str = "",
    slow: bool = False,
    ours: bool = False,
) -> Callable[[Function], Check]:
    """Make a check of a function.

    Level, sentence, area, basis and optional feature come from the register.

    Args:
        id: The requirement's id and a number: ``SHELL-04.1``. A number is given once.
        title: The fact that is true of a good kernel, in the present tense.
        fresh: It needs a kernel that nothing else has used, and may ruin it.
        process: It needs a kernel that we started: it is signalled, killed or seen to end.
        snippets: Which snippets of the language it uses; skipped where there are none.
        feature: An entry of ``supported_features`` without which it is skipped.
        also: Ids of further requirements that it touches.
        mistake: How kernels usually get this wrong, in a sentence or two.
        slow: It takes seconds even with a good kernel, so it is begun early.
        ours: It asks for more than the requirement does, by this project's own reading: a failure
            is reported as a note. What the register marks as not judged needs no such word.
    """
    matched = ID.fullmatch(id)
    assert matched is not None, f"{id}: wanted the id of a requirement, a dot and a number"
    for one in (matched[1], *also):
        requirement(one)

    def made(function: Function) -> Check:
        return Check(
            id=id,
            title=title,
            function=function,
            fresh=fresh,
            process=process,
            snippets=snippets,
            feature=feature,
            also=also,
            mistake=mistake,
            slow=slow,
            ours=ours,
        )

    return made
