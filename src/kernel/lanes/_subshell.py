"""One subshell: requests on shell in a thread of their own, beside the main lane (JEP 91).

**Theory of operation.** A subshell handles its requests as the main lane does: one after the other
(SUBSHELL-10), each with busy, its reply and idle, with itself as the parent of what it causes. Its
thread has an event loop of its own, which turns between requests while something waits for it.
What differs is how it is interrupted: no signal handler runs in its thread, so the I/O thread has
the exception raised there (`ThreadInterrupts`).

A subshell that is deleted takes no more requests. What it has received is handled to the end, then
its background tasks are cancelled and the thread ends (AMB-34). At the end of the kernel it is
interrupted, and left behind if it does not end (`Subshells.close`).
"""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident  # by name: gevent replaces the module's
from typing import TYPE_CHECKING

from attrs import frozen

from assay.kernel._request import Request
from assay.kernel._tracebacks import hide_own_frames
from assay.kernel.dispatch._handlers import Handlers
from assay.kernel.lanes._answering import (
    CODE,
    Answering,
    Limit,
    Surroundings,
    may_come_between,
    withdraw,
)
from assay.kernel.lanes._main_lane import EXIT_DELAY_S
from assay.kernel.lanes._shutdown import Ending
from assay.kernel.lanes._thread_lane import ThreadLane, abort_waiting
from assay.kernel.process._interrupts import STUCK_S
from assay.kernel.process._recursion import ensure_recursion
from assay.kernel.process._thread_interrupts import ThreadInterrupts
from assay.transport import get_logger

if TYPE_CHECKING:
    from assay.kernel._interpreter import ConcurrentInterpreter, SubshellLoop

__all__ = ["Served", "Subshell"]

logger = get_logger("assay.kernel")

REPORT_S = 1.0
"""How long an interrupted cell may go on until a line on its stderr says so."""

GOES_ON = (
    "[assay] The cell was interrupted, and goes on: it waits in C code, where a thread cannot be "
    "interrupted, or has caught the KeyboardInterrupt.\n"
)


@frozen(kw_only=True)
class Served:
    """What is known once there is an interpreter."""

    interpreter: ConcurrentInterpreter
    handlers_of: Callable[[Subshell], Handlers]


