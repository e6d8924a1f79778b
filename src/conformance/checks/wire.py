"""Frames and channels (spec/chapters/wire.md)."""

from __future__ import annotations

import json

from assay.conformance._arrival import Arrival
from assay.conformance._check import check
from assay.conformance._draft import Draft
from assay.conformance._outcome import Outcome, Skip, failed, passed
from assay.conformance._response import Response
from assay.conformance._testee import Testee
from assay.conformance.checks._cells import is_usual
from assay.conformance.checks._control import control_answers_its_own
from assay.conformance.checks._sample import every, sample
from assay.conformance.checks._started import keyless
from assay.conformance.checks._status import must_name_requests, stray_status
from assay.protocol import DELIMITER, Channel
from assay.transport import KernelEndedError

__all__: list[str] = []

DICTS = 4
"""Header, parent header, metadata and content."""


def _answered(kernel: Testee, draft: Draft, channel: Channel = Channel.SHELL) -> Outcome:
    response = kernel.peer.ask(draft, channel=channel)
    if not is_usual(kernel, response):
        return failed("the usual reply", _found(response), response)
    return passed()


def _found(response: Response) -> str:
    return "none" if response.reply is None else f"status {response.status!r}"


@check("WIRE-01.1", "shell, control, IOPub and the heartbeat answer on their own ports")
def sockets_answer(kernel: Testee) -> Outcome:
    peer = kernel.peer
    shell = peer.ask("kernel_info_request")
    control = peer.ask("kernel_info_request", channel=Channel.CONTROL)
    there = {
        "shell": bool(shell.replies),
        "control": bool(control.replies) or control_answers_its_own(kernel),
        "IOPub": bool(shell.published),
        "the heartbeat": peer.beat(),
    }
    silent = [name for name, answers in there.items() if not answers]
    if silent:
        return failed("an answer on each", f"none on {' and '.join(silent)}", shell, control)
    return passed()


@check(
    "WIRE-02.1",
    "every message has a delimiter, and a signature and four dictionaries behind it",
    also=("WIRE-05", "WIRE-06"),
)
def frames(kernel: Testee) -> Outcome:
    # Where frames are missing no reply is known as one, and there is no sample.
    for one in kernel.peer.arrivals:
        if DELIMITER not in one.frames or len(one.dicts) != DICTS:
            wanted = "a delimiter and at least five frames behind it"
            return failed(wanted, f"{len(one.frames)} frames", one)
    sample(kernel)
    return passed()


def _objects(one: Arrival) -> bool:
    try:
        return all(isinstance(json.loads(part), dict) for part in one.dicts)
    except ValueError:
        return True  # That is WIRE-07's or WIRE-08's to say.


@check(
    "WIRE-06.1",
    "header, parent header, metadata and content are objects",
    mistake="An empty parent header or metadata is written as null.",
)
def four_objects(kernel: Testee) -> Outcome:
    return every(kernel, _objects, "four objects", lambda _: "something else")


def _is_text(one: Arrival) -> bool:
    try:
        for part in one.dicts:
            part.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@check("WIRE-07.1", "text outside ASCII arrives as JSON in UTF-8", snippets=("unicode",))
def utf8(kernel: Testee) -> Outcome:
    response = kernel.peer.execute(kernel.snippet("unicode"))
    response.succeeded()
    for one in response.published:
        if not _is_text(one):
            return failed("UTF-8", "bytes that are none", one)
    if "\u00e9\u4e2d\U0001f600" not in response.text():
        return failed("é中😀 on stdout", repr(response.text()), response)
    return passed()


@check(
    "WIRE-03.1",
    "frames before the delimiter come back with the reply",
    mistake="One routing frame is expected, at a fixed place.",
)
def routing_frames(kernel: Testee) -> Outcome:
    for extra in ((b"a",), (b"a", b"b", b"c")):
        draft = kernel.peer.draft("kernel_info_request").with_parts(identities=extra)
        response = kernel.peer.ask(draft.unjudged())
        if response.reply is None:
            return failed(f"a reply behind {len(extra)} more frames", "none", response)
        if response.reply.identities != extra:
            found = response.reply.identities
            return failed(f"the frames {extra!r} before the delimiter", f"{found!r}", response)
    return passed()


