"""The outbound log: everything the process sends, in the order in which it was said.

Any thread appends; the I/O thread alone takes. Because replies, status, displays and text go
through one list, "output before idle" is the order of that list and needs no waiting.

Text is cheap to append: a tuple in a deque. It is put together when it is taken: adjacent text of
one stream and parent becomes one message of at most `MAX_TEXT` characters. The first text wakes the
I/O thread at once; what follows within a short while is left to be taken together (see
`IoThread`).

The log is bounded. A thread that writes faster than the subscribers read waits for room, just as it
would on a pipe; `Publisher` sees to it that a subscriber that stopped reading cannot make it wait
for ever.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

from assay.protocol import Buffer, Channel, StreamName
from assay.transport._frames import settled

__all__ = ["Entry", "OutboundLog", "Outgoing", "Text"]

MAX_TEXT = 64 * 1024
"""Characters of one stream message: 160 messages for 100,000 lines of 100 characters, and a bound
for what `IOPUB_QUEUE_MESSAGES` of them can hold."""

MAX_ENTRIES = 50_000
"""Entries that may wait; a cell that prints makes two for each line, some 100 bytes apiece."""

BIG_TEXT = 16 * 1024
"""Characters from which a text's size is counted one by one."""

MAX_BIG_TEXT = 64 * 1024 * 1024
"""Characters of big texts that may wait."""


class Text(NamedTuple):
    """Text that a stream wrote on behalf of a request."""

    name: StreamName
    parent: bytes
    text: str


class Outgoing(NamedTuple):
    """A message that is ready to leave; never dropped here."""

    channel: Channel
    frames: list[Buffer]


Entry: TypeAlias = "Text | Outgoing | Callable[[], None]"
"""What the I/O thread is to send, or to call when everything before has been sent."""


class OutboundLog:
    """What is to be sent; *wake* makes the I/O thread look."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._entries: deque[Entry] = deque()
        self._wake = wake
        self._woken = False
        self.urgent = False
        """True if something waits that is not text; unset by `take`."""
        self.expected = False
        """True while the I/O thread is going to look by itself; unset by `take`."""
        self._text_wakes = True
        self._room = threading.Condition()
        self._waiting = 0
        self._big_text = 0
        self._held = False
        self._closed = False
        self.owner: int | None = None
        """The thread that takes, which must never wait for room; set by it."""

    def __len__(self) -> int:
        return len(self._entries)

    def write(self, name: StreamName, parent: bytes, text: str) -> None:
        """Append *text*; waits while there is no room.

        Args:
            name: The stream that wrote.
            parent: The bytes of the header of the request on whose behalf, ``{}`` for none.
            text: Any text, not empty.
        """
        self._entries.append(Text(name, parent, text))
        if self._text_wakes and not self._woken:
            self._rouse()
        if len(text) >= BIG_TEXT:
            with self._room:
                self._big_text += len(text)
        if self._big_text > MAX_BIG_TEXT or len(self._entries) > MAX_ENTRIES or self._held:
            self._wait_for_room()

    def post(self, channel: Channel, frames: list[Buffer], *, wake: bool = True) -> None:
        """Append a message that is ready to leave.

        Args:
            channel: The socket it leaves by.
            frames: All its frames, routing prefix included. What somebody could still change is
                copied: the message says what was true when it was posted.
            wake: False if it may wait a moment for what follows. A reply must be followed by
                something that wakes; on IOPub nothing need follow.
        """
        self._entries.append(Outgoing(channel, settled(frames)))
        if wake:
            self.urgent = True
            self._rouse()
        elif channel is Channel.IOPUB and not self.expected:
            # A cell that waited behind another says busy and then perhaps nothing for an hour.
            self._rouse()
        if channel is Channel.IOPUB and (self._held or len(self._entries) > MAX_ENTRIES):
            self._wait_for_room()

    def call(self, function: Callable[[], None]) -> None:
        """Let the I/O thread call *function* when everything appended before has been sent."""
        self._entries.append(function)
        self.urgent = True
        self._rouse()

    def take(self) -> Iterator[Entry]:
        """Yield what waits, adjacent text put together; only for the I/O thread."""
        # Before the count: who appends later finds them unset and says so again.
        self.urgent = self.expected = False
        entries = self._entries
        count = len(entries)
        text: Text | None = None
        parts: list[str] = []
        size = 0
        for _ in range(count):
            entry = entries.popleft()
            if isinstance(entry, Text):
                if len(entry.text) >= BIG_TEXT:
                    with self._room:
                        self._big_text -= len(entry.text)
                if text is not None and text[:2] == entry[:2] and size < MAX_TEXT:
                    parts.append(entry.text)
                    size += len(entry.text)
                    continue
                if text is not None:
                    yield from _chunks(text, parts)
                text, parts, size = entry, [entry.text], len(entry.text)
                continue
            if text is not None:
                yield from _chunks(text, parts)
                text = None
            yield entry
        if text is not None:
            yield from _chunks(text, parts)
        if self._waiting:
            with self._room:
                self._room.notify_all()

    def heard(self) -> None:
        """Know that a wake-up has arrived, so that the next one is sent; for the I/O thread.

        Not for `take` to say: a writer may lose its turn between appending and waking, and its
        entry be taken meanwhile. The wake-up is then still to come, and finds nothing to take.
        """
        self._woken = False

    def rest_text(self) -> None:
        """Let text wait until the I/O thread looks by itself."""
        self._text_wakes = False

    def watch_text(self) -> bool:
        """Let text wake the I/O thread again; True if some came in the meantime."""
        self._text_wakes = True
        return bool(self._entries)

    def hold(self, held: bool) -> None:
        """Make writers wait, or let them go on: the subscribers are too far behind."""
        with self._room:
            self._held = held
            self._room.notify_all()

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._room:
            self._closed = True
            self._room.notify_all()

    def _rouse(self) -> None:
        if not self._woken:
            self._woken = True
            self._wake()

    def _wait_for_room(self) -> None:
        if threading.get_ident() == self.owner:
            return
        self.urgent = True
        self._rouse()
        with self._room:
            self._waiting += 1
            try:
                while not self._closed and self._is_full():
                    self._room.wait()
            finally:
                self._waiting -= 1
            if self._closed:
                self._entries.clear()  # nobody will ever take them

    def _is_full(self) -> bool:
        return self._held or self._big_text > MAX_BIG_TEXT or len(self._entries) > MAX_ENTRIES


def _chunks(text: Text, parts: list[str]) -> Iterator[Text]:
    whole = "".join(parts)
    for start in range(0, len(whole), MAX_TEXT):
        yield text._replace(text=whole[start : start + MAX_TEXT])
