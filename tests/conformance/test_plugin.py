"""``pytest --assay-kernel NAME`` collects the checks as tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CALCULATOR = Path(__file__).parents[2] / "examples" / "calculator.py"

OWN_TEST = """
def test_own(kernel, client, conversation):
    heard = client.execute("6 * 7")
    assert heard.succeeded().content["execution_count"] == 1
    assert conversation
"""


@pytest.fixture
def kernels(tmp_path: Path) -> Path:
    """A folder in which Jupyter finds a calculator."""
    folder = tmp_path / "kernels" / "calculator"
    folder.mkdir(parents=True)
    argv = [sys.executable, str(CALCULATOR), "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Calculator", "language": "calculator"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    return tmp_path


def _pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_own.py").write_text(OWN_TEST)
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:assay", "-p", "assay.pytest_plugin", "-v"]
    return subprocess.run(
        [*command, *arguments],
        cwd=folder,
        env={**os.environ, "JUPYTER_PATH": str(folder), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_checks_are_tests(kernels: Path) -> None:
    """Each check is a test, beside the tests of one's own, which get the fixtures."""
    done = _pytest(kernels, "--assay-kernel", "calculator", "--assay-select", "SIGN,SHELL-04")

    assert done.returncode == 0, done.stdout
    for name in ("test_own", "SIGN-07.1", "in passing"):
        assert any(name in line and "PASSED" in line for line in done.stdout.splitlines()), name
    assert any("SHELL-04.1" in line and "SKIPPED" in line for line in done.stdout.splitlines())


def test_without_a_kernel(kernels: Path) -> None:
    """Nothing is collected, and nothing of the checks imported, unless a kernel is named."""
    (kernels / "test_idle.py").write_text(
        "import sys\n\ndef test_idle():\n    assert 'assay.conformance' not in sys.modules\n"
    )

    done = _pytest(kernels, "test_idle.py")

    assert "1 passed" in done.stdout
