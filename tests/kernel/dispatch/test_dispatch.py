"""Dispatch in memory: handlers, replies, cells of an author's interpreter, prompts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from queue import SimpleQueue
from types import SimpleNamespace
from typing import cast

import pytest

from assay.kernel import Cell, Executed, Failed, Interpreter, Succeeded
from assay.kernel._request import NoInputError, Request
from assay.kernel.dispatch._execute import Execution
from assay.kernel.dispatch._handlers import Handlers, serve
from assay.kernel.dispatch._introspection import serve_introspection
from assay.kernel.dispatch._replies import Reply, Responder
from assay.kernel.dispatch._stdin import Prompter
from assay.kernel.output._iopub import Output
from assay.kernel.output._parents import Parents
from assay.protocol import (
    Channel,
    CommInfoRequest,
    CompleteRequest,
    ConnectionFile,
    Content,
    Error,
    ErrorReply,
    ExecuteReply,
    ExecuteRequest,
    HistoryRequest,
    InputReply,
    InspectRequest,
    InterruptReply,
    InterruptRequest,
    IsCompleteReply,
    IsCompleteRequest,
    ListSubshellRequest,
    ShutdownRequest,
    Unknown,
)
from assay.transport import OutboundLog
from tests.kernel._memory import MemoryLog, make_session, received, topic
from tests.limits import HANG_LIMIT_S


def request_of(content: Content) -> Request:
    """Return a request that came by shell."""
    return Request(Channel.SHELL, received(content))


class Author:
    """An interpreter whose `execute` is what a test wants."""

    execution_count = 4

    def __init__(self, run: Callable[[Cell], object]) -> None:
        self._run = run

    def is_blank(self, code: str) -> bool:
        """Return False: all code runs."""
        return not code

    def execute(self, cell: Cell) -> Executed:
        """Return whatever the test's function does."""
        return cast("Executed", self._run(cell))


def execute(
    run: Callable[[Cell], object], content: ExecuteRequest
) -> tuple[MemoryLog, Content, list[str]]:
    """Run one cell; return the log, the reply and whether the queue was aborted."""
    log, session, aborted = MemoryLog(), make_session("kernel"), list[str]()
    output = Output(cast("OutboundLog", log), session, Parents(), topic)
    execution = Execution(
        cast("Interpreter", Author(run)), output, nullcontext, lambda: aborted.append("aborted")
    )
    handlers = Handlers()
    handlers.on(ExecuteRequest, execution.handle)
    reply = handlers.answer(request_of(content))
    assert reply is not None
    return log, reply.content, aborted


def published(log: MemoryLog) -> list[Error]:
    """Return the errors that were published."""
    return [m.content for _, m in log.sent if isinstance(m.content, Error)]


def raising(error: BaseException) -> Callable[[Cell], object]:
    """Return a function that raises *error*."""

    def author_code(_: Cell) -> object:
        raise error

    return author_code


@pytest.mark.parametrize(
    "error", [ValueError("why"), SystemExit(3), ExceptionGroup("g", [OSError()])]
)
def test_what_an_interpreter_raises_is_published(error: BaseException) -> None:
    """It is one error on IOPub and the same in the reply, with the author's frames alone
    (EXEC-17)."""
    log, reply, _ = execute(raising(error), ExecuteRequest(code="x"))

    (shown,) = published(log)
    assert isinstance(reply, ErrorReply)
    assert shown.ename == reply.ename == type(error).__name__
    assert shown.traceback == reply.traceback
    text = "\n".join(shown.traceback)
    assert ("author_code" in text, "_execute.py" in text) == (True, False)


def test_failure_that_was_not_published_is() -> None:
    """A `Failed` that the interpreter has only returned is on IOPub all the same (EXEC-17)."""
    failed = Failed(ename="Wrong", evalue="w", traceback=("Wrong: w",))
    log, reply, _ = execute(lambda _: failed, ExecuteRequest(code="x"))

    assert [shown.ename for shown in published(log)] == ["Wrong"]
    assert isinstance(reply, ErrorReply)


@pytest.mark.parametrize(
    "question",
    [
        CompleteRequest(code="x", cursor_pos=1),
        InspectRequest(code="x", cursor_pos=1),
        HistoryRequest(hist_access_type="tail", n=1),
        CommInfoRequest(),
    ],
    ids=lambda question: question.msg_type,
)
def test_question_whose_answer_raises_fails(question: Content) -> None:
    """The reply has status error, with the error's name, value and traceback (COMPLETE-08,
    INSPECT-07, SHELL-10)."""

    reply = answer_that_raises(question)

    assert isinstance(reply, ErrorReply)
    assert (reply.ename, reply.evalue) == ("LookupError", "why")
    assert "LookupError: why" in "".join(reply.traceback)


