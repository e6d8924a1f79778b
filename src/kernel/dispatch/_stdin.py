"""Ask the person in front of the client: input_request and its reply."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from queue import Empty, SimpleQueue

from assay.kernel._request import NoInputError, Request
from assay.protocol import (
    Channel,
    ContentError,
    Envelope,
    Session,
    decode_json,
)
from assay.transport import OutboundLog, get_logger

__all__ = ["Prompter"]

logger = get_logger("assay.kernel")

LOOK_UP_S = 0.25
"""A signal that comes just before we wait ends no wait, nor does the end of the request: either is
found this much later."""


class Prompter:
    """Send prompts and match the answers.

    Only the client that was asked may answer, only with an input_reply, and if the reply names a
    parent it must be this prompt (STDIN-11, AMB-42). What comes while no prompt waits is stale.
    Each shell has one prompt at a time, and subshells have theirs beside each other (SUBSHELL-14);
    an answer that names no parent is for the oldest of its client's.

    Args:
        log: Takes the prompts; calls functions in the I/O thread.
        session: Signs the prompts.
        drain_stdin: Receives all that has come by stdin; called in the I/O thread.
        make_lock: Returns a lock: prompts of several threads of one shell wait for each other.
    """

    def __init__(
        self,
        log: OutboundLog,
        session: Session,
        drain_stdin: Callable[[], None],
        make_lock: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self._log = log
        self._session = session
        self._drain_stdin = drain_stdin
        self._make_lock = make_lock
        self._locks: dict[str | None, AbstractContextManager[object]] = {}
        self._asked: list[_Asked] = []
        """The prompts that wait for an answer, oldest first; for the I/O thread alone."""

    def ask(self, request: Request | None, prompt: str, *, password: bool = False) -> str:
        """Return the line that the client of *request* gives; waits for it.

        Raises:
            NoInputError: the request does not allow input, or is over.
            EOFError: the client sent the end of the input.
        """
        if request is None or not request.may_prompt:
            raise NoInputError(
                "wanted a client that answers prompts, found a request that does not allow stdin",
                requirement="STDIN-03",
            )
        with self._turn_of(request.subshell_id):
            from assay.protocol import END_OF_INPUT, InputRequest  # noqa: PLC0415 - few cells ask

            frames = self._session.pack(
                InputRequest(prompt=prompt, password=password),
                parent=request.parent,
                identities=request.envelope.identities,
            )
            header = decode_json(bytes(frames[len(request.envelope.identities) + 2]))
            asked = _Asked(request.envelope.identities, header)
            # In the I/O thread: what has come by now answers an earlier prompt and is dropped.
            self._log.call(lambda: self._expect(asked))
            self._log.post(Channel.STDIN, frames)
            try:
                value = asked.wait(request)
            except BaseException:  # an interrupt, for example
                self._log.call(lambda: self._withdraw(asked))
                raise
        if value == END_OF_INPUT:
            raise EOFError
        return value

    def receive(self, envelope: Envelope) -> None:
        """Take a message that came by stdin; in the I/O thread."""
        faults = [(asked, asked.mismatch(envelope)) for asked in self._asked]
        asked = next((asked for asked, fault in faults if not fault), None)
        if asked is None:
            fault = faults[0][1] if faults else "wanted no input, found some"
            logger.warning("stdin: dropped %.80s: %s", envelope.header.msg_type, fault)
            return
        try:
            content = envelope.message().content
        except ContentError as error:
            logger.warning("stdin: dropped an input_reply: %s", error.without_values)
            return
        from assay.protocol import InputReply  # noqa: PLC0415 - few cells ask

        if isinstance(content, InputReply):
            self._asked.remove(asked)
            asked.answers.put(content.value)

    def _expect(self, asked: _Asked) -> None:
        self._drain_stdin()
        self._asked.append(asked)

    def _withdraw(self, asked: _Asked) -> None:
        if asked in self._asked:
            self._asked.remove(asked)

    def _turn_of(self, subshell_id: str | None) -> AbstractContextManager[object]:
        return self._locks.setdefault(subshell_id, self._make_lock())

    def forget(self, subshell_id: str) -> None:
        """Let go of what a subshell needed that is gone; in the I/O thread."""
        self._locks.pop(subshell_id, None)


class _Asked:
    def __init__(self, identities: tuple[bytes, ...], header: object) -> None:
        self.identities = identities
        self.msg_id = header["msg_id"] if isinstance(header, dict) else None
        self.answers: SimpleQueue[str] = SimpleQueue()

    def wait(self, request: Request) -> str:
        """Return the answer to what *request* asked; an interrupt may raise here."""
        while request.may_prompt:
            with suppress(Empty):
                return self.answers.get(timeout=LOOK_UP_S)
        # A thread has asked, and its cell is over: other prompts must not wait behind this one.
        raise NoInputError(
            "wanted an answer before the request's end, found none", requirement="STDIN-03"
        )

    def mismatch(self, envelope: Envelope) -> str:
        """Return why *envelope* does not answer this prompt; empty if it does."""
        if envelope.header.msg_type != "input_reply":
            return "wanted an input_reply"
        if envelope.identities != self.identities:
            return "it came from a client that was not asked"
        parent = envelope.parent_header
        if parent is not None and parent.msg_id != self.msg_id:
            return "it answers another prompt"
        return ""
