"""A small kernel for tests of clients and launchers: one thread, and code that says what to do.

What it is asked to execute is Python that drives the kernel itself: ``out("text")`` publishes a
stream, ``ask("name? ")`` sends an input_request, ``publish`` and ``send`` send anything. It runs in
a thread of the test or, as a script, in a process of its own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import zmq

from assay.protocol import (
    Buffer,
    Channel,
    ConnectionFile,
    Content,
    Envelope,
    Error,
    ErrorReply,
    ExecuteInput,
    ExecuteReply,
    ExecuteResult,
    ExecutionState,
    Header,
    InputReply,
    InputRequest,
    InterruptReply,
    IopubWelcome,
    KernelInfoReply,
    LanguageInfo,
    Message,
    MsgId,
    Session,
    SessionId,
    ShutdownReply,
    Status,
    Stream,
    StreamName,
    Transport,
    structure_content,
)

INFO = KernelInfoReply(
    implementation="small",
    implementation_version="1",
    language_info=LanguageInfo(
        name="python", version="3", mimetype="text/x-python", file_extension=".py"
    ),
    banner="A small kernel",
)

REQUESTS = (Channel.CONTROL, Channel.SHELL)


class SmallKernel:
    """A kernel whose habits can be chosen.

    Args:
        connection: Where to listen; ports of 0 are chosen here.
        welcomes: Send ``iopub_welcome``, as kernels do since 5.5.
        deaf: How many requests get no busy and idle, as if nobody had subscribed yet.
        idle_first: Publish idle before the reply is sent.
        mute: Receive requests and answer none.
    """

    def __init__(
        self,
        connection: ConnectionFile,
        *,
        welcomes: bool = True,
        deaf: int = 0,
        idle_first: bool = False,
        mute: bool = False,
    ) -> None:
        self.welcomes = welcomes
        self.deaf = deaf
        self.idle_first = idle_first
        self.mute = mute
        self.received: list[Envelope] = []
        self.raw: list[tuple[bytes, ...]] = []
        self.count = 0
        self.ended = False
        self.session = Session(
            connection.key.encode(),
            session=SessionId("kernel"),
            now=lambda: datetime.now(UTC),
            new_id=lambda: MsgId(uuid.uuid4().hex),
            signature_scheme=connection.signature_scheme,
        )
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        if connection.transport is Transport.IPC:
            numbers = {c: connection.port(c) or n for n, c in enumerate(Channel, 1)}
            connection = connection.with_ports(numbers)
        self._sockets = {channel: self._bind(connection, channel) for channel in Channel}
        self.connection = connection.with_ports(
            {c: _port(s) or connection.port(c) for c, s in self._sockets.items()}
        )
        self._wake = os.pipe()
        self._poller = zmq.Poller()
        for socket in self._sockets.values():
            self._poller.register(socket, zmq.POLLIN)
        self._poller.register(self._wake[0], zmq.POLLIN)
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.serve)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._thread is not None
        os.write(self._wake[1], b".")
        self._thread.join()
        self.close()

    def close(self) -> None:
        """Close the sockets; what was sent still goes out."""
        self._context.destroy(linger=1_000)
        for end in self._wake:
            os.close(end)

    def serve(self) -> None:
        """Answer until asked to end."""
        while not self.ended:
            ready = dict(self._poller.poll())
            if self._wake[0] in ready:
                return
            # Subscriptions first: who asks twice has been welcomed before the second answer.
            for channel, socket in sorted(self._sockets.items()):
                if socket in ready:
                    self._take(channel, socket.recv_multipart())

    def reply(self, envelope: Envelope, channel: Channel, content: Content) -> None:
        """Answer a request."""
        name = envelope.header.msg_type.replace("_request", "_reply")
        message = self.session.message(
            content, parent=envelope.header, msg_type="" if content.msg_type else name
        )
        self.send(channel, self.session.encode(message, envelope.identities))

    def publish(self, content: Content, parent: Header | None = None, topic: bytes = b"") -> None:
        """Publish to all clients."""
        message: Message[Content] = self.session.message(content, parent=parent)
        self.send(Channel.IOPUB, self.session.encode(message, (topic,)))

    def send(self, channel: Channel, frames: Sequence[Buffer]) -> None:
        """Send frames, right or wrong."""
        self._sockets[channel].send_multipart(frames)

    def _bind(self, connection: ConnectionFile, channel: Channel) -> zmq.Socket[bytes]:
        socket = self._context.socket(zmq.XPUB if channel is Channel.IOPUB else zmq.ROUTER)
        socket.ipv6 = ":" in connection.ip
        if channel is Channel.IOPUB:
            socket.set(zmq.XPUB_VERBOSE, 1)
        if connection.curve is not None:
            socket.curve_server = 1
            socket.curve_publickey = connection.curve.public_key.encode()
            socket.curve_secretkey = connection.curve.secret_key.encode()
        address = connection.address(channel)
        if connection.transport is Transport.TCP and not connection.port(channel):
            address = address.replace(":0", ":*")
        socket.bind(address)
        return socket

    def _take(self, channel: Channel, frames: list[bytes]) -> None:
        match channel:
            case Channel.HB:
                self.send(channel, frames)
            case Channel.IOPUB:
                if self.welcomes and frames[0].startswith(b"\x01"):
                    topic = frames[0][1:]
                    self.publish(IopubWelcome(subscription=topic.decode()), topic=topic)
            case Channel.SHELL | Channel.CONTROL:
                self.raw.append(tuple(frames))
                with contextlib.suppress(Exception):
                    self._request(self.session.open(frames), channel)

    def _request(self, envelope: Envelope, channel: Channel) -> None:
        self.received.append(envelope)
        if self.mute:
            return
        deaf, self.deaf = self.deaf > 0, max(0, self.deaf - 1)
        if not deaf:
            self.publish(Status(execution_state=ExecutionState.BUSY), envelope.header)
        answer = self._handle(envelope, channel)
        idle = Status(execution_state=ExecutionState.IDLE)
        if self.idle_first:
            self.publish(idle, envelope.header)
        if answer is not None:
            self.reply(envelope, channel, answer)
        if not deaf and not self.idle_first:
            self.publish(idle, envelope.header)

    def _handle(self, envelope: Envelope, channel: Channel) -> Content | None:
        match envelope.header.msg_type:
            case "kernel_info_request":
                return INFO
            case "execute_request":
                return self._execute(envelope)
            case "interrupt_request":
                return InterruptReply()
            case "shutdown_request" if channel is Channel.CONTROL:
                self.ended = True
                reply = ShutdownReply(restart=bool(envelope.content["restart"]))
                self.publish(reply, envelope.header)
                return reply
        return None

    def _execute(self, envelope: Envelope) -> Content:
        self.count += 1
        parent, code = envelope.header, str(envelope.content["code"])
        self.publish(ExecuteInput(code=code, execution_count=self.count), parent)

        def out(text: str, name: StreamName = StreamName.STDOUT) -> None:
            self.publish(Stream(name=name, text=text), parent)

        def result(text: str) -> None:
            data = {"text/plain": text}
            self.publish(ExecuteResult(execution_count=self.count, data=data), parent)

        names: dict[str, object] = {
            "kernel": self,
            "envelope": envelope,
            "out": out,
            "result": result,
            "ask": lambda prompt="", **options: self._ask(envelope, prompt, **options),
        }
        try:
            with _interruptible():
                exec(code, names)
        except (Exception, KeyboardInterrupt, SystemExit) as error:  # noqa: BLE001 - becomes the reply
            ename, evalue = type(error).__name__, str(error)
            self.publish(Error(ename=ename, evalue=evalue, traceback=(f"{ename}!",)), parent)
            return ErrorReply(ename=ename, evalue=evalue, execution_count=self.count)
        return ExecuteReply(execution_count=self.count)

    def _ask(self, envelope: Envelope, prompt: str, *, orphan: bool = False) -> str:
        parent = None if orphan else envelope.header
        message = self.session.message(InputRequest(prompt=prompt), parent=parent)
        self.send(Channel.STDIN, self.session.encode(message, envelope.identities))
        return self.listen().value

    def listen(self) -> InputReply:
        """Wait for the answer to a question."""
        envelope = self.session.open(self._sockets[Channel.STDIN].recv_multipart())
        self.received.append(envelope)
        content = structure_content(envelope.header.msg_type, envelope.content)
        assert isinstance(content, InputReply)
        return content


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGINT raise while code runs, in a process of its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _port(socket: zmq.Socket[bytes]) -> int:
    endpoint = bytes(socket.getsockopt(zmq.LAST_ENDPOINT)).rstrip(b"\0").decode()
    return int(endpoint.rpartition(":")[2]) if endpoint.startswith("tcp:") else 0


def main() -> None:
    """Be a kernel process: ``small_kernel.py FILE``."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    path = Path(sys.argv[1])
    kernel = SmallKernel(ConnectionFile.read(path))
    kernel.connection.write(path)
    kernel.serve()
    kernel.close()


if __name__ == "__main__":
    main()
