"""What can go wrong when the specification is read."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from assay.protocol import AssayError

__all__ = ["SpecError", "UnknownNameError"]

SUGGESTIONS = 3

FEW = 25
"""So many names can be told where none is near."""


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
        # Ids are in capitals and message types in small letters; neither is a reason to fail.
        by_folded = {name.casefold(): name for name in names}
        near = get_close_matches(found.casefold(), by_folded, SUGGESTIONS)
        self.suggestions = tuple(by_folded[name] for name in near)
        listed = list(listed) or (names if len(names) <= FEW else [])
        hint = f"; there are {', '.join(listed)}" if listed else ""
        if near:
            hint = f"; did you mean {' or '.join(self.suggestions)}?"
        super().__init__(f"wanted {wanted}, found {found!r}{hint}")
