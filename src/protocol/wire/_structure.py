"""From JSON objects to contents and back.

There are two readers, and a property test holds that they agree. The codec's own reader knows
attrs classes and does the work: about two microseconds a message. It stops at the first fault, so
a content that it refuses is read once more by cattrs, which names every fault with its path; that
import takes 60 ms and happens only then (decision 0003).

The codec's reader learns a class the first time it makes one, and what it knows by then can be seen
by other threads: a second one that needs the class, or one that stands in both, ends the process.
So one thread at a time makes it learn, of an empty object, before the class is read.
"""

from __future__ import annotations

from _thread import RLock  # by name: gevent replaces that of threading
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from typing import Any, NamedTuple, TypeVar, get_args

import attrs
import msgspec

from assay.protocol._errors import ContentError, LocalError, shorten
from assay.protocol._shapes import is_mapping
from assay.protocol.wire._arguments import kind_of
from assay.protocol.wire._json import Json, JsonObject, encode_json
from assay.protocol.wire._message import Content, Header, Unknown
from assay.protocol.wire._registry import content_class
from assay.protocol.wire._sending import check_sent, field_types, is_sound

__all__ = [
    "content_json",
    "header_json",
    "structure",
    "structure_content",
    "unstructure",
    "with_article",
]

T = TypeVar("T")

_convert = msgspec.convert
_set_extra = object.__setattr__


def structure(cls: type[T], data: JsonObject) -> T:
    """Return the *cls*, a class of this package, that the JSON object *data* describes.

    Nothing is coerced: text is text, ``True`` is not 1 and ``null`` is not the word None. Keys that
    *cls* does not have are kept in `extra`.

    Raises:
        ContentError: a field is missing or has the wrong type; `faults` names each of them. Or
            *data* is no object (WIRE-06).
        LocalError: *cls* has no fields.
    """
    try:
        plan = _READ[cls]
    except TypeError:  # it cannot be hashed
        raise _no_class(cls) from None
    if type(data) is not dict:
        _check_object(data)
    if plan.absent:
        data = {**plan.absent, **data}
    known, extra = data, None
    if not plan.known.issuperset(data):
        # The codec must not see them: one may have the name of a private field.
        known = {k: v for k, v in data.items() if k in plan.known}
        extra = {k: v for k, v in data.items() if k not in plan.known}
    try:
        value = _convert(known, cls)
    except (msgspec.ValidationError, RecursionError, UnicodeEncodeError) as error:
        # The last: a lone surrogate where the codec looks a text up, among an enum's values say.
        return _read_again(cls, data, error)
    if extra is not None and plan.has_extra:
        _set_extra(value, "_extra", extra)
    for name, nested in plan.nested:
        _keep_nested_extra(getattr(value, name), data.get(name), nested)
    return value


def structure_content(msg_type: str, data: JsonObject) -> Content:
    """Return the content of a *msg_type* message whose content frame holds *data*.

    Raises:
        ContentError: *data* does not fit the type (WIRE-19), or is no object (WIRE-06).
        LocalError: *msg_type* is no text.
    """
    if type(data) is not dict:
        _check_object(data)
    cls = content_class(msg_type, data.get("status"))
    if cls is Unknown:
        return Unknown(extra=data)
    return structure(cls, data)


def _check_object(data: object) -> None:
    if not is_mapping(data):
        found = kind_of(data)
        raise ContentError(
            f"wanted a JSON object, found {found}",
            requirement="WIRE-06",
            faults=(f"wanted an object, found {found}",),
        )


def unstructure(value: object) -> dict[str, Json]:
    """Return the JSON object for *value*, a content or header, with its `extra` keys.

    Raises:
        LocalError: *value* is of a class that has no fields.
    """
    try:
        plan = _PLANS[type(value)]
    except TypeError:  # it cannot be hashed
        raise _no_class(type(value)) from None
    result: dict[str, Json] = {}
    for name in plan.names:
        item = getattr(value, name)
        if item is not msgspec.UNSET:
            result[name] = _plain(item)
    if plan.has_extra:
        extra: object = value._extra  # type: ignore[attr-defined]  # has_extra says so
        if not is_mapping(extra):
            raise LocalError(f"extra: wanted a mapping, found {kind_of(extra)}")
        for key, item in extra.items():
            result.setdefault(key, item)
    return result


