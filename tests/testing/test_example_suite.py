"""A test suite as its user would write it, for a kernel of their own in thirty lines."""

from __future__ import annotations

from hypothesis import given

from assay.protocol import (
    Content,
    ErrorReply,
    ExecuteReply,
    ExecuteRequest,
    ExecutionState,
    Message,
    Session,
    Status,
)
from assay.testing import as_bytes, linked_sessions, messages


class EchoKernel:
    """A kernel that runs nothing and answers everything."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._cells = 0

    def handle(self, frames: list[bytes]) -> list[list[bytes]]:
        """Return the frames that answer *frames*: busy, reply, idle."""
        request = self._session.decode(frames)
        parent = request.message.header.raw or b"{}"
        reply = self._reply(request.message.content)
        busy, idle = (
            self._session.pack(Status(execution_state=state), parent=parent)
            for state in (ExecutionState.BUSY, ExecutionState.IDLE)
        )
        msg_type = request.message.header.msg_type.replace("_request", "_reply")
        answer = self._session.pack(
            reply, parent=parent, msg_type=msg_type, identities=request.identities
        )
        return [as_bytes(message) for message in (busy, answer, idle)]

    def _reply(self, content: Content) -> Content:
        if isinstance(content, ExecuteRequest):
            self._cells += 1
            return ExecuteReply(execution_count=self._cells)
        return ErrorReply(ename="NotImplementedError", evalue="")


@given(messages("execute_request"))
def test_a_cell_is_answered_under_its_header(request: Message[Content]) -> None:
    """Whatever the client sends, three messages come back with its header as parent."""
    link = linked_sessions()
    kernel = EchoKernel(link.kernel.session)

    answers = kernel.handle(link.client.send(request, (b"client",)))

    received = [link.client.session.decode(frames) for frames in answers]
    types = [delivery.message.header.msg_type for delivery in received]
    assert types == ["status", "execute_reply", "status"]
    assert all(delivery.message.parent_header == request.header for delivery in received)
    assert received[1].identities == (b"client",)


@given(messages("inspect_request"))
def test_what_is_not_done_is_an_error(request: Message[Content]) -> None:
    """Other requests get an error reply of their own type."""
    link = linked_sessions()
    kernel = EchoKernel(link.kernel.session)

    _, answer, _ = kernel.handle(link.client.send(request))

    message = link.client.session.decode(answer).message
    assert message.header.msg_type == "inspect_reply"
    assert isinstance(message.content, ErrorReply)
