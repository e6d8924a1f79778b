"""Fields of an object that has no class: each is read with the type it must have.

A field that is absent or null has the default, if there is one: old peers write null for what they
do not know. Anything else that does not fit is a `ContentError` that names the field.
"""

from __future__ import annotations

from collections.abc import Mapping

from assay.protocol._errors import ContentError, shorten
from assay.protocol._shapes import is_mapping
from assay.protocol.wire._json import Json, JsonObject

__all__ = [
    "fault",
    "read_flag",
    "read_integer",
    "read_list",
    "read_object",
    "read_text",
    "read_texts",
]


def fault(path: str, wanted: str, found: object) -> ContentError:
    """Return the error that says what was *wanted* at *path* and what was *found*."""
    line = f"{path}: wanted {wanted}, found {shorten(found)}"
    return ContentError(line, requirement="WIRE-19", faults=(line,))


def read_text(data: Mapping[str, object], name: str, default: str | None = None) -> str:
    """Return the text in field *name*."""
    value = _value(data, name, default)
    if not isinstance(value, str):
        raise fault(name, "text", value)
    return value


def read_integer(data: JsonObject, name: str, default: int | None = None) -> int:
    """Return the integer in field *name*; true and false are none."""
    value = _value(data, name, default)
    if not isinstance(value, int) or isinstance(value, bool):
        raise fault(name, "an integer", value)
    return value


def read_flag(data: JsonObject, name: str, *, default: bool) -> bool:
    """Return the truth value in field *name*."""
    value = _value(data, name, default)
    if not isinstance(value, bool):
        raise fault(name, "true or false", value)
    return value


def read_object(data: JsonObject, name: str) -> dict[str, Json]:
    """Return a copy of the object in field *name*; an empty one if it is absent."""
    value = _value(data, name, {})
    if not is_mapping(value):
        raise fault(name, "an object", value)
    return dict(value)


def read_list(data: JsonObject, name: str) -> list[Json]:
    """Return a copy of the list in field *name*; an empty one if it is absent."""
    value = _value(data, name, [])
    if not isinstance(value, (list, tuple)):
        raise fault(name, "a list", value)
    return list(value)


def read_texts(data: JsonObject, name: str) -> list[str]:
    """Return a copy of the list of texts in field *name*; an empty one if it is absent."""
    texts = []
    for place, item in enumerate(read_list(data, name)):
        if not isinstance(item, str):
            raise fault(f"{name}[{place}]", "text", item)
        texts.append(item)
    return texts


def _value(data: Mapping[str, object], name: str, default: object) -> object:
    if name not in data and default is None:
        raise ContentError(
            f"{name}: wanted this field, found none",
            requirement="WIRE-19",
            faults=(f"{name}: wanted this field, found none",),
        )
    value = data.get(name)
    return default if value is None else value
