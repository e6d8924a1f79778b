"""Compare what the register says of a kernel with what `assay check` has found of it.

``python scripts/divergences.py REPORT.json …`` lists, for each report, the requirements whose
`divergence` names the kernel: found by a check, or not. It exits with 1 if one was not found: then
either a check is missing, or the kernel is not so, or no more.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from assay.conformance import Report, Verdict, read_report
from assay.spec import Requirement, requirements

NAMES = {"ipython": "ipykernel"}
"""What a kernel calls its implementation, and what the register calls it."""


def main(paths: Sequence[str]) -> int:
    """Compare the reports at *paths*; return 1 if something was not found."""
    missing = 0
    for path in paths:
        report = read_report(Path(path).read_text("utf-8"), path)
        for line, is_found in compared(report):
            missing += not is_found
            print(line)
    return int(bool(missing))


def compared(report: Report) -> Iterator[tuple[str, bool]]:
    """Yield a line for each divergence that names the kernel of *report*, and if it was found."""
    name = name_of(report)
    for rule in named(name):
        about = [one for one in report.results if rule.id in one.requirements]
        ids = [one.check for one in about if one.outcome in {Verdict.FAILED, Verdict.NOTE}]
        reasons = [one.reason for one in about if one.outcome is Verdict.SKIPPED]
        # What was not asked says nothing: a feature that the kernel lacks, a newer protocol.
        skipped = len(reasons) == len(about) > 0
        told = f"not asked, {reasons[0]}" if skipped else ", ".join(ids) or "NOT FOUND"
        yield f"{name} {rule.id} ({rule.level}): {told}: {rule.divergence}", bool(ids) or skipped


def name_of(report: Report) -> str:
    """Return what the register calls the kernel of *report*."""
    implementation = str(report.info.get("implementation", report.kernel))
    return NAMES.get(implementation, implementation)


def named(name: str) -> Iterable[Requirement]:
    """Return the requirements of kernels whose divergence names *name* and that can be tested."""
    return (
        one
        for one in requirements()
        if one.divergence is not None
        and name in one.divergence
        and one.binds in {"kernel", "both"}
        and one.level != "INFO"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
