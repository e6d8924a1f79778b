"""The user's event loop: it seems to run all the time, and costs nothing while nothing uses it.

In a cell, `asyncio.create_task` works and `asyncio.get_running_loop` returns this loop; a cell
with top-level await runs on it; tasks go on between cells. Yet a plain cell does not go through
the loop: it runs with the loop marked as running, and the loop really runs only while the kernel
waits for requests and some task, timer or socket needs it (decision 0005).

**Theory of operation.** The loop is in one of three states, which only the main thread changes:

| state      | `is_running` | asyncio's running loop | who left it so                             |
|------------|--------------|------------------------|--------------------------------------------|
| at rest    | no           | none                   | `leave_cell`, and the end of each turn     |
| pretending | yes          | this one               | `enter_cell`, for the time of a plain cell |
| turning    | yes          | this one               | `run_cell`, `run_once`, `run_until`        |

`run_cell` is called while it pretends: it puts the pretence away, turns until the cell's task is
done, and takes it up again. Between requests `run_until` turns until another thread, which has a
request, calls what it was given; that posts `stop` into the loop, which wakes its selector. Such a
stop may come when the turn is over: it belongs to that turn alone (`Turn`) and stops no other.

*Interrupts.* A signal handler runs in the main thread between two instructions, so it sees one of
these states. Where the awaited cell's own code runs, KeyboardInterrupt is raised in it. Where the
cell waits and the loop or another task runs, its task is cancelled, and the reason noted, which is
raised in the place of the cancellation. Before there is a task to cancel, the interrupt is noted
alone. An interrupt that strikes while a state is being changed leaves at worst a pretence too many,
which the next `leave_cell` ends: each turn and each cell begins or ends with one.

*Visitors.* Between two steps of an awaiting cell the kernel handles other requests
(`call_visitor`), in the cell's context: a comm's handler finds the context variables as the cell
has set them, and what it sets stays. Where the code of the cell itself turns the loop
(nest_asyncio), that context is in use, and the handler gets a copy.

*Other threads* only call `call_soon_threadsafe`. While no thread turns the loop its selector is not
looked at, so `_write_to_self` also calls the waker: the main lane then looks whether the loop is
idle, and turns it.
"""

from __future__ import annotations

import asyncio
import logging
import selectors
import sys
from asyncio import events
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import Context, copy_context
from functools import partial
from threading import get_ident  # by name: gevent replaces the module's
from typing import Any, TypeVar

from assay._clock import monotonic
from assay.kernel.ipython._loop_turns import END_PATIENCE_S, End, Turn, leave_behind, look_away

__all__ = ["UserLoop"]

T = TypeVar("T")

PATIENCE_S = 0.5
"""How long a cell has to end that was interrupted while it awaited something."""

STILL_RUNS = (
    "[assay] The cell was interrupted, and goes on: it cleans up, or has caught the "
    "CancelledError. Interrupt it again to end it where it waits."
)
CANNOT_BE_ENDED = (
    "[assay] The cell has caught all that was to end it, and goes on in the background."
)


