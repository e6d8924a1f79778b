"""Echo whatever comes on the heartbeat channel, whatever the rest of the process does.

A thread in a ZeroMQ context of its own runs `zmq.proxy`, which is C code and never needs the
interpreter: it answers while user code holds it (HB-02).
"""

from __future__ import annotations

import threading
from contextlib import suppress

import zmq

from assay._platform import block_signals
from assay.protocol import Channel, ConnectionFile, Transport
from assay.transport._sockets import Socket, bind, monitor, stop_no_input

__all__ = ["Heartbeat"]


class Heartbeat:
    """The echo; bound when made, running after `start`.

    Raises:
        BindError: the address is taken.
    """

    def __init__(self, connection: ConnectionFile) -> None:
        self._context: zmq.Context[Socket] = zmq.Context()
        # Before it ends: sockets of a context that ends take no option, and it would wait for ever
        # for a peer that does not take its echoes.
        self._context.setsockopt(zmq.LINGER, 0)
        # Spec: a REP socket (HB-01). Here: a ROUTER, the same for a client's REQ, but it answers
        # many clients without lock-step and any number of frames (HB-04, AMB-64).
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.SNDHWM, 0)
        stop_no_input(self._socket)
        try:
            self.connection = bind(self._socket, Channel.HB, connection)
        except BaseException:
            self._context.destroy(linger=0)
            raise
        self.monitor: Socket | None = None
        """Once it runs, says what becomes of its clients; for the I/O thread."""
        self._thread = threading.Thread(target=self._echo, name="assay-heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self.monitor = monitor(self._socket)
        self._thread.start()

    def remove_file(self) -> None:
        """Remove the file that it is reached by over ipc, if it is; from any thread."""
        if self.connection.transport is Transport.IPC:
            from assay.transport import _ipc  # noqa: PLC0415 - see there

            _ipc.remove(self.connection.address(Channel.HB))

    def close(self) -> None:
        """Stop answering; once nothing reads the monitor."""
        self.remove_file()
        if self._thread.ident is None:
            self._context.destroy(linger=0)
            return
        if self.monitor is not None:
            self.monitor.close(linger=0)
        self._context.term()
        self._thread.join()

    def _echo(self) -> None:
        block_signals()
        with self._socket, suppress(zmq.ContextTerminated):
            zmq.proxy(self._socket, self._socket)
