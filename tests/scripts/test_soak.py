"""The soak script runs, and says whether a kernel keeps within its limits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.limits import HANG_LIMIT_S

SOAK = Path(__file__).parents[2] / "scripts" / "soak"


def test_short_loads(tmp_path: Path) -> None:
    """Small loads stay within the limits and print what they took."""
    install = [sys.executable, "-m", "assay", "install", "--prefix", str(tmp_path)]
    subprocess.run(install, check=True, capture_output=True, timeout=HANG_LIMIT_S)
    environment = {**os.environ, "JUPYTER_PATH": str(tmp_path / "share" / "jupyter")}

    run = subprocess.run(
        [sys.executable, str(SOAK), "--only", "comms,displays"],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        timeout=HANG_LIMIT_S,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert [line.split()[0] for line in run.stdout.splitlines()] == [
        "load",
        "displays",
        "comms",
        "displays,",
    ]
