"""Display bundles: any JSON in 5.5, only text before.

| MIME type           | 3, 4.0, 4.1       | 5.5            |
|---------------------|-------------------|----------------|
| JSON, ``…+json``    | JSON text         | the value      |
| any other           | text              | text, or JSON  |
"""

from __future__ import annotations

from assay.protocol._errors import FramingError
from assay.protocol._shapes import is_mapping
from assay.protocol.wire._json import Json, JsonObject, decode_json, encode_json

__all__ = ["lower_bundle", "plain_text", "raise_bundle"]

PLAIN = "text/plain"


def lower_bundle(bundle: JsonObject, *, with_text: bool) -> dict[str, Json]:
    """Return *bundle* with texts only; *with_text* says that there must be plain text."""
    lowered: dict[str, Json] = {
        mime: value
        if isinstance(value, str) and not _is_json(mime)
        else encode_json(value).decode("utf-8")
        for mime, value in bundle.items()
    }
    if with_text:
        lowered.setdefault(PLAIN, plain_text(bundle))
    return lowered


def raise_bundle(bundle: JsonObject) -> dict[str, Json]:
    """Return *bundle* with values for JSON texts; what is no JSON stays the text it is."""
    return {
        mime: _value(value) if isinstance(value, str) and _is_json(mime) else value
        for mime, value in bundle.items()
    }


def plain_text(bundle: Json) -> str:
    """Return the plain text of *bundle*, or the names of what is in it."""
    if not is_mapping(bundle):
        return ""
    value = bundle.get(PLAIN)
    if isinstance(value, str):
        return value
    return " ".join(f"<{mime}>" for mime in bundle if mime != PLAIN)


def _is_json(mime: str) -> bool:
    return mime == "application/json" or mime.endswith("+json")


def _value(text: str) -> Json:
    try:
        return decode_json(text.encode("utf-8"))
    except (FramingError, UnicodeEncodeError):
        return text
