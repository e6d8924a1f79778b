"""Frames: all of a message or nothing, and the same at the other end."""

from __future__ import annotations

import array
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st

from assay import _platform
from assay.protocol import DELIMITER, Buffer
from assay.transport import _loans, _sharing, _wakeup
from assay.transport._frames import (
    COPIED_BYTES,
    receive_frames,
    send_frames,
    settled,
    size_of,
)
from assay.transport._loans import LENT_BYTES, lend
from assay.transport._sharing import HUGE_BYTES
from assay.transport._sockets import Socket
from assay.transport._wakeup import Wakeup

HANG_LIMIT_MS = 60_000


@pytest.fixture(scope="module")
def ends() -> Iterator[tuple[Socket, Socket]]:
    """Two sockets that are connected."""
    context: zmq.Context[Socket] = zmq.Context()
    one, two = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    port = one.bind_to_random_port("tcp://127.0.0.1")
    two.connect(f"tcp://127.0.0.1:{port}")
    two.send(b"connected")
    one.recv()
    yield one, two
    context.destroy(linger=0)


large = st.integers(-2, 2).map(lambda n: bytes(COPIED_BYTES + n))
frame = st.binary(max_size=20) | large | st.just(DELIMITER)
kinds: list[type] = [bytes, bytearray, memoryview]


class TestRoundTrip:
    """What is sent is received."""

    @settings(max_examples=100)
    @given(
        prefix=st.lists(st.binary(max_size=5), max_size=3),
        rest=st.lists(st.tuples(frame, st.sampled_from(kinds)), max_size=9),
        mark=st.booleans(),
    )
    def test_any(
        self,
        ends: tuple[Socket, Socket],
        prefix: list[bytes],
        rest: list[tuple[bytes, type]],
        mark: bool,
    ) -> None:
        """Frames of any size and kind arrive as they were."""
        one, two = ends
        frames: list[Buffer] = [*prefix, DELIMITER, *(kind(data) for data, kind in rest)]
        expected = [bytes(frame) for frame in frames]
        send_frames(one, frames, mark=mark)
        assert two.poll(HANG_LIMIT_MS)
        received = receive_frames(two)

        assert [bytes(frame) for frame in received] == expected
        first = received.index(DELIMITER)
        assert all(type(frame) is bytes for frame in received[: first + 6])

    def test_nothing(self, ends: tuple[Socket, Socket]) -> None:
        """Without a message it does not wait."""
        with pytest.raises(zmq.Again):
            receive_frames(ends[1])

    def test_whole_or_nothing(self, ends: tuple[Socket, Socket]) -> None:
        """If one frame cannot be sent, none is."""
        one, two = ends
        bad: list[Buffer] = [b"a", b"b", 3]  # type: ignore[list-item]  # on purpose
        with pytest.raises(TypeError):
            send_frames(one, bad)
        send_frames(one, [b"next"])
        assert two.poll(HANG_LIMIT_MS)

        assert receive_frames(two) == [b"next"]

    @pytest.mark.parametrize("size", [1, COPIED_BYTES + 1])
    def test_mark(self, ends: tuple[Socket, Socket], size: int) -> None:
        """A mark is done when the message has left the queue."""
        one, two = ends
        mark = send_frames(one, [b"topic", bytes(size)], mark=True)
        assert two.poll(HANG_LIMIT_MS)
        receive_frames(two)

        assert mark is not None
        mark.wait(HANG_LIMIT_MS / 1000)
        assert mark.done

    def test_after_exit_functions(
        self, ends: tuple[Socket, Socket], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """When pyzmq has ended what frees shared memory, large frames are copied."""
        one, two = ends
        whole = zmq.Frame

        def frame(data: bytes, *, copy: bool, track: bool = False) -> zmq.Frame:
            if not copy:
                raise RuntimeError("zmq gc socket requested during shutdown")
            return whole(data, copy=True, track=track)

        monkeypatch.setattr(zmq, "Frame", frame)
        data = bytes(COPIED_BYTES + 1)
        mark = send_frames(one, [b"a", data, b"b"], mark=True)
        assert two.poll(HANG_LIMIT_MS)

        assert two.recv_multipart() == [b"a", data, b"b"]
        assert mark is None


class TestSettled:
    """Copies of what can change or cannot be sent."""

    def test_gaps(self) -> None:
        """A view with gaps becomes bytes."""
        view = memoryview(array.array("i", range(10)))[::3]

        assert settled([view]) == ([array.array("i", [0, 3, 6, 9]).tobytes()], 16)

    def test_view_with_gaps_in_bytes(self) -> None:
        """So does one of bytes."""
        assert settled([memoryview(b"abcdef")[::2]]) == ([b"ace"], 3)

    def test_class_without_a_hash(self) -> None:
        """Bytes of any class are bytes; what is none is refused by what it lacks."""

        class Unhashed(type):
            __hash__ = None  # type: ignore[assignment]  # which is the point

        class Odd(bytes, metaclass=Unhashed):
            pass

        assert settled([Odd(b"odd"), b"even"]) == ([b"odd", b"even"], 7)

    @pytest.mark.parametrize("has_huge_pages", [True, False])
    def test_copy_of_a_large_one(
        self, monkeypatch: pytest.MonkeyPatch, has_huge_pages: bool
    ) -> None:
        """It is made once, also if asked again, and does not change with what it was made of."""
        if not has_huge_pages:
            monkeypatch.setattr(_sharing, "huge_pages", lambda _: None)
        numbers = array.array("q", bytes(HUGE_BYTES))
        numbers[-1] = 5
        (copy, gaps), size = settled([memoryview(numbers), memoryview(numbers)[::-1]])
        numbers[-1] = 6

        assert size == 2 * HUGE_BYTES
        assert memoryview(copy).cast("B").cast("q")[-1] == 5
        assert memoryview(gaps).cast("B").cast("q")[0] == 5
        assert memoryview(copy).readonly
        assert settled([copy])[0][0] is copy

    def test_size(self) -> None:
        """Sizes are in bytes, also of views of something else."""
        assert size_of([b"abc", bytearray(2), memoryview(array.array("i", [1, 2]))]) == 13


WITHOUT_DESCRIPTORS = """
import os, resource
from assay.transport._loans import LENT_BYTES, lend
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
taken = []
try:
    while True:
        taken.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    pass
for _ in range(10):
    print(lend(bytearray(LENT_BYTES))[1], end=" ", flush=True)
    os.close(taken.pop())
"""
"""Tries to lend with no descriptor, with one, and so on to nine: what the collector's sockets
lack is another thing each time."""


class TestLoan:
    """Memory that is sent without a copy, though others refer to it."""

    def test_until_the_message_has_left(self, ends: tuple[Socket, Socket]) -> None:
        """It lasts as long as the message is on its way, and what arrives is what it was."""
        one, two = ends
        memory = bytearray(8 * LENT_BYTES)
        frame, loan = lend(memory)
        frames: list[Buffer] = [b"before", frame]
        assert settled(frames)[0][1] is frame
        assert loan is not None
        send_frames(one, frames)
        del frame, frames

        assert two.poll(HANG_LIMIT_MS)
        arrived = two.recv_multipart()
        assert loan.is_over(HANG_LIMIT_MS / 1000)
        memory += b"."  # nothing refers to it: it can grow
        assert arrived == [b"before", bytes(8 * LENT_BYTES)]

    def test_while_something_refers_to_the_message(self, ends: tuple[Socket, Socket]) -> None:
        """It is over all the same when that has left."""
        one, two = ends
        frame, loan = lend(bytearray(LENT_BYTES))
        assert loan is not None
        before = loan.is_over(0)
        send_frames(one, [frame])
        assert two.poll(HANG_LIMIT_MS)
        two.recv()
        assert loan.mark is not None
        loan.mark.wait(HANG_LIMIT_MS / 1000)

        assert loan.is_over(0)
        assert not before
        assert memoryview(frame).nbytes == LENT_BYTES

    def test_of_nothing(self) -> None:
        """It is over when no message is made of the memory."""
        frame, loan = lend(bytearray(LENT_BYTES))
        assert loan is not None
        del frame

        assert loan.is_over(HANG_LIMIT_MS / 1000)

    @pytest.mark.parametrize(
        "buffer",
        [
            bytearray(LENT_BYTES - 1),
            bytes(LENT_BYTES),
            memoryview(bytes(LENT_BYTES)),
            memoryview(bytearray(2 * LENT_BYTES))[::2],
        ],
    )
    def test_of_what_is_copied_or_need_not_be(self, buffer: Buffer) -> None:
        """There is none for what is small, cannot change or has gaps."""
        frame, loan = lend(buffer)

        assert frame is buffer
        assert loan is None

    def test_without_a_collector(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """There is none where pyzmq cannot share memory any more."""

        def frame(*_: object, **__: object) -> zmq.Frame:
            raise RuntimeError("zmq gc socket requested during shutdown")

        monkeypatch.setattr(_loans, "LentFrame", frame)
        memory = bytearray(LENT_BYTES)

        assert lend(memory) == (memory, None)

    def test_without_descriptors(self) -> None:
        """There is none, and the process goes on, where pyzmq's collector has no room to start."""
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT_DESCRIPTORS], capture_output=True, text=True, check=False
        )

        assert (done.returncode, done.stdout, done.stderr) == (0, "None " * 10, "")


