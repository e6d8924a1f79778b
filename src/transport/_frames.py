"""Read and write the frames of one message, without copying large ones."""

from __future__ import annotations

from collections.abc import Sequence

import zmq
from zmq.backend import Socket as BackendSocket

from assay.protocol import DELIMITER, Buffer
from assay.transport._sharing import Mark, copied, is_settled, shared
from assay.transport._sockets import Socket

__all__ = [
    "COPIED_BYTES",
    "NOBLOCK",
    "POLLIN",
    "descriptor_of",
    "has_come",
    "receive_frames",
    "send_frames",
    "settled",
    "size_of",
]

COPIED_BYTES = 128 * 1024
"""Frames up to this size are copied: handing over a reference costs more than so much copying.
Twice the size of what text is divided into, since each of its messages would cost a reference."""

JOINED_BYTES = 8 * 1024
"""Up to this size it costs less to put the frames of a message together than to look at each."""

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


def size_of(frames: Sequence[Buffer]) -> int:
    """Return the bytes in *frames*."""
    return sum(len(frame) if type(frame) is bytes else memoryview(frame).nbytes for frame in frames)


def settled(frames: list[Buffer]) -> tuple[list[Buffer], int]:
    """Return *frames* with a copy of each that could still change or has gaps, and their bytes."""
    if _are_bytes(frames):
        return frames, sum(map(len, frames))
    fixed = [f if is_settled(f) else copied(memoryview(f)) for f in frames]
    return fixed, size_of(fixed)


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
            whole = shared(frame)
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


def _are_bytes(frames: list[Buffer]) -> bool:
    """Return whether nothing else is there, as a rule; found without a loop."""
    try:
        return NOTHING_BUT_BYTES.issuperset(map(type, frames))
    except TypeError:  # one is of a class without a hash
        return False


def _view(frame: zmq.Frame) -> Buffer:
    if len(frame) <= COPIED_BYTES:
        return frame.bytes
    view: memoryview = frame.buffer.toreadonly()
    return view
