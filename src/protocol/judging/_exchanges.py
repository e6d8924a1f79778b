"""A recorded conversation sorted by cause: each request with all that it brought."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import define, field, frozen

from assay.protocol._errors import shorten
from assay.protocol.judging._content_rules import failed
from assay.protocol.judging._finding import Finding, Severity, finding
from assay.protocol.judging._parts import AnyMessage, Parts, text_in
from assay.protocol.wire._registry import Channel, Sender, channel_named, reply_type, sender_named
from assay.protocol.wire._structure import with_article

__all__ = ["Conversation", "Recorded", "RecordedExchange", "Seen"]

ANSWERING = (Channel.SHELL, Channel.CONTROL)
"""Where requests are asked and answered."""

REPLY_NEEDED = {
    ("execute_request", Channel.SHELL): "EXEC-16",
    ("execute_request", Channel.CONTROL): "EXEC-16",
    ("kernel_info_request", Channel.SHELL): "INFO-01",
    ("kernel_info_request", Channel.CONTROL): "INFO-02",
    ("shutdown_request", Channel.CONTROL): "CTRL-04",
}
"""What a kernel may not leave unanswered; for the others see WIRE-22."""


@frozen(kw_only=True)
class Recorded:
    """One message of a conversation, and the circumstances under which it was seen."""

    index: int
    """The place in the order of time, as one observer saw it; each number once."""

    channel: Channel = field(converter=channel_named)
    """Where it was seen; the text ``"shell"`` will do, as a recording in a file has it."""

    sender: Sender = field(converter=sender_named)
    """Who sent it: the client or the kernel, or the text ``"client"`` or ``"kernel"``."""

    message: AnyMessage
    """As for `validate`. With the frames that a ROUTER saw, the identities are judged too."""

    client: str = ""
    """Which client is at the other end, in a name of the recorder's; IOPub has none.

    One observer receives IOPub for all clients: it is recorded once.
    """


@frozen(kw_only=True, eq=False)
class Seen:
    """A record, taken apart."""

    index: int
    channel: Channel
    sender: Sender
    client: str
    parts: Parts

    @property
    def msg_type(self) -> str:
        """The type in the header."""
        return self.parts.msg_type

    @property
    def content(self) -> Mapping[str, object]:
        """The content, which may be anything."""
        return self.parts.content

    @property
    def peer(self) -> tuple[str, tuple[bytes, ...]]:
        """The client at the other end."""
        return self.client, self.parts.identities or ()

    @property
    def state(self) -> str:
        """The state that a status message tells; empty for others."""
        return text_in(self.content, "execution_state") if self.msg_type == "status" else ""


@define(kw_only=True, eq=False)
class RecordedExchange:
    """A client's message on shell or control, and all that names it as its cause."""

    request: Seen
    reply: Seen | None = None
    published: list[Seen] = field(factory=list)
    prompts: list[Seen] = field(factory=list)

    @property
    def msg_type(self) -> str:
        """The type of the request."""
        return self.request.msg_type

    @property
    def wants_reply(self) -> bool:
        """Whether the type is one that can have a reply."""
        return self.msg_type.endswith("_request")

    @property
    def busy(self) -> Seen | None:
        """The first busy."""
        return next((one for one in self.published if one.state == "busy"), None)

    @property
    def idle(self) -> Seen | None:
        """The first idle."""
        return next((one for one in self.published if one.state == "idle"), None)

    @property
    def lane(self) -> tuple[Channel, str]:
        """The queue it waits in: control, the main shell, or a subshell (SHELL-15)."""
        return self.request.channel, text_in(self.request.parts.header, "subshell_id")

    @property
    def began(self) -> int:
        """When the kernel began with it, as far as one can see."""
        first = self.busy or (self.published[0] if self.published else self.reply)
        return (first or self.request).index

    @property
    def ended(self) -> int:
        """When the last that is known of it was seen."""
        seen = [self.request, *self.published, *([self.reply] if self.reply else [])]
        return max(one.index for one in seen)

    def first(self, msg_type: str) -> Seen | None:
        """Return the first published message of *msg_type*."""
        return next(self.all(msg_type), None)

    def all(self, msg_type: str) -> Iterator[Seen]:
        """Yield the published messages of *msg_type*."""
        return (one for one in self.published if one.msg_type == msg_type)

    @property
    def failed(self) -> bool:
        """Whether the reply says error or aborted."""
        return self.reply is not None and failed(self.reply.msg_type, self.reply.content)

    @property
    def aborted(self) -> bool:
        """Whether the reply says that the request was dropped from the queue (AMB-01)."""
        if self.reply is None or not self.failed or self.first("execute_input") is not None:
            return False
        named = "abort" in text_in(self.reply.content, "ename").lower()
        return named or text_in(self.reply.content, "status") in {"aborted", "abort"}


