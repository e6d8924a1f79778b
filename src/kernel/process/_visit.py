"""What a guest changes in the process while code of its own runs, and at no other time.

**Theory of operation.** A program goes on beside its guest, in other threads. So nothing of the
process is the guest's but for the time of a cell (`allowed`), and even then for that cell alone:

- `sys.stdout` and `sys.stderr` are *routed*: what stands there asks at each use whether the code
  that uses it belongs to a request. If so it is the kernel's stream, else what the program had. A
  program may put a stream of its own over it meanwhile, and back afterwards: the route stays then,
  leads to the program's stream, and goes when the kernel does (`end`).
- An interrupt is raised in the thread that runs the cell. Where that is the main one and Python's
  own handler of SIGINT is there, by that signal, which also ends a wait in the system. Else by
  Python's call for that purpose, which strikes between two instructions: a wait goes on until it is
  over. A task of the user's event loop that waits is cancelled, in any thread. Where an interrupt
  would leave something half done, or a lock locked, it comes a moment later, as elsewhere.

Why no interrupt strikes the kernel or the program: the sender looks at `_may_raise` and sends under
one lock, and the thread that leaves the cell's code clears the flag under the same lock. What was
sent just before is taken back there, or caught (`_absorb`).
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from threading import Lock, get_ident
from types import FrameType
from typing import Any

from assay.kernel.process._frames import look_at
from assay.kernel.process._interrupts import MAX_PUT_OFF, Interrupts, is_locking
from assay.kernel.process._main_thread import main_thread_ident
from assay.kernel.process._raise_in import raise_in, take_back
from assay.kernel.process._thread_interrupts import is_importing

__all__ = ["Visit"]

TURNS = 50
"""Of a loop, in which Python notices a signal that the system has delivered."""


class Visit:
    """Enter in the thread of the cells; `interrupt` works from any other.

    Args:
        interrupts: Counts them; knows the user's event loop.
        streams: What takes the place of `sys.stdout` and `sys.stderr`, for code of the kernel's.
        is_own: Returns True if the running code belongs to a request.
        later: Calls what it is given, in a moment and in another thread.
    """

    def __init__(
        self,
        interrupts: Interrupts,
        streams: tuple[Any, Any],
        is_own: Callable[[], bool],
        later: Callable[[Callable[[], None]], None],
    ) -> None:
        self._interrupts = interrupts
        interrupts.settle = self._settle
        self._later = later
        self._entries = 0
        self._times_put_off = 0
        self._routes = tuple(
            _Route(name, ours, is_own)
            for name, ours in zip(("stdout", "stderr"), streams, strict=True)
        )
        self._lock = Lock()
        self._thread = 0
        self._is_entered = False
        self._may_raise = False
        self._is_sent = False
        self._code = _Code(self)

    def allowed(self) -> AbstractContextManager[None]:
        """Let what runs inside write to the client, and be interrupted.

        In the middle of such code nothing changes.
        """
        return nullcontext() if self._is_entered else self._code

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt in the cell that runs, if one does."""
        self._interrupt(self._entries)

    def put_off(self) -> bool:
        """Have an interrupt come again that could not strike the cell; False if none runs."""
        if not self._is_entered:
            return False
        self._later(partial(self._interrupt, self._entries))
        return True

    def may_strike(self) -> bool:
        """Return True if an interrupt may strike the cell that runs; False if none does."""
        return self._may_raise and not self._is_held

    @property
    def _is_held(self) -> bool:
        return self._interrupts.is_held or not self._interrupts.may_strike()

    def _interrupt(self, entries: int) -> None:
        with self._lock:
            if not self._may_raise or entries != self._entries:
                return
            if self._must_wait():
                self._times_put_off += 1
                self._later(partial(self._interrupt, entries))
                return
            self._times_put_off = 0
            self._interrupts.count += 1
            if self._interrupts.cancel():
                return
            self._is_sent = True
            if self._thread == main_thread_ident() and _is_pythons_handler():
                signal.pthread_kill(self._thread, signal.SIGINT)
            else:
                raise_in(self._thread, KeyboardInterrupt)
        self._interrupts.tell_language(runs=True)

    def _must_wait(self) -> bool:
        if self._is_held:
            return True
        return look_at(self._thread, self._must_spare)

    def _must_spare(self, frame: FrameType | None) -> bool:
        if is_locking(frame) and self._thread != main_thread_ident():
            return True  # no interrupt ends that wait: see `ThreadInterrupts`
        is_short = self._times_put_off < MAX_PUT_OFF
        return is_short and (is_locking(frame) or is_importing(frame))

    def _settle(self) -> None:
        """Let what was sent before strike here."""
        with self._lock:
            is_sent = self._is_sent
        for _ in range(TURNS if is_sent else 0):
            get_ident()

    def enter(self) -> None:
        """Begin with user code."""
        self._entries += 1
        self._times_put_off = 0
        self._thread = get_ident()
        self._is_entered = True
        for route in self._routes:
            route.open()
        self._may_raise = True

    def leave(self) -> None:
        """End with user code; an interrupt that comes too late for it is none."""
        while self._is_entered:
            try:
                with self._lock:
                    self._may_raise = False
                if self._is_sent:
                    self._absorb()
                self._is_entered = False
            except KeyboardInterrupt:
                continue
        for route in self._routes:
            route.close()

    def end(self) -> None:
        """Leave no route behind that a program has put back."""
        for route in self._routes:
            route.close()

    def _absorb(self) -> None:
        """Take back what was sent, or let it strike here."""
        self._is_sent = False
        take_back()
        for _ in range(TURNS):
            get_ident()


