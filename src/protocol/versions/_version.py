"""The versions that differ on the wire, and how a header shows its own."""

from __future__ import annotations

import re
from enum import StrEnum

from assay.protocol._errors import LocalError, shorten
from assay.protocol.versions._reading import fault
from assay.protocol.wire._arguments import check_mapping
from assay.protocol.wire._json import JsonObject

__all__ = ["ProtocolVersion", "version_named", "version_of"]


class ProtocolVersion(StrEnum):
    """A version whose messages look different from the next one's; older ones compare less."""

    V3 = "3"
    """IPython 0.12 and 0.13: three dicts a message, HMAC-MD5. A name given afterwards."""

    V4_0 = "4.0"
    """IPython 1: four dicts, HMAC-SHA256, kernel_info."""

    V4_1 = "4.1"
    """IPython 2: comms, and a clear_output that waits."""

    V5_5 = "5.5"
    """Ours, and all of major 5: its minor versions add, and change nothing (HDR-09)."""


def version_named(version: ProtocolVersion | str) -> ProtocolVersion:
    """Return the version that a program asks for by its name; any of major 5 is ours.

    Raises:
        LocalError: there is none of this name.
    """
    if isinstance(version, str):
        if _OF_MAJOR_5.fullmatch(version):
            return ProtocolVersion.V5_5
        if version in tuple(ProtocolVersion):
            return ProtocolVersion(version)
    names = ", ".join(ProtocolVersion)
    raise LocalError(f"wanted one of the versions {names}, found {shorten(version)}")


_OF_MAJOR_5 = re.compile(r"5(\.\d{1,9}){0,2}", re.ASCII)
_NUMBERS = re.compile(r"(\d{1,9})(?:\.(\d{1,9}))?(?:\.|$)")


def version_of(header: JsonObject) -> ProtocolVersion:
    """Return the version that a message with this *header*, behind it three dicts, speaks.

    A header that names none is taken for 4.1, the last version that did so; so is a list, the
    IPython version that snapshots of late 2012 wrote there. A major number we do not know is taken
    for ours.

    Raises:
        ContentError: ``version`` is no version, or one that never was.
        LocalError: *header* is no object.
    """
    check_mapping(header, "a header as an object", "HDR-01")
    version = header.get("version")
    if version is None or isinstance(version, (list, tuple)):
        return ProtocolVersion.V4_1
    found = _NUMBERS.match(version) if isinstance(version, str) else None
    major = int(found[1]) if found else 0
    if found is None or major < 3:
        raise fault("version", "a version like '5.5'", version)
    if major >= 5:
        return ProtocolVersion.V5_5
    if major == 3:
        return ProtocolVersion.V3
    return ProtocolVersion.V4_1 if int(found[2] or 0) else ProtocolVersion.V4_0
