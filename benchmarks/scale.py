"""How much is measured: sizes and repetitions of the three kinds of run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Scale:
    """The size of a run. Each round starts every kernel anew and measures everything once."""

    name: str
    rounds: int
    repeats: int
    """Round trips of each quick kind in a round."""
    slow_repeats: int
    """Interrupts, first lines and large messages in a round."""
    burst: int
    """Requests sent at once."""
    client_requests: int
    """Requests of each of the clients at once."""
    lines: int
    late_lines: int
    """Printed for a reader that is late; more than the buffers on the way can hold."""
    megabytes: int
    """Written in blocks of 1 MB; also the size of the large comm buffer."""
    displays: int
    heavy_every: int
    """Heavy probes run in the first round and every so many rounds after it."""
    idle_s: float
    running_s: float
    """How long the cell computes that others are measured beside."""


SMOKE: Final = Scale(
    name="smoke",
    rounds=1,
    repeats=5,
    slow_repeats=1,
    burst=50,
    client_requests=2,
    lines=1_000,
    late_lines=1_000,
    megabytes=2,
    displays=50,
    heavy_every=1,
    idle_s=0.2,
    running_s=0.3,
)
QUICK: Final = Scale(
    name="quick",
    rounds=5,
    repeats=100,
    slow_repeats=3,
    burst=1_000,
    client_requests=50,
    lines=100_000,
    late_lines=30_000,
    megabytes=64,
    displays=5_000,
    heavy_every=4,
    idle_s=10.0,
    running_s=0.6,
)
FULL: Final = Scale(
    name="full",
    rounds=15,
    repeats=300,
    slow_repeats=5,
    burst=1_000,
    client_requests=50,
    lines=100_000,
    late_lines=100_000,
    megabytes=64,
    displays=5_000,
    heavy_every=1,
    idle_s=10.0,
    running_s=0.6,
)
