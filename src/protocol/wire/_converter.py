"""The cattrs converter: for errors that name every fault, and for other people's classes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from functools import cache, partial
from types import GenericAlias, NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn
from msgspec import UnsetType

from assay.protocol._errors import LocalError, shorten
from assay.protocol._shapes import is_mapping
from assay.protocol.wire._json import JsonObject
from assay.protocol.wire._structure import unstructure

__all__ = ["make_converter", "read"]

T = TypeVar("T")
Structure = Callable[[Any, Any], Any]

ROOT = "\0"
"""Begins a path in cattrs' errors; no `repr` of a key or value contains it."""

WANTED: dict[type, str] = {
    str: "text",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    NoneType: "null",
}


LISTS = (tuple, list, Sequence)
OBJECTS = (Mapping, dict)


def make_converter() -> cattrs.Converter:
    """Return a converter that structures this package's classes, and classes made of them.

    It is strict about primitives: by default cattrs turns ``null`` into the word None and 3 into
    the text 3, which is refused here. It keeps unknown keys of our classes, and reports every fault
    of a value at once (`cattrs.transform_error` lists them).
    """
    converter = cattrs.Converter(detailed_validation=True)
    for primitive in WANTED:
        converter.register_structure_hook(primitive, _primitive(primitive))
    converter.register_structure_hook_factory(_origin_is(Literal), _literal)
    for origin, factory in (
        (Union, _union),
        (UnionType, _union),
        (tuple, _tuple),
        (list, _list),
        (Sequence, _list),
        (Mapping, _mapping),
        (dict, _mapping),
    ):
        converter.register_structure_hook_factory(
            _origin_is(origin), partial(factory, converter=converter)
        )
    converter.register_structure_hook_func(lambda hint: hint is object, lambda value, _: value)
    converter.register_structure_hook_factory(_is_ours, partial(_ours, converter=converter))
    converter.register_unstructure_hook_func(_is_ours, unstructure)
    return converter


def read(cls: type[T], data: JsonObject) -> tuple[T | None, tuple[str, ...]]:
    """Return the *cls* in *data*, or None and ``path: wanted …, found …`` for each fault.

    Raises:
        LocalError: *cls*, a program's own, has a field of a type that JSON does not have.
    """
    try:
        return _converter().structure(data, cls), ()
    except cattrs.StructureHandlerNotFoundError as error:
        raise LocalError(
            f"wanted fields of types that JSON has, found {error.type_} in {cls.__name__}"
        ) from error
    except (cattrs.BaseValidationError, RecursionError) as error:
        lines = cattrs.transform_error(error, ROOT, _say)
        return None, tuple(_path_first(line) for line in lines)


@cache
def _converter() -> cattrs.Converter:
    """Return one for all faults: to make it takes most of the time that a fault takes."""
    return make_converter()


def _path_first(line: str) -> str:
    text, _, path = line.rpartition(f" @ {ROOT}")
    return f"{path.removeprefix('.')}: {text}"


def _say(error: BaseException, _hint: object) -> str:
    if isinstance(error, KeyError):
        return "wanted this field, found none"
    return str(error)


def _origin_is(origin: object) -> Callable[[Any], bool]:
    return lambda hint: get_origin(hint) is origin


def _is_ours(hint: object) -> bool:
    return (
        isinstance(hint, type)
        and attrs.has(hint)
        and any(field.name == "_extra" for field in attrs.fields(hint))
    )


def _primitive(wanted: type) -> Structure:
    def structure(value: Any, hint: Any) -> Any:
        if issubclass(hint, Enum):  # a StrEnum is found under text
            return _member(value, hint)
        if type(value) is wanted or (wanted is float and type(value) is int):
            return value
        raise ValueError(f"wanted {WANTED[wanted]}, found {shorten(value)}")

    return structure


def _member(value: Any, hint: type[Enum]) -> Enum:
    for member in hint:
        if type(value) is str and member.value == value:
            return member
    names = ", ".join(repr(member.value) for member in hint)
    raise ValueError(f"wanted one of {names}, found {shorten(value)}")


