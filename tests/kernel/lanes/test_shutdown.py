"""The end of a kernel as a table: every walk, and events that meet."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from itertools import product
from queue import SimpleQueue

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from assay.kernel._request import Request
from assay.kernel.lanes._shutdown import MOVES, Ending, Event, Phase, Shutdown
from assay.protocol import Channel, ShutdownRequest
from tests.kernel._memory import received
from tests.limits import HANG_LIMIT_S

ASKED = Event.ASKED


def request() -> Request:
    """Return a shutdown_request."""
    return Request(Channel.CONTROL, received(ShutdownRequest()))


@define
class Effects:
    """Notes what the owner does."""

    acts: list[str] = field(factory=list)
    answered: list[Request] = field(factory=list)
    goodbyes: list[Ending] = field(factory=list)
    later: deque[Callable[[], None]] = field(factory=deque)

    def abandon(self) -> None:
        """Note it."""
        self.acts.append("abandon")

    def stop(self) -> None:
        """Note it."""
        self.acts.append("stop")

    def interrupt(self) -> None:
        """Note it."""
        self.acts.append("interrupt")

    def call_later(self, delay_s: float, function: Callable[[], None], /) -> None:
        """Keep *function* for the test to call."""
        assert delay_s > 0
        self.later.append(function)

    def reply(self, request: Request, restart: bool) -> None:
        """Note who was answered at once."""
        del restart
        self.answered.append(request)

    def say_goodbye(self, ending: Ending) -> None:
        """Note who was answered last."""
        self.goodbyes.append(ending)
        self.acts.append("goodbye")

    def force(self, ending: Ending) -> None:
        """Do as the kernel does: answer in the main thread's place."""
        self.say_goodbye(ending)
        self.acts.append("force")


@define
class Owner:
    """A shutdown whose owner takes an event when the test says so."""

    effects: Effects = field(factory=Effects)
    posted: deque[Callable[[], None]] = field(factory=deque)
    shutdown: Shutdown = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.shutdown = Shutdown(self.posted.append, self.effects)

    def take(self) -> None:
        """Take all that was posted."""
        while self.posted:
            self.posted.popleft()()

    def happen(self, event: Event) -> None:
        """Let *event* reach the owner."""
        shutdown = self.shutdown
        match event:
            case Event.ASKED:
                shutdown.ask(Ending(request=request()))
            case Event.FINISHED:
                shutdown.finished()
            case Event.STOPPED:
                shutdown._post(lambda: shutdown._take(Event.STOPPED))
            case Event.RETRY:
                shutdown._retry()
            case Event.TIME_UP:
                shutdown._time_is_up()
        self.take()


WAYS = {
    Phase.SERVING: (),
    Phase.CLOSING: (ASKED,),
    Phase.FINISHING: (ASKED, Event.STOPPED),
    Phase.ENDED: (ASKED, Event.STOPPED, Event.FINISHED),
}
"""How each phase is reached."""


@pytest.mark.parametrize(("phase", "event"), list(product(Phase, Event)))
def test_every_event_in_every_phase(phase: Phase, event: Event) -> None:
    """What the table says happens; what it does not name changes nothing."""
    owner = Owner()
    for step in WAYS[phase]:
        owner.happen(step)
    assert owner.shutdown.phase is phase
    acts, answered = list(owner.effects.acts), list(owner.effects.answered)

    owner.happen(event)

    move = MOVES.get((phase, event))
    assert owner.shutdown.phase is (move.phase if move else phase)
    if move is None or not move.acts:
        assert (owner.effects.acts, owner.effects.answered) == (acts, answered)
    else:
        assert (owner.effects.acts, owner.effects.answered) != (acts, answered)


ASKED_ACTS = ["stop", "interrupt"]

WALKS = {
    "begin": ([ASKED], Phase.CLOSING, ASKED_ACTS, 0),
    "ask again": ([ASKED, ASKED], Phase.CLOSING, ASKED_ACTS, 1),
    "swallow": ([ASKED, Event.RETRY], Phase.CLOSING, [*ASKED_ACTS, "interrupt"], 0),
    "hang": ([ASKED, Event.TIME_UP], Phase.ENDED, [*ASKED_ACTS, "goodbye", "force"], 0),
    "stop": ([ASKED, Event.STOPPED], Phase.FINISHING, ASKED_ACTS, 0),
    "ask late": ([ASKED, Event.STOPPED, ASKED], Phase.FINISHING, ASKED_ACTS, 1),
    "hang late": (
        [ASKED, Event.STOPPED, Event.TIME_UP],
        Phase.ENDED,
        [*ASKED_ACTS, "goodbye", "force"],
        0,
    ),
    "end": (
        [ASKED, Event.STOPPED, Event.FINISHED],
        Phase.ENDED,
        [*ASKED_ACTS, "goodbye"],
        0,
    ),
    "ask too late": (
        [ASKED, Event.STOPPED, Event.FINISHED, ASKED],
        Phase.ENDED,
        [*ASKED_ACTS, "goodbye"],
        1,
    ),
}
"""Events, and where they lead; what is done, and how many requests are answered at once."""


