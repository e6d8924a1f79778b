"""The reactor: one loop that owns sockets, descriptors, deadlines and the wake-up of one thread.

It knows nothing of kernels, clients and messages: what is ready calls a function, and so does what
is due. Everything runs in the thread that called `run`, and nothing that it calls may wait.

**Theory of operation.** Each turn has three steps, in this order:

1. ``each_turn()``, in which the owner does what has come up since, and says how long the next
   wait may last.
2. Wait: for a socket or descriptor, for the wake-up, or until the first deadline.
3. Call what is ready, then what is due.

Other threads do one thing only: `wake`. It ends the wait, at once or before it begins, since the
wake-up's descriptor stays readable until step 3. So a thread that first leaves its work where
``each_turn`` looks, and then wakes, is never missed. A function that fails is logged; the loop goes
on. `stop` is looked at after step 1 alone: the owner's last work is done when `run` returns.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import zmq

from assay._clock import monotonic
from assay.transport._frames import POLLIN
from assay.transport._logger import get_logger
from assay.transport._sockets import Socket
from assay.transport._wakeup import Wakeup

__all__ = ["Reactor"]

logger = get_logger("assay.transport")

AGAIN_S = 0.05
"""How soon the next turn begins after one whose first step failed: what made it fail may be there
still, and the loop is not to spin."""


class Reactor:
    """Call functions when sockets and descriptors are readable, and when time is up."""

    def __init__(self) -> None:
        self.woken: Callable[[], None] = _do_nothing
        """Called in the loop when a wake-up has arrived."""
        wakeup = Wakeup()
        self.wake: Callable[[], None] = wakeup.set
        """Ends the wait; for any thread."""
        self._poller = zmq.Poller()
        self._ready: dict[Socket | int, Callable[[], None]] = {}
        self._deadlines: dict[Callable[[], None], float] = {}
        self._running = True
        self.watch(wakeup.fileno(), lambda: self._on_wakeup(wakeup))

    def watch(self, source: Socket | int, ready: Callable[[], None]) -> None:
        """Call *ready* whenever *source*, a socket or a descriptor, is readable.

        A descriptor at whose other end nothing is left is forgotten after one more call. Once the
        loop runs, only its thread may call this.
        """
        self._poller.register(source, POLLIN)
        self._ready[source] = ready

    def unwatch(self, source: Socket | int) -> None:
        """Forget *source*, if it is watched."""
        if self._ready.pop(source, None) is not None:
            self._poller.unregister(source)

    def is_watched(self, source: Socket | int) -> bool:
        """Return True if *source* is watched."""
        return source in self._ready

    def call_later(self, delay_s: float, function: Callable[[], None]) -> None:
        """Call *function* once, *delay_s* seconds from now.

        If it is to be called earlier already, that remains: who asks again and again must not put
        it off for ever.
        """
        due = monotonic() + delay_s
        self._deadlines[function] = min(due, self._deadlines.get(function, due))

    def run(self, each_turn: Callable[[], float | None]) -> None:
        """Turn until `stop` is called.

        Args:
            each_turn: Called at the beginning of each turn; returns how many seconds the wait may
                last, None for as long as nothing happens.
        """
        while True:
            try:
                wait_s = each_turn()
            except Exception:  # as in what is ready
                logger.exception("what the loop begins each turn with failed")
                wait_s = AGAIN_S
            if not self._running:
                return
            self._call_ready(self._timeout_ms(wait_s))
            self._call_due()

    def stop(self) -> None:
        """Let `run` return at the end of the step that calls this, or else of the next one."""
        self._running = False

    def close(self) -> None:
        """Forget everything; the loop runs no more, and `wake` does nothing.

        The wake-up's descriptors are closed as soon as no thread is about to use them.
        """
        self._ready.clear()
        self.wake = _do_nothing

    def _timeout_ms(self, wait_s: float | None) -> int | None:
        waits = [] if wait_s is None else [wait_s]
        if self._deadlines:
            waits.append(max(0.0, min(self._deadlines.values()) - monotonic()))
        # Rounded up: a poll of 0 ms before a deadline would spin.
        return math.ceil(min(waits) * 1000) if waits else None

    def _call_ready(self, timeout_ms: int | None) -> None:
        for source, event in self._poller.poll(timeout_ms):
            ready = self._ready.get(source)
            if ready is None:  # a function before it stopped watching it
                continue
            try:
                ready()
            except Exception:  # the loop must outlive whatever one function does
                logger.exception("what a socket or descriptor has called failed")
            if isinstance(source, int) and not event & POLLIN:
                # Nothing can write to it any more, or it is closed: it would be ready for ever.
                self.unwatch(source)

    def _call_due(self) -> None:
        if not self._deadlines:
            return
        now, deadlines = monotonic(), self._deadlines
        due = sorted((f for f in deadlines if deadlines[f] <= now), key=deadlines.__getitem__)
        for function in due:
            del deadlines[function]
            try:
                function()
            except Exception:  # as above
                logger.exception("what a deadline has called failed")

    def _on_wakeup(self, wakeup: Wakeup) -> None:
        wakeup.clear()
        self.woken()


def _do_nothing() -> None:
    """Do nothing."""
