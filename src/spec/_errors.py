"""What can go wrong when the specification is read."""

from __future__ import annotations

from collections.abc import Iterable

from assay._nearest import did_you_mean, nearest
from assay.protocol import AssayError

__all__ = ["SpecError", "UnknownNameError"]

FEW = 25
"""So many names are listed where none is near."""


class SpecError(AssayError):
    """A file of the specification is missing, damaged or of a format that is not known."""


class UnknownNameError(SpecError, LookupError):
    """Nothing has this id or name; `suggestions` holds the nearest that exist.

    Args:
        wanted: What was looked for, with its article: ``a requirement``.
        found: The name that nothing has.
        known: All the names that exist.
        listed: Those to tell where none is near; all if they are few, and else none.
    """

    def __init__(
        self, wanted: str, found: str, known: Iterable[str], *, listed: Iterable[str] = ()
    ) -> None:
        names = list(known)
        self.suggestions = nearest(found, names)
        listed = list(listed) or (names if len(names) <= FEW else [])
        all_of_them = f"; there are {', '.join(listed)}" if listed else ""
        hint = did_you_mean(found, names) or all_of_them
        super().__init__(f"wanted {wanted}, found {found!r}{hint}")
