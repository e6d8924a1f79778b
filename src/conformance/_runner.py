"""Run checks against a kernel: shared kernels where that does no harm, fresh ones where it does."""

from __future__ import annotations

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from enum import Enum, auto
from weakref import WeakSet

from attrs import evolve, frozen

from assay.conformance._check import Check
from assay.conformance._exhibit import exhibits_of, of_lines, short_object
from assay.conformance._findings import Findings
from assay.conformance._judge import judge_segment
from assay.conformance._language import Language
from assay.conformance._limits import START_LIMIT_S, Limits, OutOfTime, Silence
from assay.conformance._outcome import Outcome, Skip, Verdict, failed, note, skipped
from assay.conformance._profile import Profile
from assay.conformance._registry import rules_named
from assay.conformance._registry import select as chosen
from assay.conformance._result import Report, Result
from assay.conformance._target import Target
from assay.conformance._testee import SilentKernelError, Testee
from assay.protocol import AssayError, Channel, Sender, read_parts
from assay.spec import Requirement
from assay.transport import KernelEndedError, LaunchError

__all__ = ["OnResult", "Options", "Run", "check", "run_checks"]

OnResult = Callable[[Result], None]
"""Takes each result as soon as it is there, from any thread, one at a time."""

GOES_ON = "a kernel that goes on running"
"""What is wanted of a kernel that ended."""

ANSWERS = "a kernel that goes on answering"
"""What is wanted of one that says nothing any more."""

IN_TIME = "an end of the check in time"
"""What is wanted of one that neither ends a check nor goes on answering."""

FIRST_CELL = "SHELL-01.3"
"""The check that fails if a kernel ends with the first cell."""

SIGN_OF_LIFE = "INFO-01.1"
"""The check that fails if a kernel runs and says nothing at all."""


class After(Enum):
    """How a kernel is found behind a check."""

    FIT = auto()
    """It is alive, idle and answers: the next check can be asked."""

    BUSY = auto()
    """It goes on with what it was asked. It, or the machine, is slow."""

    LOST = auto()
    """It is silent, or its state is not known."""


@frozen(kw_only=True)
class Options:
    """How to run."""

    jobs: int = 2
    """How many kernels are asked at the same time; one that runs already is asked by one client."""

    language: Language | None = None
    """Snippets; None takes those of the language that the kernel names."""

    profile: Profile = Profile.STRICT

    start_limit: float = START_LIMIT_S
    """Seconds for a kernel's first sign of life."""

    time_limit: float | None = None
    """Seconds after which no further check begins: the rest is skipped, and the report says so."""

    ignored: frozenset[str] = frozenset()
    """The ids of requirements for which nothing is reported that was seen in passing."""


def run_checks(
    target: Target,
    checks: Sequence[Check],
    options: Options | None = None,
    *,
    on_result: OnResult | None = None,
) -> Report:
    """Ask a kernel everything in *checks* and return what was found.

    Nothing that the kernel does raises here: one that hangs or dies has failed the check at hand
    and is replaced, one that does not start makes a report with `Report.error`.

    Args:
        target: What to start, or what runs.
        checks: What to ask.
        options: How.
        on_result: Takes each result as it comes.
    """
    began = time.monotonic()
    run = Run(target, checks, options or Options(), on_result)
    try:
        first = run.start_first()
    except LaunchError as error:
        return run.did_not_start(error, time.monotonic() - began)
    run.work_all(first)
    return run.report(time.monotonic() - began)


def check(
    kernel: str | Sequence[str],
    *,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    options: Options | None = None,
) -> Report:
    """Check a kernel and return what was found: ``assay check`` for programs.

    Args:
        kernel: The name of an installed kernel, or a command with ``{connection_file}`` in it.
        select: Ids of checks or requirements, prefixes or chapters; none chooses all.
        ignore: The same, to leave out.
        options: How to run.

    Raises:
        KernelSpecError: there is no kernel of this name.
        SelectionError: nothing has one of the names.
    """
    target = Target.named(kernel) if isinstance(kernel, str) else Target.command(tuple(kernel))
    ignored = tuple(ignore)
    options = options or Options()
    options = evolve(options, ignored=options.ignored | rules_named(ignored))
    return run_checks(target, chosen(select, ignored), options)