def _literal(hint: Any) -> Structure:
    allowed = get_args(hint)

    def structure(value: Any, _hint: Any) -> Any:
        for item in allowed:
            if type(value) is type(item) and value == item:
                return item
        names = ", ".join(map(repr, allowed))
        raise ValueError(
            f"wanted {names if len(allowed) == 1 else f'one of {names}'}, found {shorten(value)}"
        )

    return structure


def _union(hint: Any, converter: cattrs.Converter) -> Structure:
    arms = [arm for arm in get_args(hint) if arm is not UnsetType]

    def structure(value: Any, _hint: Any) -> Any:
        errors = []
        for arm in arms:
            try:
                return converter.structure(value, arm)
            except (ValueError, cattrs.BaseValidationError) as error:
                errors.append(error)
        if len(errors) == 1:
            raise errors[0]
        names = " or ".join(WANTED.get(arm, _container_name(arm)) for arm in arms)
        raise ValueError(f"wanted {names}, found {shorten(value)}")

    return structure


def _container_name(hint: Any) -> str:
    origin = get_origin(hint) or hint
    return "a list" if origin in LISTS else "an object" if origin in OBJECTS else str(hint)


def _tuple(hint: Any, converter: cattrs.Converter) -> Structure:
    inner = get_args(hint)
    repeated = len(inner) == 2 and inner[1] is Ellipsis

    def structure(value: Any, _hint: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"wanted a list, found {shorten(value)}")  # noqa: TRY004
        if not repeated and len(value) != len(inner):
            raise ValueError(f"wanted a list of {len(inner)} items, found {len(value)}")
        hints = inner[:1] * len(value) if repeated else inner
        return tuple(
            _each(((i, v, h) for i, (v, h) in enumerate(zip(value, hints, strict=True))), converter)
        )

    return structure


def _list(hint: Any, converter: cattrs.Converter) -> Structure:
    read_tuple = _tuple(GenericAlias(tuple, (*get_args(hint), ...)), converter)
    return lambda value, _hint: list(read_tuple(value, hint))


def _mapping(hint: Any, converter: cattrs.Converter) -> Structure:
    _, item_hint = get_args(hint)

    def structure(value: Any, _hint: Any) -> Any:
        if not is_mapping(value):
            raise ValueError(f"wanted an object, found {shorten(value)}")
        items = _each(((key, item, item_hint) for key, item in value.items()), converter)
        return dict(zip(value, items, strict=True))

    return structure


def _each(parts: Iterable[tuple[int | str, Any, Any]], converter: cattrs.Converter) -> list[Any]:
    """Structure each ``(place, value, hint)`` and tell all that fails, with its place."""
    done: list[Any] = []
    errors: list[Exception] = []
    for place, value, hint in parts:
        try:
            done.append(converter.structure(value, hint))
        except Exception as error:  # noqa: BLE001 - collected and raised below, as a group
            error.__notes__ = [
                *getattr(error, "__notes__", ()),
                cattrs.IterableValidationNote(f"item {place!r}", place, hint),
            ]
            errors.append(error)
    if errors:
        raise cattrs.IterableValidationError("some items are wrong", errors, list)
    return done


def _ours(cls: type[Any], converter: cattrs.Converter) -> Structure:
    from_dict: Structure = make_dict_structure_fn(cls, converter, _extra=cattrs.override(omit=True))
    names = frozenset(field.name for field in attrs.fields(cls) if not field.name.startswith("_"))

    def structure(value: Any, hint: Any) -> Any:
        if not is_mapping(value):
            raise ValueError(f"wanted an object, found {shorten(value)}")
        made = from_dict({**getattr(cls, "absent", {}), **value}, hint)
        extra = {key: item for key, item in value.items() if key not in names}
        return attrs.evolve(made, extra=extra) if extra else made

    return structure
