"""Text in the outbound log: what a stream writes bit by bit, and what is sent of it.

A `Run` is what one thread writes, piece by piece; its writer appends while the log and the I/O
thread look at it (the top of `_log` says in which order, and why that is safe). A `Text` is what
the I/O thread has taken out of runs, and sends in messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import get_ident  # by name: gevent replaces the module's
from typing import NamedTuple, TypeAlias

from assay.protocol import StreamName

__all__ = [
    "LINE_PARTS",
    "MAX_TEXT",
    "PART_ROOM",
    "RUN_BYTES",
    "RUN_ROOM",
    "Record",
    "Run",
    "Text",
    "size_in_memory",
]

MAX_TEXT = 64 * 1024
"""Characters of one stream message: 160 messages for 100,000 lines of 100 characters."""

RUN_ROOM = 64 * 1024
"""How far a run grows: characters, and `PART_ROOM` for each text. At most 320 KB of memory. A text
that has more gets a run of its own."""

PART_ROOM = 16
"""What a text counts in `RUN_ROOM` besides its characters. An empty object of Python's for text
takes up to 80 bytes, and a character up to four."""

FEW_PARTS = 128
"""So many texts are weighed and divided one by one. More of them are short, and put together first,
which costs less than to look at each."""

LINE_PARTS = 1024
"""So many texts of a line are put together, once others have written behind it."""

RUN_BYTES = 400
"""What a run takes in memory besides its texts."""

size_in_memory = str.__sizeof__
"""A fifth of the time of `sys.getsizeof`, which finds this for each text anew."""

Record: TypeAlias = Callable[[list[str]], None]
"""Is called with all texts that are written, a few or one at a time, before they are sent."""


class Text(NamedTuple):
    """Text that a stream wrote on behalf of a request."""

    name: StreamName
    parent: bytes
    parts: list[str]
    """Put together they are the text. There is one at least, and none is empty."""

    def weigh(self) -> int:
        """Return what it takes in memory."""
        return RUN_BYTES + sum(map(size_in_memory, self.parts))

    def messages(self) -> Iterator[str]:
        """Take the text out, in messages that are full, but for the last.

        Not put together first: of 64 MB that were written at once, that copy would cost the most.
        What has been taken is let go of: a slow subscriber may make the rest wait.
        """
        self.parts.reverse()
        waiting: list[str] = []
        room = MAX_TEXT
        while self.parts:
            part = self.parts.pop()
            if (length := len(part)) <= room:
                waiting.append(part)
                room -= length
                continue
            self.parts.append(part)  # it takes its memory until the last of it is made
            start = 0
            while length - start > room:
                waiting.append(part[start : start + room])
                yield "".join(waiting)
                start += room
                waiting, room = [], MAX_TEXT
            waiting.append(part[start:])
            room -= length - start
            self.parts.pop()
        yield "".join(waiting)


class Run:
    """Text of one thread that goes on growing: an entry of the log, and what its writer holds.

    Its thread may append as long as `OutboundLog.newest` is this run and `room` is left, and calls
    `OutboundLog.attend` if the run is settled afterwards (see the top of `_log`).
    """

    __slots__ = (
        "append",
        "begun",
        "drained",
        "is_settled",
        "joined",
        "name",
        "parent",
        "parted_at",
        "parts",
        "record",
        "recorded",
        "taken",
        "thread",
        "weight",
    )

    def __init__(self, name: StreamName, parent: bytes, record: Record | None = None) -> None:
        self.name = name
        self.parent = parent
        self.record = record
        self.thread = get_ident()
        self.parts: list[str] = []
        self.append = self.parts.append
        self.taken = True
        """True while it is not in the log."""
        self.is_settled = True
        """True if it was taken or is not the newest entry any more."""
        self.weight = 0
        """Its share of what `MAX_BYTES` limits."""
        self.drained = 0
        """How often its texts were taken out."""
        self.parted_at = -1
        """How many texts it had when its line was parted."""
        self.recorded = 0
        """How many texts have been given to `record`."""
        self.joined = 0
        """How many texts `join_newest` has left."""
        self.begun = 0
        """How many characters of its line have been taken, while its end is still to come."""

    def weigh(self) -> int:
        """Return what it takes in memory; many texts are put together first."""
        # Each of these is one step for its thread, which may append in between.
        count = len(self.parts)
        self.note(count)
        if count > FEW_PARTS:
            self.parts[:count] = ["".join(self.parts[:count])]
            self.parted_at = 1 if self.parted_at == count else -1
            self.recorded = self.joined = 1
        return RUN_BYTES + sum(map(size_in_memory, self.parts))

    def join_newest(self) -> int:
        """Put the texts together that came since it was last done, if they are many.

        Only for its writer, while it has the log's lock.

        Returns:
            The bytes of memory that this has saved.
        """
        # By this count: a finalizer may write in between.
        count = len(self.parts)
        if count - self.joined < LINE_PARTS:
            return 0
        self.note(count)
        first = self.joined
        newest = self.parts[first:count]
        whole = "".join(newest)
        # One step: an interrupt may come between two.
        self.parts[first:count], self.recorded, self.joined = [whole], first + 1, first + 1
        return sum(map(size_in_memory, newest)) - size_in_memory(whole)

    def note(self, count: int) -> None:
        """Record those of its first *count* texts that have not been."""
        if self.record is not None and count > self.recorded:
            texts = self.parts[self.recorded : count]
            # Long ones are not: a copy of them costs more than all else that is done here.
            self.record(texts if len(texts) <= FEW_PARTS else ["".join(texts)])
            self.recorded = count

    def drain(self, count: int) -> list[str]:
        """Take out the first *count* texts."""
        self.note(count)
        found = self.parts[:count]
        del self.parts[:count]
        self.recorded = self.joined = 0
        return found if count <= FEW_PARTS else ["".join(found)]

    @property
    def line(self) -> tuple[int, int]:
        """What distinguishes its newest line from those before."""
        return self.drained, sum(text.count("\n") for text in list(self.parts))

    @property
    def is_mid_line(self) -> bool:
        """True if its newest text has not ended its line and may be expected to go on."""
        return self.is_mid_line_at(len(self.parts))

    def is_mid_line_at(self, count: int) -> bool:
        """Return the same for its first *count* texts; False if they are not there any more."""
        if count == self.parted_at:
            return False
        if not count:
            return self.begun > 0
        # Found in one step: while its writer looks, without the lock, the texts may be taken.
        newest = self.parts[count - 1 : count]
        return bool(newest) and not newest[0].endswith("\n")
