"""A server that forks kernels: Python and ZeroMQ are loaded once, not five hundred times.

It reads lines of JSON from its standard input, ``{"argv": [...], "env": {...}}``, and writes lines:
``{"pid": 7}`` for each kernel in the order of the requests, ``{"pid": 7, "status": 0}`` for each
that has ended. It ends, and kills what still runs, when its input ends.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
from collections.abc import Sequence

from tests.faults.__main__ import main, prepare

CHUNK = 1 << 16


def serve() -> None:
    """Fork kernels until the input ends."""
    prepare()
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    running: set[int] = set()
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(0, selectors.EVENT_READ)
        selector.register(wake_read, selectors.EVENT_READ)
        while True:
            ready = {key.fd for key, _ in selector.select()}
            if wake_read in ready:
                os.read(wake_read, CHUNK)
                reap(running)
            if 0 in ready:
                data = os.read(0, CHUNK)
                if not data:
                    break
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    fork(json.loads(line), running)
    for pid in running:
        os.kill(pid, signal.SIGKILL)


def reap(running: set[int]) -> None:
    """Tell of all kernels that have ended."""
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        running.discard(pid)
        say({"pid": pid, "status": os.waitstatus_to_exitcode(status)})


def say(line: dict[str, int]) -> None:
    """Write a line at once."""
    os.write(1, json.dumps(line).encode() + b"\n")


def fork(asked: dict[str, object], running: set[int]) -> None:
    """Start a kernel."""
    pid = os.fork()
    if pid:
        running.add(pid)
        say({"pid": pid})
        return
    argv, env = asked["argv"], asked["env"]
    assert isinstance(argv, list)
    assert isinstance(env, dict)
    os._exit(run(argv, {str(key): str(env[key]) for key in env}))


def run(argv: Sequence[str], env: dict[str, str]) -> int:
    """Be the kernel, and return its exit code."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    quiet = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(quiet, descriptor)
    os.environ.clear()
    os.environ.update(env)
    try:
        return main(argv)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - a kernel that raises has ended, like any process
        return 1


if __name__ == "__main__":
    serve()
