"""Where this kernel listens: the connection file, what the command line adds, and the risks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from assay._fields import Fields
from assay.protocol import ConnectionFile, ConnectionFileError

if TYPE_CHECKING:
    from pathlib import Path

    from assay.kernel._command_line import CommandLine
    from assay.protocol import RegistrationFile

__all__ = ["OpenedConnection", "default_path", "open_connection"]

KEY_BYTES = 16


class OpenedConnection(Fields):
    """A connection file that was read, or that will be written."""

    path: str
    """Where it is."""

    connection: ConnectionFile
    """What it says, and the command line."""

    is_new: bool
    """There was no file: the kernel writes one, and removes it at its end."""

    is_written: bool
    """The file says the same as `connection`."""

    warnings: tuple[str, ...]
    """What the person who started the kernel should know (CONN-21)."""

    registration: RegistrationFile | None = None
    """Who wants to know the ports, if there was a registration file in place of it."""


def open_connection(options: CommandLine) -> OpenedConnection:
    """Read the connection file that *options* name, or make up what a new one will say.

    Raises:
        ConnectionFileError: it cannot be read or is none (CONN-16, CONN-17, CONN-19), or there is
            no folder for a new one.
    """
    path = _find(options.path) if options.path else default_path()
    if not os.path.lexists(path):  # pathlib is no part of the start
        fields = {"key": os.urandom(KEY_BYTES).hex(), **options.places, **options.signing}
        made = ConnectionFile.from_fields(fields, name="command line")
        return OpenedConnection(
            path=path, connection=made, is_new=True, is_written=False, warnings=made.risks
        )
    read = ConnectionFile.read(path, instead=options.places, otherwise=options.signing)
    return OpenedConnection(
        path=path,
        connection=read,
        is_new=False,
        is_written=not (options.places or options.signing) or _says(path, read),
        warnings=(*read.risks, *_without_effect(path, read, options)),
    )


def _find(name: str) -> str:
    """Return the path of the file *name*, which may be one in Jupyter's folder for such files."""
    if os.path.lexists(name) or os.path.basename(name) != name:  # noqa: PTH119 - as above
        return name
    from jupyter_core.paths import jupyter_runtime_dir  # noqa: PLC0415 - few are found there

    there = os.path.join(jupyter_runtime_dir(), name)  # noqa: PTH118 - as above
    return there if os.path.exists(there) else name  # noqa: PTH110 - as above


def default_path() -> str:
    """Return the path of a connection file that the kernel makes itself."""
    # Only without -f.
    from pathlib import Path  # noqa: PLC0415

    from jupyter_core.paths import jupyter_runtime_dir  # noqa: PLC0415

    folder = Path(jupyter_runtime_dir())
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return _temporary_path(folder)
    if not os.access(folder, os.W_OK | os.X_OK):
        return _temporary_path(folder)
    return str(folder / f"kernel-{os.getpid()}.json")


def _temporary_path(instead: Path) -> str:
    """Return a path for a connection file where Jupyter's own folder, *instead*, is of no use.

    A container may have no home, and be reached by the ports of the command line.
    """
    import tempfile  # noqa: PLC0415 - few need it

    try:
        folder = tempfile.gettempdir()
    except OSError as error:
        raise ConnectionFileError(
            f"{instead}: cannot be written, nor can a temporary folder, and no other place is "
            f"named for the connection file (-f FILE): {error.strerror}",
            requirement="CONN-04",
        ) from error
    # The name cannot be foreseen, and the file is made elsewhere and moved there.
    name = f"kernel-{os.getpid()}-{os.urandom(KEY_BYTES).hex()}.json"
    return os.path.join(folder, name)  # noqa: PTH118 - as above


def _says(path: str, connection: ConnectionFile) -> bool:
    try:
        return ConnectionFile.read(path) == connection
    except ConnectionFileError:  # it lacks what the command line brings
        return False


def _without_effect(path: str, connection: ConnectionFile, options: CommandLine) -> tuple[str, ...]:
    asked = options.signing.get("key", connection.key)
    if asked == connection.key:
        return ()
    what = "--no-secure has" if asked == "" else "the key of the command line has"
    return (f"{what} no effect: {path} has a key, and clients sign with it",)
