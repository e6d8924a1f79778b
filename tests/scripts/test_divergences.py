"""What the register says of a kernel is compared with what was found of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from assay.conformance import FORMATS, Report, Result, Verdict

ROOT = Path(__file__).parents[2]

REASON = "since protocol 5.5; the kernel speaks 5.3"


def _result(check: str, outcome: Verdict, reason: str = "") -> Result:
    return Result(
        check=check,
        requirements=(check.rpartition(".")[0],),
        level="MUST",
        title="a fact",
        outcome=outcome,
        reason=reason,
        rerun="assay check k",
        expected="this" if outcome is Verdict.FAILED else "",
        got="that" if outcome is Verdict.FAILED else "",
    )


def test_comparison(tmp_path: Path) -> None:
    """A divergence is found, not asked for, or missing; one that is missing is exit code 1."""
    report = Report(
        kernel="python3",
        info={"implementation": "ipython"},
        results=(
            _result("HDR-09.0", Verdict.FAILED),
            _result("EXEC-04.2", Verdict.PASSED),
            _result("IOPUB-03.1", Verdict.SKIPPED, REASON),
        ),
    )
    path = tmp_path / "r.json"
    path.write_text(FORMATS["json"](report), encoding="utf-8")

    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "divergences.py"), str(path)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "ipykernel HDR-09 (MUST): HDR-09.0: " in done.stdout
    assert "ipykernel EXEC-04 (MUST): NOT FOUND: " in done.stdout
    assert f"ipykernel IOPUB-03 (MUST): not asked, {REASON}: " in done.stdout
