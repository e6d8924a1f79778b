"""The reactor: what is ready, due or woken is called in one thread, and nothing ends the loop."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator

import pytest

from assay.transport._reactor import Reactor
from tests.limits import HANG_LIMIT_S


class Owner:
    """Runs a reactor in this thread, at most as long as nothing hangs."""

    def __init__(self) -> None:
        self.reactor = Reactor()
        self.calls: list[str] = []
        self.turns = 0

    def note(self, call: str, *, last: bool = False) -> Callable[[], None]:
        """Return a function that notes *call*, and with *last* stops the loop."""

        def function() -> None:
            self.calls.append(call)
            if last:
                self.reactor.stop()

        return function

    def run(self) -> list[str]:
        """Run the loop to its end; return what was called."""

        def each_turn() -> float:
            self.turns += 1
            return HANG_LIMIT_S

        self.reactor.run(each_turn)
        return self.calls


@pytest.fixture
def owner() -> Owner:
    """A reactor that watches nothing yet."""
    return Owner()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe; the test may close its second end."""
    read, write = os.pipe()
    yield read, write
    os.close(read)


def test_deadlines_are_called_in_their_order(owner: Owner) -> None:
    """Each once, the earliest first, whichever was asked for first."""
    owner.reactor.call_later(0.02, owner.note("late", last=True))
    owner.reactor.call_later(0.0, owner.note("early"))

    assert owner.run() == ["early", "late"]


def test_one_that_is_asked_for_again_is_not_put_off(owner: Owner) -> None:
    """The earlier time counts, and it is called once: who asks on and on puts nothing off."""
    asked = owner.note("asked", last=True)
    owner.reactor.call_later(0.0, asked)
    owner.reactor.call_later(HANG_LIMIT_S, asked)

    assert owner.run() == ["asked"]


def test_wakes_from_another_thread(owner: Owner) -> None:
    """What a thread leaves before it wakes the loop is found, also where it wakes it first."""
    left: list[str] = []

    def each_turn() -> float:
        if left:
            owner.reactor.stop()
        return HANG_LIMIT_S

    def leave() -> None:
        left.append("work")
        owner.reactor.wake()

    thread = threading.Thread(target=leave)
    owner.reactor.woken = owner.note("woken")
    thread.start()
    owner.reactor.run(each_turn)
    thread.join()

    assert left == ["work"]
    assert owner.calls in ([], ["woken"])  # it may have been found before the first wait


def test_failures_do_not_end_the_loop(
    owner: Owner, pipe: tuple[int, int], caplog: pytest.LogCaptureFixture
) -> None:
    """What is called and raises is logged; what is ready or due after it is called all the same."""
    read, write = pipe

    def fail() -> None:
        os.read(read, 1)
        raise ValueError("wrong")

    owner.reactor.watch(read, fail)
    owner.reactor.call_later(0.0, lambda: 1 // 0)  # type: ignore[arg-type]  # fails
    owner.reactor.call_later(0.01, owner.note("after", last=True))
    os.write(write, b"x")
    os.close(write)

    assert owner.run() == ["after"]
    failed = [record.exc_info[0] for record in caplog.records if record.exc_info]
    assert set(failed) == {ValueError, ZeroDivisionError}


def test_first_step_of_a_turn_that_fails_does_not_end_the_loop(
    owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, what is due is called all the same, and the step is done again."""

    def each_turn() -> float:
        owner.turns += 1
        if owner.turns < 3:
            raise ValueError("wrong")
        owner.reactor.stop()
        return HANG_LIMIT_S

    owner.reactor.call_later(0.0, owner.note("due"))
    owner.reactor.run(each_turn)

    assert (owner.turns, owner.calls) == (3, ["due"])
    assert {r.exc_info[0] for r in caplog.records if r.exc_info} == {ValueError}


def test_what_is_closed_is_forgotten(owner: Owner, pipe: tuple[int, int]) -> None:
    """A descriptor that nothing can write to any more is called for once, not for ever."""
    read, write = pipe
    owner.reactor.watch(read, owner.note("closed"))
    os.close(write)
    owner.reactor.call_later(0.02, owner.note("later", last=True))

    assert owner.run() == ["closed", "later"]
    assert not owner.reactor.is_watched(read)


def test_waits_no_longer_than_it_is_told(owner: Owner) -> None:
    """A turn's wait ends with the time that the owner gave, though nothing happens."""

    def each_turn() -> float:
        owner.turns += 1
        if owner.turns == 3:
            owner.reactor.stop()
        return 0.0

    owner.reactor.run(each_turn)

    assert owner.turns == 3
