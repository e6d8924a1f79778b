"""What can go wrong outside the protocol: sockets, time and processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.protocol import AssayError, Content

if TYPE_CHECKING:
    from assay.transport._answer import Received

__all__ = [
    "ClosedError",
    "KernelEndedError",
    "KernelSpecError",
    "LaunchError",
    "RefusedRequestError",
    "TimedOutError",
    "TransportError",
]


class TransportError(AssayError):
    """The world failed: an address that is none, a socket that is closed, a peer that is silent."""


class ClosedError(TransportError):
    """This end was closed before."""


class TimedOutError(TransportError):
    """Nothing more came in time.

    `awaited` says what was missing and `timeout` how many seconds it had; `reply` and `published`
    hold what a request had brought until then.
    """

    def __init__(
        self,
        awaited: str,
        timeout: float,
        *,
        reply: Received | None = None,
        published: tuple[Received, ...] = (),
        note: str = "",
    ) -> None:
        message = f"wanted {awaited}, found nothing within {timeout:g} s"
        super().__init__(f"{message}; {note}" if note else message)
        self.awaited = awaited
        self.timeout = timeout
        self.reply = reply
        self.published = published


class RefusedRequestError(TransportError):
    """The kernel has answered a question with an error, `reply`."""

    def __init__(self, message: str, reply: Content) -> None:
        super().__init__(message)
        self.reply = reply


class KernelEndedError(TransportError):
    """The kernel's process ended while something was expected of it."""


class LaunchError(TransportError):
    """A kernel did not start, or did not stop."""


class KernelSpecError(LaunchError):
    """There is no kernelspec of this name, or it cannot be used."""
