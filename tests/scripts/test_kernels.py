"""The script that checks released kernels, without one of them: nothing is installed here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from attrs import evolve
from click.testing import CliRunner
from scripts.kernels import _pages
from scripts.kernels.__main__ import main
from scripts.kernels._catalogue import Entry, read_catalogue
from scripts.kernels._record import Failure, Record, read_record, record_of, write_record
from scripts.kernels._run import MOST_COMMAND, check, confirmed, names_to_ask_again, results_of
from scripts.kernels._workplace import MARK, Workplace, still_running

from assay.conformance import FORMATS, Report, language_named

BARE = Record(name="kay", group="others", state="checked")

WRONG = Failure(
    check="SHELL-04.1",
    level="MUST",
    title="a fact",
    expected="*this*",
    got="a | b",
    evidence=('← shell execute_reply m2 of m1 {"text": "```"}', "… 3 messages …"),
)


def place(folder: Path, *argv: str) -> Workplace:
    """Return the workplace of a kernel that is started by *argv* and needs no installation."""
    return Workplace(folder=folder, entry=Entry(name="kay", group="others", argv=argv))


def test_environment_of_a_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the user tells Python does not reach the kernels; the rest does, but for the home."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("KAY_SETTING", "1")

    found = place(tmp_path).environment(MORE="2")

    assert "PYTHONDONTWRITEBYTECODE" not in found
    assert (found["KAY_SETTING"], found["MORE"]) == ("1", "2")
    assert found["HOME"] == str(tmp_path / "home")


def test_languages_of_the_catalogue(tmp_path: Path) -> None:
    """Each language that the catalogue names is known, or is a file of snippets."""
    for entry in read_catalogue():
        if entry.language:
            (word,) = Workplace(folder=tmp_path, entry=entry).filled([entry.language])
            assert language_named(word).snippets


def test_pages_agree() -> None:
    """The pages under docs say what the results say."""
    assert _pages.disagreements() == []


def test_results_belong_to_the_catalogue() -> None:
    """Each result is that of a kernel in the catalogue, in one of the groups of the page."""
    names = {one.name for one in read_catalogue()}

    assert {one.name for one in _pages.records()} <= names
    assert {one.group for one in read_catalogue()} <= set(_pages.GROUPS)


def test_disagreement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that was changed by hand is reported, and so is one that belongs to no result."""
    monkeypatch.setattr(_pages, "ROOT", tmp_path)
    monkeypatch.setattr(_pages, "DATA", tmp_path / "kernels")
    monkeypatch.setattr(_pages, "PAGE", tmp_path / "kernels.md")
    known = evolve(BARE, name="ipykernel", failed=(WRONG,))
    _pages.keep(known)
    _pages.write_pages()
    assert _pages.disagreements() == []
    page = tmp_path / "kernels" / "ipykernel.md"

    page.write_text(page.read_text("utf-8").replace("a fact", "no fact"), encoding="utf-8")
    (tmp_path / "kernels" / "stray.md").touch()

    assert [one.partition(":")[0] for one in _pages.disagreements()] == [
        "kernels/ipykernel.md",
        "kernels/stray.md",
    ]


