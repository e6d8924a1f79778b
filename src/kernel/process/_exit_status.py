"""What a process that raises SystemExit ends with."""

from __future__ import annotations

import sys
from contextlib import suppress

__all__ = ["exit_status"]


def exit_status(error: SystemExit) -> int:
    """Return the status that Python exits with for *error*; what is no number is shown on stderr.

    Returns:
        0 to 255.
    """
    code: object = error.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    with suppress(Exception):  # of the user's stream, or of the object that is to be shown
        print(code, file=sys.stderr)
    return 1
