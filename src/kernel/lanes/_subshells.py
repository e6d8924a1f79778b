"""The subshells of a kernel: created, listed and deleted by requests on control (JEP 91).

The table is the I/O thread's alone. A subshell is a thread that waits in a lock until its first
request comes. One that is idle has ended when its deletion is answered; one that is busy is on no
list any more, and ends later. Requests that name none of them get an error reply of their own type,
with busy and idle (SUBSHELL-08, AMB-34): a client that waits for a reply is always served. Only a
comm_close is handled all the same, by the main shell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay import protocol
from assay._clock import monotonic
from assay._isolation import Event, os
from assay.kernel._request import Request
from assay.kernel.dispatch._handlers import Answer, Handlers, serve
from assay.kernel.dispatch._replies import Reply, error_reply
from assay.kernel.lanes._answering import Surroundings
from assay.kernel.lanes._beside import Beside
from assay.kernel.lanes._subshell import Served, Subshell
from assay.protocol import Channel
from assay.transport import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.kernel._interpreter import ConcurrentInterpreter

__all__ = ["UNKNOWN", "Subshells"]

logger = get_logger("assay.kernel")

UNKNOWN = "UnknownSubshellError"
"""The ename of a request whose subshell is not there."""

GONE_S = 0.05
"""How long a thread may take to be gone that has sent its last message."""

DELETE_S = 3.0
"""How long a deletion waits for the background tasks of a subshell: one may block its thread. What
takes longer is left to go on, as a cell is."""

CLOSE_S = 0.5
"""How long the kernel's end waits for all subshells together."""


class Subshells:
    """All subshells but the main one, which has no entry (SUBSHELL-05).

    Args:
        around: What each works with.
        beside: Looks after questions that wait for code.
        on_end: Called in the I/O thread with the id of each that has ended.
    """

    def __init__(self, around: Surroundings, beside: Beside, on_end: Callable[[str], None]) -> None:
        self._beside = beside
        self._on_end = on_end
        self._around = around
        self._is_served = Event()
        """Set once there is an interpreter, or none will be."""
        self._responder = around.responder
        self._served: Served | None = None
        self._handlers = Handlers()
        self._handlers.on(protocol.CreateSubshellRequest, self._create)
        self._handlers.on(protocol.DeleteSubshellRequest, self._delete)
        self._handlers.on(protocol.ListSubshellRequest, self._list)
        # Not when they are needed: the I/O thread must not wait for an import in another one.
        protocol.preload("CreateSubshellReply", "DeleteSubshellReply", "ListSubshellReply")
        protocol.preload("ErrorReply", "Stream")
        self._table: dict[str, Subshell] = {}
        self._ending: list[Subshell] = []
        """Deleted, and still at work on what they had received."""

    def serve(
        self, interpreter: ConcurrentInterpreter, handlers_of: Callable[[Subshell], Handlers]
    ) -> None:
        """Let the subshells begin: there is an interpreter."""
        self._served = Served(interpreter=interpreter, handlers_of=handlers_of)
        self._is_served.set()

    def close(self) -> None:
        """End all threads, or leave behind those that go on; in the main thread, at the end.

        Deletions that wait for one are answered.
        """
        every = [*self._table.values(), *self._ending]
        for subshell in every:
            subshell.lane.stop()
        self._is_served.set()
        end = monotonic() + CLOSE_S
        for subshell in every:
            subshell.lane.close(max(0.0, (end - monotonic()) / 2))
            if subshell.lane.is_alive:  # it has swallowed the interrupt, or it came too early
                self._around.io.log.call(self.interrupt)
                subshell.lane.close(max(0.0, end - monotonic()))
            self._around.io.log.call(subshell.on_end)

    def of_thread(self, thread: int) -> Subshell | None:
        """Return the one that runs in *thread*; in any thread."""
        for subshell in [*self._table.values(), *self._ending]:
            if subshell.lane.ident == thread:
                return subshell
        return None

    @property
    def idents(self) -> tuple[str, ...]:
        """Their ids, oldest first; in any thread."""
        return tuple(self._table)

    # --- In the I/O thread.

    def receive(self, request: Request) -> bool:
        """Take a request about subshells on control, or for one on shell.

        Returns:
            False if it is for one that is not there, and the main shell is to handle it.
        """
        if request.channel is Channel.CONTROL:
            serve(request, self._handlers, self._responder)
            return True
        return self._put(request)

    def _put(self, request: Request) -> bool:
        """Hand *request* to the subshell that its header names, or refuse it."""
        ident = request.subshell_id
        subshell = self._table.get(ident) if ident is not None else None
        if subshell is None:
            # A page that is closed deletes its subshell first, and nobody else closes its comms.
            if request.header.msg_type == "comm_close":
                return False
            self._refuse(request, _unknown(request.envelope.header.subshell_id))
        else:
            was_busy = not subshell.is_idle
            subshell.put(request)
            if was_busy:
                self._beside.watch(request, subshell)
        return True

    def interrupt(self) -> None:
        """Interrupt whatever runs in any of them (SUBSHELL-20, AMB-36)."""
        for subshell in [*self._table.values(), *self._ending]:
            subshell.interrupt()

    def _create(self, _: Request, __: protocol.CreateSubshellRequest) -> Answer:
        ident = os.urandom(8).hex()
        subshell = Subshell(ident, self._around, self._beside, self._wait_for_served, self._forget)
        self._table[ident] = subshell
        subshell.lane.start()
        return protocol.CreateSubshellReply(subshell_id=ident)

    def _delete(self, request: Request, content: protocol.DeleteSubshellRequest) -> Answer:
        subshell = self._table.pop(content.subshell_id, None)
        if subshell is None:
            return error_reply(request, UNKNOWN, _unknown(content.subshell_id))
        self._ending.append(subshell)
        if subshell.is_idle:
            request.is_deferred = True
            subshell.on_end = lambda: self._say_deleted(request)
            self._around.io.call_later(DELETE_S, subshell.on_end)
        subshell.lane.finish()
        return None if request.is_deferred else protocol.DeleteSubshellReply()

    def _say_deleted(self, request: Request) -> None:
        if request.finished:
            return
        request.finished = True
        self._responder.reply(request, Reply(protocol.DeleteSubshellReply()))
        self._responder.status("idle", request)

    def _forget(self, subshell: Subshell) -> None:
        subshell.lane.close(GONE_S)  # it has nothing more to do: no thread is counted that is gone
        self._on_end(subshell.ident)
        if subshell in self._ending:
            self._ending.remove(subshell)
        subshell.on_end()

    def _list(self, _: Request, __: protocol.ListSubshellRequest) -> Answer:
        return protocol.ListSubshellReply(subshell_id=tuple(self._table))

    def _wait_for_served(self) -> Served | None:
        self._is_served.wait()
        return self._served

    def _refuse(self, request: Request, evalue: str) -> None:
        count = self._served.interpreter.execution_count if self._served is not None else 0
        logger.warning("%s: %s", request.header.msg_type, evalue)
        self._responder.status("busy", request)
        refusal = error_reply(request, UNKNOWN, evalue, execution_count=count)
        if refusal is not None:
            self._responder.reply(request, Reply(refusal))
        self._responder.status("idle", request)


def _unknown(ident: object) -> str:
    return f"Unknown subshell_id {ident!r:.80}"