class Run:
    """One run: what is still to be asked, and what was found; see `run_checks`."""

    def __init__(
        self,
        target: Target,
        checks: Sequence[Check],
        options: Options,
        on_result: OnResult | None,
    ) -> None:
        self._target = target
        self._checks = tuple(checks)
        self._options = options
        self._on_result = on_result
        limit = options.time_limit
        # What takes long goes first, so that no worker is left with it alone at the end. If there
        # may be no time for all of them, it goes last: many answers are worth more than a few.
        self._waiting = deque(
            sorted(checks, key=lambda one: one.slow is (limit is None), reverse=True)
        )
        self._ends = None if limit is None else time.monotonic() + limit
        self._language = options.language
        self._start_s = 0.0
        self._silence = Silence()
        self._info: dict[str, object] = {}
        self._version: tuple[int, ...] = ()
        self._results: dict[str, Result] = {}
        self._findings = Findings(options.profile, options.ignored)
        self._silent_since = ""
        self._busy_since = ""
        self._unasked = 0
        self._limits: WeakSet[Limits] = WeakSet()
        self._lock = threading.Lock()

    def start_first(self) -> Testee:
        """Start a kernel and learn from it what the other ones need to know."""
        testee = Testee.start(
            self._target, language=self._language, start_limit=self._options.start_limit
        )
        self._limits.add(testee.limits)
        self._start_s = testee.limits.start_s = testee.started_s
        self._silence = testee.limits.silence
        self._info = dict(testee.info)
        self._version = testee.version
        self._language = testee.learn_language()
        return testee

    def work_all(self, first: Testee) -> None:
        """Ask everything, by as many workers as there are jobs."""
        count = max(1, min(self._options.jobs, len(self._checks))) if self._target.can_start else 1
        firsts = [first, *[None] * (count - 1)]
        pool = ThreadPoolExecutor(count)
        try:
            for worker in [pool.submit(self._work, one) for one in firsts]:
                _await(worker)
                worker.result()
        except BaseException:
            # Ctrl-C: nothing is waited for any more, and the workers close their kernels.
            self._waiting.clear()
            for one in list(self._limits):
                one.stop()
            raise
        finally:
            pool.shutdown()

    def _work(self, shared: Testee | None) -> None:
        try:
            while (check := self._next()) is not None:
                shared = self.ask(check, shared)
        finally:
            if shared is not None:
                shared.close()

    def _next(self) -> Check | None:
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    def ask(self, check: Check, shared: Testee | None) -> Testee | None:
        """Ask one check and return the shared kernel, if there still is one to go on with."""
        began = time.monotonic()
        if reason := self._why_no_time(check):
            with self._lock:
                self._unasked += 1
        else:
            reason = self._unaskable(check)
        if reason:
            self._note(check, skipped(reason), None, 0, began)
            return shared
        try:
            testee = shared if shared is not None and not check.fresh else self._start()
        except AssayError as error:
            self._note(check, failed("a kernel that starts again", str(error)), None, 0, began)
            return shared
        start = len(testee.traffic)
        outcome, after = self._asked(check, testee)
        if check.fresh:
            _read_rest(testee)
        self._note(check, outcome, testee, start, began)
        if not testee.limits.stopped:
            self._judge(check, testee, settled=after is After.FIT)
        if after is After.FIT and not check.fresh:
            return testee
        testee.close()
        return shared if check.fresh else None

    def _asked(self, check: Check, testee: Testee) -> tuple[Outcome, After]:
        """Ask *check*, and return what was found, and how the kernel is found behind it."""
        start = len(testee.traffic)
        outcome = _outcome_of(check, testee)
        if outcome.expected == IN_TIME:
            after = _behind_our_limit(testee)
            if after is not After.LOST:
                slow = f"{outcome.got}, and the kernel went on: it or the machine is slow"
                outcome = skipped(slow)
        elif check.fresh or (
            # After a signal that did not do what it should, nothing is known of what it will do
            # yet; and an answer to a prompt that was not taken may be taken for the next one.
            outcome.verdict is Verdict.FAILED and (check.process or _has_stdin(testee, start))
        ):
            after = After.LOST
        else:
            after = After.FIT if _settle(testee) else After.LOST
        if not self._target.can_start:
            # There is no other one: what is asked from now on would say nothing.
            self._busy_since = check.id if after is After.BUSY else ""
            self._silent_since = check.id if after is After.LOST else ""
        if after is After.LOST and self._blames(check, outcome):
            outcome = failed(ANSWERS, "no answer behind this check")
        ended = outcome.expected == GOES_ON or (
            outcome.expected == ANSWERS and not testee.is_running
        )
        if ended and check.id != FIRST_CELL and _did_more(testee, start) and self._ends_by_itself():
            outcome = skipped(f"a first cell that does nothing ends the kernel too ({FIRST_CELL})")
        return outcome, after

    def _blames(self, check: Check, outcome: Outcome) -> bool:
        """Return whether *check* shall fail because the kernel is lost behind it."""
        if not self._target.can_start:
            return outcome.verdict is not Verdict.FAILED
        # It is silent, and no code of ours keeps it busy.
        return outcome.verdict is Verdict.SKIPPED and _is_harmless(check)

    def _ends_by_itself(self) -> bool:
        """Return whether a kernel that has just started ends with a cell that does nothing.

        Then that a check's kernel ended is no fault of what the check has sent.
        """
        if not (self._target.can_start and self._language):
            return False
        try:
            code = self._language.snippet("nothing")
            testee = self._start()
        except (AssayError, Skip):
            return False
        try:
            testee.peer.execute(code)
        except KernelEndedError:
            return True
        except (AssayError, OutOfTime):
            return False
        finally:
            testee.close()
        return False

    def _judge(self, check: Check, testee: Testee, *, settled: bool) -> None:
        """Judge the traffic of *check*, and of the kernels that it started itself."""
        for one in (testee, *testee.take_others()):
            for segment in one.take_segments(settled=settled and one is testee):
                found = judge_segment(segment, self._options.profile.of_messages)
                if one is not testee and not check.judged:
                    # What the check asks of a kernel of its own rests on our own reading.
                    found = tuple(evolve(passing, note=True) for passing in found)
                with self._lock:
                    self._findings.add(found, check.id)

    @property
    def _time_is_up(self) -> bool:
        return self._ends is not None and time.monotonic() >= self._ends

    def _why_no_time(self, check: Check) -> str:
        """Return why there is no time for *check*, or nothing."""
        if self._time_is_up:
            return f"the run had used up its {self._options.time_limit:g} s"
        if self._busy_since and not self._unaskable(check):
            return f"the kernel, which is not ours to start, goes on with {self._busy_since}"
        return ""

    def _unaskable(self, check: Check) -> str:
        """Return why *check* cannot be asked, or nothing."""
        rule = check.requirement
        if self._silent_since:
            return f"the kernel, which is not ours to start, is silent since {self._silent_since}"
        if not self._target.can_start and (check.fresh or check.process):
            return "needs a kernel that was started for it"
        listed = self._info.get("supported_features")
        announced = isinstance(listed, list) and check.feature in listed
        if not announced and self._is_newer(rule):
            spoken = ".".join(map(str, self._version))
            return f"since protocol {rule.since}; the kernel speaks {spoken}"
        if check.feature is not None and not announced:
            return f"the kernel does not announce {check.feature!r} in supported_features"
        return self._unsaid(check)

    def _unsaid(self, check: Check) -> str:
        """Return which snippet that *check* needs is not there, or nothing."""
        if not check.snippets:
            return ""
        if self._language is None:
            return "the kernel's language is not known: give its snippets with --language"
        missing = [one for one in check.snippets if one not in self._language.snippets]
        return f"there is no snippet {missing[0]!r} for {self._language.name}" if missing else ""

    def _is_newer(self, rule: Requirement) -> bool:
        """Return whether *rule* came after the protocol that the kernel announces."""
        return rule.since is not None and not rule.draft and _numbers(rule.since) > self._version

    def _start(self) -> Testee:
        limits = Limits(self._start_s, self._silence)
        self._limits.add(limits)
        testee = Testee.start(
            self._target,
            limits=limits,
            language=self._language,
            start_limit=limits.start(self._options.start_limit),
        )
        # Where it takes longer than the first one did, so may all else.
        limits.start_s = max(self._start_s, testee.started_s)
        return testee

    def _note(
        self, check: Check, outcome: Outcome, testee: Testee | None, start: int, began: float
    ) -> None:
        outcome = self._options.profile.mild(check, outcome)
        if outcome.verdict is Verdict.PASSED and self._info.get("status") == "error":
            # Refusals look right, and so does silence, from a kernel that refuses everything.
            outcome = skipped("nothing is believed of a kernel that cannot say what it is")
        lines = [] if testee is None else testee.traffic.lines
        shows = outcome.verdict in {Verdict.FAILED, Verdict.NOTE}
        evidence = (
            exhibits_of(outcome.evidence, lines) if outcome.evidence else of_lines(lines[start:])
        )
        result = Result(
            check=check.id,
            requirements=check.requirements,
            level=check.requirement.level,
            title=check.title,
            outcome=outcome.verdict,
            expected=outcome.expected,
            got=outcome.got,
            reason=outcome.reason,
            evidence=evidence if shows else (),
            mistake=check.mistake if outcome.verdict is Verdict.FAILED else "",
            rerun=self._target.rerun(check.id),
            seconds=time.monotonic() - began,
        )
        with self._lock:
            self._results[check.id] = result
            if self._on_result is not None:
                self._on_result(result)

    def result(self, check: Check) -> Result:
        """Return what was found by *check*, which has been asked."""
        return self._results[check.id]

    def report(self, seconds: float) -> Report:
        """Return everything that was found."""
        results = [self._results[one.id] for one in self._checks if one.id in self._results]
        return Report(
            kernel=self._target.label,
            info=short_object(self._info),
            profile=self._options.profile,
            results=self._findings.merged(results, self._target),
            seconds=seconds,
            start_s=self._start_s,
            existing=not self._target.can_start,
            unasked=self._unasked,
            ignored=self._findings.ignored_results,
        )

    def did_not_start(self, error: LaunchError, seconds: float) -> Report:
        """Return the report on a kernel that did not start: nothing else was judged."""
        silent = isinstance(error, SilentKernelError)
        trouble = self.report(seconds).trouble
        for check in self._checks:
            outcome = skipped(trouble)
            if silent and check.id == SIGN_OF_LIFE:
                outcome = failed("a kernel_info_reply", str(error))
            self._note(check, outcome, None, 0, time.monotonic())
        return evolve(self.report(seconds), error=str(error))


