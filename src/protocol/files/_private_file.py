"""Write a file that holds a key."""

from __future__ import annotations

import os

from assay.protocol._errors import ConnectionFileError

__all__ = ["write_private"]


def write_private(path: str | os.PathLike[str], data: bytes) -> None:
    """Write *data* so that only its owner may read it, all of it or nothing (CONN-04).

    Raises:
        ConnectionFileError: the file cannot be written.
    """
    # Most kernels never write the file, and start sooner without these.
    import tempfile  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    try:
        # mkstemp makes the file with mode 0600; replacing is atomic on one file system.
        wanted = Path(path)
        handle, temporary = tempfile.mkstemp(dir=wanted.parent, prefix=f".{wanted.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            Path(temporary).replace(wanted)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConnectionFileError(
            f"{path}: cannot be written: {error.strerror}", requirement="CONN-04"
        ) from error
