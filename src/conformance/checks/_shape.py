"""What the fields of a message must be, and which one is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import frozen

from assay.conformance._arrival import Arrival, Object
from assay.conformance._outcome import Outcome, failed, passed

__all__ = [
    "BOOLEAN",
    "BUNDLE",
    "ERROR",
    "INTEGER",
    "OBJECT",
    "TEXT",
    "TEXTS",
    "Kind",
    "has_shape",
    "misfit",
]

LONGEST_SHOWN = 200
"""Characters of a value that a finding shows."""


@frozen(kw_only=True)
class Kind:
    """A kind of value."""

    name: str
    holds: Callable[[object], bool]


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


TEXT = Kind(name="text", holds=lambda value: isinstance(value, str))
TEXTS = Kind(name="a list of text", holds=_is_texts)
BOOLEAN = Kind(name="true or false", holds=lambda value: isinstance(value, bool))
OBJECT = Kind(name="an object", holds=lambda value: isinstance(value, dict))
INTEGER = Kind(
    name="an integer",
    holds=lambda value: isinstance(value, int) and not isinstance(value, bool),
)

BUNDLE: Mapping[str, Kind] = {"data": OBJECT, "metadata": OBJECT}
"""A MIME bundle."""

ERROR: Mapping[str, Kind] = {"ename": TEXT, "evalue": TEXT, "traceback": TEXTS}
"""What tells an error."""


def misfit(content: Object, wanted: Mapping[str, Kind]) -> tuple[str, str] | None:
    """Return what is wanted and what is found of the first field of *content* that is wrong."""
    for key, kind in wanted.items():
        if key not in content:
            return f"{kind.name} under {key!r}", "no such key"
        if not kind.holds(content[key]):
            found = repr(content[key])
            short = found if len(found) <= LONGEST_SHOWN else f"{found[:LONGEST_SHOWN]}…"
            return f"{kind.name} under {key!r}", short
    return None


def has_shape(arrival: Arrival, wanted: Mapping[str, Kind]) -> Outcome:
    """Say whether the content of *arrival* has the *wanted* fields."""
    wrong = misfit(arrival.content, wanted)
    return passed() if wrong is None else failed(*wrong, arrival)
