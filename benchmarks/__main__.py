"""The command line: `python -m benchmarks --help`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import chart, environments, report
from benchmarks.kernels import ConfigurationError, KernelSpec, find_file, floors, load
from benchmarks.metrics import METRICS
from benchmarks.probes import ALL, Probe
from benchmarks.results import Results
from benchmarks.rounds import Run
from benchmarks.scale import FULL, QUICK, SMOKE
from benchmarks.wire import ENCODER


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, or 2 when it was asked something wrong."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], None] = options.command
    try:
        command(options)
    except ConfigurationError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    return 0


def run(options: argparse.Namespace) -> None:
    """Measure and print the table."""
    specs = _chosen_kernels(options)
    scale = FULL if options.full else SMOKE if options.smoke else QUICK
    if options.rounds:
        scale = replace(scale, rounds=options.rounds)
    results = Results(scale_name=scale.name, kernels=tuple(spec.name for spec in specs))
    probes = _chosen_probes(options.metrics)
    progress = report.Progress(sys.stderr)
    one = Run(specs=specs, probes=probes, scale=scale, say=progress.say, results=results)
    try:
        one.all_rounds()
    except KeyboardInterrupt:
        progress.say("interrupted; the rounds so far follow")
    finally:
        progress.end()
    print(report.table(results))
    if options.detail:
        print(report.detail(results))
    if options.goals:
        print(report.goals(results, options.goals))
    if options.json:
        options.json.write_bytes(ENCODER.encode(results.document()) + b"\n")
    if options.chart:
        options.chart.write_text(chart.svg(results))


def protocol(options: argparse.Namespace) -> None:
    """Time the protocol layer alone."""
    # Here, so that measuring kernels needs neither side of this comparison.
    from benchmarks.layer import cases, sides, timing  # noqa: PLC0415
    from benchmarks.layer import report as layer_report  # noqa: PLC0415

    both = (sides.Ours(), sides.Theirs())
    largest = cases.MEGABYTE if options.smoke else 100 * cases.MEGABYTE
    progress = report.Progress(sys.stderr)
    chosen = list(cases.cases(largest))
    turns = 1 if options.smoke else options.turns
    timings = list(timing.compare(both, chosen, turns, progress.say))
    progress.end()
    print(layer_report.table(timings, (both[0].name, both[1].name)))
    if options.json:
        options.json.write_bytes(ENCODER.encode(layer_report.document(timings)) + b"\n")


def setup(options: argparse.Namespace) -> None:
    """Make the environments of the kernels."""
    path = environments.setup(options.folder, lambda line: print(line, file=sys.stderr))
    print(f"python -m benchmarks run --config {path}")


def show(options: argparse.Namespace) -> None:
    """List the kernels and the metrics."""
    path = find_file(options.config)
    print(f"kernels ({path}):")
    for spec in (*load(path), *floors()):
        print(f"  {spec.name:18} {' '.join(spec.argv)}")
    print("metrics:")
    for metric in METRICS:
        print(f"  {metric.id:18} {metric.title}{f' ({metric.unit})' if metric.unit else ''}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("run", help="measure kernels and print a table")
    size = one.add_mutually_exclusive_group()
    size.add_argument("--full", action="store_true", help="more rounds and repetitions")
    size.add_argument("--smoke", action="store_true", help="one tiny round, in seconds")
    one.add_argument("--kernels", type=_names, help="only these, with commas between")
    one.add_argument("--metrics", type=_names, help="only these, with commas between")
    one.add_argument("--rounds", type=int, help="another number of rounds")
    one.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    one.add_argument("--chart", type=Path, metavar="FILE.svg", help="draw the ratios")
    one.add_argument("--detail", action="store_true", help="print minima, p99 and more ratios")
    one.add_argument("--goals", metavar="KERNEL", help="print what is aimed at and what it has")
    one.add_argument("--config", type=Path, metavar="FILE.toml", help="the kernels to measure")
    one.set_defaults(command=run)
    layer = commands.add_parser("protocol", help="time encoding, signing and the rest alone")
    layer.add_argument("--smoke", action="store_true", help="once each, in seconds")
    layer.add_argument("--turns", type=int, default=11, help="how often each side is timed")
    layer.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    layer.set_defaults(command=protocol)
    made = commands.add_parser("setup", help="make an environment for each kernel")
    made.add_argument("folder", type=Path, metavar="DIR")
    made.set_defaults(command=setup)
    listed = commands.add_parser("list", help="show kernels and metrics")
    listed.add_argument("--config", type=Path, metavar="FILE.toml")
    listed.set_defaults(command=show)
    return parser


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _chosen_kernels(options: argparse.Namespace) -> list[KernelSpec]:
    """Return the kernels asked for, in their order; all of the file and both floors if none."""
    known = {spec.name: spec for spec in floors()}
    wanted: list[str] | None = options.kernels
    if wanted is None or set(wanted) - set(known):
        known = {spec.name: spec for spec in load(find_file(options.config))} | known
    _check_names("kernel", wanted or [], list(known))
    return [known[name] for name in wanted or known]


def _chosen_probes(metrics: list[str] | None) -> list[Probe]:
    """Return the probes that find *metrics*; a metric may be named by the start of its id."""
    if metrics is None:
        return list(ALL)
    known = [metric.id for metric in METRICS]
    wanted = {one for one in known if any(one.startswith(name) for name in metrics)}
    _check_names("metric", [one for one in metrics if not _begins(one, known)], known)
    return [probe for probe in ALL if wanted & set(probe.metrics)]


def _begins(name: str, known: Sequence[str]) -> bool:
    return any(one.startswith(name) for one in known)


def _check_names(kind: str, wanted: Sequence[str], known: Sequence[str]) -> None:
    if unknown := sorted(set(wanted) - set(known)):
        raise ConfigurationError(f"no {kind} {', '.join(unknown)}; there is {', '.join(known)}")


if __name__ == "__main__":
    sys.exit(main())
