"""Contents on IOPub: what a program writes and shows."""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen
from msgspec import UNSET, UnsetType

from assay.protocol.contents._status import StreamName
from assay.protocol.wire._json import JsonObject
from assay.protocol.wire._message import Content

__all__ = [
    "ClearOutput",
    "DisplayData",
    "Stream",
    "UpdateDisplayData",
]


@frozen(kw_only=True, eq=False, repr=False)
class Stream(Content):
    """Text that the program wrote (IOPUB-09)."""

    msg_type: ClassVar[str] = "stream"

    name: StreamName
    """``stdout`` or ``stderr``."""

    text: str
    """To be appended as it is: a line may come in several parts."""


@frozen(kw_only=True, eq=False, repr=False)
class DisplayData(Content):
    """Something to show, in every representation there is (IOPUB-10, IOPUB-11)."""

    msg_type: ClassVar[str] = "display_data"

    data: JsonObject
    """Representations by MIME type; binary ones as base64 text (IOPUB-12, IOPUB-13)."""

    metadata: JsonObject = field(factory=dict)
    """Global keys, and an object for each MIME type that has some (IOPUB-14)."""

    transient: JsonObject | UnsetType = UNSET
    """Not to be stored; ``display_id`` names the display (IOPUB-15, IOPUB-17)."""


@frozen(kw_only=True, eq=False, repr=False)
class UpdateDisplayData(Content):
    """Replace what a display with this ``display_id`` shows (IOPUB-16)."""

    msg_type: ClassVar[str] = "update_display_data"

    data: JsonObject
    """Representations by MIME type, which replace the earlier ones."""

    metadata: JsonObject = field(factory=dict)
    """Of the whole, or under a MIME type of one representation."""

    transient: JsonObject
    """Holds ``display_id``."""


@frozen(kw_only=True, eq=False, repr=False)
class ClearOutput(Content):
    """Clear what the cell has shown so far (IOPUB-25)."""

    msg_type: ClassVar[str] = "clear_output"

    wait: bool = False
    """Only when the next output comes, so that nothing flickers (AMB-51)."""
