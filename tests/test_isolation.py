"""What no program in a cell replaces."""

from __future__ import annotations

import sys
import threading

import pytest

from assay._isolation import Event, event_of_threads, isolate
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


def test_event_that_was_half_set_lets_all_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal's handler that raises between the two steps leaves nobody waiting."""
    event = Event()
    release = event._release

    def strike() -> None:
        release()
        raise KeyboardInterrupt

    monkeypatch.setattr(event, "_release", strike)
    with pytest.raises(KeyboardInterrupt):
        event.set()
    monkeypatch.undo()

    assert event.wait(HANG_LIMIT_S)
    assert event.is_set()


def test_there_is_one_finder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that calls the command again gets no second one."""
    finders = [finder for finder in sys.meta_path if type(finder).__module__ != isolate.__module__]
    monkeypatch.setattr(sys, "meta_path", [*finders])

    isolate()
    isolate()

    assert sys.meta_path[1:] == finders


def test_event_is_that_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a program has replaced what begins threads, it is of the kind that these wait for."""
    assert isinstance(event_of_threads(), Event)

    for name in ("_start_new_thread", "_start_joinable_thread"):
        monkeypatch.setattr(threading, name, None, raising=False)

    assert isinstance(event_of_threads(), threading.Event)
