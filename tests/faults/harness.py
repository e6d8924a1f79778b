"""Ask the kernels of the table what the checks ask, many at a time."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

from attrs import frozen

from assay.conformance import Check, Options, Report, Target, language_named, run_checks
from assay.conformance import _limits as limits
from assay.protocol import ConnectionFile, KernelSpec, Transport
from assay.transport import KernelProcess, launch
from assay.transport import _launcher as launcher
from assay.transport._process import ChildProcess
from tests.faults._table import Row
from tests.faults.rows import find
from tests.forks import ForkedChild, ForkServer

ROOT = Path(__file__).parents[2]
LANGUAGE = str(Path(__file__).with_name("tiny.toml"))

MARK = "tests.faults"

PATIENCE_S = 0.8
"""For a kernel with a fault, which answers within milliseconds if it answers at all."""

GRACE_S = 0.15

START_S = 30.0

Verdicts = Mapping[str, str]
"""The outcome of each check that was asked, by the id of the check."""


@contextmanager
def forking() -> Iterator[None]:
    """Fork the kernels of the table, instead of starting an interpreter for each."""
    server = ForkServer(MARK, "tests.faults.rows", path=[ROOT])

    def child(argv: Sequence[str], **options: Any) -> ChildProcess:
        if MARK in argv and options.get("cwd") is None:
            return ForkedChild(server, argv, **options)
        return ChildProcess(argv, **options)

    try:
        with patch.object(launcher, "ChildProcess", child):
            yield
    finally:
        server.close()


@contextmanager
def impatient() -> Iterator[None]:
    """Wait for less long than for kernels that nothing is known of."""
    with (
        patch.object(limits, "LEAST_PATIENCE_S", PATIENCE_S),
        patch.object(limits, "MOST_PATIENCE_S", PATIENCE_S),
        patch.object(limits, "LEAST_GRACE_S", GRACE_S),
        # A kernel without idle seems to start slowly, and each of its answers waits for a grace.
        patch.object(limits, "MOST_GRACE_S", GRACE_S),
        patch("assay.conformance._testee.OTHER_CHANNEL_S", PATIENCE_S),
    ):
        yield


OLDER = frozenset({"CONN-19"})
"""What binds kernels whose kernelspec states a protocol version before the handshake."""


@frozen(kw_only=True)
class OwnPorts(Target):
    """A kernel that chooses its ports where they are left open, so that no two want the same."""

    interrupt_mode: Literal["signal", "message"] = "signal"
    """As a kernelspec states it."""

    protocol: str = "5.6"

    chooses_ports: bool = True
    """Whether it chooses them: not where that is what it does wrong."""

    @property
    def kernelspec(self) -> KernelSpec:
        """What a kernelspec of these kernels would say: all that they can do."""
        return KernelSpec(
            argv=self.argv,
            display_name=self.label,
            language="tiny",
            metadata={"supported_encryption": "curve"},
            kernel_protocol_version=self.protocol,
        )

    def start(
        self, connection: ConnectionFile | None = None, *, env: dict[str, str] | None = None
    ) -> KernelProcess:
        """Start the kernel.

        Raises:
            LaunchError: it cannot be started.
        """
        is_tcp = connection is None or connection.transport is Transport.TCP
        return launch(
            self.argv,
            connection=connection,
            kernel_chooses_ports=self.chooses_ports and is_tcp,
            interrupt_mode=self.interrupt_mode,
            env=env,
            timeout=START_S,
        )


GIVEN_PORTS = frozenset({"CONN-24"})
"""What binds kernels that choose their ports."""


BY_MESSAGE = frozenset({"CTRL-09", "CTRL-10"})
"""What binds kernels whose kernelspec states the interrupt mode `message`."""


def target(row: Row) -> Target:
    """Return the kernel of a row."""
    argv = (sys.executable, "-m", MARK, "--fault", row.name, "-f", "{connection_file}")
    by_message = row.name == "interrupt-by-message" or BY_MESSAGE & set(row.breaks)
    return OwnPorts(
        label=row.name,
        argument=row.name,
        argv=argv,
        interrupt_mode="message" if by_message else "signal",
        protocol="5.5" if OLDER & set(row.breaks) else "5.6",
        chooses_ports=not GIVEN_PORTS & set(row.breaks),
    )


def ask(name: str, checks: Sequence[Check]) -> Report:
    """Ask the kernel of a row."""
    options = Options(jobs=1, language=language_named(LANGUAGE))
    return run_checks(target(find(name)), checks, options)


def ask_all(wanted: Mapping[str, Sequence[Check]], *, at_once: int) -> Iterator[tuple[str, Report]]:
    """Ask many kernels at a time, and yield the report of each in the order of *wanted*."""
    with ThreadPoolExecutor(at_once) as pool:
        asked = {name: pool.submit(ask, name, checks) for name, checks in wanted.items()}
        for name, future in asked.items():
            yield name, future.result()


def verdicts(report: Report) -> Verdicts:
    """Return the outcome of each check."""
    return {one.check: one.outcome.value for one in report.results}


__all__ = ["ask", "ask_all", "forking", "impatient", "target", "verdicts"]
