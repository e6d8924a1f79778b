"""The client against a small kernel in a thread of the test."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import zmq
from attrs import evolve

from assay.protocol import (
    Buffer,
    Channel,
    ConnectionFile,
    Content,
    ContentError,
    ErrorReply,
    ExecuteInput,
    ExecuteReply,
    ExecuteRequest,
    Header,
    InputRequest,
    InterruptReply,
    InterruptRequest,
    KernelInfoReply,
    KernelInfoRequest,
    LocalError,
    Message,
    MsgId,
    Session,
    SignatureError,
    Stream,
    StreamName,
    Transport,
    Unknown,
)
from assay.transport import (
    Client,
    ClosedError,
    KernelEndedError,
    RawClient,
    Received,
    TimedOutError,
    TransportError,
)
from assay.transport import _deadline as deadline_module
from assay.transport import _inbox as inbox_module
from tests.limits import HANG_LIMIT_S
from tests.transport.small_kernel import SmallKernel

AT_ONCE_S = 0.05
"""For what never comes: long enough to be a wait, short enough to be waited out."""

ROUNDS = 20
"""How often a client asks that gets no answer."""

KEY = "a key"


@pytest.fixture
def kernel() -> Iterator[SmallKernel]:
    """A kernel that does everything right."""
    with SmallKernel(ConnectionFile(key=KEY)) as kernel:
        yield kernel


@pytest.fixture
def client(kernel: SmallKernel) -> Iterator[Client]:
    """A client that is ready."""
    with Client(kernel.connection) as client:
        client.wait_until_ready(HANG_LIMIT_S)
        yield client


def texts(received: tuple[Received, ...]) -> list[str]:
    """Return the texts of the streams among the *received* messages."""
    return [r.content.text for r in received if isinstance(r.content, Stream)]


class TestReadiness:
    """Waiting for a kernel."""

    def test_welcome(self, kernel: SmallKernel) -> None:
        """A kernel that welcomes is ready, and known."""
        with Client(kernel.connection) as client:
            reply = client.wait_until_ready(HANG_LIMIT_S)
            client.receive(Channel.IOPUB, HANG_LIMIT_S)

            assert reply.msg_type == "kernel_info_reply"
            assert client.kernel_info is not None
            assert client.kernel_info.implementation == "small"
            assert client.welcomed

    @pytest.mark.parametrize("welcomes", [True, False])
    @pytest.mark.parametrize("deaf", [0, 1, 3])
    def test_asks_until_heard(self, *, welcomes: bool, deaf: int) -> None:
        """Requests whose idle was lost are asked again, with a welcome and without."""
        with (
            SmallKernel(ConnectionFile(key=KEY), welcomes=welcomes, deaf=deaf) as kernel,
            Client(kernel.connection) as client,
        ):
            client.wait_until_ready(HANG_LIMIT_S)

            assert len(kernel.received) > deaf
            assert client.execute("out('heard')", timeout=HANG_LIMIT_S).text() == "heard"

    def test_nothing_is_left_behind(self, client: Client) -> None:
        """What the waiting itself brought does not stand in a user's way."""
        client.execute("")

        types = [r.msg_type for r in client.waiting(Channel.IOPUB)]
        assert set(types) <= {"iopub_welcome", "status"}
        assert client.waiting(Channel.SHELL) == ()

    def test_silent_kernel(self) -> None:
        """A kernel that never answers is an error that says what was missing."""
        with (
            SmallKernel(ConnectionFile(key=KEY), mute=True) as kernel,
            Client(kernel.connection) as client,
            pytest.raises(TimedOutError) as caught,
        ):
            client.wait_until_ready(AT_ONCE_S)

        assert "the reply to kernel_info_request on shell" in str(caught.value)
        assert "0.05 s" in str(caught.value)

    def test_nobody_there(self) -> None:
        """A kernel that does not exist is a timeout, too."""
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            port = held.getsockname()[1]
            nowhere = ConnectionFile(key="").with_ports(dict.fromkeys(Channel, port))
            with Client(nowhere) as client, pytest.raises(TimedOutError):
                client.wait_until_ready(AT_ONCE_S)


