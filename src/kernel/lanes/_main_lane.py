"""The main lane: everything on shell, in the main thread, one request after the other (SHELL-15).

**Theory of operation.** The I/O thread puts requests into the lane and wakes the reader; the main
thread takes one, publishes busy, calls the handler, sends the reply, publishes idle (SHELL-04,
SHELL-05). Everything that a request causes is appended to one log, so that what was written before
idle also arrives before it.

Between requests the main thread waits in a lock, or, while the interpreter's event loop has
something to do, turns that loop until the next request comes. Three things wake it: a request, a
signal (through the I/O thread, see `SignalWatch`), and the end (`Shutdown`). It looks at all of
them each time round, so a wake-up too many does no harm. None is lost either: the lane's lock stays
open if it is opened while no thread waits, and `_wait_in_loop` looks at the lane after it has set
how to be woken.

Who writes what: `_received` is the I/O thread's, `_handled` the main thread's. The lane is idle if
they are equal. The I/O thread may find it busy a moment too long, and then a kernel_info_request
waits for its turn; it never finds it idle too early, for only itself adds work.

*While code runs* (`runs_code`: a cell, or a comm's handler), what is no cell need not wait for its
end (AMB-74). A cell that awaits lets the user's loop turn, and between two steps of it the main
thread handles what has come, one request after the other (`visit`): comm messages, so that a cell
can await a widget's event, and questions. Whichever happens last sees to it: the cell that begins
to await looks whether something waits, and what is put while code runs asks the loop for a visit.
While the loop does not turn, questions are answered elsewhere (`Beside`), and comm messages wait.

A result that is sent without a copy of what the user's objects refer to is *lent*: the next request
is taken when it has left (`lend`). A client that takes nothing cannot keep all others waiting: what
waits goes on after `LOAN_LIMIT_S`, one limit for all loans together, or at an interrupt, and the
log names the risk.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from assay._clock import monotonic
from assay.kernel._request import Request
from assay.kernel._tracebacks import hide_own_frames
from assay.kernel.dispatch._handlers import Handlers
from assay.kernel.lanes._answering import (
    CODE,
    Answering,
    Surroundings,
    may_come_between,
    withdraw,
)
from assay.kernel.lanes._shutdown import Ending
from assay.kernel.lanes._thread_lane import abort_waiting
from assay.kernel.process._child import end_child
from assay.kernel.process._main_thread import is_main_thread
from assay.kernel.process._recursion import ensure_recursion
from assay.transport import Lane, When, get_logger

if TYPE_CHECKING:
    from assay.kernel._interpreter import EventLoop
    from assay.kernel.process._interrupts import Interrupts
    from assay.transport import Loan

__all__ = ["EXIT_DELAY_S", "MainLane"]

logger = get_logger("assay.kernel")

EXIT_DELAY_S = 1.0
"""How long the kernel stays after a cell that called ``exit``: consoles check that it lives before
they read the reply."""

LOOK_FOR_KEYBOARD_S = 1.0
"""How often a main thread that waits looks for Ctrl-C where the signals are the program's."""

LOOK_AT_END_S = 0.05
"""How often a main thread that waits for the end of a loan looks whether the kernel ends."""

LOAN_LIMIT_S = 10.0
"""How long loans may keep waiting what there is to do, all of them together: 100 MB take as long at
80 Mbit/s."""


