"""Engines of one ipyparallel cluster beside each other: ours and ipyparallel's own.

    python -m benchmarks.engines [--rounds N] [--tasks N]

One controller and one client drive both, taking turns, so that each round's figures stand beside
each other. The processor time of a start is that of the engine and of the process that watches it,
until it is registered. It needs ipyparallel (the extra `parallel`) and takes under a minute.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import ipyparallel as ipp
import numpy as np

ENGINES = {"assay": ["-m", "assay", "engine"], "ipyparallel": ["-m", "ipyparallel.engine"]}
"""The commands, by the name in the table."""

START_S = 60.0
ROUND_TRIPS = 100
LARGE_BYTES = 100_000_000

Figures = dict[str, float]

START = "processor time of a start [s]"


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="Compare the engines of one cluster.")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (3)")
    parser.add_argument("--tasks", type=int, default=500, help="how many tasks are queued (500)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, _cluster(Path(folder)) as cluster:
        rounds = [
            {name: cluster.measure(name, options.tasks) for name in ENGINES}
            for _ in range(options.rounds)
        ]
    print(_table(rounds))
    return 0


class Cluster:
    """A controller and its client; engines are started one by one.

    Args:
        folder: Of the profile.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "security" / "ipcontroller-engine.json"
        self._environment = {**os.environ, "IPYTHONDIR": str(folder / "ipython")}
        self._processes: list[subprocess.Popen[bytes]] = []
        self._start(
            *("-m", "ipyparallel.controller", f"--profile-dir={folder}", "--usethreads"),
            *("--ip=127.0.0.1", "--HeartMonitor.period=500"),
        )
        client_file = folder / "security" / "ipcontroller-client.json"
        _wait_until(client_file.exists)
        self.client = ipp.Client(str(client_file))

    def measure(self, name: str, tasks: int) -> Figures:
        """Start one of the engines, and return its figures once it has ended."""
        engine = self._start(*ENGINES[name], f"--file={self._file}")
        self.client.wait_for_engines(1, timeout=START_S, interactive=False)
        figures = {START: self._processor_time(ENGINES[name]), **_measure(self.client[-1], tasks)}
        self.client.shutdown(block=True)
        engine.wait()
        _wait_until(lambda: not self.client.ids)
        return figures

    def close(self) -> None:
        """End all."""
        self.client.close()
        for process in reversed(self._processes):  # the controller ends its own ones
            process.terminate()
        for process in self._processes:
            process.wait()

    def _processor_time(self, command: list[str]) -> float:
        """Return that of the engine with *command*, and of what it has started, in seconds."""
        words = [word.encode() for word in (*command, f"--file={self._file}")]
        used: dict[int, float] = {}
        for path in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
            with suppress(OSError):  # it has ended meanwhile
                line = (path / "cmdline").read_bytes().split(b"\0")
                _, parent, *rest = (path / "stat").read_text().rpartition(")")[2].split()
                if all(word in line for word in words) or int(parent) in used:
                    used[int(path.name)] = sum(map(int, rest[9:11])) / os.sysconf("SC_CLK_TCK")
        return sum(used.values())

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        with (self._folder / "output").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *words],
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._processes.append(process)
        return process


@contextmanager
def _cluster(folder: Path) -> Iterator[Cluster]:
    """Start a controller."""
    cluster = Cluster(folder)
    try:
        yield cluster
    finally:
        cluster.close()


def _wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + START_S
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"the controller did not answer within {START_S} s")
        time.sleep(0.05)


def _measure(view: Any, tasks: int) -> Figures:
    nothing, spent = ipp.interactive(lambda: None), ipp.interactive(_spent)
    view.apply_sync(nothing)
    view.push({"small": np.zeros(1)}, block=True)  # either engine imports numpy now
    before, began = view.apply_sync(spent), time.perf_counter()
    results = [view.apply_async(nothing) for _ in range(tasks)]
    view.client.wait(results, timeout=START_S)
    took, used = time.perf_counter() - began, view.apply_sync(spent) - before
    trips = [_timed(lambda: view.apply_sync(nothing)) for _ in range(ROUND_TRIPS)]
    array = np.zeros(LARGE_BYTES, dtype="u1")
    return {
        "queued tasks [1/s]": tasks / took,
        "engine's processor time [ms/task]": used / tasks * 1e3,
        "apply_sync, median [ms]": statistics.median(trips) * 1e3,
        "push 100 MB [s]": _timed(lambda: view.push({"large": array}, block=True)),
        "pull 100 MB [s]": _timed(lambda: view.pull("large", block=True)),
    }


def _spent() -> float:
    """Return the processor time of the engine that runs this."""
    import time  # noqa: PLC0415 - on the engine

    return time.process_time()


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _table(rounds: list[dict[str, Figures]]) -> str:
    """Return the medians, and the median of the ratios within a round."""
    lines = [
        f"{'median of ' + str(len(rounds)) + ' rounds':36}" + "".join(f"{n:>14}" for n in ENGINES)
    ]
    ours, theirs = ENGINES
    for figure in rounds[0][ours]:
        medians = [statistics.median(one[name][figure] for one in rounds) for name in ENGINES]
        ratio = statistics.median(one[ours][figure] / one[theirs][figure] for one in rounds)
        lines.append(f"{figure:36}" + "".join(f"{m:14.3f}" for m in medians) + f"   ({ratio:.2f})")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
