"""How a kernel ends: one owner, one table.

**Theory of operation.** Four parties can want the end: a client by a message on control or on
shell, a signal, a cell that calls ``exit``, and the system when the launcher's process ends. They
act in three threads, and a signal handler in the middle of anything. None of them decides. Each
posts an event, and the *owner*, which is the I/O thread, takes one event after the other and looks
its move up in `MOVES`. So no event can come between a check and what follows from it.

The main thread stops the lane, calls the exit functions, and reports both steps; the owner
interrupts what still runs until the first is reported, and ends the process by force if the second
does not come in time.

| phase     | asked                | retry           | stopped   | finished   | time is up |
|-----------|----------------------|-----------------|-----------|------------|------------|
| serving   | closing: begin       |                 |           |            |            |
| closing   | answer at once       | interrupt again | finishing |            | by force   |
| finishing | answer at once       |                 |           | last reply | by force   |
| ended     | answer at once       |                 |           |            |            |

Why this is safe:

- The first event that asks is the *ending*: it alone gets its reply last (AMB-39). Every later
  request is answered at once, so each has its reply and its idle (CTRL-04), whatever comes between.
- *Stopped* is acknowledged before exit functions run. No interrupt that was meant for a cell can
  strike one of them: after the acknowledgement none is sent.
- *Finished* and *time is up* meet in the owner's queue. Whichever comes first, the last messages
  are sent once.
- Other threads only read `is_asked`, `abandons` and `exit_code`. They are written before the main
  thread is woken or interrupted, so it never sees an interrupt without its reason.

An ending that no request asked for *abandons* what runs: to a client, the kernel has died. A cell
that a signal has ended did not raise and did not succeed, so it gets no error, no reply and no
idle; what it wrote is published (decision 0007).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Protocol

from assay._fields import Fields
from assay._isolation import Event as SetOnce
from assay.kernel._request import Request

__all__ = ["MOVES", "Act", "Effects", "Ending", "Event", "Move", "Phase", "Shutdown"]

SHUTDOWN_BUDGET_S = 2.0
"""How long user code and exit functions may take once a shutdown is asked for: clients send the
first signal after 2.5 seconds."""

REPEAT_INTERRUPT_S = 0.25
"""Code that swallows an interrupt during shutdown is interrupted again."""


class Phase(Enum):
    """How far the end is."""

    SERVING = auto()
    CLOSING = auto()
    """The main thread is made to stop what it runs."""
    FINISHING = auto()
    """It calls exit functions."""
    ENDED = auto()
    """The last messages are in the log."""


class Event(Enum):
    """What is posted to the owner."""

    ASKED = auto()
    RETRY = auto()
    STOPPED = auto()
    FINISHED = auto()
    TIME_UP = auto()


class Act(Enum):
    """What the owner does in a move."""

    BEGIN = auto()
    """Note the ending, wake the main thread, interrupt what runs, start the clock."""
    ANSWER = auto()
    """Answer a request that asked too late to be the ending."""
    INTERRUPT = auto()
    SAY_GOODBYE = auto()
    """Answer the ending's request."""
    FORCE = auto()
    """Answer it in the main thread's place, and end the process."""


class Move:
    """Where an event leads, and what is done."""

    def __init__(self, phase: Phase, acts: tuple[Act, ...] = ()) -> None:
        self.phase = phase
        self.acts = acts


MOVES: Mapping[tuple[Phase, Event], Move] = {
    (Phase.SERVING, Event.ASKED): Move(Phase.CLOSING, (Act.BEGIN, Act.INTERRUPT)),
    (Phase.CLOSING, Event.ASKED): Move(Phase.CLOSING, (Act.ANSWER,)),
    (Phase.CLOSING, Event.RETRY): Move(Phase.CLOSING, (Act.INTERRUPT,)),
    (Phase.CLOSING, Event.STOPPED): Move(Phase.FINISHING),
    (Phase.CLOSING, Event.TIME_UP): Move(Phase.ENDED, (Act.FORCE,)),
    (Phase.FINISHING, Event.ASKED): Move(Phase.FINISHING, (Act.ANSWER,)),
    (Phase.FINISHING, Event.FINISHED): Move(Phase.ENDED, (Act.SAY_GOODBYE,)),
    (Phase.FINISHING, Event.TIME_UP): Move(Phase.ENDED, (Act.FORCE,)),
    (Phase.ENDED, Event.ASKED): Move(Phase.ENDED, (Act.ANSWER,)),
}
"""What is not in the table changes nothing: a deadline that comes late, for example."""


