"""The outbound log: everything the process sends, in the order in which it was said.

Any thread appends; the I/O thread alone takes. Because replies, status, displays and text go
through one list, "output before idle" is the order of that list and needs no waiting.

Text is cheap to append: a `Run` is an entry that goes on growing while nothing else is said. What
is adjacent, of one stream and parent, is put together when it is taken and becomes one message of
at most `MAX_TEXT` characters. The first text wakes the I/O thread; what follows within a short
while is left to be taken together (see `IoThread`).

The log is bounded. A thread that writes faster than the subscribers read waits for room, just as it
would on a pipe; `Publisher` sees to it that a subscriber that stopped reading cannot make it wait
for ever.

An interrupt may raise in the middle of anything the main thread does here. Nothing that the I/O
thread needs may be left behind then: locks are taken by `with` on a plain lock, which Python does
in one step, and a wake-up that was announced and not sent is taken back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from enum import Enum, auto
from threading import Lock, get_ident  # by name: gevent replaces the module's
from typing import NamedTuple, TypeAlias

from assay.protocol import Buffer, Channel, StreamName
from assay.transport._frames import settled

__all__ = ["Entry", "OutboundLog", "Outgoing", "Text"]

MAX_TEXT = 64 * 1024
"""Characters of one stream message: 160 messages for 100,000 lines of 100 characters, and a bound
for what `IOPUB_QUEUE_MESSAGES` of them can hold."""

MAX_ENTRIES = 50_000
"""Messages and runs that may wait."""

MAX_PARTS = 1_000
"""Texts in one run; a cell that prints makes two and more for each line."""

BIG_TEXT = 16 * 1024
"""Characters from which a text gets a run of its own and its size is counted."""

MAX_WEIGHT = 64 * 1024 * 1024
"""Characters of big texts that may wait; a full run counts as much as one big text."""


class Text(NamedTuple):
    """Text that a stream wrote on behalf of a request."""

    name: StreamName
    parent: bytes
    text: str


class Run:
    """Text that goes on growing: an entry of the log, and what its writer holds on to.

    A writer may append as long as `OutboundLog.newest` is this run and it is not full. The I/O
    thread says `taken` before it takes the texts out; a writer that finds this after appending puts
    the run into the log again (`OutboundLog.resume`), so no text is lost between the two, or said
    twice.
    """

    __slots__ = ("append", "name", "parent", "parts", "taken", "weight")

    def __init__(self, name: StreamName, parent: bytes) -> None:
        self.name = name
        self.parent = parent
        self.parts: list[str] = []
        self.append = self.parts.append
        self.taken = True
        self.weight = 0
        """Its share of what `MAX_WEIGHT` limits."""


class When(Enum):
    """How long a message may wait in the log for the I/O thread to look."""

    NOW = auto()
    """It may not."""

    SOON = auto()
    """It may not either, unless the I/O thread is about to look by itself. A program that shows
    much is not to wake it for each display: that costs more than the display."""

    WITH_NEXT = auto()
    """It leaves with what follows. A reply must be followed by something that leaves now."""


class Outgoing(NamedTuple):
    """A message that is ready to leave; never dropped here."""

    channel: Channel
    frames: list[Buffer]


Entry: TypeAlias = "Text | Outgoing | Callable[[], None]"
"""What the I/O thread is to send, or to call when everything before has been sent."""

Waiting: TypeAlias = "Run | Outgoing | Callable[[], None]"
"""What the log holds."""


class OutboundLog:
    """What is to be sent; *wake* makes the I/O thread look."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._entries: deque[Waiting] = deque()
        self._wake = wake
        self._woken = False
        self.urgent = False
        """True if something waits that is not text; unset by `take`."""
        self.expected = False
        """True while the I/O thread is going to look by itself; set and unset by it."""
        self.shows_more = False
        """True if the last message may leave `SOON`: others may follow; unset by `take`."""
        self._text_wakes = True
        self._lock = Lock()
        self._gates: deque[Lock] = deque()
        """What writers who wait for room wait in; opened by whoever makes room."""
        self._weight = 0
        self._held = False
        self._closed = False
        self.newest: Run | None = None
        """The run that may still grow, if it was the last thing that was said."""
        self.owner: int | None = None
        """The thread that takes, which must never wait for room; set by it."""

    def __len__(self) -> int:
        return len(self._entries)

    def write(self, name: StreamName, parent: bytes, text: str) -> Run:
        """Append *text*; waits while there is no room.

        Args:
            name: The stream that wrote.
            parent: The bytes of the header of the request on whose behalf, ``{}`` for none.
            text: Any text, not empty.

        Returns:
            The run that holds the text; see there how it may grow. Not for a big text.
        """
        run = Run(name, parent)
        run.append(text)
        self.resume(run)
        if len(text) >= BIG_TEXT:
            self._weigh(run, len(text))
        if self._is_full():
            self._wait_for_room()
        return run

    def resume(self, run: Run) -> None:
        """Put *run*, which was taken or is new, into the log."""
        run.taken = False
        self._entries.append(run)
        self.newest = run
        if self._text_wakes and not self._woken:
            self._rouse()

    def end_run(self, run: Run) -> None:
        """Let nobody append to *run*, which is full."""
        self.newest = None
        self._weigh(run, BIG_TEXT)

    def _weigh(self, run: Run, weight: int) -> None:
        with self._lock:
            if not run.taken:
                run.weight += weight
                self._weight += weight

    def post(self, channel: Channel, frames: list[Buffer], when: When = When.NOW) -> None:
        """Append a message that is ready to leave.

        Args:
            channel: The socket it leaves by.
            frames: All its frames, routing prefix included. What somebody could still change is
                copied: the message says what was true when it was posted.
            when: How long it may wait.
        """
        self.newest = None
        self._entries.append(Outgoing(channel, settled(frames)))
        self.shows_more = when is When.SOON
        if when is When.NOW or (when is When.SOON and not self.expected):
            self.urgent = True
            self._rouse()
        elif channel is Channel.IOPUB and not self.expected:
            # A cell that waited behind another says busy and then perhaps nothing for an hour.
            self._rouse()
        if channel is Channel.IOPUB and (self._held or len(self._entries) > MAX_ENTRIES):
            self._wait_for_room()

    def call(self, function: Callable[[], None]) -> None:
        """Let the I/O thread call *function* when everything appended before has been sent."""
        self.newest = None
        self._entries.append(function)
        self.urgent = True
        self._rouse()

    def take(self) -> Iterator[Entry]:
        """Yield what waits, adjacent text put together; only for the I/O thread."""
        # Before the count: who appends later finds them unset and says so again.
        self.urgent = self.shows_more = False
        entries = self._entries
        count = len(entries)
        key: tuple[StreamName, bytes] | None = None
        parts: list[str] = []
        for _ in range(count):
            entry = entries.popleft()
            if isinstance(entry, Run):
                text = self._drain(entry)
                if text and key != (entry.name, entry.parent):
                    yield from _chunks(key, parts)
                    key, parts = (entry.name, entry.parent), []
                parts.append(text)
                continue
            yield from _chunks(key, parts)
            key, parts = None, []
            yield entry
        yield from _chunks(key, parts)
        self._open_gates()

    def _drain(self, run: Run) -> str:
        with self._lock:
            run.taken = True  # before its texts are: see `Run`
            self._weight -= run.weight
            run.weight = 0
        # Each of these is one step for other threads, which may append in between.
        count = len(run.parts)
        text = "".join(run.parts[:count])
        del run.parts[:count]
        return text

    def is_mid_line(self) -> bool:
        """Return True if the newest text goes on and has not ended its line; for the I/O thread."""
        run = self.newest
        return run is not None and bool(run.parts) and not run.parts[-1].endswith("\n")

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
        self._held = held
        self._open_gates()

    def close(self) -> None:
        """Let nobody wait any more."""
        self._closed = True
        self._open_gates()

    def _rouse(self) -> None:
        if not self._woken:
            try:
                self._woken = True
                self._wake()
            except BaseException:  # an interrupt came between the two
                self._woken = False
                raise

    def _wait_for_room(self) -> None:
        if get_ident() == self.owner:
            return
        self.urgent = True
        self._rouse()
        while self._must_wait():
            gate = Lock()
            gate.acquire()
            self._gates.append(gate)
            # Who made room before the gate was there has not opened it.
            if self._must_wait():
                gate.acquire()
        if self._closed:
            self._entries.clear()  # nobody will ever take them

    def _open_gates(self) -> None:
        while self._gates:
            self._gates.popleft().release()

    def _must_wait(self) -> bool:
        return not self._closed and self._is_full()

    def _is_full(self) -> bool:
        return self._held or self._weight > MAX_WEIGHT or len(self._entries) > MAX_ENTRIES


def _chunks(key: tuple[StreamName, bytes] | None, parts: list[str]) -> Iterator[Text]:
    """Yield the text of *parts* in messages that are full, but for the last.

    Not put together first: of 64 MB that were written at once, that copy would be the dearest.
    """
    if key is None:
        return
    waiting: list[str] = []
    room = MAX_TEXT
    for part in parts:
        start = 0
        while len(part) - start > room:
            waiting.append(part[start : start + room])
            yield Text(*key, "".join(waiting))
            start += room
            waiting, room = [], MAX_TEXT
        rest = part[start:] if start else part
        waiting.append(rest)
        room -= len(rest)
    if text := "".join(waiting):
        yield Text(*key, text)
