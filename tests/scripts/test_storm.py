"""The script of storms runs, and finds what it looks for."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from tests.kernel._kernels import execute, start
from tests.limits import HANG_LIMIT_S

STORM = Path(__file__).parents[2] / "scripts" / "storm"


def test_cells_are_answered_once_and_what_is_not_is_found(tmp_path: Path) -> None:
    """Both shells go on behind a short storm; a wrong result and a second error are seen."""
    script = runpy.run_path(str(STORM))
    two = "get_ipython().run_cell('1 / 0')\n1 / 0"

    with start(tmp_path) as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        ends = script["storm"](client, 5)
        answers = [execute(client, code) for code in ("1", two)]

    assert sum(ends.values()) == 10
    assert script["end_of"](answers[0], "1") == "ok"
    for answer in answers:
        with pytest.raises(script["StormError"], match="found"):
            script["end_of"](answer, "2")
