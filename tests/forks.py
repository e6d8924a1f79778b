"""Processes that are forked from a server that has imported what they need, `fork_server`.

To start an interpreter and to import IPython is most of what a short-lived kernel costs.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import IO

from assay.transport._process import ChildProcess
from tests.limits import HANG_LIMIT_S

__all__ = ["ForkServer", "ForkedChild"]

PROGRAM = Path(__file__).with_name("fork_server.py")


class ForkServer:
    """The server, from outside.

    Args:
        module: What the processes run.
        imports: What they find imported.
        path: Where else modules are found.
    """

    def __init__(self, module: str, *imports: str, path: Sequence[Path] = ()) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        places = [*map(str, path), os.environ.get("PYTHONPATH", "")]
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, "-P", str(PROGRAM), module, *imports],
                stdin=theirs.fileno(),
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))},
                start_new_session=True,
            )
        self._lock = threading.Lock()
        self._begun: SimpleQueue[Forked] = SimpleQueue()
        self._running: dict[int, Forked] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The parent of the processes."""
        return self._server.pid

    def fork(
        self, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path | None, capture: bool
    ) -> Forked:
        """Start a process."""
        asked = {"argv": list(argv), "env": dict(env), "cwd": str(cwd or Path.cwd())}
        nothing = os.open(os.devnull, os.O_RDWR)
        read, write = os.pipe() if capture else (-1, -1)
        given = [nothing, write, write] if capture else [nothing, 1, 2]
        with self._lock:
            socket.send_fds(self._socket, [json.dumps(asked).encode()], given)
            os.close(nothing)
            if capture:
                os.close(write)
            forked = self._begun.get(timeout=HANG_LIMIT_S)
        if capture:
            forked.stdout = os.fdopen(read, "rb", buffering=0)
        return forked

    def close(self) -> None:
        """End the server and what it has forked."""
        self._socket.shutdown(socket.SHUT_WR)
        self._server.wait()
        self._reader.join()
        self._socket.close()

    def _read(self) -> None:
        while data := self._socket.recv(1024):
            told = json.loads(data)
            pid = told["pid"]
            if "status" in told:
                self._running.pop(pid).end(told["status"])
            else:
                forked = self._running[pid] = Forked(pid)
                self._begun.put(forked)
        # Nobody says any more how the others end. They have been killed, or the server has died.
        for forked in self._running.values():
            forked.end(-signal.SIGKILL)


class Forked:
    """What `ChildProcess` needs of a `subprocess.Popen`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.stdout: IO[bytes] | None = None
        self.returncode: int | None = None
        self._ended = threading.Event()

    def end(self, code: int) -> None:
        """Take the exit code."""
        self.returncode = code
        self._ended.set()

    def poll(self) -> int | None:
        """Return the exit code, None while the process runs."""
        return self.returncode

    def wait(self) -> int:
        """Wait for the end and return the exit code."""
        self._ended.wait()
        assert self.returncode is not None
        return self.returncode


class ForkedChild(ChildProcess):
    """A child process that is forked by a server."""

    def __init__(
        self,
        server: ForkServer,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path | None = None,
        capture: bool = True,
        leaves: Path | None = None,
    ) -> None:
        self._server = server
        super().__init__(argv, env=env, cwd=cwd, capture=capture, leaves=leaves)

    def _started(
        self, env: Mapping[str, str], cwd: Path | None, *, capture: bool
    ) -> subprocess.Popen[bytes]:
        words = self.argv[self.argv.index("-m") + 2 :]
        # Who has started it is the server's parent, or else nobody that it could watch.
        env = {**env, "JPY_PARENT_PID": str(self._server.pid)}
        return self._server.fork(words, env=env, cwd=cwd, capture=capture)  # type: ignore[return-value]  # as much of a Popen as is used

    def _wait_for_end(self) -> None:
        self._process.wait()
        self._note_end()
