"""The publisher: first on a socket that is a model of ZeroMQ's, then on ZeroMQ's."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st

from assay.protocol import Buffer
from assay.transport import _publisher as publisher_module
from assay.transport._connections import Connections, Progress
from assay.transport._frames import send_frames
from assay.transport._publisher import (
    FILLERS,
    LAST_PATIENCE_S,
    LOOK_BACK_S,
    MAX_FLYING_BYTES,
    MAX_KEPT_BYTES,
    MESSAGE_BYTES,
    PATIENCE_S,
    RETRY_S,
    Publisher,
)
from assay.transport._sharing import Mark
from assay.transport._sockets import Socket

HANG_LIMIT_MS = 60_000


LARGE = "x" * (MAX_FLYING_BYTES // 3)


class FakeMark:
    """Tells whether a message is still in some queue."""

    def __init__(self) -> None:
        self.queues = 0

    @property
    def done(self) -> bool:
        """True when all have taken it."""
        return self.queues == 0


@dataclass
class Subscriber:
    """One queue of the socket."""

    bound: int
    queue: deque[tuple[bytes, FakeMark]] = field(default_factory=deque)
    got: list[bytes] = field(default_factory=list)
    full: bool = False
    """Until half of it is empty again: ZeroMQ hears of no smaller progress."""

    left_out: bool = False

    def read(self, count: int = 1) -> None:
        """Take messages from the queue."""
        for _ in range(min(count, len(self.queue))):
            data, mark = self.queue.popleft()
            mark.queues -= 1
            self.got.append(data)
        if len(self.queue) <= self.bound // 2:
            self.full = self.left_out = False


class FakeSocket:
    """An XPUB socket: it refuses what does not fit, or leaves out who is full."""

    def __init__(self, *subscribers: Subscriber) -> None:
        self.subscribers = subscribers
        self.no_drop = 1

    def setsockopt(self, option: int, value: int) -> None:
        """Take the one option that matters; the queues have lengths of their own."""
        assert option in {zmq.XPUB_NODROP, zmq.SNDHWM}
        if option == zmq.XPUB_NODROP:
            self.no_drop = value

    def send(self, data: bytes, flags: int, *, track: bool) -> FakeMark | None:
        """Put the one frame of a message into the queues."""
        assert flags == zmq.NOBLOCK
        reached = [s for s in self.subscribers if not s.left_out]
        if self.no_drop and any(s.full for s in reached):
            raise zmq.Again
        mark = FakeMark()
        for subscriber in reached:
            if subscriber.full:
                subscriber.left_out = True
            else:
                subscriber.queue.append((data, mark))
                subscriber.full = len(subscriber.queue) == subscriber.bound
                mark.queues += 1
        return mark if track else None


def send_to_either(
    socket: Socket | FakeSocket, frames: list[Buffer], flags: int, *, mark: bool, size: int
) -> Mark | FakeMark | None:
    """Send by a socket of ZeroMQ's or by its model."""
    if isinstance(socket, FakeSocket):
        return socket.send(bytes(frames[0]), flags, track=mark)
    return send_frames(socket, frames, flags, mark=mark, size=size)


