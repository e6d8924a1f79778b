"""Contents on IOPub that a kernel says of itself, and the words for states and streams.

Apart from the others because a kernel that starts needs these at once.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from attrs import frozen

from assay.protocol.wire._message import Content

__all__ = [
    "ExecutionState",
    "IopubWelcome",
    "Status",
    "StreamName",
]


class ExecutionState(StrEnum):
    """What a kernel is doing (IOPUB-21)."""

    STARTING = "starting"
    """Published once for each process, without a parent (IOPUB-22, AMB-20)."""

    BUSY = "busy"
    """A request is being processed (SHELL-04)."""

    IDLE = "idle"
    """The request is done, and everything it caused has been published (SHELL-05)."""


class StreamName(StrEnum):
    """Which stream of the program wrote a text (IOPUB-09)."""

    STDOUT = "stdout"
    STDERR = "stderr"


@frozen(kw_only=True, eq=False, repr=False)
class Status(Content):
    """Say what the kernel is doing (messaging.rst §Kernel status)."""

    msg_type: ClassVar[str] = "status"

    execution_state: ExecutionState
    """What the kernel does from now on, as far as the parent's request goes."""


@frozen(kw_only=True, eq=False, repr=False)
class IopubWelcome(Content):
    """Answer a new subscription (IOPUB-02); the topic is the subscription (IOPUB-05)."""

    msg_type: ClassVar[str] = "iopub_welcome"

    subscription: str
    """The topic that was subscribed to; empty for all (IOPUB-02)."""
