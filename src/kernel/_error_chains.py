"""Errors that caused each other, in text: of very many the oldest and the newest are shown.

Python formats them all. While the newest is handled, each lookup in vain (of notes, in every one)
goes through all of its contexts, so that twice as many take four times as long.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from assay.kernel._error_groups import shares_members, shown_before, shown_once

if TYPE_CHECKING:
    from traceback import TracebackException

__all__ = ["MAX_CHAIN", "lines_of_chain", "shown_before"]

MAX_CHAIN = 100
"""Errors that caused each other, and are all shown."""

HALF = MAX_CHAIN // 2

CAUSE = "The above exception was the direct cause of the following exception:"
CONTEXT = "During handling of the above exception, another exception occurred:"


def lines_of_chain(error: BaseException) -> tuple[list[str], list[str]]:
    """Return what Python shows of *error*, in two parts without line ends; one may be empty.

    Where more than `MAX_CHAIN` errors caused each other, the first part has the oldest of them; the
    second begins with how many are left out and has the newest.

    Raises:
        BaseException: what the errors have as text, notes or attributes failed.
    """
    import traceback  # noqa: PLC0415 - few requests fail, and none of a kernel that starts

    newest_first = list(_distinct(error))
    left_out = len(newest_first) - MAX_CHAIN
    if left_out <= 0 and shares_members(error):
        return "".join(shown_once(error).format()).splitlines(), []
    if left_out <= 0:
        return "".join(traceback.format_exception(error)).splitlines(), []
    oldest = _lines_of(newest_first[-HALF:])
    newest = _lines_of(newest_first[:HALF])
    return oldest, ["", f"[... {left_out} exceptions left out]", "", *newest]


def _distinct(error: BaseException) -> Iterator[BaseException]:
    """Yield *error* and what is shown before it, each once where they stand in a circle."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        yield link
        seen.add(id(link))
        link = shown_before(link)


def _lines_of(newest_first: list[BaseException]) -> list[str]:
    lines: list[str] = []
    for number, error in enumerate(reversed(newest_first)):
        if number:
            lines += ["", CONTEXT if error.__cause__ is None else CAUSE, ""]
        lines += "".join(_alone(error).format(chain=False)).splitlines()
    return lines


def _alone(error: BaseException) -> TracebackException:
    """Return *error* to be formatted, without what is shown before it.

    The members of a group are shown with it.
    """
    from traceback import TracebackException  # noqa: PLC0415 - as above

    kind, trace = type(error), error.__traceback__
    if isinstance(error, BaseExceptionGroup):
        stand_in = BaseExceptionGroup(error.message, error.exceptions)
        for note in getattr(error, "__notes__", ()):
            stand_in.add_note(note)
        if shares_members(stand_in):
            return shown_once(stand_in, chain=False)
        return TracebackException(kind, stand_in, trace, compact=True)
    alone = TracebackException(kind, error, trace, compact=True, _seen=set())
    # Python sets these where it goes on to the errors before, which it does not if some were seen.
    alone.__cause__ = alone.__context__ = alone.exceptions = None
    return alone
