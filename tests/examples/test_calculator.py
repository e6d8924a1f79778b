"""The seam carries another language than Python: the calculator of ``examples/``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.protocol import (
    CompleteReply,
    CompleteRequest,
    ErrorReply,
    ExecuteResult,
    HistoryReply,
    HistoryRequest,
    InspectReply,
    InspectRequest,
    IsCompleteReply,
    IsCompleteRequest,
)
from assay.transport import Client, launch

EXAMPLE = Path(__file__).resolve().parent.parent.parent / "examples" / "calculator.py"


@pytest.fixture
def client() -> Iterator[Client]:
    """A client of a calculator of its own."""
    with launch([sys.executable, "-P", str(EXAMPLE), "-f", "{connection_file}"]) as kernel:
        with kernel.client() as client:
            yield client
        assert kernel.shutdown() == 0


def test_calculates(client: Client) -> None:
    """Names last from cell to cell; the last value is the result (EXEC-19)."""
    client.execute("r = 2  # a radius")

    answer = client.execute("r * (r + 1)")

    assert [r.data for r in answer.contents(ExecuteResult)] == [{"text/plain": "6"}]


def test_fails_and_goes_on(client: Client) -> None:
    """A failure is an error reply with the counter, and the next cell runs (EXEC-17)."""
    failed = client.execute("1 / 0")

    after = client.execute("1 + 1")

    assert isinstance(failed.content, ErrorReply)
    assert (failed.content.ename, failed.content.execution_count) == ("ZeroDivisionError", 1)
    assert [r.execution_count for r in after.contents(ExecuteResult)] == [2]


def test_knows_its_names(client: Client) -> None:
    """Completion and inspection know the names that were given."""
    client.execute("pitch = 440")

    completed = client.request(CompleteRequest(code="1 + pi")).content
    inspected = client.request(InspectRequest(code="pitch", cursor_pos=2)).content

    assert completed == CompleteReply(matches=("pi", "pitch"), cursor_start=4, cursor_end=6)
    assert inspected == InspectReply(found=True, data={"text/plain": "pitch = 440"})


def test_asks_for_more(client: Client) -> None:
    """An open bracket wants another line; what is no arithmetic is invalid (ISCOMPLETE-01)."""
    states = {
        code: client.request(IsCompleteRequest(code=code)).content for code in ("1 + (", "1", "1 +")
    }

    assert [s.status for s in states.values() if isinstance(s, IsCompleteReply)] == [
        "incomplete",
        "complete",
        "invalid",
    ]


def test_remembers(client: Client) -> None:
    """History holds code and results (HIST-07)."""
    client.execute("2 ** 5")

    content = client.request(HistoryRequest(hist_access_type="tail", n=1, output=True)).content

    assert content == HistoryReply(history=((1, 1, ("2 ** 5", "32")),))
