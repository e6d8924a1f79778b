"""Which tasks are not to run: those that clients have aborted, and those behind a failed cell.

**Theory of operation.** An abort_request comes by control and may overtake the task that it names,
so ids are remembered until their task comes (ENGINE-14). All is done in the I/O thread, which also
puts tasks into the main lane: a task is either found waiting there, or its id is found when it
comes. What runs already is not stopped: a client sends a signal for that.
"""

from __future__ import annotations

from collections import OrderedDict

from assay.kernel._request import Request
from assay.kernel.lanes._main_lane import MainLane
from assay.protocol import AbortReply, AbortRequest, Channel
from assay.transport import IoThread

__all__ = ["Aborts"]

MAX_REMEMBERED = 100_000
"""Ids whose tasks have not come, and may never do: schedulers give a task to one engine, and
clients send its abort to all. At 200 bytes each, 20 MB at most."""


class Aborts:
    """The ids of tasks that are not to run.

    Args:
        io: Reads what has arrived by shell.
        main: The lane that tasks wait in.
    """

    def __init__(self, io: IoThread, main: MainLane) -> None:
        self._io = io
        self._main = main
        self._awaited: OrderedDict[str, None] = OrderedDict()

    def abort(self, _: Request, content: AbortRequest) -> AbortReply:
        """Mark the tasks that *content* names, or all that have arrived if it names none."""
        ids = [content.msg_ids] if isinstance(content.msg_ids, str) else list(content.msg_ids)
        self._io.drain(Channel.SHELL)
        waiting = self._main.lane.waiting()
        if not ids:
            for request in waiting:
                request.aborted = True
            return AbortReply()
        found = {str(request.header.msg_id): request for request in waiting}
        for one in ids:
            if one in found:
                found[one].aborted = True
            else:
                self._remember(one)
        return AbortReply()

    def look_at(self, request: Request) -> None:
        """Mark *request*, which has just come, if it was aborted before."""
        if self._awaited and request.header.msg_id in self._awaited:
            del self._awaited[request.header.msg_id]
            request.aborted = True

    def _remember(self, msg_id: str) -> None:
        self._awaited[msg_id] = None
        self._awaited.move_to_end(msg_id)
        if len(self._awaited) > MAX_REMEMBERED:
            self._awaited.popitem(last=False)
