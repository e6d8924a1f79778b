"""What no program in a cell replaces."""

from __future__ import annotations

import threading

import pytest

from assay._isolation import Event, event_of_threads
from tests.limits import HANG_LIMIT_S


def test_event_ends_a_wait() -> None:
    """Who waits goes on when another thread sets it, and so does who comes later."""
    event = Event()
    waiting = threading.Thread(target=event.wait)
    waiting.start()

    event.set()
    event.set()
    waiting.join(HANG_LIMIT_S)

    assert not waiting.is_alive()
    assert event.wait()
    assert event.is_set()


def test_event_is_cleared() -> None:
    """A wait for what is not set, or not any more, ends when its time is up."""
    event = Event()
    never_set = event.wait(0.001)
    event.set()
    event.clear()
    event.clear()

    assert not never_set
    assert not event.wait(0.001)
    event.set()
    assert event.wait(HANG_LIMIT_S)


def test_event_is_that_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a program has replaced what begins threads, it is of the kind that these wait for."""
    assert isinstance(event_of_threads(), Event)

    for name in ("_start_new_thread", "_start_joinable_thread"):
        monkeypatch.setattr(threading, name, None, raising=False)

    assert isinstance(event_of_threads(), threading.Event)
