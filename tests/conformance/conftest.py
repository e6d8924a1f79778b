"""A report that is known to the letter."""

from __future__ import annotations

import pytest
from attrs import evolve

from assay.conformance import Exhibit, Report, Result, Verdict
from assay.protocol import Channel, Sender


def result(check: str, outcome: Verdict, **more: str) -> Result:
    """Return a result of *check*, a MUST."""
    return Result(
        check=check,
        requirements=(check.rpartition(".")[0],),
        level="MUST",
        title=f"the fact of {check}",
        outcome=outcome,
        rerun=f"assay check --select {check} k",
        **more,  # type: ignore[arg-type]  # the texts of a result
    )


@pytest.fixture
def report() -> Report:
    """One result of each kind, with characters that formats have to escape."""
    shown = Exhibit(
        index=3,
        sender=Sender.KERNEL,
        channel=Channel.IOPUB,
        client="",
        identities=("topic",),
        header={"msg_type": "stream", "msg_id": "m-1"},
        content={"text": "</script>\x1b[31m ``` & |"},
        frames=7,
    )
    wrong = result("SHELL-04.1", Verdict.FAILED, expected="busy <first>", got="a | b & \x1b[0m")
    return Report(
        kernel="k & <k>",
        info={"implementation": "kay", "implementation_version": "1", "protocol_version": "5.5"},
        results=(
            evolve(wrong, evidence=(shown,)),
            result("SHELL-05.1", Verdict.PASSED),
            result("INFO-01.1", Verdict.SKIPPED, reason="no occasion"),
            result("INFO-02.2", Verdict.NOTE, reason="our reading"),
        ),
        seconds=1.5,
        start_s=0.25,
    )
