"""A server that forks processes: what they import is loaded once.

    python -P tests/fork_server.py MODULE [IMPORT ...]

Its standard input is a socket. A message on it asks for a process, ``{"argv": [...], "env": {...},
"cwd": "..."}``, with three descriptors: its standard input, output and error. The process is what
``python -m MODULE`` with these arguments begins, but that each IMPORT is loaded; its parent is the
server. The server writes ``{"pid": 7}``, and ``{"pid": 7, "status": 0}`` when it has ended. At the
end of the socket the server kills what still runs, and ends.

Nothing of the server is left in the processes: no descriptor, no thread, no handler of a signal.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

MAX_BYTES = 1 << 20

LOOK_S = 5.0
"""A signal that comes just before a wait does not end it: its handler runs when this is over."""


class Server:
    """Forks, and tells what became of the processes."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._running: set[int] = set()

    def serve(self) -> bool:
        """Fork until the socket ends; return True in each new process."""
        signal.signal(signal.SIGCHLD, lambda *_: self._reap())
        self._requests.settimeout(LOOK_S)
        while True:
            try:
                data, descriptors, _, _ = socket.recv_fds(self._requests, MAX_BYTES, 3)
            except TimeoutError:
                continue
            if not data:
                break
            # No child ends unnoticed, or before its number is told.
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
            read, write = os.pipe()
            pid = os.fork()
            if not pid:
                self._requests.close()
                os.close(read)
                become(descriptors, **json.loads(data))
                os.close(write)
                return True
            for descriptor in (*descriptors, write):
                os.close(descriptor)
            # It has become what it shall be: what is sent to its process group reaches it.
            os.read(read, 1)
            os.close(read)
            self._running.add(pid)
            self._tell(pid=pid)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])  # or the set changes meanwhile
        for pid in self._running:
            os.kill(pid, signal.SIGKILL)
        return False

    def _reap(self) -> None:
        while self._running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            self._running.discard(pid)
            self._tell(pid=pid, status=os.waitstatus_to_exitcode(status))

    def _tell(self, **told: int) -> None:
        with suppress(BrokenPipeError):  # whoever has asked is gone
            self._requests.send(json.dumps(told).encode())


def become(
    descriptors: Sequence[int], *, argv: Sequence[str], env: dict[str, str], cwd: str
) -> None:
    """Let a forked process have what one that is started has."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    os.setsid()
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv[1:] = argv


def main(module: str, imports: Sequence[str]) -> None:
    """Serve; and be *module* in the processes."""
    if module == "assay":
        # Its own first step, before it imports anything else.
        from assay._isolation import isolate  # noqa: PLC0415 - for this module alone

        isolate()
    for name in imports:
        import_module(name)
    if Server(socket.socket(fileno=0)).serve():
        runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
