"""Conversations between a client and a kernel, valid by construction."""

from __future__ import annotations

from attrs import evolve, frozen
from hypothesis import strategies as st

from assay.protocol import (
    UNSET,
    Channel,
    CommInfoReply,
    CommInfoRequest,
    CompleteReply,
    CompleteRequest,
    Content,
    Error,
    ErrorReply,
    ExecuteInput,
    ExecuteReply,
    ExecuteRequest,
    ExecuteResult,
    ExecutionState,
    Header,
    InspectReply,
    InspectRequest,
    IsCompleteReply,
    JsonObject,
    Message,
    Sender,
    Session,
    Status,
    reply_type,
)
from assay.testing._contents import contents
from assay.testing._sessions import make_session

__all__ = ["Step", "conversations"]

OUTPUTS = ("stream", "display_data", "update_display_data", "clear_output")
SHOWN: JsonObject = {"status": "ok", "data": {"text/plain": "2"}, "metadata": {}}
"""What became of a user expression."""

QUESTIONS = ("complete_request", "inspect_request", "is_complete_request", "comm_info_request")


@frozen(kw_only=True)
class Step:
    """One message of a recorded conversation."""

    channel: Channel
    """Where it travels."""

    sender: Sender
    """Who says it."""

    message: Message[Content]
    """What is sent."""


def _counted(content: Content) -> Content:
    assert isinstance(content, ExecuteRequest)
    return evolve(content, silent=False, store_history=True)


_COUNTED = contents("execute_request").map(_counted)
_ANSWERS = {name: contents(reply_type(name), may_fail=False) for name in QUESTIONS}


@st.composite
def conversations(draw: st.DrawFn, *, max_requests: int = 4) -> tuple[Step, ...]:
    """Return what a client and a kernel send, in that order.

    Each request is answered before the next one is sent: busy, what it causes, one reply, idle, all
    with its header as parent. Cells are counted from 1; some have a result, and some fail.
    """
    client, kernel = make_session(name="client"), make_session(name="kernel")
    cells, steps = 0, list[Step]()
    for _ in range(draw(st.integers(1, max_requests))):
        if draw(st.booleans()):
            cells += 1
            made = client.message(draw(_COUNTED))
            caused = draw(_cell(kernel, made, cells))
        else:
            name = draw(st.sampled_from(QUESTIONS))
            made = client.message(_plain(draw(contents(name))))
            caused = [_answer(kernel, made.header, _apt(made.content, draw(_ANSWERS[name])))]
        steps.append(Step(channel=Channel.SHELL, sender=Sender.CLIENT, message=made))
        steps.append(_sent(kernel, made.header, Status(execution_state=ExecutionState.BUSY)))
        steps.extend(caused)
        steps.append(_sent(kernel, made.header, Status(execution_state=ExecutionState.IDLE)))
    return tuple(steps)


@st.composite
def _cell(draw: st.DrawFn, kernel: Session, request: Message[Content], cell: int) -> list[Step]:
    assert isinstance(request.content, ExecuteRequest)
    sent: list[Content] = [ExecuteInput(code=request.content.code, execution_count=cell)]
    sent += [draw(contents(name)) for name in draw(st.lists(st.sampled_from(OUTPUTS), max_size=3))]
    shown = dict.fromkeys(request.content.user_expressions, SHOWN)
    reply: Content = ExecuteReply(execution_count=cell, user_expressions=shown)
    match draw(st.none() | contents("execute_result") | contents("error")):
        case ExecuteResult() as result:
            sent.append(evolve(result, execution_count=cell))
        case Error(ename=ename, evalue=evalue, traceback=traceback) as error:
            sent.append(error)
            reply = ErrorReply(
                ename=ename, evalue=evalue, traceback=traceback, execution_count=cell
            )
    return [
        *(_sent(kernel, request.header, content) for content in sent),
        _answer(kernel, request.header, reply),
    ]


def _plain(question: Content) -> Content:
    """Return *question* as the text has it: without null, and with a cursor in the code."""
    match question:
        case CompleteRequest(code=code, cursor_pos=at) | InspectRequest(code=code, cursor_pos=at):
            return evolve(question, cursor_pos=len(code) if at is None else min(at, len(code)))
        case CommInfoRequest(target_name=None):
            return evolve(question, target_name=UNSET)
    return question


def _apt(question: Content, answer: Content) -> Content:
    """Return *answer* with that changed which does not go with the *question*."""
    match question, answer:
        case CompleteRequest(code=code), CompleteReply(cursor_start=start, cursor_end=end):
            start, end = min(start, len(code)), min(end, len(code))
            return evolve(answer, cursor_start=start, cursor_end=end)
        case CommInfoRequest(target_name=str() as target), CommInfoReply(comms=comms):
            return evolve(
                answer, comms={key: evolve(one, target_name=target) for key, one in comms.items()}
            )
        case _, InspectReply(found=True, data=data):
            return evolve(answer, data={"text/plain": "", **data})
        case _, IsCompleteReply(status="incomplete", indent=indent):
            return evolve(answer, indent=indent or "")
        case _:
            return answer


def _sent(kernel: Session, parent: Header, content: Content) -> Step:
    message = kernel.message(content, parent=parent)
    return Step(channel=Channel.IOPUB, sender=Sender.KERNEL, message=message)


def _answer(kernel: Session, parent: Header, content: Content) -> Step:
    message = kernel.message(content, parent=parent, msg_type=reply_type(parent.msg_type))
    return Step(channel=Channel.SHELL, sender=Sender.KERNEL, message=message)
