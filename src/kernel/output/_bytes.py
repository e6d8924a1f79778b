"""`sys.stdout.buffer`: bytes of the stream's encoding, split wherever the program likes."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable
from threading import Thread, current_thread
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

    def show_rest(self, text: str, request: Request | None, /) -> None:
        """Publish *text* as output of *request*, also where the stream is closed."""
        ...

    def fileno(self) -> int:
        """Return a descriptor whose text is shown as the stream's."""
        ...


class BytesOfStream(io.BufferedIOBase):
    """Bytes for a stream of text.

    The beginning of a character waits for its end: in each cell its own, so that neither the next
    cell nor a thread of another one completes it. At the end of the cell it is shown as it is; what
    a thread begins that outlives its cell, when the thread has ended and then another cell does.

    Args:
        stream: Shows the text.
        current: Returns the request that the caller's code belongs to.
    """

    mode = "wb"

    def __init__(self, stream: TextSink, current: Callable[[], Request | None]) -> None:
        self._stream = stream
        self._current = current
        self._make = _decoders("utf-8", "backslashreplace")
        self._begun: dict[Request | None, tuple[codecs.IncrementalDecoder, Thread]] = {}
        """Those that have seen the beginning of something, by request, and who wrote it."""

    def __reduce__(self) -> tuple[Callable[[TextSink], object], tuple[TextSink]]:
        # A session that is pickled may hold one.
        return _buffer_of, (self._stream,)

    def decode_by(self, encoding: str, errors: str) -> None:
        """Decode what is written from now on by *encoding*; a character that has begun is lost."""
        self._make = _decoders(encoding, errors)
        self._begun.clear()

    @property
    def name(self) -> str:
        """The name of the stream."""
        return self._stream.name

    @property
    def raw(self) -> BytesOfStream:
        """Return this object: no lower level exists, since nothing is held back."""
        return self

    def write(self, data: Buffer, /) -> int:  # type: ignore[override]  # typeshed's own Buffer
        """Show *data* and return its length in bytes."""
        try:
            view = memoryview(data)
        except TypeError:
            found = type(data).__name__
            raise TypeError(f"a bytes-like object is required, not {found!r}") from None
        request = self._current()
        begun = self._begun.pop(request, None)
        decoder = begun[0] if begun is not None else self._make()
        text = decoder.decode(bytes(view))
        if decoder.getstate() != self._make().getstate():
            self._begun[request] = decoder, current_thread()
        self._stream.write_decoded(text)
        return view.nbytes

    @property
    def holds(self) -> bool:
        """True if there is the beginning of a character."""
        return bool(self._begun)

    def finish(self, request: Request | None) -> None:
        """Show what is left of the beginning of a character that *request* has written.

        Also of what others have that are over, and whose thread does not go on.
        """
        for one, (_, thread) in [*self._begun.items()]:
            if one is request or (one is not None and one.finished and _is_over(thread)):
                self._finish(one)

    def _finish(self, request: Request | None) -> None:
        begun = self._begun.pop(request, None)
        if begun is not None and (rest := _rest_of(begun[0])):
            self._stream.show_rest(rest, request)

    def writable(self) -> bool:
        """Return True."""
        return True

    def close(self) -> None:
        """Stay open: a wrapper closes what it wraps when it is let go."""

    def fileno(self) -> int:
        """Return the captured descriptor, for child processes and C code."""
        return self._stream.fileno()


def _buffer_of(stream: TextSink) -> object:
    return getattr(stream, "buffer")  # noqa: B009 - of whatever the stream is where it is unpickled


def _is_over(thread: Thread) -> bool:
    # The caller's own has left the code: it handles requests.
    return thread is current_thread() or not thread.is_alive()


def _rest_of(decoder: codecs.IncrementalDecoder) -> str:
    try:
        return decoder.decode(b"", final=True)
    except UnicodeError:  # the code that wrote it cannot catch anything any more
        decoder.errors = "backslashreplace"
        return decoder.decode(b"", final=True)


def _decoders(encoding: str, errors: str) -> Callable[[], codecs.IncrementalDecoder]:
    make = codecs.getincrementaldecoder(encoding)
    return lambda: make(errors)
