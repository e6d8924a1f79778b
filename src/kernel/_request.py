"""A request while it is being handled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from assay.protocol import Channel, Content, Envelope, Header, JsonObject, ProtocolError

__all__ = ["NoInputError", "Request"]


class NoInputError(ProtocolError):
    """The request's client cannot answer prompts (STDIN-03, STDIN-04)."""


class Request:
    """One request: where it came from, what it wants, how far it is.

    Args:
        channel: Where it came from.
        envelope: What came.
        finished: It is over.
    """

    def __init__(self, channel: Channel, envelope: Envelope, *, finished: bool = False) -> None:
        self.channel = channel
        self.envelope = envelope

        self.parent = envelope.header.raw or _encoded(envelope.header)
        """The header as it came: the parent header of everything this request causes (HDR-15)."""

        self.silent = False
        """Nothing but status is to be published (EXEC-04, AMB-08); known when its turn comes."""

        self.allow_stdin = False
        """The client answers input_request (EXEC-15); known when its turn comes."""

        self.aborted = False
        """An earlier request failed, and this one waited behind it (EXEC-20)."""

        self.number = 0
        """What the results of its cell are numbered with (AMB-07); 0 before it runs."""

        self.error: Content | None = None
        """The `Error` that was published in the thread that runs the cell and has ended it, if any
        has; not one that its code has caught and shown."""

        self.result_error: Content | None = None
        """The `Error` that was published because the result of its cell could not be shown."""

        self.is_deferred = False
        """Its handler leaves reply and idle to another thread, which sends both later."""

        self.run: object = None
        """What the interpreter keeps of the cell while it runs."""

        self.thread = 0
        """The thread of the subshell that handles it; 0 in the main shell."""

        self.started: datetime | None = None
        """When its turn came, aware; only an engine notes it."""

        self.finished = finished
        """Idle has been published; no client answers its prompts any more."""

    @property
    def header(self) -> Header:
        """The request's header."""
        return self.envelope.header

    @property
    def subshell_id(self) -> str | None:
        """The subshell that it is for; None is the main shell (SUBSHELL-07)."""
        found = self.envelope.header.subshell_id
        return found if isinstance(found, str) else None

    @property
    def may_prompt(self) -> bool:
        """True while the client is there to answer an input_request (EXEC-15)."""
        return self.allow_stdin and not self.finished

    def as_json(self) -> dict[str, JsonObject]:
        """Return the request as libraries of the Jupyter world know it: a dict of its parts."""
        from assay.protocol import unstructure  # noqa: PLC0415 - asked for by few programs

        return {
            "header": unstructure(self.header),
            "metadata": dict(self.envelope.metadata),
            "content": self.envelope.content,
        }

    @classmethod
    def from_json(cls, parts: object) -> Request:
        """Return the request, which is over, that *parts* tells of as `as_json` does.

        Raises:
            ContentError: it is no dict, has no header, or one that is none.
        """
        from assay.protocol import ContentError, Json, structure  # noqa: PLC0415 - as above

        if not isinstance(parts, Mapping):
            raise ContentError(f"wanted a request, as get_parent() returns it, found {parts!r:.60}")

        def part(name: str) -> JsonObject:
            found: Json = parts.get(name)
            return found if isinstance(found, Mapping) else {}

        envelope = Envelope(
            identities=(),
            header=structure(Header, part("header")),
            parent_header=None,
            metadata=part("metadata"),
            content=part("content"),
            buffers=(),
        )
        return cls(Channel.SHELL, envelope, finished=True)


def _encoded(header: Header) -> bytes:
    from assay.protocol import encode_json, unstructure  # noqa: PLC0415 - only for `Parents.resolve_parent`

    return encode_json(unstructure(header))
