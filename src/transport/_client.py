"""A client that waits: one owner, one thread, five sockets.

Everything that arrives is read by whichever call is waiting and sorted by its parent: what belongs
to a request in flight goes to that request, all else into the inbox of its channel, where `receive`
finds it. Nothing here waits without saying what for.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain, repeat
from types import TracebackType
from typing import Protocol, Self

import zmq

from assay.protocol import (
    UNSET,
    Buffer,
    Channel,
    ConnectionFile,
    Content,
    ContentError,
    ExecuteRequest,
    Header,
    InputReply,
    InputRequest,
    IopubWelcome,
    Json,
    KernelInfoReply,
    KernelInfoRequest,
    Message,
    MsgId,
    RemoteError,
    Session,
    SessionId,
    Transport,
    Unknown,
    UnsetType,
    structure_content,
)
from assay.transport._answer import Answer, Received, Refused
from assay.transport._deadline import Deadline
from assay.transport._errors import ClosedError, KernelEndedError, TimedOutError, TransportError
from assay.transport._exchange import Exchange, OnInput, OnOutput

__all__ = ["Client", "Lifeline", "make_session"]

READY_TIMEOUT_S = 60.0
"""A kernel on a cold, slow disk may take half of this to import what it needs."""

REPLY_TIMEOUT_S = 60.0

ASK_AGAIN_S = (0.1, 0.2, 0.5, 1.0)
"""Pauses between kernel_info requests while IOPub stays silent; the last one repeats."""

ENDED_GRACE_S = 0.25
"""How long after a kernel's end its last words may still be on their way through our I/O thread."""

PROMPT_GRACE_S = 0.02
"""How long a prompt waits for output that was sent before it, over another connection."""

LINGER_MS = 500
"""How long `close` waits for what was sent and is not out yet; no time at all if all is out."""

RECONNECT_MS = 20
"""ZeroMQ's own 100 ms would be most of the start of a kernel that binds while we connect."""

BATCH = 1_000
"""Messages taken from one socket before the others get their turn."""

UNCLAIMED = 10_000
"""Messages kept on each channel for `receive`; what is older is dropped, and counted."""

REFUSED = 100

