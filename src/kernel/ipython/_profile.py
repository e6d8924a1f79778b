"""A profile where IPython's own cannot be made or written: no home, full disk, read-only folder.

The folders of IPython's that such a kernel makes are temporary, and go with it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from IPython.core.profiledir import ProfileDir

from assay.transport import get_logger

if TYPE_CHECKING:
    from assay.kernel._interpreter import Host

__all__ = ["ipython_folder", "profile_in_need"]

logger = get_logger("assay.kernel")


def ipython_folder(find: Callable[[], str], host: Host) -> str:
    """Return IPython's folder, or a temporary one where *find* finds none that can be written.

    Raises:
        OSError: no temporary one can be made either.
    """
    if os.environ.get("IPYTHONDIR") == "":  # to IPython that is the working directory
        del os.environ["IPYTHONDIR"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            folder = find()
        except OSError as error:
            return _temporary(f"IPython's folder cannot be made ({error})", host)
    for one in caught:
        logger.warning("%s", one.message)
    if any("temp directory" in str(one.message) for one in caught):
        host.on_close(lambda: _remove(folder))
    return folder


def profile_in_need(location: str, error: OSError, config: Any, host: Host) -> ProfileDir:
    """Return the profile at *location*, which *error* kept from being made or completed.

    A folder that is there is used, so that its configuration and startup files count; nothing is
    kept in it. Otherwise it is a temporary one.

    Raises:
        OSError: no temporary one can be made.
    """
    if os.path.isdir(location):  # noqa: PTH112 - text, as IPython has it
        logger.warning(
            "%s cannot be written (%s): its configuration is used, and nothing is kept in it",
            location,
            error,
        )
        return _AsItIs(location=location, config=config)
    folder = _temporary(f"{location} cannot be made ({error})", host)
    return ProfileDir(location=folder, config=config)


def _temporary(reason: str, host: Host) -> str:
    folder = tempfile.mkdtemp(prefix="assay-ipython-")
    host.on_close(lambda: _remove(folder))
    logger.warning("%s: a temporary folder takes its place, %s", reason, folder)
    return folder


def _remove(folder: str) -> None:
    """Remove *folder*, into which the thread of the history may be writing.

    Under another name first: a file that it made meanwhile would keep the folder there, and it is
    by the name that it knows whether what it cannot write is worth a warning.
    """
    gone = f"{folder}-gone"
    try:
        os.rename(folder, gone)  # noqa: PTH104 - text, as IPython has it
    except OSError:  # it is gone, or the folder around it cannot be written any more
        gone = folder
    shutil.rmtree(gone, ignore_errors=True)


class _AsItIs(ProfileDir):  # type: ignore[misc]  # IPython is untyped here
    """A profile whose missing folders stay missing."""

    def _mkdir(self, path: str, mode: int | None = None) -> bool:
        try:
            made: bool = super()._mkdir(path, mode)
        except OSError:
            return False
        return made
