"""Outputs as text."""

from __future__ import annotations

import io
from base64 import b64encode

import pytest

from assay.commands._show import Screen, describe_image
from assay.protocol import (
    Content,
    DisplayData,
    Error,
    ExecuteResult,
    JsonObject,
    Status,
    Stream,
    StreamName,
    UpdateDisplayData,
)
from assay.protocol import ExecutionState as State

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (640).to_bytes(4, "big") + (480).to_bytes(4, "big")
GIF = b"GIF89a" + (3).to_bytes(2, "little") + (4).to_bytes(2, "little")
JPEG = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x11\x08\0\x05\0\x06\x03"


def text(data: bytes) -> str:
    """Return *data* as it is on the wire."""
    return b64encode(data).decode("ascii")


def out(value: str) -> Stream:
    """Return a stream."""
    return Stream(name=StreamName.STDOUT, text=value)


def result(data: JsonObject) -> ExecuteResult:
    """Return a result."""
    return ExecuteResult(execution_count=1, data=data)


def shown(*contents: Content, colour: bool = False) -> tuple[str, str]:
    """Return what goes to stdout and to stderr."""
    streams = io.StringIO(), io.StringIO()
    screen = Screen(*streams, colour=colour)
    for content in contents:
        screen.show(content)
    return streams[0].getvalue(), streams[1].getvalue()


def test_streams() -> None:
    """Each stream goes where it belongs, as it is."""
    err = Stream(name=StreamName.STDERR, text="e\rf")

    assert shown(out("a"), err, out("b\n")) == ("ab\n", "e\rf")


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        ({"text/plain": "1", "text/html": "<b>1</b>"}, "1\n"),
        ({"text/plain": "1\n"}, "1\n"),
        ({"text/markdown": "*a*", "text/html": "<i>a</i>"}, "*a*\n"),
        ({"application/json": {"a": [1]}}, '{\n  "a": [\n    1\n  ]\n}\n'),
        ({"text/plain": ["a\n", "b"]}, "a\nb\n"),
        ({"text/html": "<b>ü</b>"}, "[text/html, 9 bytes]\n"),
        ({"image/png": text(PNG)}, "[image/png, 640x480, 24 bytes]\n"),
        (
            {"text/plain": "<Figure>", "image/png": text(PNG)},
            "<Figure>\n[image/png, 640x480, 24 bytes]\n",
        ),
        ({"image/svg+xml": "<svg/>" * 500}, "[image/svg+xml, 3.0 kB]\n"),
        ({}, ""),
    ],
)
def test_bundles(data: JsonObject, wanted: str) -> None:
    """The best text is shown, and images by type and size."""
    assert shown(result(data))[0] == wanted
    assert shown(DisplayData(data=data))[0] == wanted
    assert shown(UpdateDisplayData(data=data, transient={"display_id": "d"}))[0] == wanted


@pytest.mark.parametrize(
    ("mime", "data", "wanted"),
    [
        ("image/gif", GIF, "image/gif, 3x4, 10 bytes"),
        ("image/jpeg", JPEG, "image/jpeg, 6x5, 18 bytes"),
        ("image/jpeg", JPEG[:6], "image/jpeg, 6 bytes"),
        ("image/png", b"", "image/png, 0 bytes"),
    ],
)
def test_images(mime: str, data: bytes, wanted: str) -> None:
    """The size of an image is read from its own header, if it has one."""
    assert describe_image(mime, text(data)) == wanted


def test_image_that_is_none() -> None:
    """What is not base64 has a size all the same."""
    assert describe_image("image/png", "é") == "image/png, 2 bytes"
    assert describe_image("image/png", 5) == "image/png, 1 bytes"


def test_results_begin_a_line() -> None:
    """A result does not stick to what was printed without a line's end."""
    assert shown(out("a"), result({"text/plain": "1"}))[0] == "a\n1\n"


@pytest.mark.parametrize(("colour", "wanted"), [(True, "\x1b[31mE\x1b[0m\nb\n"), (False, "E\nb\n")])
def test_tracebacks(*, colour: bool, wanted: str) -> None:
    """Tracebacks keep their colours where they are seen."""
    error = Error(ename="E", evalue="", traceback=("\x1b[31mE\x1b[0m", "b"))

    assert shown(error, colour=colour) == ("", wanted)


def test_error_without_traceback() -> None:
    """An error without a traceback has a name."""
    assert shown(Error(ename="E", evalue="v", traceback=()))[1] == "E: v\n"


def test_what_a_terminal_cannot_show() -> None:
    """Characters that stdout cannot hold are written as escapes."""
    raw = io.BytesIO()
    stdout = io.TextIOWrapper(raw, "ascii")
    Screen(stdout, io.StringIO(), colour=False).show(out("a\u2603\ud800"))

    assert raw.getvalue() == b"a\\u2603\\ud800"


def test_others() -> None:
    """What is no output is passed over."""
    assert shown(Status(execution_state=State.BUSY)) == ("", "")
