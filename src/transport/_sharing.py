"""Memory that ZeroMQ is given as it is, where a copy would cost more.

What is sent so has a mark, which says when all peers have taken it; pyzmq frees the memory in a
thread of its own, its collector of garbage.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import zmq
import zmq.utils.garbage  # before the I/O thread needs it: it must not wait for another import

from assay._platform._memory import huge_pages
from assay.protocol import Buffer
from assay.transport._spare import are_free

__all__ = [
    "HUGE_BYTES",
    "LentFrame",
    "Mark",
    "copied",
    "give_away",
    "has_collector",
    "is_received",
    "is_settled",
    "prepare_marks",
    "shared",
    "writable",
]

HUGE_BYTES = 32 * 1024 * 1024
"""From this size on a copy asks for huge pages. Smaller ones get memory that was in use before;
larger ones get fresh pages from the C library each time, and to map a page takes longer than to
copy into it: 57 ms for 100 MB in pages of 4 KiB, 17 ms in pages of 2 MiB."""

COLLECTOR_DESCRIPTORS = 10
"""What pyzmq's collector of shared frames takes, a context and two sockets, and some more."""

Mark: TypeAlias = zmq.MessageTracker
"""Says whether all peers have taken a message: it is `done` then."""


class LentFrame(zmq.Frame):
    """Memory that is lent; not sent itself, since it lives as long as something refers to it."""

    note_mark: Callable[[Mark | None], None]
    """Called with the mark of a message that it is sent in."""


class _LentMemory(dict[int, zmq.utils.garbage.gcref]):
    """The memory of ours that ZeroMQ uses; pyzmq's thread removes a piece once it is free.

    pyzmq's thread then sets a `threading.Event`, which needs builtins. If a cell has broken those,
    the thread would end, and the next sender would wait without end. So it is set here, and what
    fails is ignored.
    """

    def __init__(self, before: dict[int, zmq.utils.garbage.gcref]) -> None:
        self._before = before
        """pyzmq's own table, which other threads may just be filling."""

    def pop(self, key: int, *_: object) -> None:  # type: ignore[override]  # nothing is left to do
        """Remove *key*, and set the event of those who wait for its memory."""
        held = super().pop(key, None) or self._before.pop(key, None)
        if held is not None and held.event is not None:
            try:  # noqa: SIM105 - `suppress` needs them as well
                held.event.set()
            except BaseException:  # noqa: BLE001, S110 - it is set; to wake those who wait failed
                pass


def prepare_marks() -> None:
    """Have pyzmq make now what frees marked and shared frames: sockets and a thread."""
    shared(b"")
    collector = zmq.utils.garbage.gc
    if not isinstance(collector.refs, _LentMemory):
        collector.refs = _LentMemory(collector.refs)


def shared(frame: Buffer) -> zmq.Frame:
    """Return *frame* as a frame of ZeroMQ's that has a mark and shares its memory.

    Without a mark, and copied, if what frees the memory is not there and cannot be made.
    """
    try:
        if not has_collector():
            return zmq.Frame(frame, copy=True)
        whole = zmq.Frame(frame, track=True, copy=False)
    except (RuntimeError, OSError, zmq.ZMQError):
        # What frees the memory cannot be had: pyzmq's exit function has ended it, or a program that
        # has used up all descriptors keeps it from being imported or started.
        return zmq.Frame(frame, copy=True)
    if isinstance(frame, memoryview) and isinstance(frame.obj, LentFrame):
        frame.obj.note_mark(whole.tracker)
    return whole


def has_collector() -> bool:
    """Return True if what frees shared memory runs, or there is room to make it.

    ZeroMQ ends the process if it finds no descriptor for its sockets, so some must be free before.
    """
    return zmq.utils.garbage.gc.is_alive() or are_free(COLLECTOR_DESCRIPTORS)


def is_settled(frame: Buffer) -> bool:
    """Return True if nothing can change *frame* any more, and it has no gaps."""
    if isinstance(frame, memoryview):
        # A frame that was received has no other owner; a writable view of it could change.
        owner = frame.obj
        return frame.readonly and frame.c_contiguous and isinstance(owner, (bytes, zmq.Frame))
    return type(frame) is bytes


def copied(view: memoryview) -> Buffer:
    """Return a copy of what *view* shows, which nothing can change."""
    memory = huge_pages(view.nbytes) if view.nbytes >= HUGE_BYTES and view.c_contiguous else None
    if memory is None:
        return view.tobytes()
    memory[:] = view.cast("B")
    return give_away(memory)


def give_away(buffer: Buffer) -> Buffer:
    """Return *buffer* as one that nothing can change any more: it is sent without a copy.

    No other code may have a reference to its memory, which lives as long as what is returned.
    """
    frame = shared(buffer)
    view: memoryview = frame.buffer.toreadonly()
    return view


def is_received(owner: object) -> bool:
    """Return True for what owns the memory of a large buffer that was received."""
    return isinstance(owner, zmq.Frame)


def writable(buffer: Buffer) -> Buffer:
    """Return *buffer*, of a message that was received, as one that may be changed.

    The memory of a large frame is handed on as it is, so no code may look at *buffer* afterwards. A
    small one is copied.
    """
    owner: object = buffer.obj if isinstance(buffer, memoryview) else None
    if not isinstance(owner, zmq.Frame):
        return bytearray(buffer)
    view: memoryview = owner.buffer
    return view
