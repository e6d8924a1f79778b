"""The run: every kernel takes its turn at each measurement, round after round.

All kernels of a round run at the same time and are measured one at a time, so that the figures
that are compared are seconds apart. Whatever a kernel does, the run goes on: what it did not do
is a reason in the results, and a kernel that failed is started anew for the next measurement.
"""

from __future__ import annotations

import contextlib
import gc
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import zmq
from attrs import define, field

from benchmarks import machine
from benchmarks.client import DEFAULT_LIMIT_S, NoAnswerError, WrongAnswerError
from benchmarks.kernels import KernelSpec
from benchmarks.probes import Findings, Probe
from benchmarks.results import Results
from benchmarks.running import Running
from benchmarks.scale import Scale
from benchmarks.wire import WireError

FAILURES = (NoAnswerError, WrongAnswerError, WireError, zmq.ZMQError, OSError, ValueError)
"""What a kernel can make a probe raise. Anything else is a fault of the harness."""
MAX_STARTS_FAILED = 3
"""A kernel that did not start this often in a row is left out of the rest of the run. Some start
well most of the time, and are not left out for one failure."""
MAX_FAILED = 2
"""A kernel that failed a probe this often is not asked again; after a hang, not even twice."""


@define(kw_only=True)
class Run:
    """One run of some probes over some kernels."""

    specs: Sequence[KernelSpec]
    probes: Sequence[Probe]
    scale: Scale
    say: Callable[[str], None]
    """Told what is going on; shown as progress."""
    results: Results
    _context: zmq.Context[zmq.Socket[bytes]] = field(factory=zmq.Context)
    _running: dict[str, Running] = field(factory=dict)
    _starts_failed: dict[str, int] = field(factory=dict)
    _failed: dict[tuple[str, str], int] = field(factory=dict)

    def all_rounds(self) -> None:
        """Warm up, measure all rounds, and end every process, also when interrupted."""
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            try:
                self._warm_up(Path(folder))
                for number in range(self.scale.rounds):
                    self._round(number, Path(folder))
            finally:
                for name in list(self._running):
                    self._stop(name)
                self._context.destroy(0)

    def _warm_up(self, folder: Path) -> None:
        """Start each kernel once, so that bytecode and profiles are there for all rounds."""
        for spec in self.specs:
            self.say(f"warm-up: {spec.name}")
            kernel = self._ensure(spec, folder)
            if kernel:
                self.results.describe_kernel(spec.name, kernel.info)
            self._stop(spec.name)

    def _round(self, number: int, folder: Path) -> None:
        spins = [machine.spin_s()]
        for probe in self.probes:
            if probe.is_heavy and number % self.scale.heavy_every:
                continue
            before = machine.read_ticks(self._cpu_s)
            for name, findings in self._take_turns(probe, number, folder):
                self.results.add(number, name, findings)
            disturbance = machine.between(before, machine.read_ticks(self._cpu_s))
            self.results.add_disturbance(number, probe.metrics, disturbance)
        for name in list(self._running):
            self._stop(name)
        spins.append(machine.spin_s())
        self.results.add_spins(spins)

    def _take_turns(
        self, probe: Probe, number: int, folder: Path
    ) -> Iterator[tuple[str, Findings]]:
        shift = number % max(1, len(self.specs))
        specs = [*self.specs[shift:], *self.specs[:shift]]
        able = [spec for spec in specs if probe.on_floor or not spec.is_floor]
        able = [spec for spec in able if self._failed.get((probe.name, spec.name), 0) < MAX_FAILED]
        if probe.together:
            yield from self._measure_together(probe, number, able, folder)
            return
        for spec in able:
            self.say(f"round {number + 1}/{self.scale.rounds}  {probe.name}: {spec.name}")
            yield spec.name, self._measure(probe, spec, folder)

    def _measure_together(
        self, probe: Probe, number: int, specs: Sequence[KernelSpec], folder: Path
    ) -> Iterator[tuple[str, Findings]]:
        assert probe.together
        self.say(f"round {number + 1}/{self.scale.rounds}  {probe.name}: all kernels")
        kernels = [kernel for spec in specs if (kernel := self._ensure(spec, folder))]
        yield from probe.together(kernels, self.scale).items()

    def _measure(self, probe: Probe, spec: KernelSpec, folder: Path) -> Findings:
        findings, kernel = Findings(), self._kernel_for(probe, spec, folder)
        if kernel is None:
            findings.fail_rest(probe.metrics, self.results.start_failure(spec.name))
            return findings
        gc.collect()
        gc.disable()
        try:
            kernel.client.limit_s = DEFAULT_LIMIT_S
            probe.run(kernel, self.scale, findings)
            kernel.client.drain()
        except FAILURES as error:
            findings.fail_rest(probe.metrics, f"{error} ({kernel.process.last_words()})")
            cost = MAX_FAILED if isinstance(error, NoAnswerError) else 1
            self._failed[probe.name, spec.name] = (
                self._failed.get((probe.name, spec.name), 0) + cost
            )
            self._stop(spec.name)
        finally:
            gc.enable()
        if probe.ends:
            self._stop(spec.name)
        return findings

    def _kernel_for(self, probe: Probe, spec: KernelSpec, folder: Path) -> Running | None:
        if probe.starts and self._starts_failed.get(spec.name, 0) < MAX_STARTS_FAILED:
            self._stop(spec.name)
            kernel = Running(spec, self._context, folder / spec.name)
            self._running[spec.name] = kernel
            return kernel
        return self._ensure(spec, folder)

    def _ensure(self, spec: KernelSpec, folder: Path) -> Running | None:
        """Return the running kernel of *spec*, started if it does not run; nothing if it fails."""
        kernel = self._running.get(spec.name)
        if kernel and kernel.process.is_running:
            return kernel
        self._stop(spec.name)
        if self._starts_failed.get(spec.name, 0) >= MAX_STARTS_FAILED:
            return None
        kernel = self._running[spec.name] = Running(spec, self._context, folder / spec.name)
        try:
            kernel.start()
        except FAILURES as error:
            words = kernel.process.last_words()
            self._starts_failed[spec.name] = self._starts_failed.get(spec.name, 0) + 1
            self.results.fail_start(spec.name, f"did not start: {error} ({words})")
            self._stop(spec.name)
            return None
        self._starts_failed[spec.name] = 0
        return kernel

    def _stop(self, name: str) -> None:
        kernel = self._running.pop(name, None)
        if kernel:
            kernel.stop()

    def _cpu_s(self) -> float:
        """Return the CPU time of the kernels that run, in seconds."""
        total = 0.0
        for kernel in self._running.values():
            with contextlib.suppress(OSError):
                total += kernel.process.cpu_s() if kernel.process.is_running else 0.0
        return total
