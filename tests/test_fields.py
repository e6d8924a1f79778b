"""Classes with `Fields` take what their annotations name, and nothing else."""

from __future__ import annotations

import pytest

from assay._fields import Fields


class Place(Fields):
    """One field that is needed, and one that is not."""

    name: str
    port: int = 7


class NearPlace(Place):
    """One more."""

    distance: int


def test_fields_are_given_by_keyword() -> None:
    """What is given is there, what is not has its default, and what is inherited is a field."""
    place = NearPlace(name="here", distance=2)

    assert (place.name, place.port, place.distance) == ("here", 7, 2)


@pytest.mark.parametrize("values", [{}, {"name": "here", "prot": 8}])
def test_other_fields_are_refused(values: dict[str, object]) -> None:
    """A field that is lacking is an error, and so is a misspelt one: it names those there are."""
    with pytest.raises(TypeError, match="Place: wanted name, port; found"):
        Place(**values)  # type: ignore[arg-type]  # wrong on purpose


def test_fields_stay() -> None:
    """No field can be changed."""
    place = Place(name="here")

    with pytest.raises(AttributeError, match=r"Place\.name cannot be changed"):
        place.name = "there"  # type: ignore[misc]  # wrong on purpose

    assert place.name == "here"
