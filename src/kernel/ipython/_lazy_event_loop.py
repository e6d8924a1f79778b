"""The user's event loop, made when asyncio is imported.

Importing it takes a tenth of a kernel's start and 4 MB, and most cells await nothing. No
program sees the difference: without asyncio there is no way to ask for a loop (decision 0005).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from importlib.machinery import ModuleSpec
from threading import get_ident  # by name: gevent replaces the module's
from typing import TYPE_CHECKING, Any, TypeVar

from assay._isolation import os
from assay.kernel.process._import_hooks import after_import
from assay.kernel.process._main_thread import is_main_thread

if TYPE_CHECKING:
    from assay.kernel.ipython._event_loop import UserLoop

__all__ = ["LazyEventLoop", "Loops"]

T = TypeVar("T")

OTHER_LOOPS = ("anyio", "uvloop")
"""Packages that run a loop of their own, unless one seems to run."""

REPAIRED = (
    "[assay] the event loop of this kernel had been closed, or its selector; tasks and timers go "
    "on, and sockets that were watched are watched no longer"
)


class LazyEventLoop:
    """Stands for a `UserLoop`, and makes it when it is needed.

    Args:
        lend: What the loop of a subshell is made inside, for its first cell: descriptors are free,
            interrupts wait. The main shell's has none, and is made when asyncio is imported; but
            for a kernel in the middle of another one's cell, which waits for no import.
    """

    def __init__(self, lend: Callable[[], AbstractContextManager[None]] | None = None) -> None:
        self._loop: UserLoop | None = None
        self._in_cell = False
        self._process = os.getpid()
        self._is_own_thread = _of_this_thread()
        self._pending: object = None
        self._wake: Callable[[], None] | None = None
        self._visit: Callable[[], None] | None = None
        self.shown_reason: BaseException | None = None
        """The interrupt of an awaiting cell that has been shown."""
        self._lend = lend
        self._accepts_from_threads = lend is not None
        self._has_begun = False
        if lend is None:
            after_import("asyncio", self._begin)
            for name in OTHER_LOOPS:  # now: they import asyncio when they are half imported
                after_import(name, partial(_let_cells_run_loops_of, name))
            after_import("trio", _let_interrupts_end_trio)  # now, for the same reason

    @property
    def is_idle(self) -> bool:
        """True if nothing waits for the loop: no task, no timer, no socket."""
        return self._loop is None or self._loop.is_idle

    @property
    def reason(self) -> BaseException | None:
        """Why the awaited cell has been cancelled: `UserLoop.reason`."""
        return self._loop.reason if self._loop is not None else None

    def accept_from_threads(self) -> None:
        """Wake the loop for other threads in all cases; in any thread (see `UserLoop`)."""
        self._accepts_from_threads = True
        if self._loop is not None:
            self._loop.accept_from_threads()

    def set_waker(self, wake: Callable[[], None]) -> None:
        """Call *wake* as well when another thread schedules something."""
        self._wake = wake
        if self._loop is not None:
            self._loop.set_waker(wake)

    def set_visitor(self, visit: Callable[[], None]) -> None:
        """Call *visit* between two steps of a cell that awaits: `UserLoop.set_visitor`."""
        self._visit = visit
        if self._loop is not None:
            self._loop.set_visitor(visit)

    def call_visitor(self) -> None:
        """Call it once more, in the loop, if there is one; for any thread."""
        if self._loop is not None:
            self._loop.call_visitor()

    @contextmanager
    def in_cell(self) -> Iterator[None]:
        """Make the loop seem to run, for a plain cell; at once, or when the cell imports it.

        In the middle of a cell, or of one that the loop runs, nothing changes.
        """
        if self._in_cell:
            yield
            return
        self.shown_reason = None
        self._in_cell = True
        try:
            if self._loop is not None:
                if self._loop.repair():
                    print(REPAIRED, file=sys.stderr)
                self._loop.enter_cell()
            elif self._lend is not None:
                with self._lend():
                    self.get()
            elif _is_imported():  # by another thread, or past `after_import`
                with suppress(Exception):  # of a program that has used up all descriptors
                    # First, as everywhere: a thread that imports it just now goes on to our loop's
                    # module, and would wait for us while we waited for it.
                    import asyncio  # noqa: F401, PLC0415 - see above

                    self._begin()
            yield
        finally:
            self._in_cell = False
            if self._loop is not None:
                self._loop.leave_cell()

    def run_cell(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run *coroutine*, a cell with top-level await, to its end; from within `in_cell`.

        Raises:
            KeyboardInterrupt: the cell was interrupted; it has been cancelled.
        """
        return self.get().run_cell(coroutine)

    def interrupt(self) -> bool:
        """Cancel the awaited cell if there is one: `UserLoop.interrupt`."""
        return self._loop is not None and self._loop.interrupt()

    @property
    def is_stuck(self) -> bool:
        """True while an interrupt waits for code that awaits nothing: `UserLoop.is_stuck`."""
        return self._loop is not None and self._loop.is_stuck

    def forget_interrupt(self) -> None:
        """Take back an interrupt that came too late: `UserLoop.forget_interrupt`."""
        if self._loop is not None:
            self._loop.forget_interrupt()

    def nudge(self) -> None:
        """Let the loop come round, if it waits: `UserLoop.nudge`."""
        if self._loop is not None:
            self._loop.nudge()

    def pass_on_signals(self, numbers: Iterable[int]) -> None:
        """Run what the loop's signal handlers are for each of *numbers*, in any thread."""
        if self._loop is not None:
            self._loop.pass_on_signals(numbers)

    def is_wakeup(self, descriptor: int) -> bool:
        """Return True if *descriptor* is where Python writes signals for the loop."""
        return self._loop is not None and self._loop.is_wakeup(descriptor)

    def run_until(self, stop: Callable[[Callable[[], None]], None]) -> None:
        """Turn until *stop*'s argument is called, from any thread."""
        self.get().run_until(stop)

    def run_once(self) -> None:
        """Give every task that is ready one turn."""
        self.get().run_once()

    def end(self) -> None:
        """Cancel every task, let it clean up, and close the loop."""
        if self._loop is not None:
            self._loop.end()

    @property
    def is_over(self) -> bool:
        """True if there is nothing to end: no loop, or one that has ended."""
        return self._loop is None or self._loop.is_closed()

    def get(self) -> UserLoop:
        """Return the loop itself; import asyncio, unless that is done."""
        if self._loop is None:
            import asyncio  # noqa: F401, PLC0415 - see above

            if self._lend is None:
                self._begin()
            else:
                self._make()
        assert self._loop is not None, "asked for in the thread of the cells"
        return self._loop

    def _begin(self) -> None:
        """Make the loop, and let cells of all shells run others: asyncio has been imported."""
        # By whichever thread: that of a subshell is to run loops as well, and may be the only one.
        if not self._has_begun:
            from assay.kernel.ipython._loops_in_cells import let_cells_run_loops  # noqa: PLC0415

            let_cells_run_loops()
            self._has_begun = True  # no earlier: without descriptors the import may fail
        self._make()

    def _make(self) -> None:
        if self._loop is not None:
            return
        if not self._is_own_thread():
            # Else the next cell makes it, or this one when it awaits.
            if self._in_cell and self._is_own_thread is is_main_thread:
                self._make_in_main_thread()
            return
        from assay.kernel.ipython._event_loop import UserLoop  # noqa: PLC0415 - imports asyncio

        loop = UserLoop()
        if self._accepts_from_threads:
            loop.accept_from_threads()
        if self._wake is not None:
            loop.set_waker(self._wake)
        if self._visit is not None:
            loop.set_visitor(self._visit)
        self._loop = loop
        # In a forked child no loop runs, whatever ran in its parent: asyncio sees to that.
        if self._in_cell and os.getpid() == self._process:
            loop.enter_cell()

    def _make_in_main_thread(self) -> None:
        """Let the main thread make the loop as soon as it is back in Python code."""
        import ctypes  # noqa: PLC0415 - few threads import asyncio first, in the middle of a cell

        # Imported here: the main thread may be in the middle of an import, where Python 3.11 does
        # not bear another one.
        from assay.kernel.ipython import _event_loop, _loops_in_cells  # noqa: F401, PLC0415

        def make(_: int | None) -> int:
            self._make()
            return 0

        # A signal would do as well, but each that can be sent has a meaning already.
        self._pending = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(make)
        ctypes.pythonapi.Py_AddPendingCall(self._pending, None)


