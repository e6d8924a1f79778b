"""What is answered beside code that runs: questions that need not wait for its end (AMB-74).

**Theory of operation.** Every shell request goes into the lane of its shell, in order. While the
thread of that shell runs code, the I/O thread looks after those that ask something:

| step | where | what |
|---|---|---|
| `watch` | I/O thread, as it comes | of several completions of one client the newest counts |
| `PATIENCE_S` later | I/O thread | what still waits for code leaves the lane: busy |
| answer | a thread here | by an `Onlooker`, which runs none of the user's code |
| out of time | I/O thread | whatever takes too long is answered without a finding |

Before that, the shell's thread may take it: between two cells, or between the steps of a cell that
awaits (`MainLane.visit`). A short cell changes nothing, therefore: neither the order nor who
answers. What is answered between the steps of a cell may run the user's code, which may take long
or wait. So its time is limited (`limit`): after `HANDOVER_S` it is looked for here as well, and
out of time it is answered without a finding.

Why no request is answered twice or not at all: it leaves its lane once, whichever thread takes it
(`Lane.take`). What is to be answered here, or in a limited time, is in `_open` until one thread
removes it, which is one step, and only that thread replies and says idle.

There are two threads, each started when it is needed first: in one the namespace is looked at,
which may take long; in the other one short questions are answered. What says that nothing was found
needs no thread of its own, once it is imported, which is the first thing that either thread does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from assay.kernel._request import Request
from assay.kernel.dispatch._handlers import Handlers, serve
from assay.kernel.dispatch._replies import Responder
from assay.kernel.lanes._answering import unlimited
from assay.kernel.lanes._thread_lane import ThreadLane
from assay.kernel.output._parents import Parents

__all__ = ["Beside"]

PATIENCE_S = 0.05
"""How long a question waits for the main thread, which answers better: not to be noticed."""

DEADLINE_S: Mapping[str, float] = {
    "complete_request": 0.7,
    "inspect_request": 0.7,
    "is_complete_request": 0.7,
    "history_request": 5.0,
    "comm_info_request": 5.0,
    "connect_request": 5.0,
}
"""How long the answer to what may be asked beside code may take. JupyterLab waits a second for a
completion, a console for `is_complete`; the history may be locked by another kernel."""

HANDOVER_S = 0.5
"""How long the user's own code may look for what a client asks between the steps of a cell, until
it is looked for here as well."""

LOOKED_UP = frozenset({"complete_request", "inspect_request"})
"""What looks at the user's objects."""

KERNEL_INFO = "kernel_info_request"
"""What the I/O thread answers."""


class Shell(Protocol):
    """The lane of a shell, as far as its questions are looked after."""

    @property
    def runs_code(self) -> bool:
        """True while its thread runs code of the user's that others need not wait for."""
        ...

    def waiting(self) -> list[Request]:
        """Return the requests that wait, first to last."""
        ...

    def withdraw(self, request: Request) -> bool:
        """Take *request* out, to be answered elsewhere; return False if it does not wait there."""
        ...