@pytest.fixture(autouse=True, scope="module")
def _model() -> Iterator[None]:
    """Let a publisher use the model."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publisher_module, "send_frames", send_to_either)
        yield


class Desk:
    """A publisher with a clock that we move and a record of what it asked for."""

    def __init__(self, *subscribers: Subscriber) -> None:
        self.now = 0.0
        self.held: list[bool] = []
        self.sent: list[bytes] = []
        self.publisher = Publisher(
            cast("Socket", FakeSocket(*subscribers)),
            now=lambda: self.now,
            notice=lambda missed: [b"missed %d" % missed],
            hold=self.held.append,
            sent=lambda frames: self.sent.extend(map(bytes, frames)),
            filler=lambda _: [b"filler"],
        )

    def publish(self, *names: str) -> None:
        """Publish messages of one frame."""
        for name in names:
            self.publisher.publish([name.encode()])

    def wait(self, seconds: float) -> None:
        """Let time pass, pumping as the I/O thread would."""
        end = self.now + seconds
        while self.now < end:
            self.now += min(self.publisher.timeout_s or seconds, 0.1)
            self.publisher.pump()


def made_of(parts: list[str]) -> Iterator[list[Buffer]]:
    """Make messages, the last one first, each when it is asked for."""
    while parts:
        yield [parts.pop().encode()]


def names(*numbers: int) -> list[str]:
    """Return names of messages."""
    return [str(n) for n in range(*numbers)]


def sent(*numbers: int) -> list[bytes]:
    """Return messages of these names."""
    return [name.encode() for name in names(*numbers)]


@pytest.fixture
def _every(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mark every message."""
    monkeypatch.setattr(publisher_module, "MARK_EVERY", 0)


