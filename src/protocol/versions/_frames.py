"""Frames of old versions, and which version frames are of.

| frames behind the delimiter | 3                       | 4.0 and later                     |
|-----------------------------|-------------------------|-----------------------------------|
| signature                   | HMAC-MD5, 32 hex digits | HMAC-SHA256, 64                   |
| dicts                       | header, parent, content | header, parent, metadata, content |
| 0 or more                   | buffers                 | buffers                           |

Nothing of version 3 is accepted because a peer speaks it: MD5 and three dicts are used only when
`allow_broken_scheme` says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from assay.protocol._errors import FramingError, LocalError, SignatureError, shorten
from assay.protocol.versions._draft import MessageDict, read_message
from assay.protocol.versions._version import ProtocolVersion, version_named, version_of
from assay.protocol.wire._arguments import as_bytes, check_bytes
from assay.protocol.wire._framing import DELIMITER, Buffer, delimited
from assay.protocol.wire._json import EMPTY_OBJECT, decode_object, encode_json
from assay.protocol.wire._signing import DEFAULT_SCHEME, ReplayWindow, Signer

__all__ = ["FrameCodec", "Recognition", "recognize"]

BROKEN_SCHEME = "hmac-md5"
MD5_DIGITS = 32


class FrameCodec:
    """Encode and decode the frames of one version under one key.

    Args:
        version: The version; 4.0 and later have the same frames.
        key: The connection file's ``key`` as bytes; empty switches signing and checking off.
        signature_scheme: ``hmac-`` and a hash; if empty, the one of the version.
        allow_broken_scheme: Accept HMAC-MD5, and with it version 3, which has nothing else.
        replay_window: How many verified signatures are remembered; 0 accepts repetitions.

    Raises:
        LocalError: the scheme is unknown, or broken and not allowed (SIGN-12).
    """

    def __init__(
        self,
        version: ProtocolVersion,
        key: bytes,
        *,
        signature_scheme: str = "",
        allow_broken_scheme: bool = False,
        replay_window: int | None = None,
    ) -> None:
        version = version_named(version)
        is_v3 = version is ProtocolVersion.V3
        if is_v3 and not allow_broken_scheme:
            raise LocalError(
                "version 3 is signed with MD5, which is broken; it is spoken only when asked for",
                requirement="SIGN-12",
            )
        scheme = signature_scheme or (BROKEN_SCHEME if is_v3 else DEFAULT_SCHEME)
        self.version = version
        self._signer = Signer(key, scheme, allow_broken=allow_broken_scheme)
        self._replay = ReplayWindow() if replay_window is None else ReplayWindow(replay_window)

    def encode(
        self, message: Mapping[str, object], identities: Sequence[bytes] = ()
    ) -> list[Buffer]:
        """Return the signed frames of *message* behind the routing prefix *identities*.

        Version 3 has no place for metadata: what must go along belongs into the header.

        Raises:
            ContentError: a part of *message* is no object.
            FramingError: a part came as bytes that are no JSON object.
            LocalError: *message* is no mapping, or *identities* no list of bytes.
        """
        check_bytes("identities", identities, "WIRE-02")
        data = read_message(message)
        header, parent_header, metadata, content = (
            _encode(data["header"]),
            _encode(data["parent_header"]),
            _encode(data["metadata"]),
            _encode(data["content"]),
        )
        if self.version is ProtocolVersion.V3:
            signature = self._signer.sign(header, parent_header, b"", content)
            dicts = [header, parent_header, content]
        else:
            signature = self._signer.sign(header, parent_header, metadata, content)
            dicts = [header, parent_header, metadata, content]
        return [*identities, DELIMITER, signature, *dicts, *data["buffers"]]

    def decode(self, frames: Sequence[Buffer]) -> tuple[tuple[bytes, ...], MessageDict]:
        """Verify one ZeroMQ message; return its routing prefix and the message.

        Raises:
            FramingError: the frames are no message of this version (WIRE-18).
            LocalError: *frames* is no list of bytes.
            SignatureError: the signature is missing, wrong or seen before.
            ContentError: the header lacks its id or type (HDR-01).
        """
        identities, behind = _split(frames)
        has_metadata = self.version is not ProtocolVersion.V3
        end = 5 if has_metadata else 4
        if len(behind) < end:
            raise FramingError(
                f"wanted a signature and {end - 1} dicts behind the delimiter, "
                f"found {len(behind)} frames",
                requirement="WIRE-06",
            )
        signature, header, parent_header, *metadata, content = (
            as_bytes(frame, "a frame behind the delimiter") for frame in behind[:end]
        )
        self._signer.verify(signature, header, parent_header, b"".join(metadata), content)
        message = read_message(
            {
                "header": header,
                "parent_header": parent_header,
                "metadata": metadata[0] if metadata else EMPTY_OBJECT,
                "content": content,
                "buffers": behind[end:],
            }
        )
        if self._signer.has_key:
            self._replay.enter(signature)
        return identities, message


@frozen(kw_only=True)
class Recognition:
    """What frames show of the peer that sent them."""

    version: ProtocolVersion
    """The version whose frames these are."""

    signature_scheme: str
    """The scheme that verified the signature, or the one of the version if nothing was checked.

    Snapshots of IPython from July 2012 to July 2013 have four dicts and HMAC-MD5.
    """

    def codec(self, key: bytes, *, allow_broken_scheme: bool = False) -> FrameCodec:
        """Return a codec for the further frames of this peer.

        Raises:
            LocalError: the scheme is broken and not allowed (SIGN-12).
        """
        return FrameCodec(
            self.version,
            key,
            signature_scheme=self.signature_scheme,
            allow_broken_scheme=allow_broken_scheme,
        )


def recognize(
    frames: Sequence[Buffer],
    key: bytes = b"",
    *,
    signature_scheme: str = DEFAULT_SCHEME,
    allow_broken_scheme: bool = False,
) -> Recognition:
    """Return which version the *frames* of one ZeroMQ message are of.

    With a key, the signature decides: over three dicts it is version 3's. Without one, the number
    of frames does: four are version 3; with more, the fifth is an object in 4.0 and later, and in
    version 3 a buffer. Of four dicts the header names the version, see `version_of`.

    Args:
        frames: Routing prefix, delimiter and the rest.
        key: The connection file's ``key`` as bytes; with an empty one nothing is checked.
        signature_scheme: What peers of 4.0 and later sign with.
        allow_broken_scheme: Accept HMAC-MD5, and with it version 3.

    Raises:
        FramingError: the frames are no message, or version 3 and that is not allowed.
        SignatureError: no allowed scheme gives this signature (SIGN-07, SIGN-09).
        ContentError: the header names no version.
        LocalError: *signature_scheme* is unknown, or *frames* is no list of bytes.
    """
    _, rest = _split(frames)
    behind = [as_bytes(frame, "a frame behind the delimiter") for frame in rest[:5]]
    if len(behind) < 4:
        raise FramingError(
            f"wanted a signature and three dicts at least, found {len(behind)} frames",
            requirement="WIRE-06",
        )
    signer = Signer(key, signature_scheme, allow_broken=allow_broken_scheme)
    if key:
        if len(behind[0]) == MD5_DIGITS and allow_broken_scheme:
            signer = Signer(key, BROKEN_SCHEME, allow_broken=True)
        dicts = _signed_dicts(behind, signer)
    else:
        dicts = _dicts(behind)
    if dicts == 3:
        if not allow_broken_scheme:
            raise FramingError(
                "wanted four dicts, found the three of version 3, which is accepted only when "
                "asked for",
                requirement="WIRE-06",
            )
        return Recognition(version=ProtocolVersion.V3, signature_scheme=BROKEN_SCHEME)
    version = version_of(decode_object(behind[1], "header"))
    # A header behind which there are four dicts is no version 3's, whatever it says.
    return Recognition(version=max(version, ProtocolVersion.V4_0), signature_scheme=signer.scheme)


def _signed_dicts(behind: Sequence[bytes], signer: Signer) -> int:
    """Return how many dicts are signed."""
    signature = behind[0]
    if signer.scheme == BROKEN_SCHEME:
        try:
            signer.verify(signature, behind[1], behind[2], b"", behind[3])
        except SignatureError:
            pass  # of the four dicts, perhaps
        else:
            return 3
    if len(behind) < 5:
        raise SignatureError(
            f"wanted the signature of this message, found {shorten(signature)}",
            requirement="SIGN-07" if signature else "SIGN-09",
        )
    signer.verify(*behind[:5])
    return 4


def _dicts(behind: Sequence[bytes]) -> int:
    """Return how many dicts there are, where no signature tells."""
    if len(behind) == 4:
        return 3
    try:
        decode_object(behind[4], "content")
    except FramingError:
        return 3
    return 4


def _split(frames: Sequence[Buffer]) -> tuple[tuple[bytes, ...], Sequence[Buffer]]:
    frames, start = delimited(frames)
    return tuple([as_bytes(one, "identities") for one in frames[:start]]), frames[start + 1 :]


def _encode(part: Mapping[str, object]) -> bytes:
    return encode_json(part) if part else EMPTY_OBJECT
