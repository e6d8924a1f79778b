"""Read and write the frames of one message, without copying large ones."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from threading import Lock  # by name: gevent replaces the module's
from typing import TypeAlias

import zmq
import zmq.utils.garbage  # before the I/O thread needs it: it must not wait for another import
from zmq.backend import Socket as BackendSocket

from assay._platform import huge_pages
from assay.protocol import DELIMITER, Buffer
from assay.transport._sockets import Socket
from assay.transport._spare import are_free

__all__ = [
    "NOBLOCK",
    "POLLIN",
    "Loan",
    "Mark",
    "descriptor_of",
    "give_away",
    "has_come",
    "is_received",
    "lend",
    "prepare_marks",
    "receive_frames",
    "send_frames",
    "settled",
    "size_of",
    "writable",
]

COPIED_BYTES = 128 * 1024
"""Frames up to this size are copied: handing over a reference costs more than so much copying.
Twice the size of what text is divided into, since each of its messages would cost a reference."""

JOINED_BYTES = 8 * 1024
"""Up to this size it costs less to put the frames of a message together than to look at each."""

HUGE_BYTES = 32 * 1024 * 1024
"""From this size on a copy asks for huge pages. Smaller ones get memory that was in use before;
larger ones get fresh pages from the C library each time, and to map a page takes longer than to
copy into it: 57 ms for 100 MB in pages of 4 KiB, 17 ms in pages of 2 MiB."""

LENT_BYTES = 1024 * 1024
"""From this size on it is worth while to lend memory instead of copying it."""

COLLECTOR_DESCRIPTORS = 10
"""What pyzmq's collector of shared frames takes, a context and two sockets, and some more."""

NOBLOCK = int(zmq.NOBLOCK)
SNDMORE = int(zmq.SNDMORE)
EVENTS = int(zmq.EVENTS)
POLLIN = int(zmq.POLLIN)
"""Plain numbers: arithmetic with the enum's members takes longer than sending a frame."""

_send = BackendSocket.send
_receive = BackendSocket.recv
_get = BackendSocket.get
# What `zmq.Socket` wraps. A message has seven frames and a request causes four messages: the
# wrappers would take a tenth of a round trip.

DICTS_BEHIND_DELIMITER = 5
"""Signature, header, parent header, metadata, content."""

NOTHING_BUT_BYTES = frozenset({bytes})

Mark: TypeAlias = zmq.MessageTracker
"""Tells whether everybody has taken a message: it is `done` then."""


class Loan:
    """Memory that is sent as it is, though others refer to it: it must not change meanwhile.

    Args:
        view: Of the memory. pyzmq keeps it longer than the frame: a thread of its own lets go.
    """

    def __init__(self, view: memoryview) -> None:
        # A lock, which whatever thread frees the memory can open wherever it is just then.
        self._is_used = Lock()
        self._is_used.acquire()
        self._view = weakref.ref(view, lambda _: self._is_used.release())
        self.mark: Mark | None = None
        """Of the message, once it is sent."""

    def is_over(self, wait_s: float) -> bool:
        """Return True once no message refers to the memory; wait *wait_s* seconds for that."""
        if self._is_used.acquire(timeout=wait_s):
            self._is_used.release()
            return True
        # It may have left, and something else refer to the message: a debugger, say.
        return self.mark is not None and self.mark.done


class _LentFrame(zmq.Frame):
    """Memory that is lent; not sent itself, since it lives as long as something refers to it."""

    loan: Loan


def size_of(frames: Sequence[Buffer]) -> int:
    """Return the bytes in *frames*."""
    return sum(len(frame) if type(frame) is bytes else memoryview(frame).nbytes for frame in frames)


def settled(frames: list[Buffer]) -> tuple[list[Buffer], int]:
    """Return *frames* with a copy of each that could still change or has gaps, and their bytes."""
    if NOTHING_BUT_BYTES.issuperset(map(type, frames)):  # most, and found without a loop
        return frames, sum(map(len, frames))
    copied = [f if _is_settled(f) else _copied(memoryview(f)) for f in frames]
    return copied, size_of(copied)


def give_away(buffer: Buffer) -> Buffer:
    """Return *buffer* as one that nothing can change any more: it is sent without a copy.

    No other code may have a reference to its memory, which lives as long as what is returned.
    """
    frame = _shared(buffer)
    view: memoryview = frame.buffer.toreadonly()
    return view


def lend(buffer: Buffer) -> tuple[Buffer, Loan | None]:
    """Return *buffer* as one that is sent without a copy, and the loan to wait for.

    Nothing may write to its memory until that is over, which it also is if no message is made of
    it. What is small, has gaps, or needs no copy anyway, is returned as it is, without a loan.
    """
    view = memoryview(buffer)
    if view.nbytes < LENT_BYTES or not view.c_contiguous or _is_settled(buffer):
        return buffer, None
    try:
        if not _has_collector():
            return buffer, None
        frame = _LentFrame(view, copy=False)
    except (RuntimeError, OSError, zmq.ZMQError):  # see `_shared`
        return buffer, None
    loan = frame.loan = Loan(view)
    lent: memoryview = frame.buffer.toreadonly()
    return lent, loan


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


