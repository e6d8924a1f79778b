"""Replies and status: what every request causes, in the form the protocol wants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from assay.kernel._request import Request
from assay.protocol import (
    EMPTY_OBJECT,
    UNSET,
    Buffer,
    Channel,
    Content,
    Json,
    JsonError,
    JsonObject,
    Session,
    encode_json,
    reply_type,
)
from assay.transport import OutboundLog, When

if TYPE_CHECKING:
    from assay.protocol import ErrorReply

__all__ = ["Reply", "Responder", "error_reply"]

STATUS = {state: encode_json({"execution_state": state}) for state in ("starting", "busy", "idle")}
"""Contents of the only messages that every request causes."""


class Reply:
    """What answers a request: a content, and what a handler lets go along with it.

    Args:
        content: Of the reply.
        metadata: Free for extensions; engines say there when a task began and how it ended.
        buffers: Raw bytes that follow the content, such as the result of an engine's task.
    """

    def __init__(
        self,
        content: Content,
        *,
        metadata: Mapping[str, Json] | None = None,
        buffers: Sequence[Buffer] = (),
    ) -> None:
        self.content = content
        self.metadata = {} if metadata is None else metadata
        self.buffers = buffers

    @property
    def failed(self) -> bool:
        """True if it says that the request failed."""
        from assay.protocol import ErrorReply  # noqa: PLC0415 - as below

        return isinstance(self.content, ErrorReply)


class Responder:
    """Append to the log what answers requests; for any thread."""

    def __init__(self, log: OutboundLog, session: Session, topic: Callable[[str], bytes]) -> None:
        self._log = log
        self._session = session
        self._topics = (topic("status"),)
        self._shutdown_topics = (topic("shutdown_reply"),)

    def status(self, state: str, request: Request | None = None, *, when: When = When.NOW) -> None:
        """Publish *state* on behalf of *request*; without one for ``starting``."""
        frames = self._session.pack_json(
            "status",
            STATUS[state],
            parent=request.parent if request is not None else EMPTY_OBJECT,
            identities=self._topics,
        )
        self._log.post(Channel.IOPUB, frames, when)

    def reply(self, request: Request, reply: Reply) -> None:
        """Send *reply* to the client of *request*, on the channel it came by (WIRE-16).

        A part of it that has no JSON form makes it an error reply, which names that part.
        """
        try:
            frames = self._reply_frames(request, reply)
        except JsonError as error:
            count: int | None = getattr(reply.content, "execution_count", None)
            failed = error_reply(request, "JsonError", str(error), execution_count=count)
            assert failed is not None, "only requests are replied to"
            frames = self._reply_frames(request, Reply(failed))
        self._log.post(request.channel, frames, When.WITH_NEXT)

    def _reply_frames(self, request: Request, reply: Reply) -> list[Buffer]:
        return self._session.pack(
            reply.content,
            parent=request.parent,
            msg_type=reply_type(request.header.msg_type),
            metadata=reply.metadata,
            buffers=reply.buffers,
            identities=request.envelope.identities,
        )

    def shutdown_reply(self, request: Request, content: Content) -> None:
        """Send *content* to the client, and publish it for all others (CTRL-07)."""
        self.reply(request, Reply(content))
        frames = self._session.pack(
            content,
            parent=request.parent,
            msg_type="shutdown_reply",
            identities=self._shutdown_topics,
        )
        self._log.post(Channel.IOPUB, frames, When.WITH_NEXT)


def error_reply(
    request: Request,
    ename: str,
    evalue: str,
    *,
    traceback: Sequence[str] = (),
    execution_count: int | None = None,
    payload: Sequence[JsonObject] = (),
) -> ErrorReply | None:
    """Return the reply that says *request* failed; None for one-way messages, which have none.

    Args:
        request: Its type decides whether there is a reply.
        ename: The exception's class.
        evalue: The exception's text.
        traceback: Lines of text; by default one, made of the former.
        execution_count: The counter, which an execute_reply always has (SHELL-13).
        payload: What the cell had asked the client for before it failed (AMB-04).
    """
    if not request.header.msg_type.endswith("_request"):
        return None
    from assay.protocol import ErrorReply  # noqa: PLC0415 - no kernel that starts needs it

    is_execute = request.header.msg_type == "execute_request" and execution_count is not None
    return ErrorReply(
        ename=ename,
        evalue=evalue,
        traceback=tuple(traceback) or (f"{ename}: {evalue}",),
        execution_count=execution_count if is_execute and execution_count is not None else UNSET,
        extra={"payload": list(payload)} if payload else {},
    )
