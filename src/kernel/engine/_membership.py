"""Notice that the hub does not list this engine: it has dropped it, or given up its registration.

A hub drops an engine that misses its pings: one whose process was suspended, or whose machine was
cut off. It says so to schedulers and clients, and never to the engine, which would stay for ever
and get no task. So an engine asks for the list once it is announced, and when it has been out of
touch: at once, and again when the hub has counted some more pings, since it may be about to drop it
(ENGINE-20).

| listed before | in the list | then                                                        |
|---------------|-------------|-------------------------------------------------------------|
| no            | yes         | the registration is complete                                |
| no            | no          | it is asked again; after `LONGEST_S` the hub has given it up |
| yes           | yes         | nothing has happened                                        |
| yes           | no          | the hub has dropped it                                      |

Clients learn of engines that are listed. So one that had a request when it asked was listed before;
one that gets its first between question and answer was not, as far as that answer goes.

Its number and identity cannot be used again: the hub knows the heart, and waits for a new one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from assay._clock import monotonic
from assay.protocol import (
    ConnectionReply,
    ConnectionRequest,
    ContentError,
    RemoteError,
    Session,
    structure,
)
from assay.transport import HubLine, IoThread, get_logger

__all__ = ["Membership"]

logger = get_logger("assay.kernel")

LONGEST_S = 60.0
"""How long a registration may last, and twenty periods at least: twice what hubs allow."""

SETTLED_PERIODS = 3
"""After so many pings that were answered, the hub counts no missed ones any more."""


class Membership:
    """Ask the hub for its engines; in the I/O thread.

    Args:
        io: Reads the answers.
        line: Leads to the hub.
        session: Signs and verifies; of the engine.
        period_s: From one ping to the next.
        was_asked: Return True once there was a request: clients learn of engines that are listed.
        dropped: Called once with the reason if the engine is not listed.
        now: A monotonic clock, in seconds.
    """

    def __init__(
        self,
        io: IoThread,
        line: HubLine,
        session: Session,
        *,
        period_s: float,
        was_asked: Callable[[], bool],
        dropped: Callable[[str], None],
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._io = io
        self._line = line
        self._session = session
        self._period_s = period_s
        self._was_asked = was_asked
        self._dropped: Callable[[str], None] | None = dropped
        self._now = now
        self._began = now()
        self._is_listed = False
        self._questions: deque[bool] = deque()
        """For each that is not answered, oldest first: whether clients knew the engine by then.

        The hub answers them in turn. Where an answer is lost, those after it are judged by an
        earlier question: that ends no engine, and the next question settles it.
        """
        io.watch(line.socket, self._read)
        io.call_later(2 * period_s, self._ask)

    def check(self) -> None:
        """Ask: the engine has been out of touch."""
        self._ask()
        self._io.call_later(SETTLED_PERIODS * self._period_s, self._ask)

    def _ask(self) -> None:
        self._questions.append(self._was_asked())
        self._line.send(self._session.pack(ConnectionRequest()))

    def _read(self) -> None:
        for frames in self._line.receive():
            try:
                envelope = self._session.open(frames)
                if envelope.header.msg_type == ConnectionReply.msg_type:
                    self._look(structure(ConnectionReply, envelope.content))
            except (RemoteError, ContentError) as error:
                logger.warning("an answer of the hub is dropped: %s", error)

    def _look(self, reply: ConnectionReply) -> None:
        was_known = self._questions.popleft() if self._questions else False
        if self._session.session in reply.engines.values():
            self._is_listed = True
        elif self._is_listed or was_known:
            self._end("the controller has dropped this engine, which was out of touch")
        elif self._now() - self._began > max(LONGEST_S, 20 * self._period_s):
            self._end("the controller has given up the registration of this engine")
        else:
            self._io.call_later(2 * self._period_s, self._ask)

    def _end(self, reason: str) -> None:
        dropped, self._dropped = self._dropped, None
        if dropped is not None:
            dropped(reason)
