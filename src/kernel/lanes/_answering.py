"""How a shell answers a request, in its turn or in the middle of another one.

The main lane and the subshells do it alike; what interrupts their threads differs (`Guard`).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from assay._fields import Fields
from assay.kernel._request import Request
from assay.kernel.dispatch._handlers import Handlers
from assay.kernel.dispatch._replies import Reply, Responder
from assay.kernel.lanes._shutdown import Shutdown
from assay.kernel.output._iopub import Output
from assay.kernel.output._parents import Parents
from assay.kernel.process._child import end_child
from assay.transport import IoThread, Lane

__all__ = [
    "CODE",
    "Answering",
    "Guard",
    "Limit",
    "Surroundings",
    "may_come_between",
    "unlimited",
    "withdraw",
]

CODE = frozenset({"execute_request", "comm_open", "comm_msg", "comm_close"})
"""What runs code of the user's that others need not wait for."""


class Guard(Protocol):
    """Puts off interrupts of the lane's thread."""

    def hold(self) -> None:
        """Put them off from now on; one that strikes during this call is raised."""
        ...

    def ensure_held(self) -> None:
        """Put them off, also if one strikes during this call."""
        ...

    def release(self) -> None:
        """Put them off no longer: one that came meanwhile strikes."""
        ...


class Limit(Protocol):
    """Limits how long a question may take that is answered in the middle of a cell."""

    def limit(self, request: Request) -> Callable[[], bool]:
        """Begin to limit the time of *request*.

        Returns:
            A function to call before the reply, once: True if it is to be sent, False if it has
            been answered elsewhere.
        """
        ...


class Surroundings(Fields):
    """The parts of the kernel that a lane works with."""

    io: IoThread
    """The owner of the sockets."""

    responder: Responder
    """Sends replies and status."""

    output: Output
    """Publishes, and shows whether this is a forked child."""

    parents: Parents
    """Keeps which request is handled."""

    shutdown: Shutdown
    """Shows when to stop."""

    catch_up: Callable[[], None]
    """Puts into the log what has been written so far."""

    put_back: Callable[[], None]
    """Puts back what code in Python cannot run without, where a cell has taken it away."""


class Answering:
    """Answers requests in the thread of a lane."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self.limits: Limit | None = None
        """What limits questions in the middle of a cell, if the interpreter can be asked then."""

    def in_turn(
        self, request: Request, handlers: Handlers, leave_code: Callable[[], None]
    ) -> Reply | None:
        """Return the reply to *request*; *leave_code* ends with user code, wherever it was left."""
        # A cell has what its program has left; what looks at it may import what it needs to answer.
        is_cell = request.header.msg_type == "execute_request"
        try:
            try:
                with nullcontext() if is_cell else self._around.io.spare.lent():
                    return handlers.answer(request)
            finally:
                leave_code()
                self._around.put_back()
        except BaseException as error:  # noqa: BLE001 - of a signal, just when the code had ended
            leave_code()
            self._around.put_back()
            return self._failed(request, handlers, error)

    def between(
        self,
        request: Request,
        handlers: Handlers,
        guard: Guard,
        entered: AbstractContextManager[None],
    ) -> None:
        """Answer *request* in the middle of another one; interrupts are held.

        Args:
            request: What has been taken from the lane.
            handlers: What answers it.
            guard: What holds the interrupts.
            entered: Inside, what is written belongs to *request*.
        """
        self._around.catch_up()  # what has been written so far is the cell's
        with entered:
            self._around.responder.status("busy", request)
            is_answered = False
            try:
                may_reply = self.limits.limit(request) if self.limits is not None else unlimited
                # Whatever fails here, a question in limited time is answered elsewhere.
                is_answered = may_reply is unlimited
                reply = _held(request, handlers, guard)
                self._around.catch_up()
                self.leave_if_child(reply)
                is_answered = may_reply()
                if is_answered and reply is not None:
                    self._around.responder.reply(request, reply)
            finally:
                request.finished = True
                if is_answered:
                    self._around.responder.status("idle", request)

    def leave_if_child(self, reply: Reply | None) -> None:
        """End a child that user code forked and that has run the cell to its end.

        It has no business with the requests of its parent, nor with this one's reply.
        """
        if self._around.output.forked:
            end_child(int(reply is not None and reply.failed))

    def _failed(self, request: Request, handlers: Handlers, error: BaseException) -> Reply | None:
        """Return the reply to *request*; for a cell, publish *error* as well (EXEC-17)."""
        from assay.protocol import Error, ErrorReply  # noqa: PLC0415 - a kernel that starts has no cell

        reply = handlers.failed(request, error)
        content = reply.content if reply is not None else None
        is_cell = request.header.msg_type == "execute_request"
        if is_cell and request.error is None and isinstance(content, ErrorReply):
            request.error = Error(
                ename=content.ename, evalue=content.evalue, traceback=content.traceback
            )
            self._around.output.publish(request.error, parent=request)
        return reply


def _held(request: Request, handlers: Handlers, guard: Guard) -> Reply | None:
    """Return the reply to *request*, which may be interrupted; afterwards interrupts are held."""
    try:
        try:
            guard.release()
            return handlers.answer(request)
        finally:
            guard.hold()
    except BaseException as error:  # noqa: BLE001 - an interrupt, just when the code had ended
        guard.ensure_held()
        return handlers.failed(request, error)


def unlimited() -> bool:
    """Return True: no other thread answers."""
    return True


def may_come_between(request: Request) -> bool:
    """Return True for what a cell may have handled while it runs."""
    return request.header.msg_type not in {"execute_request", "shutdown_request"}


def withdraw(lane: Lane[Request], request: Request) -> bool:
    """Take *request* out of *lane*, to be answered elsewhere; False if it does not wait there."""
    return lane.take(lambda one: one is request) is not None