@check(
    "WIRE-04.1",
    "a buffer that equals the delimiter is a buffer",
    mistake="The last frame that equals the delimiter is taken for it.",
)
def delimiter_as_buffer(kernel: Testee) -> Outcome:
    ask = kernel.peer.draft("kernel_info_request")
    if not kernel.peer.ask(ask.with_parts(buffers=(b"another",))).replies:
        raise Skip("a request with buffers is not answered (WIRE-10)")
    again = kernel.peer.draft("kernel_info_request").with_parts(buffers=(DELIMITER,))
    return _answered(kernel, again)


@check("WIRE-10.1", "a kernel_info_request with buffers gets the usual reply")
def buffers_of_a_request(kernel: Testee) -> Outcome:
    draft = kernel.peer.draft("kernel_info_request").with_parts(buffers=(b"abc", b"", b"\xff\x00"))
    return _answered(kernel, draft)


@check("WIRE-10.2", "an execute_request with buffers is run", snippets=("nothing",))
def buffers_of_a_cell(kernel: Testee) -> Outcome:
    content = {"code": kernel.snippet("nothing"), "silent": False}
    draft = kernel.peer.draft("execute_request", content).with_parts(buffers=(b"abc",))
    return _answered(kernel, draft)


@check(
    "WIRE-11.1",
    "a published message has one frame before the delimiter, the topic",
    mistake="What a library's helper publishes gets no topic, only what the core does.",
)
def one_topic(kernel: Testee) -> Outcome:
    for one in sample(kernel):
        if one.channel is Channel.IOPUB and len(one.identities) != 1:
            return failed("one frame", f"{len(one.identities)} frames", one)
    return passed()


def _tolerates(kernel: Testee, channel: Channel) -> Outcome:
    draft = kernel.peer.draft("assay_invented_request", {"a": 1}).unjudged()
    response = kernel.peer.send(draft, channel=channel)
    if not kernel.peer.fence(channel):
        return failed("an answer to the next request", "none", response)
    return passed()


@check(
    "WIRE-14.1",
    "an unknown message type on shell does no harm",
    mistake="The table of handlers has no default, and the loop ends with an exception.",
)
def unknown_type_on_shell(kernel: Testee) -> Outcome:
    return _tolerates(kernel, Channel.SHELL)


@check("WIRE-14.2", "an unknown message type on control does no harm", also=("CTRL-15",))
def unknown_type_on_control(kernel: Testee) -> Outcome:
    return _tolerates(kernel, Channel.CONTROL)


@check("WIRE-15.1", "an unknown key of the header does no harm")
def unknown_header_key(kernel: Testee) -> Outcome:
    return _answered(
        kernel, kernel.peer.draft("kernel_info_request").with_header(assay_key={"a": 1})
    )


@check("WIRE-15.2", "an unknown key of the content does no harm")
def unknown_content_key(kernel: Testee) -> Outcome:
    return _answered(kernel, kernel.peer.draft("kernel_info_request", {"assay_key": [1, None]}))


@check("WIRE-15.3", "an unknown key in the content of a cell does no harm", snippets=("nothing",))
def unknown_key_of_a_cell(kernel: Testee) -> Outcome:
    content = {"code": kernel.snippet("nothing"), "silent": False, "assay_key": {"a": []}}
    return _answered(kernel, kernel.peer.draft("execute_request", content))


def _alone(kernel: Testee, channel: Channel) -> Outcome:
    other = kernel.connect()
    other.fence(channel)
    response = kernel.peer.ask("kernel_info_request", channel=channel)
    response.replied()
    if not other.quiet(channel):
        return failed("a second client that is answered", "no answer", response)
    if response.reply is not None and response.reply.channel is not channel:
        return failed(f"the reply on {channel}", f"on {response.reply.channel}", response)
    for one in other.arrivals:
        if one.channel is not Channel.IOPUB and one.parent_id == response.msg_id:
            return failed("the reply for the peer that asked", "also for another one", one)
    return passed()


