"""The heartbeat (spec/chapters/heartbeat.md)."""

from __future__ import annotations

from collections.abc import Sequence

from assay.conformance._check import check
from assay.conformance._outcome import Outcome, failed, passed
from assay.conformance._testee import Testee
from assay.conformance.checks._cells import looping, stop
from assay.protocol import Channel
from assay.transport import RawSocket

__all__: list[str] = []

PAYLOADS = {
    "a word": b"ping",
    "no bytes": b"",
    "every byte": bytes(range(256)),
    "a delimiter": b"<IDS|MSG>",
    "a megabyte": b"\x00\xff" * (1 << 19),
}

CLIENTS = 5
PINGS = 20


@check(
    "HB-01.1",
    "whatever bytes are sent to the heartbeat come back unchanged",
    mistake="The heartbeat answers with a word of its own, or splits the bytes into frames.",
)
def bytes_come_back(kernel: Testee) -> Outcome:
    for name, payload in PAYLOADS.items():
        if not kernel.peer.beat(payload):
            return failed(f"{name} back", "nothing, or something else")
    return passed()


@check(
    "HB-02.1",
    "the heartbeat answers while a cell runs",
    process=True,
    snippets=("loop",),
    slow=True,
    mistake="The heartbeat is served by the thread, or under the lock, of the running code.",
)
def beats_while_busy(kernel: Testee) -> Outcome:
    cell = looping(kernel)
    for _ in range(3):
        if not kernel.peer.beat():
            return failed("the ping back while the cell runs", "nothing", cell)
    stop(kernel, cell)
    return passed()


@check(
    "HB-03.1",
    "a signed shutdown_request sent to the heartbeat comes back and has no effect",
    mistake="The heartbeat is served by the code that reads the other channels.",
)
def messages_are_bytes(kernel: Testee) -> Outcome:
    draft = kernel.peer.draft("shutdown_request", {"restart": False})
    payload = b"".join(draft.frames(kernel.peer.signer))
    if not kernel.peer.beat(payload):
        return failed("the same bytes", "nothing, or something else")
    if not kernel.peer.quiet(Channel.CONTROL) or not kernel.is_running:
        return failed("a kernel that stays", "no answer on control")
    return passed()


@check("HB-04.1", "the pings of several clients come back to each of them")
def many_clients(kernel: Testee) -> Outcome:
    peers = [kernel.connect(f"beat-{number}") for number in range(CLIENTS)]
    for round_number in range(PINGS):
        for number, peer in enumerate(peers):
            if not peer.beat(b"%d of %d" % (round_number, number)):
                return failed("the ping back", "nothing, or that of another client")
    return passed()


@check("HB-05.1", "a kernel that answers kernel_info answers the heartbeat", fresh=True)
def beats_from_the_start(kernel: Testee) -> Outcome:
    if not kernel.peer.beat():
        return failed("the ping back", "nothing")
    return passed()


def _echo(kernel: Testee, frames: Sequence[bytes], name: str) -> Outcome:
    """Send *frames* from a REQ of its own, as they are, and look for the same."""
    with RawSocket.pinger(kernel.connection) as pinger:
        pinger.send(frames)
        found = pinger.receive(kernel.patience)
    if found != tuple(frames):
        return failed(f"{name} back", "nothing" if found is None else "something else")
    return passed()


@check(
    "HB-01.2",
    "an empty ping comes back",
    mistake="An empty frame is taken for none.",
)
def empty_ping(kernel: Testee) -> Outcome:
    kernel.peer.ask("kernel_info_request").succeeded()
    return _echo(kernel, [b""], "an empty ping")


@check("HB-03.2", "a ping of several frames comes back with all of them", ours=True)
def several_frames(kernel: Testee) -> Outcome:
    """Judge by our own reading: clients send pings of one frame."""
    return _echo(kernel, [b"one", b"", b"three"], "three frames")


@check(
    "HB-04.2",
    "the heartbeat serves a client that connects while another one is connected",
    mistake="The socket is a PAIR, which has one peer.",
)
def second_client(kernel: Testee) -> Outcome:
    with RawSocket.pinger(kernel.connection) as first:
        first.send([b"first"])
        if first.receive(kernel.patience) != (b"first",):
            return failed("a ping back", "nothing, or something else")
        return _echo(kernel, [b"second"], "the ping of a second client")
