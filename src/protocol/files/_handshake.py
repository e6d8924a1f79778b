"""The start-up handshake, a draft of 5.6: a kernel chooses its ports and reports them.

| frames of both messages | what                                                    |
|-------------------------|---------------------------------------------------------|
| 0 or more               | identities: whatever the router put in front            |
| ``<IDS|MSG>``           | the delimiter                                           |
| 1                       | the HMAC of the content frame (HANDSHAKE-05)            |
| 1                       | the content, a JSON object: a registration, or anything |

They have no header: a `Session` refuses them, and this module reads nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from attrs import field, frozen

from assay.protocol._errors import ContentError, FramingError, shorten
from assay.protocol.files._connection import (
    MAX_PORT,
    ConnectionFile,
    ports_as_numbers,
)
from assay.protocol.files._registration import RegistrationFile
from assay.protocol.wire._arguments import as_bytes, check_bytes, check_frames, check_instance
from assay.protocol.wire._framing import DELIMITER, Buffer
from assay.protocol.wire._json import Json, JsonObject, decode_object, encode_json
from assay.protocol.wire._registry import Channel
from assay.protocol.wire._signing import Signer
from assay.protocol.wire._structure import structure, unstructure

__all__ = ["Handshake", "Registration"]

RULE = "HANDSHAKE-03"


@frozen(kw_only=True)
class Registration:
    """The ports that a kernel chose (messaging.rst §Kernel startup handshake, HANDSHAKE-03).

    Spec: the ports are text here and numbers in connection files. Here: they are numbers, written
    as text and read from either (AMB-57).
    """

    kernel_id: str
    """As in the registration file (HANDSHAKE-04)."""

    shell_port: int
    """1 to 65535, as are the others."""

    control_port: int
    """The port of the control channel."""

    stdin_port: int
    """The port of the stdin channel."""

    iopub_port: int
    """The port of the IOPub channel."""

    hb_port: int
    """The port of the heartbeat."""

    _extra: JsonObject = field(factory=dict, repr=False, hash=False)

    @property
    def extra(self) -> JsonObject:
        """Keys that the protocol does not name."""
        return self._extra

    @classmethod
    def of(cls, file: RegistrationFile, bound: ConnectionFile) -> Self:
        """Return what a kernel that was started with *file* reports when it has bound *bound*."""
        return cls(
            kernel_id=file.kernel_id,
            shell_port=bound.shell_port,
            control_port=bound.control_port,
            stdin_port=bound.stdin_port,
            iopub_port=bound.iopub_port,
            hb_port=bound.hb_port,
        )

    @classmethod
    def from_object(cls, content: JsonObject) -> Self:
        """Return the registration that the JSON object *content* describes.

        Raises:
            ContentError: a field is missing or has the wrong type, or a port is none.
        """
        made = structure(cls, {**content, **ports_as_numbers(content)})
        faults = tuple(
            f"{channel}_port: wanted 1 to {MAX_PORT}, found {port}"
            for channel, port in made.ports.items()
            if not 0 < port <= MAX_PORT
        )
        if faults:
            raise ContentError(
                f"wanted a Registration, found faults: {'; '.join(faults)}",
                requirement=RULE,
                faults=faults,
            )
        return made

    @property
    def ports(self) -> Mapping[Channel, int]:
        """The port of each channel."""
        return {channel: getattr(self, f"{channel}_port") for channel in Channel}

    def to_object(self) -> dict[str, Json]:
        """Return the JSON object as it is sent, with ports as text."""
        texts = {f"{channel}_port": str(port) for channel, port in self.ports.items()}
        return {**unstructure(self), **texts}

    def connection(self, file: RegistrationFile, *, ip: str = "127.0.0.1") -> ConnectionFile:
        """Return the connection file of the kernel that registered (HANDSHAKE-09, HANDSHAKE-12).

        Args:
            file: What the kernel was started with; key, scheme and transport are its.
            ip: Where the kernel is; over ipc the beginning of the paths. Its registration does not
                tell (AMB-57).
        """
        made = ConnectionFile(
            ip=ip,
            transport=file.transport,
            key=file.key,
            signature_scheme=file.signature_scheme,
        )
        return made.with_ports(self.ports)


class Handshake:
    """Encode and decode the two messages of a kernel's start, for either side.

    Args:
        file: The registration file that the kernel is started with.
        allow_broken_scheme: Accept ``hmac-md5``.

    Raises:
        LocalError: *file* is something else, or its signature scheme is unknown, or broken and
            not allowed (SIGN-12).
    """

    def __init__(self, file: RegistrationFile, *, allow_broken_scheme: bool = False) -> None:
        check_instance(file, RegistrationFile, "a registration file")
        self.file = file
        self._signer = Signer(
            file.key.encode(), file.signature_scheme, allow_broken=allow_broken_scheme
        )

    def register(
        self, registration: Registration, identities: Sequence[bytes] = ()
    ) -> list[Buffer]:
        """Return the frames with which a kernel reports its ports (HANDSHAKE-03).

        Raises:
            LocalError: *registration* is none, or *identities* no list of bytes.
        """
        check_instance(registration, Registration, "a registration", RULE)
        return self._encode(registration.to_object(), identities)

    def read_registration(self, frames: Sequence[Buffer]) -> tuple[tuple[bytes, ...], Registration]:
        """Verify what a kernel sent; return its routing prefix and the registration.

        Raises:
            FramingError: the frames are none of the handshake.
            SignatureError: the signature is missing or wrong (HANDSHAKE-05).
            ContentError: it is no registration (HANDSHAKE-03), or that of another kernel than the
                one in the file (HANDSHAKE-04).
        """
        identities, content = self._decode(frames)
        registration = Registration.from_object(content)
        if registration.kernel_id != self.file.kernel_id:
            fault = (
                f"kernel_id: wanted {shorten(self.file.kernel_id)}, "
                f"found {shorten(registration.kernel_id)}"
            )
            raise ContentError(fault, requirement="HANDSHAKE-04", faults=(fault,))
        return identities, registration

    def acknowledge(
        self, identities: Sequence[bytes] = (), content: JsonObject | None = None
    ) -> list[Buffer]:
        """Return the frames that tell the kernel behind *identities* that it is known.

        Any *content* will do (HANDSHAKE-06).

        Raises:
            LocalError: *identities* is no list of bytes.
            JsonError: a part of *content* has no JSON form.
        """
        return self._encode({} if content is None else content, identities)

    def read_acknowledgement(self, frames: Sequence[Buffer]) -> JsonObject:
        """Verify what the registration service answered, and return its content.

        Raises:
            FramingError: the frames are none of the handshake.
            SignatureError: the signature is missing or wrong: it counts as none (HANDSHAKE-11).
        """
        return self._decode(frames)[1]

    def _encode(self, content: JsonObject, identities: Sequence[bytes]) -> list[Buffer]:
        check_bytes("identities", identities, "WIRE-02")
        data = encode_json(content)
        return [*identities, DELIMITER, self._signer.sign(b"", b"", b"", data), data]

    def _decode(self, frames: Sequence[Buffer]) -> tuple[tuple[bytes, ...], JsonObject]:
        check_frames(frames)
        whole = [as_bytes(frame, f"frame {at}") for at, frame in enumerate(frames)]
        if DELIMITER not in whole or len(whole) - whole.index(DELIMITER) != 3:
            raise FramingError(
                f"wanted the delimiter {DELIMITER!r}, a signature and a content, "
                f"found {len(whole)} other frames",
                requirement=RULE,
            )
        start = whole.index(DELIMITER)
        signature, data = whole[start + 1 :]
        self._signer.verify(signature, b"", b"", b"", data)
        return tuple(whole[:start]), decode_object(data, "content")
