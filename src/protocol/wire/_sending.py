"""What is sent fits its own model: a message that no reader takes is refused where it is made.

A quick look decides for nearly all: each field is of exactly the type that its class names, as far
as a container's own items, which takes a tenth of what encoding does. What it does not settle (a
number of another library, a mapping that is no dict) is encoded and read back, and the reader
decides; so nothing is refused that a reader takes (decision 0015).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, NewType, TypeAlias, Union, get_args, get_origin, get_type_hints

import attrs
from msgspec import UnsetType

from assay.protocol._errors import ContentError, LocalError, shorten
from assay.protocol.wire._framing import Buffer
from assay.protocol.wire._json import decode_object
from assay.protocol.wire._message import Content, Header

__all__ = ["check_buffers", "check_metadata", "check_sent", "is_sound"]

Check: TypeAlias = Callable[[Any], bool]
BYTES = (bytes, bytearray, memoryview)


def is_sound(value: Content | Header) -> bool:
    """Return whether each field of *value* is of the type that its class names, at a quick look."""
    for name, types, check in _LOOKS[type(value)]:
        item = getattr(value, name)
        if type(item) in types:
            continue
        if check is None or not check(item):
            return False
    return True


def check_sent(value: Content | Header, data: bytes) -> None:
    """Return if a reader takes *data*, the JSON of *value*.

    Raises:
        LocalError: it does not; the message names each field by its path.
    """
    from assay.protocol.wire._structure import structure, with_article  # noqa: PLC0415 - a circle

    cls = type(value)
    try:
        structure(cls, decode_object(data, "content"))
    except ContentError as error:
        name = with_article(cls.__name__)
        raise LocalError(
            f"wanted {name} that fits its type, found faults: {'; '.join(error.faults)}",
            requirement="HDR-18" if isinstance(value, Content) else "HDR-01",
        ) from None


def check_metadata(metadata: object) -> None:
    """Return if *metadata* is a mapping.

    Raises:
        LocalError: it is something else.
    """
    if not isinstance(metadata, Mapping):
        raise LocalError(
            f"metadata: wanted a mapping, found {shorten(metadata)}", requirement="HDR-16"
        )


def check_buffers(buffers: Sequence[Buffer]) -> None:
    """Return if all *buffers* are bytes.

    Raises:
        LocalError: one is something else.
    """
    for at, buffer in enumerate(buffers):
        if not isinstance(buffer, BYTES):
            raise LocalError(
                f"buffers[{at}]: wanted bytes, found {shorten(buffer)}", requirement="WIRE-09"
            )


# The quick look: for each field the types that are right without more, and a check for the others.

_Look: TypeAlias = tuple[str, frozenset[type], Check | None]


class _Looks(dict[type, tuple[_Look, ...]]):
    def __missing__(self, cls: type[Any]) -> tuple[_Look, ...]:
        hints = get_type_hints(cls)
        fields: tuple[attrs.Attribute[Any], ...] = attrs.fields(cls)
        looks = self[cls] = tuple(
            (one.name, *_look(hints[one.name]))
            for one in fields
            if not one.name.startswith("_") and not _is_any(hints[one.name])
        )
        return looks


_LOOKS = _Looks()


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
    return frozenset(), _check(hint)


def _check(hint: Any) -> Check:  # noqa: PLR0911 - a table
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return lambda value: type(value) is str and value in inner
    if isinstance(hint, type) and issubclass(hint, Enum):
        words = frozenset(member.value for member in hint)
        return lambda value: type(value) is hint or (type(value) is str and value in words)
    if isinstance(hint, type) and issubclass(hint, Content):
        return lambda value: type(value) is hint and is_sound(value)
    if origin is tuple and len(inner) == 2 and inner[1] is Ellipsis:
        each = _item(inner[0])
        return lambda value: type(value) is tuple and all(map(each, value))
    if origin is Mapping and _is_any(inner[1]):
        return lambda value: type(value) is dict
    if origin is Mapping:
        each = _item(inner[1])
        return lambda value: type(value) is dict and all(map(each, value.values()))
    return lambda _: False  # seldom: the reader decides


def _item(hint: Any) -> Check:
    if _is_any(hint):
        return _anything
    types, check = _look(hint)
    return lambda value: type(value) in types or (check is not None and check(value))


def _anything(_: object) -> bool:
    return True
