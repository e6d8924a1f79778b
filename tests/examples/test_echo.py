"""The smallest kernel of ``examples/``."""

from __future__ import annotations

import sys
from pathlib import Path

from assay.protocol import ExecuteResult
from assay.transport import launch
from tests.limits import HANG_LIMIT_S

EXAMPLE = Path(__file__).resolve().parent.parent.parent / "examples" / "echo.py"


def test_echo() -> None:
    """It has fewer than 25 lines, and gives back what stands in a cell."""
    with (
        launch([sys.executable, "-P", str(EXAMPLE), "-f", "{connection_file}"]) as kernel,
        kernel.client(timeout=HANG_LIMIT_S) as client,
    ):
        answer = client.execute("gold", timeout=HANG_LIMIT_S)

    assert len(EXAMPLE.read_text("utf-8").splitlines()) < 25
    assert [one.data for one in answer.contents(ExecuteResult)] == [{"text/plain": "gold"}]
