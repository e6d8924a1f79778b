"""Publish on IOPub for the request that the running code belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from assay.kernel._request import Request
from assay.kernel.output._parents import Parents
from assay.protocol import (
    EMPTY_OBJECT,
    Buffer,
    Channel,
    Content,
    Json,
    Session,
    StreamName,
)
from assay.transport import OutboundLog, Record, Run, When

__all__ = ["Output"]

COMM_TYPES = frozenset({"comm_open", "comm_msg", "comm_close"})
"""What concerns an object that outlives its cell. Clients take such messages from the cell that
runs, and look at none that is over (nbclient)."""

EXPECTED_FROM_SILENT = COMM_TYPES | {"debug_event"}
"""What a silent request still publishes: these are no output, and their receiver would be lost
without them."""


class Output:
    """Publish on IOPub on behalf of whichever request the running code belongs to."""

    def __init__(
        self,
        log: OutboundLog,
        session: Session,
        parents: Parents,
        topic: Callable[[str], bytes],
        *,
        publish_silent: bool = False,
    ) -> None:
        self._log = log
        self._session = session
        self._parents = parents
        self._topic = topic
        self._publish_silent = publish_silent
        self.errors_are_muted = False
        """True once `mute_errors` has been called."""
        self.forked = False
        """True in a child process, whose output goes to the captured descriptors instead."""

    def after_fork(self) -> None:
        """Know that this is a child process."""
        self.forked = True
        self._log.after_fork()

    def mute_errors(self) -> None:
        """Publish no `Error` from now on: the code that runs is being ended, and did not fail."""
        self.errors_are_muted = True

    def publish(
        self,
        content: Content,
        *,
        metadata: Mapping[str, Json] | None = None,
        buffers: Sequence[Buffer] = (),
        parent: Request | None = None,
        when: When = When.SOON,
    ) -> None:
        """Publish *content*; nothing happens for a silent request.

        Args:
            content: One of IOPub's contents.
            metadata: Free for extensions.
            buffers: Raw bytes that go along.
            parent: The request that caused it; by default that of the running code.
            when: How long it may wait for what follows.
        """
        request = parent or self._parents.current()
        if parent is None and content.msg_type in COMM_TYPES:
            request = self._parents.not_finished(request)
        self.publish_for(request, content, metadata=metadata, buffers=buffers, when=when)

    def publish_for(
        self,
        request: Request | None,
        content: Content,
        *,
        metadata: Mapping[str, Json] | None = None,
        buffers: Sequence[Buffer] = (),
        when: When = When.SOON,
    ) -> None:
        """Publish *content* as `publish` does, for *request*, or for none if that is None."""
        if self._is_muted(request) and content.msg_type not in EXPECTED_FROM_SILENT:
            return
        if self.forked or (self.errors_are_muted and content.msg_type == "error"):
            return
        frames = self._session.pack(
            content,
            parent=request.parent if request is not None else EMPTY_OBJECT,
            metadata=metadata,
            buffers=buffers,
            identities=(self._topic(content.msg_type),),
        )
        self._log.post(Channel.IOPUB, frames, when)

    def warn(self, request: Request, text: str) -> None:
        """Publish *text* on the standard error of *request*, which may run in another thread."""
        from assay.protocol import Stream  # noqa: PLC0415 - few cells need it

        self.publish(Stream(name=StreamName.STDERR, text=text), parent=request)

    def write(self, name: StreamName, text: str, record: Record | None = None) -> Run | None:
        """Publish *text* of a stream; return where more of it may go (`OutboundLog.write`)."""
        request = self._parents.current()
        if self._is_muted(request):
            return None
        parent = request.parent if request is not None else EMPTY_OBJECT
        return self._log.write(name, parent, text, record)

    def write_captured(self, name: StreamName, text: str) -> None:
        """Publish *text* that came by a descriptor: what is written next stands behind it."""
        self._log.part_lines()
        self.write(name, text)

    def is_sender(self, thread: int) -> bool:
        """Return True for the thread that sends, which must not wait for what others write."""
        return thread == self._log.owner

    def _is_muted(self, request: Request | None) -> bool:
        return request is not None and request.silent and not self._publish_silent
