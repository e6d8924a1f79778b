"""Outputs on a terminal, or wherever stdout and stderr go."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from typing import TextIO

import click

from assay.protocol import (
    Content,
    DisplayData,
    Error,
    ExecuteResult,
    Json,
    JsonObject,
    Stream,
    StreamName,
    UpdateDisplayData,
)

__all__ = ["Screen", "describe_image"]

READABLE = ("text/plain", "text/markdown", "text/latex", "application/json")
"""What a terminal can show, the best first."""

BYTES_IN_KB = 1_000

PNG_HEADER = b"\x89PNG\r\n\x1a\n"
GIF_HEADERS = (b"GIF87a", b"GIF89a")


class Screen:
    """Show outputs as they come: what the code wrote to stdout goes to stdout, and so on.

    Args:
        out: Takes stdout, results and displays.
        err: Takes stderr and tracebacks.
        colour: Leave the colours in tracebacks.
    """

    def __init__(self, out: TextIO, err: TextIO, *, colour: bool) -> None:
        self._out = out
        self._err = err
        self._colour = colour
        self._at_line_start = True

    def show(self, content: Content) -> None:
        """Show one output; what is none is passed over."""
        match content:
            case Stream(name=StreamName.STDOUT, text=text):
                self._write(text)
            case Stream(text=text):
                self._complain(text)
            case ExecuteResult(data=data) | DisplayData(data=data) | UpdateDisplayData(data=data):
                self._show_bundle(data)
            case Error(ename=ename, evalue=evalue, traceback=traceback):
                text = "\n".join(traceback) or f"{ename}: {evalue}"
                self._complain(f"{text if self._colour else click.unstyle(text)}\n")

    def show_text(self, text: str) -> None:
        """Show a block of text of its own."""
        if not self._at_line_start:
            self._write("\n")
        self._write(text if text.endswith("\n") else f"{text}\n")

    def prompt(self, text: str) -> None:
        """Show a question; what is typed follows on the same line."""
        self._write(text)
        self._at_line_start = True

    def _show_bundle(self, data: JsonObject) -> None:
        readable = next((mime for mime in READABLE if mime in data), None)
        if readable is not None:
            self.show_text(_as_text(data[readable]))
        others = [m for m in data if m.startswith("image/") or readable is None]
        for mime in others:
            self.show_text(f"[{describe_image(mime, data[mime])}]")

    def _write(self, text: str) -> None:
        _write(self._out, text)
        if text:
            self._at_line_start = text.endswith("\n")

    def _complain(self, text: str) -> None:
        _write(self._err, text)


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
    except UnicodeEncodeError:
        # A terminal that is not UTF-8, or half of a surrogate pair: an output is never lost to it.
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def describe_image(mime: str, value: Json) -> str:
    """Return the type, the size in pixels where it is known, and the size in bytes."""
    data = _as_bytes(value, text=mime.endswith(("xml", "html")) or not mime.startswith("image/"))
    size = len(data)
    amount = f"{size / BYTES_IN_KB:.1f} kB" if size >= BYTES_IN_KB else f"{size} bytes"
    pixels = _pixels(data)
    return f"{mime}, {pixels[0]}x{pixels[1]}, {amount}" if pixels else f"{mime}, {amount}"


def _pixels(data: bytes) -> tuple[int, int] | None:
    if data.startswith(PNG_HEADER) and len(data) >= 24:
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if data.startswith(GIF_HEADERS) and len(data) >= 10:
        return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
    if data.startswith(b"\xff\xd8"):
        return _jpeg_pixels(data)
    return None


def _jpeg_pixels(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        # Frame headers are C0 to CF, but for the three that define tables.
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            height, width = data[at + 5 : at + 7], data[at + 7 : at + 9]
            return int.from_bytes(width, "big"), int.from_bytes(height, "big")
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def _as_bytes(value: Json, *, text: bool) -> bytes:
    if not isinstance(value, str):
        return json.dumps(value, default=str).encode()
    if text:
        return value.encode("utf-8", "replace")
    try:
        return b64decode(value)
    except ValueError:
        return value.encode("utf-8", "replace")


def _as_text(value: Json) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(str(line) for line in value)
    return json.dumps(dict(value) if isinstance(value, Mapping) else value, indent=2, default=str)