class _Code(AbstractContextManager[None]):
    """What stands inside is user code."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit

    def __enter__(self) -> None:
        try:
            self._visit.enter()
        except BaseException:  # an interrupt, just when it was allowed
            self._visit.leave()
            raise

    def __exit__(self, *_: object) -> None:
        self._visit.leave()


class _Route:
    """The way from ``sys.<name>`` to *ours*, for the code that `is_own` is True of."""

    def __init__(self, name: str, ours: Any, is_own: Callable[[], bool]) -> None:
        self._name = name
        self._switch = _Switch(ours, is_own)

    def open(self) -> None:
        present = getattr(sys, self._name, None)
        if present is not self._switch:
            vars(self._switch)["_theirs"] = present
            setattr(sys, self._name, self._switch)

    def close(self) -> None:
        # What a program, or the cell, has put there meanwhile stays.
        if getattr(sys, self._name, None) is self._switch:
            setattr(sys, self._name, vars(self._switch)["_theirs"])


class _Switch:
    """Passes on what code writes to the stream that is meant for this code."""

    def __init__(self, ours: Any, is_own: Callable[[], bool]) -> None:
        vars(self).update(_ours=ours, _theirs=None, _is_own=is_own)

    def _present(self) -> Any:
        of = vars(self)
        return of["_ours"] if of["_is_own"]() else of["_theirs"]

    def write(self, text: str) -> Any:
        """Write *text*; where the program has no stream, to nowhere, as `print` does."""
        stream = self._present()
        return len(text) if stream is None else stream.write(text)

    def flush(self) -> None:
        """Flush, where there is a stream."""
        stream = self._present()
        if stream is not None:
            stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._present(), name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._present(), name, value)

    def __iter__(self) -> Any:
        return iter(self._present())

    def __enter__(self) -> Any:
        return self._present().__enter__()

    def __exit__(self, *error: object) -> Any:
        return self._present().__exit__(*error)

    def __repr__(self) -> str:
        return repr(self._present())


def _is_pythons_handler() -> bool:
    return signal.getsignal(signal.SIGINT) is signal.default_int_handler
