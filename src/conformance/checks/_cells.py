"""What checks that run code have in common."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import suppress

from assay.conformance._arrival import Arrival
from assay.conformance._draft import Draft
from assay.conformance._outcome import Evidence, Outcome, Skip, failed, passed
from assay.conformance._peer import Peer
from assay.conformance._response import Response
from assay.conformance._testee import Testee
from assay.transport import KernelEndedError

__all__ = [
    "DEFAULTS",
    "NUMBER",
    "count_of",
    "evaluate",
    "exact_count",
    "execution",
    "has_count",
    "is_usual",
    "lines",
    "looping",
    "looping_code",
    "moving_count",
    "must_have_asked",
    "must_loop",
    "must_run",
    "new_name",
    "not_alive",
    "plain_text",
    "printed",
    "stop",
    "stored_count",
]

NUMBER = 40_917
"""A number that stands in no other output."""

NAMES_LETTERS = str.maketrans("0123456789", "ghijklmnop")

FENCE_TEXT = "assay"

DEFAULTS: Mapping[str, object] = {
    "silent": False,
    "store_history": True,
    "user_expressions": {},
    "allow_stdin": False,
    "stop_on_error": True,
}
"""The optional fields of an ``execute_request``, for checks that leave out one, or none."""


def lines(*snippets: str) -> str:
    """Return a cell with *snippets* one below the other."""
    return "\n".join(snippets)


def new_name(prefix: str = "assay") -> str:
    """Return a name that nothing has yet: small letters alone, good in any language."""
    return prefix + uuid.uuid4().hex[:10].translate(NAMES_LETTERS)


def execution(peer: Peer, code: str, **content: object) -> Draft:
    """Return an ``execute_request`` that holds *code* and what *content* says, and nothing else."""
    return peer.draft("execute_request", {"code": code, **content})


def count_of(arrival: Arrival) -> int:
    """Return the ``execution_count`` of a message.

    Raises:
        Skip: it has none; that is for SHELL-13 and IOPUB-18.
    """
    count = arrival.content.get("execution_count")
    if not isinstance(count, int) or isinstance(count, bool):
        raise Skip(f"the execution_count of the {arrival.msg_type} is {count!r}")
    return count


def stored_count(kernel: Testee, peer: Peer | None = None) -> int:
    """Return the number of a stored cell that does nothing, run now.

    Raises:
        Skip: the cell fails, or its reply has no number.
    """
    return count_of((peer or kernel.peer).execute(kernel.snippet("nothing")).succeeded())


def moving_count(kernel: Testee, peer: Peer | None = None) -> int:
    """Return what `stored_count` does, of a kernel that counts stored cells one by one.

    Raises:
        Skip: it does not, so that nothing shows what else moves its counter; that is for EXEC-06.1.
    """
    first, second = stored_count(kernel, peer), stored_count(kernel, peer)
    if second != first + 1:
        raise Skip(f"a stored cell behind number {first} has number {second} (EXEC-06)")
    return second


def exact_count(kernel: Testee) -> int:
    """Return what `moving_count` does, of a kernel that counts stored cells alone.

    Raises:
        Skip: it counts others too, so that the counter does not show what is stored; that is for
            EXEC-06.2.
    """
    before = moving_count(kernel)
    kernel.peer.execute(kernel.snippet("nothing"), store_history=False).succeeded()
    after = stored_count(kernel)
    if after != before + 1:
        raise Skip("cells that are not stored move the counter (EXEC-06)")
    return after


def must_run(kernel: Testee, peer: Peer | None = None) -> None:
    """Skip the check unless the kernel runs a cell and publishes what that prints."""
    cell = (peer or kernel.peer).execute(kernel.snippet("print", text=FENCE_TEXT))
    cell.succeeded()
    if FENCE_TEXT not in cell.text():
        raise Skip("what a good cell prints is not published")


def must_have_asked(*cells: Response) -> None:
    """Skip the check unless one of *cells* has asked for input.

    Raises:
        Skip: none has; that a cell neither asks nor ends is for STDIN-01.1.
    """
    if any(one.prompts for one in cells):
        return
    if all(one.replies for one in cells):
        raise Skip("the code does not ask for input")
    raise Skip("the code neither asks for input nor ends (STDIN-01)")


def is_usual(kernel: Testee, response: Response) -> bool:
    """Return whether a ``kernel_info_request`` is answered as the first one was.

    There are kernels whose ``kernel_info_reply`` never has a status, for which there is a check.
    """
    usual = ("ok", kernel.info.get("status"))
    return response.reply is not None and response.status in usual


def not_alive(kernel: Testee, peer: Peer | None = None) -> Outcome | None:
    """Return a failure unless a further request is answered with status ok."""
    fence = (peer or kernel.peer).ask("kernel_info_request")
    if not is_usual(kernel, fence) or not kernel.is_running:
        got = "nothing" if fence.reply is None else f"status {fence.status!r}"
        return failed("an answer with status ok to the next request", got)
    return None


def printed(cell: Response, text: str, what: str, *evidence: Evidence) -> Outcome:
    """Return whether a cell has run and its output has come.

    Args:
        cell: What the cell has brought.
        text: What it prints.
        what: Which cell, in words: "the next cell".
        evidence: The messages that show it; the cell's if none are named.
    """
    shown = evidence or (cell,)
    if cell.status != "ok":
        return failed(f"{what} to run", cell.answer, *shown)
    if text not in cell.text():
        return failed(f"the output of {what}", repr(cell.text()) if cell.text() else "none", *shown)
    return passed()


def plain_text(arrival: Arrival) -> str:
    """Return the ``text/plain`` of a result or a display, or nothing."""
    data = arrival.content.get("data")
    text = data.get("text/plain") if isinstance(data, dict) else None
    return text if isinstance(text, str) else ""


def evaluate(kernel: Testee, expression: str, *, code: str | None = None) -> object:
    """Return the entry of a user expression, evaluated behind *code*.

    Raises:
        Skip: the reply is no success, or has no such entry, as of kernels that evaluate none.
    """
    cell = kernel.peer.execute(
        kernel.snippet("nothing") if code is None else code, user_expressions={"asked": expression}
    )
    entries = cell.succeeded().content.get("user_expressions")
    if not isinstance(entries, dict):
        raise Skip("the reply has no user_expressions (EXEC-11)")
    return entries.get("asked")


def has_count(cell: Response, wanted: int, *before: Response) -> Outcome:
    """Say whether the reply to *cell* has *wanted* as its number."""
    found = count_of(cell.succeeded())
    if found != wanted:
        return failed(f"execution_count {wanted}", f"{found}", *before, cell)
    return passed()


LOOPS_TEXT = "loops"


def looping_code(kernel: Testee) -> str:
    """Return an endless cell; where the language can, it prints a word first."""
    language, loop = kernel.language, kernel.snippet("loop")
    if language is None or "print_and_sleep" not in language.snippets:
        return loop
    return lines(kernel.snippet("print_and_sleep", text=LOOPS_TEXT, seconds=0), loop)


def must_loop(kernel: Testee, cell: Response) -> None:
    """Wait until the code of *cell* runs, as what it has printed shows.

    An ``execute_input`` says only that it is about to run: an interrupt that comes then is early,
    and the text does not say what becomes of it. A kernel whose output does not come while the cell
    runs has had all the patience to begin.

    Raises:
        Skip: nothing shows that it runs.
    """
    printed = kernel.peer.wait_for(lambda: LOOPS_TEXT in cell.text() or cell.replies)
    if cell.replies or not (printed or cell.busy or cell.of_type("execute_input")):
        raise Skip("nothing on IOPub shows that the code runs")


def looping(kernel: Testee) -> Response:
    """Return an endless cell that runs.

    Raises:
        Skip: nothing shows that it does.
    """
    cell = kernel.peer.execute(looping_code(kernel), wait=False)
    must_loop(kernel, cell)
    return cell


def stop(kernel: Testee, cell: Response) -> None:
    """Interrupt *cell*, so that the kernel can be asked more; one that goes on is replaced.

    That the interrupt ends the kernel itself is for CTRL-11, and not for the check at hand.
    """
    with suppress(KernelEndedError):
        kernel.own_process().interrupt()
        kernel.peer.finish(cell, timeout=kernel.limits.grace)
