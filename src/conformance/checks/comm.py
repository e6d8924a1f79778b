"""Comms (spec/chapters/comm.md)."""

from __future__ import annotations

from assay.conformance._arrival import Arrival, Object
from assay.conformance._check import check
from assay.conformance._outcome import Outcome, Skip, failed, passed
from assay.conformance._peer import Peer
from assay.conformance._response import Response
from assay.conformance._testee import Testee
from assay.conformance.checks._cells import must_run, new_name, not_alive, printed
from assay.conformance.checks._comms import (
    echoes,
    messages_of,
    must_have_comms,
    open_comm,
    registered_target,
)
from assay.conformance.checks._shape import OBJECT, TEXT, has_shape
from assay.protocol import Channel

__all__: list[str] = []


def _send(peer: Peer, msg_type: str, **content: object) -> Response:
    return peer.send(msg_type, content, wants_reply=False)


def _echoing(kernel: Testee) -> str:
    """Return the id of an open comm that echoes.

    Raises:
        Skip: an echo does not come.
    """
    target, comm_id = registered_target(kernel), new_name("assaycomm")
    open_comm(kernel.peer, target, comm_id)
    if not echoes(kernel.peer, comm_id):
        raise Skip("a comm that was registered to echo does not")
    return comm_id


def _comms(kernel: Testee) -> Object:
    found = kernel.peer.ask("comm_info_request").succeeded().content.get("comms")
    if not isinstance(found, dict):
        raise Skip("the comm_info_reply has no comms (INFO-12)")
    return found


def _from_kernel(kernel: Testee, snippet: str, msg_type: str) -> tuple[Arrival, Response, str]:
    """Run code that uses a comm, and return the message of that type that it publishes."""
    target, comm_id = new_name("assaytarget"), new_name("assaycomm")
    cell = kernel.peer.execute(kernel.snippet(snippet, target=target, id=comm_id))
    cell.succeeded()
    found = cell.of_type(msg_type)
    if not found:
        raise Skip(f"the code publishes no {msg_type}")
    return found[0], cell, comm_id


@check(
    "COMM-01.1",
    "a comm that the kernel opens is a comm_open on IOPub with comm_id, target_name and data",
    snippets=("comm_open",),
)
def form_of_open(kernel: Testee) -> Outcome:
    target, comm_id = new_name("assaytarget"), new_name("assaycomm")
    cell = kernel.peer.execute(kernel.snippet("comm_open", target=target, id=comm_id))
    cell.succeeded()
    kernel.peer.quiet()
    # Whether it names the cell as its parent is for HDR-13.
    found = [one for one in kernel.peer.on(Channel.IOPUB) if one.msg_type == "comm_open"]
    found = [one for one in found if one in cell.published or comm_id in str(one.content)]
    if not found:
        return failed("a comm_open on IOPub", ", ".join(cell.types) or "nothing", cell)
    opened = found[0]
    outcome = has_shape(opened, {"comm_id": TEXT, "target_name": TEXT, "data": OBJECT})
    if outcome == passed() and opened.content["target_name"] != target:
        return failed(f"target_name {target!r}", repr(opened.content["target_name"]), opened)
    return outcome


@check(
    "COMM-02.1",
    "a comm that a client opens is listed",
    snippets=("comm_register",),
    mistake="The open is handled, and its comm forgotten.",
)
def opened_is_held(kernel: Testee) -> Outcome:
    target, comm_id = registered_target(kernel), new_name("assaycomm")
    _comms(kernel)
    response = open_comm(kernel.peer, target, comm_id)
    if comm_id not in _comms(kernel):
        must_have_comms(kernel)
        return failed(f"{comm_id} among the comms", repr(list(_comms(kernel))), response)
    return passed()


@check(
    "COMM-03.1",
    "a comm_open for an unknown target is answered with a comm_close of the same id",
    snippets=("comm_register",),
    mistake="The unknown target is logged, and the client goes on sending.",
)
def unknown_target(kernel: Testee) -> Outcome:
    registered_target(kernel)  # the kernel has comms at all
    comm_id = new_name("assaycomm")
    response = open_comm(kernel.peer, new_name("assayunknown"), comm_id)
    if not kernel.peer.quiet():
        return failed("an answer to the next request", "none", response)
    if not messages_of(kernel.peer, comm_id, "comm_close"):
        must_have_comms(kernel)
        return failed("a comm_close", ", ".join(response.types) or "nothing", response)
    return passed()


@check(
    "COMM-04.1",
    "a comm_msg that the kernel sends has comm_id and data",
    snippets=("comm_msg",),
)
def form_of_msg(kernel: Testee) -> Outcome:
    message, _, _ = _from_kernel(kernel, "comm_msg", "comm_msg")
    return has_shape(message, {"comm_id": TEXT, "data": OBJECT})


