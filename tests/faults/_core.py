"""The frame of the small kernel: sockets, the loop that owns them, signatures, busy and idle.

Each step is a method of its own, so that a fault can spoil one of them and nothing else.

| thread          | does                                                               |
|-----------------|--------------------------------------------------------------------|
| the loop        | owns the sockets, verifies and parses, queues requests in lanes    |
| a lane each     | control, shell and each subshell handle their requests             |
"""

from __future__ import annotations

import hmac
import os
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

import zmq

from tests.faults._lane import Lane
from tests.faults._language import LanguageError
from tests.faults._wire import (
    CONTROL,
    DELIMITER,
    IOPUB,
    SHELL,
    STDIN,
    Fields,
    Incoming,
    Outgoing,
    RejectedError,
    Signer,
    dumps,
    new_id,
    now,
    parse,
    split,
)

PORTS = ("shell_port", "iopub_port", "stdin_port", "hb_port", "control_port")

KINDS = {SHELL: zmq.ROUTER, CONTROL: zmq.ROUTER, STDIN: zmq.ROUTER, IOPUB: zmq.XPUB, "hb": zmq.REP}

LINGER_MS = 1_000

SHUTDOWN_WAIT_S = 1.0
"""For the cell that runs; clients wait longer before they kill."""

ONE_WAY = frozenset({"comm_open", "comm_msg", "comm_close"})

SERVED_ON_CONTROL = frozenset(
    {
        "kernel_info_request", "interrupt_request", "shutdown_request", "debug_request",
        "create_subshell_request", "delete_subshell_request", "list_subshell_request",
    }
)  # fmt: skip


class StartError(Exception):
    """The kernel cannot start; the process writes why and ends with 1."""


