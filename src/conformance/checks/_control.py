"""Whether control is served, where it leaves the requests of shell to shell."""

from __future__ import annotations

from contextlib import nullcontext

from assay.conformance._outcome import Skip
from assay.conformance._testee import Testee
from assay.protocol import Channel
from assay.transport import KernelEndedError

__all__ = ["answers_info", "control_answers_its_own"]


def control_answers_its_own(kernel: Testee) -> bool:
    """Return whether control answers an interrupt or a shutdown, or the kernel ends by it.

    These are what it is there for. A kernel may leave `kernel_info_request` to shell (INFO-02), so
    that its silence on control proves nothing. Where the kernel is ours to start, another one is
    asked, which ends; one that runs already is not shut down.
    """
    ours = kernel.target.can_start
    with kernel.another() if ours else nullcontext(kernel) as one:
        try:
            if one.peer.ask("interrupt_request", channel=Channel.CONTROL).replies:
                return True
            content = {"restart": False}
            return ours and bool(
                one.peer.ask("shutdown_request", content, channel=Channel.CONTROL).replies
            )
        except KernelEndedError:
            # Whether it may end so is for CTRL-04 and CTRL-10: it has read what was sent.
            return True


def answers_info(kernel: Testee) -> None:
    """Skip the check if an idle kernel leaves `kernel_info_request` to shell."""
    if not kernel.peer.fence(Channel.CONTROL):
        raise Skip("the kernel answers no kernel_info_request on control (INFO-02)")
