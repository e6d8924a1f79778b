"""A lane with a thread of its own: requests that may wait beside whatever the main thread does.

**Theory of operation.** The I/O thread puts requests into the lane and starts the thread with the
first one or before: a kernel that never needs it has none. The thread handles one request after the
other and waits in between in a lock. While a handler waits, no socket stops, nor does any other
lane.

The thread inherits the I/O thread's blocked signals, so none is delivered to it. It is the kernel's
own, and a daemon: if a handler still waits at the end, the thread is left behind. In a forked child
there is none.

*Control* is such a lane. What is answered without waiting (kernel_info, interrupt, shutdown) the
router answers in the I/O thread, however long this lane is busy: an interrupt must not wait behind
a request of a debugger that waits for the very cell to be interrupted. Everything else on control
comes here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from threading import Lock, get_ident  # by name: gevent replaces the module's

from assay.kernel._own_thread import OwnThread
from assay.kernel._request import Request
from assay.protocol import Channel
from assay.transport import IoThread, Lane, get_logger

__all__ = ["ThreadLane", "abort_waiting"]

logger = get_logger("assay.kernel")

CLOSE_S = 0.2
"""How long the end waits for a handler."""


class ThreadLane:
    """A lane with a thread of its own.

    Args:
        name: The thread's.
        handle: Called with each request in turn, in the thread; it may wait.
    """

    def __init__(self, name: str, handle: Callable[[Request], None]) -> None:
        self.name = name
        self.lane: Lane[Request] = Lane()
        """The requests that wait."""
        self.wait: Callable[[], Request | None] = self.lane.get
        """Returns the next request, or None if woken without one; called in the thread."""
        self.begin: Callable[[], None] = _do_nothing
        """Called first in the thread."""
        self.end: Callable[[], None] = _do_nothing
        """Called last in it."""
        self._handle = handle
        self._thread: threading.Thread | None = None
        self._is_finishing = False
        self._is_closed = False

    @property
    def ident(self) -> int:
        """The thread's identifier; 0 before it is started."""
        return (self._thread.ident or 0) if self._thread is not None else 0

    @property
    def is_alive(self) -> bool:
        """True from the first request until the thread's end."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def is_ending(self) -> bool:
        """True once the thread has been asked to end."""
        return self._is_finishing or self._is_closed

    def put(self, request: Request) -> None:
        """Append *request* to those that wait; in the I/O thread."""
        self.start()
        self.lane.put(request)

    def start(self) -> None:
        """Start the thread, unless that is done; in the I/O thread."""
        if self._thread is None:
            self._thread = OwnThread(target=self._run, name=self.name, daemon=True)
            self._thread.start()

    def finish(self) -> None:
        """Let the thread end once it has handled all that waits; in the I/O thread."""
        self._is_finishing = True
        self.lane.wake()

    def stop(self) -> None:
        """Let the thread end once it has handled what it handles now; from any thread."""
        self._is_closed = True
        self.lane.wake()

    def close(self, patience_s: float = CLOSE_S) -> None:
        """End the thread, or leave it behind if a handler waits longer than *patience_s*."""
        self.stop()
        if self._thread is not None and self.ident != get_ident():
            self._thread.join(patience_s)

    def _run(self) -> None:
        self.begin()
        try:
            while not self._is_closed:
                request = self.wait()
                if request is not None:
                    self._try(request)
                elif self._is_finishing and not len(self.lane):
                    return
        finally:
            self.end()

    def _try(self, request: Request) -> None:
        try:
            self._handle(request)
        except Exception:  # the lane must outlive whatever one request does
            logger.exception("%s: %s failed", self.name, request.header.msg_type)


def abort_waiting(io: IoThread, lane: Lane[Request]) -> None:
    """Mark as aborted the execute requests in *lane*, from any client (EXEC-20, AMB-06).

    The I/O thread first reads what has arrived, so that it does not depend on chance which of the
    cells that a client sent at once are run. Other lanes lose nothing (SUBSHELL-16).
    """
    marked = Lock()
    marked.acquire()

    def mark() -> None:
        try:
            io.drain(Channel.SHELL)
        finally:  # else the lane would wait without end
            for request in lane.waiting():
                request.aborted |= request.header.msg_type == "execute_request"
            marked.release()

    io.log.call(mark)
    marked.acquire()


def _do_nothing() -> None:
    """Do nothing: control needs neither."""