@check("WIRE-16.1", "the reply to a request on shell goes to shell of the client that asked")
def reply_on_shell(kernel: Testee) -> Outcome:
    return _alone(kernel, Channel.SHELL)


@check("WIRE-16.2", "the reply to a request on control goes to control of the client that asked")
def reply_on_control(kernel: Testee) -> Outcome:
    return _alone(kernel, Channel.CONTROL)


@check(
    "WIRE-17.1",
    "two clients that ask by turns both get all their replies",
    mistake="Replies go to the identity that came last.",
)
def two_clients(kernel: Testee) -> Outcome:
    peers = (kernel.peer, kernel.connect())
    channels = kernel.answering()
    asked = [
        peer.send("kernel_info_request", channel=channel)
        for _ in range(5)
        for channel in channels
        for peer in peers
    ]
    kernel.peer.wait_for(lambda: all(one.replies for one in asked))
    missing = [one for one in asked if not one.replies]
    if missing:
        return failed(f"{len(asked)} replies", f"{len(asked) - len(missing)}", *missing[:3])
    # A kernel whose heartbeat serves none is for HB-01.
    beats = [peer.beat() for peer in peers]
    if any(beats) and not all(beats):
        return failed("a heartbeat for both", "none for one of them")
    return passed()


def _malformed(draft: Draft, kernel: Testee) -> dict[str, tuple[bytes, ...]]:
    signer = kernel.peer.signer
    whole = draft.frames(signer)
    bad = b"{" * 3
    return {
        "without delimiter": tuple(one for one in whole if one != DELIMITER),
        "with two frames": (DELIMITER, b""),
        "with three dictionaries": whole[:-1],
        "with a header that is no JSON": draft.with_parts(header=bad).frames(signer),
        "with a content that is no JSON": draft.with_parts(content=bad).frames(signer),
        "with a header without type": draft.with_parts(header=b'{"msg_id": "x"}').frames(signer),
        "that is one empty frame": (b"",),
    }


def _serves_behind(kernel: Testee, channel: Channel) -> Outcome:
    peer = kernel.peer
    behind = _behind(kernel, channel)
    for kind, sent in _malformed(peer.draft("kernel_info_request").unjudged(), kernel).items():
        peer.send_frames(channel, sent)
        wall = peer.ask("kernel_info_request", channel=behind)
        if not wall.replies:
            return failed(f"an answer to the request behind a message {kind}", "none", wall)
    return passed() if behind is channel else _outlives(kernel)


def _behind(kernel: Testee, channel: Channel) -> Channel:
    """Return where to ask behind a message on *channel*.

    A kernel that leaves kernel_info to shell shows there that it lives.
    """
    return channel if channel in kernel.answering() else Channel.SHELL


def _drops(kernel: Testee, channel: Channel) -> Outcome:
    peer = kernel.peer
    behind = _behind(kernel, channel)
    must_name_requests(peer, behind)
    for kind, frames in _malformed(peer.draft("kernel_info_request").unjudged(), kernel).items():

        def sent(frames: tuple[bytes, ...] = frames) -> str:
            peer.send_frames(channel, frames)
            _must_answer(peer.ask("kernel_info_request", channel=behind))
            return ""

        start = len(peer.arrivals)
        stray = stray_status(peer, sent)
        known = {one.msg_id for one in peer.asked}
        for one in peer.arrivals[start:]:
            if one.channel is channel and one.parent_id not in known:
                return failed(f"no reply to a message {kind}", f"a {one.msg_type}", one)
        if stray is not None:
            return failed(f"no status for a message {kind}", stray.state, stray)
    return passed()


def _must_answer(wall: Response) -> None:
    if not wall.replies:
        raise Skip("the request behind a message that is none is not answered (WIRE-18)")


