"""The IOPub socket (spec/chapters/iopub.md): subscribers, welcomes, starting."""

from __future__ import annotations

from assay.conformance._arrival import Arrival
from assay.conformance._check import check
from assay.conformance._outcome import Outcome, Skip, failed, passed
from assay.conformance._peer import Peer
from assay.conformance._response import Response
from assay.conformance._testee import Testee
from assay.conformance.checks._cells import must_run, new_name
from assay.protocol import Channel

__all__: list[str] = []

WELCOME_SINCE = (5, 5)


def _welcome(kernel: Testee, name: str = "two") -> Arrival:
    """Return the welcome of one more client.

    Raises:
        Skip: the kernel's protocol has none, or none came.
    """
    found = _welcomes(kernel, name)
    if not found:
        raise Skip("no iopub_welcome came (IOPUB-02)")
    return found[0]


def _welcomes(kernel: Testee, name: str) -> list[Arrival]:
    if kernel.version < WELCOME_SINCE and not _own_welcomes(kernel):
        shown = ".".join(map(str, kernel.version))
        raise Skip(f"protocol {shown} has no iopub_welcome")
    peer = kernel.connect(name)
    # Once output arrives, the subscription stands, and the welcome was published before.
    if not kernel.reaches(peer):
        raise Skip("one more client receives nothing on IOPub")
    peer.quiet()
    return [one for one in peer.on(Channel.IOPUB) if one.msg_type == "iopub_welcome"]


@check(
    "IOPUB-02.1",
    "a new subscriber gets an iopub_welcome with the subscription",
    mistake="The socket is a PUB, which does not report subscriptions.",
)
def welcome_comes(kernel: Testee) -> Outcome:
    found = _welcomes(kernel, "two")
    if not found:
        return failed("an iopub_welcome", "none")
    if found[0].content.get("subscription") != "":
        return failed("an empty subscription", repr(found[0].content.get("subscription")), found[0])
    return passed()


@check(
    "IOPUB-03.1",
    "the second and the third subscriber get an iopub_welcome each",
    mistake="The socket is not verbose, so it reports only the first subscriber of a topic.",
)
def later_welcomes(kernel: Testee) -> Outcome:
    # The first of them is at least the second subscriber: `kernel.peer` was there before.
    for name in ("two", "three"):
        if not _welcomes(kernel, name):
            return failed(f"an iopub_welcome for client {name}", "none")
    return passed()


@check("IOPUB-04.1", "the parent header of an iopub_welcome is empty")
def welcome_has_no_parent(kernel: Testee) -> Outcome:
    welcome = _first_welcome(kernel)
    if welcome.parent_header:
        return failed("an empty parent header", repr(dict(welcome.parent_header)), welcome)
    return passed()


def _first_welcome(kernel: Testee) -> Arrival:
    """Return the welcome of the first client, or else of one more."""
    mine = _own_welcomes(kernel)
    return mine[0] if mine else _welcome(kernel)


def _own_welcomes(kernel: Testee) -> list[Arrival]:
    return [one for one in kernel.peer.on(Channel.IOPUB) if one.msg_type == "iopub_welcome"]


@check("IOPUB-05.1", "the topic of an iopub_welcome is the subscription")
def topic_of_welcome(kernel: Testee) -> Outcome:
    welcome = _first_welcome(kernel)
    # Whether an empty topic is a frame of its own is for WIRE-11.
    if any(welcome.identities):
        return failed("an empty topic", repr(welcome.identities), welcome)
    return passed()


@check(
    "IOPUB-08.1",
    "two subscribers get the same frames",
    snippets=("print",),
    mistake="Output is sent to the client whose cell runs.",
)
def same_for_all(kernel: Testee) -> Outcome:
    must_run(kernel)
    other = kernel.connect("two")
    if not kernel.reaches(other):
        return failed("a second client that receives on IOPub", "it receives nothing")
    cell = kernel.peer.execute(kernel.snippet("print", text=new_name()))
    kernel.peer.quiet()
    # What this client's own request publishes comes behind all that the cell has published.
    other.quiet()
    return _all_there(cell, other)


@check("IOPUB-08.2", "the first client receives the output of the second", snippets=("print",))
def others_receive(kernel: Testee) -> Outcome:
    must_run(kernel)
    other = kernel.connect("two")
    if not kernel.reaches(other):
        return failed("a second client that receives on IOPub", "it receives nothing")
    cell = other.execute(kernel.snippet("print", text=new_name()))
    cell.succeeded()
    other.quiet()
    kernel.peer.quiet()
    return _all_there(cell, kernel.peer)


def _all_there(cell: Response, peer: Peer) -> Outcome:
    if not any(one.msg_type == "stream" for one in cell.published):
        return failed("what the cell prints", "nothing of it is published", cell)
    arrived = {one.frames[1:] for one in peer.on(Channel.IOPUB)}
    for one in cell.published:
        if one.frames[1:] not in arrived:
            return failed(f"the same {one.msg_type} at client {peer.name}", "it is missing", one)
    return passed()


@check(
    "IOPUB-22.1",
    "starting is not published again by requests and cells",
    snippets=("nothing",),
    mistake="Every kernel_info_request publishes starting.",
)
def starting_once(kernel: Testee) -> Outcome:
    peer = kernel.peer
    peer.execute(kernel.snippet("nothing")).succeeded()
    peer.ask("kernel_info_request")
    peer.quiet()
    found = [one for one in peer.on(Channel.IOPUB) if one.state == "starting"]
    if len(found) > 1 or any(one.parent_id for one in found):
        return failed("starting at the start alone", f"{len(found)} of them", *found)
    return passed()
