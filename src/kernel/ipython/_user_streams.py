"""Whatever a program has put into the place of `sys.stdout` and `sys.stderr`.

It may be a wrapper that holds text back, a tee, a `StringIO`, an object with nothing but `write`,
one that is closed, None, or nothing at all. A program that ends would flush them; here a cell ends,
and the process goes on: what they hold back is written before the cell's reply. And IPython itself
writes to them before each cell, so that a cell could not even repair what the one before it left.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from assay.transport import get_logger

if TYPE_CHECKING:
    from assay.kernel._interpreter import Host, TextStream

__all__ = ["UserStreams"]

logger = get_logger("assay.kernel")


class UserStreams:
    """The two streams of the process, as user code leaves them."""

    def __init__(self, host: Host) -> None:
        self._owns_process = host.owns_process
        self._ours = (
            ("stdout", "__stdout__", host.stdout),
            ("stderr", "__stderr__", host.stderr),
        )

    def flush(self) -> None:
        """Write out what the streams hold back that are not the kernel's own.

        What a stream's `flush` raises ends nothing: the cell has done its work. An interrupt does.
        """
        for name, original, ours in self._ours:
            stream = getattr(sys, name, None)
            if stream is not ours and stream is not None:
                _flush(stream, name)
            if self._owns_process:  # a line without an end is held back there
                first = getattr(sys, original, None)
                if first is not stream and first is not None:
                    _flush(first, original)

    def mend(self) -> None:
        """Put the kernel's streams back where a cell has left something that takes no text."""
        for name, _, ours in self._ours:
            ours.reopen()
            stream = getattr(sys, name, None)
            if stream is not ours and not _takes_text(stream):
                setattr(sys, name, ours)


def _flush(stream: TextStream | Any, name: str) -> None:
    try:
        stream.flush()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - the user's, which may raise anything
        logger.info("sys.%s cannot be flushed: %s", name, type(error).__name__)


def _takes_text(stream: TextStream | object) -> bool:
    try:
        is_open = getattr(stream, "closed", False) is not True
        return is_open and callable(getattr(stream, "write", None))
    except Exception:  # noqa: BLE001 - an object of the user's may raise anything when looked at
        return False