@pytest.mark.parametrize(("events", "phase", "acts", "answered"), WALKS.values(), ids=WALKS)
def test_walks(events: list[Event], phase: Phase, acts: list[str], answered: int) -> None:
    """Every move of the table is a step of one of these walks, which say it in full."""
    owner = Owner()
    for event in events:
        owner.happen(event)

    assert owner.shutdown.phase is phase
    assert owner.effects.acts == acts
    assert len(owner.effects.answered) == answered


def test_clock_is_started() -> None:
    """What runs is interrupted again after a while, and after another the process is ended."""
    owner = Owner()
    owner.happen(ASKED)
    time_is_up, retry = owner.effects.later
    retry()
    time_is_up()

    assert owner.effects.acts == [*ASKED_ACTS, "interrupt", "goodbye", "force"]


def test_every_request_is_deferred() -> None:
    """The lane that took a request leaves its idle to the owner, now or at the end (AMB-39)."""
    owner = Owner()
    requests = [request(), request()]
    for asked in requests:
        owner.shutdown.ask(Ending(request=asked))
    owner.take()

    assert [asked.is_deferred for asked in requests] == [True, True]
    assert owner.effects.answered == requests[1:]


@given(st.lists(st.sampled_from(Event), max_size=12))
def test_every_request_is_answered_once(walk: list[Event]) -> None:
    """Whatever comes in whatever order, each request has one answer in the end (CTRL-04)."""
    owner = Owner()
    asked = []
    for event in walk:
        if event is ASKED:
            asked.append(request())
            owner.shutdown.ask(Ending(request=asked[-1]))
            owner.take()
        else:
            owner.happen(event)
    for event in (Event.STOPPED, Event.FINISHED):
        owner.happen(event)

    effects = owner.effects
    assert [g.request for g in effects.goodbyes] + effects.answered == asked
    assert all(r.is_deferred for r in asked)


@pytest.mark.parametrize("signal_first", [True, False])
def test_request_and_signal_meet(signal_first: bool) -> None:
    """A SIGTERM and a shutdown_request in any order: the request is answered once (CTRL-04).

    Both are posted before the owner takes either, as when the signal comes between a check and what
    follows from it.
    """
    owner = Owner()
    asked = request()
    endings = [Ending(request=asked), Ending(exit_code=143)]
    for ending in reversed(endings) if signal_first else endings:
        owner.shutdown.ask(ending)
    owner.take()
    for event in (Event.STOPPED, Event.FINISHED):
        owner.happen(event)

    answers = [g.request for g in owner.effects.goodbyes if g.request] + owner.effects.answered
    assert answers == [asked]
    assert owner.shutdown.exit_code == (143 if signal_first else 0)
    assert owner.shutdown.abandons is signal_first


def test_nothing_is_decided_before_the_owner_takes_it() -> None:
    """Asking changes nothing in the thread that asks: there is one writer."""
    owner = Owner()
    owner.shutdown.ask(Ending(exit_code=143))

    assert (owner.shutdown.is_asked, owner.shutdown.phase) == (False, Phase.SERVING)


def test_reason_is_known_before_the_interrupt() -> None:
    """What is interrupted finds why: it is abandoned, and its error muted, first."""
    owner = Owner()
    owner.shutdown.ask(Ending(exit_code=143))
    owner.take()

    assert owner.effects.acts == ["abandon", "stop", "interrupt"]


def test_interrupts_stop_with_the_main_thread() -> None:
    """What runs is interrupted again and again until it stops, and no exit function is."""
    owner = Owner()
    owner.happen(ASKED)
    for _ in range(3):
        owner.happen(Event.RETRY)
    owner.happen(Event.STOPPED)
    owner.happen(Event.RETRY)

    assert owner.effects.acts.count("interrupt") == 4


def test_stopped_returns_when_the_owner_knows() -> None:
    """The main thread waits for the acknowledgement before it calls exit functions."""
    posted = SimpleQueue[Callable[[], None]]()
    shutdown = Shutdown(posted.put, Effects())
    shutdown.ask(Ending(request=request()))
    posted.get(timeout=HANG_LIMIT_S)()
    phases = []

    def stop() -> None:
        shutdown.stopped()
        phases.append(shutdown.phase)

    main = threading.Thread(target=stop)
    main.start()
    for _ in ("stopped", "acknowledge"):
        posted.get(timeout=HANG_LIMIT_S)()
    main.join(HANG_LIMIT_S)

    assert phases == [Phase.FINISHING]


@pytest.mark.parametrize("finished_first", [True, False])
def test_last_messages_are_sent_once(finished_first: bool) -> None:
    """When time is up just as the main thread finishes, one of the two says goodbye."""
    owner = Owner()
    owner.happen(ASKED)
    owner.happen(Event.STOPPED)
    both = [Event.FINISHED, Event.TIME_UP]
    for event in both if finished_first else reversed(both):
        owner.happen(event)

    assert owner.effects.acts.count("goodbye") == 1
    assert ("force" in owner.effects.acts) is not finished_first
