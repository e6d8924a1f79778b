"""What is aborted when a cell fails: the cells that its lane has received by then."""

from __future__ import annotations

from threading import Lock  # by name: gevent replaces the module's

from assay.kernel._request import Request
from assay.protocol import Channel
from assay.transport import IoThread, Lane

__all__ = ["abort_waiting"]


def abort_waiting(io: IoThread, lane: Lane[Request]) -> None:
    """Mark as aborted the execute requests in *lane*, from any client (EXEC-20, AMB-06).

    The I/O thread first reads what has arrived, so that it does not depend on chance which of the
    cells that a client sent at once are run. Other lanes lose nothing (SUBSHELL-16).
    """
    marked = Lock()
    marked.acquire()

    def mark() -> None:
        io.drain(Channel.SHELL)
        for request in lane.waiting():
            request.aborted |= request.header.msg_type == "execute_request"
        marked.release()

    io.log.call(mark)
    marked.acquire()
