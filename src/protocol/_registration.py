"""The file that tells a kernel where to report the ports it chose."""

from __future__ import annotations

from attrs import field, frozen

from assay.protocol._connection import Transport
from assay.protocol._json import JsonObject
from assay.protocol._signing import DEFAULT_SCHEME

__all__ = ["RegistrationFile"]


@frozen(kw_only=True)
class RegistrationFile:
    """Where a kernel that chooses its own ports reports them (5.6 draft, HANDSHAKE-01)."""

    kernel_id: str
    registration_ip: str
    registration_port: int
    transport: Transport = Transport.TCP
    key: str = field(default="", repr=False)
    signature_scheme: str = DEFAULT_SCHEME
    _extra: JsonObject = field(factory=dict, repr=False, hash=False)
