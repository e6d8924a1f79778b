"""Busy and idle that name no request of ours as parent.

The text forbids none of them: a side effect typically has a parent, and a kernel may be busy with
work of its own. So one that comes behind a wrong message accuses only a kernel whose right requests
bring none, and only if it comes again with the same message.
"""

from __future__ import annotations

from collections.abc import Callable

from assay.conformance._arrival import Arrival
from assay.conformance._outcome import Skip
from assay.conformance._peer import Peer
from assay.protocol import Channel

__all__ = ["must_name_requests", "stray_status", "strays"]


def strays(peer: Peer, start: int, unasked: str = "") -> list[Arrival]:
    """Return each busy and idle since the arrival *start* that names no request of *peer*.

    Args:
        peer: Who asked, and read all that came.
        start: How many arrivals to leave out.
        unasked: The id of a message that is as good as not sent.
    """
    known = {one.msg_id for one in peer.asked} - {unasked}
    return [
        one
        for one in peer.arrivals[start:]
        if one.state in {"busy", "idle"} and one.parent_id not in known
    ]


def must_name_requests(peer: Peer, channel: Channel = Channel.SHELL) -> None:
    """Require that right requests of *peer* on *channel* bring no status that names none.

    Raises:
        Skip: a right request brought one, so such a status shows no fault.
    """
    peer.quiet(channel)
    start = len(peer.arrivals)
    # What is published behind the idle of one request is here with that of the next.
    peer.quiet(channel)
    peer.quiet(channel)
    if strays(peer, start):
        raise Skip("busy and idle of right requests name no request, too (HDR-13)")


def stray_status(peer: Peer, sent: Callable[[], str]) -> Arrival | None:
    """Return a status that *sent* has brought each time it was called, None if there is none.

    Args:
        peer: A client for which `must_name_requests` has passed.
        sent: Sends something wrong and waits until its effects are here; returns its id, if any.
    """
    found = None
    for _ in range(2):
        start = len(peer.arrivals)
        found = next(iter(strays(peer, start, sent())), None)
        if found is None:
            return None
    return found
