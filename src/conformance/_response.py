"""All that one request has brought."""

from __future__ import annotations

from assay.conformance._arrival import Arrival, Object
from assay.conformance._draft import Draft
from assay.conformance._outcome import Skip
from assay.protocol import Channel

__all__ = ["Response"]


class Response:
    """A request that was sent, and every message of the kernel that names it as its parent.

    It goes on growing while its `Peer` reads. Nothing is refused: a second reply, one on another
    channel and what follows idle are all here.
    """

    def __init__(self, draft: Draft, channel: Channel, *, wants_reply: bool) -> None:
        self.draft = draft
        self.channel = channel
        self.wants_reply = wants_reply

        self.index = 0
        """The place of the request in the traffic of the kernel under test."""

        self.replies: list[Arrival] = []
        """What came on shell and control, in order."""

        self.published: list[Arrival] = []
        """What came on IOPub, in order."""

        self.prompts: list[Arrival] = []
        """What came on stdin, in order."""

        self.busy: Arrival | None = None
        """The first busy."""

        self.idle: Arrival | None = None
        """The first idle. It is looked at behind each of thousands of outputs, so not searched."""

    @property
    def msg_id(self) -> str:
        """The id of the request."""
        return self.draft.msg_id

    @property
    def kind(self) -> tuple[str, Channel]:
        """What is asked, and where."""
        return self.draft.msg_type, self.channel

    @property
    def header(self) -> Object:
        """The header of the request; empty if it was replaced by bytes."""
        return self.draft.header if not isinstance(self.draft.header, bytes) else {}

    @property
    def reply(self) -> Arrival | None:
        """The first reply."""
        return self.replies[0] if self.replies else None

    @property
    def done(self) -> bool:
        """True once idle, and the reply if there is to be one, have come."""
        return self.idle is not None and (bool(self.replies) or not self.wants_reply)

    @property
    def is_cell(self) -> bool:
        """True for an ``execute_request``."""
        return self.draft.msg_type == "execute_request"

    @property
    def ended(self) -> bool:
        """True once idle or a reply has come."""
        return self.idle is not None or bool(self.replies)

    @property
    def types(self) -> tuple[str, ...]:
        """The types of what was published; a status carries its state: ``status:busy``."""
        return tuple(
            f"status:{one.state}" if one.msg_type == "status" else one.msg_type
            for one in self.published
        )

    @property
    def status(self) -> object:
        """The status of the reply; None if there is no reply."""
        return None if self.reply is None else self.reply.status

    @property
    def answer(self) -> str:
        """How it was answered, in words: ``no reply``, ``status 'error'``."""
        return "no reply" if self.reply is None else f"status {self.status!r}"

    def replied(self) -> Arrival:
        """Return the reply.

        Raises:
            Skip: there is none, and so nothing to judge. That a reply must come is for the checks
                of SHELL-14, EXEC-16 and their kin.
        """
        if self.reply is None:
            raise Skip(f"the kernel did not reply to the {self.draft.msg_type}")
        return self.reply

    def succeeded(self) -> Arrival:
        """Return the reply, whose status is ``ok``.

        Raises:
            Skip: there is none, or it has another status; there is nothing to judge.
        """
        reply = self.replied()
        if reply.status != "ok":
            what = f"the reply to the {self.draft.msg_type} has status {reply.status!r}"
            raise Skip(f"{what}: {reply.text('ename')} {reply.text('evalue')}".rstrip(": "))
        return reply

    def of_type(self, msg_type: str) -> tuple[Arrival, ...]:
        """Return the published messages of one type, in order."""
        return tuple(one for one in self.published if one.msg_type == msg_type)

    def text(self, stream: str = "stdout") -> str:
        """Return all that was written to *stream*."""
        parts = self.of_type("stream")
        return "".join(one.text("text") for one in parts if one.content.get("name") == stream)

    def add(self, arrival: Arrival) -> None:
        """Take a message that names this request as its parent."""
        match arrival.channel:
            case Channel.IOPUB:
                self.published.append(arrival)
                if arrival.state == "busy" and self.busy is None:
                    self.busy = arrival
                if arrival.state == "idle" and self.idle is None:
                    self.idle = arrival
            case Channel.STDIN:
                self.prompts.append(arrival)
            case _:
                self.replies.append(arrival)
