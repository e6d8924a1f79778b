"""The JSON Schemas of message types and files, by version and profile."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Literal, TypeAlias, get_args

from attrs import field, frozen

from assay.protocol import PROTOCOL_VERSION, JsonObject
from assay.spec._errors import UnknownNameError
from assay.spec._files import Table, read_json, text_of

__all__ = [
    "Profile",
    "Schema",
    "message_schema",
    "schema",
    "schema_names",
    "schema_version",
    "versions",
]

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
    """The schema itself; not to be changed. In that of a whole message stand under ``$defs`` those
    of all contents, which its file refers to, so that a validator needs nothing else."""

    @property
    def title(self) -> str:
        """What the schema calls itself."""
        return str(self.document["title"])


def versions() -> tuple[str, ...]:
    """Return the protocol versions that have schemas, oldest first."""
    return tuple(_index()["versions"])


OLDEST_UNNAMED = "4.1"
"""The version of a header that names none: the last one whose headers did not."""

ENVELOPES = ("message-", "websocket_message-")
"""How the files of schemas begin that refer to others."""

EXAMPLES = frozenset({"examples", "x-counter-examples"})

MINOR = re.compile(r"(\d{1,9})\.(\d{1,9})(?:\.\d{1,9})?", re.ASCII)


def schema_version(version: str | None) -> str:
    """Return which of `versions` judges a message whose header claims *version*.

    Patch numbers are ignored, a newer minor version of 5 is judged as the newest that has schemas,
    since minor versions only add (INFO-04), and None, for a header without one, is 4.1.

    Raises:
        UnknownNameError: it is no version, or one of a protocol that has no schemas.
    """
    if version is None:
        return OLDEST_UNNAMED
    version = str(version)  # 5.5 of a program without a type checker
    found = MINOR.fullmatch(version)
    known = versions()
    short = f"{int(found[1])}.{int(found[2])}" if found else version
    if short in known:
        return short
    newest = known[-1]
    if found and _numbers(short)[0] == _numbers(newest)[0] and _numbers(short) > _numbers(newest):
        return newest
    raise UnknownNameError(f"a version from {known[0]} to {newest}", version, known)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def message_schema(header: Mapping[str, object], profile: Profile = "lenient") -> Schema | None:
    """Return the schema of the content that goes with *header*; None for a type that has none.

    The version is that of `schema_version`. A type that is newer than the version has the schema of
    the oldest version that knows it: it is the version which is wrong, strictly (HDR-09).

    Raises:
        UnknownNameError: the version has no schemas.
    """
    msg_type, claimed = header.get("msg_type"), header.get("version")
    version = schema_version(claimed if isinstance(claimed, str) else None)
    later = versions()[versions().index(version) :]
    for one in later:
        entry = _entries(one).get(str(msg_type))
        if entry is not None and entry["kind"] == "message":
            return schema(str(msg_type), one, profile)
    return None


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
        version: One of `versions`, or one that `schema_version` takes for it.
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
    entries: Table = _index()["versions"][schema_version(version)]
    return entries


@cache
def _index() -> Table:
    return read_json("schemas/index.json")


@cache
def _document(path: str) -> JsonObject:
    document: Table = json.loads(text_of(f"schemas/{path}"))
    if path.partition("/")[2].startswith(ENVELOPES):
        referred = [row["then"]["properties"]["content"]["$ref"] for row in document["allOf"]]
        document["$defs"] = {urn: _contained(urn) for urn in referred}
    return document


def _contained(urn: str) -> JsonObject:
    """Return the schema *urn* as it stands within another, without its examples."""
    profile, name, version = urn.split(":")[-3:]
    whole = _document(f"{profile}/{name}-{version}.json")
    return {key: value for key, value in whole.items() if key not in EXAMPLES}
