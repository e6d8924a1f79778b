"""The worker of the debugger: order, deadlines, and the end; in memory, without debugpy."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from queue import SimpleQueue
from typing import cast

import pytest

from assay.kernel._interpreter import CellTracer
from assay.kernel._request import Request
from assay.kernel.debugger._service import DebugService
from assay.kernel.dispatch._replies import Reply, Responder
from assay.protocol import Channel, DebugReply, DebugRequest, Json, JsonObject
from tests.kernel._memory import received
from tests.limits import HANG_LIMIT_S


class Slow:
    """A value whose display takes as long as a test wants."""

    def __init__(self) -> None:
        self.may_return = threading.Event()

    def __repr__(self) -> str:
        assert self.may_return.wait(HANG_LIMIT_S)
        return "slow"


class Names:
    """A `Debuggee` with one variable."""

    machinery: Sequence[str] = ()

    def __init__(self) -> None:
        self.slow = Slow()

    def variables(self) -> Mapping[str, object]:
        """Return the slow value."""
        return {"slow": self.slow}

    def is_hidden(self, _: str) -> bool:
        """Hide nothing."""
        return False

    def rich_form(self, value: object) -> tuple[JsonObject, JsonObject]:
        """Return the value's text."""
        return {"text/plain": repr(value)}, {}

    def files_of(self, _: str) -> tuple[str, ...]:
        """Return none: nothing was compiled."""
        return ()

    def trace_cells(self, _: CellTracer | None) -> None:
        """Do nothing: there are no cells."""


class Sent:
    """A `Responder` that keeps what is sent."""

    def __init__(self) -> None:
        self.replies: SimpleQueue[DebugReply] = SimpleQueue()
        self.states: list[str] = []
        self._unfinished: list[DebugReply] = []

    def reply(self, _: Request, reply: Reply) -> None:
        """Keep the reply."""
        assert isinstance(reply.content, DebugReply)
        self._unfinished.append(reply.content)

    def status(self, state: str, _: Request | None = None) -> None:
        """Keep the state, which ends what was replied."""
        self.states.append(state)
        self.replies.put(self._unfinished.pop())

    def next(self) -> DebugReply:
        """Return the next reply that idle has followed."""
        return self.replies.get(timeout=HANG_LIMIT_S)


class Setting:
    """A service, what it sends, and what it looks at."""

    def __init__(self, *, limit_s: float = HANG_LIMIT_S, order_s: float = 0) -> None:
        self.sent, self.names = Sent(), Names()
        self.service = DebugService(
            responder=cast("Responder", self.sent),
            publish=lambda _: None,
            debuggee=lambda: self.names,
            interrupt=None,
            is_running=lambda: False,
            limit_s=limit_s,
            order_s=order_s,
        )

    def ask(self, seq: int, command: str, **arguments: Json) -> Request:
        """Hand a request over; return it."""
        content = DebugRequest(seq=seq, command=command, arguments=arguments)
        request = Request(Channel.CONTROL, received(content))
        self.service.handle(request, content)
        return request


@pytest.fixture
def closing() -> Iterator[list[Setting]]:
    """Settings that are closed at the end."""
    settings: list[Setting] = []
    yield settings
    for setting in settings:
        setting.names.slow.may_return.set()
        setting.service.close()


def test_handler_waits_for_an_answer_that_comes_at_once(closing: list[Setting]) -> None:
    """Busy of the next request follows idle of the one before; all idles are the worker's."""
    closing.append(setting := Setting(order_s=HANG_LIMIT_S))

    request = setting.ask(1, "debugInfo")

    assert request.is_deferred
    assert setting.sent.states == ["idle"]
    assert setting.sent.next().success


def test_next_request_does_not_wait_for_a_slow_one(closing: list[Setting]) -> None:
    """The handler returns, and the worker answers the next, while an answer is awaited."""
    closing.append(setting := Setting())

    setting.ask(1, "inspectVariables")
    setting.ask(2, "debugInfo")
    first = setting.sent.next()
    setting.names.slow.may_return.set()
    second = setting.sent.next()

    assert (first.request_seq, second.request_seq) == (2, 1)
    assert "'slow'" in str(second.body)


def test_answer_that_does_not_come_fails_at_its_deadline(closing: list[Setting]) -> None:
    """The client is told what was not answered, once; a late answer is dropped."""
    closing.append(setting := Setting(limit_s=0.01))

    setting.ask(1, "inspectVariables")
    failed = setting.sent.next()
    setting.names.slow.may_return.set()
    setting.ask(2, "debugInfo")
    following = setting.sent.next()

    assert not failed.success
    assert "inspectVariables has not been answered in 0.01 s" in str(failed.message)
    assert following.request_seq == 2
    assert setting.sent.states == ["idle", "idle"]


def test_end_answers_what_waits(closing: list[Setting]) -> None:
    """When the kernel ends, no request is left without a reply."""
    closing.append(setting := Setting())
    setting.ask(1, "inspectVariables")

    setting.service.close()
    reply = setting.sent.next()

    assert (reply.success, reply.message) == (False, "the kernel shuts down")
    assert setting.sent.states == ["idle"]


def test_end_answers_what_comes_meanwhile(
    closing: list[Setting], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that comes while the session ends is refused."""
    closing.append(setting := Setting())
    setting.ask(1, "debugInfo")
    first = setting.sent.next()
    monkeypatch.setattr(setting.service._session, "close", lambda: setting.ask(2, "debugInfo"))

    setting.service.close()

    assert first.success
    assert setting.sent.states == ["idle", "idle"]
    refused = setting.sent.next()
    assert (refused.success, refused.message) == (False, "the kernel shuts down")


@pytest.mark.parametrize("was_used", [True, False])
def test_request_behind_the_end_is_refused(closing: list[Setting], was_used: bool) -> None:
    """The worker has ended, or never begun: the request is answered all the same."""
    closing.append(setting := Setting())
    if was_used:
        setting.ask(1, "debugInfo")
        setting.sent.next()
    setting.service.close()

    setting.ask(2, "debugInfo")
    refused = setting.sent.next()

    assert (refused.success, refused.message) == (False, "the kernel shuts down")
    assert setting.sent.states == ["idle"] * (1 + was_used)


def test_error_of_ours_is_a_failure_too(closing: list[Setting]) -> None:
    """The worker outlives whatever a request does, and the client is answered."""
    closing.append(setting := Setting())
    setting.service._session._own["debugInfo"] = lambda _: [].pop()

    setting.ask(1, "debugInfo")
    broken = setting.sent.next()
    setting.ask(2, "threads")
    refused = setting.sent.next()

    assert "IndexError" in str(broken.message)
    assert "initialize and attach come first" in str(refused.message)