def test_code_that_cannot_be_judged_is_unknown() -> None:
    """Its reply has no form for a failure; one for a request without code has (ISCOMPLETE-01,
    ISCOMPLETE-06, AMB-62)."""
    assert answer_that_raises(IsCompleteRequest(code="x")) == IsCompleteReply(status="unknown")
    assert isinstance(answer_that_raises(Unknown(), "is_complete_request"), ErrorReply)


def answer_that_raises(question: Content, msg_type: str = "") -> Content:
    """Return the reply to *question* of a kernel whose interpreter raises whatever it is asked."""

    def fail(*_: object) -> None:
        raise LookupError("why")

    asked = ("complete", "inspect", "is_complete", "history", "comm_info")
    author = cast("Interpreter", SimpleNamespace(**dict.fromkeys(asked, fail)))
    handlers = Handlers()
    serve_introspection(handlers, author, nullcontext, lambda: ConnectionFile(key=""))
    reply = handlers.answer(Request(Channel.SHELL, received(question, msg_type=msg_type)))
    assert reply is not None
    return reply.content


@pytest.mark.parametrize("wrong", [None, "text", 5])
def test_other_results_are_refused_by_name(wrong: object) -> None:
    """What is neither `Succeeded` nor `Failed` makes an error that says so."""
    log, reply, _ = execute(lambda _: wrong, ExecuteRequest(code="x"))

    assert isinstance(reply, ErrorReply)
    assert reply.evalue == f"Author.execute: wanted Succeeded or Failed, found {wrong!r}"
    assert len(published(log)) == 1


@pytest.mark.parametrize(("store", "number"), [(True, 5), (False, 4)])
def test_cell_knows_its_number(store: bool, number: int) -> None:
    """`Cell.number` is the number of execute_input and of the reply (AMB-07)."""
    cells: list[Cell] = []

    def run(cell: Cell) -> object:
        cells.append(cell)
        return Succeeded()

    _, reply, _ = execute(run, ExecuteRequest(code="x", store_history=store))

    assert isinstance(reply, ExecuteReply)
    assert cells[0].number == reply.execution_count == number


@pytest.mark.parametrize("silent", [True, False])
@pytest.mark.parametrize("stop_on_error", [True, False])
def test_failure_aborts_what_waits(silent: bool, stop_on_error: bool) -> None:
    """A failing request aborts the queue if its flag says so, silent or not (EXEC-20)."""
    content = ExecuteRequest(code="x", silent=silent, stop_on_error=stop_on_error)
    log, _, aborted = execute(raising(ValueError()), content)

    assert bool(aborted) is stop_on_error
    assert bool(published(log)) is not silent


def test_muted_errors_are_not_published() -> None:
    """Once the kernel abandons what runs, no error of it is published (decision 0007)."""
    log = MemoryLog()
    output = Output(cast("OutboundLog", log), make_session("kernel"), Parents(), topic)
    output.mute_errors()
    output.publish(Error(ename="E", evalue="", traceback=()))

    assert log.sent == []


def test_reply_may_have_metadata_and_buffers() -> None:
    """They leave with the content, between busy and idle (SHELL-04)."""
    log, session = MemoryLog(), make_session("kernel")
    handlers = Handlers()
    handlers.on(
        InterruptRequest,
        lambda *_: Reply(InterruptReply(), metadata={"engine": 1}, buffers=[b"raw"]),
    )
    serve(
        request_of(InterruptRequest()),
        handlers,
        Responder(cast("OutboundLog", log), session, topic),
    )

    _, reply, _ = (message for _, message in log.sent)
    assert reply.metadata == {"engine": 1}
    assert [bytes(buffer) for buffer in reply.buffers] == [b"raw"]


def test_deferred_request_gets_no_idle_here() -> None:
    """A handler that leaves the answer to another thread has busy alone."""
    log, session = MemoryLog(), make_session("kernel")

    def defer(request: Request, _: ShutdownRequest) -> None:
        request.is_deferred = True

    handlers = Handlers()
    handlers.on(ShutdownRequest, defer)
    serve(
        request_of(ShutdownRequest()),
        handlers,
        Responder(cast("OutboundLog", log), session, topic),
    )

    assert len(log.sent) == 1


