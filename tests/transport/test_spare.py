"""Descriptors that are kept for the kernel are there for the thread that borrows them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from assay._isolation import os
from assay.transport import _spare
from assay.transport._spare import SPARE, SpareDescriptors


@pytest.fixture
def spare() -> Iterator[SpareDescriptors]:
    """Descriptors that are closed at the end."""
    spare = SpareDescriptors()
    yield spare
    spare.close()


def test_what_is_lent_is_not_taken_back_by_another(
    spare: SpareDescriptors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who refills while a thread borrows gets nothing, and all once it has ended."""
    monkeypatch.setattr(_spare, "are_free", lambda _count: False)
    with spare.lent():
        is_refilled = spare.refill()
        held_meanwhile, are_lent = len(spare), spare.are_lent
        with spare.lent():
            pass
        held_after_inner = len(spare)

    assert not is_refilled
    assert (held_meanwhile, are_lent, held_after_inner) == (0, True, 0)
    assert (len(spare), spare.are_lent) == (SPARE, False)


def test_nothing_is_given_up_where_enough_are_free(spare: SpareDescriptors) -> None:
    """A thread borrows nothing if the process may open others."""
    with spare.lent():
        assert len(spare) == SPARE


def test_a_refill_meanwhile_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that another thread has begun when these are closed opens none for good."""
    spare, opened, open_file = SpareDescriptors(), list[int](), os.open
    spare.give_up()

    def open_late(path: str, flags: int) -> int:
        spare.close()
        opened.append(open_file(path, flags))
        return opened[-1]

    monkeypatch.setattr(os, "open", open_late)
    spare.refill()

    assert len(spare) == 0
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened[0])
