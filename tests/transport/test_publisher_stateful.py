"""The publisher against readers that stop, go on and leave, in any order.

The socket is a model of ZeroMQ's: a queue for each subscriber, of which the sender learns only at
each half how much was read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import cast

import pytest
import zmq
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from assay.protocol import Buffer
from assay.transport import _publisher as publisher_module
from assay.transport._connections import Connections, Progress
from assay.transport._frames import COPIED_BYTES, send_frames
from assay.transport._publisher import (
    LAST_PATIENCE_S,
    LOOK_BACK_S,
    MAX_FLYING_BYTES,
    MAX_KEPT_BYTES,
    PATIENCE_ALONE,
    PATIENCE_S,
    Publisher,
)
from assay.transport._sharing import Mark
from assay.transport._sockets import IOPUB_QUEUE_MESSAGES, Socket

NOTICE = b"missed"

FILLER = b"filler"

OTHERS = (8, 9, 10)
"""The descriptors of the subscribers that stop, go on and leave."""

BODIES = {size: bytes(size) for size in (10, 1_000, 200_000, 3_000_000)}


class ModelMark:
    """Whether a message has been taken by all that it was given to."""

    def __init__(self) -> None:
        self.queues = 0

    @property
    def done(self) -> bool:
        """True if it has."""
        return self.queues == 0


class Reader:
    """A subscriber: its queue, what it got, and what the sender knows of it."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.queue: deque[tuple[list[Buffer], int, ModelMark]] = deque()
        self.got: list[list[Buffer]] = []
        self.written = self.count = self.reported = self.taken = 0
        self.is_left_out = self.is_gone = False
        self.held_before = 0
        """The bytes of large messages that it had not taken when one was left out last."""

    @property
    def held(self) -> int:
        """The bytes of large messages that it has not taken."""
        return sum(size for _, size, _ in self.queue if size > COPIED_BYTES)

    def lose(self) -> None:
        """Lose the connection, and what it held."""
        for _, _, mark in self.queue:
            mark.queues -= 1
        self.queue.clear()

    def read(self, half: int) -> None:
        """Take one message; the sender learns of it when *half* more have been taken."""
        if self.queue:
            frames, size, mark = self.queue.popleft()
            mark.queues -= 1
            self.taken += size
            self.got.append(frames)
            self.count += 1
            if self.count % half == 0:
                self.reported = self.count
                self.is_left_out = False


class ModelSocket:
    """An XPUB socket."""

    def __init__(self) -> None:
        self.readers: list[Reader] = []
        self.no_drop = 1
        self.bound = IOPUB_QUEUE_MESSAGES

    @property
    def half(self) -> int:
        """After how many messages the sender learns that they were read."""
        return (self.bound + 1) // 2

    def setsockopt(self, option: int, value: int) -> None:
        """Take what a publisher sets."""
        if option == zmq.XPUB_NODROP:
            self.no_drop = value
            for reader in self.readers:
                reader.held_before = reader.held
        else:
            assert option == zmq.SNDHWM
            self.bound = value

    def send(self, frames: list[Buffer], *, track: bool) -> ModelMark | None:
        """Put a message into all queues that have room, or refuse it."""
        reached = [r for r in self.readers if not (r.is_left_out or r.is_gone)]
        full = [r for r in reached if r.written - r.reported >= self.bound]
        if full and self.no_drop:
            raise zmq.Again
        mark = ModelMark()
        size = sum(map(len, frames))
        for reader in reached:
            if reader in full:
                reader.is_left_out = True
            else:
                reader.queue.append((frames, size, mark))
                reader.written += 1
                mark.queues += 1
        return mark if track or size > COPIED_BYTES else None


class ModelConnections(Connections):
    """What the operating system would know of the readers."""

    def __init__(self, socket: ModelSocket) -> None:
        super().__init__()
        self.socket = socket

    @property
    def count(self) -> int:
        """How many readers there are."""
        return sum(not reader.is_gone for reader in self.socket.readers)

    def progress(self, descriptor: int) -> Progress | None:
        """Return how far a reader is."""
        for reader in self.socket.readers:
            if reader.descriptor == descriptor and not reader.is_gone:
                pending = sum(size for _, size, _ in reader.queue)
                return Progress(1 + reader.taken, pending)
        return None

    def _look(self):  # type: ignore[no-untyped-def]  # as in the class above
        for reader in self.socket.readers:
            if (progress := self.progress(reader.descriptor)) is not None:
                yield reader.descriptor, progress


def send(
    socket: Socket | ModelSocket, frames: list[Buffer], flags: int, *, mark: bool, size: int
) -> Mark | ModelMark | None:
    """Send by the model; by ZeroMQ for other tests in this process."""
    if isinstance(socket, ModelSocket):
        return socket.send(frames, track=mark)
    return send_frames(socket, frames, flags, mark=mark, size=size)


