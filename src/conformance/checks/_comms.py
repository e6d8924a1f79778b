"""Whether a kernel has comms."""

from __future__ import annotations

from contextlib import suppress

from assay.conformance._arrival import Arrival
from assay.conformance._outcome import Skip
from assay.conformance._peer import Peer
from assay.conformance._response import Response
from assay.conformance._testee import Testee
from assay.conformance.checks._cells import new_name
from assay.protocol import Channel

__all__ = ["echoes", "messages_of", "must_have_comms", "open_comm", "registered_target"]


def registered_target(kernel: Testee, snippet: str = "comm_register") -> str:
    """Return the name of a target that the kernel has registered."""
    target = new_name("assaytarget")
    kernel.peer.execute(kernel.snippet(snippet, target=target)).succeeded()
    return target


def open_comm(peer: Peer, target: str, comm_id: str) -> Response:
    """Open a comm, and wait until the kernel has read it."""
    content = {"comm_id": comm_id, "target_name": target, "data": {}}
    response = peer.send("comm_open", content, wants_reply=False)
    peer.quiet()
    return response


def messages_of(peer: Peer, comm_id: str, msg_type: str) -> list[Arrival]:
    """Return what the kernel has published of a comm, whatever it names as parent (COMM-07)."""
    return [
        one
        for one in peer.on(Channel.IOPUB)
        if one.msg_type == msg_type and one.content.get("comm_id") == comm_id
    ]


def echoes(peer: Peer, comm_id: str) -> bool:
    """Return whether a comm that was registered to echo does, and so is open."""
    peer.send("comm_msg", {"comm_id": comm_id, "data": {"first": 1}}, wants_reply=False)
    peer.quiet()
    return bool(messages_of(peer, comm_id, "comm_msg"))


def must_have_comms(kernel: Testee) -> None:
    """Skip the check unless the kernel answers what opens a comm, or opens one itself.

    That its language has a library of comms says little: without a kernel behind it, the library
    takes a target and no client ever opens a comm for it.
    """
    if not (_refuses(kernel) or _holds(kernel) or _opens(kernel)):
        raise Skip("the kernel has no comms: nothing comes of a comm_open")


def _refuses(kernel: Testee) -> bool:
    comm_id = new_name("assaycomm")
    open_comm(kernel.peer, new_name("assayunknown"), comm_id)
    return bool(messages_of(kernel.peer, comm_id, "comm_close"))


def _holds(kernel: Testee) -> bool:
    comm_id = new_name("assaycomm")
    # A kernel that registers no target, or does not list its comms, may still open one.
    with suppress(Skip):
        open_comm(kernel.peer, registered_target(kernel), comm_id)
        found = kernel.peer.ask("comm_info_request").succeeded().content.get("comms")
        return isinstance(found, dict) and comm_id in found
    return False


def _opens(kernel: Testee) -> bool:
    language = kernel.language
    if language is None or "comm_open" not in language.snippets:
        return False
    words = {"target": new_name("assaytarget"), "id": new_name("assaycomm")}
    cell = kernel.peer.execute(language.snippet("comm_open", **words))
    return bool(cell.of_type("comm_open"))
