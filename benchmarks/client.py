"""A client that costs as little as Python allows: raw sockets and prepared frames.

The subscriber has no high-water mark, so output waits in ZeroMQ's own thread until it is read and
is never dropped on this side. What is lost, the kernel lost.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import zmq

from benchmarks.process import Connection
from benchmarks.wire import Request, Writer, answers, is_idle, is_marked, read

Frames = list[bytes]

RECONNECT_MS: Final = 1
"""A kernel that starts is found within this time of binding."""
DEFAULT_LIMIT_S: Final = 10.0
SLICE_MS: Final = 200
"""How often a wait looks whether the kernel still runs."""
QUIET_S: Final = 1.5
"""After a reply, silence of this length on IOPub means that the idle status was lost."""
NUDGE_S: Final = 0.05
NUDGE_MS: Final = 5


class NoAnswerError(Exception):
    """The kernel did not send, in time, what was waited for."""


class WrongAnswerError(Exception):
    """The kernel sent something else than it should have."""


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """One request and all that came for it. Times are of `time.perf_counter`, in seconds."""

    request: Request
    sent_at: float
    reply: Frames
    published: list[Frames]
    """What came on IOPub, from any request, up to the idle status of this one."""
    ended_at: float
    """When both the reply and the idle status, or else the last message, were here."""
    is_complete: bool
    """Whether the idle status came."""

    @property
    def seconds(self) -> float:
        """The time from sending to the end."""
        return self.ended_at - self.sent_at


class Client:
    """The sockets of one frontend."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        connection: Connection,
        is_alive: Callable[[], bool],
    ) -> None:
        """Connect to *connection*; the kernel need not run yet.

        Args:
            context: Makes the sockets.
            connection: Where the kernel is, or will be.
            is_alive: Asked when nothing comes; there is no point in waiting for a dead kernel.
        """
        self.key = connection.key
        self.writer = Writer(key=self.key, session=uuid.uuid4().hex)
        self.shell = _connect(context, zmq.DEALER, connection.address("shell"))
        self.control = _connect(context, zmq.DEALER, connection.address("control"))
        self.iopub = subscribe(context, connection)
        self.limit_s = DEFAULT_LIMIT_S
        """No single wait takes longer than this."""
        self._is_alive = is_alive
        self._end = 0.0

    def close(self) -> None:
        """Close the sockets; what is not sent is lost."""
        for socket in (self.shell, self.control, self.iopub):
            socket.close(0)

    def reply(self, request: Request, *, control: bool = False) -> Frames:
        """Wait for the reply to *request*; other messages on the way are dropped."""
        socket = self.control if control else self.shell
        self._begin()
        while True:
            frames = self._next(socket, f"reply to {request.msg_type}")
            if answers(frames, request.msg_id):
                return frames

    def published(self, request: Request, msg_type: str) -> Frames:
        """Wait for the IOPub message *msg_type* of *request*.

        Raises:
            NoAnswerError: It did not come in time.
            WrongAnswerError: The idle status came first.
        """
        mark, msg_id, what = f'"{msg_type}"'.encode(), request.msg_id, f"{msg_type} on IOPub"
        self._begin()
        while True:
            frames = self._next(self.iopub, what)
            if is_marked(frames, mark) and answers(frames, msg_id):
                return frames
            if is_idle(frames, msg_id):
                raise WrongAnswerError(f"{request.msg_type} published no {msg_type}")

    def comm_message(self, request: Request) -> Frames:
        """Wait for the next comm message, whatever its parent: one kernel sets another's.

        Raises:
            NoAnswerError: It did not come in time.
            WrongAnswerError: The idle status of *request* came first.
        """
        self._begin()
        while True:
            frames = self._next(self.iopub, "comm_msg on IOPub")
            if is_marked(frames, b'"comm_msg"'):
                return frames
            if is_idle(frames, request.msg_id):
                raise WrongAnswerError("idle, and the comm message did not come back")

    def idle(self, request: Request) -> None:
        """Wait for the idle status of *request*; other messages on the way are dropped."""
        self._begin()
        while not is_idle(self._next(self.iopub, f"idle of {request.msg_type}"), request.msg_id):
            pass

    def ask(self, request: Request) -> Conversation:
        """Send *request* on shell and wait for the reply and the idle status."""
        published, shell, iopub, what = [], self.shell, self.iopub, request.msg_type
        frames, msg_id, following = request.frames, request.msg_id, self._next
        self._begin()
        sent_at = time.perf_counter()
        shell.send_multipart(frames)
        reply = following(shell, f"reply to {what}")
        message = following(iopub, f"status of {what}")
        while not is_idle(message, msg_id):
            published.append(message)
            message = following(iopub, f"idle of {what}")
        ended_at = time.perf_counter()
        if not answers(reply, msg_id):
            raise WrongAnswerError(f"{request.msg_type}: the reply is to another request")
        return Conversation(
            request=request,
            sent_at=sent_at,
            reply=reply,
            published=published,
            ended_at=ended_at,
            is_complete=True,
        )

    def pour(self, request: Request) -> Conversation:
        """Send *request* and read much output; a lost idle status does not lose the rest."""
        published, reply, msg_id = [], Frames(), request.msg_id
        self._begin()
        sent_at = last_at = time.perf_counter()
        self.shell.send_multipart(request.frames)
        is_complete = False
        while not is_complete:
            try:
                message = self.iopub.recv_multipart()
            except zmq.Again:
                reply = reply or self._reply_now(msg_id)
                if reply and time.perf_counter() > last_at + QUIET_S:
                    break
                self._give_up(f"idle of {request.msg_type}")
                continue
            last_at = time.perf_counter()
            published.append(message)
            is_complete = is_idle(message, msg_id)
        if not reply:
            reply = self.reply(request)
            last_at = time.perf_counter()
        return Conversation(
            request=request,
            sent_at=sent_at,
            reply=reply,
            published=published,
            ended_at=last_at,
            is_complete=is_complete,
        )

    def settle(self) -> None:
        """Ask for kernel_info until idle statuses come back: IOPub is connected and empty."""
        end, ours = time.monotonic() + self.limit_s, self.writer.session.encode()
        while True:
            request = self.writer.request("kernel_info_request")
            self.shell.send_multipart(request.frames)
            self.reply(request)
            if wait_idle(self.iopub, ours, NUDGE_S):
                break
            if time.monotonic() > end:
                raise NoAnswerError(f"no status on IOPub in {self.limit_s:g} s")
        last = self.writer.request("kernel_info_request")
        self.shell.send_multipart(last.frames)
        self.reply(last)
        self.idle(last)
        self.drain()

    def nudge(self) -> None:
        """Ask for kernel_info until anything comes on IOPub: from then on nothing is missed."""
        end = time.monotonic() + self.limit_s
        while not self.iopub.poll(NUDGE_MS):
            if time.monotonic() > end:
                raise NoAnswerError("nothing came on IOPub")
            request = self.writer.request("kernel_info_request")
            self.shell.send_multipart(request.frames)
            self.reply(request)

    def drain(self) -> None:
        """Drop what has come and was not waited for."""
        for socket in (self.shell, self.control, self.iopub):
            while socket.poll(0):
                socket.recv_multipart()

    def receive(self, socket: zmq.Socket[bytes], count: int) -> list[Frames]:
        """Return the next *count* messages of *socket*."""
        self._begin()
        return [self._next(socket, f"{count} replies") for _ in range(count)]

    def _begin(self) -> None:
        self._end = time.monotonic() + self.limit_s

    def _next(self, socket: zmq.Socket[bytes], what: str) -> Frames:
        """Return the next message of *socket*; *what* is waited for."""
        while True:
            try:
                return socket.recv_multipart()
            except zmq.Again:
                self._give_up(what)

    def _give_up(self, what: str) -> None:
        """Raise if there is no point in waiting for *what* any longer."""
        if not self._is_alive():
            raise NoAnswerError(f"no {what}; the process is gone")
        if time.monotonic() > self._end:
            raise NoAnswerError(f"no {what} within {self.limit_s:g} s")

    def _reply_now(self, msg_id: bytes) -> Frames:
        while self.shell.poll(0):
            frames = self.shell.recv_multipart()
            if answers(frames, msg_id):
                return frames
        return []