class Readers(RuleBasedStateMachine):
    """Four subscribers, one of which always reads."""

    @initialize()
    def begin(self) -> None:
        """Connect them."""
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(publisher_module, "send_frames", send)
        self.now = 0.0
        self.number = 0
        self.socket = ModelSocket()
        self.healthy = Reader(7)
        self.others = {number: Reader(number) for number in OTHERS}
        self.socket.readers = [self.healthy, *self.others.values()]
        self.held = False
        self.publisher = Publisher(
            cast("Socket", self.socket),
            now=lambda: self.now,
            notice=self.notice,
            hold=self.hold,
            connections=ModelConnections(self.socket),
            filler=lambda _: [FILLER],
        )

    def notice(self, missed: int) -> list[Buffer]:
        """Return the message that says so."""
        return [NOTICE, b"%d" % missed]

    def hold(self, held: bool) -> None:
        """Note that writers are to wait."""
        self.held = held

    @rule(count=st.integers(1, 40), size=st.sampled_from(sorted(BODIES)))
    def publish(self, count: int, size: int) -> None:
        """Publish as a program does, which waits when it is held."""
        for _ in range(count):
            if self.held:
                self.pass_time(PATIENCE_S + 1)
            self.publisher.publish([b"%d" % self.number, BODIES[size]])
            self.number += 1
            self.read_all(self.healthy)

    @rule(count=st.integers(1, 40), size=st.sampled_from([10, 1_000, 60_000]))
    def publish_text(self, count: int, size: int) -> None:
        """Publish a text of *count* messages, which are made when there is room."""
        if self.held:
            self.pass_time(PATIENCE_S + 1)
        last = self.number + count
        waiting = list(range(last - 1, self.number - 1, -1))

        def messages() -> Iterator[list[Buffer]]:
            while waiting:
                yield [b"%d" % waiting.pop(), bytes(size)]

        self.publisher.publish_each(messages(), lambda: len(waiting) * size)
        self.number = last
        self.read_all(self.healthy)

    @rule(which=st.sampled_from(OTHERS), count=st.integers(1, 30))
    def read(self, which: int, count: int) -> None:
        """Let one of the others read a little."""
        for _ in range(count):
            self.others[which].read(self.socket.half)
        self.publisher.pump()

    @rule(which=st.sampled_from(OTHERS))
    def catch_up(self, which: int) -> None:
        """Let one of the others read all that it was sent."""
        self.drain(self.others[which])

    @rule()
    def leave(self) -> None:
        """Let the last one go for good."""
        reader = self.others[OTHERS[-1]]
        reader.is_gone = True
        reader.lose()

    @rule()
    def wait(self) -> None:
        """Let time pass without a byte read by the others."""
        self.pass_time(PATIENCE_S + 1)

    def pass_time(self, seconds: float) -> None:
        """Pump as the I/O thread does."""
        end = self.now + seconds
        while self.now < end:
            self.now += 0.5
            self.publisher.pump()
            self.read_all(self.healthy)

    def read_all(self, reader: Reader) -> None:
        """Let *reader* read while there is something."""
        while reader.queue:
            reader.read(self.socket.half)
            if not reader.queue:
                self.publisher.pump()

    def drain(self, reader: Reader) -> None:
        """Let *reader* read until nothing more comes, and get its notice."""
        for _ in range(3):
            self.read_all(reader)
            self.pass_time(LOOK_BACK_S)
        self.read_all(reader)

    @invariant()
    def is_bounded(self) -> None:
        """What is kept, and what a stopped reader holds, have a bound.

        Of large messages one that is not left out with another can hold as many again.
        """
        if not hasattr(self, "publisher"):
            return
        largest = 3_000_100
        assert self.publisher.kept_bytes <= MAX_KEPT_BYTES + largest + 40 * 1_024
        for reader in self.socket.readers:
            more = reader.held - reader.held_before
            assert more <= MAX_FLYING_BYTES
            assert reader.held <= 2 * MAX_FLYING_BYTES
            assert len(reader.queue) <= IOPUB_QUEUE_MESSAGES

    def teardown(self) -> None:
        """The reader that reads has everything; who missed something has learnt how much."""
        if not hasattr(self, "publisher"):
            return
        for _ in range(3):
            for reader in self.socket.readers:
                if not reader.is_gone:
                    self.drain(reader)
            self.pass_time(PATIENCE_S + 1)
        self.publisher.publish([b"%d" % self.number, b""])
        for reader in self.socket.readers:
            self.drain(reader)
        self.patch.undo()

        assert _numbers(self.healthy) == list(range(self.number + 1))
        for reader in self.others.values():
            if not reader.is_gone:
                _check_told(reader, self.number)


def _numbers(reader: Reader) -> list[int]:
    return [int(bytes(frames[0])) for frames in reader.got if frames[0] not in {NOTICE, FILLER}]


def _check_told(reader: Reader, last: int) -> None:
    """Check that each gap is announced, before what follows it or behind, and nothing twice."""
    expected = gap = announced = 0
    for frames in reader.got:
        if frames[0] == FILLER:
            continue
        if frames[0] == NOTICE:
            announced = max(announced, int(bytes(frames[1])))
            gap = 0 if announced >= gap else gap
            continue
        number = int(bytes(frames[0]))
        assert number >= expected, "twice, or out of order"
        missing = number - expected
        if missing > announced:
            gap += missing
        announced, expected = 0, number + 1
    assert expected == last + 1
    assert gap == 0, f"{gap} messages are missing without a word"