@check(
    "COMM-04.2",
    "a comm_msg gets no reply",
    snippets=("comm_register",),
)
def msg_has_no_reply(kernel: Testee) -> Outcome:
    comm_id = _echoing(kernel)
    response = _send(kernel.peer, "comm_msg", comm_id=comm_id, data={})
    if not kernel.peer.quiet():
        return failed("an answer to the next request", "none", response)
    if response.replies:
        return failed("no reply", f"a {response.replies[0].msg_type}", response)
    return passed()


@check(
    "COMM-05.1",
    "a comm that the kernel closes is a comm_close with comm_id and data",
    snippets=("comm_close",),
)
def form_of_close(kernel: Testee) -> Outcome:
    target, comm_id = new_name("assaytarget"), new_name("assaycomm")
    cell = kernel.peer.execute(kernel.snippet("comm_close", target=target, id=comm_id))
    cell.succeeded()
    if not cell.of_type("comm_open"):
        raise Skip("the code opens no comm")
    if not cell.of_type("comm_close"):
        return failed("a comm_close", ", ".join(cell.types), cell)
    return has_shape(cell.of_type("comm_close")[0], {"comm_id": TEXT, "data": OBJECT})


@check(
    "COMM-05.2",
    "a comm that a client closes is not listed any more",
    snippets=("comm_register",),
)
def closed_by_client(kernel: Testee) -> Outcome:
    comm_id = _echoing(kernel)
    if comm_id not in _comms(kernel):
        raise Skip("the open comm is not listed (COMM-02)")
    response = _send(kernel.peer, "comm_close", comm_id=comm_id, data={})
    kernel.peer.quiet()
    if comm_id in _comms(kernel):
        return failed("comms without the closed one", "it is listed", response)
    return passed()


@check(
    "COMM-05.3",
    "a comm that the kernel closes is not listed any more",
    snippets=("comm_close",),
)
def closed_by_kernel(kernel: Testee) -> Outcome:
    _, cell, comm_id = _from_kernel(kernel, "comm_close", "comm_close")
    if comm_id in _comms(kernel):
        return failed("comms without the closed one", "it is listed", cell)
    return passed()


@check(
    "COMM-06.1",
    "the data of the comm messages that the kernel sends are objects",
    snippets=("comm_msg",),
)
def data_are_objects(kernel: Testee) -> Outcome:
    _, cell, _ = _from_kernel(kernel, "comm_msg", "comm_msg")
    for one in (*cell.of_type("comm_open"), *cell.of_type("comm_msg")):
        outcome = has_shape(one, {"data": OBJECT})
        if outcome != passed():
            return outcome
    return passed()


@check(
    "COMM-07.1",
    "what a comm's handler sends has the comm_msg as its parent, between busy and idle",
    snippets=("comm_register",),
    mistake="The parent is set for execute requests alone.",
)
def parent_of_echo(kernel: Testee) -> Outcome:
    peer, comm_id, word = kernel.peer, _echoing(kernel), new_name()
    response = _send(peer, "comm_msg", comm_id=comm_id, data={"word": word})

    def echoes() -> list[Arrival]:
        sent = [one for one in peer.on(Channel.IOPUB) if one.msg_type == "comm_msg"]
        return [one for one in sent if one.content.get("data") == {"word": word}]

    if not peer.wait_for(echoes):
        raise Skip("a comm that was registered to echo does not")
    peer.quiet()
    if response.types != ("status:busy", "comm_msg", "status:idle"):
        got = ", ".join(response.types) or "nothing"
        return failed("busy, comm_msg and idle with the message as parent", got, response)
    return passed()


@check("COMM-08.1", "a comm_msg for an unknown comm does no harm", snippets=("print",))
def msg_for_unknown(kernel: Testee) -> Outcome:
    return _does_no_harm(kernel, "comm_msg")


@check("COMM-08.2", "a comm_close for an unknown comm does no harm", snippets=("print",))
def close_of_unknown(kernel: Testee) -> Outcome:
    return _does_no_harm(kernel, "comm_close")


def _does_no_harm(kernel: Testee, msg_type: str) -> Outcome:
    must_run(kernel)
    response = _send(kernel.peer, msg_type, comm_id=new_name("assaycomm"), data={})
    return not_alive(kernel) or _still_runs(kernel, response)


def _still_runs(kernel: Testee, response: Response) -> Outcome:
    cell = kernel.peer.execute(kernel.snippet("print", text="behind"))
    return printed(cell, "behind", "the next cell", response, cell)


