"""What the moves of the shutdown table do to a running kernel; all in the I/O thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from assay.kernel._request import Request
from assay.kernel.dispatch._replies import Reply, Responder
from assay.kernel.lanes._shutdown import SHUTDOWN_BUDGET_S, Ending
from assay.kernel.output._iopub import Output
from assay.kernel.process._exit import dump_stacks, end_by_force
from assay.protocol import Content
from assay.transport import IoThread, get_logger

__all__ = ["KernelEffects"]

logger = get_logger("assay.kernel")


class KernelEffects:
    """The `Effects` of a kernel.

    Args:
        io: The I/O thread.
        responder: Sends the last messages.
        output: Publishes no more errors once what runs is abandoned.
        real_stderr: Where a kernel that hangs reports it.
        owns_exit: True if the process may be ended by force.
    """

    def __init__(
        self,
        io: IoThread,
        responder: Responder,
        output: Output,
        *,
        real_stderr: TextIO,
        owns_exit: bool,
    ) -> None:
        self._io = io
        self._responder = responder
        self._output = output
        self._real_stderr = real_stderr
        self._owns_exit = owns_exit
        self.call_later = io.call_later
        self.stop: Callable[[], None] = _do_nothing
        """Wakes the main thread."""
        self.interrupt: Callable[[], None] = _do_nothing
        """Interrupts what it runs."""
        self.remove_files: Callable[[], None] = _do_nothing
        """Removes what a process that is ended by force would leave on the disk."""
        self.handles_sigterm: Callable[[], bool] = lambda: False
        """True if SIGTERM to the whole process group does not call a program's own handler."""

    def abandon(self) -> None:
        """Publish no error from now on."""
        self._output.mute_errors()

    def reply(self, request: Request, restart: bool) -> None:
        """Answer a request that came too late to be the ending."""
        self._responder.reply(request, Reply(_shutdown_reply(restart)))
        self._responder.status("idle", request)

    def say_goodbye(self, ending: Ending) -> None:
        """Reply, broadcast, idle (AMB-39)."""
        if ending.request is not None:
            self._responder.shutdown_reply(ending.request, _shutdown_reply(ending.restart))
            self._responder.status("idle", ending.request)

    def force(self, ending: Ending) -> None:
        """Say where the main thread hangs, answer in its place, end the process."""
        logger.critical(
            "the main thread did not come to an end within %s s; it is here:", SHUTDOWN_BUDGET_S
        )
        self._io.spare.close()
        dump_stacks(self._real_stderr)
        self.say_goodbye(ending)
        if self._owns_exit:
            self._io.end()
            self._clean_up()
            end_by_force(ending.exit_code, children=self.handles_sigterm())

    def _clean_up(self) -> None:
        try:
            self.remove_files()
        except Exception:  # nothing may keep the process from its end
            logger.exception("files are left that the kernel has made")


def _shutdown_reply(restart: bool) -> Content:
    from assay.protocol import ShutdownReply  # noqa: PLC0415 - preloaded with the deferred handlers

    return ShutdownReply(restart=restart)


def _do_nothing() -> None:
    """Do nothing: set before the kernel serves."""
