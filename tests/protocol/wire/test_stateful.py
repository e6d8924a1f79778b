"""Walks of a pair of sessions: sending, receiving, tampering, replaying, reordering, dropping."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from assay.protocol import Content, Message, ReplayError, SignatureError
from assay.testing import End, Link, as_bytes, contents, linked_sessions, make_session

WINDOW = 4
Frames = list[bytes]


class Conversation(RuleBasedStateMachine):
    """Two sessions with a small replay window, and a model of what each has believed."""

    on_the_wire = Bundle("on_the_wire")

    def __init__(self) -> None:
        super().__init__()
        self.link: Link = linked_sessions(replay_window=WINDOW)
        self.meant: dict[bytes, Message[Content]] = {}
        self.believed: dict[str, list[bytes]] = {"client": [], "kernel": []}
        self.ids: set[str] = set()
        self.stranger = make_session(b"another key", name="stranger")

    def end(self, to_kernel: bool) -> tuple[str, End]:
        """Return a receiving end and its name."""
        return ("kernel", self.link.kernel) if to_kernel else ("client", self.link.client)

    @rule(target=on_the_wire, to_kernel=st.booleans(), content=contents(), packed=st.booleans())
    def send(self, to_kernel: bool, content: Content, packed: bool) -> tuple[bool, Frames]:
        """An end makes a message; whether it arrives is another matter."""
        session = (self.link.client if to_kernel else self.link.kernel).session
        msg_type = content.msg_type or "execute_reply"
        if packed:
            frames = as_bytes(session.pack(content, msg_type=msg_type))
        else:
            frames = as_bytes(session.encode(session.message(content, msg_type=msg_type)))
        message = make_session(replay_window=0).decode(frames).message
        assert message.content == content
        assert message.header.msg_id not in self.ids
        self.ids.add(message.header.msg_id)
        self.meant[frames[1]] = message
        return to_kernel, frames

    @rule(sent=on_the_wire)
    def receive(self, sent: tuple[bool, Frames]) -> None:
        """A message arrives, in any order and any number of times; the first time counts."""
        to_kernel, frames = sent
        name, end = self.end(to_kernel)
        if frames[1] in self.believed[name][-WINDOW:]:
            with pytest.raises(ReplayError):
                end.session.decode(frames)
            return
        assert end.session.decode(frames).message == self.meant[frames[1]]
        self.believed[name].append(frames[1])

    @rule(sent=consumes(on_the_wire))
    def drop(self, sent: tuple[bool, Frames]) -> None:
        """A message is lost; nobody notices."""

    @rule(sent=on_the_wire, data=st.data())
    def tamper(self, sent: tuple[bool, Frames], data: Any) -> None:
        """Somebody changes a signed byte; the session is as it was."""
        to_kernel, frames = sent
        _, end = self.end(to_kernel)
        index = data.draw(st.integers(1, 5))
        spoilt = bytearray(frames[index])
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] ^= data.draw(st.integers(1, 255))
        with pytest.raises(SignatureError) as caught:
            end.session.decode([*frames[:index], bytes(spoilt), *frames[index + 1 :]])
        assert type(caught.value) is SignatureError

    @rule(to_kernel=st.booleans(), content=contents("execute_request"))
    def forge(self, to_kernel: bool, content: Content) -> None:
        """Somebody with another key sends a message; the session is as it was."""
        _, end = self.end(to_kernel)
        with pytest.raises(SignatureError):
            end.session.decode(as_bytes(self.stranger.pack(content)))

    @rule(first=on_the_wire, second=on_the_wire)
    def splice(self, first: tuple[bool, Frames], second: tuple[bool, Frames]) -> None:
        """The header of one message does not go with the content of another."""
        (_, one), (to_kernel, other) = first, second
        if one == other:
            return
        _, end = self.end(to_kernel)
        with pytest.raises(SignatureError):
            end.session.decode(
                [*one[:5], *other[5:]] if one[5] != other[5] else [*one[:2], *other[2:]]
            )

    @rule(sent=on_the_wire)
    def reflect(self, sent: tuple[bool, Frames]) -> None:
        """A message sent back to its sender is believed: the key is shared, both ends are equal."""
        to_kernel, frames = sent
        self.receive((not to_kernel, frames))

    @invariant()
    def memory_is_bounded(self) -> None:
        """No more is remembered than the window holds."""
        for end in (self.link.client, self.link.kernel):
            assert len(end.session._replay) <= WINDOW


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=25, stateful_step_count=25)