class Conversation:
    """The exchanges of a conversation, in the order of the requests.

    Args:
        seen: The records in the order of time.
        complete: Whether it was recorded from the kernel's start to its end: then what a message
            refers to was seen, and what is missing did not happen.
    """

    def __init__(self, seen: Sequence[Seen], *, complete: bool) -> None:
        self.seen = seen
        self.complete = complete
        self.found: list[Finding] = []
        self.exchanges: dict[str, RecordedExchange] = {
            one.parts.msg_id: RecordedExchange(request=one)
            for one in seen
            if one.sender is Sender.CLIENT and one.channel in ANSWERING
        }
        self.clients = {text_in(e.request.parts.header, "session") for e in self.exchanges.values()}
        for one in seen:
            if one.sender is Sender.KERNEL and one.channel in {Channel.IOPUB, Channel.STDIN}:
                self._sort(one)
        self._pair([one for one in seen if _is_answer(one)])
        self._miss()

    def __iter__(self) -> Iterator[RecordedExchange]:
        return iter(self.exchanges.values())

    def of(self, *msg_types: str) -> Iterator[RecordedExchange]:
        """Yield the exchanges that began with one of *msg_types*."""
        return (one for one in self if one.msg_type in msg_types)

    def note(
        self,
        rule: str,
        path: str,
        wanted: str,
        got: str,
        *records: Seen,
        severity: Severity | None = None,
    ) -> None:
        """Add a finding about *records*, as severe as its requirement if nothing else is given."""
        places = tuple(one.index for one in records)
        self.found.append(finding(rule, path, wanted, got, places, severity=severity))

    def _sort(self, one: Seen) -> None:
        exchange = self.exchanges.get(one.parts.parent_id)
        if one.msg_type == "iopub_welcome":
            return
        if exchange is not None:
            (exchange.prompts if one.msg_type == "input_request" else exchange.published).append(
                one
            )
        elif one.msg_type == "input_request":
            if self.complete and one.parts.parent_header:
                self._unknown_parent("STDIN-07", one)
        elif self.complete and text_in(one.parts.parent_header, "session") in self.clients:
            self._unknown_parent("HDR-13", one)

    def _unknown_parent(self, rule: str, one: Seen) -> None:
        got = f"the id {shorten(one.parts.parent_id)}, which none has"
        self.note(rule, "parent_header.msg_id", "the id of a request", got, one)

    def _pair(self, answers: Iterable[Seen]) -> None:
        """Give each reply to its request: what fits first, then what can only be meant."""
        rest = []
        for one in answers:
            exchange = self.exchanges.get(one.parts.parent_id)
            if exchange is not None and exchange.reply is None and _fits(exchange, one, where=True):
                exchange.reply = one
            else:
                rest.append(one)
        for one in rest:
            self._explain(one, self.exchanges.get(one.parts.parent_id))

    def _explain(self, one: Seen, exchange: RecordedExchange | None) -> None:
        if exchange is not None and exchange.reply is None and _fits(exchange, one, where=False):
            exchange.reply = one
            wanted = f"{exchange.request.channel}, to the client that asked"
            self.note("WIRE-16", "channel", wanted, _place(one), exchange.request, one)
            return
        meant = self._meant(one) if self.complete or exchange is not None else None
        if meant is not None:
            meant.reply = one
            if one.parts.parent_header:  # its absence is a finding of the message
                got = f"that of {shorten(one.parts.parent_id)}"
                wanted = "the header of its request"
                self.note("HDR-12", "parent_header", wanted, got, meant.request, one)
        elif exchange is None:
            if self.complete and one.parts.parent_header:
                self._unknown_parent("HDR-12", one)
        else:
            self._superfluous(exchange, one)

    def _meant(self, one: Seen) -> RecordedExchange | None:
        """Return the first request that the reply *one* may be for, though it names another."""
        return next(
            (
                other
                for other in self
                if other.reply is None
                and other.request.index < one.index
                and _fits(other, one, where=True)
            ),
            None,
        )

    def _superfluous(self, exchange: RecordedExchange, one: Seen) -> None:
        if exchange.reply is None and exchange.wants_reply:
            exchange.reply = one
        asked = exchange.request
        if exchange.msg_type.startswith("comm_") and not exchange.wants_reply:
            self.note("COMM-04", "header.msg_type", "no reply", one.msg_type, asked, one)
        elif exchange.wants_reply and one.msg_type != reply_type(exchange.msg_type):
            wanted = reply_type(exchange.msg_type)
            self.note("SHELL-03", "header.msg_type", wanted, shorten(one.msg_type), asked, one)
        else:
            earlier = [exchange.reply] if exchange.reply is not None else []
            self.note("SHELL-14", "header", "one reply", "another one", asked, *earlier, one)

    def _miss(self) -> None:
        answered = {one.msg_type for one in self if one.reply is not None}
        for one in self:
            if one.reply is not None or not one.wants_reply or self.is_open(one):
                continue
            rule = REPLY_NEEDED.get((one.msg_type, one.request.channel))
            if rule is None and one.msg_type in answered:
                rule = "SHELL-14"
            if rule is not None:
                self.note(
                    rule, "header", with_article(reply_type(one.msg_type)), "none", one.request
                )

    def is_open(self, one: RecordedExchange) -> bool:
        """Return whether the recording, or the kernel, ended before *one* could.

        A shutdown cuts off what waits or runs. Not, however, what was followed in its own queue by
        something that was begun.
        """
        if not self.complete:
            return one.idle is None or (one.reply is None and one.wants_reply)
        if one.idle is not None or one.reply is not None:
            return False
        asked = one.request.index
        later = [other for other in self if asked < other.request.index]
        if any(other.lane == one.lane and (other.busy or other.reply) for other in later):
            return False
        return any(other.msg_type == "shutdown_request" and other.reply for other in later)


def _is_answer(one: Seen) -> bool:
    if one.sender is not Sender.KERNEL or not one.msg_type.endswith("_reply"):
        return False
    return one.channel is not Channel.IOPUB or one.msg_type != "shutdown_reply"


def _fits(exchange: RecordedExchange, one: Seen, *, where: bool) -> bool:
    if not exchange.wants_reply or one.msg_type != reply_type(exchange.msg_type):
        return False
    request = exchange.request
    return not where or (one.channel is request.channel and one.peer == request.peer)


def _place(one: Seen) -> str:
    client, identities = one.peer
    to = ", ".join(part for part in (client, *map(shorten, identities)) if part)
    return f"{one.channel}, to {to}" if to else str(one.channel)
