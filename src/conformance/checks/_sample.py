"""A little of everything that a kernel sends, for checks of every message."""

from __future__ import annotations

from collections.abc import Callable

from assay.conformance._arrival import Arrival
from assay.conformance._outcome import Outcome, Skip, failed, passed
from assay.conformance._testee import Testee
from assay.protocol import Channel

__all__ = ["every", "sample"]

SNIPPETS = (("print", {"text": "assay"}), ("result", {"number": 7}), ("error", {"text": "assay"}))


def sample(kernel: Testee) -> tuple[Arrival, ...]:
    """Ask on shell and control, run some code if the language is known, return all that came.

    Raises:
        Skip: the kernel answers nothing with success; there is nothing to judge.
    """
    peer = kernel.peer
    peer.read()
    start = len(peer.arrivals)
    good = peer.ask("kernel_info_request").status == "ok"
    good = peer.ask("kernel_info_request", channel=Channel.CONTROL).status == "ok" or good
    language = kernel.language
    for name, words in SNIPPETS:
        if language is not None and name in language.snippets:
            good = peer.execute(kernel.snippet(name, **words)).status == "ok" or good
    if not good:
        raise Skip("the kernel answers nothing with success")
    return tuple(peer.arrivals[start:])


def every(
    kernel: Testee, is_good: Callable[[Arrival], bool], wanted: str, found: Callable[[Arrival], str]
) -> Outcome:
    """Return a failure with the first message of a sample that is not good."""
    for one in sample(kernel):
        if not is_good(one):
            return failed(wanted, f"{found(one)}, in {one.msg_type or 'a message'}", one)
    return passed()
