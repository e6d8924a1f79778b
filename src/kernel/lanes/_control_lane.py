"""The control lane: requests on control whose handlers may wait, in a thread of their own.

**Theory of operation.** What is answered without waiting (kernel_info, interrupt, shutdown) the
router answers in the I/O thread, however long the control lane is busy: an interrupt must not wait
behind a request of a debugger that waits for the very cell to be interrupted. Everything else on
control comes here, one request after the other. While a handler waits, no socket stops.

The thread is started with the first such request, by the I/O thread: a kernel that is never asked
one has none. It inherits that thread's blocked signals, so none is delivered to it; and it is the
kernel's own, so what it starts belongs to no cell. It is a daemon, and is left behind if a handler
still waits at the end. In a forked child there is none.
"""

from __future__ import annotations

import threading

from assay.kernel._request import Request
from assay.kernel.dispatch._handlers import Handlers, serve
from assay.kernel.dispatch._replies import Responder
from assay.transport import Lane, get_logger

__all__ = ["ControlLane"]

logger = get_logger("assay.kernel")

CLOSE_S = 0.2
"""How long the end waits for a handler."""


class ControlLane:
    """A lane with a thread of its own.

    Args:
        handlers: Answer the requests; they may wait.
        responder: Sends replies and status.
    """

    def __init__(self, handlers: Handlers, responder: Responder) -> None:
        self.handlers = handlers
        self._responder = responder
        self._lane: Lane[Request] = Lane()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def put(self, request: Request) -> None:
        """Append *request* to those that wait; in the I/O thread."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="assay-control", daemon=True)
            self._thread.start()
        self._lane.put(request)

    def close(self) -> None:
        """End the thread, or leave it behind if a handler waits."""
        self._is_closed = True
        self._lane.wake()
        if self._thread is not None:
            self._thread.join(CLOSE_S)

    def _run(self) -> None:
        while not self._is_closed:
            request = self._lane.get()
            if request is None:
                continue
            try:
                serve(request, self.handlers, self._responder)
            except Exception:  # the lane must outlive whatever one request does
                logger.exception("control: %s failed", request.header.msg_type)
