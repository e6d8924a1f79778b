"""Classes with `Fields` take what their annotations name, and nothing else."""

from __future__ import annotations

from typing import ClassVar

import pytest

from assay._fields import Fields


class Place(Fields):
    """One field that is needed, and one that is not."""

    name: str
    port: int = 7


class NearPlace(Place):
    """One more, and what is none."""

    unit: ClassVar[str]
    distance: int


def test_fields_are_given_by_keyword() -> None:
    """What is given is there, what is not has its default, and what is inherited is a field."""
    place = NearPlace(name="here", distance=2)

    assert (place.name, place.port, place.distance) == ("here", 7, 2)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"port": 8}, "Place: wanted name; found none"),
        ({"name": "here", "prot": 8}, "Place: wanted none but name, port; found prot"),
        ({"nmae": "here"}, "Place: wanted name; found nmae"),
    ],
)
def test_other_fields_are_refused(values: dict[str, object], message: str) -> None:
    """A field that is lacking is an error that names it, and so is a misspelt one."""
    with pytest.raises(TypeError) as caught:
        Place(**values)  # type: ignore[arg-type]  # wrong on purpose

    assert str(caught.value) == message


def test_class_variables_are_no_fields() -> None:
    """What belongs to the class need not be given, and cannot be."""
    with pytest.raises(TypeError, match="NearPlace: wanted none but distance, name, port; found"):
        NearPlace(name="here", distance=2, unit="m")  # type: ignore[call-arg]  # wrong on purpose


def test_each_is_itself() -> None:
    """Two with the same fields differ."""
    assert Place(name="here") != Place(name="here")


def test_fields_stay() -> None:
    """No field can be changed."""
    place = Place(name="here")

    with pytest.raises(AttributeError, match=r"Place\.name cannot be changed"):
        place.name = "there"  # type: ignore[misc]  # wrong on purpose

    assert place.name == "here"


def test_fields_cannot_be_deleted() -> None:
    """No field can be taken away."""
    place = Place(name="here")

    with pytest.raises(AttributeError, match=r"Place\.name cannot be deleted"):
        del place.name

    assert place.name == "here"
