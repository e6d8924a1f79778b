"""Send what a task returns without copying it, where nothing can write to it meanwhile.

An array that is pulled belongs to the user's objects, and ZeroMQ sends it a while later. A copy
would take its memory once more, and longer than to hand it over. So it is lent: the main thread
runs nothing until it has left. It is copied as before where that would keep something waiting, or
where something else could write to it:

| there is                                  | then           | because                         |
|-------------------------------------------|----------------|---------------------------------|
| another request that waits                | it is copied   | it would have to wait           |
| something in the background of the loop   | it is copied   | it would have to wait           |
| a thread of the user's, of `_thread` too  | it is copied   | it could write                  |
| memory that other processes may share     | it is copied   | they could write (`packed`)     |
| none of these                             | it is lent     |                                 |

**Theory of operation.** The reply is in the log, and ZeroMQ's thread reads the array's memory when
it sends. Nothing else may run in the main thread until it has: `MainLane` takes no request and
turns no loop before the loan is over. That is when the last message that refers to the memory is
gone: pyzmq's collector drops its reference then, in a thread of its own, and with it goes the view
that a weak reference watches (`Loan`); or when the message's mark is done, if something else keeps
the view. No other thread of the user's is there to write, and none can be started meanwhile.

A request that comes while it is on its way waits for the rest of it, but not for ever: after
`LOAN_LIMIT_S`, one limit for all loans together, or at an interrupt, what waits goes on, and the
log names the risk.
Where nothing waits, the loan may take as long as it will. What cannot be seen is a thread of C code
that runs no Python and writes to the array after the task has returned: its values may be sent.
"""

from __future__ import annotations

import threading

from assay.kernel.lanes._main_lane import MainLane
from assay.kernel.process._frames import threads_in_python
from assay.protocol import Buffer
from assay.transport import lend

__all__ = ["Lender"]

OWN_THREADS = frozenset(
    f"assay-{name}"
    for name in (
        "asks",
        "control",
        "heart",
        "heartbeat",
        "history",
        "io",
        "looks",
        "parent",
        "strangers",
    )
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
        if not self._main.may_lend or _others_run():
            return buffer
        lent, loan = lend(buffer)
        if loan is not None:
            self._main.lend(loan)
        return lent


def _others_run() -> bool:
    """Return True if there is a thread that may run code of the user's, beside the caller's.

    One of `_thread`, or of C code that runs Python just then, is unknown to `threading`.
    """
    running = threads_in_python()  # first: one that starts now is among those that are known
    known = threading.enumerate()
    return not (all(map(_is_own, known)) and running.issubset(thread.ident for thread in known))


def _is_own(thread: threading.Thread) -> bool:
    """Return True for a thread that runs none of the user's code, and for the caller's."""
    return (
        thread is threading.current_thread()
        or thread.name in OWN_THREADS
        or type(thread).__module__ == COLLECTOR
    )
