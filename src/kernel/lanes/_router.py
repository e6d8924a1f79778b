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

What waits in the main lane while that runs code, and asks something, `Beside` looks after.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.kernel._request import Request
from assay.kernel.dispatch._handlers import Handlers, serve
from assay.kernel.dispatch._replies import Responder
from assay.kernel.dispatch._stdin import Prompter
from assay.kernel.lanes._beside import Beside
from assay.kernel.lanes._main_lane import MainLane
from assay.kernel.lanes._thread_lane import ThreadLane
from assay.protocol import UNSET, Channel, Envelope

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.kernel.lanes._subshells import Subshells

__all__ = ["AT_ONCE", "FEATURE", "Router"]

AT_ONCE = frozenset({"kernel_info_request", "interrupt_request", "shutdown_request"})
"""What is answered on control without waiting for anything."""

FEATURE = "kernel subshells"
"""Announced in `supported_features` by a kernel that has them (SUBSHELL-01)."""

MANAGING = frozenset(
    {"create_subshell_request", "delete_subshell_request", "list_subshell_request"}
)
"""What is asked on control about subshells."""

MAIN_SHELL = (UNSET, None)
"""What a header says for the main shell, or leaves out."""


class Router:
    """The receiver of the I/O thread (`Receiver`).

    Args:
        at_once: The handlers of what is answered here; they must not wait.
        main: The lane of the main thread.
        control: The lane of control requests that may wait.
        beside: Looks after questions that wait for code.
        prompter: Takes what comes by stdin.
        responder: Sends replies and status.
        subshells: Returns the kernel's, made for the first request about one. One that has none
            takes no notice of their ids (SUBSHELL-09).
    """

    def __init__(
        self,
        *,
        at_once: Handlers,
        main: MainLane,
        control: ThreadLane,
        beside: Beside,
        prompter: Prompter,
        responder: Responder,
        subshells: Callable[[], Subshells] | None = None,
    ) -> None:
        self._subshells = subshells
        self._at_once = at_once
        self._main = main
        self._control = control
        self._beside = beside
        self._prompter = prompter
        self._responder = responder

    def receive(self, channel: Channel, envelope: Envelope) -> None:
        """Take a trusted message that came by *channel*."""
        if channel is Channel.STDIN:
            self._prompter.receive(envelope)
            return
        self._route(Request(channel, envelope))

    def _route(self, request: Request) -> None:
        if self._is_taken_by_subshells(request):
            return
        if self._is_answered_here(request):
            serve(request, self._at_once, self._responder)
        elif request.channel is Channel.CONTROL:
            self._control.put(request)
        else:
            was_busy = not self._main.is_idle
            self._main.put(request)
            if was_busy:
                self._beside.watch(request, self._main)

    def _is_taken_by_subshells(self, request: Request) -> bool:
        if self._subshells is None or not _is_about_subshells(request):
            return False
        return self._subshells().receive(request)

    def _is_answered_here(self, request: Request) -> bool:
        msg_type = request.header.msg_type
        if request.channel is Channel.CONTROL:
            return msg_type in AT_ONCE
        return msg_type == "kernel_info_request" and self._main.is_idle


def _is_about_subshells(request: Request) -> bool:
    if request.channel is Channel.CONTROL:
        return request.header.msg_type in MANAGING
    return request.envelope.header.subshell_id not in MAIN_SHELL