class MainLane:
    """The requests of the shell channel, and the thread that handles them.

    Args:
        around: What it works with.
        interruptible: Allows interrupts inside.
    """

    def __init__(
        self, around: Surroundings, interruptible: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._around = around
        self._shutdown = around.shutdown
        self._interruptible = interruptible
        self.answering = Answering(around)
        """Answers in the main thread."""
        self._loop: EventLoop | None = None
        self._received = 0
        self._handled = 0
        self._exit_is_requested = False
        self._handlers: Handlers | None = None
        self.ends_by_keyboard = False
        """Ctrl-C ends the kernel while it waits: the terminal is the program's."""
        self.ended_by_keyboard = False
        """That is how it ended."""
        self.runs_code = False
        """True from the beginning of a cell or a comm message until before its idle; written by the
        main thread."""
        self.is_waiting = False
        """True while the main thread waits for a request, and has taken none."""
        self.has_been_signalled = False
        """A signal that ends the process has come; the owner of the shutdown may not know yet."""
        self.interrupts: Interrupts | None = None
        """What interrupts code, if the signals are the kernel's."""
        self.leave_code: Callable[[], None] = _do_nothing
        """Takes the signals back from user code, wherever that was left."""
        self.lane: Lane[Request] = Lane()
        """The requests that wait."""
        self._loans: list[Loan] = []
        self._may_wait = True
        """False where the lane is stepped: nothing there waits for the end of a loan."""

    # --- From the I/O thread.

    def put(self, request: Request) -> None:
        """Append *request* to those that wait."""
        self._received += 1
        self.lane.put(request)
        self._around.io.schedule_flush()
        if self.runs_code and self._loop is not None and may_come_between(request):
            self._loop.call_visitor()

    def waiting(self) -> list[Request]:
        """Return the requests that wait, first to last."""
        return self.lane.waiting()

    def first_cell_behind_start(self) -> Request | None:
        """Return the first cell that waits for the interpreter, while that is loaded."""
        if self._handlers is not None:
            return None
        cells = (one for one in self.lane.waiting() if one.header.msg_type == "execute_request")
        return next(cells, None)

    def withdraw(self, request: Request) -> bool:
        """Take *request* out, to be answered elsewhere; return False if it does not wait here."""
        if not withdraw(self.lane, request):
            return False
        self._received -= 1
        return True

    @property
    def is_idle(self) -> bool:
        """True if no request waits or is being handled."""
        return self._received == self._handled

    # --- From any thread.

    def wake(self) -> None:
        """Make a main thread that waits look around."""
        self.lane.wake()

    @property
    def is_ending(self) -> bool:
        """True once something has asked for the end."""
        return self._shutdown.is_asked

    def terminate(self, exit_code: int) -> None:
        """End the kernel: a signal that does so has come."""
        self._shutdown.ask(Ending(exit_code=exit_code))
        self.has_been_signalled = True

    def request_exit(self) -> None:
        """End the kernel once the running request is answered, if there is one."""
        self._exit_is_requested = True
        self.lane.wake()

    # --- In the main thread.

    def use_loop(self, loop: EventLoop) -> None:
        """Run *loop* between requests while it has something to do."""
        self._loop = loop
        loop.set_waker(self.lane.nudge)
        loop.set_visitor(self.visit)

    @property
    def may_lend(self) -> bool:
        """True if nothing would have to wait for a loan: no request, nothing in the background."""
        return self._may_wait and not self._has_work

    @property
    def _has_work(self) -> bool:
        return len(self.lane) > 0 or not (self._loop is None or self._loop.is_idle)

    def lend(self, loan: Loan) -> None:
        """Run no code of the user's after the running request until *loan* is over.

        It does not wait for ever for a client that takes nothing: see `LOAN_LIMIT_S`.
        """
        self._loans.append(loan)

    def begin(self, handlers: Handlers) -> None:
        """Handle requests with *handlers* from now on."""
        self._handlers = handlers
        self._exit_is_requested = False  # start-up code that calls `exit` ends nothing (S-053)

    def serve(self) -> None:
        """Handle requests until something asks for the end."""
        assert self._handlers is not None, "begun before"
        while not self._shutdown.is_asked:
            self._turn(self._handlers, self._next)

    def when_due(self, call: Callable[[], None]) -> None:
        """Call *call* in another thread whenever there is a reason for a `step`."""
        self.lane.wait_by(call)
        if self._loop is not None:
            self._loop.set_waker(call)

    def step(self) -> bool:
        """Handle one request that waits, and give background tasks a turn; wait for nothing.

        Returns:
            True if there was a request.
        """
        assert self._handlers is not None, "begun before"
        self._may_wait = False
        return self._turn(self._handlers, self._next_if_any)

    def _turn(self, handlers: Handlers, take: Callable[[], Request | None]) -> bool:
        try:
            request = self._take(take)
            ensure_recursion()
            if request is not None:
                self._handle(request, handlers)
                self._handled += 1
                ensure_recursion()
                self._load_deferred(handlers)
                self._around.io.spare.refill()
            if self._around.output.forked:
                end_child(0)  # a background task has forked, see `Answering.leave_if_child`
            if self._exit_is_requested:
                self._exit_is_requested = False
                io = self._around.io
                io.log.call(lambda: io.call_later(EXIT_DELAY_S, self._exit))
        except Exception:  # the loop must outlive whatever goes wrong
            logger.exception("the main lane failed")
            return True
        return request is not None

    def visit(self) -> None:
        """Handle the first request that waits and is no cell; between two steps of the user's loop.

        One at a time: the cell's own tasks have their turns, however many come.
        """
        if self.runs_code and self._handle_between() and self._loop is not None:
            self._loop.call_visitor()

    def handle_waiting(self) -> bool:
        """Handle the first request that waits and is no cell; in the middle of a cell.

        Returns:
            False if there was none.

        Raises:
            KeyboardInterrupt: it was interrupted, and the cell is meant.
        """
        interrupts = self.interrupts
        before = interrupts.count if interrupts is not None else 0
        found = self._handle_between()
        if interrupts is not None and interrupts.count > before and is_main_thread():
            raise KeyboardInterrupt
        return found

    def _handle_between(self) -> bool:
        """Handle a request in the middle of another one; False if there is none."""
        handlers = self._handlers
        if not len(self.lane) or handlers is None or self._around.output.forked:
            return False
        self.hold()  # what has been taken is answered
        try:
            request = self.lane.take(may_come_between)
            if request is None:
                return False
            try:
                entered = self._around.parents.entered(request)
                self.answering.between(request, handlers, self, entered)
            finally:
                self._handled += 1
        finally:
            self.release()
        return True

    def hold(self) -> None:
        """Put interrupts off."""
        if self.interrupts is not None and is_main_thread():
            self.interrupts.hold()

    ensure_held = hold

    def release(self) -> None:
        """Put them off no longer."""
        if self.interrupts is not None and is_main_thread():
            self.interrupts.release()

    def abort_waiting(self) -> None:
        """Mark as aborted the execute requests that wait (EXEC-20, AMB-06)."""
        if self._around.output.forked or self._shutdown.abandons:
            return  # there is no I/O thread here, or no reply to come
        self._around.put_back()  # the I/O thread, which is waited for, needs that too
        abort_waiting(self._around.io, self.lane)

    def _take(self, take: Callable[[], Request | None]) -> Request | None:
        """Call *take*; log what a signal handler of the user's raises as the loop's code ends."""
        try:
            try:
                return take()
            finally:
                self.leave_code()
        except BaseException as error:  # of a signal, just when the loop's code had ended
            self.leave_code()
            if self.ends_by_keyboard and isinstance(error, KeyboardInterrupt):
                self.ended_by_keyboard = True
                self._exit()
                self._shutdown.settle()
                return None
            logger.exception("a signal's handler failed when background tasks were left")
            return None

    def _next(self) -> Request | None:
        """Wait for a request, letting background tasks go on; None if woken for another reason."""
        loop, lane = self._loop, self.lane
        if not self._has_back_what_it_lent():
            return None
        if loop is None or loop.is_idle:
            self._wait()
            return lane.poll()
        try:
            with self._interruptible():
                if len(lane):
                    loop.run_once()
                else:
                    loop.run_until(self._wait_in_loop)
        except KeyboardInterrupt:
            logger.info("interrupted while only background tasks were running")
        except BaseException as error:  # noqa: BLE001 - of a signal's handler, or of a task
            # Also a task of the user's that wants to end the program: in a cell it is no end.
            hide_own_frames(error)
            sys.excepthook(type(error), error, error.__traceback__)
        finally:
            lane.wait_by(None)
        return lane.poll()

    def _has_back_what_it_lent(self) -> bool:
        """Wait for the ends of loans, or until they are given up; False if the kernel ends."""
        began = monotonic()
        while self._loans and not self._shutdown.is_asked:
            try:
                with self._interruptible():
                    is_over, is_interrupted = self._loans[0].is_over(LOOK_AT_END_S), False
            except KeyboardInterrupt:
                is_over, is_interrupted = False, True
            if is_over:
                del self._loans[0]
            if not self._has_work:
                began = monotonic()
            elif self._loans and (is_interrupted or monotonic() - began >= LOAN_LIMIT_S):
                self._give_up_loans()
        return not self._loans

    def _give_up_loans(self) -> None:
        self._loans.clear()
        logger.warning(
            "a result has not left yet, as a client or a scheduler does not take it, and what "
            "waits goes on: if that changes an array of the result, the new values may be sent"
        )

    def _wait(self) -> None:
        self.is_waiting = True
        try:
            # A signal that comes just before a wait does not end it. Who owns the signals pings.
            seconds = LOOK_FOR_KEYBOARD_S if self.ends_by_keyboard and is_main_thread() else -1
            while not self.lane.wait(seconds):
                continue
        finally:
            self.is_waiting = False

    def _next_if_any(self) -> Request | None:
        """Return a request that waits, after a turn of what goes on in the background."""
        loop = self._loop
        if loop is not None and not loop.is_idle:
            with self._interruptible():
                loop.run_once()
        return self.lane.poll()

    def _wait_in_loop(self, stop: Callable[[], None]) -> None:
        self.lane.wait_by(stop)
        if len(self.lane):
            stop()

    def _handle(self, request: Request, handlers: Handlers) -> None:
        around = self._around
        token = around.parents.enter(request)
        if (runs_code := request.header.msg_type in CODE) and self.interrupts is not None:
            self.interrupts.expect()
        around.responder.status("busy", request, when=When.WITH_NEXT)
        self.runs_code = runs_code
        try:
            reply = self.answering.in_turn(request, handlers, self._leave_code)
            around.catch_up()
            self.answering.leave_if_child(reply)
            if self.has_been_signalled:
                self._shutdown.settle()
            if reply is not None and not self._shutdown.abandons:
                around.responder.reply(request, reply)
        finally:
            self.runs_code = False
            request.finished = True
            if self.interrupts is not None:
                self.interrupts.expect_no_more()
            around.parents.reset(token)
            if not (request.is_deferred or self._shutdown.abandons):
                more = len(self.lane) > 0  # then a busy follows, which need not wake the I/O thread
                when = When.NOW_AND_MORE if more else When.NOW
                around.responder.status("idle", request, when=when)

    def _leave_code(self) -> None:
        self.leave_code()

    def _exit(self) -> None:
        self._shutdown.ask(Ending())

    def _load_deferred(self, handlers: Handlers) -> None:
        if not handlers.has_deferred:
            return
        try:
            with self._around.io.spare.lent():
                handlers.load_deferred()
        except Exception:  # the loop must outlive a program that has used up all descriptors
            logger.exception("cannot import what answers other requests; it will be tried again")


def _do_nothing() -> None:
    """Do nothing: the signals are another program's."""
