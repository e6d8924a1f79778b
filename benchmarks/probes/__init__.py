"""The measurements, a module for each kind; `ALL` is the order of a round."""

from typing import Final

from benchmarks.probes import answering, busy, comms, life, output, pressure
from benchmarks.probes.probe import Findings, Probe

ALL: Final[tuple[Probe, ...]] = (
    life.START,
    *answering.PROBES,
    comms.SMALL,
    *busy.PROBES,
    life.IDLE,
    *pressure.PROBES,
    *output.PROBES,
    comms.LARGE,
    life.SHUTDOWN,
    output.LATE,
)

__all__ = ["ALL", "Findings", "Probe"]