class TestRequests:
    """Requests, and what they bring."""

    def test_answer(self, client: Client) -> None:
        """An answer has the reply and everything published for it, busy to idle."""
        answer = client.execute("out('a'); result('b')", timeout=HANG_LIMIT_S)

        assert isinstance(answer.content, ExecuteReply)
        assert answer.types == ("status", "execute_input", "stream", "execute_result", "status")
        assert answer.text() == "a"
        assert [c.execution_count for c in answer.contents(ExecuteInput)] == [1]
        assert answer.reply.parent_header is not None
        assert answer.reply.parent_header.msg_id == answer.request.header.msg_id

    def test_error(self, client: Client) -> None:
        """A request that failed is answered like any other."""
        answer = client.execute("1 / 0", timeout=HANG_LIMIT_S)

        assert isinstance(answer.content, ErrorReply)
        assert answer.content.ename == "ZeroDivisionError"

    def test_control(self, client: Client) -> None:
        """A request on control gets the reply on control."""
        answer = client.request(InterruptRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)

        assert isinstance(answer.content, InterruptReply)
        assert answer.reply.channel is Channel.CONTROL

    def test_idle_before_reply(self) -> None:
        """Reply and idle may come in either order (AMB-22)."""
        with (
            SmallKernel(ConnectionFile(key=KEY), idle_first=True) as kernel,
            Client(kernel.connection) as client,
        ):
            client.wait_until_ready(HANG_LIMIT_S)
            answer = client.execute("out('a')", timeout=HANG_LIMIT_S)

        assert answer.text() == "a"
        assert isinstance(answer.content, ExecuteReply)

    def test_outputs_as_they_come(self, client: Client) -> None:
        """Outputs are handed over while the code still runs, and without the status."""
        seen: list[str] = []

        def see(received: Received) -> None:
            seen.append(received.msg_type)

        answer = client.execute(
            "out('a'); ask(); out('b')",
            on_output=see,
            on_input=lambda _: "*".join(seen),
            timeout=HANG_LIMIT_S,
            keep=False,
        )

        assert seen == ["execute_input", "stream", "stream"]
        assert answer.published == ()

    def test_many_in_flight(self, client: Client) -> None:
        """Any number of requests may be in flight; each gets what is its own."""
        exchanges = [client.start(ExecuteRequest(code=f"out('{n}')")) for n in range(300)]
        answers = [client.finish(e, timeout=HANG_LIMIT_S) for e in reversed(exchanges)]

        assert [a.text() for a in answers] == [str(n) for n in reversed(range(300))]

    def test_what_goes_along(self, client: Client, kernel: SmallKernel) -> None:
        """Metadata, buffers and the subshell arrive as they were given."""
        request = client.request(
            KernelInfoRequest(),
            metadata={"a": 1},
            buffers=[b"one", b"two"],
            subshell_id="s",
            timeout=HANG_LIMIT_S,
        ).request

        [found] = [e for e in kernel.received if e.header.msg_id == request.header.msg_id]
        assert found.metadata == {"a": 1}
        assert found.buffers == (b"one", b"two")
        assert found.header.subshell_id == "s"

    def test_no_reply(self, client: Client) -> None:
        """A type that has no reply is over with its idle (AMB-23)."""
        published = client.notify(Unknown(), msg_type="nonsense_request", timeout=HANG_LIMIT_S)

        assert [received.msg_type for received in published] == ["status", "status"]

    def test_timeout_and_second_wait(self, client: Client) -> None:
        """A request that took too long can still be finished; the error holds what it had."""
        exchange = client.start(
            ExecuteRequest(code="out('early'); kernel.listen(); out('late')", allow_stdin=True)
        )
        client.wait_until(
            lambda: "stream" in exchange.types, awaited="a stream", timeout=HANG_LIMIT_S
        )
        with pytest.raises(TimedOutError) as caught:
            client.finish(exchange, timeout=AT_ONCE_S)
        client.answer_input("go on")
        answer = client.finish(exchange, timeout=HANG_LIMIT_S)

        assert texts(caught.value.published) == ["early"]
        assert caught.value.reply is None
        assert "the reply to execute_request on shell and idle on iopub" in str(caught.value)
        assert answer.text() == "earlylate"

    def test_failing_callback(self, client: Client) -> None:
        """An exception of a callback rises, and the client can still be used."""

        def fail(received: Received) -> None:
            raise LookupError(received.msg_type)

        with pytest.raises(LookupError):
            client.execute("out('a')", on_output=fail, timeout=HANG_LIMIT_S)

        assert client.execute("out('b')", timeout=HANG_LIMIT_S).text() == "b"


