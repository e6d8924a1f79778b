"""SIGINT, SIGTERM and SIGHUP: their handlers, and what the I/O thread does about them.

Python runs a signal's handler when the main thread next looks, which C code may never do, and which
a signal that comes just before a wait has missed. So the I/O thread reads the signals' numbers from
a pipe (`SignalPipe`), wakes the main thread, and pings it to learn whether it looks.

| comes              | the main thread  | the I/O thread                                     |
|--------------------|------------------|----------------------------------------------------|
| SIGINT             | `Interrupts`     | pings it, after `NOTICE_S`, and again until it     |
|                    |                  | looks; interrupts subshells;                       |
|                    |                  | tells the client if it has not looked after        |
|                    |                  | `REPORT_S` more                                    |
| interrupt_request  |                  | sends SIGINT, then does the same                   |
| an interrupt where | asks for another | sends it after `INTERRUPT_RETRY_S`                 |
| none may be raised |                  |                                                    |
| SIGTERM, SIGHUP    | `terminate`      | `terminate` in its place, if it has not looked     |
|                    |                  | within `SIGTERM_GRACE_S`                           |
| any other          | what user code   | pings it, and again until it looks: what it waits  |
|                    | installed        | in may be deaf to a signal of another thread;      |
|                    |                  | passes it on to the user's event loop              |
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType

from assay._clock import monotonic
from assay.kernel.process._child import after_fork_in_child
from assay.kernel.process._exit_status import exit_status
from assay.kernel.process._import_hooks import after_import
from assay.kernel.process._interrupts import STUCK_S, Interrupts
from assay.kernel.process._signal_handlers import ENDING
from assay.kernel.process._signal_pipe import SignalPipe
from assay.transport import IoThread, get_logger

__all__ = ["SIGTERM_GRACE_S", "SignalWatch"]

logger = get_logger("assay.kernel")

INTERRUPT_RETRY_S = 0.001
"""When an interrupt comes again that struck where it must not raise; about as long as a fork."""

NOTICE_S = 0.05
"""How long the main thread has to notice an interrupt before it is pinged."""

REPORT_S = 1.0
"""How long it has then until a line on the cell's stderr says that it goes on."""

TELLINGS = 40
"""How often a language is asked to end what runs, `NOTICE_S` apart: for two seconds."""

SIGTERM_GRACE_S = 0.25
"""How long it has to answer before SIGTERM ends the kernel without it: longer than a busy machine
leaves a thread without a processor."""

FORGOTTEN_S = 1.0
"""When a signal of our own is not awaited any longer."""

SIGNALLED = 128
"""Added to the number of the signal that ended the kernel, it is the exit code: shells count so."""


