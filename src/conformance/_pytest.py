"""Checks as tests; see `assay.pytest_plugin`."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence

import pytest

from assay.conformance._baseline import accept
from assay.conformance._check import Check
from assay.conformance._outcome import Verdict
from assay.conformance._registry import TRAFFIC, rules_named, select
from assay.conformance._report._text import failure_text
from assay.conformance._result import Result
from assay.conformance._runner import Options, Run
from assay.conformance._target import Target
from assay.conformance._testee import Testee
from assay.conformance._visible import in_a_line, in_lines, visible
from assay.protocol import AssayError
from assay.transport import LaunchError

__all__ = ["Checks"]


class CheckFailed(Exception):  # noqa: N818 - a verdict about a kernel
    """A check failed; shown as the report's text, without a traceback."""


class Asker:
    """Asks one check after the other, with a shared kernel where that does no harm."""

    def __init__(
        self,
        target: Target,
        checks: Sequence[Check],
        *,
        ignored: frozenset[str],
        accepted: Mapping[str, str],
    ) -> None:
        self._run = Run(target, checks, Options(jobs=1, ignored=ignored), None)
        self._accepted = accepted
        self._shared: Testee | None = None
        self._begun = False
        self._trouble: LaunchError | None = None

    def ask(self, check: Check) -> Result:
        """Return what *check* finds.

        Raises:
            LaunchError: the kernel does not start; it is tried once.
        """
        if not self._begun:
            self._begun = True
            try:
                self._shared = self._run.start_first()
            except LaunchError as error:
                self._trouble = error
        self._require_kernel()
        self._shared = self._run.ask(check, self._shared)
        return accept(self._run.result(check), self._accepted)

    def passing(self) -> tuple[Result, ...]:
        """Return what was seen in passing to be wrong.

        Raises:
            LaunchError: the kernel did not start.
        """
        self._require_kernel()
        failures = self._run.report(0).failures()
        return tuple(accept(one, self._accepted) for one in failures if one.check.endswith(TRAFFIC))

    def _require_kernel(self) -> None:
        if self._trouble is not None:
            raise self._trouble

    def close(self) -> None:
        """End the kernel."""
        if self._shared is not None:
            self._shared.close()


class CheckItem(pytest.Item):
    """One check, as a test; without one, what was seen in passing."""

    def __init__(self, *, asker: Asker, check: Check | None, **more: object) -> None:
        super().__init__(**more)  # type: ignore[arg-type]  # pytest's own
        self._asker = asker
        self._check = check

    def runtest(self) -> None:
        """Ask the kernel."""
        one = self._check
        results = self._asker.passing() if one is None else (self._asker.ask(one),)
        if texts := [failure_text(one) for one in results if one.outcome is Verdict.FAILED]:
            raise CheckFailed("\n".join(texts))
        if any(one.outcome is Verdict.SKIPPED for one in results):
            pytest.skip(visible(in_a_line(results[0].reason)))

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None
    ) -> str:
        """Return the report's text."""
        del style
        if isinstance(excinfo.value, CheckFailed):
            return str(excinfo.value)
        if isinstance(excinfo.value, AssayError):
            return visible(in_lines([str(excinfo.value)]))
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[str, None, str]:
        """Return what stands above a failure."""
        title = "traffic of all checks" if self._check is None else self._check.title
        return "assay", None, f"{self.name}: {title}"


class CheckCollector(pytest.Collector):
    """Collects a test for each check, and one for what was seen in passing."""

    def __init__(self, *, asker: Asker, checks: Sequence[Check], **more: object) -> None:
        super().__init__(**more)  # type: ignore[arg-type]  # pytest's own
        self._asker = asker
        self._checks = checks

    def collect(self) -> Iterator[CheckItem]:
        """Yield the tests."""
        for name, one in (*((one.id, one) for one in self._checks), ("in passing", None)):
            yield CheckItem.from_parent(self, name=name, asker=self._asker, check=one)


class Checks:
    """The plugin's second half, for one kernel.

    Args:
        kernel: The name of an installed kernel.
        names: Which checks.
        ignored: Which not.
        accepted: The reasons of a baseline, by the id of the check.

    Raises:
        KernelSpecError: there is no such kernel.
        SelectionError: nothing has one of the names.
    """

    def __init__(
        self,
        kernel: str,
        *,
        names: Iterable[str],
        ignored: Sequence[str],
        accepted: Mapping[str, str],
    ) -> None:
        self._checks = select(names, ignored)
        self._asker = Asker(
            Target.named(kernel),
            self._checks,
            ignored=rules_named(ignored),
            accepted=accepted,
        )

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Add the checks to what a session collects."""
        report = yield
        if isinstance(collector, pytest.Session) and report.passed:
            own = CheckCollector.from_parent(
                collector, name="assay", nodeid="", asker=self._asker, checks=self._checks
            )
            report.result = [*(report.result or ()), own]
        return report

    @pytest.hookimpl
    def pytest_sessionfinish(self) -> None:
        """Leave no kernel behind."""
        self._asker.close()
