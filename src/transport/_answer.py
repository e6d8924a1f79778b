"""What a client gets: messages with the way they came, and all that one request brought."""

from __future__ import annotations

from typing import TypeVar

from attrs import field, frozen

from assay.protocol import (
    Channel,
    Content,
    ContentError,
    Header,
    Message,
    RemoteError,
    Stream,
    StreamName,
)

__all__ = ["Answer", "Received", "Refused"]

C = TypeVar("C", bound=Content)


@frozen(kw_only=True)
class Received:
    """A trusted message, and what is worth knowing of its way."""

    channel: Channel

    identities: tuple[bytes, ...]
    """What stood before the delimiter; on IOPub the topic."""

    message: Message[Content]

    fault: ContentError | None = None
    """Why the content is not of its type's class; it is then an `Unknown` that holds all of it."""

    frames: tuple[bytes, ...] = field(repr=False)
    """The frames as they came."""

    @property
    def header(self) -> Header:
        """The message's header."""
        return self.message.header

    @property
    def msg_type(self) -> str:
        """The message's type, from its header."""
        return self.message.header.msg_type

    @property
    def parent_header(self) -> Header | None:
        """The header of the message that caused this one."""
        return self.message.parent_header

    @property
    def content(self) -> Content:
        """The message's content."""
        return self.message.content


@frozen(kw_only=True)
class Refused:
    """Frames that are no message, or none to trust."""

    channel: Channel
    error: RemoteError
    frames: tuple[bytes, ...] = field(repr=False)


@frozen(kw_only=True)
class Answer:
    """The reply to one request, and in order everything that was published for it."""

    request: Message[Content]
    reply: Received

    published: tuple[Received, ...]
    """Everything on IOPub whose parent is the request, from busy to idle, both included."""

    @property
    def content(self) -> Content:
        """The content of the reply."""
        return self.reply.content

    @property
    def types(self) -> tuple[str, ...]:
        """The types of the published messages, in order."""
        return tuple(received.msg_type for received in self.published)

    def contents(self, kind: type[C]) -> tuple[C, ...]:
        """Return the published contents of class *kind*, in order."""
        contents = (received.content for received in self.published)
        return tuple(content for content in contents if isinstance(content, kind))

    def text(self, stream: StreamName = StreamName.STDOUT) -> str:
        """Return all that the request wrote to *stream*."""
        return "".join(part.text for part in self.contents(Stream) if part.name is stream)
