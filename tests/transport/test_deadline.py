"""How long to wait, and what a signal does to a wait."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType, SimpleNamespace

import pytest
import zmq

from assay.protocol import Channel, ConnectionFile, KernelInfoRequest
from assay.transport import Client, RawSocket
from assay.transport._deadline import SLICE_S, Deadline
from assay.transport._process import ChildProcess
from tests.limits import HANG_LIMIT_S

SLICE_MS = SLICE_S * 1_000

CONNECTION = ConnectionFile(
    key="a key", shell_port=1, iopub_port=1, stdin_port=1, control_port=1, hb_port=1
)
"""Where nobody answers."""


class StruckError(Exception):
    """What a signal's handler raises."""


@pytest.fixture
def struck() -> Iterator[None]:
    """A handler of SIGALRM that raises, as Ctrl-C does."""

    def strike(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise StruckError

    before = signal.signal(signal.SIGALRM, strike)
    yield
    signal.signal(signal.SIGALRM, before)


class TestWait:
    """`Deadline.wait`."""

    def test_endless(self) -> None:
        """A wait without an end is one of many short ones."""
        answers = iter(["", "", "", "here"])
        asked: list[int] = []

        def poll(wait_ms: int) -> str:
            asked.append(wait_ms)
            return next(answers)

        assert Deadline(None).wait(poll) == "here"
        assert asked == [SLICE_MS] * 4

    def test_passed(self) -> None:
        """What has come is seen, although no time is left; then the wait ends with what it has."""
        assert Deadline(0).wait(lambda wait_ms: [] if wait_ms else ["here"]) == ["here"]
        assert Deadline(0).wait(lambda wait_ms: [wait_ms] * wait_ms) == []

    def test_short(self) -> None:
        """A wait that is shorter lasts as long as it is to."""
        never = threading.Event()
        asked: list[int] = []

        def poll(wait_ms: int) -> bool:
            asked.append(wait_ms)
            return never.wait(wait_ms / 1_000)

        deadline = Deadline(0.02)

        assert not deadline.wait(poll)
        assert deadline.passed
        assert 0 < asked[0] <= 20

    @pytest.mark.usefixtures("struck")
    def test_signal_just_before(self) -> None:
        """A signal that Python learns of when a wait is over is handled before the next."""
        never = threading.Event()

        def poll(wait_ms: int) -> bool:
            # A blocked signal stands for one that comes behind Python's last look.
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
            try:
                signal.raise_signal(signal.SIGALRM)
                return never.wait(wait_ms / 1_000)
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])

        with pytest.raises(StruckError):
            Deadline(None).wait(poll)


class TestWaits:
    """Whatever a program waits for lets Ctrl-C through."""

    @pytest.mark.parametrize(
        "wait",
        [
            lambda client, _: client.receive(Channel.IOPUB, None),
            lambda client, _: client.execute("pass", timeout=HANG_LIMIT_S),
            lambda client, _: client.request(KernelInfoRequest(), timeout=None),
            lambda client, _: client.wait_until_ready(HANG_LIMIT_S),
            lambda client, _: client.beat(timeout=HANG_LIMIT_S),
            lambda _, socket: socket.receive(HANG_LIMIT_S),
        ],
    )
    def test_sockets(
        self, monkeypatch: pytest.MonkeyPatch, wait: Callable[[Client, RawSocket], object]
    ) -> None:
        """No wait for a socket is longer than a slice."""
        asked: list[int | None] = []

        def poll(_: zmq.Poller, timeout: int | None = None) -> list[tuple[object, int]]:
            asked.append(timeout)
            raise StruckError

        with Client(CONNECTION) as client, RawSocket.pinger(CONNECTION) as socket:
            monkeypatch.setattr(zmq.Poller, "poll", poll)
            with pytest.raises(StruckError):
                wait(client, socket)
            monkeypatch.undo()

        assert len(asked) == 1
        assert asked[0] is not None
        assert asked[0] <= SLICE_MS

    def test_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nor one for the end of a process."""
        process = ChildProcess([sys.executable, "-c", ""], env=os.environ, capture=False)
        ended = process._ended
        asked: list[float | None] = []

        def wait(timeout: float | None = None) -> bool:
            asked.append(timeout)
            return len(asked) == 3 and ended.wait(HANG_LIMIT_S)

        with monkeypatch.context() as patched:
            patched.setattr(process, "_ended", SimpleNamespace(wait=wait, set=ended.set))
            code = process.wait(None)
        process.close()

        assert asked == [SLICE_S] * 3
        assert code == 0
