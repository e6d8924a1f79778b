"""Questions beside a cell that blocks: who answers, when time is up, and which one counts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import cast
from unittest.mock import Mock

import pytest
from attrs import evolve
from examples.calculator import Calculator

from assay.kernel import Cell, Executed, Host, Interpreter, Kernel, Onlooker
from assay.kernel._language_interpreter import LanguageInterpreter
from assay.kernel._request import Request
from assay.kernel.dispatch._handlers import Handlers
from assay.kernel.dispatch._replies import Responder
from assay.kernel.lanes import _beside
from assay.kernel.output._parents import Parents
from assay.protocol import (
    Channel,
    CommInfoRequest,
    CommMsg,
    CompleteReply,
    CompleteRequest,
    ConnectionFile,
    ConnectReply,
    ConnectRequest,
    ExecuteRequest,
    HistoryReply,
    HistoryRequest,
    InspectReply,
    InspectRequest,
    IsCompleteReply,
    IsCompleteRequest,
    KernelInfoReply,
    KernelInfoRequest,
    ShutdownRequest,
)
from assay.transport import Client, Exchange, OutboundLog, session_for
from tests.kernel._judged import Traffic
from tests.kernel._kernels import states
from tests.kernel._memory import MemoryLog, make_session, received, topic
from tests.limits import HANG_LIMIT_S


class Blocking(LanguageInterpreter):
    """A calculator whose cells wait until they may end."""

    def __init__(self) -> None:
        super().__init__(Calculator())
        self.may_end = threading.Event()
        self.begun: SimpleQueue[str] = SimpleQueue()
        self.comms = 0

    def execute(self, cell: Cell) -> Executed:
        """Wait, and count."""
        self.begun.put(cell.code)
        assert self.may_end.wait(HANG_LIMIT_S)
        return super().execute(cell)

    def comm(self, message: object) -> None:  # noqa: ARG002
        """Count."""
        self.comms += 1


class Looker(LanguageInterpreter):
    """An onlooker that waits before it answers certain questions."""

    def __init__(self, waits: threading.Event) -> None:
        calculator = Calculator()
        calculator.start()
        super().__init__(calculator)
        self.waits = waits
        self.asked: SimpleQueue[str] = SimpleQueue()
        self.threads: set[str] = set()

    def complete(self, code: str, cursor_pos: int) -> CompleteReply:
        """Say the code itself, once that is allowed."""
        self._note(code)
        return CompleteReply(matches=(code,), cursor_start=0, cursor_end=cursor_pos)

    def is_complete(self, code: str) -> IsCompleteReply:
        """Say that it is, once that is allowed."""
        self._note(code)
        return IsCompleteReply(status="complete")

    def _note(self, code: str) -> None:
        self.threads.add(threading.current_thread().name)
        self.asked.put(code)
        if code.startswith("wait"):
            assert self.waits.wait(HANG_LIMIT_S)


class Watched(Blocking):
    """A calculator that can be asked while it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = threading.Event()
        self.looker = Looker(self.may_answer)

    def onlooker(self) -> Onlooker:
        """Return the onlooker."""
        return self.looker


class Polling(Watched):
    """One whose cells have others handled while they wait, and that is slow to complete then."""

    def __init__(self) -> None:
        super().__init__()
        self.completes: SimpleQueue[str] = SimpleQueue()
        self.may_complete = threading.Event()

    def attach(self, host: Host) -> None:
        """Keep the host."""
        super().attach(host)
        self.host = host

    def execute(self, cell: Cell) -> Executed:
        """Have what comes handled until the cell may end."""
        self.begun.put(cell.code)
        while not self.may_end.wait(0.001):
            self.host.handle_waiting()
        return super().execute(cell)

    def complete(self, code: str, cursor_pos: int) -> CompleteReply:
        """Say what only code of the user's could, once that is allowed."""
        self.completes.put(code)
        assert self.may_complete.wait(HANG_LIMIT_S)
        return CompleteReply(matches=("asked",), cursor_start=0, cursor_end=cursor_pos)


