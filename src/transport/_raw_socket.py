"""One socket that sends and receives frames as they are: what no ordinary client opens."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import zmq

from assay.protocol import Buffer, Channel, ConnectionFile, Curve
from assay.transport._client_sockets import address, prepare
from assay.transport._deadline import Deadline
from assay.transport._errors import TransportError

__all__ = ["RawSocket", "curve_keys"]

SUBSCRIBE, UNSUBSCRIBE = b"\x01", b"\x00"

BEHIND_BYTES = 64_000
"""What the system keeps for a subscriber that falls behind, in bytes."""


class RawSocket:
    """A subscriber, a client of the heartbeat, or a registration service, for one thread."""

    def __init__(self, kind: int) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(kind)
        self._socket.linger = 0

    @classmethod
    def subscriber(cls, connection: ConnectionFile, *, keep: int = 0) -> Self:
        """Return an XSUB on IOPub, which has subscribed to nothing yet.

        Args:
            connection: Where the kernel listens.
            keep: Messages that wait here until they are read; 0 sets no limit. With one, the
                system keeps little as well, so that the kernel soon has a subscriber that is slow.
        """
        made = cls(zmq.XSUB)
        made._socket.rcvhwm = keep
        if keep:
            made._socket.setsockopt(zmq.RCVBUF, BEHIND_BYTES)
        made._connect(connection, Channel.IOPUB)
        return made

    @classmethod
    def pinger(cls, connection: ConnectionFile) -> Self:
        """Return a REQ on the heartbeat, as every client has."""
        made = cls(zmq.REQ)
        made._connect(connection, Channel.HB)
        return made

    @classmethod
    def service(cls, ip: str = "127.0.0.1") -> Self:
        """Return a ROUTER that listens at a free port of *ip*, as a registration service does."""
        made = cls(zmq.ROUTER)
        made._socket.bind(f"tcp://{ip}:*")
        return made

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
        """Close the socket; what is not out yet is lost."""
        self._context.destroy(linger=0)

    @property
    def port(self) -> int:
        """Where a service listens."""
        return int(self._socket.getsockopt_string(zmq.LAST_ENDPOINT).rpartition(":")[2])

    def subscribe(self, topic: bytes) -> None:
        """Ask for what begins with *topic*."""
        self.send([SUBSCRIBE + topic])

    def unsubscribe(self, topic: bytes) -> None:
        """Take back what `subscribe` asked for."""
        self.send([UNSUBSCRIBE + topic])

    def send(self, frames: Sequence[Buffer]) -> None:
        """Send *frames*.

        Raises:
            TransportError: the socket cannot send now, as a REQ that waits for its answer.
        """
        try:
            self._socket.send_multipart(frames, copy=True)
        except zmq.ZMQError as error:
            raise TransportError(f"cannot send: {error}") from error

    def receive(self, timeout: float) -> tuple[bytes, ...] | None:
        """Return the frames of the next message, or None if none comes within *timeout* seconds."""
        if not Deadline(timeout).wait(self._socket.poll):
            return None
        return tuple(self._socket.recv_multipart())

    def _connect(self, connection: ConnectionFile, channel: Channel) -> None:
        prepare(self._socket, connection)
        self._socket.connect(address(connection, channel))


def curve_keys() -> Curve:
    """Return a new pair of keys for a connection file."""
    public, secret = zmq.curve_keypair()
    return Curve(public_key=public.decode("ascii"), secret_key=secret.decode("ascii"))
