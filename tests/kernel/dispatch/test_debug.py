"""What a client hears that asks for a debugger."""

from __future__ import annotations

from assay.protocol import Channel, DebugReply, DebugRequest
from assay.transport import Client
from tests.kernel._kernels import HANG_LIMIT_S


def test_debugger_that_is_not_there(client: Client) -> None:
    """A debug_request is refused in the debugger's own protocol (DEBUG-14, AMB-28)."""
    answer = client.request(
        DebugRequest(seq=7, command="debugInfo"), channel=Channel.CONTROL, timeout=HANG_LIMIT_S
    )

    assert isinstance(answer.content, DebugReply)
    assert (answer.content.request_seq, answer.content.command, answer.content.success) == (
        7,
        "debugInfo",
        False,
    )
