"""What ``--debug`` says of each message: which way it went, its type, and what was in it.

It is the one place where what users write gets into a log. What they type when code asks for input
stays out of it: it may be a password.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from assay.protocol import DELIMITER, Buffer, Channel, FramingError, decode_json

__all__ = ["Trace"]

SHOWN = 500
"""Characters of a content: a line of a terminal or two, and the beginning of what is long."""

HIDDEN = "(not shown)"


class Trace:
    """A `Recorder` that writes a line for each message.

    A message that was received is not verified yet: what a stranger sends has its line as well.
    """

    def __init__(self) -> None:
        self._logger = logging.getLogger("assay.messages")

    def sent(self, channel: Channel, frames: Sequence[Buffer]) -> None:
        """Say what leaves by *channel*."""
        self._say("sent", channel, frames)

    def received(self, channel: Channel, frames: Sequence[Buffer]) -> None:
        """Say what came by *channel*."""
        self._say("received", channel, frames)

    def _say(self, way: str, channel: Channel, frames: Sequence[Buffer]) -> None:
        self._logger.debug("%s: %s %s", channel, way, described(frames))


def described(frames: Sequence[Buffer]) -> str:
    """Return type, id, cause and content of the message in *frames*, in one line."""
    parts = [bytes(frame) for frame in frames]
    behind = parts[parts.index(DELIMITER) + 1 :] if DELIMITER in parts else []
    if len(behind) < 5:
        return f"{len(parts)} frames that are no message"
    _, header, parent, _, content, *buffers = behind
    msg_type = field(header, "msg_type")
    words = [msg_type, field(header, "msg_id")]
    if cause := field(parent, "msg_id"):
        words.append(f"for {cause}")
    if buffers:
        words.append(f"with {len(buffers)} buffers")
    shown = HIDDEN if msg_type == "input_reply" else shortened(content.decode("utf-8", "replace"))
    return f"{' '.join(filter(None, words))}: {shown}"


def field(part: bytes, name: str) -> str:
    """Return the text that *part* has for *name*, and else none."""
    try:
        value = decode_json(part)
    except FramingError:
        return ""
    found = value.get(name) if isinstance(value, dict) else None
    return shortened(found) if isinstance(found, str) else ""


def shortened(text: str) -> str:
    """Return the beginning of *text*, in which nothing ends a line."""
    start = text[:SHOWN] + "…" * (len(text) > SHOWN)
    return start if start.isprintable() else repr(start)
