"""Which known names a misspelt one may stand for."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["did_you_mean", "nearest"]

SUGGESTIONS = 3


def nearest(found: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return the names in *known* that are spelt nearly like *found*, the nearest first."""
    from difflib import get_close_matches  # noqa: PLC0415 - for errors alone

    # Ids are in capitals and message types in small letters; neither is a reason to fail.
    by_folded = {name.casefold(): name for name in known}
    near = get_close_matches(found.casefold(), by_folded, SUGGESTIONS)
    return tuple(by_folded[name] for name in near)


def did_you_mean(found: str, known: Iterable[str]) -> str:
    """Return the question for the end of an error, or nothing if no name is near.

    Returns:
        ``"; did you mean bash or fish?"``.
    """
    near = nearest(found, known)
    return f"; did you mean {' or '.join(near)}?" if near else ""
