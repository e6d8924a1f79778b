"""Signals at every moment that Python looks for them, without a kernel around."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from functools import partial
from itertools import count

import pytest

from assay.kernel.ipython._lazy_event_loop import LazyEventLoop
from assay.kernel.process._import_hooks import forget_imports, waiting_imports
from assay.kernel.process._interrupts import Interrupts
from assay.kernel.process._signal_pipe import SignalPipe
from tests.kernel._kernels import HANG_LIMIT_S
from tests.moments import struck


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    """Interrupts that are installed."""
    interrupts = Interrupts()
    interrupts.install()
    yield interrupts
    interrupts.restore()


@pytest.fixture
def late() -> Iterator[LazyEventLoop]:
    """A loop that an interrupt reaches, and that gives up in the end."""
    mark = waiting_imports()
    late = LazyEventLoop()
    loop = late.get()
    timer = loop.call_later(HANG_LIMIT_S, loop.stop)

    def handle(*_: object) -> None:
        if not late.interrupt():
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, handle)
    yield late
    signal.signal(signal.SIGINT, before)
    timer.cancel()
    late.end()
    forget_imports(mark)


def signalled(function: Callable[[], object], place: int) -> bool:
    """Call *function* with SIGINT at its *place*-th chance; return True if it has fewer."""
    return struck(function, place, partial(signal.raise_signal, signal.SIGINT))


def test_loop_turns_after_any_interrupt(late: LazyEventLoop) -> None:
    """Wherever an interrupt comes while a cell is entered or left, the loop turns afterwards."""

    def cell() -> None:
        with late.in_cell():
            return

    for place in count():
        finished = False
        with suppress(KeyboardInterrupt):
            finished = signalled(cell, place)
        late.run_once()
        if finished:
            return


def test_what_stops_the_loop_late_stops_nothing_else(late: LazyEventLoop) -> None:
    """Of two requests that end a wait, the second may come when the first is handled already."""
    stops: list[Callable[[], None]] = []

    def stop(stop_turning: Callable[[], None]) -> None:
        stops.append(stop_turning)
        stop_turning()

    async def cell() -> str:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return "ran"

    late.run_until(stop)
    stops[0]()

    with late.in_cell():
        assert late.run_cell(cell()) == "ran"


def test_awaiting_cell_ends_at_any_interrupt(late: LazyEventLoop) -> None:
    """Wherever an interrupt comes while a cell goes through the loop, the cell ends by it."""

    async def cell() -> None:
        while True:
            await asyncio.sleep(0)

    def run(coroutine: Coroutine[object, object, None]) -> None:
        with late.in_cell():
            late.run_cell(coroutine)

    for place in range(150):
        coroutine = cell()
        with pytest.raises(KeyboardInterrupt):
            signalled(partial(run, coroutine), place)

        assert not asyncio.all_tasks(late.get())
        coroutine.close()


@pytest.fixture
def pipe() -> Iterator[SignalPipe]:
    """A pipe that Python writes to."""
    pipe = SignalPipe()
    pipe.install()
    yield pipe
    pipe.remove()


def test_main_thread_answers_when_it_looks(
    pipe: SignalPipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks learns whether the main thread has looked since, and not before."""
    with monkeypatch.context() as patch:
        patch.setattr(signal, "pthread_kill", lambda *_: None)  # it does not look
        first = pipe.ping_main_thread()
        assert not first()

    second = pipe.ping_main_thread()
    assert first()
    assert second()

    with monkeypatch.context() as patch:
        patch.setattr(signal, "pthread_kill", lambda *_: None)
        third = pipe.ping_main_thread()
    assert second()
    assert not third()


def test_pipe_brings_what_has_a_handler(pipe: SignalPipe) -> None:
    """The numbers of signals come once."""
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    signal.raise_signal(signal.SIGALRM)

    assert pipe.take() == bytes([signal.SIGALRM])
    assert pipe.take() == b""
    signal.signal(signal.SIGALRM, before)


def test_pipe_of_somebody_else_is_left_alone(pipe: SignalPipe) -> None:
    """Who lets Python write elsewhere meanwhile goes on getting what it writes."""
    theirs, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write)

    pipe.remove()

    assert signal.set_wakeup_fd(-1) == write
    os.close(theirs)
    os.close(write)


@pytest.mark.parametrize("is_closed", [True, False])
def test_pipe_is_back_where_anothers_cannot_be(pipe: SignalPipe, is_closed: bool) -> None:
    """A program that closes the descriptor which Python writes to, or makes it blocking, leaves
    none to write to (ipykernel#328)."""
    theirs, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write)
    os.close(theirs)
    if is_closed:
        os.close(write)
    else:
        os.set_blocking(write, True)

    pipe.reclaim()

    before = signal.signal(signal.SIGALRM, lambda *_: None)
    signal.raise_signal(signal.SIGALRM)
    assert pipe.take() == bytes([signal.SIGALRM])
    signal.signal(signal.SIGALRM, before)
    if not is_closed:
        os.close(write)
