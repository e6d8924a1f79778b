"""A controller of ipyparallel as it is released, and engines of ours, on loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import ipyparallel as ipp
import zmq

from tests.held_ports import held_port
from tests.limits import HANG_LIMIT_S

__all__ = ["TestCluster", "controller_ports", "running_cluster"]

PERIOD_MS = 250
"""Of the hub's pings: an engine is announced one or two of them after it has registered."""

MISSES = 200
"""Of the pings: a machine that is busy for some seconds makes the hub drop no engine."""

LOOK_S = 0.01


class TestCluster:
    """A controller in a folder of its own; engines are started one by one."""

    __test__ = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        homes = {"IPYTHONDIR": "ipython", "HOME": "home", "JUPYTER_RUNTIME_DIR": "runtime"}
        for name in homes.values():
            (folder / name).mkdir()
        self.env = {
            **os.environ,
            **{key: str(folder / name) for key, name in homes.items()},
            "PYTEST_CURRENT_TEST": "",
        }
        self._processes: list[subprocess.Popen[bytes]] = []
        self._clients: list[ipp.Client] = []
        self._group: int | None = None
        self._held = ExitStack()

    def start_controller(self, *options: str) -> None:
        """Start it, and wait until it has written its files."""
        controller = self._start(
            "controller",
            ["-m", "ipyparallel.controller", f"--profile-dir={self.folder / 'profile'}"],
            ["--ip=127.0.0.1", "--location=127.0.0.1", "--usethreads", *options],
            [f"--ports={controller_ports(self._held)}"],
            [f"--HeartMonitor.period={PERIOD_MS}"],
            [f"--HeartMonitor.max_heartmonitor_misses={MISSES}"],
        )
        self._group = controller.pid
        _wait_for(lambda: controller.poll() is not None or self._is_written())
        assert self._is_written(), self.output(controller)

    def start_engine(self, *options: str) -> subprocess.Popen[bytes]:
        """Start an engine; it is announced some time later."""
        return self._start(
            "engine", ["-m", "assay", "engine", f"--file={self.file('engine')}"], options
        )

    def start_engines(self, client: ipp.Client, count: int) -> list[subprocess.Popen[bytes]]:
        """Start some, and wait until *client* knows them."""
        before = len(client.ids)
        engines = [self.start_engine() for _ in range(count)]
        client.wait_for_engines(before + count, timeout=HANG_LIMIT_S, interactive=False)
        return engines

    def client(self) -> ipp.Client:
        """Return a client, which is closed at the end."""
        made = ipp.Client(str(self.file("client")), timeout=HANG_LIMIT_S)
        self._clients.append(made)
        return made

    def file(self, whose: str) -> Path:
        """Return the file that the controller writes for engines or for clients."""
        return self.folder / "profile" / "security" / f"ipcontroller-{whose}.json"

    def output(self, process: subprocess.Popen[bytes]) -> str:
        """Return what *process* has written."""
        return (self.folder / f"{process.pid}.log").read_text()

    def unregister(self, client: ipp.Client, number: int) -> None:
        """Let the hub drop the engine *number*, as it does when one misses too many pings."""
        fields, session = json.loads(self.file("client").read_text()), client.session.clone()
        with zmq.Context() as context, context.socket(zmq.DEALER) as sender:
            sender.connect(f"{fields['interface']}:{fields['registration']}")
            session.send(sender, "unregistration_request", {"id": number})

    def wait_for_pings(self, count: int) -> None:
        """Wait until the hub has sent so many pings from now on."""
        fields = json.loads(self.file("engine").read_text())
        with zmq.Context() as context, context.socket(zmq.SUB) as pings:
            pings.subscribe(b"")
            pings.connect(f"{fields['interface']}:{fields['hb_ping']}")
            for _ in range(count):
                assert pings.poll(int(HANG_LIMIT_S * 1000))
                pings.recv_multipart()

    def close(self) -> None:
        """End all."""
        for client in self._clients:
            client.close()
        for process in self._processes:
            process.kill()
        if self._group is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._group, signal.SIGKILL)  # the controller's own processes
        for process in self._processes:
            process.wait()
        self._held.close()

    def _start(self, name: str, *words: Sequence[str]) -> subprocess.Popen[bytes]:
        path = self.folder / f"{name}{len(self._processes)}.log"
        with path.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, *(word for part in words for word in part)],
                env=self.env,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=name == "controller",
            )
        path.rename(self.folder / f"{process.pid}.log")
        self._processes.append(process)
        return process

    def _is_written(self) -> bool:
        return all(_is_whole(self.file(whose)) for whose in ("engine", "client"))


def controller_ports(held: ExitStack) -> str:
    """Return more ports than a controller needs, as its option takes them; *held* holds them."""
    return ",".join(str(held_port(held)) for _ in range(20))


def _is_whole(path: Path) -> bool:
    """Return True if *path* is there and all of it has been written."""
    try:
        json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return False
    return True


@contextmanager
def running_cluster(folder: Path, *options: str) -> Iterator[TestCluster]:
    """Start a controller with *options*."""
    cluster = TestCluster(folder)
    try:
        cluster.start_controller(*options)
        yield cluster
    finally:
        cluster.close()


def _wait_for(holds: Any) -> None:
    end = monotonic() + HANG_LIMIT_S
    while not holds():
        assert monotonic() < end
        sleep(LOOK_S)