def test_evidence_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that is written anew keeps the messages, which stand in no other file."""
    monkeypatch.setattr(_pages, "DATA", tmp_path)
    monkeypatch.setattr(_pages, "PAGE", tmp_path / "all.md")
    _pages.keep(evolve(BARE, name="ipykernel", failed=(WRONG,)))
    page = tmp_path / "ipykernel.md"
    before = page.read_text("utf-8")

    _pages.write_pages()

    assert page.read_text("utf-8") == before
    assert "m2 of m1" in before
    assert "[**1**](kernels/ipykernel.md#shell)" in (tmp_path / "all.md").read_text("utf-8")


def test_record(tmp_path: Path, report: Report) -> None:
    """What is kept of a report is what failed, with its messages, and lists of the rest."""
    table = json.loads(FORMATS["json"](report))

    found = record_of(BARE, table, {"topic": "$TOPIC"})
    write_record(found, tmp_path)

    assert found.passed == {"MUST": ("SHELL-05.1",)}
    assert found.skipped == {"no occasion": ("INFO-01.1",)}
    assert [one.check for one in found.notes] == ["INFO-02.2"]
    (failure,) = found.failed
    assert failure.evidence[0].startswith("← iopub stream m1 ")
    assert read_record(tmp_path / "kay.json") == evolve(
        found, failed=(evolve(failure, evidence=()),)
    )


def test_paths_are_hidden(report: Report) -> None:
    """Paths of the machine on which a report was made are not kept."""
    table = json.loads(FORMATS["json"](evolve(report, error="no /home/me/k")))

    assert record_of(BARE, table, {"/home/me": "~"}).why == "no ~/k"


def test_kernel_that_does_not_start(tmp_path: Path) -> None:
    """Of a kernel that does not start is kept what it printed."""
    kernel = place(tmp_path, "{assay}", "-c", "raise SystemExit('no luck')")

    found = check(kernel, seconds=60, jobs=1, again=False)

    assert found.state == "not started"
    assert "no luck" in found.why


def test_kernel_that_leaves_a_process(tmp_path: Path) -> None:
    """A process that outlives its kernel, in a session of its own, is reported and ended."""
    code = (
        "import runpy, subprocess, sys\n"
        "code = '# left-behind\\nimport time; time.sleep(3600)'\n"
        "line = [sys.executable, '-c', code, 'x' * 500]\n"
        "subprocess.Popen(line, start_new_session=True)\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    kernel = place(
        tmp_path, "{assay}", "-c", code, "{root}/examples/calculator.py", "-f", "{connection_file}"
    )

    found = check(kernel, seconds=60, jobs=1, again=False, selected="INFO-01.1")

    assert found.state == "checked"
    assert found.passed == {"MUST": ("INFO-01.1",)}
    assert len(found.left) == 1
    assert "left-behind import time" in found.left[0]
    assert len(found.left[0]) <= MOST_COMMAND


def test_still_running() -> None:
    """Processes are found by the mark in their environment, and no others."""
    line = [sys.executable, "-c", "print(flush=True); input()"]
    with subprocess.Popen(
        line,
        env={**os.environ, MARK: "one"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()  # its environment is there once it runs
        found = still_running("one"), still_running("two")
        child.communicate(b"\n")

    assert list(found[0]) == [child.pid]
    assert found[1] == {}


def test_unknown_kernel() -> None:
    """A name that is not in the catalogue is refused, and the known ones are listed."""
    before = signal.getsignal(signal.SIGTERM)
    run = CliRunner().invoke(main, ["run", "--only", "nonesuch"])
    signal.signal(signal.SIGTERM, before)

    assert run.exit_code == 2
    assert "ipykernel" in run.output
    assert "nonesuch" in run.output


def _asked(check: str, outcome: str, reason: str = "") -> dict[str, object]:
    rerun = "assay check --select WIRE-02.1 k" if check.endswith(".0") else "assay check k"
    return {"check": check, "outcome": outcome, "reason": reason, "rerun": rerun}


def test_what_fails_is_asked_again() -> None:
    """A failure that does not come again is none; one that there is no time for stays."""
    first = [
        _asked("WIRE-01.1", "passed"),
        _asked("WIRE-03.1", "failed"),
        _asked("WIRE-04.1", "failed"),
        _asked("WIRE-05.1", "failed"),
        _asked("WIRE-11.0", "failed"),
        _asked("HDR-09.0", "failed"),
    ]
    second = [
        _asked("WIRE-03.1", "passed"),
        _asked("WIRE-04.1", "failed"),
        _asked("WIRE-05.1", "skipped", "the run had used up its 60 s"),
        _asked("WIRE-11.0", "failed"),
    ]

    asked = names_to_ask_again({"results": first})
    found = confirmed({"results": first}, {"results": second})

    assert asked == "WIRE-02.1,WIRE-03.1,WIRE-04.1,WIRE-05.1"
    assert [(one["check"], one["outcome"]) for one in results_of(found)] == [
        ("WIRE-01.1", "passed"),
        ("WIRE-03.1", "passed"),
        ("WIRE-04.1", "failed"),
        ("WIRE-05.1", "failed"),
        ("WIRE-11.0", "failed"),
    ]
