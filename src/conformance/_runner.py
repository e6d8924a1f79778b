"""Run checks against a kernel: shared kernels where that does no harm, fresh ones where it does."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from attrs import evolve

from assay.conformance._check import Check
from assay.conformance._exhibit import exhibits_of, of_lines
from assay.conformance._language import Language, language_for
from assay.conformance._limits import Limits, OutOfTime
from assay.conformance._outcome import Outcome, Skip, Verdict, failed, skipped
from assay.conformance._result import Report, Result
from assay.conformance._target import Target
from assay.conformance._testee import Testee
from assay.protocol import AssayError
from assay.transport import KernelEndedError, LaunchError

__all__ = ["OnResult", "run_checks"]

OnResult = Callable[[Result], None]
"""Takes each result as soon as it is there, from any thread, one at a time."""


def run_checks(
    target: Target,
    checks: Sequence[Check],
    *,
    jobs: int = 2,
    language: str | None = None,
    on_result: OnResult | None = None,
) -> Report:
    """Ask a kernel everything in *checks* and return what was found.

    Nothing that the kernel does raises here: one that hangs or dies has failed the check at hand
    and is replaced, one that does not start makes a report with `Report.error`.

    Args:
        target: What to start, or what runs.
        checks: What to ask.
        jobs: How many kernels are asked at the same time; one that runs already is asked by one.
        language: The name of a language or a path of snippets; by default what the kernel says.
        on_result: Takes each result as it comes.
    """
    began = time.monotonic()
    run = _Run(target, checks, language, on_result)
    try:
        first = run.start_first()
    except LaunchError as error:
        return run.did_not_start(str(error), time.monotonic() - began)
    count = 1 if not target.can_start else max(1, min(jobs, len(checks)))
    with ThreadPoolExecutor(count) as pool:
        for worker in [pool.submit(run.work, first if n == 0 else None) for n in range(count)]:
            worker.result()
    return run.report(time.monotonic() - began)


class _Run:
    """One run: what is still to be asked, and what was found."""

    def __init__(
        self,
        target: Target,
        checks: Sequence[Check],
        language: str | None,
        on_result: OnResult | None,
    ) -> None:
        self._target = target
        self._checks = tuple(checks)
        # What takes long goes first, so that no worker is left with it alone at the end.
        self._waiting = deque(sorted(checks, key=lambda one: not one.slow))
        self._language_name = language
        self._language: Language | None = None
        self._limits_s = 0.0
        self._info: dict[str, object] = {}
        self._results: dict[str, Result] = {}
        self._on_result = on_result
        self._lock = threading.Lock()

    def start_first(self) -> Testee:
        """Start a kernel and learn from it what the other ones need to know."""
        if self._language_name is not None:
            self._language = language_for(self._language_name)
        testee = Testee.start(self._target, language=self._language)
        self._limits_s = testee.started_s
        testee.limits.start_s = testee.started_s
        self._info = dict(testee.info)
        if self._language is None:
            about = testee.info.get("language_info")
            name = about.get("name") if isinstance(about, dict) else None
            self._language = language_for(name) if isinstance(name, str) else None
            testee.language = self._language
        return testee

    def work(self, shared: Testee | None) -> None:
        """Take checks and ask them until none is left."""
        try:
            while True:
                with self._lock:
                    if not self._waiting:
                        return
                    check = self._waiting.popleft()
                shared = self._ask(check, shared)
        finally:
            if shared is not None:
                shared.close()

    def _ask(self, check: Check, shared: Testee | None) -> Testee | None:
        """Ask one check and return the shared kernel, if there still is one to go on with."""
        began = time.monotonic()
        reason = self._unaskable(check)
        if reason:
            self._note(check, skipped(reason), None, 0, began)
            return shared
        try:
            testee = shared if shared is not None and not check.fresh else self._start()
        except LaunchError as error:
            wanted = "a kernel that starts again"
            self._note(check, failed(wanted, str(error)), None, 0, began)
            return shared
        start = len(testee.traffic)
        outcome = _outcome_of(check, testee)
        settled = check.fresh or _settle(testee)
        self._note(check, outcome, testee, start, began)
        if check.fresh or not settled:
            testee.close()
            return shared if check.fresh else None
        return testee

    def _unaskable(self, check: Check) -> str:
        """Return why *check* cannot be asked, or nothing."""
        if not self._target.can_start and (check.fresh or check.process):
            return "needs a kernel that was started for it"
        if check.feature is not None:
            listed = self._info.get("supported_features")
            if not isinstance(listed, list) or check.feature not in listed:
                return f"the kernel does not announce {check.feature!r} in supported_features"
        if not check.snippets:
            return ""
        if self._language is None:
            return "the kernel's language is not known: give its snippets with --language"
        missing = [one for one in check.snippets if one not in self._language.snippets]
        return f"there is no snippet {missing[0]!r} for {self._language.name}" if missing else ""

    def _start(self) -> Testee:
        return Testee.start(self._target, limits=Limits(self._limits_s), language=self._language)

    def _note(
        self, check: Check, outcome: Outcome, testee: Testee | None, start: int, began: float
    ) -> None:
        lines = [] if testee is None else testee.traffic.lines
        shown = (
            exhibits_of(outcome.evidence, lines) if outcome.evidence else of_lines(lines[start:])
        )
        told = outcome.verdict in {Verdict.FAILED, Verdict.NOTE}
        result = Result(
            check=check.id,
            requirements=check.requirements,
            level=check.requirement.level,
            title=check.title,
            outcome=outcome.verdict,
            expected=outcome.expected,
            got=outcome.got,
            reason=outcome.reason,
            evidence=shown if told else (),
            mistake=check.mistake if outcome.verdict is Verdict.FAILED else "",
            rerun=f"assay check {self._target.argument} --select {check.id}",
            seconds=time.monotonic() - began,
        )
        with self._lock:
            self._results[check.id] = result
            if self._on_result is not None:
                self._on_result(result)

    def report(self, seconds: float) -> Report:
        """Return everything that was found."""
        return Report(
            kernel=self._target.label,
            info=self._info,
            results=tuple(self._results[one.id] for one in self._checks if one.id in self._results),
            seconds=seconds,
            start_s=self._limits_s,
        )

    def did_not_start(self, error: str, seconds: float) -> Report:
        """Return the report on a kernel that did not start: nothing was judged."""
        for check in self._checks:
            self._note(check, skipped("the kernel did not start"), None, 0, time.monotonic())
        return evolve(self.report(seconds), error=error)


def _outcome_of(check: Check, testee: Testee) -> Outcome:
    testee.limits.begin()
    try:
        return check(testee)
    except Skip as skip:
        return skipped(str(skip))
    except KernelEndedError as error:
        return failed("a kernel that goes on running", str(error))
    except LaunchError as error:
        return failed("a kernel that starts", str(error))
    except OutOfTime as error:
        return failed("an end of the check in time", str(error))
    except AssayError as error:
        return failed("a kernel that can be talked to", str(error))


def _settle(testee: Testee) -> bool:
    """Return whether the kernel is fit for the next check: alive, idle and answering."""
    testee.limits.begin()
    try:
        answered = testee.peer.quiet()
    except (AssayError, OutOfTime):
        return False
    return answered and testee.is_running