@contextmanager
def running(make: Callable[[], Interpreter]) -> Iterator[Client]:
    """Run a kernel in a thread; at the end nothing is wrong with what was said."""
    bound: SimpleQueue[ConnectionFile] = SimpleQueue()
    connection = ConnectionFile(key="secret")
    kernel = Kernel(
        connection, session_for(connection), Calculator.info(), make, on_bound=bound.put
    )
    thread = threading.Thread(target=kernel.run)
    thread.start()
    traffic = Traffic()
    with Client(bound.get(timeout=HANG_LIMIT_S), recorder=traffic.of("client")) as client:
        client.wait_until_ready(HANG_LIMIT_S)
        traffic.begin()
        yield client
        client.request(
            ShutdownRequest(restart=False), channel=Channel.CONTROL, timeout=HANG_LIMIT_S
        )
    thread.join()
    assert traffic.findings(client.session) == []


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no answer be late but in a test that says when: on a busy machine any could be."""
    never = dict.fromkeys(_beside.DEADLINE_S, HANG_LIMIT_S)
    monkeypatch.setattr(_beside, "DEADLINE_S", never)


@pytest.fixture
def watched() -> Iterator[Watched]:
    """An interpreter that can be asked; at the end nothing waits any longer."""
    interpreter = Watched()
    yield interpreter
    interpreter.may_end.set()
    interpreter.may_answer.set()


@pytest.fixture
def client(watched: Watched) -> Iterator[Client]:
    """A client of the kernel of `watched`."""
    with running(lambda: watched) as client:
        yield client
        watched.may_end.set()
        watched.may_answer.set()


def block(client: Client, interpreter: Blocking) -> Exchange:
    """Start a cell and return once it blocks."""
    cell = client.start(ExecuteRequest(code="1 + 1"))
    assert interpreter.begun.get(timeout=HANG_LIMIT_S) == "1 + 1"
    return cell


def complete(client: Client, code: str) -> Exchange:
    """Ask for a completion."""
    return client.start(CompleteRequest(code=code, cursor_pos=len(code)))


def ended(client: Client, exchange: Exchange) -> object:
    """Return what *exchange* was answered with."""
    answer = client.finish(exchange, timeout=HANG_LIMIT_S)
    assert [str(state) for state in states(answer.published)] == ["busy", "idle"]
    return answer.content


def test_questions_are_answered_while_a_cell_blocks(client: Client, watched: Watched) -> None:
    """Each kind, with its own busy and idle; comm messages and cells wait (AMB-74)."""
    cell = block(client, watched)
    behind = client.start(ExecuteRequest(code="2"))
    comm = client.start(CommMsg(comm_id="c", data={}), wants_reply=False)
    questions = [
        (CompleteRequest(code="x", cursor_pos=1), CompleteReply),
        (InspectRequest(code="pi", cursor_pos=1, detail_level=0), InspectReply),
        (IsCompleteRequest(code="1"), IsCompleteReply),
        (HistoryRequest(hist_access_type="tail", n=1, output=False, raw=True), HistoryReply),
        (KernelInfoRequest(), KernelInfoReply),
        (ConnectRequest(), ConnectReply),
    ]

    for question, kind in questions:
        assert isinstance(ended(client, client.start(question)), kind)

    assert (cell.reply, behind.reply, watched.comms) == (None, None, 0)
    watched.may_end.set()
    assert [client.finish(one, timeout=HANG_LIMIT_S).types[-1] for one in (cell, behind)] == [
        "status",
        "status",
    ]
    client.wait_until(lambda: len(comm.published) == 2, awaited="idle", timeout=HANG_LIMIT_S)
    assert watched.comms == 1
    assert watched.looker.threads == {"assay-looks", "assay-asks"}


def test_late_answers_are_given_without_a_finding(
    client: Client, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes too long is answered truthfully in the meantime, once; other kinds go on."""
    soon, never = (dict.fromkeys(_beside.DEADLINE_S, limit) for limit in (0.01, HANG_LIMIT_S))
    monkeypatch.setattr(_beside, "DEADLINE_S", soon)
    cell = block(client, watched)
    late = ended(client, complete(client, "wait long"))
    monkeypatch.setattr(_beside, "DEADLINE_S", never)
    # The one thread may hang already; the other one does now.
    hanging = client.start(IsCompleteRequest(code="wait"))
    seen = ""
    while seen != "wait":
        seen = watched.looker.asked.get(timeout=HANG_LIMIT_S)
    monkeypatch.setattr(_beside, "DEADLINE_S", soon)
    unknown = ended(client, client.start(IsCompleteRequest(code="1")))
    errors = [
        ended(client, client.start(content))
        for content in (
            HistoryRequest(hist_access_type="tail", n=1, output=False, raw=True),
            CommInfoRequest(),
        )
    ]

    assert late == CompleteReply(matches=(), cursor_start=9, cursor_end=9)
    assert unknown == IsCompleteReply(status="unknown")
    assert [getattr(one, "ename", None) for one in errors] == ["TimeoutError"] * 2
    assert hanging.reply is None
    watched.may_answer.set()
    assert ended(client, hanging) == IsCompleteReply(status="complete")
    watched.may_end.set()
    ended(client, cell)
    assert client.waiting(Channel.SHELL) == ()


def test_the_newest_completion_of_a_client_counts(client: Client, watched: Watched) -> None:
    """Of those that wait behind one that is looked for, the older ones end at once, empty."""
    cell = block(client, watched)
    first = complete(client, "wait")
    assert watched.looker.asked.get(timeout=HANG_LIMIT_S) == "wait"

    others = [complete(client, f"x{number}") for number in range(49)]
    older = [ended(client, one) for one in others[:-1]]

    assert older == [
        CompleteReply(matches=(), cursor_start=length, cursor_end=length)
        for length in [len(f"x{number}") for number in range(48)]
    ]
    assert first.reply is None
    watched.may_answer.set()
    newest = ended(client, others[-1])
    assert newest == CompleteReply(matches=("x48",), cursor_start=0, cursor_end=3)
    assert isinstance(ended(client, first), CompleteReply)
    watched.may_end.set()
    ended(client, cell)


