"""The I/O thread in this process, with a client of raw sockets."""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from queue import SimpleQueue

import pytest
import zmq

from assay.protocol import (
    DELIMITER,
    Buffer,
    Channel,
    CommMsg,
    ConnectionFile,
    Envelope,
    ExecutionState,
    KernelInfoRequest,
    MsgId,
    Session,
    SessionId,
    Status,
    StreamName,
)
from assay.transport import IoThread, KernelSockets, Topics, When, bind_kernel, get_logger
from assay.transport import _io_thread as io_module
from assay.transport import _log as log_module
from assay.transport import _publisher as publisher_module
from assay.transport import _replies as replies_module
from assay.transport._sockets import Socket
from tests.limits import HANG_LIMIT_S

HANG_LIMIT_MS = 60_000
KEY = b"key"


def session(name: str) -> Session:
    """Return a session whose ids are *name* and a number."""
    numbers = count()
    return Session(
        KEY,
        session=SessionId(name),
        now=lambda: datetime.now(UTC),
        new_id=lambda: MsgId(f"{name}-{next(numbers)}"),
    )


class Inbox:
    """A receiver that keeps what it takes, and may do something with it."""

    def __init__(self) -> None:
        self.items: SimpleQueue[tuple[Channel, Envelope]] = SimpleQueue()
        self.react: Callable[[Envelope], None] = lambda _: None

    def receive(self, channel: Channel, envelope: Envelope) -> None:
        """Take a message."""
        self.items.put((channel, envelope))
        self.react(envelope)

    def get(self) -> Envelope:
        """Wait for the next message."""
        return self.items.get(timeout=HANG_LIMIT_S)[1]


class Kernel:
    """The I/O thread and all that it needs."""

    def __init__(self) -> None:
        self.sockets, self.connection = bind_kernel(ConnectionFile(key=KEY.decode()))
        self.session = session("kernel")
        self.inbox = Inbox()
        self.io = IoThread(self.sockets, self.session, self.inbox, Topics(prefix=b""))

    def publish(self, when: When = When.NOW) -> None:
        """Publish a status."""
        status = Status(execution_state=ExecutionState.BUSY)
        frames = self.session.pack(status, identities=[b"status"])
        self.io.log.post(Channel.IOPUB, frames, when)

    def synchronise(self) -> None:
        """Wait until the I/O thread has done what it was asked."""
        done = threading.Event()
        self.io.log.call(done.set)
        assert done.wait(HANG_LIMIT_S)


class Peer:
    """A client of raw sockets."""

    def __init__(self, connection: ConnectionFile) -> None:
        self.connection = connection
        self.context: zmq.Context[Socket] = zmq.Context()
        self.session = session("client")
        self.shell = self.connect(zmq.DEALER, Channel.SHELL)
        self.iopub = self.connect(zmq.SUB, Channel.IOPUB, queue=0)
        self.iopub.subscribe(b"")

    def connect(self, kind: int, channel: Channel, *, queue: int = 1_000) -> Socket:
        """Return a socket that does not wait for ever."""
        socket: Socket = self.context.socket(kind)
        socket.setsockopt(zmq.RCVHWM, queue)
        socket.setsockopt(zmq.RCVTIMEO, HANG_LIMIT_MS)
        socket.connect(self.connection.address(channel))
        return socket

    def send(self, *frames: bytes) -> None:
        """Send these frames, by default a request."""
        request = self.session.pack(KernelInfoRequest())
        self.shell.send_multipart(frames or request)

    def published(self) -> bytes:
        """Return the header of the next message on IOPub."""
        return self.iopub.recv_multipart()[3]

    def welcome(self) -> None:
        """Wait for the kernel to know the subscription."""
        while b"iopub_welcome" not in self.published():
            pass  # of others


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    """A kernel that is running."""
    kernel = Kernel()
    kernel.io.start()
    yield kernel
    kernel.io.stop()


@pytest.fixture
def peer(kernel: Kernel) -> Iterator[Peer]:
    """A client of it that is welcome."""
    peer = Peer(kernel.connection)
    peer.welcome()
    yield peer
    peer.context.destroy(linger=0)


