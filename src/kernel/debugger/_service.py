"""The debugger as a handler of control: takes a debug_request, answers it when there is an answer.

**Theory of operation.** The control lane hands each request to a worker, a thread that is started
with the first one. It waits a moment for the answer, which most have by then, so that requests that
are sent at once are answered one after the other; then it is free for the next one. The worker asks
the session. If the answer comes later, it goes on with the next request, and is called when the
answer is there, or when it is too late for one: then the reply says so. Reply and idle of a
request are sent together, by the worker.

What the client sends that is no request of the adapter protocol fails like any other (AMB-28).
"""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from attrs import define

from assay._clock import monotonic
from assay.kernel._own_thread import OwnThread
from assay.kernel.debugger._errors import DebuggerError
from assay.kernel.debugger._session import Body, Later, Session
from assay.kernel.dispatch._replies import Reply, Responder
from assay.protocol import UNSET, DebugEvent, DebugReply, Json, JsonObject
from assay.transport import get_logger

if TYPE_CHECKING:
    from assay.kernel._interpreter import Debuggee
    from assay.kernel._request import Request
    from assay.protocol import DebugRequest

__all__ = ["DebugService"]

logger = get_logger("assay.kernel")

ANSWER_LIMIT_S = 30.0
"""For an answer of debugpy's or of the user's objects. It evaluates what the client wants, which
may take a while; a client that waits longer gets an error, and may interrupt."""

ORDER_S = 0.2
"""How long the next request waits for the answer to the one before. An answer takes milliseconds;
what takes longer keeps nothing else, such as the request to let a cell go on."""

CLOSE_S = 10.0
"""How long the kernel's end waits for that of the session; it has a limit of its own as well."""


SHUTS_DOWN = "the kernel shuts down"


@define(eq=False)
class _Open:
    """A request that waits for its answer."""

    request: Request
    content: DebugRequest
    later: Later
    deadline: float


