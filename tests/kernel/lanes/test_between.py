"""A request in the middle of a cell, with an interrupt at every moment that Python looks."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from functools import partial
from itertools import count
from threading import get_ident
from typing import TYPE_CHECKING, cast
from unittest.mock import MagicMock, Mock, patch

import pytest

from assay.kernel._request import Request
from assay.kernel.dispatch._handlers import Handlers
from assay.kernel.lanes import _main_lane
from assay.kernel.lanes._answering import Answering, Limit, Surroundings, unlimited
from assay.kernel.lanes._main_lane import MainLane
from assay.kernel.lanes._subshell import Subshell
from assay.kernel.output._parents import Parents
from assay.kernel.process._interrupts import Interrupts
from assay.kernel.process._thread_interrupts import ThreadInterrupts
from assay.protocol import Channel, ConnectionFile, IsCompleteReply, IsCompleteRequest
from assay.transport import When, session_for
from tests.moments import struck

if TYPE_CHECKING:
    from assay.kernel.dispatch._replies import Responder
    from assay.kernel.lanes._shutdown import Shutdown


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


def around(responder: object, shutdown: object = None, catch_up: object = None) -> Surroundings:
    """Return what a lane works with."""
    return Surroundings(
        io=MagicMock(),
        responder=cast("Responder", responder),
        output=Mock(forked=False),
        parents=Parents(),
        shutdown=cast("Shutdown", shutdown or Mock()),
        catch_up=cast("Callable[[], None]", catch_up or Mock()),
        put_back=Mock(),
    )


def main_lane(responder: object, shutdown: object) -> MainLane:
    """Return a main lane without a kernel."""
    return MainLane(around(responder, shutdown), nullcontext)


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
        main = main_lane(said, Mock())
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


class Ending:
    """A shutdown that is asked for by and by."""

    is_asked = abandons = False


@pytest.mark.parametrize("ends", [False, True])
def test_the_next_request_waits_for_a_loan(ends: bool) -> None:
    """It is taken when what was lent has left; a kernel that ends takes none and does not wait."""
    said, shutdown = Said(), Ending()
    main = main_lane(said, shutdown)

    def answer(*_: object) -> IsCompleteReply:
        shutdown.is_asked = True
        return IsCompleteReply(status="complete")

    def is_over(_: float) -> bool:
        said.words.append("lent")
        shutdown.is_asked = ends
        return len(said.words) == 3

    handlers = Handlers()
    handlers.on(IsCompleteRequest, answer)
    main.begin(handlers)
    main.lend(Mock(is_over=is_over))
    may_lend = main.may_lend
    main.put(asked())
    main.serve()

    assert may_lend
    assert said.words == (["lent"] if ends else ["lent"] * 3 + ["busy", "reply", "idle"])


@pytest.mark.parametrize("is_interrupted", [False, True])
def test_a_loan_without_end_keeps_nothing_waiting_for_ever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, is_interrupted: bool
) -> None:
    """The next request is handled after a time, or on an interrupt; the log names the risk."""
    monkeypatch.setattr(_main_lane, "LOAN_LIMIT_S", 1e9 if is_interrupted else 0.0)
    said, shutdown, looks = Said(), Ending(), count()
    main = main_lane(said, shutdown)

    def answer(*_: object) -> IsCompleteReply:
        shutdown.is_asked = True
        return IsCompleteReply(status="complete")

    def is_over(_: float) -> bool:
        look = next(looks)
        if look == 2:
            main.put(asked())
        if is_interrupted and look in {1, 3}:  # with nothing that waits it does nothing
            raise KeyboardInterrupt
        shutdown.is_asked = look == 9
        return False

    handlers = Handlers()
    handlers.on(IsCompleteRequest, answer)
    main.begin(handlers)
    main.lend(Mock(is_over=is_over))
    main.serve()

    assert next(looks) == (4 if is_interrupted else 3)
    assert said.words == ["busy", "reply", "idle"]
    assert "the new values may be sent" in caplog.text


def test_loans_keep_what_waits_no_longer_together_than_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That one after the other ends does not prolong the time: here a look takes a second."""
    said, shutdown, looks = Said(), Ending(), count(1)
    seen = [0]
    monkeypatch.setattr(_main_lane, "LOAN_LIMIT_S", 10.0)
    monkeypatch.setattr(_main_lane, "monotonic", lambda: seen[0])
    main = main_lane(said, shutdown)

    def answer(*_: object) -> IsCompleteReply:
        shutdown.is_asked = True
        return IsCompleteReply(status="complete")

    def is_over(_: float) -> bool:
        seen[0] = next(looks)
        shutdown.is_asked = seen[0] == 20
        return seen[0] in {4, 8}

    handlers = Handlers()
    handlers.on(IsCompleteRequest, answer)
    main.begin(handlers)
    for _ in range(3):
        main.lend(Mock(is_over=is_over))
    main.put(asked())
    main.serve()

    assert seen == [10]
    assert said.words == ["busy", "reply", "idle"]


