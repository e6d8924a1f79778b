"""A kernel that is the guest of a program leaves the process as it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.kernel._kernels import FOLDERS
from tests.limits import HANG_LIMIT_S

ROOT = Path(__file__).resolve().parent.parent.parent


def run_program(name: str, *arguments: str, folder: Path) -> dict[str, Any]:
    """Run the program *name* of this folder; return what it has written as JSON."""
    report = folder / "report.json"
    run_python("-m", f"tests.kernel.{name}", *arguments, str(report), folder=folder)
    found: dict[str, Any] = json.loads(report.read_text("utf-8"))
    return found


def run_python(*arguments: str, folder: Path) -> tuple[str, str]:
    """Run Python in this repository; return what it has written to stdout and stderr."""
    homes = {variable: str(folder) for variable in FOLDERS}
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **homes},
        capture_output=True,
        text=True,
        check=False,
        timeout=10 * HANG_LIMIT_S,  # some start kernels a hundred times
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout, ended.stderr


@pytest.mark.parametrize("where", ["main", "thread"])
def test_guest_leaves_the_process_as_it_was(where: str, tmp_path: Path) -> None:
    """In whichever thread it runs: it takes no signal, stream, hook or descriptor while it runs,
    refuses to interrupt what it cannot, and puts back what IPython changes; then another may come.
    """
    report = run_program("guest_program", where, folder=tmp_path)

    answers = [[], ["'noted'"], ["'awaited'"], ["it failed"], True]
    assert report["answers"] == [[answers, 0], [answers, 0]]
    assert report["during"] == []
    assert report["after"] == []
    assert report["descriptors"]["after the first"] == report["descriptors"]["after the second"]


def test_prepared_once_and_attached_twice(tmp_path: Path) -> None:
    """An interpreter that was prepared before there was a kernel serves one in each child that is
    forked then: they share nothing but what was imported."""
    report = run_program("forking_program", folder=tmp_path)

    assert report["threads"] == ["MainThread"]
    assert report["changed"] == []
    assert report["answers"] == [["1", "'first'"], ["1", "'second'"]]
    assert report["exit codes"] == [0, 0]
