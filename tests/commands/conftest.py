"""Folders of a user who has nothing yet, and a small kernel to run things on."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.transport import small_kernel


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which everything is that Jupyter and IPython keep for a user."""
    home = tmp_path / "home"
    for variable in (
        "IPYTHONDIR",
        "JUPYTER_CONFIG_DIR",
        "JUPYTER_DATA_DIR",
        "JUPYTER_PATH",
        "JUPYTER_RUNTIME_DIR",
        "MPLCONFIGDIR",
        "TMPDIR",
    ):
        folder = home / variable.lower()
        folder.mkdir(parents=True)
        monkeypatch.setenv(variable, str(folder))
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(home / "tmpdir"))
    return home


@pytest.fixture
def small(home: Path) -> str:
    """The name of a kernelspec that starts a small kernel: its code is ``out("text")``."""
    folder = home / "jupyter_path" / "kernels" / "small"
    folder.mkdir(parents=True)
    spec = {
        "argv": [sys.executable, small_kernel.__file__, "{connection_file}"],
        "display_name": "Small",
        "language": "python",
    }
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    return folder.name
