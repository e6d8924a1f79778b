"""What an engine adds to its replies, for the schedulers and for clients (ENGINE-07 to ENGINE-11).

| where             | field                          | who needs it                              |
|-------------------|--------------------------------|-------------------------------------------|
| metadata          | ``status``                     | the task scheduler, the hub               |
| metadata          | ``dependencies_met``           | the task scheduler: false moves the task  |
| metadata          | ``started``                    | the hub and clients: how long it ran      |
| metadata          | ``is_broadcast`` and so on     | the broadcast schedulers                  |
| metadata          | ``label``                      | clients                                   |
| content of errors | ``engine_info``                | clients: it names the engine in the error |

The engine's name is in the metadata of each message that it sends: the session puts it there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from attrs import evolve

from assay._clock import now
from assay.kernel._request import Request
from assay.kernel.dispatch._replies import Reply, Responder
from assay.kernel.output._iopub import Output
from assay.protocol import Aborted, Buffer, Content, ErrorReply, Json, Session
from assay.transport import OutboundLog, When

__all__ = ["EngineOutput", "EngineResponder"]

UNMET = "UnmetDependency"
"""The error of a task that must run elsewhere."""

ECHOED: dict[str, Json] = {
    "is_broadcast": False,
    "is_coalescing": False,
    "original_msg_id": "",
    "label": None,
}
"""What the metadata of a request brings and that of its reply must hold, and what without it."""

METHODS = {"apply_request": "apply", "execute_request": "execute"}

OF_THE_COUNTER = frozenset({"execute_input", "execute_result"})
"""What a silent cell does not publish: it has no number."""


class EngineResponder(Responder):
    """Replies as the cluster wants them."""

    number = 0
    """The engine's."""

    def __init__(self, log: OutboundLog, session: Session, topic: Callable[[str], bytes]) -> None:
        super().__init__(log, session, topic)
        self._uuid = session.session

    def status(self, state: str, request: Request | None = None, *, when: When = When.NOW) -> None:
        """Publish *state* on behalf of *request*, and note when its turn came."""
        if request is not None and request.started is None:
            request.started = now()
        super().status(state, request, when=when)

    def _reply_frames(self, request: Request, reply: Reply) -> list[Buffer]:
        content = self._with_engine_info(request, reply.content)
        metadata = {**self._metadata(request, content), **reply.metadata}
        return super()._reply_frames(
            request, Reply(content, metadata=metadata, buffers=reply.buffers)
        )

    def _metadata(self, request: Request, content: Content) -> dict[str, Json]:
        asked = request.envelope.metadata
        started = request.started or now()
        return {
            "status": _status_of(content),
            "dependencies_met": not (isinstance(content, ErrorReply) and content.ename == UNMET),
            "started": started.isoformat(),
            **{name: asked.get(name, default) for name, default in ECHOED.items()},
        }

    def _with_engine_info(self, request: Request, content: Content) -> Content:
        method = METHODS.get(request.header.msg_type)
        if method is None or not isinstance(content, ErrorReply):
            return content
        info: Json = {"engine_uuid": self._uuid, "engine_id": self.number, "method": method}
        return evolve(content, extra={**content.extra, "engine_info": info})


def _status_of(content: Content) -> str:
    if isinstance(content, ErrorReply):
        return "error"
    return "aborted" if isinstance(content, Aborted) else "ok"


class EngineOutput(Output):
    """What an engine publishes: silent cells show their output, and have no number.

    Clients of a cluster execute silently by default, and wait for what is printed.
    """

    def publish(
        self,
        content: Content,
        *,
        metadata: Mapping[str, Json] | None = None,
        buffers: Sequence[Buffer] = (),
        parent: Request | None = None,
        when: When = When.SOON,
    ) -> None:
        """Publish *content* as `Output.publish` does."""
        if content.msg_type in OF_THE_COUNTER:
            request = parent or self._parents.current()
            if request is not None and request.silent:
                return
        super().publish(content, metadata=metadata, buffers=buffers, parent=parent, when=when)