def content_json(content: Content) -> bytes:
    """Return *content* as the bytes of a content frame.

    Raises:
        JsonError: a part of it has no JSON form.
        LocalError: a field breaks the model: no reader would take it.
    """
    plain = content._extra or _PLANS[type(content)].nested
    data = encode_json(unstructure(content) if plain else content)
    if not is_sound(content):
        check_sent(content, data)
    return data


def header_json(header: Header) -> bytes:
    """Return *header* as the bytes of its frame: those that it came in, if it came.

    Raises:
        LocalError: a field breaks the model (HDR-01).
    """
    if header.raw is not None:
        return header.raw
    # The codec knows attrs classes, but not the keys that the protocol does not name.
    data = encode_json(unstructure(header) if header._extra else header)
    if not is_sound(header):
        check_sent(header, data)
    return data


class _Plan(NamedTuple):
    names: tuple[str, ...]
    known: frozenset[str]
    has_extra: bool
    nested: tuple[tuple[str, type], ...]
    absent: Mapping[str, Json]


class _Plans(dict[type, _Plan]):
    def __missing__(self, cls: type) -> _Plan:
        plan = self[cls] = _plan(cls)
        return plan


_PLANS = _Plans()


class _ReadPlans(dict[type, _Plan]):
    """The plans of the classes that the codec's reader knows."""

    def __init__(self) -> None:
        super().__init__()
        self._learning = RLock()

    def __missing__(self, cls: type) -> _Plan:
        plan = _PLANS[cls]
        with self._learning:
            if cls not in self:
                with suppress(msgspec.ValidationError):  # a field is required: the class is known
                    _convert({}, cls)
                self[cls] = plan
        return plan


_READ = _ReadPlans()


def _plan(cls: Any) -> _Plan:
    if not isinstance(cls, type) or not attrs.has(cls):
        raise _no_class(cls)
    fields: tuple[attrs.Attribute[Any], ...] = attrs.fields(cls)
    names = tuple(f.name for f in fields if not f.name.startswith("_"))
    hints = field_types(cls)
    nested = [(name, found) for name in names if (found := _content_in(hints[name])) is not None]
    has_extra = any(f.name == "_extra" for f in fields)
    absent: Mapping[str, Json] = getattr(cls, "absent", {})
    return _Plan(names, frozenset(names), has_extra, tuple(nested), absent)


def _no_class(found: object) -> LocalError:
    return LocalError(f"wanted a content or a header, found {shorten(found)}")


def _content_in(hint: object) -> type | None:
    """Return the content class that stands in a field's type, alone or in a container."""
    if isinstance(hint, type) and issubclass(hint, Content):
        return hint
    found = (_content_in(part) for part in get_args(hint))
    return next((cls for cls in found if cls is not None), None)


def _keep_nested_extra(value: object, data: Json, cls: type) -> None:
    match value, data:
        case Content(), Mapping():
            known = _PLANS[cls].known
            _set_extra(value, "_extra", {k: v for k, v in data.items() if k not in known})
        case Mapping(), Mapping():
            for key, item in value.items():
                _keep_nested_extra(item, data[key], cls)
        case tuple(), (list() | tuple()):
            for item, inner in zip(value, data, strict=True):
                _keep_nested_extra(item, inner, cls)


def _plain(item: Any) -> Json:
    match item:
        case Content():
            return unstructure(item)
        case Enum():
            return _plain(item.value)
        case tuple():
            return [_plain(inner) for inner in item]
        case _ if is_mapping(item) and _holds_contents(item):
            return {key: _plain(inner) for key, inner in item.items()}
    result: Json = item
    return result


def _holds_contents(item: Mapping[str, object]) -> bool:
    try:
        return any(isinstance(inner, Content) for inner in item.values())
    except Exception:  # noqa: BLE001 - a mapping of a user's program may raise anything
        return False


def _read_again(cls: type[T], data: JsonObject, error: Exception) -> T:
    """Read what the codec refused with the converter, and believe the converter."""
    from assay.protocol.wire._converter import read  # noqa: PLC0415 - see the module's docstring

    value, found = read(cls, data)
    if value is not None:
        return value
    raise ContentError(
        f"wanted {with_article(cls.__name__)}, found faults: {'; '.join(found)}",
        requirement="WIRE-19",
        faults=found,
    ) from error


def with_article(name: str) -> str:
    """Return *name* as it stands in a sentence."""
    return f"an {name}" if name[0] in "AEIOUaeiou" else f"a {name}"