@pytest.mark.usefixtures("_every")
class TestStates:
    """The table of states."""

    def test_steady(self) -> None:
        """With room everything leaves at once, and there is nothing to do afterwards."""
        one = Subscriber(10)
        desk = Desk(one)
        desk.publish(*names(10))
        one.read(10)

        assert one.got == sent(10)
        assert desk.publisher.timeout_s is None
        assert desk.held == []

    def test_waiting(self) -> None:
        """A full queue keeps messages in order until there is room."""
        one = Subscriber(4)
        desk = Desk(one)
        desk.publish(*names(6))
        assert desk.publisher.timeout_s == RETRY_S
        assert desk.publisher.is_waiting
        one.read(2)
        desk.publish("6")
        desk.publisher.pump()
        one.read(10)
        desk.publisher.pump()
        one.read(10)

        assert one.got == sent(7)
        assert not desk.publisher.is_waiting

    def test_slow(self) -> None:
        """One that takes a message now and then gets everything, however long it takes."""
        one = Subscriber(10)
        desk = Desk(one)
        desk.publish(*names(50))
        for _ in range(60):
            desk.wait(PATIENCE_S * 0.9)
            one.read()

        assert one.got == sent(50)

    def test_stalled(self) -> None:
        """One that takes nothing for a while is left out, and the others get everything."""
        stalled, healthy = Subscriber(4), Subscriber(1000)
        desk = Desk(stalled, healthy)
        desk.publish(*names(10))
        desk.wait(PATIENCE_S * 0.9)
        assert len(healthy.queue) == 4
        desk.wait(PATIENCE_S * 0.2)
        desk.publish(*names(10, 20))
        healthy.read(100)

        assert healthy.got == sent(20)
        assert not desk.publisher.is_waiting
        assert desk.publisher.timeout_s == LOOK_BACK_S

    def test_large_slow(self) -> None:
        """One that takes large messages now and then has few in its queue, and no fillers."""
        one = Subscriber(FILLERS)
        desk = Desk(one)
        desk.publish(*[LARGE] * 12)
        for _ in range(12):
            assert len(one.queue) <= 3
            desk.wait(PATIENCE_S * 0.8)
            one.read()

        assert one.got == [LARGE.encode()] * 12

    def test_large_stalled(self) -> None:
        """One that stopped is given no more large messages than others, to be left out."""
        stalled, healthy = Subscriber(FILLERS), Subscriber(1000)
        desk = Desk(stalled, healthy)
        desk.publish(*[LARGE] * 12)
        found = [len(stalled.queue)]
        for seconds in (PATIENCE_S * 0.8, PATIENCE_S * 0.4, PATIENCE_S + RETRY_S):
            desk.wait(seconds)
            healthy.read(100)
            found.append(len(stalled.queue))
        for _ in range(1_000):  # far fewer do
            if desk.publisher.is_waiting:
                desk.wait(RETRY_S)
                healthy.read(100)

        large = LARGE.encode()
        assert found == [3, 3, FILLERS, FILLERS]
        assert [data for data, _ in stalled.queue] == [large] * 3 + [b"filler"] * (FILLERS - 3)
        assert [data for data in healthy.got if data == large] == [large] * 12
        assert desk.publisher.kept_bytes == 0

    def test_back(self) -> None:
        """One that reads again learns how much it missed, once, and gets what follows."""
        stalled = Subscriber(4)
        desk = Desk(stalled)
        desk.publish(*names(4))
        desk.publish("4")
        desk.wait(PATIENCE_S + 0.1)
        desk.publish(*names(5, 10))
        stalled.read(4)
        desk.wait(LOOK_BACK_S)
        desk.publish("later")
        stalled.read(4)

        assert stalled.got == [*sent(4), b"missed 6", b"later"]
        assert desk.publisher.timeout_s is None

    def test_back_while_another_is_slow(self) -> None:
        """A notice waits its turn behind what is kept, is sent once, and counts what was missed."""
        stalled, slow = Subscriber(4), Subscriber(8)
        desk = Desk(stalled, slow)
        desk.publish(*names(5))
        desk.wait(PATIENCE_S + 0.1)
        slow.read(8)
        desk.publish(*names(5, 14))
        stalled.read(4)
        desk.wait(PATIENCE_S / 2)
        slow.read(8)
        desk.wait(PATIENCE_S / 2)
        stalled.read(4)

        assert stalled.got == [*sent(4), *sent(13, 14), b"missed 9"]
        assert desk.publisher.timeout_s is None

    def test_two_stalled(self) -> None:
        """A second one that stops is found as the first was."""
        first, second, healthy = Subscriber(4), Subscriber(8), Subscriber(1000)
        desk = Desk(first, second, healthy)
        for name in names(20):
            desk.publish(name)
            desk.wait(PATIENCE_S)
        healthy.read(1000)

        assert healthy.got == sent(20)
        assert len(first.queue) == 4
        assert len(second.queue) == 8

    def test_patience_again(self) -> None:
        """When one has been left out, the next full queue is waited for as the first was."""
        stalled, slow = Subscriber(4), Subscriber(8)
        desk = Desk(stalled, slow)
        desk.publish(*names(8))
        desk.wait(PATIENCE_S * 1.1)
        desk.publish(*names(8, 20))
        assert desk.publisher.is_waiting
        for _ in range(20):
            slow.read(8)
            desk.publisher.pump()

        assert slow.got == sent(20)

    def test_gone(self) -> None:
        """One that vanished with a full queue holds no other up."""
        gone = Subscriber(4)
        desk = Desk(gone)
        desk.publish(*names(6))
        gone.bound = 1000
        gone.read(4)
        desk.publisher.pump()

        assert not desk.publisher.is_waiting

    def test_writers_wait(self) -> None:
        """Writers are held when too much is kept, and released when half of it has left."""
        one = Subscriber(4)
        desk = Desk(one)
        large = "x" * (MAX_KEPT_BYTES // 10)
        desk.publish(*[large] * 12)
        assert desk.held == []
        desk.publish(*[large] * 4)
        assert desk.held == [True]
        for _ in range(20):
            one.read(4)
            desk.publisher.pump()

        assert desk.held == [True, False]
        assert len(one.got) + len(one.queue) == 16

    def test_text(self) -> None:
        """The messages of a text are made as there is room for them, in order, and are counted as
        what they are made of until they are sent."""
        one = Subscriber(4)
        desk = Desk(one)
        parts = names(20, 0, -1)
        desk.publisher.publish_each(made_of(parts), lambda: len(parts) * 100_000)
        unmade, kept = len(parts), desk.publisher.kept_bytes
        desk.publish("behind it")
        one.read(4)
        desk.publisher.pump()
        unmade_later, kept_later = len(parts), desk.publisher.kept_bytes
        while one.queue:
            one.read(4)
            desk.publisher.pump()

        assert (unmade, unmade_later) == (15, 11)
        assert kept >= 15 * 100_000
        assert kept_later < kept + MESSAGE_BYTES + len(b"behind it")
        assert one.got == [*(b"%d" % number for number in range(1, 21)), b"behind it"]
        assert desk.publisher.kept_bytes == 0

    def test_text_behind_another(self) -> None:
        """A text waits behind what is kept already, and nothing of it is made until then."""
        one = Subscriber(4)
        desk = Desk(one)
        desk.publish(*names(6))
        parts = ["7", "6"]
        for _ in range(2):
            one.read(4)  # there is room again, and nothing was sent yet
        desk.publisher.publish_each(made_of(parts), lambda: 10)
        unmade = len(parts)
        while one.queue or desk.publisher.is_waiting:
            desk.publisher.pump()
            one.read(4)

        assert unmade == 2
        assert one.got == [b"%d" % number for number in range(8)]

    def test_sent_in_order(self) -> None:
        """Who wants to know what was sent is called for each message as it is sent, not as it is
        published or made, also for those that are given up."""
        one = Subscriber(4)
        desk = Desk(one)
        desk.publisher.publish_each(made_of(["5", "4", "3", "2", "1", "0"]), lambda: 10)
        desk.publish("behind it")
        at_first = len(desk.sent)
        one.read(4)
        desk.publisher.pump()
        while one.queue:
            one.read(4)
        desk.publisher.give_up()

        assert at_first < 6
        assert desk.sent == [*sent(6), b"behind it"]

    def test_hurry(self) -> None:
        """Near the end it is less patient."""
        desk = Desk(Subscriber(4))
        desk.publish(*names(10))
        desk.publisher.shorten_patience()
        desk.wait(LAST_PATIENCE_S + 0.2)

        assert not desk.publisher.is_waiting

    def test_give_up(self) -> None:
        """At the end what was kept is sent to those who have room."""
        stalled, slow = Subscriber(4), Subscriber(100)
        desk = Desk(stalled, slow)
        desk.publish(*names(10))
        desk.publisher.give_up()
        slow.read(100)

        assert slow.got == sent(10)
        assert not desk.publisher.is_waiting


@given(
    bounds=st.lists(st.integers(2, 12), min_size=1, max_size=3),
    steps=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 8)), max_size=80),
)
def test_nobody_who_reads_misses(bounds: list[int], steps: list[tuple[int, int]]) -> None:
    """Whatever order of sending, reading and waiting: who reads in time gets all, in order."""
    subscribers = [Subscriber(bound) for bound in bounds]
    desk = Desk(*subscribers)
    count = 0
    for what, number in steps:
        if what == len(subscribers):
            desk.wait(PATIENCE_S / 10)
        elif what < len(subscribers):
            subscribers[what].read(number)
        else:
            desk.publish(*names(count, count + number))
            count += number
        if what != len(subscribers):
            # All of them read within the limit.
            for subscriber in subscribers:
                subscriber.read(subscriber.bound // 2 + 1)
    for _ in range(count + 1):
        for subscriber in subscribers:
            subscriber.read(subscriber.bound)
        desk.publisher.pump()

    assert [subscriber.got for subscriber in subscribers] == [sent(count)] * len(subscribers)


class TestZeroMQ:
    """The model is right about ZeroMQ."""

    QUEUE = 100

    @pytest.fixture
    def context(self) -> Iterator[zmq.Context[Socket]]:
        """Closed at the end, whatever waits."""
        context: zmq.Context[Socket] = zmq.Context()
        yield context
        context.destroy(linger=0)

    @pytest.fixture
    def socket(self, context: zmq.Context[Socket]) -> Socket:
        """A socket with a short queue."""
        socket: Socket = context.socket(zmq.XPUB)
        socket.setsockopt(zmq.XPUB_NODROP, 1)
        socket.setsockopt(zmq.XPUB_VERBOSE, 1)
        socket.setsockopt(zmq.SNDHWM, self.QUEUE)
        socket.setsockopt(zmq.SNDBUF, 8192)
        socket.bind("tcp://127.0.0.1:*")
        return socket

    def subscriber(self, context: zmq.Context[Socket], socket: Socket, queue: int) -> Socket:
        """Return one whose subscription is known to *socket*."""
        made: Socket = context.socket(zmq.SUB)
        made.setsockopt(zmq.RCVHWM, queue)
        if queue:
            made.setsockopt(zmq.RCVBUF, 8192)
        made.subscribe(b"")
        made.connect(socket.getsockopt_string(zmq.LAST_ENDPOINT))
        assert socket.poll(HANG_LIMIT_MS)
        socket.recv()
        return made

    def received(self, subscriber: Socket, publisher: Publisher, last: bytes) -> list[bytes]:
        """Return the names of what comes, up to *last*."""
        found: list[bytes] = []
        while found[-1:] != [last]:
            while not subscriber.poll(1):
                publisher.pump()
            found.append(subscriber.recv_multipart()[0])
        return found

    @pytest.mark.parametrize("size", [10_000, 100_000], ids=["copied", "handed over"])
    def test_stalled(
        self,
        context: zmq.Context[Socket],
        socket: Socket,
        size: int,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A real queue fills, its subscriber is left out and notified, and the other gets all."""
        monkeypatch.setattr(publisher_module, "PATIENCE_S", 0.5)
        publisher = Publisher(
            socket,
            now=time.monotonic,
            notice=lambda missed: [b"missed", b"%d" % missed],
            hold=lambda _: None,
        )
        with (
            self.subscriber(context, socket, 1) as stalled,
            self.subscriber(context, socket, 0) as healthy,
        ):
            self.stall(publisher, stalled, healthy, bytes(size))

    def stall(self, publisher: Publisher, stalled: Socket, healthy: Socket, body: bytes) -> None:
        """Send four times what the queue of one who does not read can hold."""
        total = self.QUEUE * 4
        heard: list[bytes] = []
        for n in range(total):
            publisher.publish([b"%d" % n, body])
            while publisher.is_waiting and not healthy.poll(1):
                publisher.pump()
            while healthy.poll(0):
                heard.append(healthy.recv_multipart()[0])
        if heard[-1:] != sent(total - 1, total):
            heard.extend(self.received(healthy, publisher, b"%d" % (total - 1)))
        assert heard == sent(total)
        assert not publisher.is_waiting

        seen = self.received(stalled, publisher, b"missed")
        publisher.publish([b"later"])
        assert self.received(stalled, publisher, b"later") == [b"later"]
        assert seen[:-1] == sent(len(seen) - 1)
        assert self.QUEUE <= len(seen) < total
        assert publisher.timeout_s is None


class Looks(Connections):
    """One connection, and what the system tells of it at each look."""

    def __init__(self, *looks: tuple[int, int]) -> None:
        super().__init__()
        self._looks = iter(looks)

    def _look(self) -> Iterator[tuple[int, Progress]]:
        yield 1, Progress(*next(self._looks))


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ((100, 50), (100, 50), False),
        ((100, 50), (120, 30), True),
        ((100, 0), (120, 30), True),  # it had nothing to take, was sent something, and took of it
        ((100, 0), (100, 30), False),
        ((100, 0), (110, 0), False),  # the answer to a heartbeat
        ((0, 50), (0, 30), True),  # as ipc: what is taken is not counted
        ((0, 0), (0, 30), False),
    ],
)
def test_progress_of_a_subscriber(
    before: tuple[int, int], now: tuple[int, int], expected: bool
) -> None:
    """A peer has progressed that has taken something since the last look."""
    connections = Looks(before, now)

    assert not connections.progressed()
    assert connections.progressed() is expected
