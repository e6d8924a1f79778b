"""What the table of the end does to a kernel, in memory."""

from __future__ import annotations

import io
from typing import cast

import pytest

from assay.kernel._request import Request
from assay.kernel.dispatch._replies import Responder
from assay.kernel.lanes._shutdown import Ending
from assay.kernel.lanes._shutdown_effects import KernelEffects
from assay.kernel.output._iopub import Output
from assay.kernel.output._parents import Parents
from assay.protocol import Channel, Error, ExecutionState, ShutdownReply, ShutdownRequest, Status
from assay.transport import IoThread, OutboundLog
from tests.kernel._memory import MemoryLog, make_session, received, topic


class NoThread:
    """What the effects need of an I/O thread that does not run."""

    spare = io.BytesIO()

    def call_later(self, _delay_s: float, _function: object) -> None:
        """Call nothing."""


class Ended:
    """A kernel's effects over a log in memory."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        log, session = cast("OutboundLog", self.log), make_session("kernel")
        self.output = Output(log, session, Parents(), topic)
        self.stderr = io.StringIO()
        self.effects = KernelEffects(
            cast("IoThread", NoThread()),
            Responder(log, session, topic),
            self.output,
            real_stderr=self.stderr,
            owns_exit=False,
        )

    @property
    def sent(self) -> list[tuple[Channel, str]]:
        """What was sent: by which channel, and the type; of a status its state."""
        return [
            (channel, str(getattr(message.content, "execution_state", message.header.msg_type)))
            for channel, message in self.log.sent
        ]


def asked() -> Request:
    """Return a shutdown_request that came by control."""
    return Request(Channel.CONTROL, received(ShutdownRequest(restart=True)))


LAST = [
    (Channel.CONTROL, "shutdown_reply"),
    (Channel.IOPUB, "shutdown_reply"),
    (Channel.IOPUB, "idle"),
]


def test_goodbye_is_reply_broadcast_and_idle() -> None:
    """In this order, under the request that ends the kernel (CTRL-04, CTRL-07, AMB-39)."""
    ended, request = Ended(), asked()
    ended.effects.say_goodbye(Ending(request=request, restart=True))

    assert ended.sent == LAST
    messages = [message for _, message in ended.log.sent]
    assert {m.parent_header for m in messages} == {request.header}
    assert [m.content for m in messages[:2]] == [ShutdownReply(restart=True)] * 2
    assert len({m.header.msg_id for m in messages}) == 3


def test_kernel_that_no_request_ends_says_nothing() -> None:
    """To a client it has died (decision 0007)."""
    ended = Ended()
    ended.effects.say_goodbye(Ending(exit_code=143))

    assert ended.sent == []


def test_request_that_comes_too_late_is_answered() -> None:
    """With reply and idle, and no second broadcast (SHELL-14)."""
    ended = Ended()
    ended.effects.reply(asked(), restart=False)

    assert ended.sent == [LAST[0], LAST[2]]


def test_what_is_abandoned_publishes_no_error() -> None:
    """Other output is published as before (decision 0007)."""
    ended = Ended()
    ended.effects.abandon()
    ended.output.publish(Error(ename="E", evalue="", traceback=()))
    ended.output.publish(Status(execution_state=ExecutionState.BUSY))

    assert ended.sent == [(Channel.IOPUB, "busy")]


def test_force_says_where_the_kernel_hangs(caplog: pytest.LogCaptureFixture) -> None:
    """The stacks stand on the terminal; the request is answered all the same (CTRL-05)."""
    ended = Ended()
    ended.effects.force(Ending(request=asked()))

    assert "test_shutdown_effects.py" in ended.stderr.getvalue()
    assert ended.sent == LAST
    assert "did not come to an end" in caplog.text
