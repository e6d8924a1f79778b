"""What the values of a program mean in JSON, by what they can do and not by their names.

No library is imported or named here: arrays have ``tolist``, dates have ``isoformat``, numbers have
``__index__`` or ``__float__``. The table stands in `assay.protocol.wire._json`, and for readers in
``docs/json.md``.
"""

from __future__ import annotations

import io
import json
import os
from binascii import b2a_base64
from collections import UserString
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from typing import Any
from uuid import UUID

import attrs
import msgspec

from assay.protocol._errors import JsonError, shorten
from assay.protocol._shapes import is_mapping

__all__ = ["MAX_DEPTH", "convert", "plain"]

MAX_DEPTH = 256
"""Levels of nesting written out; a peer's parser may give up not far beyond (serde_json: 128 by
default, msgspec and Python's own: about 1,000)."""

MAX_ITEMS = 10_000_000
"""How many items an iterator or a range may give: ``itertools.count()`` has no end, and so many
numbers take half a gigabyte as a list."""

SHOWN_PARTS = 12
"""How many parts of a path an error message shows from its beginning, and how many from its end."""

MAX_STEPS = 8
"""How often a value may become a simpler one before it is a builtin: an array of one number gives a
number of its library, which gives Python's."""

CODEC_SCALARS = (bool, datetime, date, time, timedelta, Decimal, UUID)
"""What the codec writes as text itself, but none of a subclass."""

FINE_TIMES = ("ns]", "ps]", "fs]", "as]")
"""The units of an array's time spans that Python's `timedelta` cannot hold."""

NO_FORM = object()
"""What a converter returns for a value that is none of its business."""


class _NoFormError(TypeError):
    """A value has no JSON form; the text says what it is."""


class _ReadOnceError(Exception):
    """An iterator may be read once only, and the codec may have to begin again."""


def convert(value: object) -> object:
    """Return a simpler value for *value*, which the codec does not know; for its ``enc_hook``.

    Raises:
        Exception: there is none, or it must be found by `plain`.
    """
    match value:
        case None | bool() | tuple() | frozenset():
            # As values the codec knows these, so it is a key.
            raise _NoFormError("a key")
        case Iterator() if not hasattr(type(value), "tolist"):
            raise _ReadOnceError
    return _simpler(value)


def plain(value: object, where: str = "") -> object:
    """Return *value* rebuilt from what the codec takes.

    Args:
        value: Anything.
        where: Begins the path in an error.

    Raises:
        JsonError: some part of *value* has no JSON form, or *value* stands inside itself, or is
            nested deeper than `MAX_DEPTH`; the message begins with the path.
    """
    return _Rebuilding(where, value).result()


class _Level:
    """A container on its way: what of it is still to be converted, and where that goes."""

    def __init__(self, origin: object, parts: dict[str, object] | list[object]) -> None:
        self.origin = origin
        self.made: dict[Any, object] | list[object] = {} if isinstance(parts, dict) else []
        self.waiting = iter(parts.items() if isinstance(parts, dict) else enumerate(parts))
        self.part: object = None

    def add(self, made: object) -> None:
        if isinstance(self.made, dict):
            self.made[self.part] = made
        else:
            self.made.append(made)


