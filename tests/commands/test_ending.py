"""Signals that come while a command is just starting a kernel."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from assay.__main__ import main
from assay._record import record_path
from assay.commands._ending import exit_code_of
from assay.transport import KernelProcess, LaunchError, launch
from assay.transport._process import ChildProcess
from tests.limits import HANG_LIMIT_S

SLEEPS = [sys.executable, "-c", "import signal; signal.pause()", "{connection_file}"]


class Interrupted:
    """`subprocess.Popen`, and a signal when there is a process and no variable holds it."""

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


def strike(patch: pytest.MonkeyPatch, owner: type, name: str, blow: Callable[[], None]) -> None:
    """Do *blow* before the first call of the method *name* of *owner*."""
    method = getattr(owner, name)
    blows = [blow]

    def struck(self: object, *arguments: object, **options: object) -> object:
        if blows:
            blows.pop()()
        return method(self, *arguments, **options)

    patch.setattr(owner, name, struck)


def fail() -> None:
    """Fail, as no step of an end should."""
    raise RuntimeError


@pytest.mark.parametrize(
    ("owner", "name"),
    [(ChildProcess, "signal"), (subprocess.Popen, "wait"), (ChildProcess, "_close_sockets")],
)
@pytest.mark.parametrize(
    "blow",
    [
        lambda: signal.raise_signal(signal.SIGINT),
        lambda: signal.raise_signal(signal.SIGTERM),
        fail,
    ],
    ids=["SIGINT", "SIGTERM", "error"],
)
def test_signal_while_all_ends(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    owner: type,
    name: str,
    blow: Callable[[], None],
) -> None:
    """One that comes while kernels are ended leaves none of them, and is what the command says."""
    kernels: list[KernelProcess] = []

    def work() -> int:
        kernels.extend(launch(SLEEPS, folder=tmp_path) for _ in range(3))
        strike(monkeypatch, owner, name, blow)
        return 0

    code: int | str | None = None
    with suppress(RuntimeError):
        try:
            code = exit_code_of(work)
        except SystemExit as end:
            code = end.code
    monkeypatch.undo()
    found = [kernel.exit_code for kernel in kernels]
    for kernel in kernels:
        kernel.close(kill=True)

    assert found == [-signal.SIGKILL] * 3
    assert code in {128 + signal.SIGINT, 128 + signal.SIGTERM, None}


def test_second_signal_in_a_run(interrupted: Interrupted, monkeypatch: pytest.MonkeyPatch) -> None:
    """`assay run` that ends by a signal ends its kernel also if another one comes by then."""
    handlers = []

    def blow() -> None:
        handlers.append(signal.getsignal(signal.SIGTERM))
        signal.raise_signal(signal.SIGINT)

    strike(monkeypatch, ChildProcess, "signal", blow)

    code = main(["run", "-c", "1"])

    assert code == 128 + signal.SIGINT
    assert interrupted.ended() == [-signal.SIGKILL]
    assert handlers != [signal.SIG_DFL]


def test_signals_that_come_together(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two during one start end the command by the first, and the next command by none."""
    start = subprocess.Popen

    def popen(*arguments: object, **options: object) -> object:
        process = start(*arguments, **options)  # type: ignore[call-overload]  # as they were given
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        return process

    def work() -> int:
        launch(SLEEPS, folder=tmp_path)
        return 0

    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", popen)
        code = exit_code_of(work)

    assert code == 128 + signal.SIGINT
    assert exit_code_of(work) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP], ids=lambda one: one.name)
def test_ignored_signal(number: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is ignored, as in the background or under nohup, stays so in each command."""
    handlers = []

    def popen(*_: object, **__: object) -> None:
        handlers.append(signal.getsignal(number))
        signal.raise_signal(number)
        raise FileNotFoundError

    monkeypatch.setattr(subprocess, "Popen", popen)
    before = signal.signal(number, signal.SIG_IGN)
    try:
        codes = [main(["run", "-c", "1"]), main(["check", "--quiet", "--cmd", "--", *SLEEPS])]
        after = signal.getsignal(number)
    finally:
        signal.signal(number, before)

    assert handlers == [signal.SIG_IGN] * len(handlers) != []
    assert after is signal.SIG_IGN
    assert 128 + number not in codes


@pytest.fixture
def leaving(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The records of all kernels that are started; each has one as soon as it runs."""
    start = subprocess.Popen
    records: list[Path] = []

    def popen(argv: Sequence[str], **options: object) -> object:
        records.append(Path(record_path(argv[-1])))
        records[-1].touch()
        return start(argv, **options)  # type: ignore[call-overload]  # as they were given

    monkeypatch.setattr(subprocess, "Popen", popen)
    return records


@pytest.mark.parametrize("gently", [True, False])
def test_record_of_a_kernel_that_is_killed(
    leaving: list[Path], tmp_path: Path, gently: bool
) -> None:
    """One that its launcher kills leaves none: as the command ends, by `kill`, in its start."""

    def work() -> int:
        launch(SLEEPS, folder=tmp_path)
        with launch(SLEEPS, folder=tmp_path) as kernel:
            kernel.kill(gently=gently)
        with pytest.raises(LaunchError, match="found none within"):
            launch(SLEEPS, folder=tmp_path, kernel_chooses_ports=True, timeout=0.01)
        return 0

    assert exit_code_of(work) == 0
    assert [record.exists() for record in leaving] == [False] * 3


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT], ids=lambda one: one.name)
def test_record_of_a_kernel_that_died(
    leaving: list[Path], tmp_path: Path, number: signal.Signals
) -> None:
    """One that died of anything else has it still, also where it is to be killed then."""
    limits = "import os, resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))"
    dies = f"{limits}; os.kill(os.getpid(), {number:d})"
    kernel = launch([sys.executable, "-c", dies, "{connection_file}"], folder=tmp_path)
    kernel.wait(HANG_LIMIT_S)
    code = kernel.kill(gently=False)
    kernel.close(kill=True)

    assert code == -number
    assert [record.exists() for record in leaving] == [True]
