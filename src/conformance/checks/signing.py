"""Signatures (spec/chapters/signing.md)."""

from __future__ import annotations

import json
import re

from assay.conformance._check import check
from assay.conformance._outcome import Outcome, Skip, failed, passed
from assay.conformance._response import Response
from assay.conformance._testee import Testee
from assay.conformance.checks._cells import execution, has_count, moving_count, new_name
from assay.conformance.checks._sample import every
from assay.conformance.checks._started import (
    client_of,
    fields_of,
    fresh_file,
    keyless,
    refused,
    started_with,
)
from assay.conformance.checks._status import must_name_requests, stray_status
from assay.conformance.checks.wire import DICTS
from assay.protocol import DELIMITER, Channel, ConnectionFile
from assay.transport import KernelEndedError

__all__: list[str] = []

WRONG = b"0" * 64

LOWER = re.compile(rb"[0-9a-f]+")


def _must_be_signed(kernel: Testee) -> None:
    if not kernel.connection.key:
        raise Skip("the connection has no key")


def _refuses(kernel: Testee, signature: bytes, channel: Channel) -> Outcome:
    _must_be_signed(kernel)
    peer = kernel.peer
    draft = peer.draft("kernel_info_request").with_parts(signature=signature).unjudged()
    response = peer.send(draft, channel=channel)
    if not peer.quiet(channel):
        return failed("an answer to the next request", "none", response)
    if response.replies:
        return failed("no reply", f"a {response.replies[0].msg_type}", response)
    return passed()


@check(
    "SIGN-07.1",
    "a wrongly signed request on shell gets no reply",
    mistake="The signature is computed and compared, and the result is not looked at.",
)
def wrong_signature_on_shell(kernel: Testee) -> Outcome:
    return _refuses(kernel, WRONG, Channel.SHELL)


@check("SIGN-07.2", "a wrongly signed request on control gets no reply")
def wrong_signature_on_control(kernel: Testee) -> Outcome:
    return _refuses(kernel, WRONG, Channel.CONTROL)


@check(
    "SIGN-09.1",
    "a request with an empty signature gets no reply",
    mistake="An empty signature is taken as the sign that messages are not signed.",
)
def empty_signature(kernel: Testee) -> Outcome:
    return _refuses(kernel, b"", Channel.SHELL)


@check(
    "SIGN-10.1",
    "a wrongly signed request publishes nothing",
    mistake="Busy is published before the signature is looked at.",
)
def no_effect(kernel: Testee) -> Outcome:
    _must_be_signed(kernel)
    peer = kernel.peer
    response = peer.send(peer.draft("kernel_info_request").with_parts(signature=WRONG).unjudged())
    if not peer.quiet():
        return failed("an answer to the next request", "none", response)
    if response.published:
        return failed("nothing on IOPub", ", ".join(response.types), response)
    return passed()


@check(
    "SIGN-04.1",
    "a request with unusual spacing in its header is accepted",
    mistake="The message is parsed and serialised again before the signature is checked.",
)
def bytes_are_verified(kernel: Testee) -> Outcome:
    _must_be_signed(kernel)
    peer = kernel.peer
    draft = peer.draft("kernel_info_request")
    peer_header = draft.header if not isinstance(draft.header, bytes) else {}
    pairs = ",".join(f' "{key}" :  "{value}"' for key, value in sorted(peer_header.items()))
    response = peer.ask(draft.with_parts(header=f"{{{pairs} }}".encode()))
    if not response.replies:
        return failed("a reply", "none", response)
    return passed()


@check("SIGN-01.1", "every message carries the HMAC of its four dictionaries")
def right_signatures(kernel: Testee) -> Outcome:
    _must_be_signed(kernel)
    signer = kernel.peer.signer
    return every(
        kernel,
        lambda one: len(one.dicts) == DICTS and one.signature.lower() == signer.sign(*one.dicts),
        "the HMAC of the four frames behind it",
        lambda one: repr(one.signature[:16]),
    )


@check("SIGN-03.1", "signatures are lower-case hexadecimal digits")
def digits(kernel: Testee) -> Outcome:
    _must_be_signed(kernel)
    return every(
        kernel,
        lambda one: LOWER.fullmatch(one.signature) is not None,
        "hexadecimal digits in lower case",
        lambda one: repr(one.signature[:16]),
    )


