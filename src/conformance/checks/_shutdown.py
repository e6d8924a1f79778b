"""Asking a kernel to end."""

from __future__ import annotations

from contextlib import suppress

from assay.conformance._outcome import Skip
from assay.conformance._response import Response
from assay.conformance._testee import Testee
from assay.protocol import Channel
from assay.transport import KernelEndedError

__all__ = ["must_serve_shutdown", "shut_down"]

UNSERVED = "a kernel at rest gives no shutdown_reply, which it need not (CTRL-20)"


def shut_down(kernel: Testee, *, restart: bool = False) -> Response:
    """Ask *kernel* to end, on control, and wait for the reply, or for its end without one."""
    asked = kernel.peer.send("shutdown_request", {"restart": restart}, channel=Channel.CONTROL)
    with suppress(KernelEndedError):
        kernel.peer.wait_for(lambda: asked.replies)
    return asked


def must_serve_shutdown(kernel: Testee) -> None:
    """Skip the check unless another kernel of this kind, which does nothing, answers a shutdown.

    It is an optional request: who leaves it unanswered when busy is at fault only if it answers
    it otherwise.
    """
    with kernel.another() as other:
        # One that ends without a word has served it as well.
        if shut_down(other).reply is None and other.is_running:
            raise Skip(UNSERVED)
