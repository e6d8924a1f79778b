"""JSON as it goes over the wire: strict when read, and written by what a value means.

What is read must be JSON (WIRE-06, WIRE-08). What is written came from a user's program and may be
anything. Each value becomes what it means, in any place:

| value                                        | on the wire                                      |
|----------------------------------------------|--------------------------------------------------|
| NaN, infinities                              | ``null``                                         |
| integers beyond 64 bits                      | all their digits                                 |
| integers beyond 4,300 digits                 | their hexadecimal text: Python reads no more     |
| lone surrogates in text                      | the six characters of their escape, ``\\ud800``  |
| bytes                                        | base64 text without line breaks (IOPUB-13)       |
| numbers of other libraries                   | the integer or float they convert to             |
| complex numbers                              | ``[real, imaginary]``                            |
| decimals, UUIDs, paths                       | their text                                       |
| dates, times, durations                      | ISO 8601 text                                    |
| members of an enum                           | their value                                      |
| arrays, series, columns                      | nested arrays; dates in them as above            |
| records: dataclasses, attrs, structured arrays | an object of their fields                      |
| mappings, tables of columns                  | an object                                        |
| sets, sequences, views, ranges, iterators    | an array                                         |
| missing values, dates that are none          | ``null``                                         |
| keys that are numbers, dates, bytes …        | the text of the value they would be              |
| anything else, a container inside itself     | `JsonError`, which names the path                |

Decision 0003 compares the codecs; ``docs/json.md`` has the table with examples.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from assay.protocol._errors import FramingError
from assay.protocol.wire._arguments import as_bytes

__all__ = [
    "EMPTY_OBJECT",
    "Json",
    "JsonObject",
    "UnreadJsonError",
    "decode_json",
    "decode_object",
    "encode_json",
]

if TYPE_CHECKING:
    Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
else:
    # msgspec reads annotations at run time and cannot follow an alias into itself.
    Json = Any

JsonObject: TypeAlias = Mapping[str, Json]

EMPTY_OBJECT = b"{}"
"""No metadata, no content, and the parent header of what nothing has caused."""


class UnreadJsonError(FramingError):
    """It may be JSON, and is more than Python reads: nested too deep, or a number too long."""


KINDS = {str: "text", list: "a list", bool: "true or false", type(None): "null"}


def encode_json(value: object, where: str = "") -> bytes:
    """Return *value* as one line of UTF-8 JSON, see the table above.

    Args:
        value: Anything that means something in JSON.
        where: Begins the path in an error, such as ``metadata``.

    Raises:
        JsonError: a part of *value* has no JSON form; the message names it by its path.
    """
    try:
        return _encode(value)
    except Exception:  # noqa: BLE001 - whatever the codec refuses is converted, or named
        from assay.protocol.wire._json_values import plain  # noqa: PLC0415 - needed by few

        return _encode(plain(value, where))


def decode_json(data: bytes | memoryview) -> Json:
    """Return the value that *data*, UTF-8 JSON text, stands for.

    Raises:
        FramingError: *data* is not JSON (WIRE-08), or more than Python reads.
        LocalError: *data* is no bytes.
    """
    if type(data) is not bytes:
        data = as_bytes(data, "JSON")
    try:
        value: Json = _decode(data)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return _decode_leniently(data)
    return value


def decode_object(data: bytes | memoryview, part: str, *, null: bool = False) -> dict[str, Json]:
    """Return the JSON object that *data* holds.

    Args:
        data: UTF-8 JSON text.
        part: Names the frame in the error.
        null: Take ``null`` as the empty object. Spec: each frame holds an object (WIRE-06). Seen:
            akernel's metadata and xeus-python's parent header of a welcome are null.

    Raises:
        FramingError: *data* is not JSON or not an object (WIRE-06).
        LocalError: *data* is no bytes.
    """
    try:
        value = decode_json(data)
    except FramingError as error:
        raise FramingError(f"{part}: {error.args[0]}", requirement="WIRE-06") from error
    if null and value is None:
        return {}
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
        value: Json = json.loads(
            data.decode("utf-8"), parse_constant=_refuse_constant, parse_int=_whole_number
        )
    except ValueError as error:
        raise FramingError(
            f"wanted JSON, found {len(data)} bytes that are none: {error}", requirement="WIRE-08"
        ) from None
    except RecursionError:
        raise UnreadJsonError(
            f"wanted JSON, found {len(data)} bytes that nest too deep for Python",
            requirement="WIRE-08",
        ) from None
    return value


def _whole_number(digits: str) -> int:
    try:
        return int(digits)
    except ValueError:
        raise UnreadJsonError(
            f"wanted JSON, found a number of {len(digits)} digits, too many for Python",
            requirement="WIRE-08",
        ) from None


def _refuse_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


def _convert(value: object) -> object:
    from assay.protocol.wire._json_values import convert  # noqa: PLC0415 - needed by few

    return convert(value)


_encode = msgspec.json.Encoder(enc_hook=_convert).encode
_decode = msgspec.json.Decoder().decode
