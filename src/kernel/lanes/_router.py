"""The router: decides in the I/O thread which lane a request goes to. It never waits.

| channel | request                                 | goes to                              |
|---------|-----------------------------------------|--------------------------------------|
| stdin   | any                                     | the prompter                         |
| control | kernel_info, interrupt, shutdown        | answered at once, here               |
| control | what manages subshells                  | answered at once, here               |
| control | any other                               | the control lane                     |
| shell   | any that names a subshell               | that subshell (SUBSHELL-07)          |
| shell   | kernel_info, while the main lane is idle| answered at once, here               |
| shell   | any other                               | the main lane, in order (SHELL-15)   |
"""

from __future__ import annotations

from assay.kernel._request import Request
from assay.kernel.dispatch._handlers import Handlers, serve
from assay.kernel.dispatch._replies import Responder
from assay.kernel.dispatch._stdin import Prompter
from assay.kernel.lanes._main_lane import MainLane
from assay.kernel.lanes._subshells import MANAGING, Subshells
from assay.kernel.lanes._thread_lane import ThreadLane
from assay.protocol import UNSET, Channel, Envelope

__all__ = ["AT_ONCE", "Router"]

AT_ONCE = frozenset({"kernel_info_request", "interrupt_request", "shutdown_request"})
"""What is answered on control without waiting for anything."""

MAIN_SHELL = (UNSET, None)
"""What a header says for the main shell, or leaves out."""


class Router:
    """The receiver of the I/O thread (`Receiver`).

    Args:
        at_once: The handlers of what is answered here; they must not wait.
        main: The lane of the main thread.
        control: The lane of control requests that may wait.
        prompter: Takes what comes by stdin.
        responder: Sends replies and status.
        subshells: The kernel's, if it has any; else their ids mean nothing (SUBSHELL-09).
    """

    def __init__(
        self,
        *,
        at_once: Handlers,
        main: MainLane,
        control: ThreadLane,
        prompter: Prompter,
        responder: Responder,
        subshells: Subshells | None = None,
    ) -> None:
        self._subshells = subshells
        self._here = AT_ONCE | MANAGING if subshells is not None else AT_ONCE
        self._at_once = at_once
        self._main = main
        self._control = control
        self._prompter = prompter
        self._responder = responder

    def receive(self, channel: Channel, envelope: Envelope) -> None:
        """Take a trusted message that came by *channel*."""
        if channel is Channel.STDIN:
            self._prompter.receive(envelope)
            return
        request = Request(channel, envelope)
        to_subshell = channel is Channel.SHELL and envelope.header.subshell_id not in MAIN_SHELL
        if to_subshell and self._subshells is not None:
            self._subshells.put(request)
        elif self._is_answered_here(request):
            serve(request, self._at_once, self._responder)
        elif channel is Channel.CONTROL:
            self._control.put(request)
        else:
            self._main.put(request)

    def _is_answered_here(self, request: Request) -> bool:
        msg_type = request.header.msg_type
        if request.channel is Channel.CONTROL:
            return msg_type in self._here
        return msg_type == "kernel_info_request" and self._main.is_idle
