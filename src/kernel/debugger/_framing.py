"""Messages of the Debug Adapter Protocol on a stream of bytes.

A message is a header, an empty line and JSON. The header is lines, of which one gives the length of
the JSON in bytes; each ends with a carriage return and a line feed.
"""

from __future__ import annotations

from collections.abc import Mapping

from assay.kernel.debugger._errors import DebuggerError
from assay.protocol import FramingError, Json, JsonObject, decode_object, encode_json

__all__ = ["Decoder", "encode"]

END = b"\r\n\r\n"
LENGTH = b"content-length"

MAX_HEADER = 4096
"""Bytes; the header is two short lines at most. More means that these are no such messages."""


def encode(message: Mapping[str, Json]) -> bytes:
    """Return the bytes that *message* is on the stream."""
    body = encode_json(message)
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


class Decoder:
    """Collects bytes until they are messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[JsonObject]:
        """Return the messages that are complete with *data*, oldest first.

        Raises:
            DebuggerError: these are no messages of this protocol; nothing more can be read.
        """
        self._buffer += data
        messages = []
        while (message := self._take()) is not None:
            messages.append(message)
        return messages

    def _take(self) -> JsonObject | None:
        end = self._buffer.find(END, 0, MAX_HEADER)
        if end < 0:
            if len(self._buffer) >= MAX_HEADER:
                raise DebuggerError(f"wanted a header of at most {MAX_HEADER} bytes, found more")
            return None
        start = end + len(END)
        stop = start + _length(bytes(self._buffer[:end]))
        if len(self._buffer) < stop:
            return None
        body = bytes(self._buffer[start:stop])
        del self._buffer[:stop]
        return _message(body)


def _length(header: bytes) -> int:
    for line in header.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == LENGTH and value.strip().isdigit():
            return int(value)
    raise DebuggerError(f"wanted a Content-Length, found the header {header[:80]!r}")


def _message(body: bytes) -> JsonObject:
    try:
        return decode_object(body, "message")
    except FramingError as error:
        raise DebuggerError(str(error)) from error
