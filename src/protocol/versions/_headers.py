"""Headers, parent headers and the metadata that version 3 does not have.

| field        | 3, 4.0, 4.1                                   | 5.5                            |
|--------------|-----------------------------------------------|--------------------------------|
| ``msg_type`` | pyin, pyout, pyerr, object_info_*             | execute_input, …, inspect_*    |
| ``version``  | absent                                        | present                        |
| ``date``     | local, without a zone; absent from notebooks  | with a zone                    |
| others       | 3: what later moved to the metadata           | ``subshell_id``                |
"""

from __future__ import annotations

from datetime import datetime, tzinfo

from assay.protocol.versions._draft import Draft
from assay.protocol.versions._version import ProtocolVersion
from assay.protocol.wire._json import Json

__all__ = ["NEW_NAMES", "OLD_NAMES", "lower_headers", "raise_headers"]

OLD_NAMES = {
    "error": "pyerr",
    "execute_input": "pyin",
    "execute_result": "pyout",
    "inspect_reply": "object_info_reply",
    "inspect_request": "object_info_request",
}
"""Every message type that 5.0 renamed."""

NEW_NAMES = {old: new for new, old in OLD_NAMES.items()}

MANGLED = {"object_reply": "inspect_reply", "kernel_reply": "kernel_info_reply"}
"""What old kernels call an aborted reply: the request's name up to its *first* underscore."""

RAISED_VERSION = "5.0"
"""What a header says after `up`: not ours, so that a kernel knows its peer to be old."""

HEADER_FIELDS = frozenset(
    {"msg_id", "msg_type", "session", "username", "date", "version", "subshell_id"}
)

ENGINE_FIELDS = ("dependencies_met", "engine", "started", "status")
"""What a scheduler of IPython.parallel reads in the headers of version 3."""


def raise_headers(draft: Draft, arrived: datetime) -> None:
    """Make the headers of an old message those of 5.0."""
    header = draft.header
    if draft.version is ProtocolVersion.V3:
        for name in header.keys() - HEADER_FIELDS:
            draft.metadata[name] = header.pop(name)
    if draft.msg_type in MANGLED and draft.aborted:
        header["msg_type"] = MANGLED[draft.msg_type]
    if header.get("date") is None:
        header["date"] = arrived.isoformat().replace("+00:00", "Z")
    for each in filter(None, (header, draft.parent_header)):
        _rename(each, NEW_NAMES)
        each["version"] = RAISED_VERSION


def lower_headers(draft: Draft, zone: tzinfo, *, parallel: bool) -> None:
    """Make the headers of a 5.5 message those of the old version."""
    for header in filter(None, (draft.header, draft.parent_header)):
        _rename(header, OLD_NAMES)
        header.pop("version", None)
        header.pop("subshell_id", None)
        if "date" in header:
            header["date"] = _old_date(header["date"], zone, draft.version)
    if draft.version is ProtocolVersion.V3:
        if parallel:
            extras = {
                name: draft.metadata[name] for name in ENGINE_FIELDS if name in draft.metadata
            }
            draft.header.update(extras)
        draft.metadata = {}


def _rename(header: dict[str, Json], names: dict[str, str]) -> None:
    name = header.get("msg_type")
    if isinstance(name, str):
        header["msg_type"] = names.get(name, name)


def _old_date(date: Json, zone: tzinfo, version: ProtocolVersion) -> Json:
    """Return *date* without a zone, which old readers would read and ignore."""
    try:
        moment = datetime.fromisoformat(date) if isinstance(date, str) else None
        if moment is None or moment.tzinfo is None:
            return date
        local = moment.astimezone(zone).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return date
    # Readers of version 3 take a text for a date only if it has a fraction.
    return local.isoformat(timespec="microseconds" if version is ProtocolVersion.V3 else "auto")