class Subshell:
    """A thread of execution with a queue of its own.

    Args:
        ident: Its id, unique in the kernel (SUBSHELL-02).
        around: What it works with.
        limits: Limits questions in the middle of a cell.
        served: Waits for the interpreter, and returns it and what answers. None if the kernel ends
            before there is one.
        forget: Called in the I/O thread with this when its thread has ended.
    """

    def __init__(
        self,
        ident: str,
        around: Surroundings,
        limits: Limit,
        served: Callable[[], Served | None],
        forget: Callable[[Subshell], None],
    ) -> None:
        self.ident = ident
        self._forget = forget
        self.on_end: Callable[[], None] = _do_nothing
        """Called in the I/O thread when its thread has ended."""
        self._around = around
        self._served = served
        self._handlers = Handlers()
        self._loop: SubshellLoop | None = None
        self._answering = Answering(around)
        self._answering.limits = limits
        self._running: Request | None = None
        self.runs_code = False
        """True from the beginning of a cell or a comm message until before its idle; written by its
        thread."""
        self.received = self._handled = 0  # written by the I/O thread; by its own
        self._exit_is_requested = False
        self.lane = lane = ThreadLane(f"assay-subshell-{ident}", self._handle)
        lane.begin, lane.wait, lane.end = self._begin, self._wait, self._end
        self.interrupts = ThreadInterrupts(self._call_later)

    # --- In its thread.

    def _begin(self) -> None:
        served = self._served()
        if served is None:
            return
        try:
            with self._around.io.spare.lent():
                self.interrupts.begin()
                self._loop = self.interrupts.loop = served.interpreter.open_subshell()
                self._handlers = served.handlers_of(self)
            self._loop.set_waker(self.lane.lane.nudge)
            self._loop.set_visitor(self._visit)
        except Exception:  # its requests are answered all the same, as what is not served
            logger.exception("%s cannot begin", self.lane.name)

    def _end(self) -> None:
        try:
            self._end_tasks()
        finally:
            self.interrupts.loop = None
            self.interrupts.end()
            self._exit_if_requested()
            self._around.io.log.call(lambda: self._forget(self))

    def _end_tasks(self) -> None:
        """Cancel the background tasks; what one runs meanwhile can be interrupted."""
        served = self._served()
        while self._loop is not None and served is not None:
            try:
                with self.interrupts.allowed():
                    served.interpreter.close_subshell()
            except KeyboardInterrupt:
                logger.info("%s: interrupted while its tasks were ending", self.lane.name)
                continue  # it may have struck between two steps of the end itself
            except BaseException as error:  # noqa: BLE001 - of a task of the user's
                self._show(error)
            self._loop = None

    def _wait(self) -> Request | None:
        """Wait for a request, letting background tasks go on; None if woken for another reason."""
        loop, lane = self._loop, self.lane.lane
        if loop is None or loop.is_idle:
            return lane.get()
        try:
            with self.interrupts.allowed():
                if len(lane):
                    loop.run_once()
                else:
                    loop.run_until(self._wait_in_loop)
        except KeyboardInterrupt:
            logger.info("%s: interrupted while only background tasks were running", self.lane.name)
        except BaseException as error:  # noqa: BLE001 - of a task of the user's
            self._show(error)
        finally:
            self.interrupts.ensure_left()
            lane.wait_by(None)
        self._exit_if_requested()
        return lane.poll()

    def _wait_in_loop(self, stop: Callable[[], None]) -> None:
        self.lane.lane.wait_by(stop)
        if len(self.lane.lane) or self.lane.is_ending:
            stop()

    def _show(self, error: BaseException) -> None:
        import sys  # noqa: PLC0415 - few tasks end so

        hide_own_frames(error)
        sys.excepthook(type(error), error, error.__traceback__)

    def _handle(self, request: Request) -> None:
        around = self._around
        ensure_recursion()
        request.thread = get_ident()
        self._running = request
        token = around.parents.enter_beside(request)
        if runs_code := request.header.msg_type in CODE:
            self.interrupts.expect()
        around.responder.status("busy", request)
        self.runs_code = runs_code
        try:
            reply = self._answering.in_turn(request, self._handlers, self.interrupts.ensure_left)
            around.catch_up()
            self._answering.leave_if_child(reply)
            if reply is not None and not around.shutdown.abandons:
                around.responder.reply(request, reply)
        finally:
            ensure_recursion()
            self.runs_code = False
            request.finished = True
            self.interrupts.expect_no_more()
            self._running = None
            self._handled += 1
            around.parents.leave_beside(request, token)
            if not (request.is_deferred or around.shutdown.abandons):
                around.responder.status("idle", request)
        self._exit_if_requested()

    def _visit(self) -> None:
        """Handle the first request that waits and is no cell; between two steps of the loop."""
        if self.runs_code and self._handle_held() and self._loop is not None:
            self._loop.call_visitor()

    def handle_waiting(self) -> bool:
        """Handle the first request that waits and is no cell; in the middle of a cell.

        Returns:
            False if there was none.

        Raises:
            KeyboardInterrupt: it was interrupted, and the cell is meant.
        """
        before = self.interrupts.count
        found = self._handle_held()
        if self.interrupts.count > before:
            raise KeyboardInterrupt
        return found

    def _handle_held(self) -> bool:
        """Handle a request in the middle of another one; False if there is none."""
        lane, parents, outer = self.lane.lane, self._around.parents, self._running
        if not len(lane) or outer is None or self._around.output.forked:
            return False
        self.interrupts.hold()  # what has been taken is answered
        try:
            request = lane.take(may_come_between)
            if request is None:
                return False
            request.thread = get_ident()
            entered = parents.entered_beside(request, outer)
            try:
                self._answering.between(request, self._handlers, self.interrupts, entered)
            finally:
                self._handled += 1
        finally:
            self.interrupts.release()
        return True

    def abort_waiting(self) -> None:
        """Mark as aborted the cells that wait in this subshell, and in no other (SUBSHELL-16)."""
        if not (self._around.output.forked or self._around.shutdown.abandons):
            abort_waiting(self._around.io, self.lane.lane)

    def request_exit(self) -> None:
        """End the kernel once the running request is answered, if there is one."""
        self._exit_is_requested = True
        self.lane.lane.wake()

    def _exit_if_requested(self) -> None:
        if self._exit_is_requested:
            self._exit_is_requested = False
            io = self._around.io
            io.log.call(lambda: io.call_later(EXIT_DELAY_S, self._exit))

    def _exit(self) -> None:
        self._around.shutdown.ask(Ending())

    # --- In the I/O thread.

    @property
    def is_idle(self) -> bool:
        """True if it handles no request, and none waits."""
        return self.received == self._handled

    def put(self, request: Request) -> None:
        """Append *request* to those that wait."""
        self.received += 1
        self.lane.put(request)
        if self.runs_code and self._loop is not None and may_come_between(request):
            self._loop.call_visitor()

    def waiting(self) -> list[Request]:
        """Return the requests that wait, first to last."""
        return self.lane.lane.waiting()

    def withdraw(self, request: Request) -> bool:
        """Take *request* out, to be answered elsewhere; return False if it does not wait here."""
        if not withdraw(self.lane.lane, request):
            return False
        self.received -= 1
        return True

    def interrupt(self) -> None:
        """Interrupt the cell that runs in it, if one does."""
        interrupts, later = self.interrupts, self._around.io.call_later
        if not interrupts.interrupt():
            return
        entries, request = interrupts.entries, self._running
        later(STUCK_S, lambda: interrupts.raise_if_stuck(entries))
        if request is not None:
            later(REPORT_S, lambda: self._report(entries, request))

    def _call_later(self, seconds: float, call: Callable[[], None]) -> None:
        io = self._around.io
        io.log.call(lambda: io.call_later(seconds, call))

    def _report(self, entries: int, request: Request) -> None:
        if self.interrupts.is_in(entries) and not request.finished:
            self._around.output.warn(request, GOES_ON)


def _do_nothing() -> None:
    """Do nothing: its deletion has been answered, or it has not been deleted."""
