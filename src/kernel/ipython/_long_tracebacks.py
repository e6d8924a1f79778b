"""Tracebacks of very many frames: those in the middle are left out, and the text says how many.
Errors with very many others before them are left to Python, which formats a chain in a moment.

IPython looks up the source of each frame before it finds that most are alike, a millisecond or two
for each: a recursion of 15,000 calls would be shown after half a minute.

What is replaced here is private to IPython. Where it is gone, nothing is replaced, and a test
fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any

from assay.kernel._error_chains import MAX_CHAIN, shown_before

__all__ = ["MAX_FRAMES", "is_beyond_ipython", "leave_out_middle"]

MAX_FRAMES = 1_000
"""As many as Python's own limit allows, so that only who has raised it sees less."""

HALF = MAX_FRAMES // 2

MAX_CHAIN_FRAMES = 3_000
"""Frames of all errors together that caused each other, where each is shown with its sources."""


def is_beyond_ipython(error: BaseException) -> bool:
    """Return True for what only Python itself formats well, or before the user has gone.

    That are groups, errors that caused each other in a circle, and very many of these.
    """
    return any(map(_is_beyond_ipython, (_contexts_of(error), _shown_with(error))))


def _is_beyond_ipython(chain: Iterable[BaseException]) -> bool:
    seen: set[int] = set()
    frames = 0
    for link in chain:
        frames += min(len(_links_of(link.__traceback__)), MAX_FRAMES)
        is_long = len(seen) >= MAX_CHAIN or frames > MAX_CHAIN_FRAMES
        if is_long or isinstance(link, BaseExceptionGroup) or id(link) in seen:
            return True
        seen.add(id(link))
    return False


def _contexts_of(error: BaseException) -> Iterator[BaseException]:
    """Yield what IPython looks through for groups, without an end if there is a circle."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__context__


def _shown_with(error: BaseException) -> Iterator[BaseException]:
    """Yield what is shown before *error*."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = shown_before(link)


def leave_out_middle(formatter: Any) -> None:
    """Let IPython's *formatter* of tracebacks show `MAX_FRAMES` of an error at most."""
    replacements: dict[str, Callable[[Any], object]] = {
        "get_records": _records_of,
        "format_record": _format_of,
        "_format_list": _list_of,
    }
    if all(hasattr(formatter, name) for name in replacements):
        for name, replacement in replacements.items():
            setattr(formatter, name, replacement(getattr(formatter, name)))


def _records_of(get_records: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    def records(trace: TracebackType, context: int, tb_offset: int) -> list[Any]:
        links = _links_of(trace)
        left_out = len(links) - MAX_FRAMES
        if left_out <= 0:
            return get_records(trace, context, tb_offset)
        first = get_records(_chain_of(links[:HALF]), context, tb_offset)
        last = get_records(_chain_of(links[-HALF:]), context, 0)
        return [*first, _record_of(left_out), *last]

    return records


def _format_of(format_record: Callable[[Any], str]) -> Callable[[Any], str]:
    def format_one(record: Any) -> str:
        left_out = getattr(record, "left_out", 0)
        return _note(left_out) if left_out else format_record(record)

    return format_one


def _list_of(format_list: Callable[[Any], list[str]]) -> Callable[[Any], list[str]]:
    """Do the same for ``%xmode plain``, which shows frames without asking for their records."""

    def format_all(frames: Sequence[object]) -> list[str]:
        left_out = len(frames) - MAX_FRAMES
        if left_out <= 0:
            return format_list(frames)
        return [*format_list(frames[:HALF]), _note(left_out), *format_list(frames[-HALF:])]

    return format_all


def _note(left_out: int) -> str:
    return f"    [... {left_out} frames left out]\n"


def _record_of(left_out: int) -> Any:
    """Return what stands for the frames left out; to IPython it is a repetition."""
    from IPython.core.tbtools import FrameInfo  # noqa: PLC0415 - few tracebacks are so long
    from stack_data.core import RepeatedFrames  # noqa: PLC0415 - the same

    repeated = RepeatedFrames(frames=[], frame_keys=[])
    record = FrameInfo("", "", None, None, None, sd=repeated)
    record.left_out = left_out
    return record


def _links_of(trace: TracebackType | None) -> list[TracebackType]:
    links: list[TracebackType] = []
    while trace is not None:
        links.append(trace)
        trace = trace.tb_next
    return links


def _chain_of(links: Sequence[TracebackType]) -> TracebackType | None:
    """Return a traceback of *links* alone; theirs, which the user may look at, stays whole."""
    chain: TracebackType | None = None
    for link in reversed(links):
        chain = TracebackType(chain, link.tb_frame, link.tb_lasti, link.tb_lineno)
    return chain
