"""Engines of one ipyparallel cluster beside each other: ours and ipyparallel's own.

    python -m benchmarks.engines [--rounds N] [--tasks N]

One controller and one client drive both, taking turns, so that each round's figures stand beside
each other. It needs ipyparallel (the extra `parallel`) and takes under a minute.
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
from contextlib import contextmanager
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


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="Compare the engines of one cluster.")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (3)")
    parser.add_argument("--tasks", type=int, default=500, help="how many tasks are queued (500)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, _cluster(Path(folder)) as views:
        rounds = [
            {name: _measure(view, options.tasks) for name, view in views.items()}
            for _ in range(options.rounds)
        ]
    print(_table(rounds))
    return 0


@contextmanager
def _cluster(folder: Path) -> Iterator[dict[str, Any]]:
    """Start a controller and an engine of each kind; give a view of each."""
    security = folder / "security"
    environment = {**os.environ, "IPYTHONDIR": str(folder / "ipython")}
    processes = []

    def start(*words: str) -> None:
        with (folder / "log").open("ab") as log:
            command = [sys.executable, *words]
            processes.append(
                subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
            )

    try:
        controller = ("-m", "ipyparallel.controller", f"--profile-dir={folder}", "--usethreads")
        start(*controller, "--ip=127.0.0.1", "--HeartMonitor.period=500")
        _wait_until((security / "ipcontroller-client.json").exists)
        client = ipp.Client(str(security / "ipcontroller-client.json"))
        views = {}
        for number, (name, command) in enumerate(ENGINES.items()):
            start(*command, f"--file={security / 'ipcontroller-engine.json'}")
            client.wait_for_engines(number + 1, timeout=START_S, interactive=False)
            views[name] = client[max(client.ids)]
        yield views
        client.close()
    finally:
        for process in reversed(processes):  # the controller ends its own ones
            process.terminate()
        for process in processes:
            process.wait()


def _wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + START_S
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError("the controller did not start")
        time.sleep(0.05)


def _measure(view: Any, tasks: int) -> Figures:
    nothing, spent = ipp.interactive(lambda: None), ipp.interactive(_spent)
    view.apply_sync(nothing)
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
