"""What is sent fits its own model: a message that no reader takes is refused where it is made.

A quick look decides for nearly all: each field is of exactly the type that its class names, as far
as a container's own items, which takes a tenth of what encoding does. What it does not settle (a
number of another library, a mapping that is no dict) is encoded and read back, and the reader
decides; so nothing is refused that a reader takes (decision 0015).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from enum import Enum
from importlib import import_module
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Literal, NewType, TypeAlias, Union, get_args, get_origin, get_type_hints

import attrs
from msgspec import UnsetType

from assay.protocol._errors import ContentError, LocalError, shorten
from assay.protocol._shapes import is_mapping
from assay.protocol.wire._json import decode_object
from assay.protocol.wire._message import Content, Header

__all__ = ["check_metadata", "check_moment", "check_sent", "field_types", "is_sound"]

Check: TypeAlias = Callable[[Any], bool]


def field_types(cls: type) -> dict[str, Any]:
    """Return the type of each field of *cls*.

    They are looked up in the modules of the class and its bases, which a program may have taken out
    of `sys.modules`.
    """
    for base in cls.__mro__:
        with suppress(ImportError):  # of a program's own class: an error of its own follows
            import_module(base.__module__)
    return get_type_hints(cls)


def is_sound(value: Content | Header) -> bool:
    """Return whether each field of *value* is of the type that its class names, at a quick look."""
    looks = _LOOKS[type(value)]
    items = looks.items(value)
    found = tuple(map(type, items))
    try:
        checks = looks.left.get(found)
    except TypeError:  # one is of a class without a hash: the reader decides
        return False
    if checks is None:
        checks = looks.look(found)
    for at, check in checks:
        if not check(items[at]):
            return False
    looks.left[found] = checks
    return True


def check_sent(value: Content | Header, data: bytes) -> None:
    """Return if a reader takes *data*, the JSON of *value*, and its texts are no bytes.

    Raises:
        LocalError: it does not; the message names each field by its path.
    """
    from assay.protocol.wire._structure import structure, with_article  # noqa: PLC0415 - a circle

    cls = type(value)
    try:
        structure(cls, decode_object(data, "content"))
        # Bytes become base64, which is right for a picture and wrong for the text of a cell.
        faults = tuple(_bytes_for_text(value))
    except ContentError as error:
        faults = error.faults
    if faults:
        raise LocalError(
            f"wanted {with_article(cls.__name__)} that fits its type, "
            f"found faults: {'; '.join(faults)}",
            requirement="HDR-18" if isinstance(value, Content) else "HDR-01",
        )


def _bytes_for_text(value: object, path: str = "") -> Iterator[str]:
    """Yield where bytes stand in *value*, but in a field that holds JSON of any form."""
    match value:
        case bytes() | bytearray() | memoryview():
            yield f"{path}: wanted text, found {shorten(value)}"
        case Content() | Header():
            for name, _, _ in _LOOKS[type(value)].fields:
                if name not in _FREE[type(value)]:
                    inner = f"{path}.{name}" if path else name
                    yield from _bytes_for_text(getattr(value, name), inner)
        case _ if is_mapping(value):
            for key, item in value.items():
                yield from _bytes_for_text(item, f"{path}[{key!r}]")
        case list() | tuple():
            for at, item in enumerate(value):
                yield from _bytes_for_text(item, f"{path}[{at}]")


def check_metadata(metadata: object) -> None:
    """Return if *metadata* is a mapping.

    Raises:
        LocalError: it is something else.
    """
    if not is_mapping(metadata):
        raise LocalError(
            f"metadata: wanted a mapping, found {shorten(metadata)}", requirement="HDR-16"
        )


def check_moment(moment: object) -> None:
    """Return if *moment*, which a clock gave, is a time with a zone.

    Raises:
        LocalError: it is not: each reader would take it for another time.
    """
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise LocalError(
            f"wanted a clock that gives aware times, found {shorten(moment)}: "
            "datetime.now(UTC) is one",
            requirement="HDR-07",
        )


# The quick look: for each field the types that are right without more, and a check for the others.

_Look: TypeAlias = tuple[str, frozenset[type], Check | None]


class _LooksOfClass:
    """How the values of one class are looked at."""

    def __init__(self, fields: tuple[_Look, ...]) -> None:
        self.fields = fields
        self.items = _getter([name for name, _, _ in fields])
        """Returns what the fields of a value hold."""
        self.left: dict[tuple[type, ...], tuple[tuple[int, Check], ...]] = {}
        """What is left to ask, of which fields, where they hold values of these types; kept for
        those of values that were sound."""

    def look(self, found: tuple[type, ...]) -> tuple[tuple[int, Check], ...]:
        """Return what is left to ask where the fields hold values of the types *found*."""
        return tuple(
            (at, check or _nothing)
            for at, ((_, types, check), kind) in enumerate(zip(self.fields, found, strict=True))
            if kind not in types
        )


def _getter(names: Sequence[str]) -> Callable[[object], tuple[object, ...]]:
    if len(names) > 1:
        return attrgetter(*names)  # returns no tuple for one name
    return lambda value: tuple(getattr(value, name) for name in names)


class _Looks(dict[type, _LooksOfClass]):
    def __missing__(self, cls: type[Any]) -> _LooksOfClass:
        hints = field_types(cls)
        fields: tuple[attrs.Attribute[Any], ...] = attrs.fields(cls)
        looks = self[cls] = _LooksOfClass(
            tuple(
                (one.name, *_look(hints[one.name]))
                for one in fields
                if not one.name.startswith("_") and not _is_any(hints[one.name])
            )
        )
        return looks


_LOOKS = _Looks()


class _Free(dict[type, frozenset[str]]):
    """The fields of a class that hold JSON of any form, as an object or a list of them."""

    def __missing__(self, cls: type[Any]) -> frozenset[str]:
        hints = field_types(cls)
        names = self[cls] = frozenset(name for name, hint in hints.items() if _is_free(hint))
        return names


_FREE = _Free()


def _is_free(hint: Any) -> bool:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Mapping:
        return _is_any(inner[1]) or _is_free(inner[1])
    return _is_any(hint) or any(_is_free(arm) for arm in inner if arm is not Ellipsis)


def _is_any(hint: Any) -> bool:
    return hint is Any or any(arm is Any for arm in get_args(hint) if get_origin(hint) in UNIONS)


UNIONS = (Union, UnionType)


def _look(hint: Any) -> tuple[frozenset[type], Check | None]:
    """Return which types are right as they are, and what to ask of others."""
    if isinstance(hint, NewType):
        return _look(hint.__supertype__)
    if get_origin(hint) in UNIONS:
        arms = [_look(arm) for arm in get_args(hint)]
        checks = [check for _, check in arms if check is not None]
        types = frozenset[type]().union(*(types for types, _ in arms))
        return types, (lambda value: any(check(value) for check in checks)) if checks else None
    if hint in {str, int, bool, NoneType, UnsetType}:
        return frozenset({hint}), None
    if get_origin(hint) is Mapping and _is_any(get_args(hint)[1]):
        return frozenset({dict}), None
    return frozenset(), _check(hint)


def _check(hint: Any) -> Check:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        kinds = frozenset(map(type, inner))  # True is no 1
        return lambda value: type(value) in kinds and value in inner
    if isinstance(hint, type) and issubclass(hint, Enum):
        words = frozenset(member.value for member in hint)
        return lambda value: type(value) is hint or (type(value) is str and value in words)
    if isinstance(hint, type) and issubclass(hint, Content):
        return lambda value: type(value) is hint and is_sound(value)
    if origin is tuple and len(inner) == 2 and inner[1] is Ellipsis:
        each = _item(inner[0])
        return lambda value: type(value) is tuple and all(map(each, value))
    if origin is Mapping:
        each = _item(inner[1])
        return lambda value: type(value) is dict and all(map(each, value.values()))
    return _nothing  # seldom: the reader decides


def _item(hint: Any) -> Check:
    if _is_any(hint):
        return _anything
    types, check = _look(hint)
    kinds = tuple(types)  # compared one by one: not each class has a hash
    return lambda value: type(value) in kinds or (check is not None and check(value))


def _anything(_: object) -> bool:
    return True


def _nothing(_: object) -> bool:
    return False
