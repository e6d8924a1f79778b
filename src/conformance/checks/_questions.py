"""Questions of several types, all of which may be asked at once."""

from __future__ import annotations

from collections.abc import Mapping

from assay.conformance._arrival import Object
from assay.conformance._outcome import Outcome, failed, note, passed, skipped
from assay.conformance._response import Response
from assay.conformance._testee import Testee

__all__ = ["QUESTIONS", "asked_at_once", "in_order", "is_refused"]

QUESTIONS: Mapping[str, Object] = {
    "kernel_info_request": {},
    "complete_request": {"code": "a", "cursor_pos": 1},
    "inspect_request": {"code": "a", "cursor_pos": 1, "detail_level": 0},
    "history_request": {"output": False, "raw": True, "hist_access_type": "tail", "n": 1},
    "is_complete_request": {"code": "1"},
    "comm_info_request": {},
}

ROUNDS = 5


def asked_at_once(
    kernel: Testee, contents: Mapping[str, Object] = QUESTIONS
) -> Mapping[str, Response]:
    """Ask everything in *contents* and return what each has brought, by its type.

    A kernel that answers in order may take its time for the first completion, which loads much; a
    further request shows that it is through. One with threads has answered that at once, and is
    waited for as usual.
    """
    peer = kernel.peer
    asked = {msg_type: peer.send(msg_type, content) for msg_type, content in contents.items()}
    behind = peer.send("kernel_info_request")
    peer.wait_for(lambda: behind.replies, kernel.patience * 3)
    for one in asked.values():
        peer.finish(one)
    return asked


def in_order(kernel: Testee) -> Outcome:
    """Judge whether an idle kernel answers questions in the order in which they came."""
    peer = kernel.peer
    # What is not answered once need not be answered again (SHELL-02).
    served = [one for one, response in asked_at_once(kernel).items() if response.replies]
    if len(served) < 2:
        return skipped("fewer than two types of question are answered")
    peer.quiet()
    asked = [peer.send(one, QUESTIONS[one]) for _ in range(ROUNDS) for one in served]
    peer.wait_for(lambda: all(one.replies for one in asked), kernel.patience * 2)
    replies = [one.reply for one in asked if one.reply is not None]
    if len(replies) < len(asked):
        return skipped("not all of the requests were answered (SHELL-14)")
    places = [one.index for one in replies]
    if places != sorted(places):
        got = ", ".join(one.msg_type for one in sorted(replies, key=lambda one: one.index))
        return failed("the order of the requests", got, *asked)
    return passed()


def is_refused(request: Response) -> Outcome:
    """Say whether a wrong *request* got an error reply."""
    if request.status == "error":
        return passed()
    return note(
        "the text says nothing about malformed requests (AMB-59)",
        expected="an error reply",
        got=request.answer,
        evidence=(request,),
    )
