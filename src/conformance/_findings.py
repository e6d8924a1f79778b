"""What was seen to be wrong in passing, put together: one result for each requirement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import define, field

from assay.conformance._judge import Passing
from assay.conformance._outcome import Verdict
from assay.conformance._profile import Profile
from assay.conformance._registry import TRAFFIC
from assay.conformance._result import Result
from assay.conformance._target import Target
from assay.spec import requirement, requirements

__all__ = ["Findings"]

MOST_KINDS = 5
"""So many ways to break one requirement are shown."""

MISTAKES = {
    "CTRL-03": "What is answered on control publishes no status.",
    "DEBUG-04": "Responses that the kernel makes itself lack what the debugger's have.",
    "EXEC-04": "silent switches off the result, and neither streams, displays nor errors.",
    "HDR-04": "Each socket, or each part of the kernel, makes a session of its own.",
    "HDR-09": "The header has the messaging library's version, kernel_info the kernel's.",
    "INFO-06": "The MIME type is missing, or the extension is written without its dot.",
    "IOPUB-20": "The content of the reply is published as it is.",
    "SHELL-10": "The error is made by hand and lacks a field, or added to the usual content.",
    "SHELL-12": "Cells behind one that failed are answered as in the first protocol versions.",
    "SHELL-13": "The reply to a cell that does not run is made elsewhere, and has a status alone.",
    "WIRE-11": "What a library's helper publishes gets no topic, only what the core does.",
}
"""How kernels usually break a requirement, by its id: of those that the traffic often shows."""


@define
class _Seen:
    first: Passing
    checks: list[str] = field(factory=list)


@define
class Findings:
    """The findings of a run, once for each kind."""

    profile: Profile

    ignored: frozenset[str] = frozenset()
    """The ids of requirements for which nothing is reported."""

    _seen: dict[tuple[str, str, str], _Seen] = field(factory=dict, init=False)

    def add(self, found: Iterable[Passing], check: str) -> None:
        """Take what was seen during *check*."""
        for one in found:
            if one.requirement in self.ignored:
                continue
            seen = self._seen.setdefault(one.kind, _Seen(one))
            if seen.first.note and not one.note:
                seen.first = one
                seen.checks.insert(0, check)
            elif check not in seen.checks:
                seen.checks.append(check)

    @property
    def ignored_results(self) -> tuple[str, ...]:
        """The ids that no result has because of `ignored`."""
        return tuple(f"{one}{TRAFFIC}" for one in sorted(self.ignored))

    def merged(self, results: Sequence[Result], target: Target) -> tuple[Result, ...]:
        """Return *results* and, in its place, one more for each requirement that was broken."""
        places = {one.id: place for place, one in enumerate(requirements())}
        added = [
            self._result(rule, target)
            for rule in {one.first.requirement for one in self._seen.values()}
        ]
        return tuple(
            sorted(
                (*results, *added),
                key=lambda one: (places[one.requirements[0]], int(one.check.rpartition(".")[2])),
            )
        )

    def _result(self, rule_id: str, target: Target) -> Result:
        rule = requirement(rule_id)
        kinds = [one for one in self._seen.values() if one.first.requirement == rule_id]
        firm = [one for one in kinds if not one.first.note]
        excuse = self.profile.excuse(rule)
        shown = firm or kinds
        reasons = excuse or ("" if firm else "the text leaves it open; worth a word, no violation")
        checks = sorted({one.checks[0] for one in shown})
        return Result(
            check=f"{rule_id}{TRAFFIC}",
            requirements=(rule_id,),
            level=rule.level,
            title=f"nothing in the traffic of all checks breaks {rule_id}",
            outcome=Verdict.FAILED if firm and not excuse else Verdict.NOTE,
            expected="; ".join(one.first.expected for one in shown[:MOST_KINDS]),
            got="; ".join(_told(one) for one in shown[:MOST_KINDS]),
            reason=reasons,
            evidence=shown[0].first.evidence,
            mistake=MISTAKES.get(rule_id, "") if firm and not excuse else "",
            rerun=target.rerun(checks[0]),
        )


def _told(one: _Seen) -> str:
    others = len(set(one.checks)) - 1
    more = f" (and in {others} more {'check' if others == 1 else 'checks'})" if others else ""
    return f"{one.first.got}, in {one.checks[0]}{more}"
