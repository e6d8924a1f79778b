"""What the exit codes of the command line mean."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Exit"]


class Exit(IntEnum):
    """The truth, in a number."""

    OK = 0

    RAISED = 1
    """The code raised an exception, or what was asked for could not be done."""

    USAGE = 2
    """The command makes no sense as it stands."""

    KERNEL = 3
    """The kernel could not start, or died."""

    UNASKED = 4
    """Nothing went wrong as far as it was asked, and the time did not suffice for all of it."""

    INTERRUPTED = 130
    """Ctrl-C, as shells have it: 128 and the number of SIGINT."""

    BROKEN_PIPE = 141
    """The reader of the output has left: 128 and the number of SIGPIPE."""