def send_frames(
    socket: Socket,
    frames: list[Buffer],
    flags: int = 0,
    *,
    mark: bool = False,
    size: int | None = None,
) -> Mark | None:
    """Send one message, all of it or nothing.

    A frame above `COPIED_BYTES` is handed to ZeroMQ as it is.

    Args:
        socket: Where to.
        frames: At least one.
        flags: Of ZeroMQ.
        mark: Mark the message even if all its frames are small.
        size: The bytes in all of them, if they are `settled`.

    Returns:
        The mark of the last frame that was not copied, if there is one.

    Raises:
        zmq.Again: *flags* has NOBLOCK and there is no room; nothing was sent.
    """
    # First: a frame that cannot be sent must not be found when others are on their way. Small ones
    # are put together for that, which takes a tenth of the time of a look at each.
    if size is None or size > JOINED_BYTES:
        frames, size = settled(frames)
    else:
        b"".join(frames)
    more = flags | SNDMORE
    last = len(frames) - 1
    found: Mark | None = None
    if size <= COPIED_BYTES and not mark:
        for frame in frames[:last]:
            _send(socket, frame, more)
        _send(socket, frames[last], flags)
        return None
    for index, frame in enumerate(frames):
        flag = more if index < last else flags
        if memoryview(frame).nbytes > COPIED_BYTES or (mark and index == last):
            whole = _shared(frame)
            found = _send(socket, whole, flag, False, whole.tracker is not None)
        else:
            _send(socket, frame, flag)
    return found


def receive_frames(socket: Socket, origin: list[int] | None = None) -> list[Buffer]:
    """Return the next message without waiting; append to *origin* what `descriptor_of` says of it.

    Large buffers after the content are read-only views of ZeroMQ's memory; all else is `bytes`.

    Raises:
        zmq.Again: there is none.
    """
    # Not copied: only then does a frame know whether more follow. To ask the socket takes longer.
    frame = _receive(socket, NOBLOCK, False)
    if origin is not None:
        origin.append(descriptor_of(frame))
    data = frame.bytes
    frames: list[Buffer] = [data]
    while data != DELIMITER and frame.more:
        frame = _receive(socket, 0, False)
        frames.append(data := frame.bytes)
    dicts = DICTS_BEHIND_DELIMITER
    while frame.more:
        frame = _receive(socket, 0, False)
        frames.append(frame.bytes if dicts > 0 else _view(frame))
        dicts -= 1
    return frames


def descriptor_of(frame: zmq.Frame) -> int:
    """Return the descriptor of the connection that *frame* came by; -1 if that has ended."""
    try:
        return int(frame.get(zmq.SRCFD))
    except zmq.ZMQError:
        return -1


def has_come(socket: Socket) -> bool:
    """Return whether there is another message, which costs less than to find that there is none."""
    return bool(int(_get(socket, EVENTS)) & POLLIN)


def prepare_marks() -> None:
    """Have pyzmq make now what frees marked and shared frames: sockets and a thread."""
    _shared(b"")


def _shared(frame: Buffer) -> zmq.Frame:
    """Return *frame* as a frame of ZeroMQ's that has a mark and shares its memory.

    Without a mark, and copied, if what frees the memory is not there and cannot be made.
    """
    try:
        if not _has_collector():
            return zmq.Frame(frame, copy=True)
        whole = zmq.Frame(frame, track=True, copy=False)
    except (RuntimeError, OSError, zmq.ZMQError):
        # What frees the memory cannot be had: pyzmq's exit function has ended it, or a program that
        # has used up all descriptors keeps it from being imported or started.
        return zmq.Frame(frame, copy=True)
    if isinstance(frame, memoryview) and isinstance(frame.obj, _LentFrame):
        frame.obj.loan.mark = whole.tracker
    return whole


def _has_collector() -> bool:
    """Return True if what frees shared memory runs, or there is room to make it.

    ZeroMQ ends the process if it finds no descriptor for its sockets, so some must be free before.
    """
    return zmq.utils.garbage.gc.is_alive() or are_free(COLLECTOR_DESCRIPTORS)


def _is_settled(frame: Buffer) -> bool:
    if isinstance(frame, memoryview):
        # A frame that was received has no other owner; a writable view of it could change.
        owner = frame.obj
        return frame.readonly and frame.c_contiguous and isinstance(owner, (bytes, zmq.Frame))
    return type(frame) is bytes


def _copied(view: memoryview) -> Buffer:
    memory = huge_pages(view.nbytes) if view.nbytes >= HUGE_BYTES and view.c_contiguous else None
    if memory is None:
        return view.tobytes()
    memory[:] = view.cast("B")
    return give_away(memory)


def _view(frame: zmq.Frame) -> Buffer:
    if len(frame) <= COPIED_BYTES:
        return frame.bytes
    view: memoryview = frame.buffer.toreadonly()
    return view
