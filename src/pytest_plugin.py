"""What pytest loads at its start: options, and fixtures for tests of a kernel.

The rest is imported when a kernel is named, or a fixture used.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from assay.transport import Client, KernelProcess

__all__ = [
    "kernel_client",
    "kernel_command",
    "kernel_process",
    "pytest_addoption",
    "pytest_configure",
    "pytest_runtest_makereport",
]

INI = "assay_kernel_command"

NAMED = "--assay-kernel NAME"

TOGETHER = ("no", "each", "loadfile", "loadscope")
"""How pytest-xdist may share out tests: one worker asks all checks, which share a kernel."""

WITH_KERNEL = ("kernel", "client", "conversation")
"""The fixtures of `assay.conformance`; common names, so that nobody gets them unasked."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("assay", "conformance of Jupyter kernels")
    group.addoption(
        "--assay-kernel",
        metavar="NAME",
        help="Collect the checks of this installed kernel as tests, and offer the fixtures kernel, "
        "client and conversation.",
    )
    group.addoption(
        "--assay-select",
        metavar="NAMES",
        default="",
        help="Only these checks: ids, requirements, prefixes or chapters, with commas.",
    )
    group.addoption(
        "--assay-ignore",
        metavar="NAMES",
        default="",
        help="All checks but these.",
    )
    group.addoption(
        "--assay-baseline",
        metavar="FILE",
        help="Accept the failures in this file, which `assay check --write-baseline` begins.",
    )
    parser.addini(
        INI,
        "The command of the kernel that the fixtures kernel_process and kernel_client start, with "
        "{connection_file} in it; its `python` is the one that runs pytest.",
        default="",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Bring in the checks and fixtures if a kernel is named."""
    name = config.getoption("--assay-kernel")
    if name:
        dist = config.getoption("dist", "no")
        if dist not in TOGETHER:
            raise pytest.UsageError(
                f"wanted --dist loadfile or loadscope beside {NAMED}, so that one worker asks all "
                f"checks and sees what they show in passing; found --dist {dist}"
            )
        from assay.protocol import AssayError  # noqa: PLC0415 - not for every run of pytest

        try:
            _register(config, str(name))
        except AssayError as error:
            raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say where the fixtures of a kernel are, which are not there unless one is named."""
    report = yield
    error = call.excinfo.value if call.excinfo is not None else None
    named = item.config.getoption("--assay-kernel")
    if isinstance(error, pytest.FixtureLookupError) and not named and error.argname in WITH_KERNEL:
        hint = (
            f"the fixture {error.argname!r} is there where a kernel is named: --assay-kernel NAME"
        )
        report.sections.append(("assay", hint))
    return report


def _register(config: pytest.Config, kernel: str) -> None:
    from assay import conformance  # noqa: PLC0415 - not for every run of pytest
    from assay.conformance import _fixtures  # noqa: PLC0415
    from assay.conformance._pytest import Checks  # noqa: PLC0415

    baseline = config.getoption("--assay-baseline")
    checks = Checks(
        kernel,
        names=_names(config, "--assay-select"),
        ignored=_names(config, "--assay-ignore"),
        accepted={} if baseline is None else conformance.baseline_in(Path(str(baseline))),
    )
    config.pluginmanager.register(checks, "assay-checks")
    config.pluginmanager.register(_fixtures, "assay-fixtures")


def _names(config: pytest.Config, option: str) -> list[str]:
    names = str(config.getoption(option)).split(",")
    return [name.strip() for name in names if name.strip()]


@pytest.fixture(scope="session")
def kernel_command(request: pytest.FixtureRequest) -> Sequence[str]:
    """The command that starts the kernel under test; write a fixture of this name for another."""
    words = shlex.split(str(request.config.getini(INI)))
    if not any("{connection_file}" in word for word in words):
        raise pytest.UsageError(
            f"wanted {INI} in the configuration of pytest, or a fixture kernel_command: a command "
            f"with {{connection_file}} in it, such as 'python -m mykernel -f {{connection_file}}'; "
            f"found {shlex.join(words)!r}"
        )
    return [sys.executable if words[0] in ("python", "python3") else words[0], *words[1:]]


@pytest.fixture(scope="module")
def kernel_process(kernel_command: Sequence[str]) -> Iterator[KernelProcess]:
    """A kernel for the tests of one module; it has to end when it is asked to."""
    from assay.transport import launch  # noqa: PLC0415 - only for those who test a kernel

    with launch(list(kernel_command)) as kernel:
        yield kernel
        if kernel.exit_code is None:
            code = kernel.shutdown()
            assert code == 0, f"wanted 0 after a shutdown_request, found {code}: {kernel.written()}"


@pytest.fixture
def kernel_client(kernel_process: KernelProcess) -> Iterator[Client]:
    """A client of that kernel, which is ready."""
    with kernel_process.client() as client:
        yield client