class _Rebuilding:
    """One value on its way, level by level: not by recursion, which ends where the caller says."""

    def __init__(self, where: str, value: object) -> None:
        self._top = _Level(None, {where: value})
        self._levels = [self._top]

    def result(self) -> object:
        while self._levels:
            level = self._levels[-1]
            opened = self._go_on(level)
            if opened is None:
                self._levels.pop()
            else:
                self._levels.append(opened)
        assert isinstance(self._top.made, dict)
        return self._top.made[self._top.part]

    def _go_on(self, level: _Level) -> _Level | None:
        """Convert what waits in *level* up to the next container, which is returned."""
        for part, item in level.waiting:
            level.part = part
            made = self._converted(item)
            if isinstance(made, _Level):
                level.add(made.made)
                return made
            level.add(made)
        return None

    def _converted(self, value: object) -> object:
        """Return *value* as the codec takes it, or the level for what it holds."""
        simple = value
        for _ in range(MAX_STEPS):
            made = _scalar(simple)
            if made is not NO_FORM:
                return made
            try:
                simple = _container_of(simple)
            except _NoFormError as error:
                raise self._error(f"found {error.args[0]}") from None
            except Exception as error:
                reason = f"{type(error).__name__} while it was read"
                raise self._error(f"found {_named(value)}: {reason}") from error
            if isinstance(simple, dict):
                return self._opened(value, {self._key(key): simple[key] for key in simple})
            if isinstance(simple, list):
                return self._opened(value, simple)
        raise self._error(f"found {_named(value)}, which does not become simpler")

    def _opened(self, value: object, parts: dict[str, object] | list[object]) -> _Level:
        if any(level.origin is value for level in self._levels):
            raise self._error(f"found a {type(value).__name__} inside itself")
        if len(self._levels) > MAX_DEPTH:
            raise self._error("found more", wanted=f"at most {MAX_DEPTH} levels of nesting")
        return _Level(value, parts)

    def _key(self, key: object) -> str:
        try:
            text = _key_text(key)
        except Exception:  # noqa: BLE001 - a user's class may raise anything
            text = None
        if text is None:
            raise self._error(f"found {_named(key)}", wanted="a key that is text or a number")
        return text

    def _error(self, found: str, *, wanted: str = "a JSON value") -> JsonError:
        path = _path_text([level.part for level in self._levels])
        error = JsonError(f"{f'{path}: ' if path else ''}wanted {wanted}, {found}")
        error.__suppress_context__ = True  # the codec's own refusal says less
        return error


def _scalar(value: object) -> object:
    """Return *value* as the codec takes it, or `NO_FORM` if it is none of the builtin types."""
    match value:
        case float():
            return float.__pos__(value)
        case int() if not isinstance(value, bool):
            return _integer(int.__pos__(value))
        case str():
            return _text(value)
        case bytes() | bytearray() | memoryview():
            return b2a_base64(bytes(value), newline=False).decode("ascii")
    return value if value is None or type(value) in CODEC_SCALARS else NO_FORM


def _key_text(key: object) -> str | None:
    """Return the text of a key that is a scalar, or None."""
    for _ in range(MAX_STEPS):
        made = _scalar(key)
        if isinstance(made, str):
            return made
        if made is None or isinstance(made, bool):
            return json.dumps(made)
        if made is not NO_FORM:
            return str(msgspec.to_builtins(made, builtin_types=()))
        if isinstance(key, (tuple, list, dict, set, frozenset)):
            return None
        key = _simpler(key)
    return None


def _container_of(value: object) -> object:
    """Return a dict or a list of what *value* holds, or a simpler value."""
    if isinstance(value, (dict, list)):
        return dict(value) if isinstance(value, dict) else list(value)
    if isinstance(value, (tuple, set, frozenset)):
        return list(value)
    if not isinstance(value, (type, Enum)):
        if attrs.has(type(value)):
            return _fields(value)
        if hasattr(type(value), "__dataclass_fields__") or isinstance(value, msgspec.Struct):
            return _shallow(value)
    return _simpler(value)


def _fields(value: object) -> dict[str, object]:
    """Return what the codec would write of an attrs object."""
    cls: type[attrs.AttrsInstance] = type(value)  # type: ignore[assignment]  # attrs.has is true
    names = [field.name for field in attrs.fields(cls) if not field.name.startswith("_")]
    items = {name: getattr(value, name) for name in names}
    return {name: item for name, item in items.items() if item is not msgspec.UNSET}


def _shallow(value: object) -> dict[str, object]:
    """Return the fields of a dataclass or a msgspec structure."""
    names = getattr(value, "__struct_fields__", getattr(value, "__dataclass_fields__", ()))
    return {name: getattr(value, name) for name in names}


def _simpler(value: object) -> object:
    """Return *value*, of another library or a rare type, as something simpler.

    Raises:
        _NoFormError: there is no such thing.
    """
    match value:
        case Enum():
            return value.value
        case str():
            return _text(value)
        case bytes() | bytearray() | memoryview():
            return bytes(value)
        case type():
            raise _NoFormError(f"<class {value.__name__}>")
        case UserString() | UUID() | Decimal():
            return str(value)
        case os.PathLike():
            return os.fsdecode(value)
    for converter in (_of_array, _of_date, _of_number, _of_mapping, _of_iterable, _of_missing):
        simple = converter(value)
        if simple is not NO_FORM:
            return simple
    raise _NoFormError(_named(value))


