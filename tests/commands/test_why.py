"""``assay why``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from assay.__main__ import main
from assay._record import Record
from tests.records import NO_PROCESS, amend

CRASHED = "Fatal Python error: Segmentation fault\n\nCurrent thread 1:\n  File 'x.py', line 7 in f"


@pytest.fixture
def runtime(home: Path) -> Path:
    """Jupyter's folder for connection files."""
    return home / "jupyter_runtime_dir"


def leave(connection_file: Path, *, line: str = "f(x)") -> None:
    """Leave the record of a kernel that crashed in its second cell."""
    record = Record.open(str(connection_file), "assay 1, Python 3")
    record.main.begin(1, "x = 1")
    record.main.end()
    record.main.begin(2, line)
    os.write(record.fileno(), CRASHED.encode())
    os.close(record.fileno())
    amend(Path(record.path), process=NO_PROCESS)


def test_newest(runtime: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a file, the kernel that died last is meant; cause, cell and stacks are shown."""
    leave(runtime / "kernel-1.json", line="older()")
    leave(runtime / "kernel-2.json")
    older = runtime / ".kernel-1.json.record"
    os.utime(older, (1, 1))

    code = main(["why"])

    shown = capsys.readouterr().out
    assert code == 0
    assert "kernel-2.json" in shown
    assert "a segmentation fault (SIGSEGV)" in shown
    assert "while cell 2 ran" in shown
    assert "f(x)" in shown
    assert "line 7 in f" in shown
    assert "older()" not in shown


@pytest.mark.parametrize("form", ["connection file", "record", "name"])
def test_named(
    form: str, runtime: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A connection file that is gone, its record, or a name in the runtime folder will do."""
    folder = runtime if form == "name" else tmp_path
    leave(folder / "kernel-1.json")
    words = {
        "connection file": str(folder / "kernel-1.json"),
        "record": str(folder / ".kernel-1.json.record"),
        "name": "kernel-1.json",
    }

    code = main(["why", words[form]])

    assert code == 0
    assert "SIGSEGV" in capsys.readouterr().out


def test_none(runtime: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is no record, a line says so, with the place, and why that may be."""
    codes = [main(["why"]), main(["why", "kernel-1.json"])]

    said = capsys.readouterr().err.splitlines()
    assert codes == [1, 1]
    assert [str(runtime) in line for line in said] == [True, True]
    assert all("a kernel that ends well leaves none" in line for line in said)


@pytest.mark.parametrize("name", ["kernel-[1].json", "kernel-?.json", "*.json"])
def test_name_like_a_pattern(
    name: str,
    runtime: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A name means itself: one that is here is found here, and no other one stands for it."""
    monkeypatch.chdir(tmp_path)
    leave(runtime / name, line="there()")
    leave(tmp_path / "kernel-1.json")
    main(["why", name])
    there = capsys.readouterr().out
    (tmp_path / ".kernel-1.json.record").unlink()
    leave(tmp_path / name, line="here()")
    main(["why", name])
    here = capsys.readouterr().out

    assert "there()" in there
    assert " here()" in here


@pytest.mark.parametrize("began", ["x", "nan", "inf", "-1", "1e300", ""])
def test_damaged(
    began: str, runtime: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A record whose time makes no sense is an error that says so, and is no obstacle to others."""
    leave(tmp_path / "kernel-1.json")
    leave(runtime / "kernel-2.json", line="good()")
    for folder in (tmp_path, runtime):
        leave(folder / "damaged.json")
        amend(folder / ".damaged.json.record", began=began)

    codes = [main(["why", str(tmp_path / "damaged.json")]), main(["why"])]

    shown = capsys.readouterr()
    assert codes == [1, 0]
    assert f"wanted when the kernel began, in seconds, found {began!r}" in shown.err
    assert "good()" in shown.out
