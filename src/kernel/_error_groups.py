"""Groups of errors that share members, in text: each error is shown once.

Python shows a member as often as there are ways to it, of which 30 groups of two can have a
thousand million. Here one that has been shown is a line that says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from traceback import TracebackException

__all__ = ["shares_members", "shown_before", "shown_once"]

MAX_DEPTH, MAX_WIDTH = 10, 15
"""How many levels, and members of each group, Python shows; of more it gives the number."""

SHOWN_ABOVE = "[... its members are shown above]"
CAUSES_ABOVE = "[... what came before it is shown above]"


def shown_before(error: BaseException) -> BaseException | None:
    """Return what is shown before *error*, as Python chooses between its cause and context."""
    if error.__cause__ is not None:
        return error.__cause__
    return None if error.__suppress_context__ else error.__context__


def shares_members(error: BaseException) -> bool:
    """Return True if Python would go again through what is shown with a member of a group.

    It goes to a cause or context once, and to a member by each way there is, also along a
    `__context__` that is not shown.
    """
    seen: set[int] = set()
    waiting = [(error, False)]
    while waiting:
        found, is_member = waiting.pop()
        members = _members(found)
        before = [one for one in (found.__cause__, found.__context__) if one is not None]
        if id(found) not in seen:
            seen.add(id(found))
            waiting += [(one, False) for one in before]
            waiting += [(one, True) for one in members]
        elif is_member and (members or before):
            return True
    return False


def shown_once(error: BaseException, *, chain: bool = True) -> TracebackException:
    """Return *error* to be formatted, with what is shown before it and its members, each once.

    Args:
        error: The error, of any kind.
        chain: Also what is shown before it; what is shown before its members always is.

    Raises:
        BaseException: what the errors have as text or notes failed.
    """
    return _shown(error, set(), depth=0, chain=chain)


def _shown(error: BaseException, seen: set[int], *, depth: int, chain: bool) -> TracebackException:
    newest_first = [*_not_seen(error, seen)] if chain else [error]
    if not newest_first:
        return _again(error)
    before: TracebackException | None = None
    for link in reversed(newest_first):  # the oldest stands first, so its members do
        seen.add(id(link))
        shown = _alone(link)
        if link.__cause__ is not None:
            shown.__cause__ = before
        else:
            shown.__context__ = before
        if isinstance(link, BaseExceptionGroup):
            shown.exceptions = _shown_members(link, seen, depth + 1)
        before = shown
    assert before is not None
    return before


def _not_seen(error: BaseException, seen: set[int]) -> Iterator[BaseException]:
    link: BaseException | None = error
    here: set[int] = set()
    while link is not None and id(link) not in seen and id(link) not in here:
        yield link
        here.add(id(link))
        link = shown_before(link)


def _shown_members(
    group: BaseExceptionGroup[BaseException], seen: set[int], depth: int
) -> list[TracebackException]:
    if depth > MAX_DEPTH:  # Python says so, and looks at none of them
        return []
    members = group.exceptions
    shown = [_shown(one, seen, depth=depth, chain=True) for one in members[:MAX_WIDTH]]
    # Of the others only the number is asked.
    rest = [None] * (len(members) - len(shown))
    return [*shown, *cast("list[TracebackException]", rest)]


def _again(error: BaseException) -> TracebackException:
    """Return what stands where *error* would be shown once more."""
    shown = _alone(error)
    shown.stack.clear()
    note = SHOWN_ABOVE if _members(error) else CAUSES_ABOVE if shown_before(error) else None
    if note is not None:
        shown.__notes__ = [note]
    return shown


def _alone(error: BaseException) -> TracebackException:
    from traceback import TracebackException  # noqa: PLC0415 - few requests fail

    # What has seen others goes on to none: neither to members nor to what came before.
    shown = TracebackException(type(error), error, error.__traceback__, compact=True, _seen=set())
    shown.__cause__ = shown.__context__ = shown.exceptions = None
    return shown


def _members(error: BaseException) -> tuple[BaseException, ...]:
    return error.exceptions if isinstance(error, BaseExceptionGroup) else ()
