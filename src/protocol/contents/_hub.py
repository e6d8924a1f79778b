"""What only ipyparallel says: an engine and its hub, and what clients have of an engine alone.

No kernel knows these messages, so they are not in `MESSAGE_TYPES`: to a kernel their types are
unknown (AMB-23).
"""

from __future__ import annotations

from typing import ClassVar, Literal

from attrs import frozen
from msgspec import UNSET, UnsetType

from assay.protocol.wire._message import Content

__all__ = [
    "ConnectionReply",
    "ConnectionRequest",
    "DataMessage",
    "RegistrationReply",
    "RegistrationRequest",
    "SignalReply",
    "SignalRequest",
    "UnregistrationRequest",
]


@frozen(kw_only=True, eq=False, repr=False)
class RegistrationRequest(Content):
    """Ask the hub for a number."""

    msg_type: ClassVar[str] = "registration_request"

    uuid: str
    """The identity of every socket of the engine, and the session of its headers."""

    id: int | UnsetType = UNSET
    """The number that it would like to have."""


@frozen(kw_only=True, eq=False, repr=False)
class RegistrationReply(Content):
    """Say which number the engine has."""

    msg_type: ClassVar[str] = "registration_reply"

    status: Literal["ok"] = "ok"
    """Always ``ok``; a failure has another form (SHELL-10)."""

    id: int
    """The engine's number, from 0."""

    hb_period: float
    """Milliseconds from one ping of the hub to the next."""


@frozen(kw_only=True, eq=False, repr=False)
class UnregistrationRequest(Content):
    """Tell the hub that the engine is gone; there is no reply."""

    msg_type: ClassVar[str] = "unregistration_request"

    id: int
    """Its number."""


@frozen(kw_only=True, eq=False, repr=False)
class ConnectionRequest(Content):
    """Ask the hub for its engines."""

    msg_type: ClassVar[str] = "connection_request"


@frozen(kw_only=True, eq=False, repr=False)
class ConnectionReply(Content):
    """Say which engines there are."""

    msg_type: ClassVar[str] = "connection_reply"

    status: Literal["ok"] = "ok"
    """Always ``ok``."""

    engines: dict[str, str]
    """The `uuid` of each engine, by the text of its number."""


@frozen(kw_only=True, eq=False, repr=False)
class SignalRequest(Content):
    """Send a signal to the engine's process."""

    msg_type: ClassVar[str] = "signal_request"

    sig: int | str
    """Its number or its name, such as ``SIGINT``."""


@frozen(kw_only=True, eq=False, repr=False)
class SignalReply(Content):
    """Say that the signal is sent."""

    msg_type: ClassVar[str] = "signal_reply"

    status: Literal["ok"] = "ok"
    """Always ``ok``; a failure has another form (SHELL-10)."""


@frozen(kw_only=True, eq=False, repr=False)
class DataMessage(Content):
    """Publish objects while a task runs; they are in the buffers, as one serialized dict."""

    msg_type: ClassVar[str] = "data_message"

    keys: tuple[str, ...] = ()
    """The names of the objects."""
