"""Reading the history of a kernel."""

from __future__ import annotations

from assay.conformance._arrival import Arrival
from assay.conformance._outcome import Skip
from assay.conformance._response import Response
from assay.conformance._testee import Testee

__all__ = ["Entry", "ask_history", "entries", "stored_texts"]

Entry = tuple[int, int, object]
"""Session, line, and the input or a pair of input and output."""


def ask_history(kernel: Testee, access: str, **content: object) -> Response:
    """Ask for history by *access* type; raw and without output unless *content* says more."""
    fields = {"output": False, "raw": True, "hist_access_type": access, **content}
    return kernel.peer.ask("history_request", fields)


def entries(reply: Arrival) -> tuple[Entry, ...]:
    """Return the entries of a reply.

    Raises:
        Skip: they have another form; that is for HIST-07.
    """
    found = reply.content.get("history")
    if not isinstance(found, list):
        raise Skip("the reply has no list of history (HIST-07)")
    made: list[Entry] = []
    for one in found:
        match one:
            case [int(session), int(line), value]:
                made.append((session, line, value))
            case _:
                raise Skip("the entries are no triples of session, line and input (HIST-07)")
    return tuple(made)


def stored_texts(kernel: Testee, n: int = 20) -> tuple[str, ...]:
    """Return the input of the last *n* cells, as it was typed.

    Raises:
        Skip: the kernel has no history.
    """
    reply = ask_history(kernel, "tail", n=n).succeeded()
    return tuple(
        str(value[0] if isinstance(value, list) else value) for *_, value in entries(reply)
    )
