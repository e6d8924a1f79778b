"""One kernel process: started with a connection file, watched, and ended by its id.

CPU time and memory come from Linux; elsewhere they are not measured.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import select
import signal
import socket
import subprocess
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.kernels import KernelSpec

CHANNELS: Final = ("shell", "control", "iopub", "stdin", "hb")
PORTS: Final = range(15_000, 32_000)
"""Below the ports that systems give to outgoing connections and to whoever asks for any port, so
that nobody is given one of them before the kernel has bound it."""
STOP_LIMIT_S: Final = 3.0
TAIL_CHARACTERS: Final = 200
_PROCESS_CLOCK: Final = 2
"""The kind of Linux clock that counts the CPU time of a process (CPUCLOCK_SCHED)."""


@dataclass(frozen=True, kw_only=True)
class Connection:
    """What the connection file says."""

    key: bytes
    ports: dict[str, int]
    """The port of each of `CHANNELS`, on the loopback address."""

    def address(self, channel: str) -> str:
        """Return the ZeroMQ address of *channel*."""
        return f"tcp://127.0.0.1:{self.ports[channel]}"


class KernelProcess:
    """A started kernel.

    The process leads a group of its own, so that what it starts can be ended with it.
    """

    def __init__(self, spec: KernelSpec, home: Path) -> None:
        """Prepare to start *spec*; its files go to *home*, which outlives it."""
        self.spec = spec
        self.connection = new_connection()
        self._home = home
        self._log = home / "output.log"
        self._file = home / f"connection-{self.connection.ports['shell']}.json"
        self._process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        """When it was started, by `time.perf_counter`, in seconds."""

    def start(self) -> None:
        """Write the connection file and start the process."""
        home, environment = self._home, self.spec.environment
        if environment and not environment.exists():
            raise FileNotFoundError(f"no environment {environment}: see benchmarks setup")
        home.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(_document(self.connection)))
        environ = os.environ | _environ(home) | dict(self.spec.environ)
        # With it, what is not installed with its bytecode would be compiled at each start.
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        with self._log.open("wb") as log:
            self.started_at = time.perf_counter()
            self._process = subprocess.Popen(
                self.spec.command(self._file),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=home,
                env=environ,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The id of the started process."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def interrupt(self) -> None:
        """Send it SIGINT."""
        os.kill(self.pid, signal.SIGINT)

    def cpu_s(self) -> float:
        """Return the CPU time it has used, all threads, in seconds; its children not counted.

        Raises:
            OSError: The system has no such clock, or the process is gone.
        """
        return time.clock_gettime((~self.pid << 3) | _PROCESS_CLOCK)

    def resident_bytes(self) -> int:
        """Return the resident memory of it and its descendants, in bytes."""
        page = resource.getpagesize()
        return sum(_resident_pages(pid) for pid in (self.pid, *_descendants(self.pid))) * page

    def wait_gone(self, limit_s: float) -> bool:
        """Wait until it has ended, without polling, and return whether it has."""
        assert self._process is not None
        if not hasattr(os, "pidfd_open"):
            return self._wait(limit_s)
        try:
            descriptor = os.pidfd_open(self.pid)
        except OSError:
            return self._wait(limit_s)
        try:
            select.select([descriptor], [], [], limit_s)
        finally:
            os.close(descriptor)
        return self._process.poll() is not None

    def stop(self) -> None:
        """End it and what it started, if it still runs, and remove the connection file."""
        if self._process is not None:
            for number in (signal.SIGTERM, signal.SIGKILL):
                if self.is_running:
                    self._signal_group(number)
                    self._wait(STOP_LIMIT_S)
            self._signal_group(signal.SIGKILL)
        self._file.unlink(missing_ok=True)

    def last_words(self) -> str:
        """Return how it ended, or that it runs, and the last line that it wrote."""
        if self._process is None:
            return "never started"
        code = self._process.poll()
        state = "still running" if code is None else f"ended with {code}"
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return f"{state}: {lines[-1][:TAIL_CHARACTERS]}" if lines else state

    def _wait(self, limit_s: float) -> bool:
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(limit_s)
        return self._process.poll() is not None

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


def new_connection() -> Connection:
    """Return a new key and five ports that were free a moment ago.

    Raises:
        OSError: No free ports were found.
    """
    ports: dict[str, int] = {}
    with contextlib.ExitStack() as stack:
        for port in random.sample(PORTS, len(PORTS)):
            one = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                one.bind(("127.0.0.1", port))
                ports[CHANNELS[len(ports)]] = port
            if len(ports) == len(CHANNELS):
                return Connection(key=uuid.uuid4().hex.encode(), ports=ports)
    raise OSError("found no free ports")


def _document(connection: Connection) -> dict[str, object]:
    return {
        "ip": "127.0.0.1",
        "transport": "tcp",
        "key": connection.key.decode(),
        "signature_scheme": "hmac-sha256",
        "kernel_name": "benchmark",
        **{f"{channel}_port": port for channel, port in connection.ports.items()},
    }


def _environ(home: Path) -> dict[str, str]:
    """Return the variables that keep a kernel off the user's own files."""
    places = {
        "IPYTHONDIR": "ipython",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
    }
    return {name: str(home / folder) for name, folder in places.items()}


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in path.read_text().split():
                found += [int(child), *_descendants(int(child))]
    return found


def _resident_pages(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