TestReaders = Readers.TestCase
TestReaders.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)


def test_a_notice_is_missed() -> None:
    """Who is left out again before its notice is sent learns later what it missed at first."""
    readers = Readers()
    readers.begin()
    readers.publish(count=17, size=10)
    readers.wait()
    readers.read(count=8, which=9)
    readers.publish(count=24, size=10)

    readers.teardown()


class Few:
    """A publisher with a few readers, each of which reads when it is asked to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
        monkeypatch.setattr(publisher_module, "send_frames", send)
        self.now = 0.0
        self.socket = ModelSocket()
        self.readers = self.socket.readers = [Reader(7 + number) for number in range(count)]
        self.publisher = Publisher(
            cast("Socket", self.socket),
            now=lambda: self.now,
            notice=lambda missed: [NOTICE, b"%d" % missed],
            hold=lambda _: None,
            connections=ModelConnections(self.socket),
            filler=lambda _: [FILLER],
        )

    def publish(self, count: int, size: int) -> None:
        """Publish messages that are numbered."""
        for number in range(count):
            self.publisher.publish([b"%d" % number, BODIES[size]])

    def read(self, reader: Reader, at_most: int = 100) -> None:
        """Let a reader take what it has, or a part of it."""
        for _ in range(at_most):
            reader.read(self.socket.half)

    def wait(self, seconds: float, step: float = 0.1) -> None:
        """Let time pass as the I/O thread does."""
        for _ in range(round(seconds / step)):
            self.now += step
            self.publisher.pump()


def begun_to_fill(few: Few) -> None:
    """Send large messages, of which the first reader takes none, until its queue is filled."""
    stopped, healthy = few.readers
    few.publish(4, 3_000_000)
    while FILLER not in [frames[0] for frames, _, _ in stopped.queue]:
        while len(healthy.queue) and healthy.queue[0][0][0] != FILLER:
            few.read(healthy, 1)
        few.wait(0.1)


def test_one_that_takes_its_fillers_slowly_is_not_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each that it takes begins the wait anew, beside one that takes nothing."""
    few = Few(monkeypatch, 2)
    begun_to_fill(few)
    healthy = few.readers[1]
    while healthy.queue and healthy.queue[0][0][0] == FILLER:
        few.wait(1)
        few.read(healthy, 1)
    few.wait(PATIENCE_S + 1)
    few.read(healthy)

    assert _numbers(healthy) == [0, 1, 2, 3]


def test_one_that_is_late_to_take_its_fillers_is_not_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It had nothing to take when they came, and has as long as for other messages."""
    few = Few(monkeypatch, 2)
    begun_to_fill(few)
    healthy = few.readers[1]
    few.wait(PATIENCE_S - 0.5)
    few.read(healthy)
    few.wait(PATIENCE_S + 1)
    few.read(healthy)

    assert _numbers(healthy) == [0, 1, 2, 3]


def test_one_that_takes_no_fillers_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who have taken all wait half a second for the one that they were sent for."""
    few = Few(monkeypatch, 2)
    begun_to_fill(few)
    stopped, healthy = few.readers
    few.read(healthy)
    few.wait(LAST_PATIENCE_S + 0.2)
    few.read(healthy)

    assert _numbers(healthy) == [0, 1, 2, 3]
    assert stopped.is_left_out


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("size", [10, 3_000_000])
def test_readers_that_pause_together_miss_nothing(
    monkeypatch: pytest.MonkeyPatch, count: int, size: int
) -> None:
    """Where no other waits for one, it may take nothing for ten seconds."""
    few = Few(monkeypatch, count)
    few.publish(40, size)
    for _ in range(40):
        few.wait(10)
        for reader in few.readers:
            few.read(reader, 1)
    for _ in range(40):
        for reader in few.readers:
            few.read(reader)
        few.wait(0.1)

    assert [_numbers(reader) for reader in few.readers] == [list(range(40))] * count


@pytest.mark.parametrize("is_waited_for", [True, False])
def test_one_that_pauses_while_another_waits_is_left_out(
    monkeypatch: pytest.MonkeyPatch, is_waited_for: bool
) -> None:
    """It costs the other `PATIENCE_S`, and no reader more than `PATIENCE_ALONE` times as long."""
    few = Few(monkeypatch, 2)
    paused, other = few.readers
    few.publish(40, 10)
    few.wait(0.1)
    if is_waited_for:
        few.read(other)
    few.wait(PATIENCE_S + 0.5)
    at_first = paused.is_left_out
    few.wait(PATIENCE_S * (PATIENCE_ALONE - 1))

    assert at_first is is_waited_for
    assert paused.is_left_out


def test_the_end_waits_for_none_that_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel has two seconds for its end, whoever reads."""
    few = Few(monkeypatch, 1)
    few.publish(40, 10)
    few.wait(1)
    few.publisher.shorten_patience()
    few.wait(0.1)

    assert few.readers[0].is_left_out