def subscribe(
    context: zmq.Context[zmq.Socket[bytes]], connection: Connection, *, hwm: int = 0
) -> zmq.Socket[bytes]:
    """Return a subscriber to everything; *hwm* messages wait on this side, 0 for any number."""
    socket = _connect(context, zmq.SUB, connection.address("iopub"), hwm=hwm)
    socket.subscribe(b"")
    return socket


def dealer(context: zmq.Context[zmq.Socket[bytes]], connection: Connection) -> zmq.Socket[bytes]:
    """Return one more shell socket, for one more client."""
    return _connect(context, zmq.DEALER, connection.address("shell"))


def wait_idle(socket: zmq.Socket[bytes], msg_id: bytes, limit_s: float) -> bool:
    """Read *socket* until the idle status of a request; return whether it came in time.

    Args:
        socket: A subscriber.
        msg_id: The id of the request, or the session for any request of that client.
        limit_s: How long to wait for it.
    """
    end = time.monotonic() + limit_s
    while (left := end - time.monotonic()) > 0:
        if socket.poll(round(left * 1000)) and is_idle(socket.recv_multipart(), msg_id):
            return True
    return False


def stream_text(messages: Sequence[Frames], request: Request) -> tuple[str, int]:
    """Return the stdout text of *request* among *messages*, and how many carried it."""
    parts: list[str] = []
    for frames in messages:
        if b'"text"' in frames[-1] and answers(frames, request.msg_id):
            content = read(frames).content
            if content.get("name") == "stdout":
                parts.append(str(content["text"]))
    return "".join(parts), len(parts)


def _connect(
    context: zmq.Context[zmq.Socket[bytes]], kind: int, address: str, *, hwm: int = 0
) -> zmq.Socket[bytes]:
    socket = context.socket(kind)
    socket.linger = 0
    socket.reconnect_ivl = RECONNECT_MS
    socket.sndhwm = socket.rcvhwm = hwm
    socket.rcvtimeo = SLICE_MS
    socket.connect(address)
    return socket