class UserLoop(asyncio.SelectorEventLoop):
    """One loop for the life of the kernel, in the main thread."""

    def __init__(self) -> None:
        self._own = get_ident()
        self._pretending = False
        self._starting = False
        self._wake_other: Callable[[], None] | None = None
        self._visitor: Callable[[], None] | None = None
        self._is_visit_due = False
        self._context: Context | None = None
        """Of the cell that is awaited."""
        self._poller = selectors.DefaultSelector()
        self._wait_by_other: Callable[[int, float | None], None] | None = None
        self._has_ended = False
        with _unlogged():
            super().__init__(self._poller)
        self.task: asyncio.Task[object] | None = None
        """The task of the cell that is awaited, if one is."""
        self.reason: BaseException | None = None
        """Why that task has been cancelled: an interrupt, or another task that wants to exit."""
        self._is_delivered = False
        """True once the loop has come round to cancel it."""
        self._is_leave_due = False
        """True while another interrupt waits for the loop to come round once more."""
        self._waits_for: object = None
        """What it waited for then."""
        self._is_left = False
        """True if it goes on without its cell."""

    def is_running(self) -> bool:
        """Return True in a cell, whether or not the loop turns."""
        return self._pretending or super().is_running()

    @property
    def is_idle(self) -> bool:
        """True if nothing waits for the loop: no task, no timer, no socket."""
        if self._is_broken:
            return True  # nothing can be waited for; the next cell has it repaired
        if self._wait_by_other is not None:
            return False
        # Private names of asyncio, the same from 3.4 to 3.14; a test watches them.
        loop: Any = self
        return not loop._ready and not loop._scheduled and len(self._poller.get_map()) <= 1

    def time(self) -> float:
        """Return the machine's time: a program that freezes its own freezes no task."""
        return monotonic()

    @property
    def _is_broken(self) -> bool:
        """True if code of the user's has closed the selector, or the loop past `close`."""
        loop: Any = self
        is_open = loop._selector is not None and self._poller.get_map() is not None
        return not self._has_ended and (self.is_closed() or not is_open)

    def repair(self) -> bool:
        """Give the loop what it waits by, where code of the user's has taken it away.

        Tasks and timers go on; sockets that were watched are not.

        Returns:
            True if there was something to repair.
        """
        if not self._is_broken:
            return False
        loop: Any = self  # private names again, the same from 3.4 to 3.14; a test watches them
        self._poller = loop._selector = selectors.DefaultSelector()
        loop._closed = False
        if loop._ssock is None:
            loop._make_self_pipe()
        else:
            loop._add_reader(loop._ssock.fileno(), loop._read_from_self)
        if self._wait_by_other is not None:
            self.wait_by(self._wait_by_other)
        return True

    def _write_to_self(self) -> None:
        # Another thread scheduled something: wake the thread that is to run the loop.
        super()._write_to_self()  # type: ignore[misc]  # typeshed leaves it out
        if self._wake_other is not None:
            self._wake_other()

    def accept_from_threads(self) -> None:
        """Wake the loop also where another thread calls what asyncio wants called in the loop's.

        A future that a widget's observer sets in a subshell is one (`Future.set_result`): without
        this, a cell of another shell that awaits it sleeps on.
        """
        call_soon, own = self.call_soon, self._own

        def call_soon_and_wake(*args: Any, **keys: Any) -> Any:
            if get_ident() == own:
                return call_soon(*args, **keys)
            return self.call_soon_threadsafe(*args, **keys)

        loop: Any = self  # asyncio looks the method up in the object
        loop.call_soon = call_soon_and_wake

    def wait_by(self, wait: Callable[[int, float | None], None] | None) -> None:
        """Have *wait* wait where the selector would; None for the selector again.

        The loop then always has something to wait for, and so turns between all cells.

        Args:
            wait: Called with a descriptor, which can be read when the selector has found something,
                and with seconds, as a GUI's `Toolkit.wait` is.
        """
        self._wait_by_other = wait
        if wait is None:
            vars(self._poller).pop("select", None)
        else:
            select = partial(_select_by, self._poller, wait)
            self._poller.select = select  # type: ignore[method-assign]  # others pay nothing for it

    def set_waker(self, wake: Callable[[], None]) -> None:
        """Call *wake* as well when another thread schedules something."""
        self._wake_other = wake

    def set_visitor(self, visit: Callable[[], None]) -> None:
        """Call *visit* in the loop when a cell begins to await, and after `call_visitor`."""
        self._visitor = visit

    def call_visitor(self) -> None:
        """Call the visitor once between two steps of the loop; for any thread."""
        if not self._is_visit_due:
            self._is_visit_due = True
            self.call_soon_threadsafe(self._visit)

    def _visit(self) -> None:
        # Before it is called: what comes from now on may ask for another visit.
        self._is_visit_due = False
        if self._visitor is None:
            return
        context, task = self._context, self.task
        if context is None or task is None:
            self._visitor()
        elif getattr(task.get_coro(), "cr_running", False):
            context.copy().run(self._visitor)
        else:
            context.run(self._visitor)

    def enter_cell(self) -> None:
        """Begin to seem to run, for a plain cell."""
        events._set_running_loop(self)
        self._pretending = True

    def leave_cell(self) -> None:
        """Stop seeming to run.

        An interrupt may come just when a cell is entered or left: what turns the loop afterwards
        makes sure.
        """
        self._pretending = False
        self._go_on()
        events._set_running_loop(None)

    @property
    def seems_to_run(self) -> bool:
        """True in a plain cell: the loop says that it runs, and does not turn."""
        return self._pretending

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Do not seem to run inside, in a plain cell that runs a loop."""
        self._pretending = False
        events._set_running_loop(None)
        try:
            yield
        finally:
            self._pretending = True
            events._set_running_loop(self)

    def run_until_complete(self, future: Generator[Any, None, T] | Awaitable[T]) -> T:
        """Run until *future* is done, and return its result; also from a plain cell.

        Raises:
            RuntimeError: the loop turns already.
            KeyboardInterrupt: the cell was interrupted; *future* has been cancelled.
        """
        if not self._pretending:
            return super().run_until_complete(future)
        awaited: asyncio.Future[T] = asyncio.ensure_future(future, loop=self)  # type: ignore[arg-type]  # typeshed has no generators there

        async def wait() -> T:
            return await awaited

        return self.run_cell(wait())

    def run_forever(self) -> None:
        """Run until something stops the loop; also from a plain cell.

        Raises:
            RuntimeError: the loop turns already.
        """
        if not self._pretending:
            super().run_forever()
            return
        with self.at_rest():
            self.call_soon(self._visit)
            super().run_forever()

    def run_cell(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run *coroutine*, a cell with top-level await, to its end; from within a plain cell.

        Context variables that it sets stay set for the cells to come.

        Raises:
            KeyboardInterrupt: the cell was interrupted; it has been cancelled.
        """
        # Until there is a task to cancel, an interrupt is only noted: a task that is not known here
        # would run between cells.
        self._starting = True
        self._is_delivered = self._is_left = self._is_leave_due = False
        try:
            pretending, self._pretending = self._pretending, False
            events._set_running_loop(None)
            context = copy_context()
            task = self.task = self.create_task(coroutine, context=context)
            self._context = context
            self.call_soon(self._visit)
        finally:
            self._starting = False
        if self.reason is not None:
            self._deliver(task)
        try:
            return self._run_to_its_end(task)
        except asyncio.CancelledError:
            if self.reason is not None:
                raise self.reason from None
            raise
        except (KeyboardInterrupt, SystemExit) as reason:
            if task.done() or self._is_left:
                raise
            # It was raised in the code of another task, or of the loop.
            self.reason = reason
            return self._cancel(task)
        finally:
            self.task = self.reason = self._waits_for = self._context = None
            for variable, value in context.items():
                if variable.get(None) is not value:
                    variable.set(value)
            self._pretending = pretending
            events._set_running_loop(self if pretending else None)

    def _run_to_its_end(self, task: asyncio.Task[T]) -> T:
        """Return the result of *task*; the cell or another task may stop the loop meanwhile."""
        while not task.done():
            self._go_on()
            task.add_done_callback(self._stop_for)
            try:
                self.run_forever()
            except BaseException:
                if task.done() and not task.cancelled():
                    task.exception()  # it is raised here: asyncio need not log it as well
                raise
            finally:
                task.remove_done_callback(self._stop_for)
            if self._is_left and self.reason is not None:
                task.add_done_callback(look_away)
                raise self.reason
        return task.result()

    def _stop_for(self, _: asyncio.Task[Any]) -> None:
        self.stop()

    def _go_on(self) -> None:
        """Forget that user code has stopped the loop: it is the kernel's, and turns on."""
        # Private, the same from 3.4 to 3.14; without it, the loop stops once more than it needs to.
        self._stopping = False

    def interrupt(self) -> bool:
        """Cancel the awaited cell if its code is not running just now; in a signal handler.

        Returns:
            True if that was done; False if the caller should raise KeyboardInterrupt instead,
            because the cell's own code runs or there is no such cell.
        """
        if self._starting:
            self.reason = KeyboardInterrupt()
            return True
        task = self.task
        if task is None or task.done() or self._is_left:
            return False
        if getattr(task.get_coro(), "cr_running", False):
            return False
        if self.reason is None:
            self.reason = KeyboardInterrupt()
            self.call_soon_threadsafe(self._deliver, task)
            return True
        if self._is_delivered and not self._is_leave_due:
            self._is_leave_due = True
            self.call_soon_threadsafe(self._leave, task)
            return True
        return False  # other code blocks the loop

    def forget_interrupt(self) -> None:
        """Take back an interrupt that came too late for any cell; in a thread without signals."""
        if self.task is None:
            self.reason = None

    def nudge(self) -> None:
        """Let the loop come round, if it waits; from any thread."""
        with suppress(RuntimeError):  # it has been closed
            self.call_soon_threadsafe(_do_nothing)

    @property
    def is_stuck(self) -> bool:
        """True while an interrupt waits for code that does not let the loop come round.

        That is code of another task, or of a callback: it gets the KeyboardInterrupt.
        """
        task = self.task
        waits = self.reason is not None and (not self._is_delivered or self._is_leave_due)
        return waits and task is not None and not task.done()

    def _deliver(self, task: asyncio.Task[Any]) -> None:
        """Cancel *task*, and look whether that ends it."""
        if task is not self.task or self._is_delivered:
            return  # it came too late: the cell is over, or has been cancelled
        self._is_delivered = True
        self._waits_for = _awaited_by(task)
        task.cancel()
        self.call_later(PATIENCE_S, self._look_after, task)

    def _look_after(self, task: asyncio.Task[Any]) -> None:
        if task is not self.task or task.done():
            return
        if _awaited_by(task) is self._waits_for:
            # What it waits for has swallowed the cancellation: the cell has not noticed anything.
            self._leave(task)
        else:
            print(STILL_RUNS, file=sys.stderr)

    def _leave(self, task: asyncio.Task[Any]) -> None:
        """End the code of *task* where it waits, and wait for it no longer."""
        if task is not self.task or task.done():
            return
        self._is_leave_due = False
        # Not by the task: that takes nothing but a cancellation, and only to what it waits for.
        coroutine: Any = task.get_coro()
        with suppress(StopIteration, KeyboardInterrupt, SystemExit):
            awaited = coroutine.throw(self.reason)
            # Part of how tasks and futures understand each other: its task is to ask for it again.
            awaited._asyncio_future_blocking = False
            print(CANNOT_BE_ENDED, file=sys.stderr)
        self._is_left = True
        self.stop()

    def end(self) -> None:
        """Cancel every task, let it clean up, and close the loop.

        A task that goes on nevertheless is cancelled again, and then left where it waits.

        Raises:
            BaseException: what a task raises that is no Exception, such as SystemExit; the loop is
                closed.
        """
        self.repair()  # else it could not be closed
        self._has_ended = True
        if self.is_closed():
            return
        self.leave_cell()
        end = End(self)
        try:
            for patience_s in END_PATIENCE_S:
                end.cancel(asyncio.all_tasks(self), patience_s)
            end.settle({self.create_task(self.shutdown_asyncgens())}, PATIENCE_S)
            for task in asyncio.all_tasks(self):
                leave_behind(task)
        finally:
            super().close()
        if end.reason is not None:
            raise end.reason

    def close(self) -> None:
        """Refuse: the loop is closed when the kernel ends.

        Raises:
            RuntimeError: always, as where the loop runs.
        """
        raise RuntimeError("Cannot close the event loop of the kernel")

    def pass_on_signals(self, numbers: Iterable[int]) -> None:
        """Run what user code has `add_signal_handler` call for each of *numbers*; in any thread."""
        # Private, the same from 3.4 to 3.14; a test watches them.
        loop: Any = self
        if self._wait_by_other is not None:
            self.nudge()  # a toolkit goes on waiting where Python has a handler to run
        for number in numbers:
            if number in loop._signal_handlers and not self.is_closed():
                self.call_soon_threadsafe(loop._handle_signal, number)

    def is_wakeup(self, descriptor: int) -> bool:
        """Return True if *descriptor* is where asyncio had Python write signals for this loop."""
        loop: Any = self
        return bool(descriptor == loop._csock.fileno())

    def run_until(self, stop: Callable[[Callable[[], None]], None]) -> None:
        """Turn until *stop*'s argument is called, from any thread."""
        self.leave_cell()
        turn = Turn(self)

        def stop_turning() -> None:
            self.call_soon_threadsafe(turn.stop)

        stop(stop_turning)
        turn.run()

    def run_once(self) -> None:
        """Give every task that is ready one turn."""
        self.leave_cell()
        turn = Turn(self)
        self.call_soon(turn.stop)
        turn.run()

    def _cancel(self, task: asyncio.Task[T]) -> T:
        """Cancel *task*, let it clean up, and return its result; else raise the reason."""
        if self._is_delivered:
            task.cancel()
        self._deliver(task)
        try:
            return self._run_to_its_end(task)
        except asyncio.CancelledError:
            assert self.reason is not None
            raise self.reason from None


def _select_by(
    poller: selectors.DefaultSelector,
    wait: Callable[[int, float | None], None],
    timeout: float | None = None,
) -> list[tuple[selectors.SelectorKey, int]]:
    """Return what is ready in *poller*, for which *wait* waits at most *timeout* seconds."""
    select = type(poller).select
    ready = select(poller, 0)
    if ready or (timeout is not None and timeout <= 0):
        wait(poller.fileno(), 0)
        return ready
    wait(poller.fileno(), timeout)
    return select(poller, 0)


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep what asyncio logs of a new loop from the log of the cell, which has not made it."""
    own = get_ident()

    def is_of_others(record: logging.LogRecord) -> bool:
        return record.thread != own

    log = logging.getLogger("asyncio")
    log.addFilter(is_of_others)
    try:
        yield
    finally:
        log.removeFilter(is_of_others)


def _do_nothing() -> None:
    """Do nothing: the loop has come round."""


def _awaited_by(task: asyncio.Task[Any]) -> object:
    """Return what the innermost of the coroutines that *task* runs waits for."""
    awaited: Any = task.get_coro()
    while (inner := getattr(awaited, "cr_await", None)) is not None:
        awaited = inner
    return awaited