def test_nothing_is_lent_where_the_lane_is_stepped() -> None:
    """A step waits for nothing, so neither for a loan."""
    main = main_lane(Mock(), Mock(abandons=False))
    main.begin(Handlers())
    before = main.may_lend
    main.step()

    assert before
    assert not main.may_lend


def test_idle_says_whether_another_request_waits() -> None:
    """Where one waits, the I/O thread is to look again by itself behind the idle."""
    responder = Mock()
    main = main_lane(responder, Mock(abandons=False))
    handlers = Handlers()
    handlers.on(IsCompleteRequest, lambda *_: IsCompleteReply(status="complete"))
    main.begin(handlers)
    for _ in range(2):
        main.put(asked())
    while main.step():
        pass

    idles = [call for call in responder.status.call_args_list if call.args[0] == "idle"]
    assert [call.kwargs["when"] for call in idles] == [When.NOW_AND_MORE, When.NOW]


class Unlimited:
    """Limits no question."""

    def limit(self, _: Request) -> Callable[[], bool]:
        """Return what says that no other thread answers."""
        return unlimited


class Elsewhere:
    """Has each question answered by another thread."""

    def limit(self, _: Request) -> Callable[[], bool]:
        """Return what says so."""
        return lambda: False


@pytest.mark.parametrize(
    ("limits", "words"), [(Unlimited(), ["busy", "idle"]), (Elsewhere(), ["busy"])]
)
@pytest.mark.parametrize("fails", ["reply", "catch_up"])
def test_idle_is_said_though_something_fails(fails: str, limits: Limit, words: list[str]) -> None:
    """Once: by this thread, or by the one that answers in its place (SHELL-05)."""
    said, handlers = Said(), Handlers()
    handlers.on(IsCompleteRequest, lambda *_: IsCompleteReply(status="complete"))
    broken = Mock(side_effect=[None, OSError("no descriptors")])
    answering = Answering(around(said, catch_up=broken if fails == "catch_up" else None))
    answering.limits = limits

    with (
        patch.object(said, "reply", side_effect=OSError("no descriptors")),
        suppress(OSError),
    ):
        answering.between(asked(), handlers, Mock(), nullcontext())

    assert said.words == words


def subshell(said: Said) -> Subshell:
    """Return a subshell of the caller's thread, in the middle of a cell; a question waits in it."""
    one = Subshell("1", around(said), Mock(), Mock(), Mock())
    one.interrupts._ident = get_ident()  # not `begin`: that would patch the process of the tests
    one._handlers.on(IsCompleteRequest, lambda *_: IsCompleteReply(status="complete"))
    one.received += 1
    one.lane.lane.put(asked())
    return one


def test_what_a_subshell_has_taken_is_answered_once_whenever_an_interrupt_comes() -> None:
    """It waits as before, or has its busy, one reply and its idle; and the cell is interrupted."""
    for place in count():
        said = Said()
        one = subshell(said)
        interrupts = one.interrupts

        def strike(interrupts: ThreadInterrupts = interrupts) -> None:
            if not interrupts._lock.locked():  # another thread would wait for it
                interrupts.interrupt()

        finished = went_on = False
        with suppress(KeyboardInterrupt), interrupts.allowed():
            finished = struck(one.handle_waiting, place, strike)
            went_on = True

        waits = len(one.lane.lane) == 1
        assert said.words == ([] if waits else ["busy", "reply", "idle"]), place
        assert one.is_idle is not waits
        assert went_on is (interrupts.count == 0), place
        if finished:
            return
