"""Byte vectors: frames, and what a reader has to make of them."""

from __future__ import annotations

from functools import cache

from attrs import field, frozen

from assay.protocol import JsonObject
from assay.spec._errors import UnknownNameError
from assay.spec._files import data_folder, read_json

__all__ = ["Vector", "VectorFile", "vector", "vectors"]


@frozen(kw_only=True)
class Vector:
    """One case."""

    id: str
    """Never used again for something else: ``VEC-FRAMING-001``."""

    reason: str
    """What it shows, one sentence."""

    requirements: tuple[str, ...]
    """Ids of the requirements that it pins."""

    data: JsonObject = field(repr=False)
    """All of it, as in the file."""


@frozen(kw_only=True)
class VectorFile:
    """The vectors on one subject."""

    subject: str
    """The name of the file without its ending."""

    title: str
    """A few words."""

    vectors: tuple[Vector, ...] = field(repr=False)
    """In the order of their ids."""


@cache
def vectors() -> tuple[VectorFile, ...]:
    """Return all vectors, by subject; the subjects are sorted."""
    folder = data_folder() / "vectors"
    found = sorted(one.name for one in folder.iterdir()) if folder.is_dir() else []
    return tuple(_read(name) for name in found if name.endswith(".json"))


def vector(id: str) -> Vector:  # noqa: A002 - what the files call it
    """Return the vector with this *id*, in capitals or not.

    Raises:
        UnknownNameError: there is none.
    """
    known = {one.id: one for file in vectors() for one in file.vectors}
    found = known.get(id.upper())
    if found is None:
        raise UnknownNameError("the id of a vector", id, known)
    return found


def _read(name: str) -> VectorFile:
    table = read_json(f"vectors/{name}")
    rows = (
        Vector(
            id=one["id"],
            reason=one["reason"],
            requirements=tuple(one["requirements"]),
            data=one,
        )
        for one in table["vectors"]
    )
    return VectorFile(subject=table["subject"], title=table["title"], vectors=tuple(rows))