class DebugService:
    """Serves debug_request.

    Args:
        responder: Sends replies and status.
        publish: Publishes an event on IOPub.
        debuggee: Returns what the language has to tell; waits until it is there.
        interrupt: Interrupts the cell that runs; None if the kernel cannot.
        is_running: Returns True while a cell runs.
        limit_s: How long an answer may take.
        order_s: How long the next request waits for it.
    """

    def __init__(
        self,
        *,
        responder: Responder,
        publish: Callable[[DebugEvent], None],
        debuggee: Callable[[], Debuggee],
        interrupt: Callable[[], None] | None,
        is_running: Callable[[], bool],
        limit_s: float = ANSWER_LIMIT_S,
        order_s: float = ORDER_S,
    ) -> None:
        self._responder = responder
        self._publish_content = publish
        self._limit_s = limit_s
        self._order_s = order_s
        self._session = Session(
            debuggee=debuggee,
            publish=self._publish,
            interrupt=interrupt,
            is_running=is_running,
        )
        self._seq = partial(next, itertools.count(1))
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._open: dict[int, _Open] = {}
        self._answered: dict[int, threading.Event] = {}
        self._worker: threading.Thread | None = None
        self._is_closed = False
        self._ending = threading.Lock()
        self._is_over = False
        """True once the worker takes nothing more; changed and acted upon with the lock."""

    def handle(self, request: Request, content: DebugRequest) -> None:
        """Take *request*; reply and idle follow from the worker."""
        request.is_deferred = True
        self._answered[id(request)] = answered = threading.Event()
        with self._ending:
            is_over = self._is_over
            if not is_over:
                self._start()
                self._work.put(lambda: self._answer(request, content))
        if is_over:
            self._fail(request, content, DebuggerError(SHUTS_DOWN))
        answered.wait(self._order_s)

    def close(self) -> None:
        """End the session, and leave no request unanswered; at the kernel's end."""
        with self._ending:
            worker = self._worker
            self._is_over |= worker is None
        if worker is not None:
            self._work.put(self._close)
            worker.join(CLOSE_S)

    def _start(self) -> None:
        if self._worker is None:
            self._worker = OwnThread(target=self._run, name="assay-debugger", daemon=True)
            self._worker.start()

    # --- The worker.

    def _run(self) -> None:
        while not self._is_closed:
            try:
                with suppress(queue.Empty):
                    self._work.get(timeout=self._patience())()
                self._expire()
            except Exception:  # it must outlive whatever one request does
                logger.exception("the debugger failed")

    def _patience(self) -> float | None:
        deadlines = [one.deadline for one in self._open.values()]
        return max(min(deadlines) - monotonic(), 0) if deadlines else None

    def _answer(self, request: Request, content: DebugRequest) -> None:
        if self._is_closed:
            self._fail(request, content, DebuggerError(SHUTS_DOWN))
            return
        try:
            answer = self._session.answer(content.command, _arguments(content))
        except DebuggerError as error:
            self._fail(request, content, error)
        except Exception as error:
            logger.exception("debugger: %s failed", content.command)
            self._fail(request, content, error)
        else:
            if isinstance(answer, Later):
                self._await(_Open(request, content, answer, monotonic() + self._limit_s))
            else:
                self._succeed(request, content, answer)

    def _await(self, one: _Open) -> None:
        self._open[id(one)] = one
        one.later.response.add_done_callback(lambda _: self._work.put(lambda: self._finish(one)))

    def _finish(self, one: _Open) -> None:
        if self._open.pop(id(one), None) is None:
            return  # it came too late
        try:
            body = one.later.finish(one.later.response.result())
        except DebuggerError as error:
            self._fail(one.request, one.content, error)
        except Exception as error:
            logger.exception("debugger: the answer to %s", one.content.command)
            self._fail(one.request, one.content, error)
        else:
            self._succeed(one.request, one.content, body)

    def _expire(self) -> None:
        now = monotonic()
        for key, one in [*self._open.items()]:
            if one.deadline <= now:
                del self._open[key]
                error = DebuggerError(
                    f"{one.content.command} has not been answered in {self._limit_s:g} s; "
                    "an interrupt ends what it waits for"
                )
                self._fail(one.request, one.content, error)

    def _close(self) -> None:
        self._is_closed = True
        self._session.close()
        for one in self._open.values():
            self._fail(one.request, one.content, DebuggerError(SHUTS_DOWN))
        self._open = {}
        with self._ending, suppress(queue.Empty):
            self._is_over = True
            while True:  # what came meanwhile is refused, for there is no session
                self._work.get_nowait()()

    # --- What is sent.

    def _succeed(self, request: Request, content: DebugRequest, body: Body) -> None:
        self._reply(
            request,
            DebugReply(
                seq=self._seq(),
                request_seq=content.seq,
                command=content.command,
                success=True,
                body=dict(body),
            ),
        )

    def _fail(self, request: Request, content: DebugRequest, error: Exception) -> None:
        message = str(error) if isinstance(error, DebuggerError) else repr(error)
        self._reply(
            request,
            DebugReply(
                seq=self._seq(),
                request_seq=content.seq,
                command=content.command,
                success=False,
                message=message,
                body={},
            ),
        )

    def _reply(self, request: Request, reply: DebugReply) -> None:
        self._responder.reply(request, Reply(reply))
        self._responder.status("idle", request)
        self._answered.pop(id(request)).set()

    def _publish(self, event: str, body: Json) -> None:
        self._publish_content(DebugEvent(seq=self._seq(), event=event, body=body))


def _arguments(content: DebugRequest) -> JsonObject:
    arguments = content.arguments
    if arguments is UNSET or arguments is None:
        return {}
    if not isinstance(arguments, Mapping):
        raise DebuggerError(f"arguments: wanted an object, found {type(arguments).__name__}")
    return arguments