def _of_array(value: Any) -> object:
    if not hasattr(type(value), "tolist"):
        return NO_FORM
    if hasattr(value, "__array_interface__"):
        dtype = value.dtype
        if dtype.names:
            # A record is an object: its names are what its fields are known by.
            is_one = value.shape == ()
            return {name: value[name] for name in dtype.names} if is_one else list(value)
        if dtype.kind == "M":
            return _without_nat(value.astype(str).tolist())
        if dtype.kind == "m" and dtype.str.endswith(FINE_TIMES):
            return value.astype("timedelta64[us]").tolist()
    made = value.tolist()
    # Floats of extended precision return themselves.
    return made if type(made) is not type(value) else NO_FORM


def _without_nat(texts: object) -> object:
    if isinstance(texts, list):
        return [_without_nat(text) for text in texts]
    return None if texts == "NaT" else texts


def _of_date(value: Any) -> object:
    if not hasattr(type(value), "isoformat"):
        return NO_FORM
    if value != value:  # noqa: PLR0124 - the date that is none
        return None
    text: str = value.isoformat()
    return f"{text.removesuffix('+00:00')}Z" if text.endswith("+00:00") else text


def _of_number(value: Any) -> object:
    cls = type(value)
    for method, number in (("__index__", int), ("__float__", float), ("__complex__", complex)):
        if not hasattr(cls, method):
            continue
        try:
            made = number(value)
        except (TypeError, OverflowError):  # symbols have the method, and a value sometimes only
            continue
        return [made.real, made.imag] if isinstance(made, complex) else made
    return NO_FORM


def _of_mapping(value: Any) -> object:
    if is_mapping(value):
        return dict(value)
    if not (hasattr(type(value), "keys") and hasattr(type(value), "__getitem__")):
        return NO_FORM
    keys = list(value.keys())
    if len(set(keys)) != len(keys):
        raise _NoFormError(f"{_named(value)} that has a key more than once")
    return {key: value[key] for key in keys}


def _of_iterable(value: Any) -> object:
    cls = type(value)
    is_file = isinstance(value, io.IOBase) or hasattr(cls, "readline")
    if not hasattr(cls, "__iter__") or hasattr(cls, "__await__") or is_file:
        return NO_FORM
    if hasattr(value, "fileno"):  # a wrapper around a file
        return NO_FORM
    if isinstance(value, range) and len(value) > MAX_ITEMS:
        raise _NoFormError(f"{_named(value)} of more than {MAX_ITEMS:,} items")
    items = list(islice(value, MAX_ITEMS + 1))
    if len(items) > MAX_ITEMS:
        raise _NoFormError(f"{_named(value)} of more than {MAX_ITEMS:,} items")
    return items


def _of_missing(value: object) -> object:
    # A value that is missing is equal to nothing, or whether it is equal is missing as well.
    same: object = value == value  # noqa: PLR0124 - see above
    return None if same is value or same is False else NO_FORM


def _text(value: str) -> str:
    # The methods of str itself: a subclass may have others.
    return str.encode(value, "utf-8", "backslashreplace").decode("utf-8")


def _integer(value: int) -> int | str:
    try:
        str(value)
    except ValueError:
        return hex(value)
    return value


def _named(value: object) -> str:
    return f"<{_text(type(value).__name__)}>"


def _path_text(parts: list[object]) -> str:
    """Return ``data.points[3]["not a name"]``."""
    shown = [_part_text(part) for part in parts if part != ""]
    if len(shown) > 2 * SHOWN_PARTS:
        shown[SHOWN_PARTS:-SHOWN_PARTS] = [" … "]
    return "".join(shown).removeprefix(".")


def _part_text(part: object) -> str:
    if isinstance(part, str) and part.isidentifier():
        return f".{_text(part)}"
    if isinstance(part, str):
        return f"[{_text(json.dumps(part[:80], ensure_ascii=False))}]"
    return f"[{_text(shorten(part))}]"
