"""The streams of C code, which hold text back."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

__all__ = ["c_flusher"]

_buffers: list[object] = []
"""C writes into them as long as the process lives, which may be longer than the kernel's."""


def c_flusher() -> Callable[[], None]:
    """Return a function that makes C code write out what it printed.

    A pipe makes C's streams hold text back until a buffer is full; lines leave at once from here
    on, and the rest at the end of each request.
    """
    library = ctypes.PyDLL(None)
    for name in ("stdout", "stderr", "__stdoutp", "__stderrp"):
        try:
            stream = ctypes.c_void_p.in_dll(library, name)
        except ValueError:  # the other names are those of macOS and the BSDs
            continue
        buffer = ctypes.create_string_buffer(8192)
        _buffers.append(buffer)
        library.setvbuf(stream, buffer, 1, len(buffer))  # _IOLBF
    flush = library.fflush
    flush.argtypes = [ctypes.c_void_p]

    def flush_all() -> None:
        flush(None)

    return flush_all
