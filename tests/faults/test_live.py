"""A part of the matrix is asked again: a fault for each module of checks, and kernels of all kinds.

The kernels are forked from one process that has loaded everything, and waited for as any kernel
is, so that a busy machine fails nothing. Some are asked at a time, since most of the time goes by
in waiting. `python -m tests.faults.matrix run` asks all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from assay.conformance import (
    Check,
    Options,
    Report,
    Verdict,
    all_checks,
    language_named,
    run_checks,
)
from tests.faults.harness import LANGUAGE, ask, forking, target
from tests.faults.matrix import Matrix, asked_of, is_cheap
from tests.faults.rows import find

FENCE = ("INFO-01.1", "SHELL-01.1", "EXEC-01.1", "SIGN-07.1", "HDR-01.1", "WIRE-07.1", "HIST-01.1")
"""Asked of every fault beside its own checks: these pass."""

FAULTS = {
    "comm-buffers-lost": ("COMM-09.1",),
    "complete-range-whole": ("COMPLETE-02.2", "COMPLETE-05.2"),
    "conn-scheme-default-md5": ("CONN-09.1",),
    "ctrl-dies-of-unknown-type": ("CTRL-15.1", "WIRE-14.2"),
    "debug-type-reply": ("DEBUG-02.1",),
    "exec-counter-per-client": ("EXEC-06.4",),
    "exec-expressions-unevaluated": ("EXEC-35.1",),
    "handshake-other-id": ("HANDSHAKE-04.1",),
    "hdr-date-prose": ("HDR-07.1",),
    "hb-empty-unanswered": ("HB-01.2",),
    "history-tail-first": ("HIST-02.1",),
    "info-version-number": ("INFO-04.1",),
    "inspect-level-one-refused": ("INSPECT-01.2",),
    "is-complete-never": ("ISCOMPLETE-01.2", "ISCOMPLETE-01.4"),
    "iopub-drops": ("EXEC-31.11",),
    "complete-errors-are-ok": ("COMPLETE-08.1", "WIRE-19.12"),
    "shell-no-count-of-errors": ("SHELL-13.1",),
    "iopub-streams-swapped": ("IOPUB-09.2",),
    "iopub-welcome-other-topic": ("IOPUB-05.1",),
    "exec-no-abort-by-default": ("EXEC-20.2",),
    "exec-error-other-name": ("EXEC-17.3",),
    "sign-beginning-compared": ("SIGN-07.3",),
    "shell-no-status-of-inspect": ("SHELL-06.12",),
    "stdin-password-false": ("STDIN-08.2",),
    "stdin-value-gets-line-end": ("STDIN-09.1",),
    "iopub-welcome-of-bytes": ("IOPUB-06.1",),
    "subshell-list-main": ("SUBSHELL-05.1",),
    "wire-nan": ("WIRE-08.1",),
}
"""Faults, and the checks that fail: for each module of checks at least one."""

SLOWEST = "minimal"
"""Asked first: what it lacks is waited for, again and again."""

VARIATIONS = (
    "extra-keys",
    "topics-odd",
    "date-naive",
    "info-minimal",
    "is-complete-unknown",
    "idle-before-reply",
    "reply-before-outputs",
    SLOWEST,
    "wrapper",
    "no-stdin",
    "control-alone-on-control",
)

OPTIONAL = {
    "comms-of-a-library": ("INFO-12.1", "INFO-12.2", "COMM-02.1", "COMM-03.1"),
    "no-shutdown": ("CTRL-04.1", "SHELL-16.1"),
    "own-status": ("SIGN-10.3", "WIRE-23.1", "WIRE-23.2"),
    "shell-complete-dropped": ("COMPLETE-06.1",),
}
"""Kernels that leave something out, and the checks that would judge how they do it."""

ODD = {
    "stdout-behind-a-prompt": ("EXEC-31.11", "ISCOMPLETE-04.3", "STDIN-09.1"),
    "own-status": ("HDR-13.2",),
    "pauses-before-idle": ("EXEC-17.2", "SHELL-05.1"),
    "interrupts-late": ("CTRL-01.1", "CTRL-11.1", "CTRL-11.2", "EXEC-30.1"),
}
"""Variations of which few checks could take notice, and these."""

BESIDE: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "exec-all-counts": ((), ("EXEC-03.1", "EXEC-05.2", "EXEC-27.1")),
    "exec-counter-stands": ((), ("EXEC-21.2", "SHELL-15.11")),
    "exec-ends-without-silent": (("EXEC-20.2", "EXEC-29.1", "STDIN-03.4"), ()),
    "exec-interrupt-is-ok": (("CTRL-11.1", "CTRL-11.2"), ()),
    "exec-queued-output-lost": ((), ("EXEC-22.1", "EXEC-26.2")),
    "exit-ends-at-once": ((), ("EXEC-14.3",)),
    "info-control-unanswered": (("WIRE-17.1",), ("CTRL-15.2",)),
    "shell-first-cell-ends": ((), ("EXEC-06.1", "COMPLETE-01.1")),
    "sign-empty-key-verifies": ((), ("SIGN-16.1",)),
    "stdin-answers-fail": (("STDIN-06.1",), ("STDIN-11.2", "STDIN-14.1")),
    "wire-buffers-refused": ((), ("WIRE-04.1",)),
}
"""Kernels that break a rule, or look as if they did, and checks of others that would notice: those
that pass, and those for which there is nothing left to see."""

HOPELESS = ("never-answers", "answers-with-errors", "dies-at-first-request")

SILENCE_S = 2.0
"""For the first sign of life of a kernel that gives none."""


AT_ONCE = 4
"""Kernels that are asked at a time."""

Reports = Callable[[str], Report]


@pytest.fixture(scope="module")
def report_of(request: pytest.FixtureRequest) -> Iterator[Reports]:
    """What is found of the kernels that the tests of this run name; asked in the background."""
    names = [
        str(item.callspec.params["name"])
        for item in request.session.items
        if item.path == request.path and isinstance(item, pytest.Function) and "[" in item.name
    ]
    names.sort(key=lambda name: name != SLOWEST)
    with forking(), ThreadPoolExecutor(AT_ONCE) as pool:
        asked = {name: pool.submit(_ask, name) for name in names}
        yield lambda name: asked[name].result()


def _ask(name: str) -> Report:
    if name in FAULTS:
        return ask(name, _checks(*FENCE, *FAULTS[name]))
    if name in OPTIONAL or name in ODD:
        return ask(name, _checks(*OPTIONAL.get(name, ()), *ODD.get(name, ())))
    if name in BESIDE:
        return ask(name, _checks(*BESIDE[name][0], *BESIDE[name][1]))
    if name in VARIATIONS:
        return ask(name, asked_of(find(name), all_checks()))
    options = Options(jobs=1, language=language_named(LANGUAGE), start_limit=SILENCE_S)
    return run_checks(target(find(name)), [one for one in all_checks() if is_cheap(one)], options)


def _checks(*ids: str) -> list[Check]:
    return [one for one in all_checks() if one.id in ids]


def _module(check: Check) -> str:
    return check.function.__module__.rpartition(".")[2]


@pytest.mark.parametrize("name", FAULTS)
def test_fault(name: str, report_of: Reports) -> None:
    """A faulty kernel fails the checks that are meant for its fault, and no others."""
    report = report_of(name)

    asked = {one.id for one in _checks(*FENCE, *FAULTS[name])}
    failed = {one.check for one in report.results if one.expected} & asked
    assert failed == set(FAULTS[name])
    passed = {one.check for one in report.with_outcome(Verdict.PASSED)}
    assert passed == set(FENCE) - set(FAULTS[name])


def test_faults_stand_in_the_matrix() -> None:
    """What is asked here again is what the matrix says, and each module has its fault."""
    fails = Matrix.read().fails

    assert all(set(checks) <= fails[name] for name, checks in FAULTS.items())
    bitten = {_module(one) for checks in FAULTS.values() for one in _checks(*checks)}
    assert {_module(one) for one in all_checks()} == bitten


@pytest.mark.parametrize("name", VARIATIONS)
def test_variation(name: str, report_of: Reports) -> None:
    """A kernel that does what the protocol leaves open fails nothing."""
    report = report_of(name)

    assert report.with_outcome(Verdict.PASSED)
    assert report.failures() == ()


@pytest.mark.parametrize("name", OPTIONAL)
def test_optional(name: str, report_of: Reports) -> None:
    """What a kernel need not have is not asked of one that does not have it."""
    report = report_of(name)

    skipped = {one.check for one in report.with_outcome(Verdict.SKIPPED)}
    assert skipped == set(OPTIONAL[name])


@pytest.mark.parametrize("name", BESIDE)
def test_beside(name: str, report_of: Reports) -> None:
    """A fault fails no check of another rule: what it leaves to be seen passes, the rest skips."""
    report = report_of(name)

    passes, skips = BESIDE[name]
    assert {one.check for one in report.with_outcome(Verdict.PASSED)} == set(passes)
    assert {one.check for one in report.with_outcome(Verdict.SKIPPED)} == set(skips)
    assert not [one for one in report.failures() if one.check in {*passes, *skips}]


@pytest.mark.parametrize("name", ODD)
def test_odd(name: str, report_of: Reports) -> None:
    """What looks odd and is allowed passes the checks that see it."""
    report = report_of(name)

    passed = {one.check for one in report.with_outcome(Verdict.PASSED)}
    assert passed == set(ODD[name])
    assert report.failures() == ()


def test_subshells_without_prompts() -> None:
    """Whether cells of two subshells ask at a time is not judged where none asks."""
    with forking():
        (result,) = ask("no-stdin", _checks("SUBSHELL-14.1")).results

    assert (result.outcome, result.reason) == (
        Verdict.SKIPPED,
        "the code does not ask for input",
    )


def test_subshell_that_prints_nothing() -> None:
    """Of a cell that ran and whose output is missing, the output is what is called missing."""
    with forking():
        report = ask("subshell-prints-nothing", _checks("SUBSHELL-02.2"))
    (result,) = report.results

    assert (result.outcome, result.expected, result.got) == (
        Verdict.NOTE,
        "its output",
        "none",
    )


@pytest.mark.parametrize("name", HOPELESS)
def test_hopeless(name: str, report_of: Reports) -> None:
    """A kernel that is silent, refuses everything or dies passes nothing, and the run ends."""
    report = report_of(name)

    assert report.with_outcome(Verdict.PASSED) == ()
    assert report.error
