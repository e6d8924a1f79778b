"""A request in the middle of a cell, with an interrupt at every moment that Python looks."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from functools import partial
from itertools import count
from unittest.mock import Mock

import pytest

from assay.kernel._request import Request
from assay.kernel.dispatch._handlers import Handlers
from assay.kernel.lanes._main_lane import MainLane
from assay.kernel.output._parents import Parents
from assay.kernel.process._interrupts import Interrupts
from assay.protocol import Channel, ConnectionFile, IsCompleteReply, IsCompleteRequest
from assay.transport import session_for
from tests.moments import struck


def asked() -> Request:
    """Return a question."""
    client, kernel = (session_for(ConnectionFile(key="k")) for _ in range(2))
    frames = client.pack(IsCompleteRequest(code="1"))
    return Request(Channel.SHELL, kernel.open([bytes(frame) for frame in frames]))


class Said:
    """A responder that keeps what is said."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def status(self, state: str, _: Request, **__: object) -> None:
        """Keep a status."""
        self.words.append(state)

    def reply(self, _: Request, __: object) -> None:
        """Keep that there was a reply."""
        self.words.append("reply")


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    """Interrupts that are installed, in the middle of a cell."""
    interrupts = Interrupts()
    interrupts.install()
    interrupts.enter()
    yield interrupts
    interrupts.leave()
    interrupts.restore()


def test_what_was_taken_is_answered_once_whenever_an_interrupt_comes(
    interrupts: Interrupts,
) -> None:
    """It waits as before, or has its busy, one reply and its idle; the lane counts right."""
    for place in count():
        said = Said()
        main = MainLane(
            io=Mock(),
            responder=said,  # type: ignore[arg-type]  # what is used of it
            output=Mock(forked=False),
            parents=Parents(),
            shutdown=Mock(),
            interruptible=nullcontext,
            catch_up=lambda: None,
        )
        main.interrupts = interrupts
        handlers = Handlers()
        handlers.on(IsCompleteRequest, lambda *_: IsCompleteReply(status="complete"))
        main.begin(handlers)
        main.put(asked())
        finished = False

        with suppress(KeyboardInterrupt):
            finished = struck(
                main.handle_waiting, place, partial(signal.raise_signal, signal.SIGINT)
            )

        waits = len(main.lane) == 1
        assert said.words == ([] if waits else ["busy", "reply", "idle"]), place
        assert main.is_idle is not waits
        if finished:
            return