def _outcome_of(check: Check, testee: Testee) -> Outcome:  # noqa: PLR0911 - a table of endings
    testee.limits.begin()
    try:
        return check(testee)
    except Skip as skip:
        return skipped(str(skip))
    except KernelEndedError as error:
        return failed(GOES_ON, str(error))
    except LaunchError as error:
        return failed("a kernel that starts", str(error))
    except OutOfTime as error:
        return failed(IN_TIME, str(error))
    except AssayError as error:
        return failed("a kernel that can be talked to", str(error))
    except Exception as error:  # noqa: BLE001 - one check's own fault must not end the run
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{where.filename.rpartition('/')[2]}:{where.lineno}"
        return note(
            f"the check itself failed, which is no fault of the kernel: "
            f"{type(error).__name__}: {error} ({place})"
        )


def _did_more(testee: Testee, start: int) -> bool:
    """Return whether more was asked than what the kernel is."""
    return any(
        read_parts(line.frames).msg_type != "kernel_info_request"
        for line in testee.traffic.lines[start:]
        if line.judged and line.sender is Sender.CLIENT
    )


def _await(worker: Future[None]) -> None:
    """Wait for *worker*, a second at a time, so that a Ctrl-C just before a wait is not lost."""
    while not worker.done():
        wait((worker,), timeout=1)