def test_deferred_handlers_are_loaded_once() -> None:
    """They are added when a request comes that has none, and tried again if that fails."""
    handlers, loads = Handlers(), list[int]()

    def add() -> None:
        loads.append(1)
        if len(loads) == 1:
            raise OSError
        handlers.on(InterruptRequest, lambda *_: InterruptReply())

    handlers.defer(add)
    answers = [handlers.answer(request_of(InterruptRequest())) for _ in range(3)]

    assert [a.content.__class__ for a in answers if a] == [ErrorReply, *[InterruptReply] * 2]
    assert len(loads) == 2


def test_unknown_request_has_no_reply() -> None:
    """A type of a feature that is not announced is not answered (AMB-23, SUBSHELL-06)."""
    request = request_of(InterruptRequest())

    assert Handlers().answer(request_of(ListSubshellRequest())) is None
    assert isinstance(getattr(Handlers().answer(request), "content", None), ErrorReply)


class Asking:
    """A prompter, with the test as its I/O thread."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.answers: SimpleQueue[str | BaseException] = SimpleQueue()
        self.prompter = Prompter(
            cast("OutboundLog", self.log),
            make_session("kernel"),
            lambda: None,
            threading.Lock,
        )
        self.request = request_of(ExecuteRequest(code="input()", allow_stdin=True))
        self.request.allow_stdin = True

    def start(self) -> threading.Thread:
        """Ask in a thread of its own, and take the prompt as the I/O thread does."""

        def ask() -> None:
            try:
                self.answers.put(self.prompter.ask(self.request, "?"))
            except (NoInputError, EOFError) as error:
                self.answers.put(error)

        thread = threading.Thread(target=ask)
        thread.start()
        self.log.step()
        return thread


def test_first_answer_counts() -> None:
    """A second answer, or one that comes when no prompt waits, is dropped (STDIN-11)."""
    asking = Asking()
    asking.request.envelope = received(ExecuteRequest(code=""), client="client")
    stale = received(InputReply(value="stale"))
    asking.prompter.receive(stale)
    thread = asking.start()
    asking.prompter.receive(received(InputReply(value="first")))
    asking.prompter.receive(received(InputReply(value="second")))
    thread.join(HANG_LIMIT_S)

    assert asking.answers.get(timeout=HANG_LIMIT_S) == "first"


def test_answer_is_taken_once() -> None:
    """With its answer a prompt is over: what comes then is stale (STDIN-11)."""
    asking = Asking()
    thread = asking.start()
    asking.prompter.receive(received(InputReply(value="first")))

    assert not is_waiting(asking.prompter)
    thread.join(HANG_LIMIT_S)


def test_end_of_input_is_an_error() -> None:
    """A client that sends the end of the input, as for Ctrl-D, raises EOFError (STDIN-10)."""
    asking = Asking()
    thread = asking.start()
    asking.prompter.receive(received(InputReply(value="\x04")))
    thread.join(HANG_LIMIT_S)

    assert isinstance(asking.answers.get(timeout=HANG_LIMIT_S), EOFError)


def test_request_that_does_not_allow_input_cannot_ask() -> None:
    """Nothing is sent, and the code that asked has an error (STDIN-03)."""
    asking = Asking()
    asking.request.allow_stdin = False

    with pytest.raises(NoInputError):
        asking.prompter.ask(asking.request, "?")
    assert asking.log.sent == []


def test_answer_of_another_client_is_dropped() -> None:
    """Only the client that was asked may answer (STDIN-11)."""
    asking = Asking()
    thread = asking.start()
    asking.prompter.receive(received(InputReply(value="theirs"), client="another"))
    asking.prompter.receive(received(InputReply(value="mine")))
    thread.join(HANG_LIMIT_S)

    assert asking.answers.get(timeout=HANG_LIMIT_S) == "mine"


def test_prompt_that_ends_is_withdrawn_by_the_io_thread() -> None:
    """The thread that asked writes nothing of the prompter: it posts."""
    asking = Asking()
    thread = asking.start()
    asking.request.finished = True
    thread.join(HANG_LIMIT_S)
    before = is_waiting(asking.prompter)
    asking.log.step()

    assert (before, is_waiting(asking.prompter)) == (True, False)
    assert isinstance(asking.answers.get(timeout=HANG_LIMIT_S), NoInputError)


def is_waiting(prompter: Prompter) -> bool:
    """Return True if *prompter* waits for an answer."""
    return prompter._asked != []
