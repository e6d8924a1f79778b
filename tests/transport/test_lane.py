"""Lanes: first in, first out, and a reader that always wakes."""

from __future__ import annotations

import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.transport import Lane
from tests.limits import HANG_LIMIT_S


@given(steps=st.lists(st.sampled_from(["put", "poll"]), max_size=40))
def test_order(steps: list[str]) -> None:
    """It is a queue."""
    lane: Lane[int] = Lane()
    model: list[int] = []
    for number, step in enumerate(steps):
        match step:
            case "put":
                lane.put(number)
                model.append(number)
            case _:
                assert lane.poll() == (model.pop(0) if model else None)

    assert lane.waiting() == model
    assert len(lane) == len(model)


def test_waits() -> None:
    """A reader waits until there is something."""
    lane: Lane[int] = Lane()
    got: list[int | None] = []
    reader = threading.Thread(target=lambda: got.append(lane.get()))
    reader.start()
    reader.join(0.05)
    assert reader.is_alive()
    lane.put(1)
    reader.join(HANG_LIMIT_S)

    assert got == [1]


def test_nudged() -> None:
    """A reader that is woken without an item gets None."""
    lane: Lane[int] = Lane()
    lane.nudge()
    lane.nudge()

    assert lane.get() is None


class Raced:
    """A lock that another thread releases just when its waiter has looked at it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()
        self.release = self._lock.release

    def locked(self) -> bool:
        """Return what was true until now."""
        was_locked = self._lock.locked()
        if was_locked:
            self._lock.release()
        return was_locked


def test_two_wake_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two threads that both find the reader asleep, the second does no harm."""
    lane: Lane[int] = Lane()
    lock = Raced()
    monkeypatch.setattr(lane, "_lock", lock)
    lane.put(1)

    assert not lock.locked()
    assert lane.poll() == 1


def test_item_after_nudge() -> None:
    """A nudge and an item together lose neither."""
    lane: Lane[int] = Lane()
    lane.put(1)
    lane.put(2)

    assert [lane.get(), lane.get()] == [1, 2]


def test_no_wake_up_lost() -> None:
    """A reader that waits in `get` gets all that many threads put."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    lane: Lane[int] = Lane()
    got: list[int] = []
    count, writers = 2_000, 4

    def read() -> None:
        while len(got) < count * writers:
            item = lane.get()
            if item is not None:
                got.append(item)

    def write() -> None:
        for number in range(count):
            lane.put(number)

    reader = threading.Thread(target=read, daemon=True)
    threads = [threading.Thread(target=write) for _ in range(writers)]
    try:
        reader.start()
        for thread in threads:
            thread.start()
        reader.join(HANG_LIMIT_S)
    finally:
        sys.setswitchinterval(interval)

    assert sorted(got) == sorted([*range(count)] * writers)


def test_other_waker() -> None:
    """A reader that waits elsewhere is woken there, and here again afterwards."""
    lane: Lane[int] = Lane()
    woken: list[int] = []
    lane.wait_by(lambda: woken.append(len(lane)))
    lane.put(1)
    lane.wait_by(None)
    lane.put(2)

    assert woken == [1]
    assert [lane.get(), lane.get()] == [1, 2]


def test_changed_waker() -> None:
    """What was put before the change is seen by who looks afterwards."""
    lane: Lane[int] = Lane()
    lane.put(1)
    lane.wait_by(lambda: None)

    assert len(lane) == 1
