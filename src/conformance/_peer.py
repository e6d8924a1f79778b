"""One client of the kernel under test."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence

from assay.conformance._arrival import Arrival, Object
from assay.conformance._draft import Draft
from assay.conformance._limits import Limits
from assay.conformance._outcome import Skip
from assay.conformance._response import Response
from assay.conformance._traffic import Traffic
from assay.protocol import Channel, ConnectionFile, Sender, Signer
from assay.transport import Lifeline, RawClient, TimedOutError

__all__ = ["Peer"]

LOOK_AGAIN_S = 0.05
"""How long one wait lasts at most before the other clients of the same kernel are looked at."""

NEEDED = frozenset({("execute_request", Channel.SHELL), ("kernel_info_request", Channel.SHELL)})
"""What a kernel has to answer: it is waited for each time."""

IDLE = ("status", Channel.IOPUB)
"""What stands in `Silence` for an idle that does not follow an answer."""


class Peer:
    """A client that sends right and wrong messages, reads everything and refuses nothing.

    Made by `Testee.connect`. All waiting is limited: what must come is waited for `Limits.patience`
    seconds, and a call that waits returns what there is; it does not raise when nothing comes.
    """

    def __init__(
        self,
        connection: ConnectionFile,
        *,
        name: str,
        limits: Limits,
        traffic: Traffic,
        lifeline: Lifeline | None,
        read_all: Callable[[], None],
        observes: bool,
        identity: bytes | None = None,
    ) -> None:
        self.name = name
        self.session = str(uuid.uuid4())
        self.signer = Signer(connection.key.encode(), connection.signature_scheme)

        self.arrivals: list[Arrival] = []
        """Everything that came, on all channels, in the order in which it was read."""

        self._limits = limits
        self._traffic = traffic
        self._read_all = read_all
        self._observes = observes
        self._greets_unseen = False
        self._responses: dict[str, Response] = {}
        self._wire = RawClient(
            connection,
            identity=identity or self.session.encode(),
            lifeline=lifeline,
            followed=(Channel.STDIN,),
        )

    def close(self) -> None:
        """Close the sockets."""
        self._wire.close()

    # Sending

    def draft(self, msg_type: str, content: Object | None = None) -> Draft:
        """Return a right message with a fresh header, which may then be changed."""
        return Draft.make(msg_type, content or {}, session=self.session, username=self.name)

    def send(
        self,
        what: Draft | str,
        content: Object | None = None,
        *,
        channel: Channel = Channel.SHELL,
        wants_reply: bool | None = None,
    ) -> Response:
        """Send a message and return at once; what it brings is added to the returned value.

        Args:
            what: A draft, or a message type.
            content: With a message type.
            channel: Where.
            wants_reply: Whether a reply belongs to it; by default if it is a request.
        """
        draft = what if isinstance(what, Draft) else self.draft(what, content)
        wants = draft.msg_type.endswith("_request") if wants_reply is None else wants_reply
        response = Response(draft, channel, wants_reply=wants)
        self._responses[draft.msg_id] = response
        response.index = self.send_frames(channel, draft.frames(self.signer), judged=draft.judged)
        return response

    def send_frames(
        self, channel: Channel, frames: Sequence[bytes], *, judged: bool = False
    ) -> int:
        """Send *frames* as they are, right or wrong, and return their place in the traffic."""
        # What has arrived by now is older than what is sent: the traffic keeps that order.
        self._read_all()
        index = self._traffic.add(self.name, channel, Sender.CLIENT, tuple(frames), judged=judged)
        self._wire.send(channel, frames)
        return index

    def ask(
        self,
        what: Draft | str,
        content: Object | None = None,
        *,
        channel: Channel = Channel.SHELL,
        wants_reply: bool | None = None,
        timeout: float | None = None,
    ) -> Response:
        """Send a message and wait until its reply and idle have come, or will not come any more.

        The arguments are those of `send` and `finish`.
        """
        response = self.send(what, content, channel=channel, wants_reply=wants_reply)
        return self.finish(response, timeout=timeout)

    def execute(
        self,
        code: str,
        *,
        silent: bool = False,
        store_history: bool = True,
        user_expressions: Object | None = None,
        allow_stdin: bool = False,
        stop_on_error: bool = True,
        wait: bool = True,
        timeout: float | None = None,
    ) -> Response:
        """Run *code*; with *wait*, until its reply and idle have come.

        Raises:
            Skip: the code may ask, and no prompt reaches this client.
        """
        if allow_stdin:
            self.must_be_askable()
        content = {
            "code": code,
            "silent": silent,
            "store_history": store_history,
            "user_expressions": user_expressions or {},
            "allow_stdin": allow_stdin,
            "stop_on_error": stop_on_error,
        }
        response = self.send("execute_request", content)
        return self.finish(response, timeout=timeout) if wait else response

    def answer_input(self, prompt: Arrival, value: str) -> None:
        """Answer an ``input_request``, as its client."""
        draft = self.draft("input_reply", {"value": value})
        self.send(draft.with_parts(parent_header=prompt.header), channel=Channel.STDIN)

    def beat(self, payload: bytes = b"assay", *, timeout: float | None = None) -> bool:
        """Send *payload* to the heartbeat and return whether it came back.

        Raises:
            OutOfTime: the check's time is over, so it had none to come back.
        """
        try:
            self._wire.beat(payload, self._limits.within(timeout))
        except TimedOutError:
            self._limits.require_time()
            return False
        return True

    # Waiting

    def wait_for(self, reached: Callable[[], object], timeout: float | None = None) -> bool:
        """Read what comes until *reached* is true, and return whether it is.

        Args:
            reached: Looked at before the first wait and after each arrival.
            timeout: Seconds; by default the patience with this kernel.

        Raises:
            KernelEndedError: the kernel's process ended.
            OutOfTime: the check has used up its time.
        """
        ends = time.monotonic() + self._limits.within(timeout)
        while not reached():
            left = min(ends - time.monotonic(), self._limits.within(ends - time.monotonic()))
            if left <= 0:
                self._limits.require_time()
                self._read_all()  # what is here by now has come in time
                return bool(reached())
            self._read_all()
            if not reached():
                overslept = self._overslept(min(left, LOOK_AGAIN_S))
                self._limits.forgive(overslept)
                ends += overslept
        return True

    def must_be_askable(self) -> None:
        """Wait until the kernel can send prompts to this client.

        Each channel connects by itself, and a prompt for a client that is not there yet is lost.

        Raises:
            Skip: its stdin does not connect.
        """
        if not self.can_be_asked():
            raise Skip("the client's stdin does not connect (WIRE-01)")

    def can_be_asked(self) -> bool:
        """Wait until the kernel can send prompts to this client, and return whether it can."""
        wire, stdin = self._wire, Channel.STDIN
        if not (self._greets_unseen or self.wait_for(lambda: wire.has_greeted(stdin))):
            # ZeroMQ tells nothing of a greeting by ZMTP 2, which must be over by now.
            self._greets_unseen = wire.is_connected(stdin)
        return self._greets_unseen or wire.has_greeted(stdin)

    def _overslept(self, seconds: float) -> float:
        """Read for up to *seconds*, and return how much longer than that it has taken.

        That much the system has kept this process waiting, and most likely the kernel as well: it
        is not counted against the kernel.
        """
        began = time.monotonic()
        self.read(seconds)
        return max(0.0, time.monotonic() - began - seconds)

    def finish(self, response: Response, *, timeout: float | None = None) -> Response:
        """Wait until the reply and idle of *response* have come, or will not come any more.

        Where one of the two is late, a ``kernel_info_request`` on the same channel follows: once
        that has had its effects here, and a grace has passed, what is missing is not waited for any
        longer.

        Args:
            response: A request that was sent.
            timeout: Seconds for the first of the two; by default the patience with this kernel, and
                no longer than for a further request if the kernel was seen to leave this one out.
        """
        if not self._has_begun(response, timeout):
            return response
        if not self.wait_for(lambda: response.done, self._limits.grace) and self._may_answer(
            response.channel
        ):
            self.quiet(response.channel)
            self.wait_for(lambda: response.done, self._limits.grace)
        return response

    def follow(self, response: Response) -> Response:
        """Wait for the end of *response* for as long as something of it comes, then as `finish`.

        How long much output takes is a matter of the machine; that it goes on shows that it does
        not hang. The patience bounds each piece, and `Limits.prolong` the whole.

        Raises:
            OutOfTime: it went on for too long.
        """
        while not response.done:
            known = len(response.published)
            self._limits.prolong()
            if not self.wait_for(lambda: response.done or len(response.published) > known):  # noqa: B023 - called before the next round
                break
        return self.finish(response)

    def _has_begun(self, response: Response, timeout: float | None) -> bool:
        """Wait until the reply or idle of *response* has come, and return whether it has."""

        def has_come() -> bool:
            return response.ended

        silence, request = self._limits.silence, response.kind
        is_usual = request not in NEEDED and response.draft.judged and timeout is None
        if not (is_usual and request in silence) and self.wait_for(has_come, timeout):
            return True
        if not (is_usual and self._may_answer(response.channel)):
            return False
        # What is behind it is answered: the kernel lives, and leaves this one out.
        if self.fence(response.channel) and not self.wait_for(has_come, self._limits.grace):
            silence.add(request)
        return response.ended

    def fence(self, channel: Channel = Channel.SHELL) -> bool:
        """Ask for the kernel's info on *channel* and return whether the reply came.

        The reply proves that the kernel lives, and that it has dealt with all that this client sent
        before on the same channel.
        """
        self._require_ears(channel)
        response = self.send("kernel_info_request", channel=channel)
        return self.wait_for(lambda: response.replies)

    def quiet(self, channel: Channel = Channel.SHELL, *, timeout: float | None = None) -> bool:
        """Wait until all that was sent before on *channel* has had its effects here.

        For checks that nothing comes: a further request is answered and seen to become idle, and
        what was published before that is here. No sleeping proves that.

        Args:
            channel: Where.
            timeout: Seconds for the answer; by default the patience with this kernel.

        Returns:
            Whether the further request was answered.

        Raises:
            Skip: no such request has ever been answered on control, which may leave it to shell.
        """
        self._require_ears(channel)
        response = self.send("kernel_info_request", channel=channel)
        answered = self.wait_for(lambda: response.replies, timeout)
        # The machine may keep a kernel waiting between the two for longer than any grace.
        silence = self._limits.silence
        patient = answered and IDLE not in silence
        if self.wait_for(lambda: response.done, None if patient else self._limits.grace):
            silence.discard(IDLE)
        elif patient:
            silence.add(IDLE)
        return answered

    def _require_ears(self, channel: Channel) -> None:
        """Skip what rests on answers on control with a kernel that never gave one.

        Each kernel is asked there at its start; one that is deaf from then on was not harmed by
        what the check at hand has sent.
        """
        if not self._may_answer(channel):
            raise Skip("the kernel answers no kernel_info_request on control (INFO-02)")

    def _may_answer(self, channel: Channel) -> bool:
        """Return whether a ``kernel_info_request`` on *channel* has ever been answered."""
        if channel is not Channel.CONTROL or self._traffic.has_answered(channel):
            return True
        silence, request = self._limits.silence, ("kernel_info_request", channel)
        if request in silence:
            return False
        if not self.wait_for(lambda: self._traffic.has_answered(channel)):
            silence.add(request)
            return False
        return True

    def read(self, timeout: float = 0) -> None:
        """Read what has come, or wait *timeout* seconds for something.

        Raises:
            KernelEndedError: the kernel's process ended.
            FloodError: it sends more than can be kept.
        """
        for channel, frames in self._wire.receive(timeout):
            self._traffic.make_room(frames)
            if channel is Channel.IOPUB and not self._observes:
                index = len(self._traffic)
            else:
                client = "" if channel is Channel.IOPUB else self.name
                index = self._traffic.add(client, channel, Sender.KERNEL, frames)
            arrival = Arrival.read(index, channel, frames)
            self.arrivals.append(arrival)
            if (response := self._responses.get(arrival.parent_id)) is not None:
                response.add(arrival)
                if response.ended:
                    self._limits.silence.discard(response.kind)

    @property
    def asked(self) -> tuple[Response, ...]:
        """Everything that was sent as a message of its own, answers to prompts left out."""
        return tuple(one for one in self._responses.values() if one.channel is not Channel.STDIN)

    def on(self, channel: Channel) -> tuple[Arrival, ...]:
        """Return everything that came on *channel*, in order."""
        return tuple(one for one in self.arrivals if one.channel is channel)
