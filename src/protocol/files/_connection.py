"""The file that tells a kernel where to listen."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Self

from attrs import evolve, field, frozen
from msgspec import UNSET, UnsetType

from assay._value import Value
from assay.protocol._errors import (
    ConnectionFileError,
    ContentError,
    FramingError,
    LocalError,
    shorten,
)
from assay.protocol.files._key_file import read_key_file
from assay.protocol.files._private_file import write_private
from assay.protocol.files._repeated import check_repeated
from assay.protocol.wire._json import Json, JsonObject, decode_object, encode_json
from assay.protocol.wire._registry import Channel
from assay.protocol.wire._signing import DEFAULT_SCHEME, Signer
from assay.protocol.wire._structure import structure, unstructure

__all__ = [
    "CONNECTION_KEYS",
    "MAX_PORT",
    "ConnectionFile",
    "Curve",
    "Transport",
    "check_signing",
    "is_port",
    "ports_as_numbers",
    "without_secret",
]

MAX_PORT = 65_535
PORT_DIGITS = len(str(MAX_PORT))
CONNECTION_KEYS = (
    "transport",
    "ip",
    "shell_port",
    "control_port",
    "iopub_port",
    "stdin_port",
    "hb_port",
    "key",
    "signature_scheme",
)
"""What every connection file has (CONN-02)."""

SINGLE_KEYS = (*CONNECTION_KEYS, "curve_publickey", "curve_secretkey")
"""What must not stand there twice."""

REGISTRATION_KEYS = frozenset({"registration_ip", "registration_port"})
"""What only a registration file has (HANDSHAKE-01)."""

SECRETS = frozenset({"key", "curve_publickey", "curve_secretkey"})
NEAR_ENOUGH = 0.6
"""How much of two names is the same when one may be a slip for the other: ``kye`` for ``key``."""

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
    """Where the five sockets are, and the key (kernels.rst §Connection files, CONN-02).

    A port of 0 lets the kernel choose; it then writes the ports that it bound back to the file.
    Over ipc, a port is the number at the end of the socket's path. A file holds all nine keys of
    the text (`CONNECTION_KEYS`); a program that makes one may leave out all but the key.
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

    key: str = field(repr=False)
    """The bytes of this text, as UTF-8, sign the messages (SIGN-05); empty: nothing is signed, and
    who reaches the sockets runs code (SIGN-06, CONN-16)."""

    signature_scheme: str = DEFAULT_SCHEME
    """``hmac-`` and a hash (SIGN-11)."""

    kernel_name: str | UnsetType = UNSET
    """The kernelspec's name; clients write it, and no kernel needs it (AMB-53)."""

    curve_publickey: str | UnsetType | None = field(default=UNSET, repr=False)
    """40 characters of Z85; both keys or neither (CONN-06, CONN-07)."""

    curve_secretkey: str | UnsetType | None = field(default=UNSET, repr=False)
    """As `curve_publickey`."""

    _extra: JsonObject = field(factory=dict, repr=False, hash=False)

    _mode_risk: str = field(default="", init=False, eq=False, repr=False)

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

    @property
    def risks(self) -> tuple[str, ...]:
        """What lets others in, a sentence each; none for a key and an address of this machine.

        Of a file that was read, its mode counts as well (CONN-21); a changed copy is of no file.
        Who reaches the sockets may subscribe to the output, which takes no key. CURVE admits those
        alone that have the server's key from the file.
        """
        found = [self._mode_risk] if self._mode_risk else []
        if not self.key:
            found.append(
                "the key is empty, so no message is signed or checked: "
                "all who reach the kernel run code in it"
            )
        elif self.key.isspace():
            found.append(
                "the key is nothing but white space, which is quickly guessed: "
                "all who guess it run code in the kernel"
            )
        if self.transport is Transport.IPC and self.curve is None and self.ip.startswith("@"):
            found.append(
                f"the address {self.ip} is an abstract one, which has no owner, and nothing is "
                f"encrypted: every user of this machine reads what the kernel shows"
            )
        if self.transport is Transport.TCP and self.curve is None and not _is_loopback(self.ip):
            found.append(
                f"the address {self.ip} can be reached from outside this machine, and nothing is "
                f"encrypted: who reaches it reads what the kernel shows"
            )
        return tuple(found)

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
    def from_json(
        cls,
        data: bytes,
        *,
        name: str = "connection file",
        instead: Mapping[str, Json] | None = None,
        otherwise: Mapping[str, Json] | None = None,
        allow_broken_scheme: bool = False,
    ) -> Self:
        """Return the connection file in *data*.

        Args:
            data: One JSON object.
            name: Stands in the errors.
            instead: Keys that count in place of the file's, such as those of a command line.
            otherwise: Keys that count where the file has none, or an empty text.
            allow_broken_scheme: Accept ``hmac-md5``.

        Raises:
            ConnectionFileError: not a JSON object; one of `CONNECTION_KEYS` is missing (CONN-16,
                CONN-17), or stands there twice; a registration file (CONN-19); a field with the
                wrong type, a port that is none, or that two channels have, one CURVE key without
                the other, a scheme that is unknown or broken.
        """
        try:
            fields = {**decode_object(data, name), **(instead or {})}
            fields |= {k: v for k, v in (otherwise or {}).items() if fields.get(k, "") == ""}
        except FramingError as error:
            raise ConnectionFileError(error.args[0], requirement="CONN-02") from error
        _check_keys(name, fields)
        check_repeated(name, data, SINGLE_KEYS, "CONN-02")
        made = cls.from_fields(fields, name=name, allow_broken_scheme=allow_broken_scheme)
        _check_ports(name, made)
        return made

    @classmethod
    def from_fields(
        cls,
        fields: JsonObject,
        *,
        name: str = "connection file",
        allow_broken_scheme: bool = False,
    ) -> Self:
        """Return the connection file with *fields*; all but the key may be missing.

        Raises:
            ConnectionFileError: as for `from_json`.
        """
        try:
            made = structure(cls, {**fields, **ports_as_numbers(fields)})
        except ContentError as error:
            raise ConnectionFileError(
                f"{name}: {'; '.join(map(without_secret, error.faults))}", requirement="CONN-02"
            ) from None  # the cause would show a key that is no text
        made._check(name, allow_broken_scheme=allow_broken_scheme)
        return made

    @classmethod
    def read(
        cls,
        path: str | os.PathLike[str],
        *,
        instead: Mapping[str, Json] | None = None,
        otherwise: Mapping[str, Json] | None = None,
        allow_broken_scheme: bool = False,
    ) -> Self:
        """Return the connection file at *path*.

        Args:
            path: The file.
            instead: As for `from_json`.
            otherwise: As for `from_json`.
            allow_broken_scheme: Accept ``hmac-md5``.

        Raises:
            ConnectionFileError: as for `from_json`, or the file cannot be read, is none, or has
                more than a megabyte.
        """
        data, risk = read_key_file(path, "CONN-17")
        made = cls.from_json(
            data,
            name=str(path),
            instead=instead,
            otherwise=otherwise,
            allow_broken_scheme=allow_broken_scheme,
        )
        object.__setattr__(made, "_mode_risk", risk)
        return made

    def to_json(self) -> bytes:
        """Return the file's bytes: one JSON object, unknown keys included."""
        return encode_json(unstructure(self))

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the file so that only its owner may read it, all of it or nothing (CONN-04).

        Raises:
            ConnectionFileError: the file cannot be written.
        """
        write_private(path, self.to_json())

    def _check(self, name: str, *, allow_broken_scheme: bool) -> None:
        if not self.ip:
            raise ConnectionFileError(
                f"{name}: ip: wanted an address, found an empty text", requirement="CONN-02"
            )
        if not all(map(_may_be_in_address, self.ip)):
            raise ConnectionFileError(
                f"{name}: ip: wanted an address, found {shorten(self.ip)}", requirement="CONN-02"
            )
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
        check_signing(
            name, self.key, self.signature_scheme, allow_broken_scheme=allow_broken_scheme
        )


def _check_keys(name: str, fields: JsonObject) -> None:
    """Refuse *fields* that lack one of `CONNECTION_KEYS`: nothing is guessed, least of all a key.

    Seen: all launchers of today write the nine. A kernel that took a missing key for an empty one
    would run the code of all who reach it.
    """
    missing = [key for key in CONNECTION_KEYS if key not in fields]
    if not missing:
        return
    if REGISTRATION_KEYS.intersection(fields):
        raise ConnectionFileError(
            f"{name}: wanted a connection file, found a registration file, which begins the "
            f"handshake of protocol 5.6",
            requirement="CONN-19",
        )
    what = "this key" if len(missing) == 1 else "these keys"
    raise ConnectionFileError(
        f"{name}: {', '.join(missing)}: wanted {what}, found none{_meant(missing, fields)}",
        requirement="CONN-16" if "key" in missing else "CONN-17",
    )


def _check_ports(name: str, connection: ConnectionFile) -> None:
    """Refuse a port that two channels have: a client would reach one of them by the other."""
    by_port: dict[int, Channel] = {}
    for channel in Channel:
        port = connection.port(channel)
        if port and (other := by_port.setdefault(port, channel)) is not channel:
            raise ConnectionFileError(
                f"{name}: {other}_port, {channel}_port: wanted different ports, found {port} twice",
                requirement="CONN-02",
            )


def _meant(missing: Sequence[str], fields: JsonObject) -> str:
    """Return a question for each of *missing* that another of the keys resembles."""
    import difflib  # noqa: PLC0415 - few files lack a key

    # Lower case and no hyphens: "Key" and "shell-port" differ by no more than that.
    others = {
        text.lower().replace("-", "_"): text for text in fields if text not in CONNECTION_KEYS
    }
    questions = [
        f"; found {shorten(others[near])}: is {key} meant?"
        for key in missing
        for near in difflib.get_close_matches(key, others, n=1, cutoff=NEAR_ENOUGH)
    ]
    return "".join(questions)


def check_signing(name: str, key: str, scheme: str, *, allow_broken_scheme: bool) -> None:
    """Refuse a *scheme* that is unknown or broken and a *key* that has no bytes.

    Args:
        name: The file's.
        key: As in the file.
        scheme: As in the file.
        allow_broken_scheme: Accept ``hmac-md5``.
    """
    try:
        Signer(b"", scheme, allow_broken=allow_broken_scheme)
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
    return {name: int(text) for name, text in texts if isinstance(text, str) and is_port(text)}


def _may_be_in_address(character: str) -> bool:
    """Return False for what ends an address where it stands, or cannot be encoded."""
    return character >= " " and not "\ud800" <= character <= "\udfff"


def _is_z85_key(text: str) -> bool:
    return len(text) == Z85_KEY_CHARACTERS and Z85.issuperset(text)


def _is_loopback(ip: str) -> bool:
    """Return True if *ip* is known to be reached from this machine alone."""
    if ip in {"127.0.0.1", "localhost", "lo", "::1", "[::1]"}:  # without an import
        return True
    if not ip.startswith("127.") and ":" not in ip:
        return False
    from ipaddress import IPv6Address, ip_address  # noqa: PLC0415 - few are written so

    try:
        address = ip_address(ip.strip("[]"))
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def is_port(text: str) -> bool:
    """Return whether *text* is a number as it is written; ``05`` may be meant as another."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= PORT_DIGITS
    return is_number and (text == "0" or not text.startswith("0"))


def without_secret(fault: str) -> str:
    """Return *fault* without the value, where that may be a key."""
    path, _, found = fault.partition(":")
    if path not in SECRETS or found == " wanted this field, found none":
        return fault
    return f"{path}: wanted text, found something else"
