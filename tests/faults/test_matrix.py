"""Each check bites, and none cries wolf: kernels with one fault fail what is meant for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import pytest

from assay.conformance import Check, all_checks
from tests.faults import control, iopub, questions, shell, start, variations, wire
from tests.faults._table import Row, rows_of
from tests.faults.exceptions import TOTAL, UNBITTEN, UNCAUGHT
from tests.faults.harness import ask_all, forking, impatient
from tests.faults.matrix import (
    FAILED,
    HOPELESS,
    PAGE,
    Matrix,
    breaks,
    is_cheap,
    is_found,
    is_meant,
    is_sampled,
    page,
)
from tests.faults.rows import find, rows

AT_ONCE = 6

PART = 40
"""Each variation is asked one in so many of the checks here, and all when the matrix is made."""

MODULES = (wire, shell, questions, control, iopub, start)

BITES = 1
"""So many faults are asked each check here."""


@cache
def matrix() -> Matrix:
    """Return what was found when all kernels were asked."""
    return Matrix.read()


@pytest.fixture(scope="module", autouse=True)
def forked() -> Iterator[None]:
    """Fork the kernels of this module."""
    with forking():
        yield


def chosen(row: Row) -> list[Check]:
    """Return the checks that a fault is asked here: the first that it fails, for each of them."""
    fails = matrix().fails[row.name]
    known = [one for one in all_checks() if one.id in matrix().checks]
    first = [one for one in known if row.name in _first_faults(one.id)]
    passes = [one for one in known if one.id not in fails and is_cheap(one)]
    near = [one for one in passes if is_sampled(row, one, 100) and not is_meant(row, one)]
    return [*first, *near[:1]] if first and row.name not in TOTAL else first


def _first_faults(check: str) -> Sequence[str]:
    biting = [name for name in matrix().biting(check) if name not in HOPELESS]
    meant = [name for name in biting if breaks(find(name), check)]
    quick = [name for name in meant if name not in TOTAL]
    return (quick or meant or biting)[:BITES]


@pytest.mark.parametrize("module", MODULES, ids=lambda one: one.__name__.rpartition(".")[2])
def test_faults_fail_what_is_meant_for_them(module: object) -> None:
    """A kernel with a fault fails the checks that the matrix says, and passes the others."""
    faults = [row for row in rows_of(module) if row.name in matrix().fails]  # type: ignore[arg-type] # a module
    asked = {row.name: checks for row in faults if (checks := chosen(row))}

    wrong = []
    with impatient():
        reports = list(ask_all(asked, at_once=AT_ONCE))
    for name, report in reports:
        failed = {one.check for one in report.results if is_found(one)}
        wanted = matrix().fails[name] & {one.id for one in asked[name]}
        if {one for one in failed if not one.endswith(".0")} != wanted:
            wrong.append((name, sorted(wanted), sorted(failed), report.error))

    assert not wrong


def test_good_kernel_passes() -> None:
    """The kernel that all faults are made from fails nothing."""
    cheap = [one for one in all_checks() if is_cheap(one)]
    failed = [
        (one.check, one.expected, one.got)
        for _, report in ask_all({"good": cheap}, at_once=1)
        for one in report.results
        if one.outcome.value == FAILED
    ]

    assert not failed


def test_variations_pass() -> None:
    """What the protocol leaves open fails no check."""
    table = rows_of(variations)
    asked = {
        row.name: [one for one in all_checks() if is_cheap(one) and is_sampled(row, one, PART)]
        for row in table
    }

    failed = [
        (name, one.check, one.expected, one.got)
        for name, report in ask_all(asked, at_once=AT_ONCE)
        for one in report.results
        if one.outcome.value == FAILED
    ]
    assert not failed


def test_nothing_passes_on_hopeless_kernels() -> None:
    """No check passes on a kernel that never answers, answers with errors alone, or dies."""
    asked = dict.fromkeys(sorted(HOPELESS), all_checks())

    with impatient():
        reports = list(ask_all(asked, at_once=len(asked)))
    passed = [
        (name, one.check)
        for name, report in reports
        for one in report.results
        if one.outcome.value in {"passed", "note"}
    ]
    assert not passed


def test_every_check_is_failed_by_a_fault() -> None:
    """Each check that the matrix knows is failed by a fault, or there is a reason why not."""
    unbitten = {one for one in matrix().checks if not _first_faults(one)}

    assert unbitten == set(UNBITTEN) & matrix().checks


def test_every_fault_is_found() -> None:
    """Each fault for which there are checks fails one of them, or there is a reason why not."""
    known = [one for one in all_checks() if one.id in matrix().checks]
    missed = {
        row.name
        for row in rows()
        if row.name in matrix().fails
        and any(is_meant(row, one) for one in known)
        and not any(breaks(row, one) for one in matrix().fails[row.name])
    }

    assert missed == set(UNCAUGHT) & missed
    assert set(UNCAUGHT) <= missed


def test_variations_failed_nothing() -> None:
    """When all checks were asked of all variations, none failed."""
    for row in rows_of(variations):
        assert not matrix().fails.get(row.name), row.name


def test_page_is_up_to_date() -> None:
    """docs/conformance-matrix.md is what the data say; `tests.faults.matrix render` writes it."""
    assert PAGE.read_text(encoding="utf-8") == page(matrix())
