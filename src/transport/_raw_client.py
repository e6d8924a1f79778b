"""A client that sends and receives frames as they are, right or wrong."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from types import TracebackType
from typing import Self

from assay.protocol import Buffer, Channel, ConnectionFile
from assay.transport._client_sockets import ENDED_GRACE_S, ClientSockets, Lifeline
from assay.transport._deadline import Deadline
from assay.transport._errors import KernelEndedError
from assay.transport._recorder import Recorder

__all__ = ["RawClient"]


class RawClient:
    """The sockets of a client without a session: nothing is signed, read, sorted or refused.

    Args:
        connection: Where the kernel listens.
        identity: Under which the kernel knows the client; 1 to 255 bytes, the first not zero.
        channels: Which sockets to open.
        followed: Of which of them to know whether they are connected.
        lifeline: The kernel's process, if it is ours: waiting ends when it has ended.
        recorder: Sees each message.

    Raises:
        TransportError: an address or a CURVE key cannot be used.
    """

    def __init__(
        self,
        connection: ConnectionFile,
        *,
        identity: bytes,
        channels: Collection[Channel] = tuple(Channel),
        followed: Collection[Channel] = (),
        lifeline: Lifeline | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self._lifeline = lifeline
        self._grace: Deadline | None = None
        self._sockets = ClientSockets(
            connection,
            identity,
            channels=channels,
            followed=followed,
            lifeline=lifeline,
            recorder=recorder,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the sockets; what was sent still goes out, within half a second."""
        self._sockets.close()

    def send(self, channel: Channel, frames: Sequence[Buffer]) -> None:
        """Send *frames*, at least one.

        Raises:
            ClosedError: the client is closed.
            TransportError: the channel was not opened, or carries nothing in this direction.
        """
        self._sockets.send(channel, frames)

    def receive(self, timeout: float | None) -> tuple[tuple[Channel, tuple[bytes, ...]], ...]:
        """Wait for anything and return what has come, by channel: IOPub before replies.

        Args:
            timeout: Seconds; 0 only looks, None waits for ever.

        Returns:
            Nothing if the time was up, or if it is the kernel that has just ended.

        Raises:
            KernelEndedError: the kernel's process has ended, and its last words are read.
        """
        ready = self._sockets.wait(Deadline(timeout)) or ()
        if not ready and self._sockets.ended:
            # Many short waits add up to the grace that one long wait would have granted.
            self._grace = self._grace or Deadline(ENDED_GRACE_S)
            if self._grace.passed and self._lifeline is not None:
                raise KernelEndedError(self._lifeline.ending())
        return tuple(
            (channel, frames) for channel in ready for frames in self._sockets.take(channel)
        )

    def is_connected(self, channel: Channel) -> bool:
        """Return whether something has accepted *channel*, one of those followed."""
        return self._sockets.is_connected(channel)

    def has_greeted(self, channel: Channel) -> bool:
        """Return whether the kernel and *channel*, one of those followed, have greeted each other.

        What the kernel sent to it before that is lost. Of a kernel that speaks ZMTP 2 it is never
        known.
        """
        return self._sockets.has_greeted(channel)

    def beat(self, payload: bytes, timeout: float | None) -> None:
        """Send *payload* to the heartbeat and wait until it is back.

        Raises:
            TimedOutError: it did not come back.
            KernelEndedError: the kernel's process ended.
        """
        self._sockets.beat(payload, timeout)
