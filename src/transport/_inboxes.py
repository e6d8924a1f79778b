"""What a client has been sent: sorted by the request that it belongs to."""

from __future__ import annotations

from collections import deque

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

__all__ = ["Inboxes", "read"]

UNCLAIMED = 10_000
"""Messages kept on each channel for `receive`; what is older is dropped, and counted."""

REFUSED = 100


class Inboxes:
    """What belongs to a request in flight goes to that request, all else to its channel's inbox."""

    def __init__(self) -> None:
        self.welcomed = False
        """True once IOPub has welcomed a subscription."""

        self.refused: deque[Refused] = deque(maxlen=REFUSED)
        """The newest frames that were no message, or none to trust."""

        self.discarded = 0
        """Messages that were not received in time; see `UNCLAIMED`."""

        self.exchanges: dict[MsgId, Exchange] = {}
        """The requests in flight."""

        self._of_channel: dict[Channel, deque[Received | Refused]] = {c: deque() for c in Channel}

    def of(self, channel: Channel) -> deque[Received | Refused]:
        """Return the inbox of *channel*, oldest first."""
        return self._of_channel[channel]

    def sort(self, item: Received | Refused) -> None:
        """Put *item* where it belongs."""
        if isinstance(item, Refused):
            self.refused.append(item)
            self._keep(item)
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

    def drop_parents(self, channel: Channel, msg_type: str, mine: SessionId) -> None:
        """Drop what requests of session *mine* have left in the inbox of *channel*."""
        inbox = self.of(channel)
        kept = [item for item in inbox if not _is_child(item, msg_type, mine)]
        inbox.clear()
        inbox.extend(kept)

    def _keep(self, item: Received | Refused) -> None:
        inbox = self.of(item.channel)
        inbox.append(item)
        if len(inbox) > UNCLAIMED:
            inbox.popleft()
            self.discarded += 1

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