@check("SIGN-02.1", "buffers are no part of what is signed")
def buffers_are_not_signed(kernel: Testee) -> Outcome:
    _must_be_signed(kernel)
    draft = kernel.peer.draft("kernel_info_request").with_parts(buffers=(b"anything",))
    response = kernel.peer.ask(draft)
    if response.replies:
        return passed()
    signed = kernel.peer.draft("kernel_info_request").with_parts(buffers=(b"anything",))
    frames = signed.frames(kernel.peer.signer)
    header, parent, metadata, content, buffer = frames[frames.index(DELIMITER) + 2 :]
    # What is signed has no bounds: a buffer behind the content is as if it were a part of it.
    signature = kernel.peer.signer.sign(header, parent, metadata, content + buffer)
    if kernel.peer.ask(signed.with_parts(signature=signature).unjudged()).replies:
        return failed("a reply", "one only if the signature covers the buffers", response)
    raise Skip("a request with buffers is not answered (WIRE-10)")


@check(
    "SIGN-02.2",
    "the signature of a message with buffers is that of its dictionaries alone",
    snippets=("comm_register",),
    mistake="All frames behind the signature are signed.",
)
def buffers_of_ours(kernel: Testee) -> Outcome:
    _must_be_signed(kernel)
    peer = kernel.peer
    target, comm_id = new_name("assaytarget"), new_name("assaycomm")
    peer.execute(kernel.snippet("comm_register", target=target)).succeeded()
    opened = {"comm_id": comm_id, "target_name": target, "data": {}}
    peer.send("comm_open", opened, wants_reply=False)
    draft = peer.draft("comm_msg", {"comm_id": comm_id, "data": {}})
    start = len(peer.arrivals)
    peer.send(draft.with_parts(buffers=(b"assay", b"")), wants_reply=False)
    peer.quiet()
    found = [one for one in peer.arrivals[start:] if one.buffers]
    if not found:
        raise Skip("no message with buffers comes back")
    if found[0].signature != peer.signer.sign(*found[0].dicts):
        return failed("the HMAC of the four dictionaries", "another one", found[0])
    return passed()


@check(
    "SIGN-06.1",
    "with an empty key an unsigned request is answered",
    process=True,
    mistake="The signature is compared where there is no key, too: an empty frame is no digest.",
)
def no_key(kernel: Testee) -> Outcome:
    with kernel.another(ConnectionFile(key="")) as other:
        response = other.peer.ask(other.peer.draft("kernel_info_request").with_parts(signature=b""))
        if not response.replies:
            return failed("a reply", "none", response)
    return passed()


@check(
    "SIGN-16.1",
    "with an empty key the signature frames are empty",
    process=True,
    mistake="An empty key is a key too, and the digest made with it is sent.",
)
def empty_signatures(kernel: Testee) -> Outcome:
    with keyless(kernel) as other:
        reply = other.peer.ask("kernel_info_request").succeeded()
        if reply.signature:
            return failed("an empty frame", f"{len(reply.signature)} bytes", reply)
    return passed()


@check("SIGN-11.1", "with hmac-sha512 the signatures are those of SHA-512", process=True, ours=True)
def other_hash(kernel: Testee) -> Outcome:
    wanted = ConnectionFile(key="assay-key", signature_scheme="hmac-sha512")
    with kernel.another(wanted) as other:
        reply = other.peer.ask("kernel_info_request").succeeded()
        if reply.signature != other.peer.signer.sign(*reply.dicts):
            return failed("an HMAC with SHA-512", f"{len(reply.signature)} digits", reply)
    return passed()


@check("SIGN-05.1", "the key is the text of the file, also if it looks like a UUID", process=True)
def key_is_text(kernel: Testee) -> Outcome:
    with kernel.another(ConnectionFile(key="a0436f6c-1916-498b-8eb9-e81ab9368e84")) as other:
        reply = other.peer.ask("kernel_info_request").succeeded()
        if reply.signature != other.peer.signer.sign(*reply.dicts):
            return failed("an HMAC under the key's text", "another one", reply)
    return passed()


