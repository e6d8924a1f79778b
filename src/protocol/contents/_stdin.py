"""Contents on stdin: a kernel asks the person in front of the client."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from assay.protocol.wire._message import Content

__all__ = ["END_OF_INPUT", "InputReply", "InputRequest"]

END_OF_INPUT = "\x04"
"""The value that a client replies with for Ctrl-D (STDIN-10, AMB-65)."""


@frozen(kw_only=True, eq=False, repr=False)
class InputRequest(Content):
    """Ask for a line of text (STDIN-01).

    Source: messaging.rst §Messages on the stdin (ROUTER/DEALER) channel.
    """

    msg_type: ClassVar[str] = "input_request"

    prompt: str = ""
    """What to show; may be empty."""

    password: bool = False
    """The answer is secret: a client does not echo it (STDIN-08)."""


@frozen(kw_only=True, eq=False, repr=False)
class InputReply(Content):
    """The line; may lack a parent header, unlike every other reply (AMB-42)."""

    msg_type: ClassVar[str] = "input_reply"

    value: str
    """Used verbatim (STDIN-09); exactly ``\\x04`` is the end of the input (STDIN-10, AMB-65)."""
