"""The file that tells a kernel where to listen."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Self

from attrs import evolve, field, frozen
from msgspec import UNSET, UnsetType

from assay.protocol._errors import (
    ConnectionFileError,
    ContentError,
    FramingError,
    LocalError,
)
from assay.protocol._value import Value
from assay.protocol.wire._json import Json, JsonObject, decode_object, encode_json
from assay.protocol.wire._registry import Channel
from assay.protocol.wire._signing import DEFAULT_SCHEME, Signer
from assay.protocol.wire._structure import structure, unstructure

__all__ = [
    "MAX_PORT",
    "ConnectionFile",
    "Curve",
    "Transport",
    "check_signing",
    "ports_as_numbers",
    "without_secret",
]

MAX_PORT = 65_535
PORT_DIGITS = len(str(MAX_PORT))
SECRETS = frozenset({"key", "curve_publickey", "curve_secretkey"})
Z85_KEY_CHARACTERS = 40
Z85 = frozenset(
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
)


class Transport(StrEnum):
    """How the sockets are reached (CONN-03, CONN-10)."""

    TCP = "tcp"
    IPC = "ipc"


@frozen(kw_only=True, eq=False, repr=False)
class Curve(Value):
    """A CurveZMQ key pair, 40 characters of Z85 each (CONN-06)."""

    public_key: str
    """What clients know the server by."""

    secret_key: str = field(repr=False)
    """What only the server needs; not shown."""


@frozen(kw_only=True, eq=False, repr=False)
class ConnectionFile(Value):
    """Where the five sockets are, and the key (kernels.md §Connection files, CONN-02).

    A port of 0 lets the kernel choose; it then writes the ports that it bound back to the file.
    Over ipc, a port is the number at the end of the socket's path.
    """

    shell_port: int = 0
    """0 to 65535; 0 lets the kernel choose."""

    iopub_port: int = 0
    """As `shell_port`."""

    stdin_port: int = 0
    """As `shell_port`."""

    control_port: int = 0
    """As `shell_port`."""

    hb_port: int = 0
    """As `shell_port`."""

    ip: str = "127.0.0.1"
    """An address of this machine; over ipc the beginning of the paths (CONN-10)."""

    transport: Transport = Transport.TCP
    """``tcp`` or ``ipc``."""

    key: str = field(default="", repr=False)
    """The bytes of this text, as UTF-8, sign the messages (SIGN-05); empty: nothing is signed."""

    signature_scheme: str = DEFAULT_SCHEME
    """``hmac-`` and a hash (SIGN-11); a file that names none means hmac-sha256 (CONN-09)."""

    kernel_name: str | UnsetType = UNSET
    """The kernelspec's name; clients write it, and no kernel needs it (AMB-53)."""

    curve_publickey: str | UnsetType | None = field(default=UNSET, repr=False)
    """40 characters of Z85; both keys or neither (CONN-06, CONN-07)."""

    curve_secretkey: str | UnsetType | None = field(default=UNSET, repr=False)
    """As `curve_publickey`."""

    _extra: JsonObject = field(factory=dict, repr=False, hash=False)

    @property
    def extra(self) -> JsonObject:
        """Keys that the protocol does not name, kept when the file is written (CONN-08)."""
        return self._extra

    @property
    def curve(self) -> Curve | None:
        """The CURVE key pair, if the file has one (CONN-06)."""
        if not (self.curve_publickey and self.curve_secretkey):
            return None
        return Curve(public_key=self.curve_publickey, secret_key=self.curve_secretkey)

    def port(self, channel: Channel) -> int:
        """Return the port of *channel*; 0 lets the kernel choose."""
        port: int = getattr(self, f"{channel}_port")
        return port

    def with_ports(self, ports: Mapping[Channel, int]) -> Self:
        """Return a copy with these ports."""
        changes: dict[str, Any] = {f"{channel}_port": port for channel, port in ports.items()}
        return evolve(self, **changes)

    def address(self, channel: Channel) -> str:
        """Return the ZeroMQ address of *channel*.

        ``tcp://ip:port``, with brackets around an IPv6 address; ``ipc://ip-port`` (CONN-10).
        """
        port = self.port(channel)
        if self.transport is Transport.IPC:
            return f"ipc://{self.ip}-{port}"
        ip = f"[{self.ip}]" if ":" in self.ip and not self.ip.startswith("[") else self.ip
        return f"tcp://{ip}:{port}"

    @classmethod
    def from_json(cls, data: bytes, *, name: str = "connection file") -> Self:
        """Return the connection file in *data*; *name* stands in the errors.

        Raises:
            ConnectionFileError: not a JSON object, a field with the wrong type, a port that is
                none, one CURVE key without the other, or a scheme that is unknown.
        """
        try:
            fields = decode_object(data, name)
            made = structure(cls, {**fields, **ports_as_numbers(fields)})
        except FramingError as error:
            raise ConnectionFileError(error.args[0], requirement="CONN-02") from error
        except ContentError as error:
            raise ConnectionFileError(
                f"{name}: {'; '.join(map(without_secret, error.faults))}", requirement="CONN-02"
            ) from None  # the cause would show a key that is no text
        made._check(name)
        return made

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """Return the connection file at *path*.

        Raises:
            ConnectionFileError: as for `from_json`, or the file cannot be read.
        """
        try:
            with open(path, "rb") as file:  # noqa: PTH123 - pathlib is no part of the start
                data = file.read()
        except OSError as error:
            raise ConnectionFileError(
                f"{path}: cannot be read: {error.strerror}", requirement="CONN-01"
            ) from error
        return cls.from_json(data, name=str(path))

    def to_json(self) -> bytes:
        """Return the file's bytes: one JSON object, unknown keys included."""
        return encode_json(unstructure(self))

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the file so that only its owner may read it, all of it or nothing (CONN-04).

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
                    file.write(self.to_json())
                Path(temporary).replace(wanted)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise ConnectionFileError(
                f"{path}: cannot be written: {error.strerror}", requirement="CONN-04"
            ) from error

    def _check(self, name: str) -> None:
        for channel in Channel:
            if not 0 <= self.port(channel) <= MAX_PORT:
                raise ConnectionFileError(
                    f"{name}: {channel}_port: wanted 0 to {MAX_PORT}, found {self.port(channel)}",
                    requirement="CONN-02",
                )
        keys = (self.curve_publickey or None, self.curve_secretkey or None)
        if (keys[0] is None) is not (keys[1] is None):
            raise ConnectionFileError(
                f"{name}: wanted both CURVE keys or none, found one", requirement="CONN-07"
            )
        for key in keys:
            if isinstance(key, str) and not _is_z85_key(key):
                raise ConnectionFileError(
                    f"{name}: wanted CURVE keys of 40 characters of Z85, found another text",
                    requirement="CONN-06",
                )
        check_signing(name, self.key, self.signature_scheme)


