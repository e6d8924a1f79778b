"""Generate conversations until one fails, and shrink it to the smallest that does."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from attrs import field, frozen
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import FlakyFailure, StopTest

from assay.conformance._failure import Failure
from assay.conformance._language import Language
from assay.conformance._limits import Limits
from assay.conformance._recording import Recording
from assay.conformance._target import Target
from assay.conformance._testee import Testee
from assay.conformance.fuzz._play import Peers, play
from assay.conformance.fuzz._steps import Ask, Frames, Interrupt, Step, conversations
from assay.protocol import Profile

__all__ = ["Found", "FuzzReport", "OnEvent", "OnFound", "fuzz"]

SHRINK_S = 60.0
"""How long one failure is shrunk: no attempt begins later. Each that fails needs a fresh kernel."""

ALONE_S = 60.0
"""How long the steps of the smallest conversation are played one by one; none begins later."""

CONFIRMING = 3.0
"""How many times as patient to be with a fresh kernel that is to show a failure once more.

On a busy machine the first completion may take many times as long as the start.
"""

MOST_SHRINKS = 500
"""How many conversations a failure is shrunk by at most."""

MOST_EXAMPLES = 100_000
"""More than any run has time for: the clock ends it."""

MOST_MESSAGES = 20_000
"""With one kernel, since all is kept: some hundreds of conversations. Then another one is asked."""

OnEvent = Callable[[str], None]
"""Takes a line of progress."""


@frozen(kw_only=True)
class Found:
    """One kind of failure, and the smallest conversation that shows it."""

    failure: Failure
    steps: tuple[Step, ...]
    recording: Recording
    """What went over the wire, with a fresh kernel."""


OnFound = Callable[[Found], None]
"""Takes each failure as soon as it is shrunk: a search may be stopped at any time."""


@frozen(kw_only=True)
class FuzzReport:
    """What a search has found."""

    kernel: str
    seed: int
    conversations: int
    """How many were played, those of the shrinking included."""

    seconds: float
    found: tuple[Found, ...] = ()
    unreproduced: tuple[Failure, ...] = field(default=())
    """What a fresh kernel did not do again: it depends on chance, or on what was played before."""


class _FailedError(Exception):
    """A conversation failed; Hypothesis shrinks it."""


class _TimeIsUp(KeyboardInterrupt):
    """The search, or the shrinking of a failure, has used up its time."""


def fuzz(
    target: Target,
    *,
    seed: int,
    minutes: float,
    most: int | None = None,
    most_shrinks: int = MOST_SHRINKS,
    profile: Profile = Profile.LENIENT,
    language: Language | None = None,
    on_event: OnEvent = lambda _: None,
    on_found: OnFound = lambda _: None,
) -> FuzzReport:
    """Search for conversations that the kernel gets wrong.

    Args:
        target: What to start, or what runs; one that runs cannot be started afresh, so that its
            failures are neither confirmed nor shrunk with a fresh kernel.
        seed: The same seed gives the same conversations.
        minutes: How long to search. A failure is shrunk for a minute more, and its steps are played
            one by one for another. What has begun by then is ended: where a kernel stays silent
            that takes some twenty seconds, and up to two minutes if it starts slowly.
        most: How many conversations to play at most, those of the shrinking not counted.
        most_shrinks: How many conversations one failure is shrunk by at most.
        profile: How single messages are judged.
        language: Whose code to run; by default that of the language that the kernel names.
        on_event: Takes lines of progress.
        on_found: Takes each failure.

    Raises:
        LaunchError: the kernel does not start.
    """
    ends = time.monotonic() + 60 * minutes
    most = most or MOST_EXAMPLES
    search = _Search(
        target,
        profile,
        language,
        on_event,
        on_found,
        ends=ends,
        most=most,
        most_shrinks=most_shrinks,
    )
    began = time.monotonic()
    try:
        search.start()
        rounds = 0
        while search.has_time and search.round(seed + rounds):
            rounds += 1
    finally:
        search.close()
    return FuzzReport(
        kernel=target.label,
        seed=seed,
        conversations=search.played,
        seconds=time.monotonic() - began,
        found=tuple(search.found),
        unreproduced=tuple(search.unreproduced),
    )


class _Search:
    """One search: the kernel at hand, and what has been found so far."""

    def __init__(
        self,
        target: Target,
        profile: Profile,
        language: Language | None,
        on_event: OnEvent,
        on_found: OnFound,
        *,
        ends: float,
        most: int,
        most_shrinks: int,
    ) -> None:
        self.found: list[Found] = []
        self.unreproduced: list[Failure] = []
        self.played = 0
        self._target = target
        self._profile = profile
        self._language = language
        self._on_event = on_event
        self._on_found = on_found
        self._ends = ends
        self._most = most
        self._most_shrinks = most_shrinks
        self._searched = 0
        self._shrunk = 0
        self._shrink_ends = ends
        self._testee: Testee | None = None
        self._peers: Peers = {}
        self._start_s: float | None = None
        self._wanted = ""
        self._best: Found | None = None
        self._is_spent = False

    @property
    def has_time(self) -> bool:
        """Whether the search goes on."""
        return time.monotonic() < self._ends and self._searched < self._most

    @property
    def _may_shrink(self) -> bool:
        return time.monotonic() < self._shrink_ends and self._shrunk < self._most_shrinks

    def start(self) -> None:
        """Start the first kernel and learn its language."""
        self._language = self._kernel().learn_language()

    def close(self) -> None:
        """End the kernel."""
        if self._testee is not None:
            self._testee.close()
            self._testee = None
            self._peers = {}
        self._is_spent = False

    def round(self, number: int) -> bool:
        """Search until one kind of failure is found and shrunk; False if there was none."""
        self._wanted, self._best, self._shrunk = "", None, 0
        strategy = conversations(
            self._language,
            interrupts=self._target.can_start and not self._is_fatal(Interrupt),
            broken=not self._is_fatal(Frames),
        )

        @seed(number)
        @settings(
            max_examples=MOST_EXAMPLES,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
            print_blob=False,
            report_multiple_bugs=False,
        )
        @given(strategy)
        def search(steps: tuple[Step, ...]) -> None:
            self._try(steps)

        with suppress(_FailedError, _TimeIsUp, FlakyFailure, StopTest):
            search()
        return self._take_best()

    def _take_best(self) -> bool:
        if self._best is None:
            return False
        if self._target.can_start:
            self._play_alone(self._best)
        self.found.append(self._best)
        self._on_found(self._best)
        return True

    def _play_alone(self, best: Found) -> None:
        """Play the steps of *best* one by one, and keep one that fails alike.

        Where a kernel does not answer each attempt takes long, and time is up before Hypothesis has
        tried this.
        """
        ends = time.monotonic() + ALONE_S
        steps = dict.fromkeys(best.steps) if len(best.steps) > 1 else {}
        for step in sorted(steps, key=lambda one: not _is_named(one, best.failure)):
            if time.monotonic() >= ends:
                return
            failure = self._play_afresh((step,))
            if failure is not None and failure.kind == best.failure.kind:
                self._keep((step,), failure)
                return

    def _is_fatal(self, kind: type[Step]) -> bool:
        """Return whether a single step of this kind is known to end the kernel.

        It would end most conversations, and hide what else is wrong in them.
        """
        alone = [one.steps[0] for one in self.found if one.failure.lasting and len(one.steps) == 1]
        return any(isinstance(step, kind) for step in alone)

    def _try(self, steps: tuple[Step, ...]) -> None:
        if not (self._may_shrink if self._wanted else self.has_time):
            raise _TimeIsUp
        if self._wanted:
            self._shrunk += 1
        else:
            self._searched += 1
        # The kernel of a failure that was kept is gone: what the next one shows needs no other.
        is_fresh = bool(self._wanted) and (self._testee is None or self._is_spent)
        failure = self._play_afresh(steps) if is_fresh else self._play(steps)
        if failure is None or self._is_known(failure):
            return
        is_sure = is_fresh or not self._target.can_start
        fresh = failure if is_sure else self._confirm(steps, failure)
        if fresh is None or self._is_known(fresh):
            return
        if not self._wanted:
            self._wanted = fresh.kind
            self._shrink_ends = time.monotonic() + SHRINK_S
            self._on_event(f"shrinking: {fresh.text}")
        if fresh.kind != self._wanted:
            return
        self._keep(steps, fresh)
        raise _FailedError

    def _is_known(self, failure: Failure) -> bool:
        return any(one.failure.kind == failure.kind for one in self.found)

    def _play(self, steps: tuple[Step, ...]) -> Failure | None:
        if self._is_spent or len(self._kernel().traffic) > MOST_MESSAGES:
            self.close()
        self.played += 1
        if self.played % 100 == 0:
            self._on_event(f"{self.played} conversations")
        failure = play(self._kernel(), steps, profile=self._profile, peers=self._peers)
        if failure is not None and failure.lasting:
            self._is_spent = self._target.can_start
            if not self._target.can_start and self._is_known(failure):
                self._ends = time.monotonic()
        return failure

    def _confirm(self, steps: tuple[Step, ...], failure: Failure) -> Failure | None:
        """Play *steps* to a fresh kernel and return what fails there."""
        again = self._play_afresh(steps)
        if again is None:
            self.unreproduced.append(failure)
        return again

    def _play_afresh(self, steps: tuple[Step, ...]) -> Failure | None:
        self.close()
        limits = self._kernel().limits
        limits.times = CONFIRMING
        failure = self._play(steps)
        limits.times = 1.0
        return failure

    def _keep(self, steps: tuple[Step, ...], failure: Failure) -> None:
        """Keep the smallest conversation, and let the next one find a fresh kernel."""
        testee = self._kernel()
        best = self._best
        if best is None or len(steps) <= len(best.steps):
            self._best = Found(
                failure=failure,
                steps=steps,
                recording=Recording(
                    kernel=self._target.label,
                    key=testee.connection.key if self._target.can_start else "",
                    lines=tuple(testee.traffic.lines),
                ),
            )
        if self._target.can_start:
            self.close()

    def _kernel(self) -> Testee:
        if self._testee is None:
            # Of its own: the time of a conversation with the kernel before may be used up.
            limits = None if self._start_s is None else Limits(self._start_s)
            self._testee = Testee.start(self._target, limits=limits, language=self._language)
            if self._start_s is None:
                self._start_s = self._testee.limits.start_s = self._testee.started_s
            self._testee.rest()
        return self._testee


def _is_named(step: Step, failure: Failure) -> bool:
    """Return whether *failure* is about a request like *step*."""
    return isinstance(step, Ask) and failure.kind.startswith(f"{step.msg_type} ")
