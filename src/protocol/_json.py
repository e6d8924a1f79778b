"""JSON as it goes over the wire: strict when read, forgiving when written.

What is read must be JSON (WIRE-06, WIRE-08). What is written came from a user's program and may be
anything; refusing it would lose a result, so each value that JSON cannot hold has a fixed stand-in:

| value                                | on the wire                                      |
|--------------------------------------|--------------------------------------------------|
| NaN, infinities                      | ``null``                                         |
| integers beyond 64 bits              | all their digits                                 |
| lone surrogates in text              | the six characters of their escape, ``\\ud800``  |
| bytes                                | base64 text without line breaks (IOPUB-13)       |
| keys that are not text               | their JSON text, else their `str`                |
| numbers of other libraries           | the integer or float they convert to             |
| sets, iterators, mappings            | array or object                                  |
| a container inside itself, or deeper than `MAX_DEPTH` | a text that says so             |
| anything else                        | its `repr`                                       |

Decision 0003 compares the codecs.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from assay.protocol._errors import FramingError, shorten

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


def encode_json(value: object) -> bytes:
    """Return *value* as one line of UTF-8 JSON; never fails, see the table above."""
    try:
        return _encode(value)
    except Exception:  # noqa: BLE001 - whatever the codec refuses has a stand-in
        return _encode(_plain(value, ()))


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
            f"{part}: wanted a JSON object, found {shorten(value)}", requirement="WIRE-06"
        )
    return value


def _decode_leniently(data: bytes) -> Json:
    # Valid JSON that the fast codec refuses: lone surrogates, floats beyond the range.
    try:
        value: Json = json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise FramingError(
            f"wanted JSON, found {shorten(data)}: {error}", requirement="WIRE-08"
        ) from error
    return value


def _refuse_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


def _foreign(value: object) -> object:
    """Stand in for a *value* that msgspec does not know."""
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
    # Not every iterable: a file or a generator without end would be read.
    return list(value) if isinstance(value, (Sequence, frozenset, set)) else None


def _as_text(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - a user's __repr__ may raise anything
        return f"<unprintable {type(value).__name__}>"


_encode = msgspec.json.Encoder(enc_hook=_foreign).encode
_decode = msgspec.json.Decoder().decode


def _plain(value: object, path: tuple[int, ...]) -> object:  # noqa: PLR0911 - a table
    """Rebuild *value* from what every codec takes; *path* holds the ids of its containers."""
    match value:
        case None | bool() | float():
            return value
        case int():
            return int(value)
        case str():
            return value.encode("utf-8", "backslashreplace").decode("utf-8")
        case bytes() | bytearray() | memoryview():
            return b64encode(value).decode("ascii")
    if id(value) in path:
        return f"<a {type(value).__name__} inside itself>"
    if len(path) >= MAX_DEPTH:
        return f"<nested deeper than {MAX_DEPTH} levels>"
    inside = (*path, id(value))
    if isinstance(value, Mapping):
        return {_key(key): _plain(item, inside) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item, inside) for item in value]
    builtin = _builtins(value)
    return _plain(builtin if builtin is not value else _as_text(value), inside)


def _builtins(value: object) -> object:
    try:
        return msgspec.to_builtins(value, enc_hook=_foreign)
    except Exception:  # noqa: BLE001 - then its repr has to do
        return value


def _key(key: object) -> str:
    match key:
        case str():
            return str(_plain(key, ()))
        case None | bool():
            return json.dumps(key)
    return str(_plain(_as_text(key) if not isinstance(key, (int, float)) else str(key), ()))
