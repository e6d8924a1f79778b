"""What the machine is, and whether it had time for us.

Two signs are read. While something is measured, Linux counts how long the processors worked for
anyone and how long the host took them away; what is neither ours nor idle was somebody else's.
Before and after each round, a fixed piece of computing is timed, which shows a machine whose
speed changes.
"""

from __future__ import annotations

import os
import platform
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import zmq

from benchmarks.wire import Json

OTHERS_LIMIT: Final = 0.15
"""The share of one processor that others may use before a figure is doubted."""
STEAL_LIMIT: Final = 0.03
"""The share of one processor that the host may take away."""
SPIN_LIMIT: Final = 0.15
"""How much slower than the fastest the calibration may be."""
SHORTEST_S: Final = 0.3
"""Linux counts in hundredths of a second: a shorter window says too little to doubt anything."""
SPIN_STEPS: Final = 100_000
SPINS: Final = 9


@dataclass(frozen=True, kw_only=True)
class Ticks:
    """Processor time since the system started, all processors together, in seconds."""

    busy: float
    steal: float
    ours: float
    """Of the busy time, what we and the processes we started have used."""
    at: float
    """When this was read, by `time.perf_counter`."""


@dataclass(frozen=True, kw_only=True)
class Disturbance:
    """What happened on the machine while something was measured."""

    seconds: float
    others: float
    """Processor time of others, as a share of one processor."""
    steal: float
    """Processor time that the host took, as a share of one processor."""

    @property
    def is_too_much(self) -> bool:
        """Whether a figure from this time should be doubted."""
        return self.seconds >= SHORTEST_S and (
            self.others > OTHERS_LIMIT or self.steal > STEAL_LIMIT
        )


def read_ticks(running_s: Callable[[], float]) -> Ticks | None:
    """Return the counters now, or nothing where the system has none.

    Args:
        running_s: Returns the CPU time, in seconds, of what we started and still runs.
    """
    try:
        fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    except OSError:
        return None
    user, nice, system, _, _, irq, softirq, steal = (int(field) for field in fields)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    ours = time.process_time() + ended.ru_utime + ended.ru_stime + running_s()
    second = os.sysconf("SC_CLK_TCK")
    return Ticks(
        busy=(user + nice + system + irq + softirq) / second,
        steal=steal / second,
        ours=ours,
        at=time.perf_counter(),
    )


def between(before: Ticks | None, after: Ticks | None) -> Disturbance | None:
    """Return what happened from *before* to *after*."""
    if before is None or after is None:
        return None
    seconds = after.at - before.at
    others = (after.busy - before.busy) - (after.ours - before.ours)
    return Disturbance(
        seconds=seconds,
        others=max(0.0, others / seconds),
        steal=max(0.0, (after.steal - before.steal) / seconds),
    )


def spin_s() -> float:
    """Return the median time of a fixed piece of computing, in seconds."""
    times = []
    for _ in range(SPINS):
        started_at, total = time.perf_counter(), 0
        for number in range(SPIN_STEPS):
            total += number * number & 7
        times.append(time.perf_counter() - started_at)
    return sorted(times)[SPINS // 2]


def describe() -> Json:
    """Return what is known of the machine and of the harness's own libraries."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "processors": os.cpu_count() or 0,
        "memory_gb": round(_memory_bytes() / 1e9, 1),
        "load_before": [round(one, 2) for one in os.getloadavg()],
        "python": platform.python_version(),
        "zeromq": zmq.zmq_version(),
        "pyzmq": zmq.__version__,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
