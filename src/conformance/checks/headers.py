"""Header, parent header and metadata (spec/chapters/headers.md)."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from assay.conformance._arrival import Arrival, Object
from assay.conformance._check import check
from assay.conformance._draft import ABSENT
from assay.conformance._outcome import Outcome, failed, passed, skipped
from assay.conformance._response import Response
from assay.conformance._testee import Testee
from assay.conformance.checks._cells import is_usual, lines, new_name
from assay.conformance.checks._comms import messages_of, open_comm, registered_target
from assay.conformance.checks._sample import every, sample
from assay.conformance.checks._status import strays
from assay.protocol import Channel

__all__: list[str] = []

KEYS = ("msg_id", "session", "username", "date", "msg_type", "version")


def _missing(header: Object) -> str:
    missing = [key for key in KEYS if key not in header]
    wrong = [key for key in KEYS if key in header and not isinstance(header[key], str)]
    return ", ".join([*(f"no {key}" for key in missing), *(f"{key} is no text" for key in wrong)])


@check("HDR-01.1", "every header has the six keys, all of them text")
def six_keys(kernel: Testee) -> Outcome:
    return every(
        kernel, lambda one: not _missing(one.header), "six texts", lambda one: _missing(one.header)
    )


@check("HDR-02.1", "every message has a msg_id of its own")
def own_ids(kernel: Testee) -> Outcome:
    ids = [one.msg_id for one in sample(kernel)]
    twice = sorted(one for one, times in Counter(ids).items() if times > 1)
    if twice:
        return failed("an id of its own for each message", f"{twice[0]!r} more than once")
    ours = {one.msg_id for one in kernel.peer.asked} & set(ids)
    if ours:
        return failed("an id of its own for each message", f"{ours.pop()!r}, that of a request")
    return passed()


@check("HDR-04.1", "the session is the same in all messages of a kernel")
def one_session(kernel: Testee) -> Outcome:
    sessions = sorted({str(one.header.get("session")) for one in sample(kernel)})
    if len(sessions) != 1:
        return failed("one session", f"{len(sessions)}: {', '.join(sessions)}")
    return passed()


@check(
    "HDR-03.1",
    "the session of a kernel is none of its clients'",
    mistake="The header of a reply is a copy of the request's, session included.",
)
def session_of_its_own(kernel: Testee) -> Outcome:
    for one in sample(kernel):
        if one.header.get("session") == kernel.peer.session:
            return failed("a session of the kernel's own", "the client's", one)
    return passed()


def _is_date(one: Arrival) -> bool:
    try:
        datetime.fromisoformat(str(one.header.get("date")))
    except ValueError:
        return False
    return True


@check("HDR-07.1", "the date of every header is in ISO 8601")
def dates(kernel: Testee) -> Outcome:
    return every(kernel, _is_date, "a date in ISO 8601", lambda one: repr(one.header.get("date")))


@check("HDR-16.1", "the metadata of every message are an object")
def metadata(kernel: Testee) -> Outcome:
    def is_object(one: Arrival) -> bool:
        return "metadata" not in one.parts.faulty

    return every(kernel, is_object, "an object", lambda _: "something else")


def _still_answered(kernel: Testee, response: Response) -> Outcome:
    if not is_usual(kernel, response):
        found = "none" if response.reply is None else f"status {response.status!r}"
        return failed("the usual reply", found, response)
    return passed()


@check("HDR-08.1", "a request without date gets the usual reply")
def no_date(kernel: Testee) -> Outcome:
    draft = kernel.peer.draft("kernel_info_request").with_header(date=ABSENT)
    return _still_answered(kernel, kernel.peer.ask(draft.unjudged()))


@check("HDR-10.1", "a request with an empty username gets the usual reply")
def empty_username(kernel: Testee) -> Outcome:
    draft = kernel.peer.draft("kernel_info_request").with_header(username="")
    return _still_answered(kernel, kernel.peer.ask(draft))


def _echoes(kernel: Testee, response: Response) -> Outcome:
    if not response.replies:
        strays = _strays(kernel, response)
        if strays:
            return failed(
                "the parent header", repr(dict(strays[0].parent_header)), response, *strays
            )
    reply = response.succeeded()
    for key in KEYS:
        mine, theirs = response.header.get(key), reply.parent_header.get(key)
        if key != "date" and mine != theirs:
            return failed(f"{key} {mine!r} in the parent header", repr(theirs), response)
    if "date" not in reply.parent_header:
        return failed("the date in the parent header", "none", response)
    return passed()


@check(
    "HDR-12.1",
    "the parent header of a reply is the header of its request, on shell",
    mistake="Only the id is kept of the request, and the parent header is made anew.",
)
def parent_on_shell(kernel: Testee) -> Outcome:
    return _echoes(kernel, kernel.peer.ask("kernel_info_request"))


@check("HDR-12.2", "the parent header of a reply is the header of its request, on control")
def parent_on_control(kernel: Testee) -> Outcome:
    return _echoes(kernel, kernel.peer.ask("kernel_info_request", channel=Channel.CONTROL))


@check("HDR-12.3", "the parent header of an execute_reply is its request's", snippets=("nothing",))
def parent_of_execution(kernel: Testee) -> Outcome:
    return _echoes(kernel, kernel.peer.execute(kernel.snippet("nothing")))


@check("HDR-13.1", "all that a cell publishes has its request as parent", snippets=("print",))
def parent_of_output(kernel: Testee) -> Outcome:
    peer = kernel.peer
    peer.quiet()
    start = len(peer.arrivals)
    response = peer.execute(kernel.snippet("print", text="assay"))
    response.succeeded()
    for one in peer.arrivals[start:]:
        if one.channel is Channel.IOPUB and one.msg_type == "stream":
            if one.parent_id != response.msg_id:
                return failed("the cell as parent", f"{one.parent_id or 'no parent'}", one)
            return passed()
    return skipped("nothing was published for a cell that prints")


@check(
    "HDR-13.3",
    "each of three lines that a cell prints behind another cell has its request as parent",
    snippets=("print",),
    mistake="The parent is looked up when the text is flushed, and that of another cell is found.",
)
def parent_of_each_output(kernel: Testee) -> Outcome:
    peer = kernel.peer
    peer.execute(kernel.snippet("print", text="assay")).succeeded()
    start = len(peer.arrivals)
    words = [new_name() for _ in range(3)]
    response = peer.execute(lines(*(kernel.snippet("print", text=word) for word in words)))
    response.succeeded()
    peer.quiet()
    printed = [
        one
        for one in peer.arrivals[start:]
        if one.msg_type == "stream" and any(word in one.text("text") for word in words)
    ]
    stray = [one for one in printed if one.parent_id != response.msg_id]
    if stray:
        return failed("the cell as parent", stray[0].parent_id or "no parent", response, *stray)
    return passed() if printed else skipped("nothing was published for a cell that prints")


@check(
    "HDR-13.4",
    "the comm_close that refuses a comm_open has that as parent",
    snippets=("comm_register", "print"),
    mistake="The comm is closed as if user code did it, with the last cell as parent or none.",
)
def parent_of_refusal(kernel: Testee) -> Outcome:
    registered_target(kernel)  # the kernel has comms at all
    peer, comm_id = kernel.peer, new_name("assaycomm")
    peer.execute(kernel.snippet("print", text="assay")).succeeded()
    opened = open_comm(peer, new_name("assayunknown"), comm_id)
    closed = messages_of(peer, comm_id, "comm_close")
    if not closed:
        return skipped("a comm_open for an unknown target is not refused (COMM-03)")
    if closed[0].parent_id != opened.msg_id:
        return failed("the comm_open as parent", closed[0].parent_id or "no parent", closed[0])
    return passed()


@check("HDR-15.1", "a key of the header that the kernel does not know is in the parent header")
def unknown_key_is_copied(kernel: Testee) -> Outcome:
    draft = kernel.peer.draft("kernel_info_request").with_header(assay_key="kept")
    reply = kernel.peer.ask(draft.unjudged()).succeeded()
    if reply.parent_header.get("assay_key") != "kept":
        return failed("the key in the parent header", "no such key", reply)
    return passed()


@check("HDR-17.1", "unknown metadata of a request do no harm", also=("WIRE-15",))
def unknown_metadata(kernel: Testee) -> Outcome:
    metadata = {"cellId": "assay", "assay_key": {"a": [1]}}
    draft = kernel.peer.draft("kernel_info_request").with_parts(metadata=metadata)
    return _still_answered(kernel, kernel.peer.ask(draft))


@check(
    "HDR-14.1",
    "what is published without a cause has an empty parent header",
    mistake="The parent is that of the last request, or null.",
)
def no_cause(kernel: Testee) -> Outcome:
    found = [
        one
        for one in kernel.peer.on(Channel.IOPUB)
        if one.state == "starting" or one.msg_type == "iopub_welcome"
    ]
    if not found:
        return skipped("neither starting nor an iopub_welcome came")
    for one in found:
        if one.parts.faulty.isdisjoint({"parent_header"}) and not one.parent_header:
            continue
        return failed("an empty parent header", f"{dict(one.parent_header)}", one)
    return passed()


def _strays(kernel: Testee, response: Response) -> list[Arrival]:
    """Return the replies to *response* that name none of our requests."""
    known = {one.msg_id for one in kernel.peer.asked}
    return [
        one
        for one in kernel.peer.on(response.channel)
        if one.index > response.index
        and one.msg_type == response.draft.msg_type.replace("_request", "_reply")
        and one.parent_id not in known
    ]


@check(
    "HDR-13.2",
    "busy and idle of a request have it as parent",
    mistake="Status messages are sent without a parent.",
)
def parent_of_status(kernel: Testee) -> Outcome:
    peer = kernel.peer
    peer.quiet()
    start = len(peer.arrivals)
    asked = peer.ask("kernel_info_request")
    asked.succeeded()
    peer.quiet()
    # One without a parent may be the kernel's own, where the request has both of its own.
    has_both = peer.wait_for(lambda: asked.busy and asked.idle)
    found = strays(peer, start)
    for one in found:
        if one.parent_id or not has_both:
            return failed("a request as parent", one.parent_id or "no parent", one)
    return passed() if has_both else skipped("busy or idle is missing (SHELL-01)")


@check(
    "HDR-03.2",
    "two kernels have two sessions",
    process=True,
    mistake="The session is a constant, or made of what all kernels of a machine share.",
)
def sessions_of_two(kernel: Testee) -> Outcome:
    mine = kernel.peer.ask("kernel_info_request").succeeded().header.get("session")
    with kernel.another() as other:
        theirs = other.peer.ask("kernel_info_request").succeeded()
        if theirs.header.get("session") == mine:
            return failed("another session", "the same", theirs)
    return passed()
