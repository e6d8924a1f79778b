"""The file that tells a kernel where to report the ports it chose."""

from __future__ import annotations

import os
from typing import Self

from attrs import field, frozen

from assay.protocol._errors import ConnectionFileError, ContentError, FramingError
from assay.protocol.files._connection import (
    MAX_PORT,
    ConnectionFile,
    Transport,
    check_signing,
    is_port,
    without_secret,
)
from assay.protocol.files._key_file import read_key_file
from assay.protocol.files._private_file import write_private
from assay.protocol.files._repeated import check_repeated
from assay.protocol.wire._json import JsonObject, decode_object, encode_json
from assay.protocol.wire._registry import Channel
from assay.protocol.wire._signing import DEFAULT_SCHEME
from assay.protocol.wire._structure import structure, unstructure

__all__ = ["RegistrationFile"]

SINGLE_KEYS = (
    "kernel_id",
    "registration_ip",
    "registration_port",
    "ip",
    "transport",
    "key",
    "signature_scheme",
)
"""What must not stand there twice."""


@frozen(kw_only=True)
class RegistrationFile:
    """Where a kernel that chooses its own ports reports them (5.6 draft, HANDSHAKE-01).

    Source: kernels.rst §Registration file format.
    """

    kernel_id: str
    """Names the kernel; it repeats it when it registers (HANDSHAKE-04)."""

    registration_ip: str
    """The address of the registration service: an IP, or over ipc a path."""

    registration_port: int
    """Its port, or the number at the end of the path."""

    transport: Transport = Transport.TCP
    """How the service is reached, and the kernel's own sockets."""

    key: str = field(repr=False)
    """Signs the handshake and all messages thereafter (HANDSHAKE-05, HANDSHAKE-12)."""

    signature_scheme: str = DEFAULT_SCHEME
    """``hmac-`` and a hash."""

    _extra: JsonObject = field(factory=dict, repr=False, hash=False)

    _mode_risk: str = field(default="", init=False, eq=False, repr=False)

    @property
    def extra(self) -> JsonObject:
        """Keys that the protocol does not name."""
        return self._extra

    @property
    def risks(self) -> tuple[str, ...]:
        """What the mode of a file that was read lets others do; the rest is the connection's."""
        return (self._mode_risk,) if self._mode_risk else ()

    @property
    def address(self) -> str:
        """The ZeroMQ address of the registration service, in the forms of `ConnectionFile`."""
        here = ConnectionFile(
            transport=self.transport,
            ip=self.registration_ip,
            shell_port=self.registration_port,
            key=self.key,
        )
        return here.address(Channel.SHELL)

    @classmethod
    def from_json(
        cls, data: bytes, *, name: str = "registration file", allow_broken_scheme: bool = False
    ) -> Self:
        """Return the registration file in *data*.

        Args:
            data: One JSON object.
            name: Stands in the errors.
            allow_broken_scheme: Accept ``hmac-md5``.

        Raises:
            ConnectionFileError: not a JSON object, a field that is missing or has the wrong type,
                or stands there twice, a port that is none, or a scheme that is unknown or broken.
        """
        try:
            made = structure(cls, _as_written(decode_object(data, name)))
        except FramingError as error:
            raise ConnectionFileError(error.args[0], requirement="HANDSHAKE-01") from error
        except ContentError as error:
            raise ConnectionFileError(
                f"{name}: {'; '.join(map(without_secret, error.faults))}",
                requirement="HANDSHAKE-01",
            ) from None  # the cause would show a key that is no text
        check_repeated(name, data, SINGLE_KEYS, "HANDSHAKE-01")
        port = made.registration_port
        if not 0 < port <= MAX_PORT:
            raise ConnectionFileError(
                f"{name}: registration_port: wanted 1 to {MAX_PORT}, found {port}",
                requirement="HANDSHAKE-01",
            )
        check_signing(
            name, made.key, made.signature_scheme, allow_broken_scheme=allow_broken_scheme
        )
        return made

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """Return the registration file at *path*.

        Raises:
            ConnectionFileError: as for `from_json`, or the file cannot be read, is none, or has
                more than a megabyte.
        """
        data, risk = read_key_file(path, "HANDSHAKE-01")
        made = cls.from_json(data, name=str(path))
        object.__setattr__(made, "_mode_risk", risk)
        return made

    def to_json(self, *, for_xeus: bool = False) -> bytes:
        """Return the file's bytes: one JSON object, unknown keys included.

        Args:
            for_xeus: Write what kernels made with xeus 6 can read as well: they want the port as
                text and the address under ``ip`` too. `from_json` reads either (AMB-57).
        """
        fields = unstructure(self)
        if for_xeus:
            fields |= {"registration_port": str(self.registration_port), "ip": self.registration_ip}
        return encode_json(fields)

    def write(self, path: str | os.PathLike[str], *, for_xeus: bool = False) -> None:
        """Write the file so that only its owner may read it, all of it or nothing.

        Args:
            path: Where.
            for_xeus: As for `to_json`.

        Raises:
            ConnectionFileError: the file cannot be written.
        """
        write_private(path, self.to_json(for_xeus=for_xeus))


def _as_written(fields: JsonObject) -> JsonObject:
    """Return *fields* as the text has them.

    Spec: the port is a number, the address ``registration_ip``. Seen: xeus 6 has the port as text,
    and the address under ``ip``. Here: both are read (AMB-57).
    """
    port, ip = fields.get("registration_port"), fields.get("ip")
    made = dict(fields)
    if isinstance(port, str) and is_port(port):
        made["registration_port"] = int(port)
    if "registration_ip" not in fields and isinstance(ip, str):
        made["registration_ip"] = ip
    return made
