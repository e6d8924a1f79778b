"""Who handles which message: a table from message type to function."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, TypeVar

from assay.kernel._errors import UnavailableError
from assay.kernel._request import Request
from assay.kernel._tracebacks import hide_own_frames, last_line_of, lines_of, text_of
from assay.kernel.dispatch._replies import Reply, Responder, error_reply
from assay.protocol import (
    MESSAGE_TYPES,
    Content,
    ContentError,
    ProtocolError,
    structure,
)
from assay.transport import get_logger

__all__ = ["Answer", "Handlers", "serve"]

logger = get_logger("assay.kernel")

C = TypeVar("C", bound=Content)

Answer: TypeAlias = Content | Reply | None
"""What a handler returns: a content is a reply without metadata and buffers, None is no reply."""

UNKNOWN_WITHOUT_SUBSHELLS = frozenset(
    {"create_subshell_request", "delete_subshell_request", "list_subshell_request"}
)
"""Requests of a feature that this kernel does not announce are unknown to it (SUBSHELL-06)."""


class Handlers:
    """The handlers of one channel.

    Args:
        execution_count: Returns the counter, for error replies to execute requests.
    """

    def __init__(self, execution_count: Callable[[], int] = lambda: 0) -> None:
        self._execution_count = execution_count
        self._handlers: dict[str, Callable[[Request], Answer]] = {}
        self._deferred: Callable[[], None] | None = None
        self._deferred_by_type: dict[str, Callable[[], None]] = {}

    def on(self, cls: type[C], handle: Callable[[Request, C], Answer]) -> None:
        """Answer requests whose content is a *cls* with *handle*."""

        def read(request: Request) -> Answer:
            return handle(request, structure(cls, request.envelope.content))

        self._handlers[cls.msg_type] = read

    def defer(self, add: Callable[[], None]) -> None:
        """Call *add* later, to add handlers: in `load_deferred`, or for a request that has none.

        A handler needs the class of what it handles, and making the classes of all contents takes
        a good part of a kernel's start.
        """
        self._deferred = add

    def defer_for(self, msg_type: str, add: Callable[[], None]) -> None:
        """Call *add* for the first request of *msg_type*, which few kernels get."""
        self._deferred_by_type[msg_type] = add

    @property
    def has_deferred(self) -> bool:
        """True until the deferred handlers have been added."""
        return self._deferred is not None

    def load_deferred(self) -> None:
        """Add the deferred handlers, once; from any thread.

        Not too late: importing needs a file descriptor. If adding fails, the next call tries again.
        """
        # Taken once: another thread may have loaded them between a check and the call. Two threads
        # that load at the same time set the same handlers twice.
        add = self._deferred
        if add is not None:
            add()
            self._deferred = None

    def answer(self, request: Request) -> Reply | None:
        """Return the reply to *request*, which may be an error; None if it has no reply.

        Never raises: whatever goes wrong becomes an error reply and a line in the log.
        """
        answer = self._answer(request)
        return answer if answer is None or isinstance(answer, Reply) else Reply(answer)

    def failed(self, request: Request, error: BaseException) -> Reply | None:
        """Return the reply to *request*, which ended by *error*; None if it has no reply."""
        answer = self._failed(request, error)
        return None if answer is None else Reply(answer)

    def _answer(self, request: Request) -> Answer:
        msg_type = request.header.msg_type
        handler = self._handlers.get(msg_type)
        try:
            if handler is None:
                self._deferred_by_type.get(msg_type, self.load_deferred)()
                handler = self._handlers.get(msg_type)
            if handler is None:
                return self._unserved(request)
            return handler(request)
        except ContentError as error:
            logger.warning("%s: %s", msg_type, error.without_values)
            return self._failed(request, error)
        except (ProtocolError, UnavailableError) as error:
            logger.warning("%s: %s", msg_type, error)
            return self._failed(request, error)
        except KeyboardInterrupt as error:
            return self._failed(request, error)
        except BaseException as error:  # not even SystemExit must end the kernel
            logger.exception("%s: its handler failed", msg_type)
            return self._failed(request, error)

    def _failed(self, request: Request, error: BaseException) -> Content | None:
        hide_own_frames(error)
        if request.header.msg_type == "debug_request":
            return _debug_failure(request, last_line_of(error))
        if request.header.msg_type == "is_complete_request" and not isinstance(error, ContentError):
            return _not_judged()
        is_ours = isinstance(error, (ProtocolError, UnavailableError, KeyboardInterrupt))
        return error_reply(
            request,
            type(error).__name__,
            text_of(error),
            traceback=() if is_ours else lines_of(error),
            execution_count=self._execution_count(),
        )

    def _unserved(self, request: Request) -> Content | None:
        """Spec: silent on the rest. Here: unknown types get no reply (AMB-23), known ones an error
        on a channel that does not serve them (AMB-37)."""
        msg_type, channel = request.header.msg_type, request.channel
        if msg_type not in MESSAGE_TYPES or msg_type in UNKNOWN_WITHOUT_SUBSHELLS:
            logger.warning("%s: unknown message type %.80r", channel, msg_type)
            return None
        logger.warning("%s: %s is not served here", channel, msg_type)
        if msg_type == "debug_request":
            return _debug_failure(request, "this kernel has no debugger")
        return error_reply(
            request,
            "NotServedError",
            f"{msg_type} is not served on {channel}",
            execution_count=self._execution_count(),
        )


def _not_judged() -> Content:
    """Spec: `status` is the answer itself, so it reports no failure (ISCOMPLETE-01). Here: what
    fails is unknown (AMB-62); a request without code was wrong, and has the common error."""
    from assay.protocol import IsCompleteReply  # noqa: PLC0415 - few languages fail at it

    return IsCompleteReply(status="unknown")


def serve(request: Request, handlers: Handlers, responder: Responder) -> None:
    """Answer *request*: busy, the reply, idle (SHELL-04, SHELL-05); not for the main lane."""
    responder.status("busy", request)
    reply = handlers.answer(request)
    if reply is not None:
        responder.reply(request, reply)
    if not request.is_deferred:
        responder.status("idle", request)


def _debug_failure(request: Request, message: str) -> Content:
    """Fail in the debugger's own protocol: its client knows no other errors (AMB-28)."""
    from assay.protocol import DebugReply  # noqa: PLC0415 - few clients debug

    asked = request.envelope.content
    seq, command = asked.get("seq"), asked.get("command")
    return DebugReply(
        seq=0,
        request_seq=seq if isinstance(seq, int) else 0,
        command=command if isinstance(command, str) else "",
        success=False,
        message=message,
    )
