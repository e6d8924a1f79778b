"""Everything that went over the wire while a kernel was checked, in order."""

from __future__ import annotations

from attrs import frozen

from assay.protocol import AssayError, Channel, Sender

__all__ = ["FloodError", "Line", "Traffic"]

MOST_MESSAGES = 100_000
MOST_BYTES = 200_000_000
"""From one kernel: three times what all checks bring about. Small values take twenty-five times as
much memory when they are taken apart."""

INFO = b"kernel_info_re"
"""In the parent header of each answer to this question, and in the header of the right one."""


class FloodError(AssayError):
    """A kernel sends without end."""


@frozen(kw_only=True, eq=False)
class Line:
    """One message of the traffic."""

    index: int
    """Its place in the order of time, from 0."""

    client: str
    """Which of our clients is at the other end; empty for what is published to all."""

    channel: Channel
    sender: Sender
    frames: tuple[bytes, ...]

    judged: bool
    """False for a message of ours whose consequences the rules for all traffic do not cover."""


class Traffic:
    """The traffic of one kernel under test, with all its clients."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._messages = 0
        self._bytes = 0

    def __len__(self) -> int:
        return len(self.lines)

    def has_answered(self, channel: Channel) -> bool:
        """Return whether the kernel has answered the question for its info on *channel*.

        An answer to anything else proves nothing: control may leave that question to shell
        (INFO-02), and answer interrupts all the same.
        """
        return any(
            line.channel is channel
            and line.sender is Sender.KERNEL
            and any(INFO in frame for frame in line.frames)
            for line in self.lines
        )

    def add(
        self,
        client: str,
        channel: Channel,
        sender: Sender,
        frames: tuple[bytes, ...],
        *,
        judged: bool = True,
    ) -> int:
        """Append a message and return its index."""
        index = len(self.lines)
        line = Line(
            index=index,
            client=client,
            channel=channel,
            sender=sender,
            frames=frames,
            judged=judged,
        )
        self.lines.append(line)
        return index

    def make_room(self, frames: tuple[bytes, ...]) -> None:
        """Count a message that has come to one of the clients, before it is taken apart.

        Raises:
            FloodError: that is more than any check brings about; nothing further is read.
        """
        self._messages += 1
        self._bytes += sum(map(len, frames))
        if self._messages > MOST_MESSAGES or self._bytes > MOST_BYTES:
            raise FloodError(
                f"wanted what a client can keep, found {self._messages:,} messages of "
                f"{self._bytes / 1e6:,.0f} MB"
            )
