"""A thread that handles the requests of one shell, of one subshell, or of control, in order."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from tests.faults._language import LanguageError
from tests.faults._wire import Incoming


class Handler(Protocol):
    """What a lane needs of its kernel."""

    def handle(self, request: Incoming, lane: Lane) -> None:
        """Handle one request, all its messages included."""


class Lane:
    """A queue of requests, and the thread that works on it."""

    def __init__(self, name: str, kernel: Handler, subshell: str | None = None) -> None:
        self.name = name
        self.subshell = subshell
        self.waiting: deque[Incoming] = deque()
        self.current: Incoming | None = None
        self.closed = False
        self._kernel = kernel
        self._changed = threading.Condition()
        self._interrupted = threading.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, request: Incoming) -> None:
        """Queue a request."""
        with self._changed:
            self.waiting.append(request)
            self._changed.notify_all()

    def close(self) -> None:
        """Take no more requests; what runs goes on."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def notify(self) -> None:
        """Look again at what a pause waits for."""
        with self._changed:
            self._changed.notify_all()

    def interrupt(self) -> None:
        """Interrupt the request that is being handled, if there is one."""
        with self._changed:
            if self.current is not None:
                self._interrupted.set()
                self._changed.notify_all()

    def spin(self) -> None:
        """Work until an interrupt.

        Raises:
            LanguageError: the interrupt.
        """
        seen = self._interrupted.is_set
        while not seen():
            pass
        self.check()

    def check(self) -> None:
        """Raise if an interrupt has come.

        Raises:
            LanguageError: the interrupt.
        """
        if self._interrupted.is_set():
            self._interrupted.clear()
            raise LanguageError("KeyboardInterrupt", "interrupted")

    def pause(self, seconds: float | None, until: Callable[[], bool] = lambda: False) -> None:
        """Wait for *seconds*, or until the function is true; None waits for ever.

        Raises:
            LanguageError: an interrupt came first.
        """
        end = None if seconds is None else time.monotonic() + seconds
        with self._changed:
            while not until():
                self.check()
                left = None if end is None else end - time.monotonic()
                if left is not None and left <= 0:
                    return
                self._changed.wait(left)

    def wait_until_idle(self, seconds: float) -> None:
        """Wait until nothing is handled, but no longer than *seconds*."""
        with self._changed:
            self._changed.wait_for(lambda: self.current is None, seconds)

    def _take(self) -> Incoming | None:
        with self._changed:
            self._changed.wait_for(lambda: self.closed or bool(self.waiting))
            if self.closed:
                return None
            self.current = self.waiting.popleft()
            return self.current

    def _work(self) -> None:
        while (request := self._take()) is not None:
            self._kernel.handle(request, self)
            with self._changed:
                self.current = None
                self._interrupted.clear()
                self._changed.notify_all()
