"""Groups of errors in text: Python's own form, and each error once where groups share members."""

from __future__ import annotations

import traceback
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.kernel._error_chains import lines_of_chain
from assay.kernel._error_groups import shares_members, shown_once


def raised(error: BaseException) -> BaseException:
    """Return *error* with a traceback."""
    with suppress(type(error)):
        fail(error)
    return error


def fail(error: BaseException) -> None:
    """Raise *error*."""
    raise error


LEAVES = st.builds(lambda text: raised(ValueError(text)), st.text(max_size=9))


def with_before(error: BaseException, before: BaseException, *, is_cause: bool) -> BaseException:
    """Return *error* with another one before it."""
    if is_cause:
        error.__cause__ = before
    else:
        error.__context__ = before
    return error


def grown(errors: st.SearchStrategy[BaseException]) -> st.SearchStrategy[BaseException]:
    """Return groups of *errors*, and errors with others before them."""
    groups = st.builds(
        lambda members: raised(BaseExceptionGroup("group", members)),
        st.lists(errors, min_size=1, max_size=20),
    )
    return st.builds(
        lambda error, before, is_cause: with_before(error, before, is_cause=is_cause),
        groups | LEAVES,
        errors,
        st.booleans(),
    )


@given(st.recursive(LEAVES, grown, max_leaves=60))
def test_errors_that_share_nothing_look_as_pythons_own(error: BaseException) -> None:
    """Whatever is nested in what, also more levels and members than are shown."""
    assert not shares_members(error)
    assert [*shown_once(error).format()] == traceback.format_exception(error)


def test_deep_groups_look_as_pythons_own() -> None:
    """Of levels that are too deep it is said where they begin."""
    error: BaseException = raised(ValueError("leaf"))
    for _ in range(14):
        error = raised(BaseExceptionGroup("group", [error]))

    assert [*shown_once(error).format()] == traceback.format_exception(error)


@pytest.mark.parametrize("width", [2, 20])
def test_groups_that_share_members_are_shown_once(width: int) -> None:
    """Though Python would show them a thousand million times."""
    error: Exception = ValueError("leaf")
    for number in range(30):
        error = ExceptionGroup(f"group {number}", [error] * width)
    first, last = lines_of_chain(raised(error))

    text = "\n".join(first)
    assert last == []
    assert text.count("[... its members are shown above]") == 10 * (min(width, 15) - 1)
    assert "group 29" in text
    assert "max_group_depth" in text
    assert len(first) < 1_000


def test_what_came_before_a_shared_member_is_shown_once() -> None:
    """It stands where the member stands first; afterwards its own line is enough."""
    leaf = with_before(ValueError("leaf"), KeyError("before"), is_cause=True)
    shared = BaseExceptionGroup("shared", [leaf, leaf])
    text = "\n".join(lines_of_chain(BaseExceptionGroup("outer", [shared, leaf]))[0])

    assert text.count("KeyError: 'before'") == 1
    assert text.count("ValueError: leaf") == 3
    assert text.count("[... what came before it is shown above]") == 2


def test_groups_in_a_long_chain_are_shown_once() -> None:
    """The chain leaves out its middle as ever."""
    error: BaseException = ValueError("leaf")
    for _ in range(30):
        error = BaseExceptionGroup("group", [error, error])
    for number in range(200):
        error = with_before(ValueError(str(number)), error, is_cause=True)
    first, last = lines_of_chain(error)

    assert "its members are shown above" in "\n".join(first)
    assert last[1] == "[... 101 exceptions left out]"
