"""Send replies to the clients that asked, and hold little for one that does not read them.

Theory of operation
-------------------

A ROUTER keeps a queue for each client that counts messages, and drops silently what does not fit.
Here its queues have no bound, and what they hold is counted in bytes: each `MARK_BYTES` or
`MARK_EVERY` replies to one client, one is marked, and pyzmq tells when the client's connection has
taken it and all before it. What marks cover that are not taken *flies*.

| client  | much flies, and some of it to this one            | what flew was taken            |
|---------|---------------------------------------------------|--------------------------------|
| reads   | keep the reply → **waits**                        | send                           |
| waits   | keep; nothing taken for its patience → drop what  | send what was kept → **reads** |
|         | is kept → **stopped**                             |                                |
| stopped | drop                                              | tell how many → **reads**      |

While much is kept, writers wait (`hold`), those who run the requests among them: so a client that
reads slowly gets everything, and one that stopped costs the others its patience once. The I/O
thread, which answers some requests itself, cannot wait; what it would keep for a client above
`MAX_CLIENT_BYTES` is dropped at once. The requests of a client that stopped are executed as others.

All this runs in the I/O thread.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from assay.protocol import Buffer, Channel
from assay.transport._frames import NOBLOCK, send_frames
from assay.transport._logger import get_logger
from assay.transport._sharing import Mark
from assay.transport._sockets import KernelSockets

__all__ = ["Replies"]

logger = get_logger("assay.transport")

MAX_FLYING_BYTES = 4 * 1024 * 1024
"""What ZeroMQ is given for one client, if it is more than one reply; and for all together."""

MAX_KEPT_BYTES = 4 * 1024 * 1024
"""What is kept of replies before writers have to wait."""

MAX_CLIENT_BYTES = 16 * 1024 * 1024
"""What is kept for one client in any case; more than `MAX_KEPT_BYTES` and all that the log holds,
so that it is reached by those alone who do not wait."""

PATIENCE_S = 3.0
PATIENCE_S_PER_BYTE = 1e-6
"""How long a client may take nothing; a large reply is seen to be taken when all of it is."""

MARK_BYTES = 64 * 1024
MARK_EVERY = 16
"""What goes to a client between two marks; a mark takes 20 µs."""

MESSAGE_BYTES = 1024
"""What a reply takes in memory besides its frames."""

RETRY_S = 0.005
LOOK_BACK_S = 0.5
"""How often it is looked whether a client has taken something: one that waits, one that stopped."""

MAX_CLIENTS = 1_000
"""Of how many clients is remembered what went to them since the last mark."""

Key: TypeAlias = "tuple[Channel, bytes]"


class _Client:
    """What is known of one client on one channel."""

    def __init__(self) -> None:
        self.unmarked_bytes = 0
        self.unmarked = 0
        self.flying: deque[tuple[Mark, int]] = deque()
        self.flying_bytes = 0
        self.kept: deque[tuple[list[Buffer], int]] = deque()
        self.kept_bytes = 0
        self.waits_since: float | None = None
        self.dropped = 0
        """How many replies it has lost; it has stopped if there are any."""

    def take_note(self) -> int:
        """Forget what has been taken; return its bytes."""
        taken = 0
        while self.flying and self.flying[0][0].done:
            taken += self.flying.popleft()[1]
        self.flying_bytes -= taken
        return taken


class Replies:
    """The sender of what goes to one client alone.

    Args:
        sockets: Used by the I/O thread.
        now: A monotonic clock, in seconds.
        hold: Called with True when too much is kept, with False when it is not any more.
        on_dropped: Called with the number of replies a client lost, when it has read the others.
        patience_s: How long a client may take nothing, besides the time for what it was sent.
    """

    def __init__(
        self,
        sockets: KernelSockets,
        *,
        now: Callable[[], float],
        hold: Callable[[bool], None],
        on_dropped: Callable[[int], None],
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._patience_s = patience_s
        self._sockets = sockets
        self._now = now
        self._hold = hold
        self._on_dropped = on_dropped
        self._clients: dict[Key, _Client] = {}
        self._late: set[Key] = set()
        """Those that wait or have stopped."""
        self._flying_bytes = 0
        self._kept_bytes = 0
        self._held = False

    @property
    def timeout_s(self) -> float | None:
        """When `pump` is to be called again; None if there is nothing to do."""
        if self._kept_bytes:
            return RETRY_S
        return LOOK_BACK_S if self._late else None

    @property
    def is_waiting(self) -> bool:
        """True if something is kept for a client."""
        return self._kept_bytes > 0

    @property
    def held_bytes(self) -> int:
        """What clients have not taken, here and in ZeroMQ, as far as it is counted."""
        return self._flying_bytes + self._kept_bytes

    def send(self, channel: Channel, frames: list[Buffer], size: int) -> None:
        """Send *frames*, of *size* bytes, to the client that the first of them names."""
        key = channel, bytes(frames[0])
        client = self._clients.get(key)
        if client is None:
            self._forget_idle()
            client = self._clients[key] = _Client()
        if key not in self._late and self._is_sent(key, client, frames, size):
            return
        self._late.add(key)
        if client.dropped or (client.kept_bytes > MAX_CLIENT_BYTES and self._patience_s < math.inf):
            self._drop(client, 1)
            return
        client.kept.append((frames, size))
        self._keep(client, size + MESSAGE_BYTES)
        self._hold_if_much_is_kept()

    def pump(self) -> None:
        """Send what was kept, as far as it goes, and tell those who read again."""
        for key in [*self._late]:
            self._serve(key, self._clients[key])
        self._hold_if_much_is_kept()

    def _serve(self, key: Key, client: _Client) -> None:
        """Give one that is late what it can take."""
        if self._take_note(client):
            client.waits_since = None
        while client.kept and self._is_sent(key, client, *client.kept[0]):
            self._keep(client, -client.kept.popleft()[1] - MESSAGE_BYTES)
        if client.kept:
            now = self._now()
            if client.waits_since is None:
                client.waits_since = now
            elif now - client.waits_since >= self._patience_of(client):
                self._keep(client, -client.kept_bytes)
                self._drop(client, len(client.kept))
                client.kept.clear()
        elif not client.flying:
            self._late.discard(key)
            client.waits_since = None
            if client.dropped:
                dropped, client.dropped = client.dropped, 0
                self._on_dropped(dropped)

    def _patience_of(self, client: _Client) -> float:
        return self._patience_s + PATIENCE_S_PER_BYTE * client.flying_bytes

    def _is_sent(self, key: Key, client: _Client, frames: list[Buffer], size: int) -> bool:
        if client.flying and not self._has_room(client, size):
            return False
        client.unmarked_bytes += size + MESSAGE_BYTES
        client.unmarked += 1
        marks = client.unmarked_bytes >= MARK_BYTES or client.unmarked >= MARK_EVERY
        socket = self._sockets.of(key[0])
        mark = send_frames(socket, frames, NOBLOCK, mark=marks, size=size)
        if mark is not None:
            client.flying.append((mark, client.unmarked_bytes))
            client.flying_bytes += client.unmarked_bytes
            self._flying_bytes += client.unmarked_bytes
            client.unmarked_bytes = client.unmarked = 0
        return True

    def _has_room(self, client: _Client, size: int) -> bool:
        self._take_note(client)
        if self._flying_bytes + size > MAX_FLYING_BYTES:
            for other in self._clients.values():
                self._take_note(other)
        return not client.flying or self._flying_bytes + size <= MAX_FLYING_BYTES

    def _take_note(self, client: _Client) -> int:
        taken = client.take_note()
        self._flying_bytes -= taken
        return taken

    def _keep(self, client: _Client, more: int) -> None:
        client.kept_bytes += more
        self._kept_bytes += more

    def _drop(self, client: _Client, count: int) -> None:
        if not client.dropped:
            logger.warning("dropped replies to a client that does not read them")
        client.dropped += count

    def _hold_if_much_is_kept(self) -> None:
        held = self._kept_bytes > (MAX_KEPT_BYTES // 2 if self._held else MAX_KEPT_BYTES)
        if held != self._held:
            self._held = held
            self._hold(held)

    def _forget_idle(self) -> None:
        if len(self._clients) >= MAX_CLIENTS:
            idle = [key for key, client in self._clients.items() if not client.flying]
            for key in [key for key in idle if key not in self._late]:
                del self._clients[key]
