"""The outbound log: everything the process sends, in the order in which it was written.

Any thread appends; the I/O thread alone takes. Because replies, status, displays and text go
through one list, "output before idle" is the order of that list and needs no waiting.

Theory of operation
-------------------

*Text.* `print` writes a line in two and more pieces, so a piece must cost little. The first piece
makes a `Run`, an entry of the log that its thread goes on appending to without a lock as long as
the run is the newest entry. Four things can come between two pieces:

1. Another entry: the thread that appends it first *settles* the newest run (under the lock).
2. The I/O thread takes the run: it settles it too, and then takes the pieces out.
3. The writer had looked before 1 or 2 and appends after it. It looks at `is_settled` after
   appending, never before, and the thread that settles counts the pieces after setting it; so one
   of the two sees the other: `attend` weighs the piece, or puts the run into the log again if it
   had been taken. No piece is lost or sent twice.
4. An interrupt or a finalizer. The lock may be taken again by the thread that has it, and each
   statement under it leaves the log usable; what an interrupt kept out is put in by the stream at
   the end of the cell (`OutputStream.catch_up`).

*Lines.* A run belongs to one thread. A thread that is in the middle of a line goes on with its
own run though others have appended behind it, until the run is taken; and the I/O thread, which
meets a line that has not ended, stops before it for a moment (`take`). While its thread is within
one call of `print` (`goes_on`), it then takes what there is of the line and leaves the run in the
log, in which others go on waiting for its end. So what one thread writes without a flush between is
one line, nothing is reordered that one thread wrote, and a prompt leaves after that moment. A
flush, an empty text (``print(end="")``), any other entry of the same thread and captured output end
the line's claim to stay together. What gathers of a long line is put together now and then, so that
it takes little more memory than its characters.

*Room.* Each entry weighs what it holds in memory, frames or texts, with what Python adds. Writers
wait while more than `MAX_BYTES` are held, or while `Publisher` has too much to send; the I/O thread
never waits. Only the newest run grows unweighed, by `RUN_ROOM` at most, and a writer that waits has
put in what it brought: the bound is exceeded by one entry for each thread, and by `LINE_BYTES` for
lines that have begun. A writer that waits can be interrupted: each waits in a gate of its own, and
the thread that makes room opens all gates.

*Waking.* A wake-up that was sent and one that was received are two facts. `_woken` is unset by
`wakeup_received` alone, and by an interrupt between the two steps of sending one.

*Threads.* Any may call `write`, `attend`, `end_run`, `post`, `call`, `part_line` and `part_lines`;
that of a run, `resume`; the I/O thread alone `take`, `open_line`, `wakeup_received`, `hold` and
what mutes wake-ups; any, once the I/O thread has ended or if it never ran, `close`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from enum import Enum, auto
from threading import Lock, RLock, get_ident  # by name: gevent replaces the module's
from typing import NamedTuple, TypeAlias

from assay.protocol import Buffer, Channel, StreamName
from assay.transport._frames import settled
from assay.transport._text import Record, Run, Text, size_in_memory

__all__ = ["IOPUB", "Entry", "OutboundLog", "Outgoing", "When"]

MAX_BYTES = 6 * 1024 * 1024
"""What may wait here. While it is sent the same again can gather, and `Publisher` holds as much: a
quarter of the 64 MB that a kernel may take above idle, with room for what encoding copies."""

LINE_BYTES = 1024 * 1024
"""What may wait on top of it, for the ends of lines."""

MESSAGE_BYTES = 700
"""What a message of seven frames takes in memory besides their contents."""

IOPUB = Channel.IOPUB
"""The channel by a name of its own: to find a member of an enum takes as long as to append one."""

MOST_AGAIN = MAX_BYTES // 2
"""What room there has to be, at most, for another message like the last."""


class When(Enum):
    """How long a message may wait in the log for the I/O thread to look."""

    NOW = auto()
    """It may not."""

    SOON = auto()
    """It may not either, unless the I/O thread is about to look by itself. A program that shows
    much is not to wake it for each display: that costs more than the display."""

    WITH_NEXT = auto()
    """It leaves with what follows. A reply must be followed by something that leaves now."""

    NOW_AND_MORE = auto()
    """It may not, and more follows, for which the I/O thread is to look again by itself."""


NOW, SOON, WITH_NEXT, NOW_AND_MORE = When.NOW, When.SOON, When.WITH_NEXT, When.NOW_AND_MORE


class Outgoing(NamedTuple):
    """A message that is ready to leave; never dropped here."""

    channel: Channel
    frames: list[Buffer]
    size: int
    """The bytes in its frames."""


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
        self.has_reply = False
        """True if a message to one client waits; unset by `take`, unless it stops before that."""
        self.expected = False
        """True while the I/O thread is going to look by itself; set and unset by it."""
        self.shows_more = False
        """True if others may follow what was posted last; unset by `take`."""
        self._text_wakes = True
        # A finalizer or signal handler may write while its thread has the lock.
        self._lock = RLock()
        self._lines: dict[int, Run] = {}
        """The run that is the last thing a thread has appended."""
        self._stopped_at: Run | None = None
        self._gates: deque[Lock] = deque()
        """What writers who wait for room wait in; opened by the thread that makes room."""
        self._bytes = 0
        self._held = False
        self._closed = False
        self.newest: Run | None = None
        """The run that may still grow, if it is the newest entry."""
        self.owner: int | None = None
        """The thread that takes, which must never wait for room; set by it."""
        self.goes_on: Callable[[int], bool] = _never
        """Called in the I/O thread, returns True while a thread is within a call that writes a line
        in several texts and ends it."""

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def held_bytes(self) -> int:
        """What waits here, in bytes of memory; the newest run as it was when it was begun."""
        return self._bytes

    @property
    def has_room(self) -> bool:
        """True unless writers wait."""
        return not self._is_full()

    def write(
        self, name: StreamName, parent: bytes, text: str, record: Record | None = None
    ) -> Run:
        """Append *text*; waits while there is no room.

        Args:
            name: The stream that wrote.
            parent: The bytes of the header of the request on whose behalf, ``{}`` for none.
            text: Any text, not empty.
            record: What a run that is made for it is to be recorded by.

        Returns:
            The run that holds the text; see there how it may grow.
        """
        run = self._lines.get(get_ident())
        if (
            run is None
            or run.name is not name
            or run.parent != parent
            or run.record is not record
            or not self._continue_line(run, text)
        ):
            run = Run(name, parent, record)
            run.append(text)
            self.resume(run)
        if self._is_full():
            self._wait_at_the_end_of(run)
        return run

    def resume(self, run: Run) -> None:
        """Put *run*, which was taken or is new, into the log."""
        with self._lock:
            self._settle_newest()
            run.is_settled = run.taken = False
            self._entries.append(run)
            self.newest = self._lines[run.thread] = run
            self._weigh(run)
        if self._text_wakes and not self._woken:
            self._rouse()

    def attend(self, run: Run) -> None:
        """Take note of a text that was appended to *run* when it had been settled."""
        with self._lock:
            if not run.taken:
                self._weigh(run)
                return
        self.resume(run)

    def end_run(self) -> None:
        """Close the newest run: the next text begins another."""
        if self.newest is not None:
            with self._lock:
                self._settle_newest()

    def after_fork(self) -> None:
        """Prepare for use in a child process: the newest run and the lock are the parent's."""
        self.newest = None
        self._lock = RLock()

    def part_line(self) -> None:
        """Give up the claim of the caller's line to stay together: others may write into it."""
        run = self._lines.get(get_ident())
        if run is not None:
            with self._lock:  # its texts may be taken meanwhile, and be fewer then
                run.parted_at = len(run.parts)

    def part_lines(self) -> None:
        """Keep the order from here on: no line that has begun goes on before what comes now."""
        self._lines.clear()

    def post(self, channel: Channel, frames: list[Buffer], when: When = When.NOW) -> None:
        """Append a message that is ready to leave; waits on IOPub while there is no room.

        Args:
            channel: The socket it leaves by.
            frames: All its frames, routing prefix included. Frames that can still change are
                copied: the message is sent as it was when it was posted.
            when: How long it may wait.
        """
        frames, size = settled(frames)
        entry = Outgoing(channel, frames, size)
        is_published = channel is IOPUB
        with self._lock:
            if self.newest is not None:
                self._settle_newest()
            self._lines.pop(get_ident(), None)
            self._entries.append(entry)
            self._bytes += size + MESSAGE_BYTES
        if not is_published:
            self.has_reply = True
        if when is not WITH_NEXT:
            self.shows_more = when is not NOW
        if when is NOW or when is NOW_AND_MORE or (when is SOON and not self.expected):
            self.urgent = True
            self._rouse()
        elif is_published and not self.expected:
            # A cell that waited behind another publishes busy, then perhaps nothing for an hour.
            self._rouse()
        # At first as if it were the largest: there nearly always is that much room.
        if is_published and (self._held or self._bytes > MAX_BYTES - MOST_AGAIN):
            self._wait_for_room_again(size)

    def call(self, function: Callable[[], None]) -> None:
        """Have the I/O thread call *function* when everything appended before has been sent."""
        with self._lock:
            self._settle_newest()
            self._lines.pop(get_ident(), None)
            self._entries.append(function)
        self.urgent = True
        self._rouse()

    def take(
        self, *, patient: bool = False, but_for: Run | None = None, in_part: Run | None = None
    ) -> Iterator[Entry]:
        """Yield what waits, adjacent text put together; only for the I/O thread.

        Args:
            patient: Stop before a line that has not ended; `open_line` returns it then.
            but_for: Do not stop before this one, which has had its time.
            in_part: Of this one, take what there is before stopping.
        """
        # Before the count: a thread that appends later finds them unset and sets them again.
        had_reply, self.has_reply = self.has_reply, False
        self.urgent = self.shows_more = False
        self._stopped_at = None
        entries = self._entries
        text: Text | None = None
        for _ in range(len(entries)):
            entry = entries[0]
            if isinstance(entry, Run):
                found, stays = self._drain(
                    entry, patient and entry is not but_for, entry is in_part
                )
                if not stays:
                    entries.popleft()
                if found and (text is None or text[:2] != (entry.name, entry.parent)):
                    if text is not None:
                        yield text
                    text = Text(entry.name, entry.parent, found)
                elif text is not None:
                    text.parts.extend(found)
                if stays:
                    self._stopped_at = entry
                    self.has_reply = self.has_reply or had_reply
                    break
                self._open_gates_early()
                continue
            entries.popleft()
            if text is not None:
                yield text
                text = None
            if isinstance(entry, Outgoing):
                with self._lock:
                    self._bytes -= entry.size + MESSAGE_BYTES
            yield entry
            self._open_gates_early()
        if text is not None:
            yield text
        with self._lock:
            if not entries:
                self._bytes = 0  # if an interrupt has ever left a sum by half
        self._open_gates()

    def open_line(self) -> Run | None:
        """Return the run before which `take` has stopped."""
        return self._stopped_at

    def wakeup_received(self) -> None:
        """Know that a wake-up has arrived, so that the next one is sent; for the I/O thread.

        This is not done by `take`: a writer may lose its turn between appending and waking, and its
        entry be taken meanwhile. The wake-up is then still to come, and finds nothing to take.
        """
        self._woken = False

    def mute_text_wakeups(self) -> None:
        """Do not wake the I/O thread for text: it is going to look by itself."""
        self._text_wakes = False

    def unmute_text_wakeups(self) -> bool:
        """Wake the I/O thread for text again; return True if some came in the meantime."""
        self._text_wakes = True
        return bool(self._entries)

    def hold(self, held: bool) -> None:
        """Make writers wait, or go on: the subscribers are too far behind."""
        self._held = held
        self._open_gates()

    def close(self) -> None:
        """Release all writers; from now on none waits."""
        self._closed = True
        self._wake = _do_nothing
        self._open_gates()

    def _continue_line(self, run: Run, text: str) -> bool:
        """Append *text* to *run*, the last entry of this thread, if that is in the log and open."""
        with self._lock:
            if run.taken or not run.is_mid_line:
                return False
            run.append(text)
            weight = size_in_memory(text) - run.join_newest()
            run.weight += weight
            self._bytes += weight
            awaited = run is self._stopped_at
        if awaited and self.urgent:
            self._rouse()
        return True

    def _settle_newest(self) -> None:
        run = self.newest
        if run is not None:
            self.newest = None
            run.is_settled = True
            self._weigh(run)
            if run.taken and self._lines.get(run.thread) is run:
                del self._lines[run.thread]  # its thread may have ended

    def _weigh(self, run: Run) -> None:
        """Count what *run* holds now; the lock is held."""
        if not run.taken:
            weight = run.weigh()
            more, run.weight = weight - run.weight, weight
            self._bytes += more

    def _drain(self, run: Run, patient: bool, in_part: bool) -> tuple[list[str], bool]:
        """Take the texts out of *run*, none or those *in_part* if its line has not ended.

        Returns:
            The texts, and True if it stays in the log.
        """
        with self._lock:
            # Before its texts are counted: see the module.
            run.is_settled = run.taken = True
            count = len(run.parts)
            stays = patient and self._lines.get(run.thread) is run and run.is_mid_line_at(count)
            found = self._take_texts(run, count) if not stays or (in_part and count) else []
            run.begun = _begun(run.begun, found) if stays else 0
            if stays:
                run.taken = False
                run.is_settled = run is not self.newest
            elif self.newest is not run and self._lines.get(run.thread) is run:
                del self._lines[run.thread]
            return found, stays

    def _take_texts(self, run: Run, count: int) -> list[str]:
        self._bytes -= run.weight
        run.weight = 0
        run.parted_at = -1
        run.drained += 1
        return run.drain(count)

    def _rouse(self) -> None:
        if not self._woken:
            try:
                self._woken = True
                self._wake()
            except BaseException:  # an interrupt came between the two
                self._woken = False
                raise

    def _wait_at_the_end_of(self, run: Run) -> None:
        # A writer that waits in the middle of a line makes others wait for the rest of it. So it
        # waits when it ends the line: that comes by `write` as well, since nothing goes on quickly.
        if run.is_mid_line and self._bytes <= MAX_BYTES + LINE_BYTES:
            self.end_run()
        else:
            self.part_line()
            self._wait_for_room()

    def _wait_for_room_again(self, size: int) -> None:
        """Wait until there is room for another message of *size* bytes."""
        more = min(size, MOST_AGAIN)
        if self._is_full(more):
            self._wait_for_room(more)

    def _wait_for_room(self, more: int = 0) -> None:
        if get_ident() == self.owner:
            return
        self.urgent = True
        self._rouse()
        while self._must_wait(more):
            gate = Lock()
            gate.acquire()
            self._gates.append(gate)
            # A thread that made room before the gate was there has not opened it.
            if self._must_wait(more):
                gate.acquire()
        if self._closed:
            with self._lock:
                self._entries.clear()  # nothing takes them any more
                self.newest = None
                self._bytes = 0

    def _open_gates_early(self) -> None:
        """Release writers while the rest is being sent."""
        if self._gates and not self._held and self._bytes <= MAX_BYTES // 2:
            self._open_gates()

    def _open_gates(self) -> None:
        while self._gates:
            self._gates.popleft().release()

    def _must_wait(self, more: int) -> bool:
        return not self._closed and self._is_full(more)

    def _is_full(self, more: int = 0) -> bool:
        return self._held or self._bytes > MAX_BYTES - more


def _begun(before: int, texts: list[str]) -> int:
    """Return how many characters of the open line are taken once *texts* follow *before*."""
    text = "".join(texts)
    end = text.rfind("\n")
    return len(text) - end - 1 if end >= 0 else before + len(text)


def _do_nothing() -> None:
    """Do nothing: the I/O thread has ended."""


def _never(_thread: int, /) -> bool:
    """Return False: no thread is known to be within such a call."""
    return False
