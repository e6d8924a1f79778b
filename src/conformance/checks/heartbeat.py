"""The heartbeat (spec/chapters/heartbeat.md)."""

from __future__ import annotations

from assay.conformance._check import check
from assay.conformance._outcome import Outcome, Skip, failed, passed
from assay.conformance._testee import Testee
from assay.protocol import Channel

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
    fresh=True,
    snippets=("loop",),
    slow=True,
    mistake="The heartbeat is served by the thread, or under the lock, of the running code.",
)
def beats_while_busy(kernel: Testee) -> Outcome:
    cell = kernel.peer.execute(kernel.snippet("loop"), wait=False)
    if not kernel.peer.wait_for(lambda: cell.of_type("execute_input") or cell.busy):
        raise Skip("nothing on IOPub shows that the code runs")
    for _ in range(3):
        if not kernel.peer.beat():
            return failed("the ping back while the cell runs", "nothing", cell)
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