def completion(code: str, subshell_id: str) -> Request:
    """Return a completion that a client asks for in one of its subshells."""
    envelope = received(CompleteRequest(code=code, cursor_pos=0))
    header = evolve(envelope.header, subshell_id=subshell_id)
    return Request(Channel.SHELL, evolve(envelope, header=header))


def test_the_newest_completion_counts_in_its_own_subshell() -> None:
    """One that the same client asks of another subshell is about other code (SUBSHELL-07)."""
    log, timers, may_answer = MemoryLog(), list[Callable[[], None]](), threading.Event()
    beside = _beside.Beside(
        at_once=Handlers(),
        responder=Responder(cast("OutboundLog", log), make_session("kernel"), topic),
        parents=Parents(),
        call=lambda call: call(),
        call_later=lambda _, call: timers.append(call),
    )
    begun, without_finding = threading.Event(), Handlers()

    def look(_: Request, content: CompleteRequest) -> CompleteReply:
        begun.set()
        assert may_answer.wait(HANG_LIMIT_S)
        return CompleteReply(matches=(content.code,), cursor_start=0, cursor_end=0)

    looking = Handlers()
    looking.on(CompleteRequest, look)
    without_finding.on(
        CompleteRequest, lambda *_: CompleteReply(matches=(), cursor_start=0, cursor_end=0)
    )
    beside.serve(looking, without_finding)
    shell = Mock(runs_code=True)
    shell.waiting.return_value = []
    asked = [completion(code, sub) for code, sub in zip("abcd", "1212", strict=True)]

    for request in asked:
        beside.watch(request, shell)
        timers.pop(0)()  # it leaves the shell, and waits for the thread that looks
        timers.clear()
        assert begun.wait(HANG_LIMIT_S)
    passed_over = [request.finished for request in asked]
    may_answer.set()
    beside.close()

    assert passed_over == [False, True, False, False]


def test_questions_before_a_long_cell_keep_their_places(client: Client, watched: Watched) -> None:
    """What comes while nothing runs is answered by the main thread, in order (SHELL-15)."""
    watched.may_end.set()
    exchanges = [
        client.start(content)
        for _ in range(10)
        for content in (IsCompleteRequest(code="1"), CompleteRequest(code="p", cursor_pos=1))
    ]

    for exchange in exchanges:
        ended(client, exchange)

    assert watched.looker.threads == set()


def test_others_wait_where_the_interpreter_cannot_be_asked() -> None:
    """A language without an onlooker answers kernel_info alone while it runs."""
    interpreter = Blocking()
    with running(lambda: interpreter) as client:
        cell = block(client, interpreter)
        waiting = complete(client, "p")

        assert isinstance(ended(client, client.start(KernelInfoRequest())), KernelInfoReply)

        assert waiting.reply is None
        interpreter.may_end.set()
        ended(client, cell)
        assert ended(client, waiting) == CompleteReply(
            matches=("pi",), cursor_start=0, cursor_end=1
        )


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("x", CompleteReply(matches=("x",), cursor_start=0, cursor_end=1)),
        ("wait", CompleteReply(matches=(), cursor_start=4, cursor_end=4)),
    ],
)
def test_time_is_limited_in_the_middle_of_a_cell(
    monkeypatch: pytest.MonkeyPatch, code: str, found: CompleteReply
) -> None:
    """Code of the user's that takes long holds no answer back: what can be seen is found, or else
    nothing. What it finds in the end is no second answer."""
    soon, never = (dict.fromkeys(_beside.DEADLINE_S, limit) for limit in (0.02, HANG_LIMIT_S))
    monkeypatch.setattr(_beside, "HANDOVER_S", 0.01)
    monkeypatch.setattr(_beside, "DEADLINE_S", soon if code == "wait" else never)
    polling = Polling()
    with running(lambda: polling) as client:
        cell = block(client, polling)

        answer = ended(client, complete(client, code))

        assert polling.completes.get(timeout=HANG_LIMIT_S) == code
        assert answer == found
        for event in (polling.may_answer, polling.may_complete, polling.may_end):
            event.set()
        ended(client, cell)
        assert client.waiting(Channel.SHELL) == ()


def test_what_is_found_in_time_is_the_answer() -> None:
    """What is asked in the middle of a cell may run code of the user's."""
    polling = Polling()
    polling.may_complete.set()
    with running(lambda: polling) as client:
        cell = block(client, polling)

        answer = ended(client, complete(client, "x"))

        assert answer == CompleteReply(matches=("asked",), cursor_start=0, cursor_end=1)
        polling.may_end.set()
        ended(client, cell)
