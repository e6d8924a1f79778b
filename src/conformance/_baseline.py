"""Failures that a project knows and accepts, each with its reason."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from attrs import evolve

from assay._nearest import did_you_mean
from assay.conformance._outcome import Verdict
from assay.conformance._registry import result_ids
from assay.conformance._result import Report, Result
from assay.protocol import AssayError

__all__ = [
    "BaselineError",
    "accept",
    "apply_baseline",
    "baseline_in",
    "baseline_of",
    "read_baseline",
]


class BaselineError(AssayError):
    """A baseline file is not as docs/conformance.md says."""


def read_baseline(text: str, name: str) -> Mapping[str, str]:
    """Return the reasons in a baseline by the id of the check.

    Args:
        text: TOML: a table ``accepted`` of ids, each with the reason.
        name: The file, for errors.

    Raises:
        BaselineError: it is something else, a reason is missing, or no check has the id.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BaselineError(f"{name}: wanted TOML: {error}") from error
    for key in table:
        if key != "accepted":
            raise BaselineError(f"{name}: wanted one table `accepted`, found {key!r}")
    accepted = table.get("accepted", {})
    if not isinstance(accepted, dict):
        raise BaselineError(f"{name}: wanted a table `accepted`, found {accepted!r}")
    for check, reason in accepted.items():
        if check not in result_ids():
            hint = did_you_mean(check, result_ids()) or "; `assay check --list` lists them"
            raise BaselineError(f"{name}: wanted the id of a check, found {check!r}{hint}")
        if not isinstance(reason, str) or not reason.strip():
            raise BaselineError(f"{name}: {check}: wanted the reason as text, found {reason!r}")
    return accepted


def baseline_in(path: Path) -> Mapping[str, str]:
    """Return the reasons in the baseline at *path*, as `read_baseline` does.

    Raises:
        BaselineError: it cannot be read, or `read_baseline` refuses it.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BaselineError(f"{path}: cannot be read: {error}") from error
    return read_baseline(text, str(path))


def baseline_of(report: Report) -> str:
    """Return a baseline that accepts every failure of *report*; its reasons are to be written."""
    lines = ["# Failures that are known and accepted: the check's id, and the reason.\n"]
    lines.append("[accepted]")
    for one in report.failures():
        found = one.got.replace("\\", "\\\\").replace('"', '\\"')
        found = "".join(c if c.isprintable() else " " for c in found)
        lines.append(f'"{one.check}" = "not examined yet: found {found}"')
    return "\n".join(lines) + "\n"


def apply_baseline(report: Report, accepted: Mapping[str, str]) -> tuple[Report, tuple[str, ...]]:
    """Return *report* with the accepted failures as notes, and the ids that failed nothing.

    An id that is accepted although its check passed is out of date, and reported.
    """
    results = tuple(accept(one, accepted) for one in report.results)
    used = {one.check for one in results if one.accepted}
    asked = {one.check for one in results if one.outcome is Verdict.PASSED}
    stale = tuple(check for check in accepted if check not in used and check in asked)
    return evolve(report, results=results), stale


def accept(result: Result, accepted: Mapping[str, str]) -> Result:
    """Return *result*, as a note if it is a failure that is accepted."""
    reason = accepted.get(result.check, "")
    if not reason or result.outcome is not Verdict.FAILED:
        return result
    return evolve(result, outcome=Verdict.NOTE, accepted=reason)
