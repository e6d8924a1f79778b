"""A client that waits: one owner, one thread, five sockets.

Everything that arrives is read by whichever call is waiting and sorted by its parent: what belongs
to a request in flight goes to that request, all else into the inbox of its channel, where `receive`
finds it. Nothing here waits without saying what for.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, repeat
from types import TracebackType
from typing import Self

from assay._clock import now
from assay.protocol import (
    END_OF_INPUT,
    MESSAGE_TYPES,
    UNSET,
    Buffer,
    Channel,
    ConnectionFile,
    Content,
    ExecuteRequest,
    Header,
    InputReply,
    InputRequest,
    Json,
    KernelInfoReply,
    KernelInfoRequest,
    LocalError,
    Message,
    MsgId,
    Session,
    SessionId,
    UnsetType,
)
from assay.transport._answer import Answer, Received, Refused
from assay.transport._client_sockets import ClientSockets, Lifeline, channel_named, check_connection
from assay.transport._deadline import Deadline
from assay.transport._errors import TimedOutError
from assay.transport._exchange import Exchange, OnInput, OnOutput
from assay.transport._inboxes import Inboxes, read
from assay.transport._recorder import Recorder
from assay.transport._risks import tell_risks
from assay.transport._verbs import REPLY_TIMEOUT_S, Verbs

__all__ = ["Client", "Lifeline", "session_for"]

READY_TIMEOUT_S = 60.0
"""A kernel on a cold, slow disk may take half of this to import what it needs."""

ASK_AGAIN_S = (0.1, 0.2, 0.5, 1.0)
"""Pauses between kernel_info requests while IOPub stays silent; the last one repeats."""

LATE_S = 1.0
"""For how long what has come is still read when the time is up: a kernel may send without end."""

PROMPT_GRACE_S = 0.02
"""How long a prompt waits for output that was sent before it, over another connection."""


class Client(Verbs):
    """A blocking client of one kernel, for one thread.

    What is risky about a connection that this process has not made is logged once, as a warning of
    ``assay.transport``, which goes to stderr where the program sets up nothing else (CONN-21).

    Args:
        connection: Where the kernel listens, and the key.
        session: Signs, encodes and checks; a fresh one under *connection*'s key if not given.
        channels: Which sockets to open.
        lifeline: The kernel's process, if it is ours: waiting ends when it has ended.
        recorder: Sees each message that is sent and received.

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
        recorder: Recorder | None = None,
    ) -> None:
        self.connection = connection
        self.session = session_for(connection) if session is None else session
        self.kernel_info: KernelInfoReply | None = None
        """What the kernel is, once it is ready; None if its reply has a fault."""

        self._inboxes = Inboxes()
        self._sockets = ClientSockets(
            connection,
            self.session.session.encode(),
            channels=channels,
            lifeline=lifeline,
            recorder=recorder,
        )
        if lifeline is None:
            tell_risks(connection)

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
        """Close the sockets; what was sent still goes out, within half a second."""
        self._sockets.close()

    @property
    def welcomed(self) -> bool:
        """True once IOPub has welcomed a subscription (IOPUB-02); false for kernels below 5.5."""
        return self._inboxes.welcomed

    @property
    def refused(self) -> Sequence[Refused]:
        """The newest frames that were no message, or none to trust."""
        return self._inboxes.refused.items

    @property
    def discarded(self) -> int:
        """Messages that were not received in time."""
        return self._inboxes.discarded

    # Whole conversations

    def wait_until_ready(self, timeout: float | None = READY_TIMEOUT_S) -> Received:
        """Wait until the kernel answers and IOPub reaches us, and return its kernel_info_reply.

        A subscription takes effect some time after it was made; whatever a kernel publishes before
        is lost. A request whose idle arrives proves that it has. Where ``iopub_welcome`` comes,
        one more request is enough; kernels that send none are asked again until something arrives.

        Args:
            timeout: Seconds; None waits for ever.

        Raises:
            TimedOutError: the kernel did not answer, or nothing came on IOPub.
            KernelEndedError: the kernel's process ended.
        """
        deadline = Deadline(timeout)
        pauses = chain(ASK_AGAIN_S, repeat(ASK_AGAIN_S[-1]))
        welcomed, again, answered = self.welcomed, Deadline(next(pauses)), False
        asked = self.start(KernelInfoRequest())
        try:
            while not (asked.done and (self.welcomed or answered)):
                if asked.done:
                    # A welcome may be on its way still: it must not look like news later.
                    answered = True
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
        self._inboxes.drop_parents(Channel.IOPUB, "kernel_info_request", self.session.session)
        if isinstance(asked.reply.content, KernelInfoReply):
            self.kernel_info = asked.reply.content
        return asked.reply

    def wait_until_welcomed(self, timeout: float | None = READY_TIMEOUT_S) -> None:
        """Wait until IOPub has welcomed the subscription (IOPUB-02): then nothing is missed.

        That takes no request: it comes also while a cell runs, or before anything is handled. Only
        for kernels that welcome: of others use `wait_until_ready`.

        Args:
            timeout: Seconds; None waits for ever.

        Raises:
            TimedOutError: no welcome came.
            KernelEndedError: the kernel's process ended.
        """
        deadline = Deadline(timeout)
        while not self.welcomed:
            if not self._pump(deadline):
                raise TimedOutError(
                    "iopub_welcome on iopub", deadline.timeout or 0, note=_note(self.refused)
                )

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
        return self._finish_or_forget(exchange, timeout)

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
            on_input: Answers what the code asks for; without it the code may not ask. If it raises,
                so does this, and the code finds the end of its input.
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
        return self._finish_or_forget(exchange, timeout)

    def notify(
        self,
        content: Content,
        *,
        channel: Channel = Channel.SHELL,
        timeout: float | None = REPLY_TIMEOUT_S,
        msg_type: str = "",
        buffers: Sequence[Buffer] = (),
        metadata: Mapping[str, Json] | None = None,
        subshell_id: str | None = None,
    ) -> tuple[Received, ...]:
        """Send a message that has no reply, wait for its idle, return what it published.

        Args:
            content: A comm message, or a type that the kernel does not know (AMB-23).
            channel: Shell or control.
            timeout: Seconds; None waits for ever.
            msg_type: Needed for an `Unknown` content.
            buffers: Raw bytes that go along.
            metadata: Free for extensions.
            subshell_id: The subshell that is meant.

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
            subshell_id=subshell_id,
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

        Raises:
            LocalError: *content* is of a type that has no reply, and one is wanted.
        """
        channel = channel_named(channel)
        request = self.session.message(
            content, msg_type=msg_type, metadata=metadata, buffers=buffers, subshell_id=subshell_id
        )
        known = MESSAGE_TYPES.get(content.msg_type)
        if wants_reply and known is not None and known.reply is None:
            raise LocalError(
                f"wanted a request, found a {known.name}, which has no reply: send() sends it"
            )
        exchange = Exchange(
            request,
            channel,
            wants_reply=wants_reply,
            keep=keep,
            on_output=on_output,
            on_input=on_input,
        )
        self._inboxes.exchanges[request.header.msg_id] = exchange
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
        self._inboxes.exchanges.pop(exchange.request.header.msg_id, None)

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
        self._sockets.beat(payload, timeout)

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
        self._sockets.send(channel_named(channel), frames)

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
        """Take all that has arrived on *channel* for no request in flight, without waiting.

        What comes without end is read for a second.
        """
        at_once = Deadline(0)
        while self._pump(at_once):
            pass
        found = self._inboxes.of(channel_named(channel)).take_if(lambda _: True)
        return tuple(item for item in found if isinstance(item, Received))

    # Waiting

    def _refuse_to_wait(self, exchange: Exchange, deadline: Deadline) -> None:
        if deadline.passed:
            raise _timed_out(exchange, deadline, self.refused)

    def _finish_or_forget(self, exchange: Exchange, timeout: float | None) -> Answer:
        with self._forgetting(exchange):
            return self.finish(exchange, timeout=timeout)

    @contextmanager
    def _forgetting(self, exchange: Exchange) -> Iterator[None]:
        try:
            yield
        finally:
            self.forget(exchange)

    def _run(self, exchange: Exchange, timeout: float | None) -> None:
        deadline = Deadline(timeout)
        while not exchange.done:
            if exchange.prompts.items and not deadline.passed:
                self._ask(exchange)
            elif not self._pump(deadline):
                raise _timed_out(exchange, deadline, self.refused)
        self.forget(exchange)

    def _ask(self, exchange: Exchange) -> None:
        # STDIN-13: what was printed before the question is shown before it.
        quiet = Deadline(PROMPT_GRACE_S)
        while not quiet.passed and self._pump(quiet):
            pass
        question = exchange.prompts.take()
        assert exchange.on_input is not None
        try:
            value = exchange.on_input(_input_request(question.content))
            if value is not None:
                self.answer_input(value, parent=question.header)
        except Exception:
            # The cell would wait for ever, and with it all that is asked behind it.
            self.answer_input(END_OF_INPUT, parent=question.header)
            raise

    def _next(self, channel: Channel, deadline: Deadline) -> Received | Refused:
        channel = channel_named(channel)
        self._sockets.of(channel)
        inbox = self._inboxes.of(channel)
        while not inbox.items:
            if not self._pump(deadline):
                raise TimedOutError(
                    f"a message on {channel}", deadline.timeout or 0, note=_note(self.refused)
                )
        return inbox.take()

    def _pump(self, deadline: Deadline) -> bool:
        """Wait for anything and sort it in; return False if the time was up first."""
        if deadline.passed_by(LATE_S):
            return False
        ready = self._sockets.wait(deadline)
        if ready is None:
            return False
        for channel in ready:
            for frames in self._sockets.take(channel):
                self._inboxes.sort(self._read(channel, frames))
        return True

    def _read(self, channel: Channel, frames: tuple[bytes, ...]) -> Received | Refused:
        return read(self.session, channel, frames)


def session_for(connection: ConnectionFile) -> Session:
    """Return a session of its own for a client of *connection*.

    Raises:
        LocalError: *connection* is no `ConnectionFile`, or its signature scheme is unknown
            (SIGN-12).
    """
    check_connection(connection)
    session = SessionId(str(uuid.uuid4()))
    return Session(
        connection.key.encode(),
        session=session,
        now=now,
        new_id=lambda: MsgId(str(uuid.uuid4())),
        username="assay",
        signature_scheme=connection.signature_scheme,
    )


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
