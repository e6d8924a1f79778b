"""What the documents say is true: their examples run and their links lead somewhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.limits import HANG_LIMIT_S

ROOT = Path(__file__).resolve().parent.parent.parent

BLOCK = re.compile(r"^```python\n(.*?)^```(?:\n+```text\n(.*?)^```)?", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]]+\]\((?!https?:|#)([^)#\s]+)[^)]*\)")

FAULT = re.compile(r"\[([A-Z]+-[^\]]+)\]\((kernels/[^)#]+)\.md#(\w+)\)")

DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "spec/**/*.md", "benchmarks/*.md")
    for path in ROOT.glob(pattern)
)
EXAMPLES = [
    pytest.param(code, printed, id=f"{path.relative_to(ROOT)}-{number}")
    for path in (ROOT / "README.md", *ROOT.glob("docs/*.md"))
    for number, (code, printed) in enumerate(BLOCK.findall(path.read_text("utf-8")), 1)
]


@pytest.fixture
def jupyter_path(tmp_path: Path) -> Path:
    """A Jupyter data folder that holds the kernel under its name."""
    folder = tmp_path / "jupyter" / "kernels" / "assay"
    folder.mkdir(parents=True)
    spec = {
        "argv": [sys.executable, "-P", "-m", "assay", "kernel", "-f", "{connection_file}"],
        "display_name": "Assay",
        "language": "python",
        "metadata": {"supported_encryption": ["curve"]},
    }
    (folder / "kernel.json").write_text(json.dumps(spec), "utf-8")
    return tmp_path / "jupyter"


@pytest.mark.parametrize(("code", "printed"), EXAMPLES)
def test_an_example_runs(
    code: str, printed: str, jupyter_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An example runs as it stands, and prints what stands below it."""
    monkeypatch.setenv("JUPYTER_PATH", str(jupyter_path))
    monkeypatch.setenv("CI", "true")  # Hypothesis sets no limits of time

    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        capture_output=True,
        text=True,
        timeout=HANG_LIMIT_S,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, printed), done.stderr


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    """Every relative link of a document leads to a file or folder of the project."""
    targets = LINK.findall(path.read_text("utf-8"))

    missing = [target for target in targets if not (path.parent / target).exists()]

    assert missing == []


def test_no_document_holds_the_marks_of_a_merge() -> None:
    """What two branches said of one place was put together, and not left side by side."""
    marked = [
        str(path.relative_to(ROOT))
        for path in DOCUMENTS
        if re.search(r"^(<{7}|>{7}) ", path.read_text("utf-8"), re.MULTILINE)
    ]

    assert marked == []


def test_a_fault_is_shown_where_its_link_leads() -> None:
    """The page of a kernel has what kernel-faults.md cites: a failure, or a note under #notes."""
    found = FAULT.findall((ROOT / "docs" / "kernel-faults.md").read_text("utf-8"))
    wrong = []
    for cited, page, place in found:
        table = json.loads((ROOT / "docs" / f"{page}.json").read_text("utf-8"))
        rows = table["notes" if place == "notes" else "failed"]
        shown = {one["check"].rpartition(".")[0] for one in rows}
        wrong += [f"{page}#{place}: {rule}" for rule in cited.split(", ") if rule not in shown]

    assert found
    assert wrong == []


DATA = {"conformance/_report", "conformance/checks", "kernel/resources", "spec/data"}
"""Folders of `src` whose tests stand elsewhere: checks have their faults, data has none."""


def test_tests_mirror_the_sources() -> None:
    """The tests of a folder of `src` stand in the folder of its name."""
    packages = {str(path.parent.relative_to(ROOT / "src")) for path in (ROOT / "src").rglob("*.py")}
    tested = {
        str(path.parent.relative_to(ROOT / "tests")) for path in (ROOT / "tests").rglob("test_*.py")
    }

    assert sorted(packages - tested - DATA) == []


def test_readme_begins_with_what_a_user_does() -> None:
    """How it is installed and used comes before how it is worked on, and what is missing is said
    on the first screen."""
    first = (ROOT / "README.md").read_text("utf-8").split("\n## ")[0]

    assert first.index("assay install") < first.index("scripts/check")
    assert "Missing so far" in first
