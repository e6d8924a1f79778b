"""Who may talk: HMAC over the four dicts as they are on the wire, and no message twice.

The signature is the lower-case hexadecimal HMAC (RFC 2104) of header, parent header, metadata and
content, in that order, as bytes (SIGN-02, SIGN-04). Identities, delimiter and buffers are not
covered.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import deque
from typing import Protocol

from assay.protocol._errors import LocalError, ReplayError, SignatureError, shorten
from assay.protocol.wire._arguments import check_count, check_dicts, check_instance, check_text

__all__ = ["DEFAULT_SCHEME", "ReplayWindow", "Signer"]

DEFAULT_SCHEME = "hmac-sha256"
PREFIX = "hmac-"

BROKEN_HASHES = frozenset({"md5"})
"""Hashes that are used only where a program allows them, whatever a file names (AMB-54)."""

REPLAY_WINDOW = 65_536
"""Messages remembered: at 100 bytes each some 6 MB at most, and hours of a busy notebook."""


class _Hash(Protocol):
    def copy(self) -> _Hash: ...
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...
    def hexdigest(self) -> str: ...


class Signer:
    """Sign and verify under one key.

    Args:
        key: The bytes of the connection file's ``key``, as text encoded in UTF-8 (SIGN-05). Empty:
            nothing is signed and everything is accepted (SIGN-06).
        scheme: ``hmac-`` and the name of a hash that `hashlib` has (SIGN-11).
        allow_broken: Accept ``hmac-md5``, for peers older than 2013.

    Raises:
        LocalError: the *key* is no bytes (SIGN-05), or the *scheme* is unknown or broken (SIGN-12).
    """

    __slots__ = ("_inner", "_outer", "scheme")

    def __init__(
        self, key: bytes, scheme: str = DEFAULT_SCHEME, *, allow_broken: bool = False
    ) -> None:
        _check_key(key)
        digest = _digest_name(scheme, allow_broken=allow_broken)
        self.scheme = scheme
        self._inner: _Hash | None = None
        self._outer: _Hash | None = None
        if not key:
            return
        # The keyed halves of RFC 2104 are hashed once here and copied for each message: 40 % less
        # time a signature than `hmac.digest` (decision 0003).
        block = hashlib.new(digest).block_size
        padded = (hashlib.new(digest, key).digest() if len(key) > block else key).ljust(
            block, b"\0"
        )
        self._inner = hashlib.new(digest, bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.new(digest, bytes(byte ^ 0x5C for byte in padded))

    @property
    def has_key(self) -> bool:
        """True if messages are signed and checked."""
        return self._inner is not None

    def sign(self, header: bytes, parent_header: bytes, metadata: bytes, content: bytes) -> bytes:
        """Return the signature frame of these four frames; empty if there is no key.

        Raises:
            LocalError: one of them is no bytes object (SIGN-02).
        """
        if self._inner is None or self._outer is None:
            return b""
        inner = self._inner.copy()
        try:
            inner.update(header + parent_header + metadata)
            inner.update(content)
        except (TypeError, BufferError):
            check_dicts(header, parent_header, metadata, content)
            raise
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest().encode("ascii")

    def verify(
        self, signature: bytes, header: bytes, parent_header: bytes, metadata: bytes, content: bytes
    ) -> None:
        """Return if *signature* is that of the four frames, or if there is no key.

        Raises:
            SignatureError: the signature is empty (SIGN-09) or another one (SIGN-07).
            LocalError: it, or one of the frames, is no bytes object (SIGN-02).
        """
        if self._inner is None:
            return
        if type(signature) is not bytes:
            check_instance(signature, bytes, "a signature as bytes", "SIGN-02")
        if not signature:
            raise SignatureError("wanted a signed message, found none", requirement="SIGN-09")
        wanted = self.sign(header, parent_header, metadata, content)
        if not hmac.compare_digest(wanted, signature):
            raise SignatureError(
                f"wanted the signature of this message, found {shorten(signature)}",
                requirement="SIGN-07",
            )


def _check_key(key: object) -> None:
    # A program without a type checker hands in the text of the file. Its value is secret.
    if not isinstance(key, bytes):
        kind = "text, which encode() makes bytes" if isinstance(key, str) else type(key).__name__
        raise LocalError(f"wanted the key as bytes, found {kind}", requirement="SIGN-05")


def _digest_name(scheme: str, *, allow_broken: bool) -> str:
    check_text(scheme, "signature scheme")
    name = scheme.removeprefix(PREFIX)
    if name == scheme or name not in hashlib.algorithms_available:
        raise LocalError(
            f"wanted a signature scheme like {DEFAULT_SCHEME!r}, found {shorten(scheme)}",
            requirement="SIGN-12",
        )
    if name in BROKEN_HASHES and not allow_broken:
        raise LocalError(
            f"wanted a signature scheme like {DEFAULT_SCHEME!r}, found {scheme!r}: the hash is "
            f"broken, and only a program that allows broken schemes uses it",
            requirement="SIGN-12",
        )
    try:
        hashlib.new(name).hexdigest()
    except (TypeError, ValueError) as error:  # SHAKE wants a length, OpenSSL may refuse old ones
        raise LocalError(
            f"{scheme!r} cannot sign messages: {error}", requirement="SIGN-12"
        ) from error
    return name


class ReplayWindow:
    """The signatures of the newest *size* verified messages (SIGN-14, SIGN-15).

    Only what has been verified may be entered: otherwise a peer without the key could fill the
    memory, and the forged copy of a message would make the genuine one look like the copy.

    Raises:
        LocalError: *size* is no number, or less than 0.
    """

    __slots__ = ("_order", "_seen")

    def __init__(self, size: int = REPLAY_WINDOW) -> None:
        check_count(size, "a window of 0 messages or more", 0)
        self._order: deque[bytes] = deque(maxlen=size)
        self._seen: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._order)

    def enter(self, signature: bytes) -> None:
        """Remember the verified *signature*.

        Raises:
            ReplayError: it is remembered already.
        """
        if signature in self._seen:
            raise ReplayError("wanted a new message, found one seen before", requirement="SIGN-14")
        order = self._order
        if order.maxlen == 0:
            return
        if len(order) == order.maxlen:
            self._seen.discard(order.popleft())
        order.append(signature)
        self._seen.add(signature)