class Beside:
    """The questions that are answered while a shell runs code.

    Everything is called in the I/O thread, but for what says otherwise.

    Args:
        at_once: Answers kernel_info.
        responder: Sends replies and status.
        parents: Keeps whose the threads' output is.
        call: Calls a function in the I/O thread; from any.
        call_later: Calls a function in the I/O thread, some seconds from now.
    """

    def __init__(
        self,
        *,
        at_once: Handlers,
        responder: Responder,
        parents: Parents,
        call: Callable[[Callable[[], None]], None],
        call_later: Callable[[float, Callable[[], None]], None],
    ) -> None:
        self._at_once = at_once
        self._responder = responder
        self._parents = parents
        self._call = call
        self._call_later = call_later
        self._handlers: Handlers | None = None
        self._without_finding: Handlers | None = None
        self._is_serving = False
        self._open: set[Request] = set()
        self._looks = ThreadLane("assay-looks", partial(self._handle, looks=True))
        self._asks = ThreadLane("assay-asks", partial(self._handle, looks=False))

    def serve(self, handlers: Handlers | None, without_finding: Handlers | None) -> None:
        """Answer with *handlers* from now on; called once, in any thread.

        Args:
            handlers: For two threads beside the main one; None if the interpreter cannot be asked
                while it runs code.
            without_finding: What is answered when time is up, or a newer question has come.
        """
        self._handlers, self._without_finding = handlers, without_finding
        self._is_serving = True

    def close(self) -> None:
        """End the threads, or leave behind what hangs; in any thread."""
        self._looks.close()
        self._asks.close()

    def watch(self, request: Request, shell: Shell) -> None:
        """See to *request*, which has just been put into the lane of a *shell* that is busy."""
        msg_type = request.header.msg_type
        if msg_type == KERNEL_INFO or (msg_type in DEADLINE_S and self._may_answer):
            if msg_type == "complete_request" and self._handlers and shell.runs_code:
                self._pass_over_before(request, shell)
            self._call_later(PATIENCE_S, partial(self._look_after, request, shell))

    def limit(self, request: Request) -> Callable[[], bool]:
        """Limit the time of *request*, which is answered in the middle of a cell; in that thread.

        Returns:
            A function to call before the reply, once: True if it is to be sent, False if it has
            been answered here.
        """
        if self._without_finding is None or request.header.msg_type not in DEADLINE_S:
            return unlimited
        self._open.add(request)
        self._call(partial(self._limit, request))
        return partial(self._close_question, request)

    @property
    def _may_answer(self) -> bool:
        return self._handlers is not None or not self._is_serving

    def _look_after(self, request: Request, shell: Shell) -> None:
        is_info = request.header.msg_type == KERNEL_INFO
        if not shell.runs_code or not self._is_serving:
            # Between two requests, or the kernel still starts: the next cell may take long.
            if any(one is request for one in shell.waiting()):
                self._call_later(PATIENCE_S, partial(self._look_after, request, shell))
        elif (is_info or self._may_answer) and shell.withdraw(request):
            if is_info:
                serve(request, self._at_once, self._responder)
            else:
                self._open_question(request)
                self._lane_of(request).put(request)

    def _pass_over_before(self, newest: Request, shell: Shell) -> None:
        """Answer without a finding what the client of *newest* asked before, if it still waits."""
        for one in shell.waiting():
            if one is not newest and _is_older(one, newest) and shell.withdraw(one):
                self._open_question(one)
                self._answer_without_finding(one)
        for one in self._looks.lane.waiting():
            if _is_older(one, newest):
                self._answer_without_finding(one)

    def _limit(self, request: Request) -> None:
        msg_type = request.header.msg_type
        if msg_type in LOOKED_UP:
            self._call_later(HANDOVER_S, partial(self._hand_over, request))
        self._call_later(DEADLINE_S[msg_type], partial(self._answer_without_finding, request))

    def _hand_over(self, request: Request) -> None:
        if request in self._open:
            self._lane_of(request).put(request)

    def _open_question(self, request: Request) -> None:
        self._open.add(request)
        self._responder.status("busy", request)
        deadline = DEADLINE_S[request.header.msg_type]
        self._call_later(deadline, partial(self._answer_without_finding, request))

    def _close_question(self, request: Request) -> bool:
        """Return True if the caller is the one that answers *request*; in any thread."""
        try:
            self._open.remove(request)
        except KeyError:
            return False  # another thread has answered
        return True

    def _answer_without_finding(self, request: Request) -> None:
        without_finding = self._without_finding
        assert without_finding is not None, "watched only then"
        if request not in self._open:
            return
        if without_finding.has_deferred:  # to import it may take long
            self._other_lane(request).put(request)
        else:
            self._answer(request, without_finding)

    def _lane_of(self, request: Request) -> ThreadLane:
        return self._looks if request.header.msg_type in LOOKED_UP else self._asks

    def _other_lane(self, request: Request) -> ThreadLane:
        return self._asks if request.header.msg_type in LOOKED_UP else self._looks

    # --- In the two threads.

    def _handle(self, request: Request, *, looks: bool) -> None:
        handlers, without_finding = self._handlers, self._without_finding
        assert handlers is not None, "watched only then"
        assert without_finding is not None, "watched only then"
        without_finding.load_deferred()
        if request in self._open:
            self._parents.set_parent(request)
            is_its_own = looks == (request.header.msg_type in LOOKED_UP)
            self._answer(request, handlers if is_its_own else without_finding)

    # --- In any of the three.

    def _answer(self, request: Request, handlers: Handlers) -> None:
        reply = handlers.answer(request)
        if not self._close_question(request):
            return
        if reply is not None:
            self._responder.reply(request, reply)
        request.finished = True
        self._responder.status("idle", request)


def _is_older(one: Request, newest: Request) -> bool:
    """Return True if *one* is a completion that the client of *newest* has asked of that shell."""
    return (
        one.header.msg_type == newest.header.msg_type
        and one.envelope.identities == newest.envelope.identities
        and one.header.session == newest.header.session
        and one.subshell_id == newest.subshell_id
    )
