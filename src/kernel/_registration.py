"""A kernel that is given a registration file: it chooses its ports and reports them (5.6 draft).

What the file does not say is taken from the command line, or else:

| what                     | counts                                                                |
|--------------------------|-----------------------------------------------------------------------|
| address                  | ``--ip``, else ``kernel_ip`` of the file, else that of the service    |
| ports                    | those of the command line, else free ones                             |
| CURVE keys               | the file's                                                            |
| key, scheme, transport   | the file's; nothing else can be registered                            |
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from assay.kernel._connection import OpenedConnection, default_path
from assay.kernel._errors import StartError
from assay.protocol import ConnectionFile, ConnectionFileError, RegistrationFile
from assay.transport import LaunchError, TimedOutError, register

if TYPE_CHECKING:
    from assay.kernel._command_line import CommandLine
    from assay.protocol import Json

__all__ = ["open_registration", "report_ports"]

ACKNOWLEDGEMENT_S = 20.0
"""How long the launcher may take, which has just started us; then we end (HANDSHAKE-08)."""

CURVE_KEYS = ("curve_publickey", "curve_secretkey")


def open_registration(options: CommandLine) -> OpenedConnection:
    """Read the registration file that *options* name; all ports are still to be chosen.

    Raises:
        ConnectionFileError: it is none (HANDSHAKE-01), what it says cannot be (CONN-06, CONN-07),
            or the command line has another transport, or a key.
    """
    file = RegistrationFile.read(options.path)
    asked = options.places.get("transport", str(file.transport))
    if options.signing or asked != str(file.transport):
        raise ConnectionFileError(
            f"{options.path}: wanted key, scheme and transport from the registration file alone, "
            f"found others on the command line",
            requirement="HANDSHAKE-12",
        )
    fields: dict[str, Json] = {
        "ip": file.extra.get("kernel_ip", file.registration_ip),
        **{name: file.extra[name] for name in CURVE_KEYS if name in file.extra},
        **options.places,
        "transport": str(file.transport),
        "key": file.key,
        "signature_scheme": file.signature_scheme,
    }
    connection = ConnectionFile.from_fields(fields, name=options.path)
    return OpenedConnection(
        path=_path_for(file.kernel_id),
        connection=connection,
        is_new=True,
        is_written=False,
        warnings=(*file.risks, *connection.risks),
        registration=file,
    )


def report_ports(
    file: RegistrationFile, bound: ConnectionFile, timeout: float = ACKNOWLEDGEMENT_S
) -> None:
    """Report the ports of *bound* to who wrote *file*, and wait until they are known.

    Raises:
        StartError: they are not (HANDSHAKE-08, HANDSHAKE-11).
    """
    try:
        register(file, bound, timeout)
    except (TimedOutError, LaunchError) as error:
        raise StartError(f"handshake with {file.address}: {error}") from error


def _path_for(kernel_id: str) -> str:
    """Return where other clients look for a kernel of this id (HANDSHAKE-09)."""
    is_name = all(character.isalnum() or character in "-_." for character in kernel_id)
    beside = default_path()
    if not (is_name and kernel_id) or os.path.basename(beside) != f"kernel-{os.getpid()}.json":  # noqa: PTH119 - as above
        return beside
    return os.path.join(os.path.dirname(beside), f"kernel-{kernel_id}.json")  # noqa: PTH118, PTH120 - as above