class TestInput:
    """Questions of the kernel."""

    @pytest.mark.parametrize("value", ["bob", "", " a b\n", "\x04", "\N{SNAKE}"])
    def test_value(self, client: Client, value: str) -> None:
        """The answer arrives verbatim (STDIN-09)."""
        questions: list[InputRequest] = []

        def answer(question: InputRequest) -> str:
            questions.append(question)
            return value

        answered = client.execute("out(ask('name? '))", on_input=answer, timeout=HANG_LIMIT_S)

        assert questions == [InputRequest(prompt="name? ")]
        assert answered.text() == value

    def test_several(self, client: Client) -> None:
        """Several questions of one cell are answered in turn (STDIN-14)."""
        values = iter("abc")
        answer = client.execute(
            "out(ask() + ask() + ask())", on_input=lambda _: next(values), timeout=HANG_LIMIT_S
        )

        assert answer.text() == "abc"

    @pytest.mark.parametrize("value", [RuntimeError("no idea"), 5])
    def test_none_that_fits(self, client: Client, value: Any) -> None:
        """Who cannot answer hears so, and the code does not wait for ever (STDIN-09)."""

        def answer(_: InputRequest) -> Any:
            if isinstance(value, Exception):
                raise value
            return value

        with pytest.raises((RuntimeError, LocalError)):
            client.execute("ask()", on_input=answer, timeout=HANG_LIMIT_S)
        assert client.execute("out('next')", timeout=HANG_LIMIT_S).text() == "next"

    def test_output_before_the_question(self, client: Client) -> None:
        """What was printed before a question is shown before it (STDIN-13)."""
        seen: list[str] = []

        def see(received: Received) -> None:
            seen.append(received.msg_type)

        def answer(_: InputRequest) -> str:
            seen.append("question")
            return ""

        client.execute("out('a'); ask()", on_output=see, on_input=answer, timeout=HANG_LIMIT_S)

        assert seen == ["execute_input", "stream", "question"]

    def test_one_identity(self, client: Client, kernel: SmallKernel) -> None:
        """Shell, control and stdin have one identity, the session's id (STDIN-06)."""
        client.execute("ask()", on_input=lambda _: "", timeout=HANG_LIMIT_S)
        client.request(InterruptRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)

        identities = {envelope.identities for envelope in kernel.received}
        assert identities == {(client.session.session.encode(),)}

    def test_no_parent(self, client: Client) -> None:
        """A question without a parent belongs to the only request that can answer."""
        answer = client.execute(
            "out(ask(orphan=True))", on_input=lambda _: "me", timeout=HANG_LIMIT_S
        )

        assert answer.text() == "me"

    def test_left_open(self, client: Client) -> None:
        """No answer is sent for None."""
        code = """
from assay.protocol import InputRequest
question = kernel.session.message(InputRequest(), parent=envelope.header)
kernel.send("stdin", kernel.session.encode(question, envelope.identities))
"""
        exchange = client.start(
            ExecuteRequest(code=code, allow_stdin=True), on_input=lambda _: None
        )
        client.finish(exchange, timeout=HANG_LIMIT_S)
        client.execute("", timeout=HANG_LIMIT_S)

        assert client.waiting(Channel.STDIN) == () or not exchange.prompts.items

    def test_password_as_number(self, client: Client) -> None:
        """A question of a kernel that writes 1 for true is understood."""
        code = """
from assay.protocol import Unknown
question = kernel.session.message(
    Unknown(extra={"prompt": "p", "password": 1}), parent=envelope.header, msg_type="input_request"
)
kernel.send("stdin", kernel.session.encode(question, envelope.identities))
out(kernel.listen().value)
"""
        questions: list[InputRequest] = []

        def answer(question: InputRequest) -> str:
            questions.append(question)
            return "secret"

        answered = client.execute(code, on_input=answer, timeout=HANG_LIMIT_S)

        assert questions == [InputRequest(prompt="p", password=True)]
        assert answered.text() == "secret"

    def test_nobody_listens(self, client: Client) -> None:
        """Without a callback the question goes to the inbox."""
        exchange = client.start(ExecuteRequest(code="out(ask('q'))", allow_stdin=True))
        question = client.receive(Channel.STDIN, HANG_LIMIT_S)
        client.answer_input("by hand", parent=question.header)

        assert question.content == InputRequest(prompt="q")
        assert client.finish(exchange, timeout=HANG_LIMIT_S).text() == "by hand"


