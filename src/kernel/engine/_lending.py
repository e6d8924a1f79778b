"""Send what a task returns without copying it, where nothing can write to it meanwhile.

An array that is pulled belongs to the user's objects, and ZeroMQ sends it a while later. A copy
would take its memory once more, and longer than to hand it over. So it is lent: the main thread
runs nothing until it has left. It is copied as before where that would keep something waiting, or
where something else could write to it:

| there is                                  | then           | because                         |
|-------------------------------------------|----------------|---------------------------------|
| another request that waits                | it is copied   | it would have to wait           |
| something in the background of the loop   | it is copied   | it would have to wait           |
| a thread of the user's                    | it is copied   | it could write                  |
| none of these                             | it is lent     |                                 |

A request that comes while it is on its way waits for the rest of it.
"""

from __future__ import annotations

import threading

from assay.kernel.lanes._main_lane import MainLane
from assay.protocol import Buffer
from assay.transport import lend

__all__ = ["Lender"]

OWN_THREADS = frozenset(
    f"assay-{name}" for name in ("asks", "control", "heart", "heartbeat", "history", "io", "looks")
)
"""Those of the kernel's threads that run none of the user's code; a subshell does."""

COLLECTOR = "zmq.utils.garbage"
"""Where the thread is from that frees what was sent."""


class Lender:
    """Lends the buffers of results; in the main thread.

    Args:
        main: The lane, which waits.
    """

    def __init__(self, main: MainLane) -> None:
        self._main = main

    def lend(self, buffer: Buffer) -> Buffer:
        """Return *buffer* as one that is sent without a copy, if that is safe, or else as it is."""
        if not self._main.may_lend or not all(map(_is_own, threading.enumerate())):
            return buffer
        lent, loan = lend(buffer)
        if loan is not None:
            self._main.lend(loan)
        return lent


def _is_own(thread: threading.Thread) -> bool:
    """Return True for a thread that runs none of the user's code, and for the caller's."""
    return (
        thread is threading.current_thread()
        or thread.name in OWN_THREADS
        or type(thread).__module__ == COLLECTOR
    )
