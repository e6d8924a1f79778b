"""Recordings: the traffic of a kernel in a file, for judging and replaying it later."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import frozen

from assay.conformance._traffic import Line, Traffic
from assay.protocol import DELIMITER, AssayError, Buffer, Channel, Sender

__all__ = ["Recording", "RecordingError", "TrafficRecorder"]

FORMAT = 1


class RecordingError(AssayError):
    """A file is no recording."""


@frozen(kw_only=True)
class Recording:
    """What went over the wire between a kernel and its clients, in the order of time."""

    kernel: str
    """What the kernel is called."""

    key: str
    """What the messages are signed with; empty for nothing, or if it is not known."""

    lines: tuple[Line, ...]

    def write(self, path: Path) -> None:
        """Write the recording to *path*, as docs/fuzzing.md describes it."""
        text = json.dumps(
            {
                "format": FORMAT,
                "kernel": self.kernel,
                "key": self.key,
                "records": [_written(line) for line in self.lines],
            },
            indent=1,
        )
        path.write_text(f"{text}\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Recording:
        """Return the recording in the file *path*.

        Raises:
            RecordingError: it cannot be read, or is no recording.
        """
        try:
            found = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise RecordingError(f"{path}: wanted a recording in JSON, found {error}") from error
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise RecordingError(f"{path}: wanted a recording of format {FORMAT}, found none")
        records = found.get("records")
        if not isinstance(records, list):
            raise RecordingError(f"{path}: records: wanted a list, found {type(records).__name__}")
        key = found.get("key", "")
        if not isinstance(key, str) or key != key.encode("utf-8", "ignore").decode():
            raise RecordingError(f"{path}: key: wanted the text of a key, found something else")
        return cls(
            kernel=str(found.get("kernel", "")),
            key=key,
            lines=tuple(_line(path, index, one) for index, one in enumerate(records)),
        )


class TrafficRecorder:
    """Add to *traffic* all that one party sends and receives: a `assay.transport.Recorder`.

    Args:
        traffic: Of one kernel; several clients of it, in one thread, may record there.
        side: Whose sockets these are.
        client: What a client calls itself; a kernel's clients are called by their identities.
    """

    def __init__(self, traffic: Traffic, side: Sender, client: str = "") -> None:
        self._traffic = traffic
        self._side = side
        self._client = client

    def sent(self, channel: Channel, frames: Sequence[Buffer]) -> None:
        """Note *frames*, which are about to leave."""
        self._add(channel, self._side, tuple(map(bytes, frames)))

    def received(self, channel: Channel, frames: Sequence[Buffer]) -> None:
        """Note *frames*, which came."""
        other = Sender.CLIENT if self._side is Sender.KERNEL else Sender.KERNEL
        self._add(channel, other, tuple(map(bytes, frames)))

    def _add(self, channel: Channel, sender: Sender, frames: tuple[bytes, ...]) -> None:
        client = self._client
        if channel is Channel.IOPUB:
            client = ""
        elif self._side is Sender.KERNEL and frames[0] != DELIMITER:
            client, frames = frames[0].decode("utf-8", "backslashreplace"), frames[1:]
        self._traffic.add(client, channel, sender, frames)


def _written(line: Line) -> dict[str, object]:
    return {
        "channel": str(line.channel),
        "sender": str(line.sender),
        "client": line.client,
        **({} if line.judged else {"judged": False}),
        "frames": [_frame_written(frame) for frame in line.frames],
    }


def _frame_written(frame: bytes) -> object:
    try:
        return frame.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(frame).decode("ascii")}


def _line(path: Path, index: int, found: object) -> Line:
    if not isinstance(found, Mapping):
        raise RecordingError(f"{path}: records[{index}]: wanted an object, found {found!r:.40}")
    try:
        frames = found["frames"]
        if not isinstance(frames, list):
            raise TypeError(f"wanted a list of frames, found {frames!r:.40}")  # noqa: TRY301 - named below
        return Line(
            index=index,
            client=str(found.get("client", "")),
            channel=Channel(found["channel"]),
            sender=Sender(found["sender"]),
            frames=tuple(_frame(frame) for frame in frames),
            judged=found.get("judged", True) is not False,
        )
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise RecordingError(
            f"{path}: records[{index}]: wanted channel, sender and frames, found {error!r:.80}"
        ) from error


def _frame(found: object) -> bytes:
    if isinstance(found, str):
        return found.encode("utf-8")
    if isinstance(found, Mapping):
        return base64.b64decode(found["base64"], validate=True)
    raise TypeError(f"wanted text or base64, found {found!r:.40}")
