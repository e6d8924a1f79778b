"""Contents on the shell channel: what a client asks about code and kernel, and the answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, TypeAlias

from attrs import field, frozen
from msgspec import UNSET, UnsetType

from assay.protocol.wire._json import JsonObject
from assay.protocol.wire._message import Content

__all__ = [
    "CommInfo",
    "CommInfoReply",
    "CommInfoRequest",
    "CompleteReply",
    "CompleteRequest",
    "ConnectReply",
    "ConnectRequest",
    "HistoryEntry",
    "HistoryReply",
    "HistoryRequest",
    "InspectReply",
    "InspectRequest",
    "IsCompleteReply",
    "IsCompleteRequest",
]


@frozen(kw_only=True, eq=False, repr=False)
class CompleteRequest(Content):
    """Ask what may stand at the cursor (messaging.rst §Completion)."""

    msg_type: ClassVar[str] = "complete_request"

    code: str
    """A whole cell (COMPLETE-01)."""

    cursor_pos: int | None = None
    """Offset into `code` in Unicode code points (COMPLETE-02); null means the end (AMB-59)."""


@frozen(kw_only=True, eq=False, repr=False)
class CompleteReply(Content):
    """Name what may stand in ``code[cursor_start:cursor_end]`` (COMPLETE-05)."""

    msg_type: ClassVar[str] = "complete_reply"

    matches: tuple[str, ...]
    """In display order; may be empty (COMPLETE-07)."""

    cursor_start: int
    """In code points, 0 to `cursor_end` (COMPLETE-06)."""

    cursor_end: int
    """In code points, `cursor_start` to the length of the code."""

    metadata: JsonObject = field(factory=dict)
    """Extras, such as the de facto ``_jupyter_types_experimental`` (COMPLETE-11)."""

    status: Literal["ok"] = "ok"
    """Always ``ok``, also without a match (COMPLETE-07); a failure has another form (SHELL-10)."""


@frozen(kw_only=True, eq=False, repr=False)
class InspectRequest(Content):
    """Ask what the name at the cursor is (messaging.rst §Introspection)."""

    msg_type: ClassVar[str] = "inspect_request"

    code: str
    """A cell of source; may be empty."""

    cursor_pos: int | None = None
    """Offset into `code` in Unicode code points (INSPECT-06); null means the end (AMB-59)."""

    detail_level: Literal[0, 1] = 0
    """1 asks for more, such as the source (INSPECT-05)."""


@frozen(kw_only=True, eq=False, repr=False)
class InspectReply(Content):
    """Describe a name as a display bundle (INSPECT-03)."""

    msg_type: ClassVar[str] = "inspect_reply"

    found: bool
    """False if there is nothing to inspect; then `data` is empty (INSPECT-04)."""

    data: JsonObject = field(factory=dict)
    """Representations by MIME type; empty if nothing was found (INSPECT-04)."""

    metadata: JsonObject = field(factory=dict)
    """Of the whole, or under a MIME type of one representation."""

    status: Literal["ok"] = "ok"
    """Always ``ok``, also if nothing was found; a failure has another form (SHELL-10)."""


@frozen(kw_only=True, eq=False, repr=False)
class HistoryRequest(Content):
    """Ask for earlier input (messaging.rst §History)."""

    msg_type: ClassVar[str] = "history_request"

    hist_access_type: Literal["range", "tail", "search"]
    """Decides which of the fields below count (HIST-01)."""

    output: bool = False
    """Return what the cells gave as well."""

    raw: bool = True
    """Return input as typed, not as transformed (HIST-06)."""

    session: int | UnsetType = UNSET
    """range: a session's number; 0 is the current one, negative counts back (HIST-03, AMB-45)."""

    start: int | UnsetType = UNSET
    """range: the first cell's number."""

    stop: int | UnsetType | None = UNSET
    """range: the number behind the last cell's (AMB-45)."""

    n: int | UnsetType | None = UNSET
    """tail, search: how many cells, counted from the newest (HIST-02, HIST-04)."""

    pattern: str | UnsetType | None = UNSET
    """search: a glob with ``*`` and ``?`` (HIST-04)."""

    unique: bool = False
    """search: leave out repetitions (HIST-05)."""


HistoryEntry: TypeAlias = tuple[int, int, str | tuple[str | None, str | None]]
"""Session, cell number, and the input or, if outputs were asked for, input and output (HIST-07)."""


@frozen(kw_only=True, eq=False, repr=False)
class HistoryReply(Content):
    """List earlier cells, oldest first (HIST-07, HIST-12)."""

    msg_type: ClassVar[str] = "history_reply"

    history: tuple[HistoryEntry, ...]
    """In ascending order (HIST-12); may be empty."""

    status: Literal["ok"] = "ok"
    """Always ``ok``; a failure has another form (SHELL-10)."""


@frozen(kw_only=True, eq=False, repr=False)
class IsCompleteRequest(Content):
    """Ask whether code can be run as it stands (messaging.rst §Code completeness)."""

    msg_type: ClassVar[str] = "is_complete_request"

    code: str
    """All that was typed so far."""


@frozen(kw_only=True, eq=False, repr=False)
class IsCompleteReply(Content):
    """Say whether code can be run as it stands; `status` holds the answer (ISCOMPLETE-01)."""

    msg_type: ClassVar[str] = "is_complete_reply"

    status: Literal["complete", "incomplete", "invalid", "unknown"]
    """Not the ``ok`` of other replies (ISCOMPLETE-01)."""

    indent: str | UnsetType = UNSET
    """White space for the next line, with ``incomplete`` only (ISCOMPLETE-02, ISCOMPLETE-03)."""


@frozen(kw_only=True, eq=False, repr=False)
class ConnectRequest(Content):
    """Ask for the kernel's ports; deprecated since 5.1 (INFO-14)."""

    msg_type: ClassVar[str] = "connect_request"


@frozen(kw_only=True, eq=False, repr=False)
class ConnectReply(Content):
    """Name the kernel's ports; a port that is absent has no channel (INFO-15)."""

    msg_type: ClassVar[str] = "connect_reply"

    shell_port: int | UnsetType = UNSET
    """A port, 1 to 65535; absent if the channel is not running (INFO-15)."""

    iopub_port: int | UnsetType = UNSET
    """As `shell_port`."""

    stdin_port: int | UnsetType = UNSET
    """As `shell_port`."""

    hb_port: int | UnsetType = UNSET
    """As `shell_port`."""

    control_port: int | UnsetType = UNSET
    """As `shell_port`."""

    status: Literal["ok"] = "ok"
    """Always ``ok``; the text does not show one here."""


@frozen(kw_only=True, eq=False, repr=False)
class CommInfoRequest(Content):
    """Ask which comms are open (INFO-12)."""

    msg_type: ClassVar[str] = "comm_info_request"

    target_name: str | UnsetType | None = UNSET
    """Only comms of this target."""


@frozen(kw_only=True, eq=False, repr=False)
class CommInfo(Content):
    """One open comm, as a comm_info_reply lists it."""

    target_name: str
    """What the comm was opened for."""


@frozen(kw_only=True, eq=False, repr=False)
class CommInfoReply(Content):
    """List the open comms by id (INFO-12, INFO-13)."""

    msg_type: ClassVar[str] = "comm_info_reply"

    comms: Mapping[str, CommInfo] = field(factory=dict)
    """The open comms by their ids; may be empty (INFO-13)."""

    status: Literal["ok"] = "ok"
    """Always ``ok``; a failure has another form (SHELL-10)."""
