"""The command line as a whole."""

from __future__ import annotations

import gc
import os
import signal
import sys
from types import ModuleType
from typing import NoReturn

import pytest

from assay.__main__ import main
from assay._command import kernel_argv
from assay.transport import launch
from tests.limits import HANG_LIMIT_S

COMMANDS = ("install", "uninstall", "kernel", "run", "list", "spec")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """All the versions that a report of a fault needs are shown."""
    code = main(["--version"])

    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert code == 0
    assert names == ["assay", "protocol", "Python", "IPython", "pyzmq"]


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    """The help names every command."""
    code = main(["--help"])

    out = capsys.readouterr().out
    assert code == 0
    assert all(f"  {command} " in out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_commands(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command explains itself, with examples where it takes something."""
    code = main([command, "--help"])

    out = capsys.readouterr().out
    assert code == 0
    assert out.startswith(f"Usage: assay {command}")
    assert command == "list" or f"\n  assay {command} " in out


@pytest.mark.parametrize("words", [["no-such-command"], ["run", "--no-such-option"], ["run"]])
def test_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A command that makes no sense has exit code 2."""
    code = main(words)

    assert code == 2
    assert "Usage: assay" in capsys.readouterr().err


def test_arguments_of_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without arguments those of the process count."""
    monkeypatch.setattr(sys, "argv", ["assay", "--version"])

    assert main() == 0
    assert "protocol 5.5" in capsys.readouterr().out


def test_interrupt_while_modules_are_imported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Ctrl-C before the command has begun ends it with a line and no traceback."""

    def interrupted(_: str) -> NoReturn:
        raise KeyboardInterrupt

    commands = ModuleType("assay.commands")
    monkeypatch.setattr(commands, "__getattr__", interrupted, raising=False)
    monkeypatch.setitem(sys.modules, "assay.commands", commands)

    assert main(["check"]) == 130
    assert capsys.readouterr().err == "assay: stopped\n"


def test_a_kernel_that_starts_ignores_interrupts(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt before the kernel has taken SIGINT over does not end it (CTRL-10)."""
    found: list[object] = []

    def run_kernel(_: list[str], *, parent: int) -> int:
        found.append(signal.getsignal(signal.SIGINT))
        return parent - os.getppid()

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr("assay.kernel.main", run_kernel)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    try:
        assert main(["kernel"]) == 0
    finally:
        signal.signal(signal.SIGINT, before)
        gc.enable()

    assert found == [signal.SIG_IGN]


def test_a_kernel_imports_no_command_line() -> None:
    """A kernel that starts pays for nothing that draws help texts and tables."""
    code = "import sys; print(*{'click', 'rich', 'nbformat', 'assay.commands'} & {*sys.modules})"
    with launch(kernel_argv(), kernel_chooses_ports=True) as kernel:
        answer = kernel.client(timeout=HANG_LIMIT_S).execute(code, timeout=HANG_LIMIT_S)

    assert answer.text() == "\n"
