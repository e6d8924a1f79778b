"""What a client hears that asks for a debugger where there is none."""

from __future__ import annotations

from assay.kernel._request import Request
from assay.kernel.dispatch._handlers import Handlers
from assay.protocol import Channel, DebugReply, DebugRequest
from tests.kernel.dispatch.test_dispatch import request_of


def test_debugger_that_is_not_there() -> None:
    """A debug_request is refused in the debugger's own protocol (DEBUG-14, AMB-28)."""
    envelope = request_of(DebugRequest(seq=7, command="debugInfo")).envelope

    reply = Handlers().answer(Request(Channel.CONTROL, envelope))

    assert reply is not None
    content = reply.content
    assert isinstance(content, DebugReply)
    assert (content.request_seq, content.command, content.success) == (7, "debugInfo", False)
    assert content.message == "this kernel has no debugger"