class TestWakeup:
    """A descriptor that another thread makes readable."""

    @pytest.mark.parametrize("make", [_platform.wakeup_descriptors, _platform.nonblocking_pipe])
    def test_set_and_clear(
        self, monkeypatch: pytest.MonkeyPatch, make: Callable[[], tuple[int, int]]
    ) -> None:
        """It is readable from `set` to `clear`, however often either is called."""
        monkeypatch.setattr(_wakeup, "wakeup_descriptors", make)
        wakeup = Wakeup()
        poller = zmq.Poller()
        poller.register(wakeup.fileno(), zmq.POLLIN)
        assert poller.poll(0) == []
        for _ in range(3):
            wakeup.set()
        assert poller.poll(HANG_LIMIT_MS) == [(wakeup.fileno(), zmq.POLLIN)]
        for _ in range(3):
            wakeup.clear()

        assert poller.poll(0) == []

    def test_full_pipe(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A pipe that is full is readable until it is cleared, all of it."""
        monkeypatch.setattr(_wakeup, "wakeup_descriptors", _platform.nonblocking_pipe)
        wakeup = Wakeup()
        poller = zmq.Poller()
        poller.register(wakeup.fileno(), zmq.POLLIN)
        for _ in range(70_000):
            wakeup.set()
        assert poller.poll(HANG_LIMIT_MS) == [(wakeup.fileno(), zmq.POLLIN)]
        wakeup.clear()

        assert poller.poll(0) == []
