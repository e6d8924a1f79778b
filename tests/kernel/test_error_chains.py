"""Errors that caused each other, in text: all of a few, the oldest and the newest of many."""

from __future__ import annotations

import traceback

import pytest

from assay.kernel._error_chains import MAX_CHAIN, lines_of_chain, shown_before
from assay.kernel._tracebacks import MAX_LINES, lines_of


class Counted(Exception):  # noqa: N818 - of a user's
    """Notes each time that it is asked for its text."""

    asked: list[object]

    def __str__(self) -> str:
        self.asked.append(self.args[0])
        return f"number {self.args[0]}"


def chain(count: int, *, caused: bool = False) -> Counted:
    """Return the newest of *count* errors, whose numbers are 0 (the oldest) to *count* - 1."""
    Counted.asked = []
    newest = Counted(0)
    for number in range(1, count):
        following = Counted(number)
        if caused:
            following.__cause__ = newest
        else:
            following.__context__ = newest
        newest = following
    return newest


@pytest.mark.parametrize("caused", [False, True])
def test_middle_of_a_long_chain_is_not_looked_at(caused: bool) -> None:
    """Of 5,000 errors 100 are asked for their text, and a line says how many are not shown."""
    error = chain(5_000, caused=caused)

    try:
        raise error
    except Counted:  # each lookup in vain goes through the contexts of the error that is handled
        lines = lines_of(error)

    shown = [*range(50), *range(4_950, 5_000)]
    assert Counted.asked == shown
    texts = [line.partition("number ")[2] for line in lines if "number " in line]
    assert texts == [str(number) for number in shown]
    assert lines.count("[... 4900 exceptions left out]") == 1
    joint = "direct cause" if caused else "During handling"
    assert sum(joint in line for line in lines) == 98


def test_chain_is_as_it_was() -> None:
    """What was shown in part is whole for the program that looks at it."""
    error = chain(300)

    lines_of(error)

    link, length = error, 1
    while (before := shown_before(link)) is not None:
        assert isinstance(before, Counted)
        link, length = before, length + 1
    assert length == 300


@pytest.mark.parametrize("caused", [False, True])
def test_shorter_chain_is_pythons_own(caused: bool) -> None:
    """All are shown, in Python's own form."""
    error = chain(MAX_CHAIN, caused=caused)

    assert "\n".join(lines_of(error)) + "\n" == "".join(traceback.format_exception(error))


def test_parts_of_a_long_chain_are_pythons_own() -> None:
    """Its errors look as in a short one: tracebacks, notes, and groups with their members."""
    group = ExceptionGroup("several", [ValueError("one"), Counted("two")])
    group.add_note("the group's")
    group.__context__ = chain(200)
    newest = KeyError("newest")
    newest.__cause__ = group

    _, lines = lines_of_chain(newest)

    group.__context__ = None
    wanted = "".join(traceback.format_exception(newest)).splitlines()
    assert lines[-len(wanted) :] == wanted


def test_circle_is_gone_round_once() -> None:
    """Errors in a circle end where it closes."""
    error = chain(200)
    link: BaseException = error
    while link.__context__ is not None:
        link = link.__context__
    link.__context__ = error

    assert "[... 100 exceptions left out]" in lines_of(error)
    assert len(Counted.asked) == MAX_CHAIN


def test_long_texts_in_a_long_chain_are_shortened() -> None:
    """Where the lines are too many as well, the line about errors stays."""
    error = chain(300)
    link: BaseException | None = error
    while link is not None:
        link.add_note("note\n" * 100)
        link = link.__context__

    lines = lines_of(error)

    assert len(lines) <= MAX_LINES + 2
    assert "[... 200 exceptions left out]" in lines
    assert "number 0" in lines[0]
    assert any("number 299" in line for line in lines[-110:])
