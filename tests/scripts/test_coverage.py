"""What runs is counted, however a process ends; and too little fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scripts import coverage
from tests.limits import HANG_LIMIT_S

KERNEL = '''"""A module."""
from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import nothing


class Protocol:
    """It has nothing to run."""

    def method(self) -> None: ...


def end(how: str) -> None:
    """End the process."""
    if how == "exit":
        os._exit(0)
    elif how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "fork":
        if os.fork() == 0:
            print("child")
            os._exit(0)
        os.wait()
    if True:
        print("end")
'''

ENDS = {
    "exit": {22, 23, 24, 25, 26, 27, 28, 29, 30, -22, -24, -25, -29},
    "kill": {21, 24, 25, 26, 27, 28, 29, 30, -22, -24, -25, -29},
    "fork": {21, 23, -24, -29},
    "": {21, 23, 25, 26, 27, 28, -25, -29},
}


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which a package of two modules is compiled, and nothing has been counted."""
    sources = tmp_path / "assay"
    sources.mkdir()
    (sources / "__init__.py").write_text('"""A package."""\n')
    (sources / "kernel.py").write_text(KERNEL)
    monkeypatch.setattr(coverage, "ROOT", tmp_path)
    monkeypatch.setattr(coverage, "SOURCES", sources)
    monkeypatch.setattr(coverage, "link_others", lambda _: None)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    for name, value in coverage.prepare(tmp_path / "counted").items():
        monkeypatch.setenv(name, value)
    return tmp_path / "counted"


def run(code: str, *redirected: str) -> int:
    """Run *code* in a process, and return its status."""
    command = f"exec '{sys.executable}' -c '{code}' {' '.join(redirected)}"
    done = subprocess.run(
        ["sh", "-c", command], check=False, capture_output=True, timeout=HANG_LIMIT_S
    )
    return done.returncode


def missed(folder: Path) -> set[int]:
    """Return the sites of the module that were not counted."""
    module = coverage.modules()[-1]
    hits = (folder / "counted").read_bytes()[module.first :]
    return {site for site, hit in zip(module.sites, hits, strict=True) if not hit}


@pytest.mark.parametrize("how", ENDS)
def test_a_process_counts_however_it_ends(counted: Path, how: str) -> None:
    """Nothing is lost by `os._exit`, SIGKILL or a fork, and both ways of an `if` are kept apart."""
    status = run(f'import assay.kernel; assay.kernel.end("{how}")')

    assert status == (-9 if how == "kill" else 0)
    assert missed(counted) == ENDS[how]


def test_standard_descriptors_stay_closed(counted: Path, tmp_path: Path) -> None:
    """A kernel that is started without them finds none: the counts are not written to."""
    found = tmp_path / "found"
    look = f'import assay, os; os.mkdir("{found}", 7 * 64); os.stat(1)'

    status = run(look, "<&-", ">&-", "2>&-")

    assert found.is_dir()
    assert status == 1
    assert len((counted / "counted").read_bytes()) == len(coverage.modules()[-1].sites)


def test_too_little_fails(counted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Below the floor the status is 1, and the lines that did not run can be shown."""
    run('import assay.kernel; assay.kernel.end("")')

    enough = coverage.main(["report", str(counted), "--floor", "50"])
    too_little = coverage.main(["report", str(counted), "--floor", "95", "--lines", "kernel.py"])

    assert (enough, too_little) == (0, 1)
    assert "\n  line 21\n  line 23\n" in capsys.readouterr().out


@pytest.mark.parametrize(("floor", "code", "status"), [(0, "7", 7), (100, "0", 1), (0, "0", 0)])
def test_run_ends_with_the_status_of_what_it_runs(
    counted: Path, floor: int, code: str, status: int
) -> None:
    """A run fails if its command does, or if too little ran."""
    command = [sys.executable, "-c", f"raise SystemExit({code})"]

    assert coverage.main(["run", str(counted), "--floor", str(floor), "--", *command]) == status


def test_other_code_is_not_judged(counted: Path) -> None:
    """Counts of code that has changed since are refused."""
    (coverage.SOURCES / "more.py").write_text("x = 1\n")

    with pytest.raises(SystemExit, match="has changed"):
        coverage.report(counted, ())
