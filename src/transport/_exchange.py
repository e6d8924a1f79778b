"""A request in flight."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from assay.protocol import Channel, Content, ExecutionState, InputRequest, Message, Status
from assay.transport._answer import Received
from assay.transport._inbox import Inbox

__all__ = ["Exchange", "OnInput", "OnOutput"]

OnOutput: TypeAlias = Callable[[Received], None]
"""Takes each message that is published for a request, but its status, as it comes."""

OnInput: TypeAlias = "Callable[[InputRequest], str | None]"
"""Returns the line that was asked for; None leaves the question open."""


class Exchange:
    """A request in flight, and what it has brought so far."""

    def __init__(
        self,
        request: Message[Content],
        channel: Channel,
        *,
        wants_reply: bool,
        keep: bool,
        on_output: OnOutput | None,
        on_input: OnInput | None,
    ) -> None:
        self.request = request
        self.channel = channel
        self.wants_reply = wants_reply
        self.reply: Received | None = None
        self.published: list[Received] = []
        self.idle = False
        self.on_output = on_output
        self.on_input = on_input
        self.prompts = Inbox[Received]()
        self._keep = keep

    @property
    def types(self) -> tuple[str, ...]:
        """The types of the messages published so far, in order."""
        return tuple(received.msg_type for received in self.published)

    @property
    def done(self) -> bool:
        """True once the reply and idle have come, in whichever order (AMB-22)."""
        return self.idle and (self.reply is not None or not self.wants_reply)

    @property
    def awaited(self) -> str:
        """What is still missing, in words."""
        name = self.request.header.msg_type
        parts = []
        if self.wants_reply and self.reply is None:
            parts.append(f"the reply to {name} on {self.channel}")
        if not self.idle:
            parts.append(f"idle on {Channel.IOPUB} for {name}")
        return " and ".join(parts)

    def publish(self, received: Received) -> None:
        """Take a message from IOPub."""
        if self._keep:
            self.published.append(received)
        match received.content:
            case Status(execution_state=state):
                self.idle = self.idle or state is ExecutionState.IDLE
            case _ if self.on_output is not None:
                self.on_output(received)
