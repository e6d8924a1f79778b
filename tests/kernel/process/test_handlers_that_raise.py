"""Signal handlers of the user's that raise at any moment, also when their cell has just ended."""

from __future__ import annotations

import _imp
import signal
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from assay.kernel.process._interrupts import Interrupts
from assay.protocol import (
    Channel,
    CommInfoRequest,
    CompleteRequest,
    Content,
    ExecuteReply,
    InspectRequest,
    IsCompleteRequest,
    KernelInfoRequest,
)
from tests.kernel._kernels import HANG_LIMIT_S, execute, result, start, succeeded
from tests.moments import struck

TICKING = """\
import signal
def raise_it(*_): raise RuntimeError('tick')
signal.signal(signal.SIGALRM, raise_it)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
"""

CELLS = ("1", "1 / 0", "print('x')", "import asyncio\nawait asyncio.sleep(0)", "display(1)")

QUESTIONS: tuple[Content, ...] = (
    CompleteRequest(code="im", cursor_pos=2),
    InspectRequest(code="print", cursor_pos=3),
    IsCompleteRequest(code="1"),
    CommInfoRequest(),
    KernelInfoRequest(),
)

ROUNDS = 12
"""With half as many, a kernel without protection was gone nearly each time."""


def test_timer_that_raises_ends_nothing(tmp_path: Path) -> None:
    """A timer whose handler raises each millisecond fails cells: the kernel answers each request,
    goes on, and ends with its own exit code while the timer still runs."""
    with start(tmp_path) as kernel:
        with kernel.client(timeout=HANG_LIMIT_S) as client:
            for _ in range(ROUNDS):
                client.execute(TICKING, stop_on_error=False, timeout=HANG_LIMIT_S)
                for code in CELLS:
                    client.execute(code, stop_on_error=False, timeout=HANG_LIMIT_S)
                for question in QUESTIONS:
                    client.request(question, timeout=HANG_LIMIT_S)
            client.request(KernelInfoRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)

        assert kernel.shutdown() == 0


def test_kernel_is_as_before_once_the_timer_is_off(tmp_path: Path) -> None:
    """What the handler has struck leaves nothing behind."""
    with start(tmp_path) as kernel, kernel.client(timeout=HANG_LIMIT_S) as client:
        for code in (TICKING, *CELLS):
            client.execute(code, stop_on_error=False, timeout=HANG_LIMIT_S)
        # The cell itself may be struck, or what ends it, before it has switched the timer off.
        while True:
            code = "signal.setitimer(signal.ITIMER_REAL, 0); assert 1"
            off = client.execute(code, stop_on_error=False, timeout=HANG_LIMIT_S)
            if isinstance(off.content, ExecuteReply):
                break
        client.execute("signal.signal(signal.SIGALRM, signal.SIG_IGN)", timeout=HANG_LIMIT_S)

        succeeded(execute(client, "print('said')"))
        assert result(execute(client, "import asyncio\nawait asyncio.sleep(0, 1)")) == "1"


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    """Interrupts that are installed."""
    before = signal.getsignal(signal.SIGALRM)
    interrupts = Interrupts()
    interrupts.install()
    yield interrupts
    interrupts.restore()
    signal.signal(signal.SIGALRM, before)


class TickError(Exception):
    """What the handler raises."""


def raise_it(*_: object) -> None:
    """Be the user's handler."""
    raise TickError


def test_code_is_left_wherever_a_handler_raises(interrupts: Interrupts) -> None:
    """Struck at any moment, the way out of user code guards the handler, once it is taken again
    as the main lane does; nothing stays kept back."""

    with interrupts.allowed():
        signal.signal(signal.SIGALRM, raise_it)

    def cell() -> None:
        with interrupts.allowed():
            return

    for place in count():
        finished = False
        with suppress(TickError):
            finished = struck(cell, place, partial(signal.raise_signal, signal.SIGALRM))
        interrupts.ensure_left()
        signal.raise_signal(signal.SIGALRM)  # guarded: nothing is raised here
        signal.raise_signal(signal.SIGINT)  # no code runs: nothing either

        assert signal.SIGALRM not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
        if finished:
            return


def test_interrupt_that_is_early_strikes_what_it_was_for(interrupts: Interrupts) -> None:
    """What comes before the expected code strikes that, and no code behind it."""
    interrupts.expect()
    signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        interrupts.enter()

    with interrupts.allowed():
        pass


def test_interrupt_of_a_request_without_code_strikes_no_other(interrupts: Interrupts) -> None:
    """What comes for a request that ends before it runs code is dropped with it."""
    interrupts.expect()
    signal.raise_signal(signal.SIGINT)
    interrupts.expect_no_more()

    with interrupts.allowed():
        pass

    assert interrupts.count == 0


def test_next_code_is_interruptible_wherever_a_handler_raises(interrupts: Interrupts) -> None:
    """A handler that strikes just when interrupts are to be released holds none but that code's."""
    with interrupts.allowed():
        interrupts.hold()  # and what was to release them has been struck

    with pytest.raises(KeyboardInterrupt), interrupts.allowed():
        signal.raise_signal(signal.SIGINT)


def test_import_lock_is_released(interrupts: Interrupts) -> None:
    """A handler that raises in the middle of an import leaves Python's lock behind, for which
    every thread would wait that imports or forgets a module."""
    with interrupts.allowed():
        _imp.acquire_lock()

    assert not _imp.lock_held()
