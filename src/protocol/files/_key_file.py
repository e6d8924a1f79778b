"""Read a file that a kernel and its clients share, with its key."""

from __future__ import annotations

import os

from assay._small_file import mode_risk, read_small_file
from assay.protocol._errors import ConnectionFileError

__all__ = ["read_key_file"]


def read_key_file(path: str | os.PathLike[str], requirement: str) -> tuple[bytes, str]:
    """Return the bytes of a file of a kernel's, and what its mode lets others do (`mode_risk`).

    Raises:
        ConnectionFileError: as for `read_small_file`; it breaks *requirement*.
    """
    try:
        data, mode = read_small_file(path)
    except OSError as error:
        raise ConnectionFileError(
            f"{path}: cannot be read: {error.strerror}", requirement=requirement
        ) from error
    return data, mode_risk(path, mode, "the kernel")