@check(
    "SIGN-07.3",
    "a signature that is right in all digits but the last, or is cut, gets no reply",
    mistake="Only so many bytes are compared as there are, or as are of interest.",
)
def nearly_right(kernel: Testee) -> Outcome:
    _must_be_signed(kernel)
    peer = kernel.peer
    for change in (_last_digit_changed, _half):
        draft = peer.draft("kernel_info_request").unjudged()
        frames = draft.frames(peer.signer)
        right = frames[frames.index(DELIMITER) + 1]
        response = peer.send(draft.with_parts(signature=change(right)))
        if not peer.quiet():
            return failed("an answer to the next request", "none", response)
        if response.replies:
            return failed("no reply", f"a {response.replies[0].msg_type}", response)
    return passed()


def _last_digit_changed(signature: bytes) -> bytes:
    return signature[:-1] + (b"1" if signature.endswith(b"0") else b"0")


def _half(signature: bytes) -> bytes:
    return signature[: len(signature) // 2]


@check(
    "SIGN-10.2",
    "a wrongly signed cell does not run and moves no counter",
    snippets=("nothing", "print"),
    mistake="The counter is moved before the signature is looked at.",
)
def no_count(kernel: Testee) -> Outcome:
    _must_be_signed(kernel)
    peer = kernel.peer
    before = moving_count(kernel)
    draft = execution(peer, kernel.snippet("print", text=new_name()))
    response = peer.send(draft.with_parts(signature=WRONG).unjudged())
    if not peer.quiet():
        return failed("an answer to the next request", "none", response)
    if response.replies or response.published:
        return failed("no effect", "a reply, or something on IOPub", response)
    return has_count(peer.execute(kernel.snippet("nothing")), before + 1, response)


@check(
    "SIGN-10.3",
    "a wrongly signed request brings no busy and idle without a parent either",
    mistake="Status is published around whatever comes on the socket.",
)
def no_status(kernel: Testee) -> Outcome:
    _must_be_signed(kernel)
    peer = kernel.peer
    must_name_requests(peer)
    sent: list[Response] = []

    def forged() -> str:
        draft = peer.draft("kernel_info_request").with_parts(signature=WRONG).unjudged()
        sent.append(peer.send(draft))
        if not peer.quiet():
            raise Skip("the request behind a wrongly signed one is not answered (SIGN-10.1)")
        return sent[-1].msg_id

    stray = stray_status(peer, forged)
    if stray is not None:
        return failed("no status", stray.state, stray)
    return passed()


@check(
    "SIGN-12.1",
    "a kernel ends with an error if it does not know the signature scheme",
    process=True,
    mistake="An unknown scheme is taken for the usual one, or for none.",
)
def unknown_scheme(kernel: Testee) -> Outcome:
    file = fresh_file(kernel)
    text = json.dumps({**fields_of(file), "signature_scheme": "hmac-assay"}).encode()
    with started_with(kernel, text) as process, client_of(kernel, process, file) as other:
        response = other.peer.send("kernel_info_request")
        try:
            if other.peer.wait_for(lambda: response.replies):
                return failed("an end with an error", "an answer", response)
        except KernelEndedError:
            return refused(process)
        return failed("an end with an error", "it still runs")


@check(
    "SIGN-13.1",
    "a prompt is signed",
    snippets=("input",),
    mistake="Prompts are sent by other code than replies, which leaves the signature out.",
)
def signed_prompts(kernel: Testee) -> Outcome:
    _must_be_signed(kernel)
    peer = kernel.peer
    cell = peer.execute(kernel.snippet("input", prompt="assay"), allow_stdin=True, wait=False)
    start = len(peer.on(Channel.STDIN))
    peer.wait_for(lambda: peer.on(Channel.STDIN)[start:] or cell.replies)
    outcome = _all_signed(kernel, Channel.STDIN)
    for prompt in cell.prompts[:1]:
        peer.answer_input(prompt, "assay")
        peer.finish(cell)
    return outcome


@check(
    "SIGN-13.2",
    "what comes on IOPub is signed, from the very first message on",
    mistake="The first messages are published before the key is known.",
)
def signed_from_the_start(kernel: Testee) -> Outcome:
    _must_be_signed(kernel)
    kernel.peer.ask("kernel_info_request").succeeded()
    return _all_signed(kernel, Channel.IOPUB)


def _all_signed(kernel: Testee, channel: Channel) -> Outcome:
    found = kernel.peer.on(channel)
    if not found:
        raise Skip(f"nothing comes on {channel}")
    for one in found:
        if one.signature != kernel.peer.signer.sign(*one.dicts):
            return failed("the HMAC of its four dictionaries", f"{one.signature[:16]!r}", one)
    return passed()
