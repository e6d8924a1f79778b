"""The file that tells an engine where its controller is: ``ipcontroller-engine.json``."""

from __future__ import annotations

from typing import Self

from attrs import field, frozen
from msgspec import UNSET, UnsetType

from assay.protocol._errors import ConnectionFileError, ContentError, FramingError
from assay.protocol.files._connection import MAX_PORT, check_signing, without_secret
from assay.protocol.files._repeated import check_repeated
from assay.protocol.wire._json import JsonObject, decode_object
from assay.protocol.wire._signing import DEFAULT_SCHEME
from assay.protocol.wire._structure import structure

__all__ = ["ClusterFile"]

PORTS = ("registration", "control", "mux", "task", "iopub", "hb_ping", "hb_pong")

SINGLE_KEYS = (
    *PORTS,
    "interface",
    "broadcast",
    "location",
    "ssh",
    "key",
    "signature_scheme",
    "pack",
    "unpack",
    "curve_serverkey",
)
"""What must not stand there twice."""

WILDCARDS = frozenset({"", "*", "0.0.0.0", "::"})  # noqa: S104 - what is never connected to
"""Interfaces that a controller listens on and no client can connect to."""


@frozen(kw_only=True)
class ClusterFile:
    """Where an engine finds the sockets of its controller, and how they speak (ENGINE-01).

    It is no kernel's connection file: the engine connects to each of these ports and binds none.
    """

    interface: str
    """Transport and address, such as ``tcp://127.0.0.1``; the address may be a wildcard."""

    registration: int
    """The port of the hub's socket for engines; the others are ports as well."""

    control: int
    mux: int
    """Tasks for one engine."""

    task: int
    """Tasks for any engine."""

    broadcast: tuple[int, ...]
    """Tasks for many engines: an engine connects to number *its own number* modulo their count."""

    iopub: int
    hb_ping: int
    hb_pong: int
    key: str = field(repr=False)
    """Signs the messages; empty where CURVE does, or nothing."""

    signature_scheme: str = DEFAULT_SCHEME
    """``hmac-`` and a hash."""

    pack: str = "json"
    """How the dicts of a message become bytes: ``json``, ``orjson``, ``pickle``, ``msgpack``, or
    the dotted name of a function."""

    unpack: str = "json"
    """The reverse."""

    curve_serverkey: str | UnsetType | None = UNSET
    """The controller's public key, 40 characters of Z85, if it uses CURVE."""

    location: str = ""
    """The controller's machine, where the interface is a wildcard."""

    ssh: str | UnsetType | None = UNSET
    """A machine to tunnel all connections through; empty for none."""

    _extra: JsonObject = field(factory=dict, repr=False, hash=False)

    @property
    def extra(self) -> JsonObject:
        """Keys that are not named here."""
        return self._extra

    @property
    def transport(self) -> str:
        """What stands before ``://`` in the interface."""
        return self.interface.partition("://")[0]

    @property
    def address(self) -> str:
        """What stands behind it."""
        return self.interface.partition("://")[2]

    @property
    def is_wildcard(self) -> bool:
        """True if the interface cannot be connected to, and `location` says where to go."""
        return self.address in WILDCARDS

    def url(self, port: int, host: str | None = None) -> str:
        """Return the ZeroMQ address of *port*, on *host* instead of the interface's address."""
        separator = "-" if self.transport == "ipc" else ":"
        return f"{self.transport}://{host or self.address}{separator}{port}"

    def broadcast_port(self, number: int) -> int:
        """Return the port that engine *number* connects to."""
        return self.broadcast[number % len(self.broadcast)]

    @classmethod
    def from_json(cls, data: bytes, *, name: str = "engine file") -> Self:
        """Return the file in *data*.

        Args:
            data: One JSON object.
            name: Stands in the errors.

        Raises:
            ConnectionFileError: not a JSON object, a key that is missing or has the wrong type,
                or stands there twice, a port outside 1 to 65535, or an unknown signature scheme.
        """
        try:
            fields = decode_object(data, name)
            if "broadcast" in fields and isinstance(fields["broadcast"], int):
                raise ConnectionFileError(
                    f"{name}: broadcast: wanted a list of ports, found a number: this is a "
                    f"client's file; an engine's ends in -engine.json"
                )
            if "shell_port" in fields:
                raise ConnectionFileError(
                    f"{name}: wanted the file of a controller for its engines, found the "
                    f"connection file of a kernel: that is for `assay kernel -f`"
                )
            made = structure(cls, fields)
        except FramingError as error:
            raise ConnectionFileError(f"{name}: {error}") from error
        except ContentError as error:
            raise ConnectionFileError(
                f"{name}: {'; '.join(map(without_secret, error.faults))}"
            ) from None  # the cause would show a key that is no text
        check_repeated(name, data, SINGLE_KEYS, "")
        made._check(name)
        return made

    def _check(self, name: str) -> None:
        if "://" not in self.interface:
            raise ConnectionFileError(
                f"{name}: interface: wanted a form such as tcp://127.0.0.1, found "
                f"{self.interface!r:.80}"
            )
        if not self.broadcast:
            raise ConnectionFileError(f"{name}: broadcast: wanted a port at least, found none")
        ports = {port: getattr(self, port) for port in PORTS}
        ports.update({f"broadcast[{i}]": port for i, port in enumerate(self.broadcast)})
        for where, port in ports.items():
            if not 1 <= port <= MAX_PORT:
                raise ConnectionFileError(f"{name}: {where}: wanted 1 to {MAX_PORT}, found {port}")
        check_signing(name, self.key, self.signature_scheme, allow_broken_scheme=False)