class Loops:
    """The loops of all shells: the main one's, and one for the thread of each subshell.

    Args:
        lend: Of the main one's, as `LazyEventLoop` takes it.
    """

    def __init__(self, lend: Callable[[], AbstractContextManager[None]] | None = None) -> None:
        self.main = LazyEventLoop(lend)
        self._is_lent = lend is not None  # it waits for no import
        self._beside: dict[int, LazyEventLoop] = {}

    def here(self) -> LazyEventLoop:
        """Return the loop of the caller's thread; in a thread of the user's, the main one."""
        return self._beside.get(get_ident(), self.main) if self._beside else self.main

    def accept_threads(self) -> None:
        """Let several threads have loops from now on."""
        self.main.accept_from_threads()
        if self._is_lent:
            after_import("trio", _let_interrupts_end_trio)

    def open(self, lend: Callable[[], AbstractContextManager[None]]) -> LazyEventLoop:
        """Give the caller's thread a loop of its own, and return it."""
        loop = self._beside[get_ident()] = LazyEventLoop(lend)
        return loop

    def close(self) -> None:
        """End the loop of the caller's thread; once more where an interrupt has ended that."""
        if (loop := self._beside.get(get_ident())) is not None:
            try:
                loop.end()
            finally:
                if loop.is_over:
                    del self._beside[get_ident()]


def _let_cells_run_loops_of(name: str) -> None:
    from assay.kernel.ipython._loops_in_cells import let_cells_run_loops_of  # noqa: PLC0415

    let_cells_run_loops_of(name)


def _let_interrupts_end_trio() -> None:
    from assay.kernel.ipython._loops_in_cells import let_interrupts_end_trio  # noqa: PLC0415

    let_interrupts_end_trio()


def _of_this_thread() -> Callable[[], bool]:
    """Return what is True in the caller's thread: the main one, but for a guest of a program."""
    if is_main_thread():
        return is_main_thread  # another one in a forked child
    ident = get_ident()
    return lambda: get_ident() == ident


def _is_imported() -> bool:
    """Return True if asyncio is; not what a program has put into its place."""
    return isinstance(getattr(sys.modules.get("asyncio"), "__spec__", None), ModuleSpec)