class TestOtherMessages:
    """What belongs to no request, is from other versions, or is wrong."""

    def test_inbox(self, client: Client) -> None:
        """What others caused is kept for `receive`, in order."""
        client.waiting(Channel.IOPUB)
        client.execute(
            "from assay.protocol import Stream, StreamName\n"
            "for n in range(3): kernel.publish(Stream(name=StreamName.STDOUT, text=str(n)))",
            timeout=HANG_LIMIT_S,
        )

        found = [client.receive(Channel.IOPUB, HANG_LIMIT_S) for _ in range(3)]
        assert texts(tuple(found)) == ["0", "1", "2"]
        assert found[0].identities == (b"",)

    def test_inbox_is_bounded(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is not received is dropped, the oldest first, and counted; so is what is large."""
        client.waiting(Channel.IOPUB)
        monkeypatch.setattr(inbox_module, "MOST", 2)
        client.execute(
            "from assay.protocol import Stream, StreamName\n"
            "def publish(*texts):\n"
            "    for one in texts: kernel.publish(Stream(name=StreamName.STDOUT, text=one))\n"
            "publish(*'01234')",
            timeout=HANG_LIMIT_S,
        )

        assert texts(client.waiting(Channel.IOPUB)) == ["3", "4"]
        assert client.discarded == 3

    def test_inbox_is_bounded_in_bytes(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is large is dropped as well, wrong or right, but for the newest."""
        client.waiting(Channel.IOPUB)
        monkeypatch.setattr(inbox_module, "MOST_BYTES", 2_500)
        client.execute(
            "for n in 1_000, 1_000, 1_000, 3_000, 1_000: kernel.send('iopub', [b'x' * n])\n"
            "kernel.send('iopub', [b'y' * 1_000])",
            timeout=HANG_LIMIT_S,
        )

        kept = [client.receive_frames(Channel.IOPUB, HANG_LIMIT_S) for _ in range(2)]
        assert kept == [(b"x" * 1_000,), (b"y" * 1_000,)]
        assert [one.frames for one in client.refused] == kept
        assert client.discarded == 4

    @pytest.mark.parametrize("channel", [Channel.IOPUB, Channel.STDIN])
    def test_kernel_that_sends_without_end(
        self, client: Client, monkeypatch: pytest.MonkeyPatch, channel: Channel
    ) -> None:
        """What comes all the time, text or questions, keeps nobody waiting much beyond the time."""
        request = client.start(ExecuteRequest(code=""), on_input=lambda _: "an answer")
        monkeypatch.setattr(client, "_sockets", Flood(client.session, request.request, channel))
        monkeypatch.setattr(deadline_module, "monotonic", count(step=0.01).__next__)

        with pytest.raises(TimedOutError):
            client.finish(request, timeout=5)
        with pytest.raises(TimedOutError):
            client.receive(Channel.CONTROL, 5)
        client.waiting(channel)

    def test_fault(self, client: Client) -> None:
        """A content that does not fit its type arrives with its fault, and all it holds."""
        answer = client.execute(
            "from assay.protocol import Unknown\n"
            "message = kernel.session.message(Unknown(extra={'name': 5}), msg_type='stream',"
            " parent=envelope.header)\n"
            "kernel.send('iopub', kernel.session.encode(message, [b'']))\n",
            timeout=HANG_LIMIT_S,
        )

        [faulty] = [r for r in answer.published if r.fault is not None]
        assert isinstance(faulty.fault, ContentError)
        assert faulty.msg_type == "stream"
        assert faulty.content.extra == {"name": 5}

    @pytest.mark.parametrize(
        "fields",
        [
            {},
            {"date": "2013-05-01T12:00:00.000001", "version": "5.0"},
            {"date": "yesterday", "version": "4.1", "unheard": [1]},
        ],
    )
    def test_headers_of_other_versions(self, client: Client, fields: dict[str, object]) -> None:
        """Headers without a date, a zone or a version are understood."""
        answer = client.execute(
            "import json\n"
            "from assay.protocol import DELIMITER\n"
            f"fields = {fields!r}\n"
            "header = json.dumps({'msg_id': 'x', 'username': 'u', 'session': 's',"
            " 'msg_type': 'stream', **fields}).encode()\n"
            "content = json.dumps({'name': 'stdout', 'text': 'old'}).encode()\n"
            "parts = [header, envelope.header.raw, b'{}', content]\n"
            "frames = [b'stream', DELIMITER, kernel.session.signer.sign(*parts), *parts]\n"
            "kernel.send('iopub', frames)\n",
            timeout=HANG_LIMIT_S,
        )

        assert answer.text() == "old"

    def test_forgery(self, client: Client) -> None:
        """A message with a wrong signature is refused; errors mention it."""
        client.waiting(Channel.IOPUB)
        client.execute(
            "from assay.protocol import DELIMITER\n"
            "kernel.send('iopub', [b't', DELIMITER, b'0' * 64, b'{}', b'{}', b'{}', b'{}'])",
            timeout=HANG_LIMIT_S,
        )
        [refused] = client.refused
        with pytest.raises(TimedOutError) as caught:
            client.receive(Channel.IOPUB, AT_ONCE_S)

        assert isinstance(refused.error, SignatureError)
        assert refused.channel is Channel.IOPUB
        assert "refused so far: 1" in str(caught.value)

    def test_raw_frames(self, client: Client, kernel: SmallKernel) -> None:
        """Wrong bytes can be sent, and what is no message can be looked at."""
        client.waiting(Channel.IOPUB)
        client.send_frames(Channel.SHELL, [b"no", b"message"])
        client.execute("kernel.send('iopub', [b'no', b'sense'])", timeout=HANG_LIMIT_S)

        assert client.receive_frames(Channel.IOPUB, HANG_LIMIT_S) == (b"no", b"sense")
        assert (client.session.session.encode(), b"no", b"message") in kernel.raw

    def test_send_and_receive(self, client: Client) -> None:
        """Messages can be sent and received one by one."""
        request = client.send(KernelInfoRequest())
        reply = client.receive(Channel.SHELL, HANG_LIMIT_S)

        assert isinstance(reply.content, KernelInfoReply)
        assert reply.parent_header is not None
        assert reply.parent_header.msg_id == request.header.msg_id


class TestHeartbeat:
    """The heartbeat."""

    def test_beats(self, client: Client) -> None:
        """A heart that beats comes back, any number of times."""
        for payload in (b"", b"one", b"\0" * 1_000):
            client.beat(payload, timeout=HANG_LIMIT_S)

    def test_no_beat(self) -> None:
        """A heart that does not beat is an error, each time."""
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            nowhere = ConnectionFile(key="", hb_port=held.getsockname()[1])
            with Client(nowhere, channels=[Channel.HB]) as client:
                for _ in range(2):
                    with pytest.raises(TimedOutError, match="a heartbeat"):
                        client.beat(timeout=AT_ONCE_S)


class TestEnds:
    """The end of either side."""

    def test_closed(self, client: Client) -> None:
        """A closed client says that it is closed."""
        client.close()
        client.close()

        calls: list[Callable[[], object]] = [
            lambda: client.send(KernelInfoRequest()),
            lambda: client.receive(Channel.IOPUB, 0),
            lambda: client.execute(""),
            lambda: client.waiting(Channel.SHELL),
            client.beat,
        ]
        for call in calls:
            with pytest.raises(ClosedError):
                call()

    def test_other_channel(self, kernel: SmallKernel) -> None:
        """A channel that was not opened, or cannot be sent on, is an error."""
        with Client(kernel.connection, channels=[Channel.CONTROL]) as client:
            with pytest.raises(TransportError, match="shell was not opened"):
                client.send(KernelInfoRequest())
            with pytest.raises(TransportError, match="carries nothing"):
                client.send_frames(Channel.IOPUB, [b""])

    def test_bad_address(self) -> None:
        """An address that cannot be one is an error at once."""
        with pytest.raises(TransportError, match="cannot connect"):
            Client(ConnectionFile(key="", ip="1:/2", shell_port=1), channels=[Channel.SHELL])

    def test_kernel_ends(self, kernel: SmallKernel) -> None:
        """The end of the kernel's process ends the waiting, after its last words."""
        with (
            Lifeline() as lifeline,
            Client(kernel.connection, lifeline=lifeline) as client,
        ):
            client.wait_until_ready(HANG_LIMIT_S)
            exchange = client.start(
                ExecuteRequest(code="out('last words'); kernel.listen()", allow_stdin=True)
            )
            client.wait_until(
                lambda: "execute_input" in exchange.types, awaited="a start", timeout=HANG_LIMIT_S
            )
            lifeline.cut()
            with pytest.raises(KernelEndedError, match="it is gone"):
                client.finish(exchange, timeout=HANG_LIMIT_S)
            with pytest.raises(KernelEndedError, match="it is gone"):
                client.beat(timeout=HANG_LIMIT_S)
            client.answer_input("")

        assert texts(tuple(exchange.published)) == ["last words"]


@pytest.mark.parametrize("transport", list(Transport))
def test_port_that_the_kernel_has_not_chosen_is_refused(transport: Transport) -> None:
    """A port of 0 is an error at once, for the channels that are opened (CONN-25)."""
    file = ConnectionFile(key="", transport=transport, ip="127.0.0.1", shell_port=1)

    with pytest.raises(TransportError, match=r"^control_port, hb_port: .* found 0"):
        Client(file, channels=[Channel.SHELL, Channel.CONTROL, Channel.HB])
    Client(file, channels=[Channel.SHELL]).close()


@pytest.mark.parametrize("wrong", ["kernel.json", {"shell_port": 1}, None])
def test_what_is_no_connection_file_is_refused(wrong: Any) -> None:
    """Who hands in the path of the file, or what is in it, is told how to read it."""
    for make in (Client, lambda file: RawClient(file, identity=b"i")):
        with pytest.raises(LocalError) as caught:
            make(wrong)

        assert "wanted a ConnectionFile, found a" in str(caught.value)


class Flood:
    """Stands for the sockets of a client whose kernel sends on *channel* without end."""

    def __init__(self, session: Session, request: Message[Content], channel: Channel) -> None:
        kinds = {
            Channel.IOPUB: Stream(name=StreamName.STDOUT, text="x"),
            Channel.STDIN: InputRequest(),
        }
        self.message = session.message(kinds[channel], parent=request.header)
        self.session = session
        self.channel = channel
        self.waits = 0

    def of(self, _: Channel) -> None:
        """Know that each channel is open."""

    def send(self, _: Channel, __: Sequence[Buffer]) -> None:
        """Take an answer, and send on."""

    def wait(self, _: object) -> tuple[Channel, ...]:
        """Have something, each time."""
        self.waits += 1
        assert self.waits < 10_000, "reads without end"
        return (self.channel,)

    def take(self, _: Channel) -> Iterator[tuple[bytes, ...]]:
        """Yield one message."""
        yield tuple(map(bytes, self.session.encode(self.message)))

    def close(self) -> None:
        """Leave the sockets to the fixture."""


def test_a_channel_may_be_named(client: Client) -> None:
    """By its word as by its member; another word is an error at once, and no silence."""
    named: Any = "shell"
    wrong: Any = "shel"

    answer = client.raw_request("kernel_info_request", {}, channel=named, timeout=HANG_LIMIT_S)

    assert isinstance(answer.content, KernelInfoReply)
    assert client.waiting(named) == ()
    for call in (client.waiting, client.receive, lambda c: client.send_frames(c, [])):
        with pytest.raises(TransportError, match=r"wanted a channel, one of 'shell', .*'shel'"):
            call(wrong)


def test_what_has_no_reply_is_no_request(client: Client) -> None:
    """Nobody waits a minute for the answer to a status."""
    with pytest.raises(LocalError, match="wanted a request, found a stream"):
        client.request(Stream(name=StreamName.STDOUT, text=""))
    assert client.execute("", timeout=HANG_LIMIT_S).types


@pytest.mark.parametrize("wrong", ["5", b"5", [5]])
def test_a_timeout_is_a_number(client: Client, wrong: Any) -> None:
    """A word is refused by its name."""
    with pytest.raises(LocalError, match="timeout: wanted seconds, or None for ever, found"):
        client.request(KernelInfoRequest(), timeout=wrong)


class Lifeline:
    """A process that ends when it is asked to."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()

    def __enter__(self) -> Lifeline:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._read)
        os.close(self._write)

    def fileno(self) -> int:
        """Return the descriptor to watch."""
        return self._read

    def ending(self) -> str:
        """Return a sentence."""
        return "it is gone"

    def cut(self) -> None:
        """End."""
        os.write(self._write, b".")


def connections(tmp_path: Path) -> dict[str, ConnectionFile]:
    """Return a connection of each kind."""
    public, secret = zmq.curve_keypair()
    return {
        "tcp": ConnectionFile(key=KEY),
        "no key": ConnectionFile(key=""),
        "sha512": ConnectionFile(key=KEY, signature_scheme="hmac-sha512"),
        "ipc": ConnectionFile(key=KEY, transport=Transport.IPC, ip=str(tmp_path / "s")).with_ports(
            dict(zip(Channel, range(1, 6), strict=True))
        ),
        "curve": ConnectionFile(
            key=KEY, curve_publickey=public.decode(), curve_secretkey=secret.decode()
        ),
        "ipv6": ConnectionFile(key=KEY, ip="::1"),
        "everywhere": ConnectionFile(key=KEY, ip="0.0.0.0"),
    }


@pytest.mark.parametrize("kind", ["tcp", "no key", "sha512", "ipc", "curve", "ipv6", "everywhere"])
def test_kinds_of_connection(kind: str, tmp_path: Path) -> None:
    """Every kind of connection file can be used, on all five channels."""
    if kind == "ipv6" and not _has_ipv6():
        pytest.skip("there is no IPv6 loopback here")
    with (
        SmallKernel(connections(tmp_path)[kind]) as kernel,
        Client(kernel.connection) as client,
    ):
        client.wait_until_ready(HANG_LIMIT_S)
        answer = client.execute("out(ask())", on_input=lambda _: "through", timeout=HANG_LIMIT_S)
        client.request(InterruptRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)
        client.beat(timeout=HANG_LIMIT_S)

    assert answer.text() == "through"


def test_wrong_curve_key(tmp_path: Path) -> None:
    """A client with another server's CURVE key hears nothing."""
    right = connections(tmp_path)["curve"]
    wrong = connections(tmp_path)["curve"]
    with SmallKernel(right) as kernel:
        ports = {channel: kernel.connection.port(channel) for channel in Channel}
        with Client(wrong.with_ports(ports)) as client, pytest.raises(TimedOutError):
            client.wait_until_ready(AT_ONCE_S)

    assert kernel.received == []


@pytest.mark.parametrize("beats", [True, False])
def test_missing_curve_keys(tmp_path: Path, *, beats: bool) -> None:
    """A client without keys of a kernel with some never waits beyond its limit.

    ZeroMQ tries again, or gives the connection up for good, after which sending would wait for
    ever: it depends on which end is faster.
    """
    with SmallKernel(connections(tmp_path)["curve"]) as kernel:
        plain = evolve(kernel.connection, curve_publickey=None, curve_secretkey=None)
        with Client(plain) as client:
            for _ in range(ROUNDS):
                with pytest.raises(TransportError, match=r"CURVE keys|found nothing within"):
                    client.beat(timeout=AT_ONCE_S) if beats else client.wait_until_ready(AT_ONCE_S)

    assert kernel.received == []


def test_header_of_stranger(client: Client) -> None:
    """A reply to a request that was not made goes to the inbox."""
    client.execute(
        "from assay.protocol import Header, InterruptReply, MsgId\n"
        "message = kernel.session.message(InterruptReply(), parent=Header(msg_id=MsgId('?'),"
        " msg_type='interrupt_request'))\n"
        "kernel.send('shell', kernel.session.encode(message, envelope.identities))",
        timeout=HANG_LIMIT_S,
    )

    found = client.receive(Channel.SHELL, HANG_LIMIT_S)
    assert isinstance(found.parent_header, Header)
    assert found.parent_header.msg_id == MsgId("?")


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as attempt:
            attempt.bind(("::1", 0))
    except OSError:
        return False
    return True
