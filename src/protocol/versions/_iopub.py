"""What a kernel publishes to all clients, and what it asks the person in front of one."""

from __future__ import annotations

from assay.protocol.versions._bundles import lower_bundle, raise_bundle
from assay.protocol.versions._draft import Draft
from assay.protocol.versions._reading import (
    read_flag,
    read_integer,
    read_object,
    read_text,
)
from assay.protocol.versions._version import ProtocolVersion
from assay.protocol.wire._json import Json

__all__ = [
    "lower_clear_output",
    "lower_display_data",
    "lower_execute_result",
    "lower_input_request",
    "lower_status",
    "lower_stream",
    "raise_clear_output",
    "raise_display_data",
    "raise_execute_input",
    "raise_execute_result",
    "raise_input_request",
    "raise_stream",
]

OLD_SOURCE = "display"
"""Where a display comes from: old clients read the field and make nothing of it."""

OUTPUTS = ("stdout", "stderr", "other")
"""What a clear_output of 4.0 and less may spare."""


def raise_stream(draft: Draft) -> None:
    """``data`` became ``text``."""
    draft.content["text"] = read_text(draft.content, "data")
    del draft.content["data"]


def lower_stream(draft: Draft) -> None:
    """``text`` was ``data``."""
    draft.content["data"] = read_text(draft.content, "text")
    del draft.content["text"]


def raise_display_data(draft: Draft) -> None:
    """Drop the source, read JSON texts."""
    source = draft.content.pop("source", None)
    if isinstance(source, str) and source != OLD_SOURCE:
        draft.keep(source=source)
    _raise_bundle(draft)


def lower_display_data(draft: Draft) -> None:
    """Name a source, write JSON values as text."""
    source = draft.kept("source")
    draft.content["source"] = source if isinstance(source, str) else OLD_SOURCE
    _lower_bundle(draft)


def raise_execute_result(draft: Draft) -> None:
    """Read JSON texts; version 3 has no metadata here."""
    _raise_bundle(draft)


def lower_execute_result(draft: Draft) -> None:
    """Write JSON values as text; version 3 has no metadata here."""
    _lower_bundle(draft)
    if draft.version is ProtocolVersion.V3:
        del draft.content["metadata"]


def _raise_bundle(draft: Draft) -> None:
    content = draft.content
    content["data"] = raise_bundle(read_object(content, "data"))
    content["metadata"] = read_object(content, "metadata")


def _lower_bundle(draft: Draft) -> None:
    content = draft.content
    is_v3 = draft.version is ProtocolVersion.V3
    content["data"] = lower_bundle(read_object(content, "data"), with_text=is_v3)
    content["metadata"] = read_object(content, "metadata")
    content.pop("transient", None)


def raise_execute_input(draft: Draft) -> None:
    """0.12 did not say the number of the cell."""
    draft.content["execution_count"] = read_integer(draft.content, "execution_count", 0)


def lower_status(draft: Draft) -> None:
    """Only 4.0 brought ``starting``."""
    state = read_text(draft.content, "execution_state")
    draft.dropped = draft.version is ProtocolVersion.V3 and state == "starting"


def raise_clear_output(draft: Draft) -> None:
    """5.5 clears everything; what is to clear nothing is no message there."""
    if draft.version >= ProtocolVersion.V4_1:
        return
    flags: dict[str, Json] = {
        name: read_flag(draft.content, name, default=True) for name in OUTPUTS
    }
    draft.dropped = not any(flags.values())
    if not all(flags.values()):
        draft.keep(**flags)
    draft.content = {"wait": False}


def lower_clear_output(draft: Draft) -> None:
    """Clear everything, and at once: older clients than 4.1 cannot wait."""
    if draft.version >= ProtocolVersion.V4_1:
        draft.content["wait"] = read_flag(draft.content, "wait", default=False)
        return
    kept = {name: draft.kept(name) for name in OUTPUTS}
    draft.content = {name: flag if isinstance(flag, bool) else True for name, flag in kept.items()}


def raise_input_request(draft: Draft) -> None:
    """No old kernel could ask for a secret."""
    draft.content["prompt"] = read_text(draft.content, "prompt", "")
    draft.content["password"] = False


def lower_input_request(draft: Draft) -> None:
    """An old client echoes what is typed, secrets too: see `Translator.down`."""
    draft.content["prompt"] = read_text(draft.content, "prompt", "")
    draft.content.pop("password", None)
