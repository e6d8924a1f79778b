"""Control handlers that wait: the sockets, the main lane and the other requests go on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import SimpleQueue

import pytest
from examples.calculator import Calculator

from assay.kernel import Kernel
from assay.kernel._request import Request
from assay.kernel.dispatch._handlers import Handlers
from assay.protocol import (
    Channel,
    ConnectionFile,
    DebugReply,
    DebugRequest,
    ExecutionState,
    KernelInfoReply,
    KernelInfoRequest,
    LanguageInfo,
    ShutdownRequest,
    Status,
)
from assay.transport import Client, session_for
from tests.limits import HANG_LIMIT_S

INFO = KernelInfoReply(
    implementation="waiting",
    implementation_version="1",
    banner="",
    language_info=LanguageInfo(name="sums", version="1", mimetype="text/x-sum", file_extension="."),
)


class Waiting:
    """A handler of debug_request that waits until it may answer."""

    def __init__(self) -> None:
        self.begun: SimpleQueue[int] = SimpleQueue()
        self.may_answer = threading.Event()

    def handle(self, _: Request, content: DebugRequest) -> DebugReply:
        """Say that it has begun, wait, and answer."""
        self.begun.put(content.seq)
        assert self.may_answer.wait(HANG_LIMIT_S)
        return DebugReply(seq=1, request_seq=content.seq, command=content.command, success=True)


def debug(seq: int) -> DebugRequest:
    """Return a request that the handler is to wait with."""
    return DebugRequest(seq=seq, command="threads")


@pytest.fixture
def waiting() -> Iterator[Waiting]:
    """The handler; at the end it waits no longer."""
    handler = Waiting()
    yield handler
    handler.may_answer.set()


@pytest.fixture
def client(waiting: Waiting) -> Iterator[Client]:
    """The client of a kernel whose control lane has that handler."""
    bound: SimpleQueue[ConnectionFile] = SimpleQueue()
    connection = ConnectionFile(key="secret")
    control = Handlers()
    control.on(DebugRequest, waiting.handle)
    kernel = Kernel(
        connection,
        session_for(connection),
        INFO,
        Calculator.interpreter,
        on_bound=bound.put,
        control=control,
    )
    thread = threading.Thread(target=kernel.run)
    thread.start()
    with Client(bound.get(timeout=HANG_LIMIT_S)) as client:
        client.wait_until_ready(HANG_LIMIT_S)
        yield client
        client.request(
            ShutdownRequest(restart=False), channel=Channel.CONTROL, timeout=HANG_LIMIT_S
        )
    thread.join()


def test_a_waiting_handler_stops_no_socket(client: Client, waiting: Waiting) -> None:
    """While it waits, a cell is run and published, kernel_info is answered on both channels, and
    the heartbeat beats; then it answers, and idle follows."""
    exchange = client.start(debug(7), channel=Channel.CONTROL)
    assert waiting.begun.get(timeout=HANG_LIMIT_S) == 7

    cell = client.execute("1 + 2", timeout=HANG_LIMIT_S)
    for channel in (Channel.SHELL, Channel.CONTROL):
        client.request(KernelInfoRequest(), channel=channel, timeout=HANG_LIMIT_S)
    client.beat(timeout=HANG_LIMIT_S)
    was_answered = exchange.reply is not None
    waiting.may_answer.set()
    answer = client.finish(exchange, timeout=HANG_LIMIT_S)

    assert cell.types == ("status", "execute_input", "execute_result", "status")
    assert not was_answered
    assert isinstance(answer.content, DebugReply)
    assert [s.execution_state for s in answer.contents(Status)] == [
        ExecutionState.BUSY,
        ExecutionState.IDLE,
    ]


def test_requests_wait_for_the_one_before(client: Client, waiting: Waiting) -> None:
    """Control is served in order: the second handler begins when the first has answered."""
    first = client.start(debug(1), channel=Channel.CONTROL)
    second = client.start(debug(2), channel=Channel.CONTROL)
    assert waiting.begun.get(timeout=HANG_LIMIT_S) == 1
    # Control has been read to here: this comes after both, and is answered at once.
    client.request(KernelInfoRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)
    had_begun = not waiting.begun.empty()

    waiting.may_answer.set()
    for exchange in (first, second):
        client.finish(exchange, timeout=HANG_LIMIT_S)

    assert not had_begun
    assert waiting.begun.get(timeout=HANG_LIMIT_S) == 2


def test_shutdown_does_not_wait_for_a_handler(client: Client, waiting: Waiting) -> None:
    """A kernel ends although a handler of control never answers (CTRL-04)."""
    client.start(debug(1), channel=Channel.CONTROL)
    assert waiting.begun.get(timeout=HANG_LIMIT_S) == 1

    # The fixture asks for the end while the handler waits, and finds the thread of `run` ended.
    assert client.execute("1", timeout=HANG_LIMIT_S).reply.msg_type == "execute_reply"
