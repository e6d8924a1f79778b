"""What a client has been sent: sorted by the request that it belongs to."""

from __future__ import annotations

from assay.protocol import (
    Channel,
    Content,
    ContentError,
    IopubWelcome,
    Message,
    MsgId,
    RemoteError,
    Session,
    SessionId,
    Unknown,
    structure_content,
)
from assay.transport._answer import Received, Refused
from assay.transport._exchange import Exchange
from assay.transport._inbox import Inbox

__all__ = ["Inboxes", "read"]


class Inboxes:
    """What belongs to a request in flight goes to that request, all else to its channel's inbox."""

    def __init__(self) -> None:
        self.welcomed = False
        """True once IOPub has welcomed a subscription."""

        self.refused = Inbox[Refused]()
        """The newest frames that were no message, or none to trust."""

        self.exchanges: dict[MsgId, Exchange] = {}
        """The requests in flight."""

        self._of_channel = {c: Inbox[Received | Refused]() for c in Channel}

    @property
    def discarded(self) -> int:
        """Messages that were not received in time."""
        return sum(inbox.dropped for inbox in self._of_channel.values())

    def of(self, channel: Channel) -> Inbox[Received | Refused]:
        """Return the inbox of *channel*."""
        return self._of_channel[channel]

    def sort(self, item: Received | Refused) -> None:
        """Put *item* where it belongs."""
        if isinstance(item, Refused):
            self.refused.put(item)
            self.of(item.channel).put(item)
            return
        if item.channel is Channel.IOPUB and isinstance(item.content, IopubWelcome):
            self.welcomed = True
        parent = item.parent_header
        exchange = self.exchanges.get(parent.msg_id) if parent is not None else None
        match item.channel:
            case Channel.IOPUB if exchange is not None:
                exchange.publish(item)
            case Channel.STDIN if (asked := exchange or self._only_listener()) is not None and (
                asked.on_input is not None
            ):
                asked.prompts.put(item)
            case Channel.SHELL | Channel.CONTROL if (
                exchange is not None
                and exchange.wants_reply
                and exchange.reply is None
                and exchange.channel is item.channel
            ):
                exchange.reply = item
            case _:
                self.of(item.channel).put(item)

    def drop_parents(self, channel: Channel, msg_type: str, mine: SessionId) -> None:
        """Drop what requests of session *mine* have left in the inbox of *channel*."""
        self.of(channel).take_if(lambda item: _is_child(item, msg_type, mine))

    def _only_listener(self) -> Exchange | None:
        """Return the request that a prompt without a parent is for; None if several may be."""
        listeners = [e for e in self.exchanges.values() if e.on_input is not None]
        return listeners[0] if len(listeners) == 1 else None


def read(session: Session, channel: Channel, frames: tuple[bytes, ...]) -> Received | Refused:
    """Return what *frames* say, or why they are refused."""
    try:
        envelope = session.open(frames)
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


def _is_child(item: Received | Refused, msg_type: str, session: SessionId) -> bool:
    if isinstance(item, Refused) or item.parent_header is None:
        return False
    parent = item.parent_header
    return parent.msg_type == msg_type and parent.session == session
