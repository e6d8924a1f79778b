"""Peers without the key cannot make ZeroMQ keep much, and peers with it may send what they like."""

from __future__ import annotations

import os
import select
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path
from threading import Event, Thread

import pytest

from assay import _platform
from assay.protocol import Channel, ConnectionFile, KernelInfoRequest
from assay.transport import Heartbeat, RegistrationService, get_logger, register
from assay.transport import _io_thread as io_module
from assay.transport import _strangers as strangers_module
from assay.transport._connections import Connections, cut, inode_of
from assay.transport._strangers import Strangers
from tests.limits import HANG_LIMIT_S
from tests.transport.test_io_thread import Kernel, session
from tests.transport.test_registration import Process
from tests.transport.test_reset_connections import joined

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or _platform.IS_PORTABLE,
    reason="only Linux counts what comes by a connection",
)

MAX_BYTES = 2_000_000
PIECE = b"x" * 100_000
MOST_BYTES = 500 * MAX_BYTES
POLL_MS = 100
UNREAD_BYTES = 40_000_000
"""More than the system keeps of a connection in both directions together."""
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
LONG, MORE = 2, 1
POLLRDHUP = 0x2000
"""Of `select`, which has it on Linux alone."""


def ready(kind: bytes) -> bytes:
    """Return the command with which a socket of *kind* ends the handshake."""
    properties = ((b"Socket-Type", kind), (b"Identity", b""))
    body = b"\x05READY" + b"".join(
        bytes([len(name)]) + name + struct.pack(">I", len(value)) + value
        for name, value in properties
    )
    return bytes([4, len(body)]) + body


def frame(data: bytes, *, more: bool) -> bytes:
    """Return a frame as it stands on the wire."""
    flags = MORE if more else 0
    if len(data) < 256:
        return bytes([flags, len(data)]) + data
    return bytes([flags | LONG]) + struct.pack(">Q", len(data)) + data


