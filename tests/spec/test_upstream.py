"""The public documents are pinned, what is cited is in them, and what changed in them is told."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from scripts import upstream

PINNED = tomllib.loads(upstream.PIN.read_text("utf-8"))
SECTIONS = {f"{name} §{title}" for name, titles in PINNED["sections"].items() for title in titles}
CITATION = re.compile(r"(?:messaging|kernels|security|wrapperkernels)\.rst(?:,? §[^§;:,.]+)+")

PAGE = """\
========
A page
========

First
=====

About it.

Info
----

On shell.

The Control channel
===================

Info
----

On control.
"""


def copy(folder: Path, page: str) -> Path:
    """Write documents into *folder*, each with *page*."""
    folder.mkdir()
    for name in upstream.DOCUMENTS:
        (folder / name).write_text(page, "utf-8")
    return folder


def test_every_section_that_the_register_cites_is_pinned() -> None:
    """A source names a section that is in the pinned documents."""
    cited = {one for one in upstream.citing() if "§" in one}

    assert cited <= SECTIONS


def test_every_section_that_the_code_cites_is_pinned() -> None:
    """So does a docstring, and with it the description of a schema."""
    wrong = []
    for path in (upstream.ROOT / "src").rglob("*.py"):
        text = " ".join(path.read_text("utf-8").split())
        for found in CITATION.finditer(text):
            name, *titles = re.split(r",? §", found[0])
            wrong += [
                (path.name, title)
                for title in titles
                if not any(f"{name} §{title}".startswith(one) for one in SECTIONS)
            ]

    assert wrong == []


def test_sections_are_told_apart() -> None:
    """Two headings of one name differ by their channel."""
    assert upstream.sections(PAGE) == {
        "A page": "",
        "First": "About it.",
        "Info": "On shell.",
        "The Control channel": "",
        "Info (control)": "On control.",
    }


def test_what_has_changed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each section that changed, came or went is named, with its lines if asked for."""
    monkeypatch.setattr(upstream, "PIN", tmp_path / "pin.toml")
    old = copy(tmp_path / "old", PAGE)
    newer = PAGE.replace("On shell.", "On shell,\nat once.").replace("First", "Second")
    new = copy(tmp_path / "new", newer.replace("About\n", "About "))

    assert upstream.main([str(old), "--pin", "a" * 40, "1.0"]) == 0
    assert upstream.main([str(old)]) == 0
    assert upstream.main([str(new), "--base", str(old)]) == 1
    told = capsys.readouterr().out
    assert "changed  messaging.rst §Info: cited by no requirement\n" in told
    assert "+at once." in told
    assert "new      kernels.rst §Second" in told
    assert "gone     kernels.rst §First" in told
    assert "12 sections differ from jupyter_client 1.0" in told


def test_words_count_and_lines_do_not() -> None:
    """A paragraph that is only broken otherwise has not changed."""
    assert upstream.digest("a b\nc") == upstream.digest("a\nb c") != upstream.digest("a b")


def test_a_folder_without_documents_is_a_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was wanted and where is said, and the status is another one than for changes."""
    assert upstream.main([str(tmp_path)]) == 2
    assert f"{tmp_path}: wanted messaging.rst" in capsys.readouterr().err


def test_no_network_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where pip finds nothing, the way without a network is named."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "none"))

    assert upstream.main(["--download"]) == 2
    assert "give the folder of a copy" in capsys.readouterr().err


def test_the_pin_is_a_commit() -> None:
    """What was compared is named to the commit, and a branch is no pin."""
    assert re.fullmatch(r"[0-9a-f]{40}", PINNED["commit"])