@check(
    "COMM-08.3",
    "an open comm works after messages for an unknown one",
    snippets=("comm_register",),
)
def others_go_on(kernel: Testee) -> Outcome:
    comm_id = _echoing(kernel)
    for msg_type in ("comm_msg", "comm_close"):
        _send(kernel.peer, msg_type, comm_id=new_name("assaycomm"), data={})
    before = len(messages_of(kernel.peer, comm_id, "comm_msg"))
    response = _send(kernel.peer, "comm_msg", comm_id=comm_id, data={"word": new_name()})
    if not kernel.peer.wait_for(lambda: messages_of(kernel.peer, comm_id, "comm_msg")[before:]):
        return failed("an echo", "none", response)
    return passed()


@check(
    "COMM-09.1",
    "buffers and data of a comm_msg arrive, and come back",
    snippets=("comm_register",),
    also=("WIRE-09",),
    mistake="Buffers are cut off, or empty ones left out.",
)
def buffers_come_back(kernel: Testee) -> Outcome:
    comm_id, data = (
        _echoing(kernel),
        {"word": "\u00e9\u4e2d\U0001f600", "list": [1, None, {"a": 0.5}]},
    )
    buffers = (b"\x00\xff" * 50, b"", b"<IDS|MSG>")
    draft = kernel.peer.draft("comm_msg", {"comm_id": comm_id, "data": data})
    before = len(messages_of(kernel.peer, comm_id, "comm_msg"))
    response = kernel.peer.send(draft.with_parts(buffers=buffers), wants_reply=False)
    if not kernel.peer.wait_for(lambda: messages_of(kernel.peer, comm_id, "comm_msg")[before:]):
        return failed("an echo", "none", response)
    echo = messages_of(kernel.peer, comm_id, "comm_msg")[before]
    if echo.content.get("data") != data:
        return failed(repr(data), repr(echo.content.get("data")), echo)
    if echo.buffers != buffers:
        return failed(f"{len(buffers)} buffers as they were", repr(echo.buffers)[:200], echo)
    return passed()


@check(
    "COMM-10.1",
    "every client sees the comm messages of the kernel",
    snippets=("comm_register",),
    mistake="The message is sent to the client that opened the comm.",
)
def all_clients_see(kernel: Testee) -> Outcome:
    comm_id, other, word = _echoing(kernel), kernel.connect("two"), new_name()
    if not kernel.reaches(other):
        raise Skip("one more client receives nothing on IOPub")
    response = _send(kernel.peer, "comm_msg", comm_id=comm_id, data={"word": word})

    def seen(peer: Peer) -> bool:
        return any(
            one.msg_type == "comm_msg" and one.content.get("data") == {"word": word}
            for one in peer.on(Channel.IOPUB)
        )

    for peer in (kernel.peer, other):
        if not peer.wait_for(lambda: seen(peer)):  # noqa: B023 - called at once
            return failed(f"the comm_msg at client {peer.name}", "none", response)
    return passed()


def _failing(kernel: Testee) -> str:
    """Return the id of an open comm whose handler fails."""
    target, comm_id = registered_target(kernel, "comm_raise"), new_name("assaycomm")
    open_comm(kernel.peer, target, comm_id)
    if comm_id not in _comms(kernel):
        raise Skip("the open comm is not listed (COMM-02)")
    return comm_id


@check(
    "COMM-11.1",
    "an exception in a comm's handler does no harm",
    snippets=("comm_raise", "print"),
    mistake="The exception ends the thread or the process that serves shell.",
)
def handler_fails(kernel: Testee) -> Outcome:
    comm_id = _failing(kernel)
    response = _send(kernel.peer, "comm_msg", comm_id=comm_id, data={})
    return not_alive(kernel) or _still_runs(kernel, response)


@check(
    "COMM-12.1",
    "an exception in a comm's handler does not abort the cells behind it",
    snippets=("comm_raise", "sleep", "print"),
    slow=True,
)
def failing_handler_aborts_nothing(kernel: Testee) -> Outcome:
    peer, comm_id = kernel.peer, _failing(kernel)
    lead = peer.execute(kernel.snippet("sleep", seconds=1), wait=False)
    response = _send(peer, "comm_msg", comm_id=comm_id, data={})
    cells = [peer.execute(kernel.snippet("print", text="behind"), wait=False) for _ in range(2)]
    peer.wait_for(lambda: all(one.done for one in cells), kernel.patience + 1)
    lead.succeeded()
    for cell in cells:
        outcome = printed(cell, "behind", "the cells behind it", response, cell)
        if outcome != passed():
            return outcome
    return passed()
