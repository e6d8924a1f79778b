"""What is forked from a server is like what is started."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.transport import LaunchError
from tests.forks import ForkedChild, ForkServer
from tests.limits import HANG_LIMIT_S

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a fork is safe there alone")

PROGRAM = """
import json, os, signal, sys, threading
if sys.argv[1] == "wait":
    signal.pause()
json.dump({
    "name": __name__,
    "arguments": sys.argv[1:],
    "environment": dict(os.environ),
    "folder": os.getcwd(),
    "leads its session": os.getsid(0) == os.getpid(),
    "parent": os.getppid(),
    "imported": "wave" in sys.modules,
    "descriptors": [number for number in range(50) if os.path.exists(f"/proc/self/fd/{number}")],
    "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "handlers": [n for n in signal.valid_signals() if callable(signal.getsignal(n))],
    "threads": threading.active_count(),
}, sys.stdout)
sys.exit(7)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    """A server for a program that says what it finds."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "a_program.py").write_text(PROGRAM)
    server = ForkServer("a_program", "wave", path=[folder])
    yield server
    server.close()


def test_a_forked_process_finds_what_a_started_one_finds(
    server: ForkServer, tmp_path: Path
) -> None:
    """Its arguments, environment and folder are its own, and nothing of the server is left."""
    argv = [sys.executable, "-m", "a_program", "a", "é"]
    child = ForkedChild(server, argv, env={"A": "b"}, cwd=tmp_path)

    code = child.wait(HANG_LIMIT_S)

    found = json.loads(child.written())
    child.close()
    assert code == 7
    assert found == {
        "name": "__main__",
        "arguments": ["a", "é"],
        "environment": {"A": "b", "JPY_PARENT_PID": str(server.pid)},
        "folder": str(tmp_path),
        "leads its session": True,
        "parent": server.pid,
        "imported": True,
        "descriptors": [0, 1, 2],
        "blocked": [],
        "handlers": [signal.SIGINT],
        "threads": 1,
    }


def test_a_signal_ends_one_of_them(server: ForkServer) -> None:
    """The exit code says which signal it was; another one runs on, and ends when it is closed."""
    argv = [sys.executable, "-m", "a_program", "wait"]
    first, second = (ForkedChild(server, argv, env=dict(os.environ)) for _ in range(2))

    first.signal(signal.SIGTERM)

    assert first.wait(HANG_LIMIT_S) == -signal.SIGTERM
    assert second.exit_code is None
    with pytest.raises(LaunchError):
        second.wait(0)
    for child in (first, second):
        child.close()
    assert second.exit_code == -signal.SIGKILL


def test_the_end_of_the_server_ends_them(tmp_path: Path) -> None:
    """Who waits for one of them is told."""
    (tmp_path / "a_program.py").write_text(PROGRAM)
    server = ForkServer("a_program", path=[tmp_path])
    child = ForkedChild(server, [sys.executable, "-m", "a_program", "wait"], env=dict(os.environ))

    server.close()

    assert child.wait(HANG_LIMIT_S) == -signal.SIGKILL
    child.close()
