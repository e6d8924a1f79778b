"""A way to a kernel on which the first words of some channels take their time."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

from assay.protocol import Channel, ConnectionFile
from tests.limits import HANG_LIMIT_S

__all__ = ["delayed"]


def delayed(connection: ConnectionFile, opened: dict[Channel, threading.Event]) -> ConnectionFile:
    """Return *connection* with other ports for the channels of *opened*, for one client.

    It connects at once, and is heard when the channel's event is set: as where a busy machine keeps
    ZeroMQ from greeting.
    """
    ports = {
        channel: _relay((connection.ip, connection.port(channel)), event)
        for channel, event in opened.items()
    }
    return connection.with_ports(ports)


def _relay(there: tuple[str, int], opened: threading.Event) -> int:
    listener = socket.create_server((there[0], 0))

    def relay() -> None:
        with listener, listener.accept()[0] as client:
            if not opened.wait(HANG_LIMIT_S):
                return
            with suppress(OSError), socket.create_connection(there) as kernel:
                back = threading.Thread(target=_pump, args=(kernel, client), daemon=True)
                back.start()
                _pump(client, kernel)
                back.join()

    threading.Thread(target=relay, daemon=True).start()
    port: int = listener.getsockname()[1]
    return port


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(65_536):
            sink.sendall(part)
    for one in (source, sink):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
