"""`sys.stdout.buffer`: bytes of the stream's encoding, split wherever the program likes."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable
from typing import Protocol

from assay.kernel._request import Request
from assay.protocol import Buffer

__all__ = ["BytesOfStream", "TextSink"]


class TextSink(Protocol):
    """The stream that shows the bytes as text."""

    name: str

    def write_decoded(self, text: str, /) -> object:
        """Publish *text*, which may be empty."""
        ...

    def fileno(self) -> int:
        """Return a descriptor whose text is shown as the stream's."""
        ...


class BytesOfStream(io.BufferedIOBase):
    """Bytes for a stream of text.

    The beginning of a character waits for its end: in each cell its own, so that neither the next
    cell nor a thread of another one completes it. At the end of the cell it is shown as it is.

    Args:
        stream: Shows the text.
        current: Returns the request that the caller's code belongs to.
    """

    mode = "wb"

    def __init__(self, stream: TextSink, current: Callable[[], Request | None]) -> None:
        self._stream = stream
        self._current = current
        self._make = _decoders("utf-8", "backslashreplace")
        self._begun: dict[Request | None, codecs.IncrementalDecoder] = {}
        """Those that have seen the beginning of something, by request."""

    def decode_by(self, encoding: str, errors: str) -> None:
        """Read what is written from now on so; what has begun by another encoding is lost."""
        self._make = _decoders(encoding, errors)
        self._begun.clear()

    @property
    def name(self) -> str:
        """The name of the stream."""
        return self._stream.name

    @property
    def raw(self) -> BytesOfStream:
        """The same: nothing is held back that a lower level would not see."""
        return self

    def write(self, data: Buffer, /) -> int:  # type: ignore[override]  # typeshed's own Buffer
        """Show *data* and return its length in bytes."""
        try:
            view = memoryview(data)
        except TypeError:
            found = type(data).__name__
            raise TypeError(f"a bytes-like object is required, not {found!r}") from None
        request = self._current()
        decoder = self._begun.pop(request, None) or self._make()
        text = decoder.decode(bytes(view))
        if decoder.getstate() != self._make().getstate():
            self._begun[request] = decoder
        self._stream.write_decoded(text)
        return view.nbytes

    @property
    def holds(self) -> bool:
        """True if there is the beginning of a character."""
        return bool(self._begun)

    def finish(self, request: Request | None) -> None:
        """Show what is left of the beginning of a character that *request* has written."""
        decoder = self._begun.pop(request, None)
        if decoder is not None and (rest := decoder.decode(b"", final=True)):
            self._stream.write_decoded(rest)

    def writable(self) -> bool:
        """Return True."""
        return True

    def close(self) -> None:
        """Stay open: a wrapper closes what it wraps when it is let go."""

    def fileno(self) -> int:
        """Return the captured descriptor, for child processes and C code."""
        return self._stream.fileno()


def _decoders(encoding: str, errors: str) -> Callable[[], codecs.IncrementalDecoder]:
    make = codecs.getincrementaldecoder(encoding)
    return lambda: make(errors)
