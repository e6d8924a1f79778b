"""Signatures (spec/chapters/signing.md)."""

from __future__ import annotations

from assay.conformance._check import check
from assay.conformance._outcome import Outcome, Skip, failed, passed
from assay.conformance._testee import Testee
from assay.protocol import Channel

__all__: list[str] = []

WRONG = b"0" * 64


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
