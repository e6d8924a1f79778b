"""What a subshell answers while it runs a cell (SUBSHELL-07, AMB-74)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.protocol import (
    Channel,
    CommInfoReply,
    CommInfoRequest,
    CommMsg,
    CommOpen,
    CompleteReply,
    CompleteRequest,
    Content,
    CreateSubshellReply,
    CreateSubshellRequest,
    ExecuteRequest,
    HistoryReply,
    HistoryRequest,
    InspectReply,
    InspectRequest,
    InterruptRequest,
    IsCompleteReply,
    IsCompleteRequest,
    KernelInfoReply,
    KernelInfoRequest,
)
from assay.transport import Client, Exchange, KernelProcess
from tests.kernel._judged import judged
from tests.kernel._kernels import (
    HANG_LIMIT_S,
    execute,
    failed,
    finish,
    result,
    states,
    succeeded,
    text_of,
)
from tests.kernel._probe import LOAD

SETUP = """
import asyncio
from comm import get_comm_manager

class Open:
    def __dir__(self): return ['only_asked']
open_object, by_key = Open(), {'first key': 1}

def opened(comm, message):
    @comm.on_msg
    def take(message):
        print('taken', message['content']['data']['n'])
        if message['content']['data'].get('blocks'):
            print('blocks', flush=True)
            while True: pass
        if message['content']['data'].get('ends'):
            future.set_result('set')
get_comm_manager().register_target('of_subshell', opened)
"""

QUESTIONS: list[tuple[Content, type[Content]]] = [
    (CompleteRequest(code="by_key['fi", cursor_pos=10), CompleteReply),
    (InspectRequest(code="opened(", cursor_pos=7, detail_level=0), InspectReply),
    (IsCompleteRequest(code="for one in []:"), IsCompleteReply),
    (HistoryRequest(hist_access_type="tail", n=2, output=False, raw=True), HistoryReply),
    (CommInfoRequest(), CommInfoReply),
    (KernelInfoRequest(), KernelInfoReply),
]


@pytest.fixture(scope="module")
def prepared(shared_kernel: KernelProcess) -> KernelProcess:
    """The module's kernel with some objects, and time for its answers."""
    with shared_kernel.client(timeout=HANG_LIMIT_S) as client:
        patience = f"{LOAD}probe.allow_for_answers({HANG_LIMIT_S}); del probe, runpy"
        for code in (SETUP, patience):
            succeeded(execute(client, code))
    return shared_kernel


@pytest.fixture
def client(prepared: KernelProcess) -> Iterator[Client]:
    """A client with whose conversation nothing is wrong."""
    with judged(prepared) as client:
        yield client


@pytest.fixture
def sub(client: Client) -> str:
    """A subshell."""
    created = client.request(
        CreateSubshellRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S
    ).content
    assert isinstance(created, CreateSubshellReply)
    return created.subshell_id


def begin(client: Client, sub: str, code: str, until: str) -> Exchange:
    """Send *code* to the subshell and return once it has printed *until*."""
    cell = client.start(ExecuteRequest(code=code), subshell_id=sub)
    wait_for(client, cell, until)
    return cell


def wait_for(client: Client, exchange: Exchange, text: str) -> None:
    """Wait until *exchange* has printed *text*."""
    client.wait_until(
        lambda: text in text_of(exchange.published), awaited=text, timeout=HANG_LIMIT_S
    )


def ask(client: Client, sub: str, content: Content) -> Content:
    """Return the answer of the subshell to a question, which has its own busy and idle."""
    answer = client.finish(client.start(content, subshell_id=sub), timeout=HANG_LIMIT_S)
    assert [str(state) for state in states(answer.published)] == ["busy", "idle"]
    return answer.content


def complete(client: Client, sub: str, code: str) -> tuple[str, ...]:
    """Return what may stand at the end of *code*."""
    found = ask(client, sub, CompleteRequest(code=code, cursor_pos=len(code)))
    assert isinstance(found, CompleteReply)
    return found.matches


def test_questions_are_answered_while_a_subshell_blocks(
    client: Client, sub: str, tmp_path: Path
) -> None:
    """By looking, as for the main shell; cells behind keep their order, and of fifty completions
    at once each is answered."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    cell = begin(client, sub, f"print('blocks', flush=True); open({str(fifo)!r}).read()", "blocks")
    behind = [client.start(ExecuteRequest(code=f"print({n})"), subshell_id=sub) for n in range(2)]

    for content, reply in QUESTIONS:
        assert isinstance(ask(client, sub, content), reply)
    assert complete(client, sub, "by_key['fi") == ("first key",)
    assert "only_asked" not in complete(client, sub, "open_object.")
    burst = [
        client.start(CompleteRequest(code="by_key['fi", cursor_pos=10), subshell_id=sub)
        for _ in range(50)
    ]
    found = [client.finish(one, timeout=HANG_LIMIT_S).content for one in burst]

    assert all(isinstance(one, CompleteReply) for one in found)
    assert getattr(found[-1], "matches", None) == ("first key",)
    assert (cell.reply, [one.reply for one in behind]) == (None, [None, None])
    fifo.write_text("go on")
    succeeded(finish(client, cell))
    assert [finish(client, one).text() for one in behind] == ["0\n", "1\n"]


AWAITS = """
future = asyncio.get_running_loop().create_future()
print('waits', flush=True)
await future
"""


def move(client: Client, sub: str, *contents: Content) -> list[Exchange]:
    """Send comm messages to the subshell."""
    return [client.start(one, subshell_id=sub, wants_reply=False) for one in contents]


def test_a_cell_of_a_subshell_may_await_what_a_comm_brings(client: Client, sub: str) -> None:
    """Between two steps of its loop questions are answered by asking, and comm messages handled in
    order; what a handler prints is the message's."""
    cell = begin(client, sub, AWAITS, "waits")

    for content, reply in QUESTIONS:
        assert isinstance(ask(client, sub, content), reply)
    assert "only_asked" in complete(client, sub, "open_object.")
    assert cell.reply is None
    sent = move(
        client,
        sub,
        CommOpen(comm_id="a", target_name="of_subshell", data={}),
        *(CommMsg(comm_id="a", data={"n": n, "ends": n == 49}) for n in range(50)),
    )
    answer = finish(client, cell)
    client.wait_until(
        lambda: all(len(states(one.published)) == 2 for one in sent),
        awaited="idle",
        timeout=HANG_LIMIT_S,
    )

    assert result(answer) == "'set'"
    assert answer.text() == "waits\n"
    assert [text_of(one.published) for one in sent[1:]] == [f"taken {n}\n" for n in range(50)]


def test_an_interrupt_in_a_handler_ends_the_cell_of_the_subshell(client: Client, sub: str) -> None:
    """A handler that blocks the loop on which the cell waits is ended, and the cell with it."""
    cell = begin(client, sub, AWAITS, "waits")
    _, blocking = move(
        client,
        sub,
        CommOpen(comm_id="b", target_name="of_subshell", data={}),
        CommMsg(comm_id="b", data={"n": 0, "blocks": True}),
    )
    wait_for(client, blocking, "blocks")

    client.request(InterruptRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)

    assert failed(finish(client, cell)).ename == "KeyboardInterrupt"
    assert states(blocking.published) == ["busy", "idle"]
    succeeded(finish(client, client.start(ExecuteRequest(code="1"), subshell_id=sub)))
