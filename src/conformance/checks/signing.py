"""Signatures (spec/chapters/signing.md)."""

from __future__ import annotations

import re

from assay.conformance._check import check
from assay.conformance._outcome import Outcome, Skip, failed, passed
from assay.conformance._testee import Testee
from assay.conformance.checks._sample import every
from assay.protocol import Channel, ConnectionFile

__all__: list[str] = []

WRONG = b"0" * 64

DICTS = 4

LOWER = re.compile(rb"[0-9a-f]+")


def _must_be_signed(kernel: Testee) -> None:
    if not kernel.connection.key:
        raise Skip("the connection has no key")


def _refuses(kernel: Testee, signature: bytes, channel: Channel) -> Outcome:
    _must_be_signed(kernel)
    peer = kernel.peer
    draft = peer.draft("kernel_info_request").with_parts(signature=signature).unjudged()
    heard = peer.send(draft, channel=channel)
    if not peer.quiet(channel):
        return failed("an answer to the next request", "none", heard)
    if heard.replies:
        return failed("no reply", f"a {heard.replies[0].msg_type}", heard)
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


@check("SIGN-10.1", "a wrongly signed request publishes nothing")
def no_effect(kernel: Testee) -> Outcome:
    _must_be_signed(kernel)
    peer = kernel.peer
    heard = peer.send(peer.draft("kernel_info_request").with_parts(signature=WRONG).unjudged())
    if not peer.quiet():
        return failed("an answer to the next request", "none", heard)
    if heard.published:
        return failed("nothing on IOPub", ", ".join(heard.types), heard)
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
    heard = peer.ask(draft.with_parts(header=f"{{{pairs} }}".encode()))
    if not heard.replies:
        return failed("a reply", "none", heard)
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
    heard = kernel.peer.ask(draft)
    if not heard.replies:
        return failed("a reply", "none", heard)
    return passed()


@check("SIGN-06.1", "with an empty key an unsigned request is answered", process=True)
def no_key(kernel: Testee) -> Outcome:
    with kernel.another(ConnectionFile(key="")) as other:
        heard = other.peer.ask(other.peer.draft("kernel_info_request").with_parts(signature=b""))
        if not heard.replies:
            return failed("a reply", "none", heard)
    return passed()


@check("SIGN-16.1", "with an empty key the signature frames are empty", process=True)
def empty_signatures(kernel: Testee) -> Outcome:
    with kernel.another(ConnectionFile(key="")) as other:
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
