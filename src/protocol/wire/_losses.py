"""What JSON cannot hold of a value: for callers who ask, as sending does not fail by it."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator

from assay.protocol._errors import JsonError
from assay.protocol._shapes import is_mapping
from assay.protocol.wire._arguments import BYTES
from assay.protocol.wire._json import encode_json
from assay.protocol.wire._json_values import convert
from assay.protocol.wire._message import Content, Header, Message
from assay.protocol.wire._structure import unstructure

__all__ = ["json_losses"]


def json_losses(value: object, where: str = "") -> tuple[str, ...]:
    """Return what `encode_json` writes otherwise than *value* means it, each with its path.

    NaN and infinities become null, lone surrogates the text of their escape, and integers of more
    digits than Python reads their hexadecimal text: a session never fails by what a user displays.
    A caller who would rather know asks here before.

    Args:
        value: Anything that means something in JSON; a content, a header or a whole message, too.
        where: Begins the paths, such as ``content``.

    Raises:
        JsonError: a part of *value* has no JSON form at all.

    Example: ``json_losses({"x": [1.0, float("nan")]})`` is ``("x[1]: NaN becomes null",)``.
    """
    if isinstance(value, Message):
        value = {"header": value.header, "metadata": value.metadata, "content": value.content}
    encode_json(value, where)
    return tuple(_losses(value, where))


def _losses(value: object, path: str) -> Iterator[str]:
    match value:
        case bool() | None:
            return
        case str():
            yield from _of_text(value, path)
        case float():
            if not math.isfinite(value):
                name = "NaN" if math.isnan(value) else "an infinity"
                yield f"{path or 'the value'}: {name} becomes null"
        case int():
            if _digits(value) > (sys.get_int_max_str_digits() or math.inf):
                yield f"{path or 'the value'}: an integer becomes hexadecimal text"
        case Content() | Header():
            yield from _losses(unstructure(value), path)
        case _ if is_mapping(value):
            for key, item in value.items():
                inner = f"{path}.{key}" if path else str(key)
                yield from _of_text(key, f"{inner} (the key)") if isinstance(key, str) else ()
                yield from _losses(item, inner)
        case list() | tuple() | set() | frozenset():
            for at, item in enumerate(value):
                yield from _losses(item, f"{path}[{at}]")
        case _:
            yield from _of_other(value, path)


def _of_other(value: object, path: str) -> Iterator[str]:
    """Look into what another library's value means: an array, a series, a record."""
    if isinstance(value, BYTES) or hasattr(value, "__next__"):
        return  # base64 loses nothing; looking at an iterator would use it up
    try:
        meant = convert(value)
    except (JsonError, TypeError, ValueError):
        return
    if meant is not value:
        yield from _losses(meant, path)


def _of_text(text: str, path: str) -> Iterator[str]:
    if any("\ud800" <= character <= "\udfff" for character in text):
        yield f"{path or 'the value'}: a lone surrogate becomes the text of its escape"


def _digits(number: int) -> float:
    return number.bit_length() * math.log10(2)
