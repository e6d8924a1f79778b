"""Checks as tests, and fixtures for tests of one's own; see `assay.pytest_plugin`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from assay.conformance._check import Check
from assay.conformance._outcome import Verdict
from assay.conformance._peer import Peer
from assay.conformance._registry import select
from assay.conformance._report._text import failure_text
from assay.conformance._result import Result
from assay.conformance._runner import Options, Run
from assay.conformance._target import Target
from assay.conformance._testee import Testee
from assay.conformance._traffic import Line
from assay.protocol import AssayError

__all__ = ["Checks"]


class CheckFailed(Exception):  # noqa: N818 - a verdict about a kernel
    """A check failed; shown as the report's text, without a traceback."""


class Asker:
    """Asks one check after the other, with a shared kernel where that does no harm."""

    def __init__(self, target: Target, checks: Sequence[Check]) -> None:
        self._run = Run(target, checks, Options(jobs=1), None)
        self._shared: Testee | None = None
        self._begun = False

    def ask(self, check: Check) -> Result:
        """Return what *check* finds."""
        if not self._begun:
            self._shared = self._run.start_first()
            self._begun = True
        self._shared = self._run.ask(check, self._shared)
        return self._run.result(check)

    def passing(self) -> tuple[Result, ...]:
        """Return what was seen in passing to be wrong."""
        failures = self._run.report(0).failures()
        return tuple(one for one in failures if one.check.endswith(".0"))

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
            pytest.skip(results[0].reason)

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None
    ) -> str:
        """Return the report's text."""
        del style
        if isinstance(excinfo.value, (CheckFailed, AssayError)):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[str, None, str]:
        """Return what stands above a failure."""
        title = "traffic of all checks" if self._check is None else self._check.title
        return "assay", None, f"{self.name}: {title}"


class Checks:
    """The plugin's second half, for one kernel.

    Args:
        kernel: The name of an installed kernel.
        names: Which checks; empty names do not count.
    """

    def __init__(self, kernel: str, names: Sequence[str]) -> None:
        self._target = Target.named(kernel)
        self._checks = select([name.strip() for name in names if name.strip()])
        self._asker = Asker(self._target, self._checks)

    @pytest.hookimpl
    def pytest_collection_modifyitems(
        self, session: pytest.Session, items: list[pytest.Item]
    ) -> None:
        """Add a test for each check, and one for what was seen in passing."""
        items.extend(
            CheckItem.from_parent(session, name=one.id, asker=self._asker, check=one)
            for one in self._checks
        )
        items.append(
            CheckItem.from_parent(session, name="in passing", asker=self._asker, check=None)
        )

    @pytest.hookimpl
    def pytest_sessionfinish(self) -> None:
        """Leave no kernel behind."""
        self._asker.close()

    @pytest.fixture(scope="module")
    def kernel(self) -> Iterator[Testee]:
        """A kernel of the kind that is checked, for the tests of one module."""
        with Testee.start(self._target) as kernel:
            yield kernel

    @pytest.fixture
    def client(self, kernel: Testee) -> Peer:
        """Its first client, which hears what is published."""
        return kernel.peer

    @pytest.fixture
    def conversation(self, kernel: Testee) -> list[Line]:
        """All that went over the wire; it goes on growing."""
        return kernel.traffic.lines