class Core:
    """Serve the five sockets of a connection file."""

    protocol_version = "5.5"

    def __init__(self, connection: Mapping[str, object]) -> None:
        self.connection = dict(connection)
        self.context = zmq.Context()
        self.sockets: dict[str, zmq.Socket[bytes]] = {}
        self.session = new_id()
        self.lanes: dict[str | None, Lane] = {None: Lane(SHELL, self)}
        self.control = Lane(CONTROL, self)
        self.stopped = False
        self.seen: set[bytes] = set()
        self._outbox: deque[tuple[str, Sequence[bytes]]] = deque()
        self._posted: deque[Callable[[], None]] = deque()
        self._wake_out, self._wake_in = socket.socketpair()
        for end in (self._wake_out, self._wake_in):
            end.setblocking(False)
        self.signer = self.make_signer()

    # Starting.

    def make_signer(self) -> Signer:
        """Return what signs and verifies."""
        try:
            return Signer(self.key(), self.scheme())
        except ValueError as error:
            raise StartError(str(error)) from error

    def key(self) -> bytes:
        """Return the key: the text of the file in UTF-8."""
        return str(self.connection.get("key") or "").encode("utf-8")

    def scheme(self) -> str:
        """Return the signature scheme of the file."""
        return str(self.connection.get("signature_scheme") or "hmac-sha256")

    def address(self, channel: str) -> str:
        """Return where a channel is bound."""
        ip = str(self.connection.get("ip", "127.0.0.1"))
        port = int(str(self.connection.get(f"{channel}_port", 0)))
        if self.connection.get("transport", "tcp") == "ipc":
            return f"ipc://{ip}-{port}"
        return f"tcp://{f'[{ip}]' if ':' in ip else ip}:{port or '*'}"

    def bind(self) -> None:
        """Bind the five sockets.

        Raises:
            StartError: one cannot be bound, or the keys of CURVE are not a pair.
        """
        for channel, kind in KINDS.items():
            made = self.sockets[channel] = self.context.socket(kind)
            self.prepare(channel, made)
            try:
                self.sockets[channel].bind(self.address(channel))
            except (zmq.ZMQError, ValueError) as error:
                raise StartError(f"{self.address(channel)}: {error}") from error
        self.bound()

    def bound(self) -> None:
        """Do what there is to do once all sockets are bound."""

    def prepare(self, channel: str, made: zmq.Socket[bytes]) -> None:
        """Set a socket's options."""
        made.linger = LINGER_MS
        made.setsockopt(zmq.SNDHWM, 0)
        made.setsockopt(zmq.RCVHWM, 0)
        if ":" in str(self.connection.get("ip")):
            made.setsockopt(zmq.IPV6, 1)
        if channel == IOPUB:
            made.setsockopt(zmq.XPUB_VERBOSE, 1)
        self.encrypt(made)

    def encrypt(self, made: zmq.Socket[bytes]) -> None:
        """Make a socket a CURVE server if the file says so."""
        keys = [self.connection.get(f"curve_{kind}key") for kind in ("public", "secret")]
        if not any(keys):
            return
        if not all(keys):
            raise StartError("one of the two CURVE keys is missing")
        made.curve_server = True
        made.curve_publickey, made.curve_secretkey = (str(key).encode("ascii") for key in keys)

    def ready(self) -> None:
        """Do what there is to do between binding and the first message."""

    def begin(self) -> None:
        """Publish `starting` and let the lanes work."""
        self.publish_starting()
        for lane in (*self.lanes.values(), self.control):
            lane.start()

    def publish_starting(self) -> None:
        """Publish the status that a process publishes once."""
        self.publish_status("starting", None)

    # The loop.

    def run(self) -> None:
        """Serve until a shutdown.

        Raises:
            StartError: the connection file cannot be served.
        """
        try:
            self.bind()
            self.ready()
            self.begin()
            poller = self._poller()
            while not self.stopped:
                self.turn(dict(poller.poll()))
        finally:
            self.close()

    def _poller(self) -> zmq.Poller:
        poller = zmq.Poller()
        for made in self.sockets.values():
            poller.register(made, zmq.POLLIN)
        poller.register(self._wake_out.fileno(), zmq.POLLIN)
        return poller

    def turn(self, ready: Mapping[object, int]) -> None:
        """Do all that there is to do."""
        if self._wake_out.fileno() in ready:
            self._wake_out.recv(1 << 16)
        while self._posted:
            self._posted.popleft()()
        if self.sockets["hb"] in ready:
            self.beat()
        if self.sockets[IOPUB] in ready:
            self.receive_subscriptions()
        for channel in (CONTROL, STDIN, SHELL):
            if self.sockets[channel] in ready:
                self.drain(channel)
        self.flush()

    def beat(self) -> None:
        """Echo one ping."""
        self.sockets["hb"].send_multipart(self.sockets["hb"].recv_multipart())

    def drain(self, channel: str) -> None:
        """Receive all that has arrived on a channel."""
        while True:
            try:
                frames = self.sockets[channel].recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self.receive(channel, frames)

    def receive_subscriptions(self) -> None:
        """Welcome each new subscription."""
        while True:
            try:
                frames = self.sockets[IOPUB].recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            if len(frames) == 1 and frames[0][:1] == b"\x01":
                self.welcome(frames[0][1:])

    def flush(self) -> None:
        """Send all that was queued."""
        while self._outbox:
            channel, frames = self._outbox.popleft()
            self.sockets[channel].send_multipart(frames)

    def post(self, work: Callable[[], None]) -> None:
        """Let the loop do *work*; from any thread, and from a signal handler."""
        self._posted.append(work)
        self.wake()

    def queue(self, channel: str, frames: Sequence[bytes]) -> None:
        """Let the loop send *frames*."""
        self._outbox.append((channel, frames))
        self.wake()

    def wake(self) -> None:
        """End the loop's wait."""
        try:
            self._wake_in.send(b"\0")
        except (BlockingIOError, OSError):
            return  # It is awake, or has ended.

    def stop(self) -> None:
        """End the loop when all that was queued has been sent."""
        self.stopped = True

    def die(self, code: int) -> None:
        """End the process at once."""
        os._exit(code)

    def close(self) -> None:
        """Send what is left and close everything."""
        for lane in (*self.lanes.values(), self.control):
            lane.close()
        if self.sockets.keys() == KINDS.keys():
            self.flush()
        self.context.destroy(linger=LINGER_MS)
        self._wake_in.close()
        self._wake_out.close()

    # Receiving.

    def receive(self, channel: str, frames: Sequence[bytes]) -> None:
        """Verify, parse and queue a message; drop what is none."""
        try:
            prefix, rest = self.split(frames)
            self.verify(channel, rest)
            request = parse(channel, prefix, rest)
        except RejectedError as error:
            self.rejected(channel, frames, error)
            return
        self.accept(request)

    def split(self, frames: Sequence[bytes]) -> tuple[list[bytes], list[bytes]]:
        """Return the routing prefix and what stands behind the delimiter."""
        return split(frames)

    def verify(self, channel: str, rest: Sequence[bytes]) -> None:
        """Refuse a wrong signature, and one that was seen before.

        Raises:
            RejectedError: it is refused.
        """
        if not self.signer.key:
            return
        if not self.is_signature(channel, rest[0], self.signer.sign(rest[1:5])):
            raise RejectedError("the signature is wrong")
        if self.is_replay(rest[0]):
            raise RejectedError("the signature was seen before")
        self.seen.add(rest[0])

    def is_signature(self, channel: str, found: bytes, wanted: bytes) -> bool:  # noqa: ARG002
        """Say whether a signature is the right one."""
        return hmac.compare_digest(found, wanted)

    def is_replay(self, signature: bytes) -> bool:
        """Say whether a message with this signature has been accepted."""
        return signature in self.seen

    def rejected(self, channel: str, frames: Sequence[bytes], error: RejectedError) -> None:  # noqa: ARG002
        """Write why a message was dropped."""
        print(f"dropped a message on {channel}: {error}", file=sys.stderr)

    def accept(self, request: Incoming) -> None:
        """Give a message to whatever waits for it."""
        if request.channel == STDIN:
            self.answered(request)
        else:
            self.route(request)

    def route(self, request: Incoming) -> None:
        """Queue a request in its lane."""
        if request.on_control:
            self.control.put(request)
            return
        lane = self.lanes.get(self.subshell_of(request))
        if lane is None:
            self.handle(request, Lane("none", self))
        else:
            lane.put(request)

    def subshell_of(self, request: Incoming) -> str | None:
        """Return the subshell that a request is for."""
        named = request.header.get("subshell_id")
        return None if named is None else str(named)

    def answered(self, reply: Incoming) -> None:
        """Take an `input_reply`."""
        raise NotImplementedError

    # Handling.

    def handle(self, request: Incoming, lane: Lane) -> None:
        """Handle a request between busy and idle."""
        self.busy(request)
        content = self.answer(request, lane)
        if content is not None:
            self.reply(request, content)
        self.idle(request)
        self.finished(request)

    def answer(self, request: Incoming, lane: Lane) -> Fields | None:
        """Return the content of the reply, None if there shall be none."""
        try:
            return self.serve(request, lane)
        except LanguageError as error:
            return self.failed(request, error)
        except Exception as error:  # noqa: BLE001 - a kernel that is built to break must survive it
            return self.failed(request, LanguageError(type(error).__name__, str(error)))

    def serve(self, request: Incoming, lane: Lane) -> Fields | None:
        """Handle a request and return the content of its reply."""
        raise NotImplementedError

    def failed(self, request: Incoming, error: LanguageError) -> Fields | None:
        """Return the reply to a request that could not be handled."""
        if request.type in ONE_WAY:
            text = f"{error.name}: {error.text}\n"
            self.publish("stream", {"name": "stderr", "text": text}, request)
            return None
        return self.error(error)

    def error(self, error: LanguageError) -> Fields:
        """Return the content of a reply that reports an error."""
        return {"status": "error", **self.error_fields(error)}

    def error_fields(self, error: LanguageError) -> Fields:
        """Return what a reply and an `error` message have in common."""
        lines = [f"{error.name}: {error.text}"]
        return {"ename": error.name, "evalue": error.text, "traceback": lines}

    def busy(self, request: Incoming) -> None:
        """Publish busy."""
        self.publish_status("busy", request)

    def idle(self, request: Incoming) -> None:
        """Publish idle."""
        self.publish_status("idle", request)

    def finished(self, request: Incoming) -> None:
        """Do what follows after a request."""

    def interrupt(self) -> None:
        """Interrupt every cell that runs."""
        for lane in list(self.lanes.values()):
            lane.interrupt()

    def abort_queue(self, lane: Lane) -> None:
        """Mark the execute requests that have arrived behind a cell that raised."""
        done = threading.Event()

        def mark() -> None:
            self.drain(SHELL)
            for request in lane.waiting:
                request.aborted = self.is_aborted(request)
            done.set()

        self.post(mark)
        done.wait(SHUTDOWN_WAIT_S)

    def is_aborted(self, request: Incoming) -> bool:
        """Say whether a failure aborts a request that waits."""
        return request.type == "execute_request"

    # Sending.

    def header(self, msg_type: str) -> Fields:
        """Return a new header."""
        return {
            "msg_id": new_id(),
            "session": self.session,
            "username": "kernel",
            "date": now(),
            "msg_type": msg_type,
            "version": self.protocol_version,
        }

    def reply(self, request: Incoming, content: Fields) -> None:
        """Send the reply to a request."""
        self.emit(
            Outgoing(
                channel=request.channel,
                prefix=list(request.prefix),
                header=self.header(request.type.replace("_request", "_reply")),
                parent=self.parent(request),
                content=content,
                cause=request,
            )
        )

    def parent(self, request: Incoming | None) -> Fields:
        """Return the parent header of what *request* causes."""
        return {} if request is None else dict(request.header)

    def publish(
        self,
        msg_type: str,
        content: Fields,
        request: Incoming | None,
        *,
        metadata: Fields | None = None,
        buffers: Sequence[bytes] = (),
        topic: bytes | None = None,
    ) -> None:
        """Publish a message on IOPub."""
        self.emit(
            Outgoing(
                channel=IOPUB,
                prefix=[self.topic(msg_type) if topic is None else topic],
                header=self.header(msg_type),
                parent=self.parent(request),
                content=content,
                metadata=metadata or {},
                buffers=list(buffers),
                cause=request,
            )
        )

    def topic(self, msg_type: str) -> bytes:
        """Return the topic of a message."""
        return f"kernel.{self.session}.{msg_type}".encode()

    def publish_status(self, state: str, request: Incoming | None) -> None:
        """Publish a status."""
        self.publish("status", {"execution_state": state}, request)

    def welcome(self, topic: bytes) -> None:
        """Welcome a subscription whose topic is text."""
        try:
            text = topic.decode("utf-8")
        except UnicodeDecodeError:
            return
        self.publish("iopub_welcome", {"subscription": text}, None, topic=topic)

    def emit(self, message: Outgoing) -> None:
        """Serialise, sign and send a message."""
        for altered in self.alter(message):
            self.queue(altered.channel, self.frames(altered))

    def alter(self, message: Outgoing) -> Iterable[Outgoing]:
        """Return what is sent in place of *message*; here it is that message."""
        return (message,)

    def frames(self, message: Outgoing) -> list[bytes]:
        """Return the frames of a message."""
        parts = self.parts(message)
        signature = self.signature(message, parts)
        return [*message.prefix, DELIMITER, signature, *parts, *message.buffers]

    def parts(self, message: Outgoing) -> list[bytes]:
        """Return the four serialised dictionaries."""
        four = (message.header, message.parent, message.metadata, message.content)
        return [self.dumps(message, part) for part in four]

    def dumps(self, message: Outgoing, part: Fields) -> bytes:  # noqa: ARG002
        """Return one of the dictionaries as JSON."""
        return dumps(part)

    def signature(self, message: Outgoing, parts: Sequence[bytes]) -> bytes:  # noqa: ARG002
        """Return the signature of a message."""
        return self.signer.sign(parts)
