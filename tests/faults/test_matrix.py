"""The matrix of faults and checks: what was found when all kernels were asked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from assay.conformance import all_checks
from tests.faults import variations
from tests.faults._table import rows_of
from tests.faults.exceptions import UNBITTEN, UNCAUGHT
from tests.faults.matrix import HOPELESS, PAGE, Matrix, breaks, is_meant, page
from tests.faults.rows import rows


@cache
def matrix() -> Matrix:
    """Return what was found when all kernels were asked."""
    return Matrix.read()


def _biting(check: str) -> Sequence[str]:
    return [name for name in matrix().biting(check) if name not in HOPELESS]


def test_every_check_is_failed_by_a_fault() -> None:
    """Each check that the matrix knows is failed by a fault, or there is a reason why not."""
    unbitten = {one for one in matrix().checks if not _biting(one)}

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