class Ending(Fields):
    """Why the kernel ends."""

    request: Request | None = None
    """The shutdown_request, if a client asked."""
    restart: bool = False
    exit_code: int = 0
    answers: bool = False
    """What runs is answered, without a request as well: only the kernel ends, not its process."""


class Effects(Protocol):
    """What the owner does to the rest of the kernel; called in the owner's thread."""

    def abandon(self) -> None:
        """Publish no error from now on: the running request is not answered."""
        ...

    def stop(self) -> None:
        """Wake the main thread, which looks at `Shutdown.is_asked`."""
        ...

    def interrupt(self) -> None:
        """Interrupt what the main thread runs."""
        ...

    def call_later(self, delay_s: float, function: Callable[[], None], /) -> None:
        """Call *function* in the owner's thread, *delay_s* seconds from now."""
        ...

    def reply(self, request: Request, restart: bool) -> None:
        """Answer *request*, which is not the ending, with shutdown_reply and idle."""
        ...

    def say_goodbye(self, ending: Ending) -> None:
        """Answer the request of *ending*, if it has one, broadcast it, and say idle (CTRL-07)."""
        ...

    def force(self, ending: Ending) -> None:
        """End the process, wherever its main thread is."""
        ...


class Shutdown:
    """The state of the end.

    Args:
        post: Calls a function in the owner's thread, after those that were posted before.
        effects: What the moves do.
    """

    def __init__(self, post: Callable[[Callable[[], None]], None], effects: Effects) -> None:
        self._post = post
        self._effects = effects
        self._phase = Phase.SERVING
        self._ending: Ending | None = None

    @property
    def phase(self) -> Phase:
        """How far the end is; written by the owner."""
        return self._phase

    @property
    def is_asked(self) -> bool:
        """True once something has asked for the end."""
        return self._ending is not None

    @property
    def abandons(self) -> bool:
        """True once the kernel ends without a request: what runs is not answered."""
        return self._ending is not None and _abandons(self._ending)

    @property
    def request(self) -> Request | None:
        """The request that is answered last, if the end was asked for by one."""
        return self._ending.request if self._ending is not None else None

    @property
    def exit_code(self) -> int:
        """The process's exit code."""
        return self._ending.exit_code if self._ending is not None else 0

    def ask(self, ending: Ending) -> None:
        """Ask for the end, from any thread or signal handler.

        The owner answers the request of *ending*, in each case: with idle, now or at the end.
        """
        if ending.request is not None:
            ending.request.is_deferred = True
        self._post(lambda: self._take(Event.ASKED, ending))

    def stopped(self) -> None:
        """Report that the main thread runs nothing any more; return once the owner has taken it."""
        self._post(lambda: self._take(Event.STOPPED))
        self.settle()

    def finished(self) -> None:
        """Report that all exit functions have run, and all they wrote is in the log."""
        self._post(lambda: self._take(Event.FINISHED))

    def settle(self) -> None:
        """Wait until the owner has taken every event that was posted before."""
        taken = SetOnce()
        self._post(taken.set)
        taken.wait(SHUTDOWN_BUDGET_S)  # the owner may have ended

    # --- In the owner's thread.

    def _take(self, event: Event, ending: Ending | None = None) -> None:
        move = MOVES.get((self._phase, event))
        if move is None:
            return
        self._phase = move.phase
        for act in move.acts:
            self._act(act, ending)

    def _act(self, act: Act, asked: Ending | None) -> None:
        effects = self._effects
        match act:
            case Act.BEGIN:
                self._begin(asked or Ending())
            case Act.ANSWER if asked is not None and asked.request is not None:
                effects.reply(asked.request, asked.restart)
            case Act.ANSWER:
                pass
            case Act.INTERRUPT:
                effects.interrupt()
                effects.call_later(REPEAT_INTERRUPT_S, self._retry)
            case Act.SAY_GOODBYE:
                effects.say_goodbye(self._ending or Ending())
            case Act.FORCE:
                effects.force(self._ending or Ending())

    def _begin(self, ending: Ending) -> None:
        if _abandons(ending):
            self._effects.abandon()
        self._ending = ending
        self._effects.stop()
        self._effects.call_later(SHUTDOWN_BUDGET_S, self._time_is_up)

    def _retry(self) -> None:
        self._take(Event.RETRY)

    def _time_is_up(self) -> None:
        self._take(Event.TIME_UP)


def _abandons(ending: Ending) -> bool:
    return ending.request is None and not ending.answers
