"""Read and write the frames of one message, without copying large ones."""

from __future__ import annotations

from collections.abc import Sequence

import zmq
from assay.protocol import DELIMITER, Buffer
from assay.transport._sockets import Socket

__all__ = ["receive_frames", "send_frames", "size_of"]

COPIED_BYTES = 64 * 1024
"""Frames up to this size are copied: handing over a reference costs more than so much copying."""

DICTS_BEHIND_DELIMITER = 5
"""Signature, header, parent header, metadata, content."""


def size_of(frames: Sequence[Buffer]) -> int:
    """Return the bytes in *frames*."""
    return sum(f.nbytes if isinstance(f, memoryview) else len(f) for f in frames)


def send_frames(socket: Socket, frames: Sequence[Buffer], flags: int = 0) -> None:
    """Send one message.

    A frame above `COPIED_BYTES` that nobody can change is handed to ZeroMQ as it is.

    Raises:
        zmq.Again: *flags* has NOBLOCK and there is no room; nothing was sent.
    """
    more = flags | zmq.SNDMORE
    last = len(frames) - 1
    for index, frame in enumerate(frames):
        flag = more if index < last else flags
        if type(frame) is bytes:
            socket.send(frame, flag, copy=len(frame) <= COPIED_BYTES)
        else:
            view = memoryview(frame)
            socket.send(frame, flag, copy=not view.readonly or view.nbytes <= COPIED_BYTES)


def receive_frames(socket: Socket) -> list[bytes]:
    """Return the next message without waiting.

    Buffers behind the content may be views of ZeroMQ's memory (they are `memoryview`, which the
    protocol layer takes as well).

    Raises:
        zmq.Again: there is none.
    """
    frames: list[bytes] = [socket.recv(zmq.NOBLOCK)]
    dicts = DICTS_BEHIND_DELIMITER if frames[0] == DELIMITER else None
    while socket.getsockopt(zmq.RCVMORE):
        if dicts == 0:
            frames.append(_view(socket))
            continue
        frame = socket.recv()
        frames.append(frame)
        if dicts is not None:
            dicts -= 1
        elif frame == DELIMITER:
            dicts = DICTS_BEHIND_DELIMITER
    return frames


def _view(socket: Socket) -> bytes:
    frame = socket.recv(copy=False)
    if len(frame) <= COPIED_BYTES:
        return frame.bytes
    view: bytes = frame.buffer  # type: ignore[assignment]  # see the docstring of the caller
    return view