def check_signing(name: str, key: str, scheme: str) -> None:
    """Refuse a *scheme* that is unknown and a *key* that has no bytes; *name* is the file's."""
    try:
        Signer(b"", scheme, allow_broken=True)
    except LocalError as error:
        raise ConnectionFileError(
            f"{name}: signature_scheme: {error.args[0]}", requirement="SIGN-12"
        ) from error
    try:
        key.encode()
    except UnicodeEncodeError:
        raise ConnectionFileError(
            f"{name}: key: wanted text that UTF-8 can hold, found a lone surrogate",
            requirement="SIGN-05",
        ) from None


def ports_as_numbers(fields: JsonObject) -> dict[str, Json]:
    """Spec: ports are integers. Seen: JEP 106 allows text. Here: digits are read (CONN-13)."""
    texts = ((f"{channel}_port", fields.get(f"{channel}_port")) for channel in Channel)
    return {name: int(text) for name, text in texts if isinstance(text, str) and _is_port(text)}


def _is_z85_key(text: str) -> bool:
    return len(text) == Z85_KEY_CHARACTERS and Z85.issuperset(text)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= PORT_DIGITS


def without_secret(fault: str) -> str:
    """Return *fault* without the value, where that may be a key."""
    path = fault.partition(":")[0]
    return f"{path}: wanted text, found something else" if path in SECRETS else fault
