"""Checks are run against a kernel, and what it does becomes results."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from assay.conformance import Options, Report, Target, Verdict, run_checks, select

CALCULATOR = Path(__file__).parents[2] / "examples" / "calculator.py"


@pytest.fixture(scope="module")
def report() -> Report:
    """What is found of the calculator, a kernel of whose language there are no snippets."""
    target = Target.command((sys.executable, str(CALCULATOR), "-f", "{connection_file}"))
    return run_checks(target, select(["SHELL", "SIGN", "INFO"]), Options(jobs=1))


def test_a_good_kernel_fails_nothing(report: Report) -> None:
    """A kernel without faults passes what can be asked of it."""
    assert report.failures() == ()
    assert report.with_outcome(Verdict.PASSED)


def test_no_snippets(report: Report) -> None:
    """Checks that need code of an unknown language are skipped, with the reason."""
    skipped = {one.check: one.reason for one in report.with_outcome(Verdict.SKIPPED)}

    assert "language is not known" in skipped["SHELL-04.1"]


def test_kernel_that_ends_at_once() -> None:
    """A kernel that ends before it answers makes a report without any judgement."""
    target = Target.command((sys.executable, "-c", "raise SystemExit('no luck')"))

    report = run_checks(target, select(["SIGN"]))

    assert "no luck" in report.error
    assert {one.outcome for one in report.results} == {Verdict.SKIPPED}


@pytest.mark.parametrize("fault", ["answers-with-errors", "dies-at-first-request", "never-answers"])
def test_hopeless_kernels_pass_nothing(fault: str) -> None:
    """A kernel that only refuses, dies or is silent passes no check, and the run ends."""
    argv = (sys.executable, "-m", "tests.faults", "--fault", fault, "-f", "{connection_file}")

    # Only the silent one reaches the limit; it has to be waited for.
    options = Options(start_limit=3) if fault == "never-answers" else Options()

    report = run_checks(Target.command(argv), select(["SIGN-07", "WIRE-14", "INFO-01"]), options)

    assert report.with_outcome(Verdict.PASSED) == ()
    assert report.error or report.failures(["MUST"])
