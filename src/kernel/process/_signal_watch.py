"""SIGINT and SIGTERM: their handlers in the main thread, and what the I/O thread does about them.

Python runs a signal's handler when the main thread next looks, which C code may never do, and which
a signal that comes just before a wait has missed. So the I/O thread reads the signals' numbers from
a pipe (`SignalPipe`), wakes the main thread, and asks it whether it looks.

| comes              | the main thread  | the I/O thread                                     |
|--------------------|------------------|----------------------------------------------------|
| SIGINT             | `Interrupts`     | asks it to look, after `NOTICE_S`                  |
| interrupt_request  |                  | sends SIGINT, then does the same                   |
| an interrupt where | asks for another | sends it after `INTERRUPT_RETRY_S`                 |
| none may be raised |                  |                                                    |
| SIGTERM            | `terminate`      | `terminate` in its place, if it has not looked     |
|                    |                  | within `SIGTERM_GRACE_S`                           |
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType

from assay.kernel.process._import_hooks import after_import
from assay.kernel.process._interrupts import Interrupts
from assay.kernel.process._signal_pipe import SignalPipe
from assay.transport import IoThread, get_logger

__all__ = ["SIGTERM_GRACE_S", "SignalWatch"]

logger = get_logger("assay.kernel")

INTERRUPT_RETRY_S = 0.001
"""When an interrupt comes again that struck where it must not raise; about as long as a fork."""

NOTICE_S = 0.05
"""How long the main thread has to notice an interrupt before it is asked whether it looks."""

SIGTERM_GRACE_S = 0.25
"""How long it has to answer before SIGTERM ends the kernel without it: longer than a busy machine
leaves a thread without a processor."""

TERMINATED = 128 + signal.SIGTERM
"""The exit code after SIGTERM, as shells count."""


class SignalWatch:
    """Take SIGINT and SIGTERM over for a kernel.

    Args:
        io: The I/O thread.
        interrupts: The handler of SIGINT.
        wake: Wakes a main thread that waits for requests.
        terminate: Called with the exit code when SIGTERM has come; in any thread, and in the middle
            of anything.
    """

    def __init__(
        self,
        io: IoThread,
        interrupts: Interrupts,
        *,
        wake: Callable[[], None],
        terminate: Callable[[int], None],
    ) -> None:
        self._io = io
        self._interrupts = interrupts
        self._wake = wake
        self._terminate = terminate
        self._pipe = SignalPipe()
        self._is_installed = False
        interrupts.put_off = self._put_interrupt_off

    def install(self) -> None:
        """Install the handlers; in the main thread, before the I/O thread is started."""
        self._is_installed = True
        self._io.watch(self._pipe.fileno(), self._on_signal)
        self._interrupts.install()
        signal.signal(signal.SIGTERM, self._on_sigterm)
        self._pipe.install()
        after_import("trio", self._pipe.give_up)  # it warns of other pipes

    def restore(self) -> None:
        """Give the signals back; in the main thread."""
        self._is_installed = False
        self._interrupts.restore()
        self._pipe.remove()

    def follow_forks(self, in_child: Callable[[], None]) -> None:
        """Be an ordinary process in a forked child, where SIGTERM ends it.

        Args:
            in_child: Called there first.
        """

        def after_in_child() -> None:
            if self._is_installed:
                in_child()
                self._pipe.remove()
                if self.handles_sigterm:
                    signal.signal(signal.SIGTERM, signal.SIG_DFL)
            _release_sigterm()

        os.register_at_fork(
            before=_hold_sigterm, after_in_parent=_release_sigterm, after_in_child=after_in_child
        )

    def hold_interrupts_in_forks(self) -> None:
        """Put interrupts off during a fork.

        Called after the interpreter is loaded: what is registered last is called first before a
        fork, and last after it.
        """
        hold, let = self._interrupts.hold, self._interrupts.let
        os.register_at_fork(before=hold, after_in_parent=let, after_in_child=let)

    @property
    def handles_sigterm(self) -> bool:
        """True unless a program has put a handler of its own into the place of ours."""
        return signal.getsignal(signal.SIGTERM) == self._on_sigterm

    def interrupt(self) -> None:
        """Interrupt the main thread, and see to it that it notices; in the I/O thread."""
        self._interrupts.send()
        self._io.call_later(NOTICE_S, self._ping)

    # --- In the main thread, in the middle of anything.

    def _on_sigterm(self, _number: int, _frame: FrameType | None) -> None:
        # Logged elsewhere: this may be in the middle of the import of logging.
        self._io.log.call(_log_sigterm)
        self._terminate(TERMINATED)

    def _put_interrupt_off(self) -> None:
        self._io.log.call(lambda: self._io.call_later(INTERRUPT_RETRY_S, self.interrupt_again))

    # --- In the I/O thread.

    def _on_signal(self) -> None:
        """See to it that the main thread handles what has come, or do it in its place."""
        self._wake()
        numbers = self._pipe.take()
        if signal.SIGINT in numbers:
            self._io.call_later(NOTICE_S, self._ping)
        if signal.SIGTERM in numbers and self.handles_sigterm:
            has_looked = self._pipe.ask()
            self._io.call_later(SIGTERM_GRACE_S, lambda: self._terminate_unless(has_looked))

    def _ping(self) -> None:
        """Let a main thread look that began to wait just when an interrupt came."""
        self._pipe.ask()

    def interrupt_again(self) -> None:
        """Interrupt the main thread alone, and not its children; from any thread."""
        self._interrupts.send(children=False)

    def _terminate_unless(self, has_looked: Callable[[], bool]) -> None:
        if not has_looked() and self.handles_sigterm:
            _log_sigterm()
            self._terminate(TERMINATED)


def _log_sigterm() -> None:
    logger.warning("SIGTERM: shutting down")


def _hold_sigterm() -> None:
    # One that reached a child before its handler is the default one would be lost.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def _release_sigterm() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
