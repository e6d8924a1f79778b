"""Ways to a kernel on which the first words of some channels take their time, or are old."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

from assay.protocol import Channel, ConnectionFile
from tests.limits import HANG_LIMIT_S

__all__ = ["delayed"]

REVISION_AT = 10
"""Where a greeting says which ZMTP its sender speaks: one less than its number."""

OLD = 1


def delayed(
    connection: ConnectionFile, opened: dict[Channel, threading.Event], *, is_old: bool = False
) -> ConnectionFile:
    """Return *connection* with other ports for the channels of *opened*, for one client.

    It connects at once, and is heard when the channel's event is set: as where a busy machine keeps
    ZeroMQ from greeting. With *is_old*, both ends speak ZMTP 2 there.
    """
    ports = {
        channel: _relay((connection.ip, connection.port(channel)), event, is_old=is_old)
        for channel, event in opened.items()
    }
    return connection.with_ports(ports)


def _relay(there: tuple[str, int], opened: threading.Event, *, is_old: bool) -> int:
    listener = socket.create_server((there[0], 0))

    def relay() -> None:
        with listener, listener.accept()[0] as client:
            if not opened.wait(HANG_LIMIT_S):
                return
            with suppress(OSError), socket.create_connection(there) as kernel:
                back = threading.Thread(target=_pump, args=(kernel, client, is_old), daemon=True)
                back.start()
                _pump(client, kernel, is_old)
                back.join()

    threading.Thread(target=relay, daemon=True).start()
    port: int = listener.getsockname()[1]
    return port


def _pump(source: socket.socket, sink: socket.socket, is_old: bool) -> None:
    place = REVISION_AT if is_old else -1
    with suppress(OSError):
        while part := bytearray(source.recv(65_536)):
            if 0 <= place < len(part):
                part[place] = OLD
            place -= len(part)
            sink.sendall(part)
    for one in (source, sink):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
