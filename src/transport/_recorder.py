"""A hook that sees each message as it leaves and as it comes, whole and unchecked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from assay.protocol import Buffer, Channel

__all__ = ["Recorder"]


class Recorder(Protocol):
    """What one party of a conversation sends and receives, in the order of time.

    Called in the thread that owns the sockets, when a message is sent and before one that was
    received is looked at. It must not wait, and must copy what it keeps: a buffer may change. What
    waits for a slow subscriber is seen when it leaves; text is dated then, too, so a later date may
    stand before an earlier one.
    """

    def sent(self, channel: Channel, frames: Sequence[Buffer]) -> None:
        """See *frames*, which leave by *channel*."""
        ...

    def received(self, channel: Channel, frames: Sequence[Buffer]) -> None:
        """See *frames*, which came by *channel* and may be anything."""
        ...
