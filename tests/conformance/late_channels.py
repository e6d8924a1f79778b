"""A way to a kernel on which the first words of some channels take their time."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

from assay.protocol import Channel, ConnectionFile

__all__ = ["delayed"]


def delayed(connection: ConnectionFile, seconds: dict[Channel, float]) -> ConnectionFile:
    """Return *connection* with other ports, which one client reaches so many *seconds* too late.

    It connects at once, and is heard only then: as where a busy machine keeps ZeroMQ from greeting.
    """
    ports = {
        channel: _relay((connection.ip, connection.port(channel)), late)
        for channel, late in seconds.items()
    }
    return connection.with_ports(ports)


def _relay(there: tuple[str, int], seconds: float) -> int:
    listener = socket.create_server((there[0], 0))

    def relay() -> None:
        with listener, listener.accept()[0] as client:
            time.sleep(seconds)
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
