"""What clients and kernels speak though the public text does not have it (AMB-70)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from assay.kernel.process._usage import Usage
from assay.protocol import (
    UNSET,
    Channel,
    Content,
    ErrorReply,
    ExecuteRequest,
    InputRequest,
    InspectReply,
    InspectRequest,
    UsageReply,
    UsageRequest,
    forget_message_type,
    register_usage,
)
from assay.transport import Client, KernelProcess
from tests.kernel._kernels import HANG_LIMIT_S, execute, result, succeeded

LONGEST_TEST = timedelta(hours=1)


@pytest.fixture
def registered() -> Iterator[None]:
    """The types of usage are known inside; other tests go over all types that are."""
    register_usage()
    yield
    for name in ("usage_request", "usage_reply"):
        forget_message_type(name)


@pytest.mark.usefixtures("registered")
def test_usage_is_told_while_a_cell_runs(
    shared_kernel: KernelProcess, client: Client, another: Client
) -> None:
    """A usage_request on control is answered beside a cell: the kernel's process, what it and its
    children use, and the machine, as jupyter-resource-usage reads them (AMB-37, AMB-70)."""
    replies: list[Content] = []

    def ask_meanwhile(_: InputRequest) -> str:
        request = UsageRequest()
        answer = another.request(request, channel=Channel.CONTROL, timeout=HANG_LIMIT_S)
        replies.append(answer.content)
        return ""

    execute(client, "input()", on_input=ask_meanwhile)

    (usage,) = replies
    assert isinstance(usage, UsageReply)
    assert usage.pid == shared_kernel.pid
    assert isinstance(usage.kernel_memory, int)
    assert usage.kernel_memory > 1_000_000
    assert isinstance(usage.host_virtual_memory, dict)
    assert {"total", "available", "percent"} <= usage.host_virtual_memory.keys()
    assert usage.cpu_count == os.cpu_count()


def test_usage_counts_from_one_question_to_the_next() -> None:
    """The processor time of the process is that since it was asked for last."""
    usage = Usage()
    first = usage.reply()
    begun = os.times()
    while os.times().user - begun.user < 0.05:
        sum(range(1000))
    second = usage.reply()

    assert first.kernel_cpu == 0
    assert isinstance(second.kernel_cpu, float)
    assert second.kernel_cpu > 0


def test_machine_at_rest_is_told_as_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the first figure is left out, which psutil counts from nothing."""
    monkeypatch.setattr("psutil.cpu_percent", lambda: 0.0)
    usage = Usage()

    found = [usage.reply().host_cpu_percent for _ in range(3)]

    assert found == [UNSET, 0.0, 0.0]


def test_usage_without_psutil_is_what_python_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the optional package the reply has host, process and processors, and no more."""
    monkeypatch.setitem(sys.modules, "psutil", None)

    reply = Usage().reply()

    assert reply == UsageReply(
        hostname=os.uname().nodename, pid=os.getpid(), cpu_count=os.cpu_count(), status="ok"
    )


def test_sections_can_be_left_out_of_a_description(client: Client) -> None:
    """A client that shows no docstrings asks for none (INSPECT-01)."""
    succeeded(execute(client, "def described(one):\n    'What it does.'"))

    whole = inspected(client, InspectRequest(code="described", cursor_pos=3))
    short = inspected(
        client,
        InspectRequest(code="described", cursor_pos=3, extra={"omit_sections": ["docstring"]}),
    )

    assert "What it does." in whole
    assert "What it does." not in short
    assert "described(one)" in short


def test_sections_that_are_no_list_are_refused(client: Client) -> None:
    """What is wrong with the custom is named as for any other field."""
    request = InspectRequest(code="len", extra={"omit_sections": "docstring"})
    reply = client.request(request, channel=Channel.SHELL, timeout=HANG_LIMIT_S).content

    assert isinstance(reply, ErrorReply)
    assert reply.evalue.startswith("omit_sections: wanted a list of text, found 'docstring'")


@pytest.mark.parametrize("code", ["pass", "1/0"])
def test_reply_says_when_the_cell_began(client: Client, code: str) -> None:
    """The metadata of an execute_reply have the time that frontends record (`started`)."""
    answer = execute(client, code)
    started = answer.reply.message.metadata["started"]

    assert isinstance(started, str)
    age = datetime.now(UTC) - datetime.fromisoformat(started)
    assert timedelta() <= age < LONGEST_TEST


def test_cell_id_reaches_the_cells_hooks(client: Client) -> None:
    """The `cellId` in a request's metadata is what IPython's hooks see of the cell."""
    succeeded(
        execute(
            client,
            "seen = []\nhook = lambda info: seen.append(info.cell_id)\n"
            "get_ipython().events.register('pre_run_cell', hook)",
        )
    )
    request = ExecuteRequest(code="get_ipython().events.unregister('pre_run_cell', hook)")
    client.finish(client.start(request, metadata={"cellId": "abc"}), timeout=HANG_LIMIT_S)

    assert result(execute(client, "seen")) == "['abc']"


def inspected(client: Client, request: InspectRequest) -> str:
    """Return the text of a description."""
    reply = client.request(request, channel=Channel.SHELL, timeout=HANG_LIMIT_S).content
    assert isinstance(reply, InspectReply)
    assert reply.found
    return str(reply.data["text/plain"])