class TestReceiving:
    """What comes in."""

    def test_request(self, kernel: Kernel, peer: Peer) -> None:
        """A trusted message reaches the receiver, read."""
        peer.send()

        channel, envelope = kernel.inbox.items.get(timeout=HANG_LIMIT_S)
        assert channel is Channel.SHELL
        assert envelope.header.msg_type == "kernel_info_request"

    def test_rubbish(
        self,
        kernel: Kernel,
        peer: Peer,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """What is no message is dropped, with few words about much of it."""
        # A logger that other tests have not had write as much as it does at once.
        monkeypatch.setattr(io_module, "logger", get_logger("assay.transport"))
        with caplog.at_level(logging.WARNING, "assay.transport"):
            for _ in range(500):
                peer.send(b"rubbish")
            peer.send(DELIMITER, b"bad signature", b"{}", b"{}", b"{}", b"{}")
            peer.send()
            kernel.inbox.get()

        assert 1 <= len(caplog.records) < 50
        assert kernel.inbox.items.empty()

    def test_failing_receiver(
        self, kernel: Kernel, peer: Peer, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A receiver that fails costs one message, not the thread."""

        def fail(_: Envelope) -> None:
            kernel.inbox.react = lambda _: None
            raise ValueError("on purpose")

        kernel.inbox.react = fail
        peer.send()
        peer.send()
        kernel.inbox.get()
        kernel.inbox.get()

        assert "on purpose" in caplog.text

    def test_drain_ends(self, kernel: Kernel, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
        """To receive all that has come ends, though a client sends faster than it is read."""
        monkeypatch.setattr(io_module, "TURNS_TO_DRAIN", 3)
        monkeypatch.setattr(io_module, "MESSAGES_A_TURN", 1)
        received: list[Envelope] = []
        counts: list[int] = []
        ready = threading.Event()

        def send_another(envelope: Envelope) -> None:
            received.append(envelope)
            peer.send()
            # It has come before we go on.
            assert kernel.sockets.shell.poll(HANG_LIMIT_MS)

        def drain() -> None:
            kernel.inbox.react = send_another
            peer.send()
            assert kernel.sockets.shell.poll(HANG_LIMIT_MS)
            kernel.io.drain(Channel.SHELL)
            counts.append(len(received))
            kernel.inbox.react = lambda _: None
            ready.set()

        kernel.io.log.call(drain)
        assert ready.wait(HANG_LIMIT_S)

        assert counts == [3]


class TestSending:
    """What goes out."""

    def test_welcome_comes_first(self) -> None:
        """Who has subscribed when something is to be sent is welcomed before (IOPUB-02)."""
        kernel = Kernel()
        peer = Peer(kernel.connection)
        assert kernel.sockets.iopub.poll(HANG_LIMIT_MS)
        kernel.publish()

        kernel.io.start()

        assert [b"iopub_welcome" in peer.published() for _ in range(2)] == [True, False]
        peer.context.destroy(linger=0)
        kernel.io.stop()

    def test_order(self, kernel: Kernel, peer: Peer) -> None:
        """Text and messages leave in the order in which they were said."""
        for n in range(50):
            kernel.io.log.write(StreamName.STDOUT, b"{}", f"{n},")
            kernel.publish()
        kinds = [b"stream" in peer.published() for _ in range(100)]

        assert kinds == [True, False] * 50

    def test_waiting_status(self, kernel: Kernel, peer: Peer) -> None:
        """A status that may wait leaves, though nothing follows and nobody expects it."""
        for _ in range(3):
            kernel.publish(When.WITH_NEXT)
            assert b"status" in peer.published()

    def test_expected_status(self, kernel: Kernel, peer: Peer) -> None:
        """A status that the I/O thread expects leaves, also if it takes something else first."""
        kernel.io.log.call(kernel.io.schedule_flush)
        kernel.synchronise()
        kernel.publish(When.WITH_NEXT)

        assert b"status" in peer.published()

    def test_idle_before_another_request(self, kernel: Kernel, peer: Peer) -> None:
        """An idle leaves at once, and so does the busy behind it, whenever that comes."""
        for _ in range(3):
            kernel.publish(When.NOW_AND_MORE)
            assert b"status" in peer.published()
            kernel.publish(When.WITH_NEXT)
            assert b"status" in peer.published()

    def test_displays(self, kernel: Kernel, peer: Peer) -> None:
        """Displays leave, the first as well as those that the I/O thread expects behind it."""
        for _ in range(3):
            kernel.publish(When.SOON)
        assert [b"status" in peer.published() for _ in range(3)] == [True] * 3

        kernel.publish(When.SOON)
        assert b"status" in peer.published()

    def test_bad_entry(self, kernel: Kernel, peer: Peer, caplog: pytest.LogCaptureFixture) -> None:
        """An entry that cannot be sent costs itself alone, and no frame of it is on its way."""
        bad: list[Buffer] = [b"topic", b"frame", b"no bytes"]

        def post_and_spoil() -> None:
            kernel.io.log.post(Channel.IOPUB, bad)
            bad[2] = 3  # type: ignore[call-overload]  # on purpose

        kernel.io.log.call(post_and_spoil)
        kernel.synchronise()
        kernel.publish()

        assert b"status" in peer.published()
        assert "an entry of the outbound log failed" in caplog.text

    def test_failing_call(
        self, kernel: Kernel, peer: Peer, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A call that fails is reported, and what stands behind it is sent."""

        def fail() -> None:
            raise ValueError("on purpose")

        kernel.io.log.call(fail)
        kernel.publish()

        assert b"status" in peer.published()
        assert "on purpose" in caplog.text

    def test_threads(self, kernel: Kernel, peer: Peer) -> None:
        """No wake-up is lost, however many threads say something at once."""

        def work() -> None:
            for _ in range(500):
                kernel.publish()
                kernel.synchronise()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(2_000):
            peer.published()
        for thread in threads:
            thread.join(HANG_LIMIT_S)

        assert not any(thread.is_alive() for thread in threads)


def in_thread(work: Callable[[], object]) -> None:
    """Do *work* in a thread of its own."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def said(sent: list[list[Buffer]]) -> list[str]:
    """Return the text of each message."""
    return [json.loads(bytes(frames[-1]))["text"] for frames in sent]


class TestLines:
    """`print` writes a line and its end separately: they are to leave together."""

    @pytest.fixture
    def io(self) -> Iterator[IoThread]:
        """An I/O thread that does not run: its turns are made here."""
        io = Kernel().io
        yield io
        io.stop()

    @pytest.fixture
    def sent(self, io: IoThread, monkeypatch: pytest.MonkeyPatch) -> list[list[Buffer]]:
        """What it has published."""
        sent: list[list[Buffer]] = []
        monkeypatch.setattr(io._publisher, "publish", lambda frames, _=0: sent.append(frames))
        monkeypatch.setattr(io._publisher, "publish_each", lambda texts, _: sent.extend(texts))
        return sent

    def turn(self, io: IoThread) -> None:
        """Come at a moment at which text is due."""
        io._text_due = 0.0
        io._flush()

    def test_line_and_its_end(self, io: IoThread, sent: list[list[Buffer]]) -> None:
        """Text in the middle of a line waits for the end of it."""
        run = io.log.write(StreamName.STDOUT, b"{}", "a line")
        self.turn(io)
        before = list(sent)
        run.append("\n")
        self.turn(io)

        assert not before
        assert [b'"text":"a line\\n"' in bytes(frames[-1]) for frames in sent] == [True]

    def test_whole_line(self, io: IoThread, sent: list[list[Buffer]]) -> None:
        """A line that has ended waits for nothing."""
        io.log.write(StreamName.STDOUT, b"{}", "a line\n")
        self.turn(io)

        assert len(sent) == 1

    def test_prompt(self, io: IoThread, sent: list[list[Buffer]]) -> None:
        """Text that never ends its line leaves after a moment."""
        io.log.write(StreamName.STDOUT, b"{}", "50 %")
        self.turn(io)
        before = list(sent)
        io._open_since = 0.0
        self.turn(io)

        assert not before
        assert len(sent) == 1

    def test_next_line(self, io: IoThread, sent: list[list[Buffer]]) -> None:
        """The next line of the same thread has a time of its own."""
        run = io.log.write(StreamName.STDOUT, b"{}", "a line")
        self.turn(io)
        run.append("\n")
        run.append("another")
        io._open_since = 0.0
        self.turn(io)

        assert not sent

    def test_reply_waits_no_longer_for_a_thread(
        self, io: IoThread, sent: list[list[Buffer]]
    ) -> None:
        """A reply behind another thread's line waits as long as a line that nothing follows."""
        writer = threading.Thread(target=io.log.write, args=(StreamName.STDOUT, b"{}", "a line"))
        writer.start()
        writer.join()
        io.log.write(StreamName.STDERR, b"{}", "behind it\n")
        self.turn(io)
        io._open_since -= io_module.LINE_S
        self.turn(io)
        before = list(sent)
        io.log.post(Channel.SHELL, [b"client", b"reply"])
        self.turn(io)

        assert not before
        assert len(sent) == 2

    def test_line_that_is_printed_stays_whole(self, io: IoThread, sent: list[list[Buffer]]) -> None:
        """While a thread is within a call of `print`, what others write stands behind its line."""
        goes_on = True
        io.log.goes_on = lambda _: goes_on
        run = io.log.write(StreamName.STDOUT, b"{}", "1 ")
        for text in ("2 ", "3 "):
            self.turn(io)
            io._open_since -= io_module.CROWDED_LINE_S
            self.turn(io)
            in_thread(lambda: io.log.write(StreamName.STDOUT, b"{}", "another\n"))
            io.log.write(StreamName.STDOUT, b"{}", text)
        io.log.write(StreamName.STDOUT, b"{}", "\n")
        goes_on = False
        self.turn(io)

        assert said(sent) == ["1 ", "2 ", "3 \nanother\nanother\n"]
        assert run.taken

    @pytest.mark.parametrize("replies", [False, True])
    def test_line_that_is_printed_is_not_parted_soon(
        self, io: IoThread, sent: list[list[Buffer]], replies: bool
    ) -> None:
        """A thread may wait for a processor between the text and its line end, unlike a reply."""
        io.log.goes_on = lambda _: True
        io.log.write(StreamName.STDOUT, b"{}", "a line")
        if replies:
            in_thread(lambda: io.log.post(Channel.SHELL, [b"client", b"reply"]))
        self.turn(io)
        io._open_since -= io_module.LINE_S
        self.turn(io)
        io.log.write(StreamName.STDOUT, b"{}", "\n")
        self.turn(io)

        assert said(sent)[:2] == (["a line", "\n"] if replies else ["a line\n"])

    @pytest.mark.parametrize("kind", ["nothing more comes", "a reply waits", "it is endless"])
    def test_line_that_is_printed_for_long(
        self, io: IoThread, sent: list[list[Buffer]], kind: str
    ) -> None:
        """Others do not wait for ever, and a reply a second at most."""
        io.log.goes_on = lambda _: True
        io.log.write(StreamName.STDOUT, b"{}", "1 ")
        in_thread(lambda: io.log.write(StreamName.STDOUT, b"{}", "another\n"))
        if kind == "a reply waits":
            in_thread(lambda: io.log.post(Channel.SHELL, [b"client", b"reply"]))
        self.turn(io)
        io._open_since -= io_module.CROWDED_LINE_S
        self.turn(io)
        before = said(sent)
        if kind == "nothing more comes":
            io._open_since -= io_module.PRINT_S
        else:
            io.log.write(StreamName.STDOUT, b"{}", "2 ")
            io._open_since -= io_module.CROWDED_LINE_S
            io._without_reply -= io_module.PRINT_S
        if kind == "it is endless":
            io._line_since -= io_module.LONGEST_PRINT_S
        self.turn(io)

        assert before == ["1 "]
        assert said(sent[1:]) == ["2 another\n" if kind != "nothing more comes" else "another\n"]

    @pytest.mark.parametrize(("lines", "parted"), [("{}", True), ("{}\n", False), ("\n{}", True)])
    def test_reply_does_not_wait_for_a_line_that_is_too_long(
        self, io: IoThread, lines: str, parted: bool
    ) -> None:
        """Nobody reads as one what has filled several messages, and it may go on for long."""
        io.log.goes_on = lambda _: True
        run = io.log.write(StreamName.STDOUT, b"{}", "1")
        run.append(lines.format("long" * io_module.LONG_LINE))
        run.append("2")
        for _ in range(2):  # it is taken in part, and as it has had its time
            self.turn(io)
            io._open_since -= io_module.LINE_S
        in_thread(lambda: io.log.post(Channel.SHELL, [b"client", b"reply"]))
        self.turn(io)
        io._open_since -= io_module.LINE_S
        self.turn(io)

        assert io.log.has_reply is not parted

    def test_line_of_which_nothing_can_be_found_leaves(
        self, io: IoThread, sent: list[list[Buffer]]
    ) -> None:
        """What is written does not stop where it cannot be found whether it is printed just now."""
        io.log.goes_on = lambda _: bool(1 // 0)
        io.log.write(StreamName.STDOUT, b"{}", "a line")
        self.turn(io)
        io._open_since -= io_module.CROWDED_LINE_S
        self.turn(io)

        assert said(sent) == ["a line"]

    def test_next_line_that_is_printed_has_a_time_of_its_own(
        self, io: IoThread, sent: list[list[Buffer]]
    ) -> None:
        """A thread that prints one long line after the other may do so for any time."""
        io.log.goes_on = lambda _: True
        run = io.log.write(StreamName.STDOUT, b"{}", "1 ")
        for _ in range(2):
            self.turn(io)
            io._open_since -= io_module.CROWDED_LINE_S
            io._line_since -= io_module.LONGEST_PRINT_S * 0.6
            self.turn(io)
            for text in ("2 ", "\n", "3 "):
                run.append(text)
        in_thread(lambda: io.log.write(StreamName.STDOUT, b"{}", "another\n"))
        self.turn(io)
        io._open_since -= io_module.CROWDED_LINE_S
        io._line_since -= io_module.LONGEST_PRINT_S * 0.6
        self.turn(io)

        assert said(sent) == ["1 ", *["2 \n3 "] * 2]

    def test_reply_waits_for_no_line(self, io: IoThread, sent: list[list[Buffer]]) -> None:
        """What is urgent takes the text before it along."""
        io.log.write(StreamName.STDOUT, b"{}", "a line")
        io.log.post(Channel.IOPUB, [b"status"])
        self.turn(io)

        assert len(sent) == 2


class TestDescriptors:
    """What else it looks after."""

    def test_pipe(self, kernel: Kernel) -> None:
        """A pipe is read as long as it is watched."""
        read, write = os.pipe()
        got: SimpleQueue[bytes] = SimpleQueue()
        kernel.io.log.call(lambda: kernel.io.watch(read, lambda: got.put(os.read(read, 9))))
        os.write(write, b"one")
        assert got.get(timeout=HANG_LIMIT_S) == b"one"
        kernel.io.log.call(lambda: kernel.io.unwatch(read))
        kernel.synchronise()
        os.write(write, b"two")
        kernel.synchronise()

        assert got.empty()
        os.close(read)
        os.close(write)

    def test_hung_up(self, kernel: Kernel) -> None:
        """A pipe that nobody can write to any more does not keep the thread busy."""
        read, write = os.pipe()
        calls: list[bytes] = []
        kernel.io.log.call(lambda: kernel.io.watch(read, lambda: calls.append(os.read(read, 9))))
        os.write(write, b"last")
        os.close(write)
        while calls[:2] != [b"last", b""]:
            kernel.synchronise()
        for _ in range(20):
            kernel.synchronise()

        assert calls == [b"last", b""]
        os.close(read)

    def test_unwatched_meanwhile(self, kernel: Kernel, caplog: pytest.LogCaptureFixture) -> None:
        """A handler may stop watching another that is ready at the same moment."""
        pipes = [os.pipe() for _ in range(2)]
        calls: list[int] = []

        def handler(own: int, other: int) -> Callable[[], None]:
            def ready() -> None:
                calls.append(own)
                os.read(own, 9)
                kernel.io.unwatch(other)

            return ready

        def watch() -> None:
            (one, write_one), (two, write_two) = pipes
            kernel.io.watch(one, handler(one, two))
            kernel.io.watch(two, handler(two, one))
            os.write(write_one, b"x")
            os.write(write_two, b"x")

        kernel.io.log.call(watch)
        while not calls:
            kernel.synchronise()
        kernel.synchronise()

        assert len(calls) == 1
        assert not caplog.records
        for descriptors in pipes:
            for descriptor in descriptors:
                os.close(descriptor)

    def test_later(self, kernel: Kernel) -> None:
        """A function is called later, once; in which order, the reactor's tests say."""
        calls: SimpleQueue[str] = SimpleQueue()
        kernel.io.log.call(lambda: kernel.io.call_later(0.01, lambda: calls.put("late")))
        kernel.io.log.call(lambda: kernel.io.call_later(0, lambda: calls.put("early")))

        assert {calls.get(timeout=HANG_LIMIT_S) for _ in range(2)} == {"early", "late"}
        kernel.synchronise()
        assert calls.empty()

    def test_later_keeps_the_earlier(self) -> None:
        """A call that is asked for again and again is not put off for ever."""
        kernel = Kernel()
        for delay_s in (10.0, 20.0, 5.0, 30.0):
            kernel.io.call_later(delay_s, kernel.io.schedule_flush)
        timeout_ms = kernel.io._reactor._timeout_ms(None)
        kernel.io.stop()

        assert timeout_ms is not None
        assert timeout_ms <= 5_000

    def test_text_waits_for_room(self, kernel: Kernel) -> None:
        """A descriptor whose text fills the log is read only while there is room."""
        read, write = os.pipe()
        got: SimpleQueue[bytes] = SimpleQueue()
        kernel.io.log.call(lambda: kernel.io.log.hold(True))
        kernel.io.log.call(lambda: kernel.io.watch_text(read, lambda: got.put(os.read(read, 9))))
        for _ in range(3):
            kernel.synchronise()
        os.write(write, b"text")
        for _ in range(3):
            kernel.synchronise()
        before = got.empty()
        kernel.io.log.call(lambda: kernel.io.log.hold(False))

        assert got.get(timeout=HANG_LIMIT_S) == b"text"
        assert before
        os.close(read)
        os.close(write)

    def test_signals(self, kernel: Kernel) -> None:
        """Signals are left to the main thread, but for those that report a crash."""
        masks: list[set[int]] = []
        kernel.io.log.call(
            lambda: masks.append({int(s) for s in signal.pthread_sigmask(signal.SIG_BLOCK, [])})
        )
        kernel.synchronise()

        (blocked,) = masks
        assert {signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGUSR1} <= blocked
        assert signal.SIGSEGV not in blocked


def open_descriptors() -> int:
    """Return how many descriptors this process has."""
    return len(list(Path("/dev/fd").iterdir()))


class TestEnd:
    """Stopping."""

    def test_last_words(self) -> None:
        """What was said before the end arrives, and what stood behind it does no harm."""
        kernel = Kernel()
        kernel.io.start()
        peer = Peer(kernel.connection)
        peer.welcome()
        for _ in range(100):
            kernel.publish(When.WITH_NEXT)
        ended = threading.Event()

        def wait() -> None:
            ended.wait(HANG_LIMIT_S)

        kernel.io.log.call(wait)
        stopper = threading.Thread(target=kernel.io.stop)
        stopper.start()
        while len(kernel.io.log) == 0:
            assert stopper.is_alive()
        # Both are behind the stop, and will be taken with it.
        kernel.publish()
        kernel.io.log.write(StreamName.STDOUT, b"{}", "from some thread")
        ended.set()
        stopper.join(HANG_LIMIT_S)
        headers = [peer.published() for _ in range(102)]
        peer.context.destroy(linger=0)

        assert b"stream" in headers[-1]

    def test_stalled(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A subscriber that does not read cannot prevent the end, and the others get the rest."""
        monkeypatch.setattr(io_module, "CLOSING_S", HANG_LIMIT_S)
        monkeypatch.setattr(publisher_module, "PATIENCE_S", 2 * HANG_LIMIT_S)
        monkeypatch.setattr(publisher_module, "MAX_KEPT_BYTES", 1 << 30)
        monkeypatch.setattr(log_module, "MAX_BYTES", 1 << 30)
        kernel = Kernel()
        kernel.io.start()
        peer = Peer(kernel.connection)
        peer.welcome()
        stalled = peer.connect(zmq.SUB, Channel.IOPUB, queue=1)
        stalled.subscribe(b"status")
        assert stalled.recv_multipart()[0] == b"status"
        for n in range(2_000):
            kernel.io.log.post(Channel.IOPUB, [b"status", b"%d" % n, bytes(20_000)])
        stopper = threading.Thread(target=kernel.io.stop, daemon=True)
        stopper.start()
        found: list[int] = []
        while found[-1:] != [1_999]:
            frame = peer.iopub.recv_multipart()[1]
            if frame != DELIMITER:  # the welcome of the other
                found.append(int(frame))
        stopper.join(HANG_LIMIT_S)

        assert not stopper.is_alive()
        assert found == list(range(2_000))
        peer.context.destroy(linger=0)

    def test_no_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """However patient it is with each, the end comes."""
        monkeypatch.setattr(io_module, "CLOSING_S", 0.05)
        monkeypatch.setattr(publisher_module, "LAST_PATIENCE_S", 2 * HANG_LIMIT_S)
        monkeypatch.setattr(publisher_module, "MAX_KEPT_BYTES", 1 << 30)
        monkeypatch.setattr(log_module, "MAX_BYTES", 1 << 30)
        kernel = Kernel()
        kernel.io.start()
        peer = Peer(kernel.connection)
        stalled = peer.connect(zmq.SUB, Channel.IOPUB, queue=1)
        stalled.subscribe(b"status")
        assert stalled.recv_multipart()[0] == b"status"
        for _ in range(2_000):
            kernel.io.log.post(Channel.IOPUB, [b"status", bytes(20_000)])
        stopper = threading.Thread(target=kernel.io.stop, daemon=True)
        stopper.start()
        stopper.join(HANG_LIMIT_S)
        peer.context.destroy(linger=0)

        assert not stopper.is_alive()

    def test_never_started(self) -> None:
        """One that never ran can be stopped."""
        kernel = Kernel()
        kernel.io.stop()

        assert kernel.sockets.shell.closed

    def test_stopped_twice(self) -> None:
        """To stop again does nothing."""
        kernel = Kernel()
        kernel.io.start()
        kernel.io.stop()
        kernel.io.stop()

        assert not kernel.io._thread.is_alive()

    def test_late_writers(self) -> None:
        """Threads that go on printing afterwards neither fail nor wait."""
        kernel = Kernel()
        kernel.io.start()
        kernel.io.stop()
        for _ in range(100):
            kernel.io.log.write(StreamName.STDOUT, b"{}", "late")
            kernel.publish()

    def test_descriptors(self) -> None:
        """Nothing stays open."""

        def live() -> None:
            kernel = Kernel()
            kernel.io.start()
            kernel.io.stop()

        live()
        before = open_descriptors()
        for _ in range(10):
            live()
        gc.collect()

        assert open_descriptors() <= before


def test_sockets_are_reachable() -> None:
    """`KernelSockets.of` returns the socket of each channel."""
    sockets, _ = bind_kernel(ConnectionFile(key=""))
    try:
        assert isinstance(sockets, KernelSockets)
        assert sockets.of(Channel.STDIN) is sockets.stdin
    finally:
        sockets.close(linger_ms=0)


def stopped(peer: Peer) -> Socket:
    """Return a subscriber that reads nothing but its welcome."""
    socket = peer.connect(zmq.SUB, Channel.IOPUB, queue=1)
    socket.subscribe(b"status")
    assert socket.recv_multipart()[0] == b"status"
    return socket


def numbers_until_notice(socket: Socket) -> list[int]:
    """Read as far as the line that says what was missed; return the numbers before it."""
    found: list[int] = []
    while True:
        frames = socket.recv_multipart()
        if frames[0] == b"status missed":
            return found
        if frames[1] != DELIMITER:
            found.append(int(frames[1]))


def test_each_stopped_subscriber_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that reads again learns what it missed though another is still stopped."""
    monkeypatch.setattr(publisher_module, "PATIENCE_S", 0.2)
    kernel = Kernel()
    # Those that are stopped have subscribed to this topic alone.
    notice: list[Buffer] = [b"status missed", b"-"]
    monkeypatch.setattr(kernel.io._publisher, "_notice", lambda _: notice)
    kernel.io.start()
    peer = Peer(kernel.connection)
    peer.welcome()
    first, second = stopped(peer), stopped(peer)
    total = 1_500
    for n in range(total):
        kernel.io.log.post(Channel.IOPUB, [b"status", b"%d" % n, bytes(20_000)])

    for socket in (first, second):
        found = numbers_until_notice(socket)
        assert found == sorted(set(found))
        assert found[0] == 0
        assert len(found) < total
    kernel.io.stop()
    peer.context.destroy(linger=0)


def test_replies_are_bounded(
    kernel: Kernel, peer: Peer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A client that asks and does not read holds little; others are served; it is told its loss."""
    monkeypatch.setattr(replies_module, "PATIENCE_S", 0.2)
    monkeypatch.setattr(replies_module, "PATIENCE_S_PER_BYTE", 0.0)
    one = peer.connect(zmq.DEALER, Channel.SHELL, queue=1)
    one.send_multipart(peer.session.pack(KernelInfoRequest()))
    (identity,) = kernel.inbox.get().identities
    total = 40
    for n in range(total):
        kernel.io.log.post(Channel.SHELL, [identity, b"%d" % n, bytes(1_000_000)])
    kernel.publish()  # waits while much is kept
    kernel.synchronise()
    bound = replies_module.MAX_FLYING_BYTES + replies_module.MAX_CLIENT_BYTES
    assert 0 < kernel.io._replies.held_bytes <= bound + 2 * 1_010_000

    peer.send()
    kernel.io.log.post(Channel.SHELL, [*kernel.inbox.get().identities, b"reply"])
    assert peer.shell.recv_multipart() == [b"reply"]

    found, told = numbers_until_told(one, peer.iopub)
    kernel.io.log.post(Channel.SHELL, [identity, b"%d" % total, b""])
    while found[-1:] != [total]:
        found.append(int(one.recv_multipart()[0]))

    assert found == [*range(len(found) - 1), total]
    assert told == total - (len(found) - 1)
    assert caplog.text.count("dropped replies") == 1
    assert kernel.io._replies.held_bytes == 0
    one.close(linger=0)


def numbers_until_told(one: Socket, iopub: Socket) -> tuple[list[int], int]:
    """Read replies until a line on IOPub says that some are missing, and how many."""
    found: list[int] = []
    while True:
        if one.poll(1):
            found.append(int(one.recv_multipart()[0]))
        while iopub.poll(0):
            content = iopub.recv_multipart()[-1]
            if b"replies" in content:
                return found, int(content.split(b"missed ")[1].split()[0])


def test_slow_client_gets_every_reply(kernel: Kernel, peer: Peer) -> None:
    """One that reads, however slowly, misses nothing, and in order."""
    one = peer.connect(zmq.DEALER, Channel.SHELL, queue=1)
    one.send_multipart(peer.session.pack(KernelInfoRequest()))
    (identity,) = kernel.inbox.get().identities
    total = 20

    def write() -> None:
        for n in range(total):
            kernel.io.log.post(Channel.SHELL, [identity, b"%d" % n, bytes(1_000_000)])
            kernel.publish()

    thread = threading.Thread(target=write)
    thread.start()
    found = [int(one.recv_multipart()[0]) for _ in range(total)]
    thread.join()
    one.close(linger=0)

    assert found == [*range(total)]


def test_flood_of_subscriptions(caplog: pytest.LogCaptureFixture) -> None:
    """A peer that subscribes to too much is cut off; others go on, few lines are logged."""
    kernel = Kernel()
    kernel.io.start()
    peer = Peer(kernel.connection)
    peer.welcome()
    flood = peer.context.socket(zmq.XSUB)
    flood.setsockopt(zmq.SNDHWM, 0)
    flood.connect(kernel.connection.address(Channel.IOPUB))
    for n in range(5_000):
        flood.send(b"\x01%0200d" % n)
    while "cut a connection off" not in caplog.text:
        kernel.synchronise()
    kernel.io.log.post(Channel.IOPUB, [b"status", b"-", b"alive"])
    while peer.iopub.recv_multipart()[-1] != b"alive":
        continue

    assert kernel.io._connections._total() <= 512 * 1024
    kernel.io.stop()
    peer.context.destroy(linger=0)


@pytest.mark.parametrize("channel", [Channel.SHELL, Channel.CONTROL, Channel.STDIN])
def test_messages_of_the_kernel_that_come_back_are_dropped(
    kernel: Kernel, peer: Peer, channel: Channel
) -> None:
    """A listener on IOPub has the kernel's signature of a message, and cannot use it."""
    with peer.connect(zmq.DEALER, channel) as socket:
        socket.send_multipart(kernel.session.pack(CommMsg(comm_id="c", data={})))
        socket.send_multipart(peer.session.pack(KernelInfoRequest()))

        assert kernel.inbox.get().header.msg_type == "kernel_info_request"
