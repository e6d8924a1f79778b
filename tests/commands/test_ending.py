"""Signals that come while a command is just starting a kernel."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.__main__ import main
from assay.commands._ending import exit_code_of
from assay.transport import LaunchError, launch
from tests.limits import HANG_LIMIT_S

SLEEPS = [sys.executable, "-c", "import signal; signal.pause()", "{connection_file}"]


class Interrupted:
    """`subprocess.Popen`, and a signal that comes when there is a process and nobody knows it."""

    def __init__(self, patch: pytest.MonkeyPatch, number: signal.Signals) -> None:
        self.started: list[subprocess.Popen[bytes]] = []
        self.number = number
        self._start = subprocess.Popen
        patch.setattr(subprocess, "Popen", self)

    def __call__(self, *arguments: object, **options: object) -> subprocess.Popen[bytes]:
        process: subprocess.Popen[bytes] = self._start(*arguments, **options)  # type: ignore[call-overload]  # as they were given
        self.started.append(process)
        signal.raise_signal(self.number)
        return process

    def ended(self) -> list[int | None]:
        """Return how each process has ended; None for one that runs."""
        return [process.poll() for process in self.started]


@pytest.fixture(params=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda one: one.name)
def interrupted(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Interrupted]:
    """A signal that comes in the middle of the start of a process."""
    made = Interrupted(monkeypatch, request.param)
    yield made
    for process in made.started:
        process.kill()
        process.wait(HANG_LIMIT_S)


def code_of(number: signal.Signals) -> int:
    """Return the exit code of a command that *number* ends."""
    return 128 + number


def test_kernel_that_is_just_started(interrupted: Interrupted, tmp_path: Path) -> None:
    """It is ended with the command, and its folder is gone."""
    number = interrupted.number
    before = {one: signal.getsignal(one) for one in signal.Signals}

    def work() -> int:
        with launch(SLEEPS, folder=tmp_path):
            return 0

    try:
        code = exit_code_of(work)
    except SystemExit as end:
        code = int(str(end.code))

    assert code == code_of(number)
    assert interrupted.ended() == [-signal.SIGKILL]
    assert [*tmp_path.glob("kernel-*")] == []
    assert {one: signal.getsignal(one) for one in before} == before


@pytest.mark.parametrize(
    "words", [["run", "-c", "1"], ["check", "--quiet", "--cmd", "--", *SLEEPS]]
)
def test_commands(interrupted: Interrupted, words: list[str]) -> None:
    """`assay run` and `assay check` leave no kernel behind."""
    try:
        code = main(words)
    except SystemExit as end:
        code = int(str(end.code))

    assert code == code_of(interrupted.number)
    assert interrupted.ended() == [-signal.SIGKILL]


def test_what_is_not_closed_ends_with_the_command(tmp_path: Path) -> None:
    """A kernel that a command has lost ends when it does."""
    found = []

    def work() -> int:
        found.append(launch(SLEEPS, folder=tmp_path))
        return 3

    assert exit_code_of(work) == 3
    assert found[0].exit_code == -signal.SIGKILL


def test_command_that_cannot_be_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A signal that comes while a start fails ends the command all the same."""

    def fail(*_: object, **__: object) -> None:
        signal.raise_signal(signal.SIGTERM)
        raise FileNotFoundError

    monkeypatch.setattr(subprocess, "Popen", fail)

    def work() -> int:
        with pytest.raises(LaunchError), launch(SLEEPS, folder=tmp_path):
            pass
        return 0

    with pytest.raises(SystemExit, match="143"):
        exit_code_of(work)