PEER_OF = {"0.0.0.0": "127.0.0.1", "*": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to connect to
"""Where to reach a kernel that listens everywhere."""

DEALERS = (Channel.SHELL, Channel.CONTROL, Channel.STDIN)

MESSAGE_CHANNELS = (Channel.IOPUB, *DEALERS)
"""In the order in which they are read: output before the reply and before the prompt."""


class Lifeline(Protocol):
    """Something that becomes readable when the kernel's process has ended."""

    def fileno(self) -> int:
        """Return the descriptor to watch."""
        ...

    def ending(self) -> str:
        """Return a sentence on how the process ended."""
        ...


class Client:
    """A blocking client of one kernel, for one thread.

    Args:
        connection: Where the kernel listens, and the key.
        session: Signs, encodes and checks; a fresh one under *connection*'s key if not given.
        channels: Which sockets to open.
        lifeline: The kernel's process, if it is ours: waiting ends when it has ended.
        receive_limit: Messages that ZeroMQ keeps for each socket while nobody reads them; 0 sets no
            limit, so that nothing is lost on this side.

    Raises:
        TransportError: an address or a CURVE key cannot be used.
    """

    def __init__(
        self,
        connection: ConnectionFile,
        *,
        session: Session | None = None,
        channels: Collection[Channel] = tuple(Channel),
        lifeline: Lifeline | None = None,
        receive_limit: int = 0,
    ) -> None:
        self.connection = connection
        self.session = make_session(connection) if session is None else session
        self.welcomed = False
        """True once IOPub has welcomed a subscription (IOPUB-02); false for kernels below 5.5."""

        self.refused: deque[Refused] = deque(maxlen=REFUSED)
        """The newest frames that were no message, or none to trust."""

        self.discarded = 0
        """Messages that nobody received in time; see `UNCLAIMED`."""

        self.kernel_info: KernelInfoReply | None = None
        """What the kernel is, once it is ready; None if its reply has a fault."""

        self._lifeline = lifeline
        self._ended = False
        self._closed = False
        self._inboxes: dict[Channel, deque[Received | Refused]] = {c: deque() for c in Channel}
        self._exchanges: dict[MsgId, Exchange] = {}
        self._poller = zmq.Poller()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._sockets: dict[Channel, zmq.Socket[bytes]] = {}
        try:
            for channel in channels:
                self._sockets[channel] = self._connect(channel, receive_limit)
        except zmq.ZMQError as error:
            self._context.destroy(linger=0)
            raise TransportError(
                f"{connection.transport} at {connection.ip}: cannot connect: {error}"
            ) from error
        for channel in MESSAGE_CHANNELS:
            if channel in self._sockets:
                self._poller.register(self._sockets[channel], zmq.POLLIN)
        if lifeline is not None:
            self._poller.register(lifeline.fileno(), zmq.POLLIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the sockets; what was sent still goes out, within `LINGER_MS`."""
        if not self._closed:
            self._closed = True
            # Nobody is left to take it in; waiting would be for nothing.
            gone = self._ended or (self._lifeline is not None and _is_readable(self._lifeline))
            self._context.destroy(linger=0 if gone else LINGER_MS)

    # Whole conversations

    def wait_until_ready(self, timeout: float | None = READY_TIMEOUT_S) -> Received:
        """Wait until the kernel answers and IOPub is heard, and return its kernel_info_reply.

        A subscription takes effect some time after it was made; whatever a kernel publishes before
        is lost. A request whose idle is heard proves that it has. Where ``iopub_welcome`` comes,
        one more request is enough; kernels that send none are asked again until they are heard.

        Args:
            timeout: Seconds; None waits for ever.

        Raises:
            TimedOutError: the kernel did not answer, or was not heard on IOPub.
            KernelEndedError: the kernel's process ended.
        """
        deadline = Deadline(timeout)
        pauses = chain(ASK_AGAIN_S, repeat(ASK_AGAIN_S[-1]))
        welcomed, again, heard = self.welcomed, Deadline(next(pauses)), False
        asked = self.start(KernelInfoRequest())
        try:
            while not (asked.done and (self.welcomed or heard)):
                if asked.done:
                    # A welcome may be on its way still: it must not look like news later.
                    heard = True
                elif asked.reply is None or not (again.passed or self.welcomed is not welcomed):
                    # Before the reply has come there is no sense in asking again: requests queue.
                    if not self._pump(deadline if asked.reply is None else deadline.sooner(again)):
                        self._refuse_to_wait(asked, deadline)
                    continue
                self.forget(asked)
                welcomed, again = self.welcomed, Deadline(next(pauses))
                asked = self.start(KernelInfoRequest())
        finally:
            self.forget(asked)
        assert asked.reply is not None
        self._drop_parents(Channel.IOPUB, "kernel_info_request")
        if isinstance(asked.reply.content, KernelInfoReply):
            self.kernel_info = asked.reply.content
        return asked.reply

    def request(
        self,
        content: Content,
        *,
        channel: Channel = Channel.SHELL,
        timeout: float | None = REPLY_TIMEOUT_S,
        msg_type: str = "",
        metadata: Mapping[str, Json] | None = None,
        buffers: Sequence[Buffer] = (),
        subshell_id: str | None = None,
    ) -> Answer:
        """Send a request and wait for its reply and its idle.

        Args:
            content: What to ask.
            channel: Shell or control.
            timeout: Seconds for everything; None waits for ever.
            msg_type: Needed for an `Unknown` content.
            metadata: Free for extensions.
            buffers: Raw bytes that go along.
            subshell_id: The subshell that is meant.

        Raises:
            TimedOutError: the reply or idle did not come; holds what did.
            KernelEndedError: the kernel's process ended.
        """
        exchange = self.start(
            content,
            channel=channel,
            msg_type=msg_type,
            metadata=metadata,
            buffers=buffers,
            subshell_id=subshell_id,
        )
        with self._forgetting(exchange):
            return self.finish(exchange, timeout=timeout)

    def execute(
        self,
        code: str,
        *,
        on_output: OnOutput | None = None,
        on_input: OnInput | None = None,
        timeout: float | None = None,
        silent: bool = False,
        store_history: bool | UnsetType = UNSET,
        user_expressions: Mapping[str, str] | None = None,
        stop_on_error: bool = True,
        metadata: Mapping[str, Json] | None = None,
        subshell_id: str | None = None,
        keep: bool = True,
    ) -> Answer:
        """Run *code* and wait for its end; outputs go to *on_output* as they come.

        Args:
            code: One cell.
            on_output: Takes each published message but the status.
            on_input: Answers what the code asks for; without it the code may not ask.
            timeout: Seconds for everything, time to type included; None waits for ever.
            silent: See `ExecuteRequest`, as for the next three.
            store_history: See there.
            user_expressions: See there.
            stop_on_error: See there.
            metadata: Free for extensions.
            subshell_id: The subshell that is meant.
            keep: Keep what was published for `Answer.published`; False saves the memory.

        Raises:
            TimedOutError: the reply or idle did not come; holds what did.
            KernelEndedError: the kernel's process ended.
        """
        content = ExecuteRequest(
            code=code,
            silent=silent,
            store_history=store_history,
            user_expressions=user_expressions or {},
            allow_stdin=on_input is not None,
            stop_on_error=stop_on_error,
        )
        exchange = self.start(
            content,
            metadata=metadata,
            subshell_id=subshell_id,
            on_output=on_output,
            on_input=on_input,
            keep=keep,
        )
        with self._forgetting(exchange):
            return self.finish(exchange, timeout=timeout)

    def notify(
        self,
        content: Content,
        *,
        channel: Channel = Channel.SHELL,
        timeout: float | None = REPLY_TIMEOUT_S,
        msg_type: str = "",
        buffers: Sequence[Buffer] = (),
        metadata: Mapping[str, Json] | None = None,
    ) -> tuple[Received, ...]:
        """Send a message that has no reply, wait for its idle, return what it published.

        Args:
            content: A comm message, or a type that the kernel does not know (AMB-23).
            channel: Shell or control.
            timeout: Seconds; None waits for ever.
            msg_type: Needed for an `Unknown` content.
            buffers: Raw bytes that go along.
            metadata: Free for extensions.

        Raises:
            TimedOutError: idle did not come.
            KernelEndedError: the kernel's process ended.
        """
        exchange = self.start(
            content,
            channel=channel,
            msg_type=msg_type,
            buffers=buffers,
            metadata=metadata,
            wants_reply=False,
        )
        with self._forgetting(exchange):
            self._run(exchange, timeout)
        return tuple(exchange.published)

    def start(
        self,
        content: Content,
        *,
        channel: Channel = Channel.SHELL,
        msg_type: str = "",
        metadata: Mapping[str, Json] | None = None,
        buffers: Sequence[Buffer] = (),
        subshell_id: str | None = None,
        on_output: OnOutput | None = None,
        on_input: OnInput | None = None,
        wants_reply: bool = True,
        keep: bool = True,
    ) -> Exchange:
        """Send a request and return without waiting; `finish` gets its answer.

        Any number of requests may be in flight. The arguments are those of `request` and `execute`.
        """
        request = self.session.message(
            content, msg_type=msg_type, metadata=metadata, buffers=buffers, subshell_id=subshell_id
        )
        exchange = Exchange(
            request,
            channel,
            wants_reply=wants_reply,
            keep=keep,
            on_output=on_output,
            on_input=on_input,
        )
        self._exchanges[request.header.msg_id] = exchange
        try:
            self.send_frames(channel, self.session.encode(request))
        except BaseException:
            self.forget(exchange)
            raise
        return exchange

    def finish(self, exchange: Exchange, *, timeout: float | None = REPLY_TIMEOUT_S) -> Answer:
        """Wait for the end of *exchange* and return its answer.

        After a timeout the exchange is still in flight: it may be finished later, or forgotten.

        Raises:
            TimedOutError: the reply or idle did not come; holds what did.
            KernelEndedError: the kernel's process ended.
        """
        self._run(exchange, timeout)
        assert exchange.reply is not None
        return Answer(
            request=exchange.request, reply=exchange.reply, published=tuple(exchange.published)
        )

    def forget(self, exchange: Exchange) -> None:
        """Let whatever *exchange* still brings go to the inboxes."""
        self._exchanges.pop(exchange.request.header.msg_id, None)

    def wait_until(
        self,
        reached: Callable[[], bool],
        *,
        awaited: str,
        timeout: float | None = REPLY_TIMEOUT_S,
    ) -> None:
        """Read what comes until *reached* is true.

        Args:
            reached: Looked at before the first wait and after each arrival.
            awaited: What is waited for, in words, for the error.
            timeout: Seconds; None waits for ever.

        Raises:
            TimedOutError: it was not reached in time.
            KernelEndedError: the kernel's process ended.
        """
        deadline = Deadline(timeout)
        while not reached():
            if not self._pump(deadline):
                raise TimedOutError(awaited, deadline.timeout or 0, note=_note(self.refused))

    def answer_input(self, value: str, *, parent: Header | None = None) -> None:
        """Answer the question of an `InputRequest` with *value*, taken verbatim (STDIN-09)."""
        self.send(InputReply(value=value), channel=Channel.STDIN, parent=parent)

    def beat(self, payload: bytes = b"assay", *, timeout: float | None = REPLY_TIMEOUT_S) -> None:
        """Send *payload* to the heartbeat and wait until it is back.

        Raises:
            TimedOutError: it did not come back.
            KernelEndedError: the kernel's process ended.
        """
        # A DEALER that adds the empty frame of a REQ itself: a lost beat does not block the next.
        heartbeat = self._socket(Channel.HB)
        if self._ended and self._lifeline is not None:
            raise KernelEndedError(self._lifeline.ending())
        deadline = Deadline(timeout)
        marked = uuid.uuid4().bytes + payload
        heartbeat.send_multipart([b"", marked])
        poller = zmq.Poller()
        poller.register(heartbeat, zmq.POLLIN)
        while True:
            if self._lifeline is not None and not self._ended:
                poller.register(self._lifeline.fileno(), zmq.POLLIN)
            ready = dict(poller.poll(deadline.left_ms))
            if heartbeat in ready:
                if heartbeat.recv_multipart()[-1] == marked:
                    return
            elif ready:
                self._end()
            if deadline.passed:
                raise TimedOutError("a heartbeat", deadline.timeout or 0)

    # Single messages

    def send(
        self,
        content: Content,
        *,
        channel: Channel = Channel.SHELL,
        parent: Header | None = None,
        msg_type: str = "",
        metadata: Mapping[str, Json] | None = None,
        buffers: Sequence[Buffer] = (),
        subshell_id: str | None = None,
    ) -> Message[Content]:
        """Send one message and return it; what comes back goes to `receive`."""
        message: Message[Content] = self.session.message(
            content,
            parent=parent,
            msg_type=msg_type,
            metadata=metadata,
            buffers=buffers,
            subshell_id=subshell_id,
        )
        self.send_frames(channel, self.session.encode(message))
        return message

    def send_frames(self, channel: Channel, frames: Sequence[Buffer]) -> None:
        """Send *frames* as they are, right or wrong.

        Raises:
            ClosedError: the client is closed.
            TransportError: the channel was not opened, or carries nothing in this direction.
        """
        if channel is Channel.IOPUB:
            raise TransportError(f"{channel} carries nothing from a client")
        socket = self._socket(channel)
        try:
            socket.send_multipart(frames, copy=True)
        except zmq.ZMQError as error:
            raise TransportError(f"{channel}: cannot send: {error}") from error

    def receive(self, channel: Channel, timeout: float | None = REPLY_TIMEOUT_S) -> Received:
        """Return the next message of *channel* that belongs to no request in flight.

        What is no message, or none to trust, is passed over; see `refused`.

        Raises:
            TimedOutError: none came in time.
            KernelEndedError: the kernel's process ended.
        """
        deadline = Deadline(timeout)
        while True:
            item = self._next(channel, deadline)
            if isinstance(item, Received):
                return item

    def receive_frames(
        self, channel: Channel, timeout: float | None = REPLY_TIMEOUT_S
    ) -> tuple[bytes, ...]:
        """Return the frames of what comes next on *channel*, whether or not it is a message.

        Raises:
            TimedOutError: nothing came in time.
            KernelEndedError: the kernel's process ended.
        """
        return self._next(channel, Deadline(timeout)).frames

    def waiting(self, channel: Channel) -> tuple[Received, ...]:
        """Take all that has arrived on *channel* for no request in flight, without waiting."""
        while self._pump(Deadline(0)):
            pass
        inbox = self._inboxes[channel]
        found = tuple(item for item in inbox if isinstance(item, Received))
        inbox.clear()
        return found

    # Sockets

    def _connect(self, channel: Channel, receive_limit: int) -> zmq.Socket[bytes]:
        connection = self.connection
        socket = self._context.socket(zmq.SUB if channel is Channel.IOPUB else zmq.DEALER)
        socket.linger = LINGER_MS
        socket.rcvhwm = receive_limit
        socket.sndhwm = 0
        socket.set(zmq.RECONNECT_IVL, RECONNECT_MS)
        ip = PEER_OF.get(connection.ip, connection.ip)
        if connection.transport is Transport.TCP and ":" in ip:
            socket.set(zmq.IPV6, 1)
        if channel in DEALERS:
            # STDIN-06: the kernel asks under the identity that the request came from.
            socket.routing_id = self.session.session.encode()
        if connection.curve is not None:
            # As the reference client: the file's own pair on both ends, so that a kernel that
            # admits only holders of the file can tell them.
            socket.curve_serverkey = connection.curve.public_key.encode()
            socket.curve_publickey = connection.curve.public_key.encode()
            socket.curve_secretkey = connection.curve.secret_key.encode()
        if channel is Channel.IOPUB:
            socket.subscribe(b"")
        socket.connect(_address(connection, channel, ip))
        return socket

    def _socket(self, channel: Channel) -> zmq.Socket[bytes]:
        if self._closed:
            raise ClosedError("wanted an open client, found it closed")
        if channel not in self._sockets:
            raise TransportError(f"{channel} was not opened by this client")
        return self._sockets[channel]

    # Waiting

    def _refuse_to_wait(self, exchange: Exchange, deadline: Deadline) -> None:
        if deadline.passed:
            raise _timed_out(exchange, deadline, self.refused)

    @contextmanager
    def _forgetting(self, exchange: Exchange) -> Iterator[None]:
        try:
            yield
        finally:
            self.forget(exchange)

    def _run(self, exchange: Exchange, timeout: float | None) -> None:
        deadline = Deadline(timeout)
        while not exchange.done:
            if exchange.prompts:
                self._ask(exchange)
            elif not self._pump(deadline):
                raise _timed_out(exchange, deadline, self.refused)
        self.forget(exchange)

    def _ask(self, exchange: Exchange) -> None:
        # STDIN-13: what was printed before the question is shown before it.
        quiet = Deadline(PROMPT_GRACE_S)
        while not quiet.passed and self._pump(quiet):
            pass
        question = exchange.prompts.popleft()
        assert exchange.on_input is not None
        value = exchange.on_input(_input_request(question.content))
        if value is not None:
            self.answer_input(value, parent=question.header)

    def _next(self, channel: Channel, deadline: Deadline) -> Received | Refused:
        self._socket(channel)
        inbox = self._inboxes[channel]
        while not inbox:
            if not self._pump(deadline):
                raise TimedOutError(
                    f"a message on {channel}", deadline.timeout or 0, note=_note(self.refused)
                )
        return inbox.popleft()

    def _pump(self, deadline: Deadline) -> bool:
        """Wait for anything and sort it in; return False if the time was up first."""
        if self._closed:
            raise ClosedError("wanted an open client, found it closed")
        waits = deadline.sooner(Deadline(ENDED_GRACE_S)) if self._ended else deadline
        ready = dict(self._poller.poll(waits.left_ms))
        if not ready:
            if self._ended and not deadline.passed and self._lifeline is not None:
                raise KernelEndedError(self._lifeline.ending())
            return False
        for channel in MESSAGE_CHANNELS:
            socket = self._sockets.get(channel)
            if socket is not None and socket in ready:
                self._drain(channel, socket)
        if self._lifeline is not None and self._lifeline.fileno() in ready:
            self._ended = True
            self._poller.unregister(self._lifeline.fileno())
        return True

    def _end(self) -> None:
        assert self._lifeline is not None
        self._ended = True
        self._poller.unregister(self._lifeline.fileno())
        raise KernelEndedError(self._lifeline.ending())

    def _drain(self, channel: Channel, socket: zmq.Socket[bytes]) -> None:
        for _ in range(BATCH):
            try:
                frames = socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._sort(self._read(channel, tuple(frames)))

    def _read(self, channel: Channel, frames: tuple[bytes, ...]) -> Received | Refused:
        try:
            envelope = self.session.open(frames)
        except RemoteError as error:
            return Refused(channel=channel, error=error, frames=frames)
        content: Content
        try:
            content, fault = structure_content(envelope.header.msg_type, envelope.content), None
        except ContentError as error:
            content, fault = Unknown(extra=envelope.content), error
        message = Message(
            header=envelope.header,
            parent_header=envelope.parent_header,
            metadata=envelope.metadata,
            content=content,
            buffers=envelope.buffers,
        )
        return Received(
            channel=channel,
            identities=envelope.identities,
            message=message,
            fault=fault,
            frames=frames,
        )

    def _sort(self, item: Received | Refused) -> None:
        if isinstance(item, Refused):
            self.refused.append(item)
            self._keep(item)
            return
        if item.channel is Channel.IOPUB and isinstance(item.content, IopubWelcome):
            self.welcomed = True
        parent = item.parent_header
        exchange = self._exchanges.get(parent.msg_id) if parent is not None else None
        match item.channel:
            case Channel.IOPUB if exchange is not None:
                exchange.publish(item)
            case Channel.STDIN if (asked := exchange or self._only_listener()) is not None and (
                asked.on_input is not None
            ):
                asked.prompts.append(item)
            case Channel.SHELL | Channel.CONTROL if (
                exchange is not None
                and exchange.wants_reply
                and exchange.reply is None
                and exchange.channel is item.channel
            ):
                exchange.reply = item
            case _:
                self._keep(item)

    def _keep(self, item: Received | Refused) -> None:
        inbox = self._inboxes[item.channel]
        inbox.append(item)
        if len(inbox) > UNCLAIMED:
            inbox.popleft()
            self.discarded += 1

    def _only_listener(self) -> Exchange | None:
        """Return who may be meant by a question without a parent, if there is no doubt."""
        listeners = [e for e in self._exchanges.values() if e.on_input is not None]
        return listeners[0] if len(listeners) == 1 else None

    def _drop_parents(self, channel: Channel, msg_type: str) -> None:
        """Drop what earlier requests of ours have left in the inbox of *channel*."""
        mine = self.session.session
        inbox = self._inboxes[channel]
        kept = [item for item in inbox if not _is_child(item, msg_type, mine)]
        inbox.clear()
        inbox.extend(kept)


def make_session(connection: ConnectionFile) -> Session:
    """Return a session of its own for a client of *connection*.

    Raises:
        LocalError: the signature scheme is unknown (SIGN-12).
    """
    session = SessionId(str(uuid.uuid4()))
    return Session(
        connection.key.encode(),
        session=session,
        now=lambda: datetime.now(UTC),
        new_id=lambda: MsgId(str(uuid.uuid4())),
        username="assay",
        signature_scheme=connection.signature_scheme,
    )


def _is_readable(lifeline: Lifeline) -> bool:
    poller = zmq.Poller()
    poller.register(lifeline.fileno(), zmq.POLLIN)
    return bool(poller.poll(0))


def _address(connection: ConnectionFile, channel: Channel, ip: str) -> str:
    if connection.transport is Transport.TCP and ip != connection.ip:
        port = connection.port(channel)
        return f"tcp://[{ip}]:{port}" if ":" in ip else f"tcp://{ip}:{port}"
    return connection.address(channel)


def _timed_out(
    exchange: Exchange, deadline: Deadline, refused: Collection[Refused]
) -> TimedOutError:
    return TimedOutError(
        exchange.awaited,
        deadline.timeout or 0,
        reply=exchange.reply,
        published=tuple(exchange.published),
        note=_note(refused),
    )


def _note(refused: Collection[Refused]) -> str:
    if not refused:
        return ""
    *_, last = refused
    return f"refused so far: {len(refused)}, the last on {last.channel}: {last.error}"


def _input_request(content: Content) -> InputRequest:
    if isinstance(content, InputRequest):
        return content
    # Seen: kernels whose `password` is 0 or 1. The question is clear enough.
    prompt, password = content.extra.get("prompt", ""), content.extra.get("password", False)
    return InputRequest(prompt=str(prompt), password=bool(password))


def _is_child(item: Received | Refused, msg_type: str, session: SessionId) -> bool:
    if isinstance(item, Refused) or item.parent_header is None:
        return False
    parent = item.parent_header
    return parent.msg_type == msg_type and parent.session == session