class Stranger:
    """A peer that speaks ZeroMQ's own protocol, so that it may begin a message and not end it."""

    def __init__(self, kernel: Served, channel: Channel, made: socket.socket | None = None) -> None:
        self.socket = kernel.peers.enter_context(made or socket.socket())
        self.socket.settimeout(HANG_LIMIT_S)
        self.socket.connect(("127.0.0.1", kernel.connection.port(channel)))
        kind = b"SUB" if channel is Channel.IOPUB else b"DEALER"
        self.socket.sendall(GREETING + ready(kind))
        self.receive(len(GREETING))
        length = self.receive(2)[1]
        self.receive(length)
        kernel.pass_twice()
        self.has_cut = kernel.has_cut

    def receive(self, size: int) -> bytes:
        """Return the next *size* bytes."""
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            assert piece
            data += piece
        return data

    def send(self, *frames: bytes, ends: bool = True) -> None:
        """Send these frames; more of them follow, unless the message ends."""
        last = len(frames) - 1
        data = [frame(one, more=not ends or i < last) for i, one in enumerate(frames)]
        self.socket.sendall(b"".join(data))

    def is_cut_off(self, piece: bytes, *, ends: bool = False) -> bool:
        """Send much more than is allowed, without reading, until the connection ends.

        No fixed amount that comes at once: ZeroMQ may have read all of it before the thread that
        counts has run, and then there is nothing to report until something more comes.
        """
        one = frame(piece, more=not ends)
        data = memoryview(one * (10 * MAX_BYTES // len(one)))
        left, budget = data, MOST_BYTES
        ended = POLLRDHUP | select.POLLHUP | select.POLLERR
        poll = select.poll()
        self.socket.setblocking(False)
        poll.register(self.socket, ended | select.POLLOUT)
        # Behind echoes that were not taken the end of the connection does not arrive here.
        while budget > 0 and not self.has_cut.is_set():
            for _, event in poll.poll(POLL_MS):
                if event & ended:
                    return True
                with suppress(ConnectionError):
                    count = self.socket.send(left)
                    left, budget = left[count:] or data, budget - count
        return self.has_cut.wait(HANG_LIMIT_S)


class Served(Kernel):
    """A kernel's sockets with a heartbeat, and strangers that are followed."""

    def __init__(self) -> None:
        super().__init__()
        self.peers = ExitStack()
        self.has_cut = Event()
        self.heartbeat = Heartbeat(self.connection)
        self.connection = self.heartbeat.connection
        self.heartbeat.start()
        self.io.start()

    def follow(self) -> None:
        """Follow strangers from now on."""
        self.io.log.call(
            partial(self.io.admit_clients, self.heartbeat.monitor, self.connection),
        )
        self.synchronise()

    def pass_twice(self) -> None:
        """Wait until whatever has come by now was looked at."""
        self.synchronise()
        self.synchronise()

    def close(self) -> None:
        """End the peers and both threads."""
        self.peers.close()
        self.io.stop()
        self.heartbeat.close()


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A kernel for which few bytes are many."""
    monkeypatch.setattr(strangers_module, "MAX_BYTES", MAX_BYTES)
    # What is dropped here counts among no other test's lines of the log.
    monkeypatch.setattr(io_module, "logger", get_logger("assay.transport"))
    served = Served()

    def cut_and_say(descriptor: int) -> None:
        cut(descriptor)
        served.has_cut.set()

    monkeypatch.setattr(strangers_module, "cut", cut_and_say)
    yield served
    served.close()


def request() -> list[bytes]:
    """Return the frames of a request that has the key's signature."""
    return [bytes(one) for one in session("client").pack(KernelInfoRequest())]


CHANNELS = [Channel.SHELL, Channel.CONTROL, Channel.STDIN, Channel.IOPUB, Channel.HB]


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("is_early", [False, True], ids=["late", "early"])
def test_message_without_an_end_is_cut(kernel: Served, channel: Channel, is_early: bool) -> None:
    """A connection that sends frame after frame is ended, whenever it was made; others go on."""
    if not is_early:
        kernel.follow()
    stranger = Stranger(kernel, channel)
    client = Stranger(kernel, Channel.SHELL)
    if is_early:
        kernel.follow()

    piece = PIECE if channel is not Channel.IOPUB else b"x" * 4_000
    assert stranger.is_cut_off(piece)
    client.send(*request())
    assert kernel.inbox.get().header.msg_type == "kernel_info_request"


def test_client_may_send_much(kernel: Served) -> None:
    """Behind its first trusted message nothing counts: what has no signature is dropped alone."""
    kernel.follow()
    client = Stranger(kernel, Channel.SHELL)
    client.send(*request())
    kernel.inbox.get()

    for _ in range(3 * MAX_BYTES // len(PIECE)):
        client.send(PIECE)
    client.send(*request())

    assert kernel.inbox.get().header.msg_type == "kernel_info_request"


def test_clients_that_take_the_place_of_others_may_send_much(
    kernel: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that has the descriptor of an ended one is trusted with its first message, if
    none of the ended one waits."""
    descriptors: list[int] = []
    trust = Strangers.trust

    def trust_and_note(strangers: Strangers, channel: Channel, descriptor: int) -> None:
        descriptors.append(descriptor)
        trust(strangers, channel, descriptor)

    monkeypatch.setattr(Strangers, "trust", trust_and_note)
    kernel.follow()
    following = socket.socket()
    for _ in range(3):
        client = Stranger(kernel, Channel.SHELL, following)
        client.send(*request())
        kernel.inbox.get()
        for _ in range(3 * MAX_BYTES // len(PIECE)):
            client.send(PIECE)
        client.send(*request())

        assert kernel.inbox.get().header.msg_type == "kernel_info_request"
        # Made before the end, and the old one is kept: so the next has its descriptor.
        following = kernel.peers.enter_context(socket.socket())
        inode = inode_of(descriptors[-1])
        client.socket.shutdown(socket.SHUT_WR)
        while inode_of(descriptors[-1]) == inode:
            kernel.synchronise()

    assert len(set(descriptors)) == 1


def test_strangers_count_together(kernel: Served) -> None:
    """Of many that send, the one that has sent most is cut."""
    kernel.follow()
    few, many = Stranger(kernel, Channel.STDIN), Stranger(kernel, Channel.CONTROL)
    few.send(PIECE, ends=False)

    assert many.is_cut_off(PIECE)
    few.send(*request())  # what came before it stands where identities do
    assert kernel.inbox.get().header.msg_type == "kernel_info_request"


def test_growth_counts_while_strangers_send(
    kernel: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames of no byte are few bytes and much memory: the connection is ended before it has sent
    what is allowed, if the process becomes larger meanwhile, and a client goes on."""
    monkeypatch.setattr(strangers_module, "MAX_BYTES", sys.maxsize)
    monkeypatch.setattr(strangers_module, "FREE_BYTES", MAX_BYTES)
    monkeypatch.setattr(strangers_module, "MAX_GROWTH_BYTES", MAX_BYTES)
    kernel.follow()
    client, stranger = Stranger(kernel, Channel.SHELL), Stranger(kernel, Channel.CONTROL)

    assert stranger.is_cut_off(b"")
    client.send(*request())
    assert kernel.inbox.get().header.msg_type == "kernel_info_request"


def test_subscriber_that_sends_much_is_cut(kernel: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that sends messages which are no subscriptions is ended long before others would be."""
    monkeypatch.setattr(strangers_module, "MAX_BYTES", sys.maxsize)
    kernel.follow()
    subscriber = Stranger(kernel, Channel.IOPUB)

    assert subscriber.is_cut_off(b"x", ends=True)


def test_launcher_is_kept_from_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a launcher waits for its kernel's registration, a message that does not end is cut."""
    monkeypatch.setattr(strangers_module, "MAX_BYTES", len(PIECE))
    monkeypatch.setattr(strangers_module, "FREE_BYTES", len(PIECE))
    wanted = ConnectionFile(key="a key")
    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        service = stack.enter_context(closing(RegistrationService(wanted, tmp_path)))
        child = stack.enter_context(closing(Process()))
        waits = pool.submit(service.wait_for, child, HANG_LIMIT_S)
        stranger = joined(stack, service.file.registration_port, Channel.SHELL)
        with suppress(ConnectionError):
            for _ in range(20):
                stranger.sendall(frame(PIECE, more=True))
        poll = select.poll()
        poll.register(stranger, POLLRDHUP)
        is_cut_off = bool(poll.poll(HANG_LIMIT_S * 1_000))
        bound = wanted.with_ports(dict(zip(Channel, range(1, 6), strict=True)))
        pool.submit(register, service.file, bound, HANG_LIMIT_S).result(HANG_LIMIT_S)
        found = waits.result(HANG_LIMIT_S)

    assert is_cut_off
    assert found == bound


def test_echoes_that_are_taken_do_not_count(kernel: Served) -> None:
    """A client may send heartbeats for ever, as long as it takes the answers."""
    kernel.follow()
    client = Stranger(kernel, Channel.HB)
    size = len(frame(PIECE, more=False))

    for _ in range(3 * MAX_BYTES // len(PIECE)):
        client.send(PIECE)
        assert client.receive(size).endswith(PIECE)


def test_echoes_that_are_not_taken_do_not_delay_the_end(kernel: Served) -> None:
    """The heartbeat ends beside a peer that stays, and takes no echo."""
    stranger = Stranger(kernel, Channel.HB)
    stranger.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, len(PIECE))
    for _ in range(UNREAD_BYTES // len(PIECE)):
        stranger.send(PIECE)

    end = Thread(target=kernel.heartbeat.close, daemon=True)
    end.start()
    end.join(HANG_LIMIT_S)

    assert not end.is_alive()


def test_subscription_of_a_connection_that_has_ended() -> None:
    """ZeroMQ names no descriptor for it: there is nothing to look at, and nothing to end."""
    connections = Connections()

    assert connections.subscribed(-1, b"topic")
    assert not connections.progressed()
    assert connections.progress(-1) is None


class Idle:
    """A reactor and what says that something has come: nothing does."""

    def watch(self, source: int, ready: Callable[[], None]) -> None:
        """Call nothing."""

    def call_later(self, delay_s: float, function: Callable[[], None]) -> None:
        """Call nothing."""

    def fileno(self) -> int:
        """Return no descriptor."""
        return -1

    def arm(self, descriptor: int, /) -> None:
        """Report nothing."""

    def disarm(self, descriptor: int, /) -> None:
        """Report nothing."""

    def arrived(self) -> list[int]:
        """Return nothing."""
        return []

    def close(self) -> None:
        """Hold nothing."""


class Turns(Idle):
    """A reactor whose turns the test begins, and what the connections of the test have reported."""

    def __init__(self) -> None:
        self.reported: list[int] = []
        self.armed: set[int] = set()
        self._due: list[Callable[[], None]] = []

    def call_later(self, _: float, function: Callable[[], None]) -> None:
        """Call *function* with the next turn."""
        if function not in self._due:
            self._due.append(function)

    def arm(self, descriptor: int, /) -> None:
        """Note it."""
        self.armed.add(descriptor)

    def arrived(self) -> list[int]:
        """Return what has been reported."""
        found, self.reported = self.reported, []
        return found

    def turn(self) -> bool:
        """Call what is due; return whether something was."""
        due, self._due = self._due, []
        for function in due:
            function()
        return bool(due)


class Memory:
    """What the process has of memory."""

    def __init__(self) -> None:
        self.size = 1

    def bytes(self) -> int:
        """Return it."""
        return self.size

    def close(self) -> None:
        """Hold nothing."""


class Door:
    """Sockets that listen at an address of this machine, by channel, and who follows strangers."""

    def __init__(self, stack: ExitStack, address: str, bound: str) -> None:
        self._stack = stack
        self._listening = {
            channel: stack.enter_context(socket.create_server((address, 0)))
            for channel in (Channel.SHELL, Channel.CONTROL, Channel.IOPUB, Channel.HB)
        }
        ports = {one.getsockname()[1]: channel for channel, one in self._listening.items()}
        self.turns = Turns()
        self.asked: list[Channel] = []
        self.strangers = Strangers(self.turns, self.turns, ports, bound, self.asked.append)

    def connect(self, channel: Channel, size: int = 0) -> int:
        """Return the descriptor of a connection that was accepted, by which *size* bytes came."""
        accepted, _ = self.pair(channel, size)
        return accepted.fileno()

    def come_and_leave(self, channel: Channel, size: int) -> None:
        """Let a connection be followed that sends *size* bytes, and then ends."""
        accepted, peer = self.pair(channel, size)
        descriptor = accepted.fileno()
        self.strangers.accept(descriptor)
        self.report(descriptor)
        accepted.close()
        peer.close()
        self.report(descriptor)

    def report(self, *descriptors: int) -> None:
        """Let something have come by these, and be looked at."""
        self.turns.reported.extend(descriptors)
        self.strangers._look()

    def pair(self, channel: Channel, size: int) -> tuple[socket.socket, socket.socket]:
        """Return a connection that was accepted, by which *size* bytes came, and its peer."""
        address = self._listening[channel].getsockname()
        made = socket.create_connection(address, timeout=HANG_LIMIT_S)
        peer = self._stack.enter_context(made)
        accepted = self._stack.enter_context(self._listening[channel].accept()[0])
        peer.sendall(bytes(size))
        if size:
            accepted.recv(size, socket.MSG_PEEK | socket.MSG_WAITALL)
        return accepted, peer


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What closes the sockets of a test."""
    with ExitStack() as stack:
        yield stack


def test_connections_are_found_without_proc(
    stack: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that there are when strangers are followed first are followed in a bare root too."""
    monkeypatch.setattr(strangers_module, "DESCRIPTORS", str(tmp_path / "proc"))
    door = Door(stack, "127.0.0.1", "127.0.0.1")
    door.connect(Channel.SHELL)

    door.strangers.accept_all()

    assert door.strangers.keyed == {Channel.SHELL}


@pytest.mark.parametrize(
    ("bound", "is_followed"), [("127.0.0.2", True), ("0.0.0.0", True), ("127.0.0.1", False)]
)
def test_connection_to_a_port_of_another_address(
    stack: ExitStack, bound: str, is_followed: bool
) -> None:
    """A connection of the user's program that has a channel's port, but not its address, is not
    followed."""
    door = Door(stack, "127.0.0.2", bound)
    door.connect(Channel.SHELL)

    door.strangers.accept_all()

    assert bool(door.strangers.keyed) is is_followed


def test_message_of_an_earlier_connection_is_no_reason_to_trust(stack: ExitStack) -> None:
    """A message that waited while its connection ended does not speak for the next one that has
    its descriptor; one that comes when all was read does."""
    door = Door(stack, "127.0.0.1", "127.0.0.1")
    descriptor = door.connect(Channel.SHELL)
    door.strangers.accept(descriptor)
    os.dup2(door.connect(Channel.SHELL), descriptor)
    door.strangers.accept(descriptor)

    door.strangers.trust(Channel.SHELL, descriptor)
    at_first = set(door.strangers.keyed)
    door.strangers.have_read_all(Channel.SHELL, door.strangers.changes)
    door.strangers.trust(Channel.SHELL, descriptor)

    assert at_first == {Channel.SHELL}
    assert door.strangers.keyed == set()


@pytest.mark.parametrize("channel", [Channel.SHELL, Channel.HB])
def test_time_that_a_program_sets_is_nothing_that_was_sent(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch, channel: Channel
) -> None:
    """A connection that was made while a cell had frozen the time is not cut when it thaws."""
    door = Door(stack, "127.0.0.1", "127.0.0.1")
    with monkeypatch.context() as frozen:
        frozen.setattr(time, "monotonic", lambda: 1e9)
        descriptor = door.connect(channel)
        door.strangers.accept(descriptor)
    cut_off: list[int] = []
    monkeypatch.setattr(strangers_module, "cut", cut_off.append)

    door.report(descriptor)

    assert cut_off == []


def test_message_of_another_channel_is_no_reason_to_trust(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose descriptor has gone to a connection of the heartbeat does not speak for that."""
    disarmed: list[int] = []
    monkeypatch.setattr(Turns, "disarm", lambda _, descriptor: disarmed.append(descriptor))
    door = Door(stack, "127.0.0.1", "127.0.0.1")
    descriptor = door.connect(Channel.HB)
    door.strangers.accept(descriptor)

    door.strangers.trust(Channel.SHELL, descriptor)

    assert disarmed == []


FREE, MANY = 10_000, 30_000
"""Bytes that strangers may send whatever becomes of the memory, and what they may send at all."""


class Guarded(Door):
    """A door for which few bytes are many, in a process whose memory the test sets."""

    def __init__(self, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
        self.memory = Memory()
        self.cut_off: list[int] = []
        self.given_back = 0
        self.now = 1_000.0
        for name, value in {
            "FREE_BYTES": FREE,
            "MAX_BYTES": MANY,
            "MAX_GROWTH_BYTES": FREE,
            "MAX_IOPUB_BYTES": FREE,
            "Residence": lambda: self.memory,
            "cut": self.cut_off.append,
            "give_back_memory": self._give_back,
            "monotonic": lambda: self.now,
        }.items():
            monkeypatch.setattr(strangers_module, name, value)
        super().__init__(stack, "127.0.0.1", "127.0.0.1")

    def fill(self) -> None:
        """Let the process become larger than strangers may make it."""
        self.memory.size += 10 * MANY

    def _give_back(self) -> None:
        self.given_back += 1


@pytest.fixture
def door(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> Guarded:
    """A door for which few bytes are many."""
    return Guarded(stack, monkeypatch)


def test_what_came_before_a_connection_was_followed_counts(door: Guarded) -> None:
    """A peer that has sent too much while the I/O thread was kept is cut when it is followed."""
    descriptor = door.connect(Channel.SHELL, MANY + 1)

    door.strangers.accept(descriptor)
    door.report(descriptor)

    assert door.cut_off == [descriptor]


def test_the_one_that_sent_most_is_cut(door: Guarded) -> None:
    """Others stay, if they have not sent too much without it."""
    few, most, some = (door.connect(Channel.SHELL, size) for size in (1_000, MANY, 2_000))
    for one in (few, most, some):
        door.strangers.accept(one)

    door.report(few, most, some)

    assert door.cut_off == [most]


def test_newcomers_are_cut_until_what_is_left_is_read(door: Guarded) -> None:
    """What connections have sent that have ended counts until it is read, which is asked for once;
    while the process is too large, no more are let in."""
    door.come_and_leave(Channel.SHELL, FREE + 1)
    door.fill()
    door.turns.turn()
    refused = door.connect(Channel.CONTROL)
    door.strangers.accept(refused)
    while_full = [*door.cut_off]
    for _ in range(3):
        door.turns.turn()
    asked = [*door.asked]
    door.strangers.have_read_all(Channel.SHELL, door.strangers.changes)
    door.turns.turn()
    let_in = door.connect(Channel.CONTROL)
    door.strangers.accept(let_in)

    assert (while_full, asked) == ([refused], [Channel.SHELL])
    assert door.cut_off == [refused]
    assert let_in in door.turns.armed


def test_those_of_another_channel_are_no_reason_to_let_in(door: Guarded) -> None:
    """What is left of one channel counts though all of another one was read."""
    door.come_and_leave(Channel.SHELL, FREE + 1)
    door.fill()
    door.turns.turn()
    door.strangers.have_read_all(Channel.CONTROL, door.strangers.changes)
    door.turns.turn()
    refused = door.connect(Channel.CONTROL)

    door.strangers.accept(refused)

    assert door.cut_off == [refused]


def test_echoes_of_a_connection_that_has_ended_are_gone(door: Guarded) -> None:
    """Of the heartbeat nothing is left to be read."""
    door.come_and_leave(Channel.HB, FREE + 1)
    door.fill()
    door.turns.turn()
    let_in = door.connect(Channel.CONTROL)

    door.strangers.accept(let_in)

    assert (door.cut_off, door.asked) == ([], [])


def test_growth_before_strangers_send_is_not_theirs(door: Guarded) -> None:
    """Where they had sent little until then, it does not matter what the user's program took."""
    door.fill()
    descriptor = door.connect(Channel.SHELL, FREE + 1)
    door.strangers.accept(descriptor)

    door.report(descriptor)

    assert door.cut_off == []


def test_few_bytes_are_too_many_while_the_process_grows(door: Guarded) -> None:
    """Behind `FREE_BYTES`, what strangers send is cut down to that if the process grows."""
    descriptor = door.connect(Channel.SHELL, FREE + 1)
    door.strangers.accept(descriptor)
    door.report(descriptor)
    before = [*door.cut_off]
    door.fill()

    door.report(descriptor)

    assert (before, door.cut_off) == ([], [descriptor])


def test_subscribers_are_bounded_one_by_one(door: Guarded) -> None:
    """A subscriber that has sent more than one may is cut; others may send as much together."""
    two = [door.connect(Channel.IOPUB, FREE - 1) for _ in range(2)]
    loud = door.connect(Channel.IOPUB, FREE + 1)
    for one in (*two, loud):
        door.strangers.accept(one)

    door.report(*two, loud)

    assert door.cut_off == [loud]


def test_more_are_searched_for_once_one_is_cut(door: Guarded) -> None:
    """The I/O thread may be kept from saying what was accepted: for a while it is looked for."""
    descriptor = door.connect(Channel.SHELL, MANY + 1)
    door.strangers.accept(descriptor)
    unsaid = door.connect(Channel.IOPUB)
    door.report(descriptor)
    before = {*door.turns.armed}
    door.turns.turn()
    searched = {*door.turns.armed}
    door.now += strangers_module.SEARCH_S
    later = door.connect(Channel.IOPUB)

    door.turns.turn()

    assert before == {descriptor}
    assert searched == {descriptor, unsaid}
    assert later not in door.turns.armed


def test_memory_of_what_was_left_is_given_back(door: Guarded) -> None:
    """Also where no connection was cut: much was sent by those that have ended."""
    door.come_and_leave(Channel.SHELL, FREE - 1)
    door.strangers.have_read_all(Channel.SHELL, door.strangers.changes)
    door.turns.turn()
    of_little = door.given_back
    door.come_and_leave(Channel.SHELL, FREE + 1)
    door.turns.turn()
    unread = door.given_back
    door.strangers.have_read_all(Channel.SHELL, door.strangers.changes)

    door.turns.turn()

    assert (of_little, unread, door.given_back) == (0, 0, 1)


def test_what_comes_while_a_channel_is_found_empty_is_no_reason(door: Guarded) -> None:
    """A connection may end between the look that finds nothing to read and the word that all was
    read: what it has sent counts, and is asked for again."""
    before = door.strangers.changes
    door.come_and_leave(Channel.SHELL, FREE + 1)
    door.turns.turn()
    door.strangers.have_read_all(Channel.SHELL, before)
    door.turns.turn()
    unread = door.given_back
    door.strangers.have_read_all(Channel.SHELL, door.strangers.changes)

    door.turns.turn()

    assert door.asked == [Channel.SHELL, Channel.SHELL]
    assert (unread, door.given_back) == (0, 1)


def test_end_without_a_report_is_found(door: Guarded) -> None:
    """ZeroMQ may close a connection before it is looked at: one that has sent much is looked at
    again, for as long as it is there."""
    accepted, _ = door.pair(Channel.SHELL, FREE + 1)
    door.strangers.accept(accepted.fileno())
    door.report(accepted.fileno())
    door.turns.turn()
    stays = door.turns.turn()
    accepted.close()
    door.turns.turn()
    door.strangers.have_read_all(Channel.SHELL, door.strangers.changes)
    door.turns.turn()

    assert stays
    assert (door.asked, door.given_back) == ([Channel.SHELL], 1)
    assert not door.turns.turn()


def test_memory_is_given_back_once_all_was_read(door: Guarded) -> None:
    """Behind a cut, and not before the search is over and what was left has been read; then
    nothing is due any more."""
    descriptor = door.connect(Channel.SHELL, MANY + 1)
    door.strangers.accept(descriptor)
    door.report(descriptor)
    door.turns.turn()
    door.now += strangers_module.SEARCH_S
    door.turns.turn()
    unread = door.given_back
    door.strangers.have_read_all(Channel.SHELL, door.strangers.changes)

    door.turns.turn()
    given_back = door.given_back
    goes_on = door.turns.turn()

    assert (unread, given_back, goes_on) == (0, 1, False)