class SignalWatch:
    """Take SIGINT, SIGTERM and SIGHUP over for a kernel.

    Args:
        io: The I/O thread.
        interrupts: The handler of SIGINT.
        wake: Wakes a main thread that waits for requests.
        terminate: Called with the exit code when a signal has come that ends the process; in any
            thread, and in the middle of anything.
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
        self._handlers = interrupts.handlers
        self._pipe = SignalPipe(self._handlers)
        self._pipe.may_replace = self._is_loops
        self._handlers.after_code = self._pipe.reclaim
        self._handlers.exit = lambda error: terminate(exit_status(error))
        self._is_installed = False
        self._sent: list[float] = []
        """When we have sent signals ourselves: they say nothing about other threads."""
        self._has_looked: Callable[[], bool] = lambda: True
        """Returns True once the main thread has looked after the last signal of user code's."""
        self.say_it_goes_on: Callable[[], None] = lambda: None
        """Tells the client that its cell goes on; called in the I/O thread."""
        self.interrupt_later: Callable[[], None] = lambda: None
        """Interrupts a cell that waits for the interpreter once it runs; called as that."""
        self.interrupt_others: Callable[[], None] = lambda: None
        """Interrupts what other threads run than the main one; called in the I/O thread."""
        interrupts.put_off = self._put_interrupt_off
        interrupts.look_again = self._look_again

    def install(self) -> None:
        """Install the handlers; in the main thread, before the I/O thread is started."""
        self._is_installed = True
        self._io.watch(self._pipe.fileno(), self._on_signal)
        self._interrupts.install()
        self._take_ending_signals()
        self._pipe.install()
        after_import("trio", self._share_with_trio)

    def restore(self, *, goes_on: bool = False) -> None:
        """Give the signals back; in the main thread.

        Args:
            goes_on: The process does. Where it does not, the signals that end it stay ours: it is
                about to end, with its own status.
        """
        self._is_installed = False
        self._interrupts.restore()
        self._pipe.remove()
        self._handlers.ignore_left()
        if goes_on:
            for number in (*ENDING, signal.SIGPIPE):
                self._handlers.give_back(number)
            self._pipe.close()

    def _share_with_trio(self) -> None:
        from assay.kernel.process._signals_of_trio import share_signals_with_trio  # noqa: PLC0415 - few import trio

        share_signals_with_trio(self._pipe)

    def _is_loops(self, descriptor: int) -> bool:
        loop = self._interrupts.loop
        return loop is not None and loop.is_wakeup(descriptor)

    def _take_ending_signals(self) -> None:
        for number in ENDING:
            # One that is ignored was so on purpose, by nohup.
            if signal.getsignal(number) != signal.SIG_IGN:
                self._handlers.take(number, self._on_ending_signal)
        # Python ignores it, and whatever writes to a broken pipe relies on that.
        if signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN:
            self._handlers.take(signal.SIGPIPE, signal.SIG_IGN)

    def follow_forks(self, in_child: Callable[[], None]) -> None:
        """Be an ordinary process in a forked child, where SIGTERM ends it.

        Args:
            in_child: Called there first.
        """

        def after_in_child() -> None:
            if self._is_installed:
                in_child()
                after_fork_in_child()
                self._interrupts.after_fork()
                self._pipe.remove()
                self._handlers.enter_code()
                for number in (*ENDING, signal.SIGPIPE):
                    self._handlers.give_back(number)
            _release_ending()

        os.register_at_fork(
            before=_hold_ending, after_in_parent=_release_ending, after_in_child=after_in_child
        )

    def hold_interrupts_in_forks(self) -> None:
        """Put interrupts off during a fork.

        Called after the interpreter is loaded: what is registered last is called first before a
        fork, and last after it.
        """
        hold, release = self._interrupts.hold, self._interrupts.release
        os.register_at_fork(before=hold, after_in_parent=release, after_in_child=release)

    @property
    def handles_sigterm(self) -> bool:
        """True unless a program has put a handler of its own into the place of ours."""
        return self._handlers.is_ours(signal.SIGTERM)

    def interrupt(self) -> None:
        """Interrupt the main thread, and see to it that it notices; in the I/O thread."""
        self.interrupt_later()
        self.interrupt_others()  # first: what they wait for may be a process that the signal ends
        self._sent.append(monotonic())
        self._interrupts.send()
        self._io.call_later(NOTICE_S, self._ping)

    # --- In the main thread, in the middle of anything.

    def _on_ending_signal(self, number: int, _frame: FrameType | None) -> None:
        # Logged elsewhere: this may be in the middle of the import of logging.
        self._io.log.call(lambda: _log_ending(number))
        self._terminate(SIGNALLED + number)

    def _put_interrupt_off(self) -> None:
        self._io.log.call(lambda: self._io.call_later(INTERRUPT_RETRY_S, self.interrupt_again))

    def _look_again(self) -> None:
        self._io.log.call(lambda: self._io.call_later(STUCK_S, self._interrupt_if_stuck))

    # --- In the I/O thread.

    def _interrupt_if_stuck(self) -> None:
        loop = self._interrupts.loop
        if loop is not None and loop.is_stuck:
            self.interrupt_again()

    def _on_signal(self) -> None:
        """See to it that the main thread handles what has come, or do it in its place."""
        self._wake()
        numbers = self._pipe.take()
        if signal.SIGINT in numbers:
            if self._interrupts.tell is not None:
                self._tell_language(self._pipe.ping_main_thread(), TELLINGS)
            self._io.call_later(NOTICE_S, self._ping)
            if self._has_come(numbers.count(signal.SIGINT)):
                self.interrupt_later()
                self.interrupt_others()
        for number in ENDING.intersection(numbers):
            if self._handlers.is_ours(number):
                self._terminate_unless_main_thread_looks(number)
        if others := [number for number in numbers if not self._handlers.is_ours(number)]:
            self._ping_for_others()
            if (loop := self._interrupts.loop) is not None:
                loop.pass_on_signals(others)

    def _ping_for_others(self) -> None:
        """Wake a main thread that waits elsewhere, as in trio's loop: its code has a handler.

        Signals of a timer may come by the thousand: one that C code keeps waiting is pinged for
        each, as it is struck by each, and again later for all of them together.
        """
        had_looked = self._has_looked()
        self._has_looked = has_looked = self._pipe.ping_main_thread()
        if had_looked:
            self._ping_again_later(has_looked, NOTICE_S)

    def _has_come(self, count: int) -> bool:
        """Return True if of *count* interrupts one at least was sent from outside."""
        now = monotonic()
        # The system may deliver two signals as one: what does not come is forgotten.
        sent = [moment for moment in self._sent if now - moment < FORGOTTEN_S]
        self._sent = sent[count:]
        return count > len(sent)

    def _tell_language(self, has_looked: Callable[[], bool], times: int) -> None:
        """Have the language end its code, again until the main thread is back in Python.

        The code may be about to begin: what ends it does nothing then (`sqlite3_interrupt`).
        """
        if times and not has_looked():
            self._interrupts.tell_language()
            self._io.call_later(NOTICE_S, lambda: self._tell_language(has_looked, times - 1))

    def _ping(self) -> None:
        """Wake a main thread that began to wait just when an interrupt came."""
        has_looked = self._pipe.ping_main_thread()

        def look() -> None:
            if not has_looked() and self._pipe.is_answered:
                self.say_it_goes_on()

        self._io.call_later(REPORT_S, look)
        self._ping_again_later(has_looked, NOTICE_S)

    def _ping_again_later(self, has_looked: Callable[[], bool], pause: float) -> None:
        """Ping it again, less and less often, until it looks.

        A ping may be missed as the interrupt was, where a thread gets no processor between its
        last look and its wait; and C code may go on after a call that a signal has ended.
        """

        def ping() -> None:
            if not has_looked() and self._pipe.is_answered:
                self._pipe.ping_main_thread()
                self._ping_again_later(has_looked, 2 * pause)

        self._io.call_later(pause, ping)

    def interrupt_all(self) -> None:
        """Interrupt whatever runs, where the kernel ends."""
        self.interrupt_again()
        self.interrupt_others()

    def interrupt_again(self) -> None:
        """Interrupt the main thread alone, and not its children; in the I/O thread."""
        self._sent.append(monotonic())
        self._interrupts.send(children=False)

    def _terminate_unless_main_thread_looks(self, number: int) -> None:
        has_looked = self._pipe.ping_main_thread()

        def terminate() -> None:
            if not has_looked() and self._handlers.is_ours(number):
                _log_ending(number)
                self._terminate(SIGNALLED + number)

        self._io.call_later(SIGTERM_GRACE_S, terminate)


def _log_ending(number: int) -> None:
    logger.warning("%s: shutting down", signal.Signals(number).name)


def _hold_ending() -> None:
    # One that reached a child before its handler is the default one would be lost.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)


def _release_ending() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
