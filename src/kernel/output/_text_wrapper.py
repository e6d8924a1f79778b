"""What programs know of `io.TextIOWrapper`, which `sys.stdout` is in other places."""

from __future__ import annotations

import codecs
import io

__all__ = ["LikeTextWrapper"]

NEWLINES = (None, "", "\n", "\r", "\r\n")


class LikeTextWrapper(io.TextIOBase):
    """A text stream that can be reconfigured as `io.TextIOWrapper` can.

    A message holds text, not bytes: an encoding says how the bytes written to `buffer` are read.
    The rest is remembered and has no effect: nothing is ever held back, so that every line is
    flushed whatever `line_buffering` says.
    """

    errors = "backslashreplace"
    line_buffering = True
    write_through = True
    _encoding = "utf-8"

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed has a plain attribute
        """How the bytes written to `buffer` are read; UTF-8 unless reconfigured."""
        return self._encoding

    @property
    def newlines(self) -> None:  # type: ignore[override]  # as above
        """Nothing is translated."""
        return None

    def reconfigure(
        self,
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        line_buffering: bool | None = None,
        write_through: bool | None = None,
    ) -> None:
        """Change what is given, as `io.TextIOWrapper.reconfigure` does.

        Raises:
            LookupError: there is no such encoding or error handler.
            ValueError: *newline* is no line end.
        """
        name = encoding if encoding is not None else self._encoding
        codecs.lookup(name)
        if errors is None:
            errors = "strict" if encoding is not None else self.errors
        codecs.lookup_error(errors)
        if newline not in NEWLINES:
            raise ValueError(f"illegal newline value: {newline!r}")
        if name != self._encoding or errors != self.errors:
            # Bytes that the old encoding waits to complete are lost to the new one.
            self._encoding, self.errors = name, errors
            self._decode_by(name, errors)
        if line_buffering is not None:
            self.line_buffering = bool(line_buffering)
        if write_through is not None:
            self.write_through = bool(write_through)
        self.flush()

    def _decode_by(self, encoding: str, errors: str) -> None:
        """Read what is written to `buffer` so from now on."""
        raise NotImplementedError
