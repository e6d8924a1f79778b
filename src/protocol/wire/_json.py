"""JSON as it goes over the wire: strict when read, forgiving when written.

What is read must be JSON (WIRE-06, WIRE-08). What is written came from a user's program and may be
anything; refusing it would lose a result, so each value that JSON cannot hold has a fixed stand-in:

| value                                | on the wire                                      |
|--------------------------------------|--------------------------------------------------|
| NaN, infinities                      | ``null``                                         |
| integers beyond 64 bits              | all their digits                                 |
| integers beyond 4,300 digits         | their hexadecimal text: Python reads no more     |
| lone surrogates in text              | the six characters of their escape, ``\\ud800``  |
| bytes                                | base64 text without line breaks (IOPUB-13)       |
| keys that are not text               | the text of the value they would be              |
| numbers of other libraries           | the integer or float they convert to             |
| sets, sequences, mappings            | array or object                                  |
| a container inside itself, or deeper than `MAX_DEPTH` | a text that says so             |
| anything else                        | its `repr`                                       |

Decision 0003 compares the codecs.
"""

from __future__ import annotations

import json
from binascii import b2a_base64
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import attrs
import msgspec

from assay.protocol._errors import FramingError

__all__ = ["Json", "JsonObject", "decode_json", "decode_object", "encode_json"]

if TYPE_CHECKING:
    Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
else:
    # msgspec reads annotations at run time and cannot follow an alias into itself.
    Json = Any

JsonObject: TypeAlias = Mapping[str, Json]

MAX_DEPTH = 256
"""Levels of nesting written out; a peer's parser may give up not far beyond (serde_json: 128 by
default, msgspec and Python's own: about 1,000)."""

KINDS = {str: "text", list: "a list", bool: "true or false", type(None): "null"}


def encode_json(value: object) -> bytes:
    """Return *value* as one line of UTF-8 JSON; never fails, see the table above."""
    try:
        return _encode(value)
    except Exception:  # noqa: BLE001 - whatever the codec refuses has a stand-in
        return _encode(_plain(value))


def decode_json(data: bytes | memoryview) -> Json:
    """Return the value that *data*, UTF-8 JSON text, stands for.

    Raises:
        FramingError: *data* is not JSON (WIRE-08).
    """
    try:
        value: Json = _decode(data)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return _decode_leniently(bytes(data))
    return value


def decode_object(data: bytes | memoryview, part: str) -> dict[str, Json]:
    """Return the JSON object that *data* holds; *part* names the frame in the error.

    Raises:
        FramingError: *data* is not JSON or not an object (WIRE-06).
    """
    try:
        value = decode_json(data)
    except FramingError as error:
        raise FramingError(f"{part}: {error.args[0]}", requirement="WIRE-06") from error
    if type(value) is not dict:
        raise FramingError(
            f"{part}: wanted a JSON object, found {KINDS.get(type(value), 'a number')}",
            requirement="WIRE-06",
        )
    return value


def _decode_leniently(data: bytes) -> Json:
    # Valid JSON that the fast codec refuses: lone surrogates, floats beyond the range. The error
    # does not show the data, which may be a person's code or the key of a connection file.
    try:
        value: Json = json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise FramingError(
            f"wanted JSON, found {len(data)} bytes that are none: {_first_line(error)}",
            requirement="WIRE-08",
        ) from None
    return value


def _first_line(error: Exception) -> str:
    return str(error).partition("; use sys.")[0]  # advice that fits no reader of this message


def _refuse_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


def _foreign(value: object) -> object:
    """Stand in for a *value* that msgspec does not know; it asks for values and for keys."""
    match value:
        case None | bool() | tuple() | frozenset():
            # As values these are known, so it is a key.
            raise TypeError("keys of this type are written by _key")
        case str():
            return _text(value)
        case bytes() | bytearray() | memoryview():
            return bytes(value)
    for convert in (_as_number, _as_container):
        try:
            known = convert(value)
        except Exception:  # noqa: BLE001, S112 - a user's __float__ may raise anything
            continue
        if known is not None:
            return known
    return _as_text(value)


def _as_number(value: object) -> int | float | None:
    if hasattr(value, "__index__"):
        return int(value)
    return float(value) if hasattr(value, "__float__") else None


def _as_container(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    # Not every iterable: a file or a generator without end would be read, a range unrolled.
    return list(value) if _is_list(value) else None


def _is_list(value: object) -> TypeGuard[Iterable[object]]:
    return isinstance(value, (Sequence, frozenset, set)) and not isinstance(value, range)


def _as_text(value: object) -> str:
    try:
        return _text(repr(value))
    except Exception:  # noqa: BLE001 - a user's __repr__ may raise anything
        return _text(f"<unprintable {type(value).__name__}>")


def _text(value: str) -> str:
    # The methods of str itself: a subclass may have others.
    return str.encode(value, "utf-8", "backslashreplace").decode("utf-8")


_encode = msgspec.json.Encoder(enc_hook=_foreign).encode
_decode = msgspec.json.Decoder().decode


def _plain(value: object, path: tuple[int, ...] = ()) -> object:
    """Rebuild *value* from what every codec takes; *path* holds the ids of its containers."""
    try:
        return _rebuilt(value, path)
    except Exception:  # noqa: BLE001 - a user's class may do anything when it is read
        return _as_text(value)


def _rebuilt(value: object, path: tuple[int, ...]) -> object:  # noqa: PLR0911 - a table
    match value:
        case None | bool():
            return value
        case float():
            return float.__pos__(value)
        case int():
            return _integer(int.__pos__(value))
        case str():
            return _text(value)
        case bytes() | bytearray() | memoryview():
            return b2a_base64(bytes(value), newline=False).decode("ascii")
    if id(value) in path:
        return f"<a {_text(type(value).__name__)} inside itself>"
    if len(path) >= MAX_DEPTH:
        return f"<nested deeper than {MAX_DEPTH} levels>"
    inside = (*path, id(value))
    fields = _fields(value) if attrs.has(type(value)) else value
    if isinstance(fields, Mapping):
        return {_key(key): _plain(item, inside) for key, item in fields.items()}
    if _is_list(value):
        return [_plain(item, inside) for item in value]
    return _plain(_builtin(value), inside)


def _integer(value: int) -> int | str:
    try:
        str(value)
    except ValueError:
        return hex(value)
    return value


def _fields(value: object) -> dict[str, object]:
    """Return what msgspec would write of an attrs object."""
    cls: type[attrs.AttrsInstance] = type(value)  # type: ignore[assignment]  # attrs.has said so
    names = [field.name for field in attrs.fields(cls) if not field.name.startswith("_")]
    items = {name: getattr(value, name) for name in names}
    return {name: item for name, item in items.items() if item is not msgspec.UNSET}


def _builtin(value: object) -> object:
    """Return what msgspec would write for *value*, which is not one of the builtin types."""
    try:
        builtin: object = msgspec.to_builtins(value, enc_hook=_foreign)
    except Exception:  # noqa: BLE001 - then its repr has to do
        return _as_text(value)
    return builtin if builtin is not value else _as_text(value)


def _key(key: object) -> str:
    match key:
        case None | bool():
            return json.dumps(key)
        case tuple() | frozenset():
            return _as_text(key)
    value = _plain(key)
    return value if isinstance(value, str) else str(value)
