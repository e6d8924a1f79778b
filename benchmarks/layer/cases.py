"""The messages that are made and read: by type and by size."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks.wire import Json

KILOBYTE: Final = 1 << 10
MEGABYTE: Final = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Case:
    """One message."""

    name: str
    msg_type: str
    content: Json
    buffers: tuple[bytes, ...] = ()


def cases(largest_buffer: int) -> Iterator[Case]:
    """Yield the cases; buffers go up to *largest_buffer* bytes."""
    yield _case("status", execution_state="busy")
    yield _case("kernel_info_request")
    yield _case("kernel_info_reply", **_INFO)
    yield _execute("1+1", "execute_request, 3 characters")
    yield _execute("value = function(argument)  # a line\n" * 300, "execute_request, 11 kB")
    yield _case("execute_reply", status="ok", execution_count=7, user_expressions={}, payload=[])
    yield _text(80, "stream, 80 characters")
    yield _text(64 * KILOBYTE, "stream, 64 kB")
    yield _text(MEGABYTE, "stream, 1 MB")
    yield _case("display_data", "display_data, 200 kB of image", **_image(150 * KILOBYTE))
    yield _case("complete_reply", "complete_reply, 500 matches", **_matches(500))
    for size, name in ((KILOBYTE, "1 kB"), (MEGABYTE, "1 MB"), (100 * MEGABYTE, "100 MB")):
        if size <= largest_buffer:
            yield Case(
                name=f"comm_msg, {name} buffer",
                msg_type="comm_msg",
                content={"comm_id": "c" * 32, "data": {"method": "update", "state": {}}},
                buffers=(bytes(size),),
            )


def _case(msg_type: str, name: str = "", /, **content: object) -> Case:
    return Case(name=name or msg_type, msg_type=msg_type, content=content)


def _execute(code: str, name: str) -> Case:
    return _case(
        "execute_request",
        name,
        code=code,
        silent=False,
        store_history=True,
        user_expressions={},
        allow_stdin=True,
        stop_on_error=True,
    )


def _text(size: int, name: str) -> Case:
    line = 'a line with some text, a \u00e9 and a "quote"\n'
    text = (line * (size // len(line) + 1))[:size]
    return Case(name=name, msg_type="stream", content={"name": "stdout", "text": text})


def _image(size: int) -> Json:
    data = base64.b64encode(bytes(range(256)) * (size // 256)).decode()
    return {"data": {"image/png": data, "text/plain": "<Figure>"}, "metadata": {}, "transient": {}}


def _matches(count: int) -> Json:
    return {
        "status": "ok",
        "matches": [f"attribute_number_{number}" for number in range(count)],
        "cursor_start": 3,
        "cursor_end": 5,
        "metadata": {},
    }


_INFO: Final[Json] = {
    "status": "ok",
    "protocol_version": "5.5",
    "implementation": "none",
    "implementation_version": "1.0",
    "language_info": {
        "name": "python",
        "version": "3.11.0",
        "mimetype": "text/x-python",
        "file_extension": ".py",
        "pygments_lexer": "ipython3",
        "codemirror_mode": {"name": "ipython", "version": 3},
        "nbconvert_exporter": "python",
    },
    "banner": "A banner of two lines\nas many kernels have one.\n",
    "debugger": False,
    "help_links": [{"text": "Reference", "url": "https://example.org/reference"}],
}
