"""The JSON Schemas of message types and files, by version and profile."""

from __future__ import annotations

import json
from functools import cache
from typing import Literal, TypeAlias, get_args

from attrs import field, frozen

from assay.protocol import PROTOCOL_VERSION, JsonObject
from assay.spec._errors import UnknownNameError
from assay.spec._files import Table, read_json, text_of

__all__ = ["Profile", "Schema", "schema", "schema_names", "versions"]

Profile: TypeAlias = Literal["strict", "lenient"]
"""Strict: what the text says and nothing else. Lenient: what a tolerant receiver takes."""


@frozen(kw_only=True)
class Schema:
    """One JSON Schema, of one message type or file."""

    name: str
    """The message type; or ``header``, ``connection_file``, ``kernelspec``…"""

    version: str
    """The protocol version that was asked for; the document may serve several."""

    profile: Profile
    """How much it asks for."""

    path: str
    """The file, relative to the folder ``schemas``."""

    document: JsonObject = field(repr=False)
    """The schema itself; not to be changed."""

    @property
    def title(self) -> str:
        """What the schema calls itself."""
        return str(self.document["title"])


def versions() -> tuple[str, ...]:
    """Return the protocol versions that have schemas, oldest first."""
    return tuple(_index()["versions"])


def schema_names(version: str = PROTOCOL_VERSION) -> tuple[str, ...]:
    """Return the message types and files of *version*, sorted.

    Raises:
        UnknownNameError: there are no schemas of that version.
    """
    return tuple(sorted(_entries(version)))


def schema(msg_type: str, version: str = PROTOCOL_VERSION, profile: Profile = "strict") -> Schema:
    """Return the schema of the content of a *msg_type* message, or of a file.

    Args:
        msg_type: As in the header of that *version*; or ``header``, ``connection_file``,
            ``registration_file``, ``kernelspec``.
        version: One of `versions`.
        profile: ``strict`` or ``lenient``.

    Raises:
        UnknownNameError: there is no such version, type or profile.
    """
    entries = _entries(version)
    if msg_type not in entries:
        raise UnknownNameError(f"a message type or file of version {version}", msg_type, entries)
    if profile not in get_args(Profile):
        raise UnknownNameError("the profile strict or lenient", profile, get_args(Profile))
    path = entries[msg_type][profile]
    return Schema(
        name=msg_type, version=version, profile=profile, path=path, document=_document(path)
    )


def _entries(version: str) -> Table:
    known: Table = _index()["versions"]
    if version not in known:
        raise UnknownNameError(f"a version from {min(known)} to {max(known)}", version, known)
    entries: Table = known[version]
    return entries


@cache
def _index() -> Table:
    return read_json("schemas/index.json")


@cache
def _document(path: str) -> JsonObject:
    document: JsonObject = json.loads(text_of(f"schemas/{path}"))
    return document
