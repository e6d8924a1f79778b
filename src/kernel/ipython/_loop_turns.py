"""How the user's event loop runs one time, and how its tasks end with it."""

from __future__ import annotations

import asyncio
import sys
from contextvars import Context, copy_context
from typing import Any

__all__ = ["END_PATIENCE_S", "End", "Turn", "leave_behind", "look_away"]

END_PATIENCE_S = (1.0, 0.1, 0.1)
"""How long tasks have to end, each time that they are cancelled, when their loop ends. Together
less than the time that a kernel has for its end."""

LEFT = (
    "[assay] The task {name} of {what} was cancelled three times, and goes on: it has caught the "
    "CancelledError, or cleans up for long. It is left where it waits."
)


class Turn:
    """One time that the loop runs: what is to stop it and comes late must not stop another."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._is_over = False

    def run(self) -> None:
        """Run until `stop` is called, in the loop."""
        try:
            self._loop.run_forever()
        finally:
            self._is_over = True

    def stop(self) -> None:
        """Let `run` return, unless it has."""
        if not self._is_over:
            self._loop.stop()


class End:
    """The end of a loop's tasks, as far as they end."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._left: set[asyncio.Task[Any]] = set()
        self._turn = Turn(loop)
        self.reason: BaseException | None = None
        """What a task has raised first that ends a loop: SystemExit, KeyboardInterrupt."""

    def cancel(self, tasks: set[asyncio.Task[Any]], patience_s: float) -> None:
        """Cancel *tasks* and let them clean up for *patience_s* seconds."""
        for task in tasks:
            task.cancel()
        self.settle(tasks, patience_s)

    def settle(self, tasks: set[asyncio.Task[Any]], patience_s: float) -> None:
        """Turn until *tasks* are done; for *patience_s* seconds, or until an interrupt strikes that
        ends none of them."""
        self._left = set(tasks)
        for task in tasks:
            task.add_done_callback(self._is_done)
        end = self._loop.time() + patience_s
        while self._left and self._loop.time() < end:
            try:
                self._turn_until(end)
            except (KeyboardInterrupt, SystemExit) as reason:
                self.reason = self.reason or reason
                if not any(_is_end_of(task, reason) for task in tasks):
                    break
        for task in self._left:
            task.remove_done_callback(self._is_done)

    def _turn_until(self, end: float) -> None:
        self._turn = turn = Turn(self._loop)
        timer = self._loop.call_at(end, turn.stop)
        try:
            turn.run()
        finally:
            timer.cancel()

    def _is_done(self, task: asyncio.Task[Any]) -> None:
        look_away(task)
        self._left.discard(task)
        if not self._left:
            self._turn.stop()


def _is_end_of(task: asyncio.Task[Any], reason: BaseException) -> bool:
    return task.done() and not task.cancelled() and task.exception() is reason


def leave_behind(task: asyncio.Task[Any]) -> None:
    """Leave *task* where it waits for good, and say so where its cell is shown."""
    import ctypes  # noqa: PLC0415 - few tasks are left

    # Python would end its code when it is forgotten, in any thread. What catches that as well
    # and goes on would keep that thread for ever.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(task.get_coro()))
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # it is reported here
    context = _context_of(task) or copy_context()
    context.run(print, LEFT.format(name=task.get_name(), what=_name_of(task)), file=sys.stderr)


def _context_of(task: asyncio.Task[Any]) -> Context | None:
    """Return the context of *task*, which waits, if it can be found."""
    if sys.version_info >= (3, 12):
        return task.get_context()
    # Private names of asyncio, the same from 3.7 to 3.11: what wakes a task does so in its context.
    callbacks = getattr(getattr(task, "_fut_waiter", None), "_callbacks", None) or ()
    return next(
        (context for wake, context in callbacks if getattr(wake, "__self__", None) is task), None
    )


def _name_of(task: asyncio.Task[Any]) -> str:
    coroutine: Any = task.get_coro()
    return str(getattr(coroutine, "__qualname__", None) or type(coroutine).__qualname__)


def look_away(task: asyncio.Task[Any]) -> None:
    """Let asyncio say nothing about how a task ended whose cell is over."""
    if not task.cancelled():
        task.exception()