def _outlives(kernel: Testee) -> Outcome:
    """Judge what another channel could answer before the messages were read on theirs.

    No answer follows them in order, so that the kernel gets the time to end by them; then it is
    asked a second time.
    """
    peer = kernel.peer
    wanted = "a kernel that outlives all messages that are none"
    try:
        peer.wait_for(lambda: False)
    except KernelEndedError as error:
        return failed(wanted, str(error))
    again = peer.ask("kernel_info_request")
    return passed() if again.replies else failed(wanted, "no answer on shell later", again)


@check(
    "WIRE-18.1",
    "behind what is no message on shell, the next request is answered",
    mistake="An exception while frames are taken apart ends the loop that reads the socket.",
)
def malformed_on_shell(kernel: Testee) -> Outcome:
    return _serves_behind(kernel, Channel.SHELL)


@check(
    "WIRE-18.2",
    "behind what is no message on control, the next request is answered",
    mistake="Control is read by other code than shell, which nothing guards against an exception.",
)
def malformed_on_control(kernel: Testee) -> Outcome:
    return _serves_behind(kernel, Channel.CONTROL)


@check("WIRE-18.3", "behind what is no message on stdin, the next request is answered")
def malformed_on_stdin(kernel: Testee) -> Outcome:
    peer = kernel.peer
    peer.ask("kernel_info_request").succeeded()
    for sent in _malformed(peer.draft("input_reply", {"value": ""}).unjudged(), kernel).values():
        peer.send_frames(Channel.STDIN, sent)
    if not peer.quiet():
        return failed("an answer to the next request", "none")
    return passed()


@check("WIRE-08.1", "a number that is none is no bare word in JSON", snippets=("display_nan",))
def no_bare_words(kernel: Testee) -> Outcome:
    response = kernel.peer.execute(kernel.snippet("display_nan"))
    response.replied()
    for one in (*response.published, *response.replies):
        for part in one.dicts:
            try:
                json.loads(part, parse_constant=_refuse)
            except _BareWord as word:
                return failed("JSON", f"the bare word {word}", one)
            except ValueError:
                return failed("JSON", "bytes that are none", one)
    if response.reply is None:
        raise Skip("the cell had no reply")
    return passed()


class _BareWord(Exception):  # noqa: N818 - a signal to the caller
    pass


def _refuse(word: str) -> object:
    raise _BareWord(word)


@check(
    "WIRE-23.1",
    "what is no message on shell brings neither a reply nor a status",
    mistake="Busy is published before the message is parsed.",
)
def dropped_on_shell(kernel: Testee) -> Outcome:
    return _drops(kernel, Channel.SHELL)


@check(
    "WIRE-23.2",
    "what is no message on control brings neither a reply nor a status",
    mistake="Busy is published before the message is parsed.",
)
def dropped_on_control(kernel: Testee) -> Outcome:
    return _drops(kernel, Channel.CONTROL)


@check(
    "WIRE-23.3",
    "a request whose content is a list is dropped",
    ours=True,
    mistake="What is no object is read as an empty one.",
)
def content_that_is_a_list(kernel: Testee) -> Outcome:
    """Judge by our own reading: a kernel that needs no content may never look at it."""
    peer = kernel.peer
    draft = peer.draft("kernel_info_request").with_parts(content=b"[]").unjudged()
    response = peer.send(draft)
    if not peer.quiet():
        return failed("an answer to the next request", "none", response)
    if response.replies or response.published:
        return failed("no reply, and nothing on IOPub", "one of them", response)
    return passed()


@check(
    "WIRE-05.1",
    "without a key there is an empty frame where the signature would be",
    process=True,
    mistake="The frame is left out when there is nothing to sign with.",
)
def empty_frame(kernel: Testee) -> Outcome:
    with keyless(kernel) as other:
        other.peer.quiet()
        if not other.peer.arrivals:
            raise Skip("an unsigned request is not answered (SIGN-06)")
        for one in other.peer.arrivals:
            if len(one.dicts) != DICTS:
                behind = len(one.frames) - one.frames.index(DELIMITER) - 1
                return failed("five frames behind the delimiter", f"{behind}", one)
    return passed()
