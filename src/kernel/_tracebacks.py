"""Errors as users read them: tracebacks show where their code stood, and no frame of the kernel.

The kernel's functions stand in a traceback wherever user code calls them (`print`, `display`,
`input`, an import), where they call user code (an import hook, a completer), and where a signal
strikes in them. What a function of the kernel calls to do its work is the kernel's too.
"""

from __future__ import annotations

import os
from types import FrameType, TracebackType

from assay.kernel._error_chains import lines_of_chain

__all__ = [
    "hide_own_frames",
    "is_hidden",
    "last_line_of",
    "lines_of",
    "reports_on_own",
    "text_of",
    "without_own",
]

FOLDER = f"{os.path.dirname(os.path.dirname(__file__))}{os.sep}"  # noqa: PTH120 - pathlib is no part of the start
"""Where the library's files are."""

OWN = __name__.rpartition(".")[0]
"""The kernel's package. What it calls in the rest of the library is hidden with it; a program that
uses the library by itself sees the frames of the library."""

WORKS_FOR_US = frozenset(
    {OWN.partition(".")[0], "attr", "attrs", "cattrs", "codecs", "contextlib", "msgspec", "zmq"}
)
"""Top-level modules whose frames are hidden after one of the kernel's own."""


TRACERS = frozenset({"_pydevd_bundle", "_pydevd_sys_monitoring", "pydevd"})
"""Top-level modules of the debugger that Python calls between two lines of the user's."""

MAX_LINES = 4_000
"""What is shown of one error. A recursion of two functions has no two lines in a row alike."""


def hide_own_frames(error: BaseException) -> None:
    """Take the kernel's own frames out of the traceback of *error*.

    And out of those of its causes and contexts, and of the members of a group.
    """
    seen: set[int] = set()
    # With each: whether it was raised while a function of the kernel ran.
    waiting: list[tuple[BaseException | None, bool]] = [(error, False)]
    while waiting:
        found, is_within_own = waiting.pop()
        if found is None or id(found) in seen:
            continue
        seen.add(id(found))
        if isinstance(found, KeyboardInterrupt):
            found.__traceback__ = _until_tracer(found.__traceback__)
        found.__traceback__, ends_in_own = _without_own(found.__traceback__, is_within_own)
        waiting += [(found.__cause__, ends_in_own), (found.__context__, ends_in_own)]
        if isinstance(found, BaseExceptionGroup):
            waiting += [(member, ends_in_own) for member in found.exceptions]


def reports_on_own(error: BaseException, trace: TracebackType | None) -> bool:
    """Return True for a traceback of *error* that begins in the kernel: it reports on the kernel.

    An interrupt never does, though the traceback begins in the kernel's signal handler where C code
    runs the program, such as the hub of gevent.
    """
    is_interrupt = isinstance(error, KeyboardInterrupt)
    return trace is not None and not is_interrupt and _is_own(trace.tb_frame, False)


def without_own(trace: TracebackType | None) -> TracebackType | None:
    """Return *trace*, whose error is not known, without the kernel's frames.

    One that begins in the kernel is a report on it, and is left as it is.
    """
    if not isinstance(trace, TracebackType) or _is_own(trace.tb_frame, False):
        return trace
    return _without_own(trace, False)[0]


def is_hidden(frame: FrameType) -> bool:
    """Return True if *frame* belongs to the kernel, to what starts it, or to what it calls."""
    name = frame.f_globals.get("__name__")
    if name == "__main__":
        return frame.f_code.co_filename.startswith(FOLDER)
    at: FrameType | None = frame
    while at is not None and _works_for_us(at):
        at = at.f_back
    return at is not None and _is_own(at, False)


def _works_for_us(frame: FrameType) -> bool:
    name = frame.f_globals.get("__name__")
    return (
        isinstance(name, str)
        and name.partition(".")[0] in WORKS_FOR_US
        and not _is_own(frame, False)
    )


def _without_own(
    trace: TracebackType | None, is_within_own: bool
) -> tuple[TracebackType | None, bool]:
    """Return what is left of *trace*, and whether its last frame was the kernel's."""
    kept: list[TracebackType] = []
    is_own = is_within_own
    while trace is not None:
        is_own = _is_own(trace.tb_frame, is_own)
        if not is_own:
            kept.append(trace)
        trace = trace.tb_next
    for link, following in zip(kept, [*kept[1:], None], strict=False):
        link.tb_next = following
    return (kept[0] if kept else None), is_own


def _until_tracer(trace: TracebackType | None) -> TracebackType | None:
    """Return *trace* without the debugger's part, where an interrupt struck it at a breakpoint.

    The user's frame that it was called for stands before it twice.
    """
    link, before = trace, None
    while link is not None:
        name = link.tb_frame.f_globals.get("__name__")
        if isinstance(name, str) and name.partition(".")[0] in TRACERS:
            if before is None:
                return None
            before.tb_next = None
            return trace
        if before is None or before.tb_frame is not link.tb_frame:
            before = link
        link = link.tb_next
    return trace


def _is_own(frame: FrameType, is_after_own: bool) -> bool:
    name = frame.f_globals.get("__name__")
    if not isinstance(name, str):  # code that a library of ours has generated, or a user
        return is_after_own
    if name == OWN or name.startswith(f"{OWN}."):
        return True
    return is_after_own and name.partition(".")[0] in WORKS_FOR_US


def text_of(error: BaseException) -> str:
    """Return the text of *error*, whatever its class makes of that."""
    for convert in (str, repr):
        try:
            return convert(error)
        except BaseException:  # noqa: BLE001, S112 - a user's __str__ may raise anything
            continue
    return "<the exception cannot be shown>"


def last_line_of(error: BaseException) -> str:
    """Return name and text of *error*, as the end of a traceback."""
    name, text = type(error).__name__, text_of(error)
    return f"{name}: {text}" if text else name


def lines_of(error: BaseException) -> list[str]:
    """Return what Python shows of *error*, without line ends; the last line alone if it fails.

    The middle is left out of more than `MAX_CHAIN` errors that caused each other, and of more than
    `MAX_LINES` lines.
    """
    try:
        first, last = lines_of_chain(error)
    except BaseException:  # noqa: BLE001 - a SyntaxError's attributes, or its notes, may be anything
        return [last_line_of(error)]
    if last:
        return [*_shortened(first, MAX_LINES // 2), *_shortened(last, MAX_LINES // 2)]
    return _shortened(first, MAX_LINES)


def _shortened(lines: list[str], limit: int) -> list[str]:
    left_out = len(lines) - limit
    if left_out <= 0:
        return lines
    half = limit // 2
    return [*lines[:half], f"  [... {left_out} lines left out]", *lines[-half:]]