def _is_harmless(check: Check) -> bool:
    """Return whether *check* only asks: it runs no code and does nothing to the process."""
    return not (check.fresh or check.process or check.snippets)


def _has_stdin(testee: Testee, start: int) -> bool:
    return any(one.channel is Channel.STDIN for one in testee.traffic.lines[start:])


def _settle(testee: Testee) -> bool:
    """Return whether the kernel is fit for the next check: alive, idle and answering."""
    testee.limits.begin()
    try:
        # What a check has left to do may take long, as the first completion does.
        answered = testee.peer.quiet(timeout=testee.patience * 3)
        ended = testee.await_cells()
    except (AssayError, OutOfTime):
        return False
    return answered and ended and testee.is_running


def _behind_our_limit(testee: Testee) -> After:
    """Return how a kernel is found behind a check that our limit has ended.

    If it answers, or goes on with what it was asked before, it is accused of nothing.
    """
    try:
        testee.read_all()  # what is here by now is of the time before
    except AssayError:  # it has just ended, or floods
        return After.LOST
    asked, start = testee.asked, len(testee.peer.arrivals)
    if _settle(testee):
        return After.FIT
    # A status may be published by a thread of its own, while what it is about hangs; and what is
    # asked here may be answered by one that answers questions only (AMB-74).
    probes = testee.asked - asked
    goes_on = any(
        one.msg_type != "status" and one.parent_id not in probes
        for one in testee.peer.arrivals[start:]
    )
    return After.BUSY if goes_on else After.LOST


def _read_rest(testee: Testee) -> None:
    """Read what is still to come for requests that are under way, or the last words."""
    with suppress(AssayError, OutOfTime):
        testee.peer.wait_for(lambda: testee.is_settled, testee.limits.grace)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
