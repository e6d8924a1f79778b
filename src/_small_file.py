"""Read a file that holds a few fields, such as a key, and say who else may."""

from __future__ import annotations

import errno
import os
import stat

from assay._platform import SYSTEM

__all__ = ["MAX_FILE_BYTES", "mode_risk", "read_small_file"]

MAX_FILE_BYTES = 1 << 20
"""A connection file has some 300 bytes, and the longest kernelspec that we know 4,000. What is
longer than this is another file, and would be read into memory whole before that is found."""

OTHERS = stat.S_IRGRP | stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH


def read_small_file(path: str | os.PathLike[str]) -> tuple[bytes, int]:
    """Return the bytes of the file at *path* and its mode, such as 0o600.

    Raises:
        OSError: it cannot be read; it has more than `MAX_FILE_BYTES`; or it is no file: a pipe
            without a writer would be waited for, and a device never ends.
    """
    with open(path, "rb", opener=_open_at_once) as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "wanted a file, found a pipe, a socket or a device")
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise OSError(errno.EFBIG, f"wanted at most {MAX_FILE_BYTES:,} bytes, found more")
    return data, stat.S_IMODE(mode)


def mode_risk(path: str | os.PathLike[str], mode: int, there: str) -> str:
    """Return what a file with a key lets others do *there*; empty if it is its owner's alone."""
    if SYSTEM == "win32" or not mode & OTHERS:  # there a mode says nothing of others
        return ""
    return (
        f"{os.fspath(path)}: others may read or write it (mode {mode:04o}), and who has its key "
        f"can run code in {there}; wanted mode 0600"
    )


def _open_at_once(path: str, flags: int) -> int:
    """Open a file without waiting for who writes to it, where it is a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
