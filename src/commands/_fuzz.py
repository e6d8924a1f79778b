"""``assay fuzz``: search for conversations that a kernel gets wrong."""

from __future__ import annotations

import secrets
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click
from rich.console import Console

from assay.commands._exit import Exit
from assay.conformance import Recording, Target, Testee, replay
from assay.protocol import Profile
from assay.transport import LaunchError

if TYPE_CHECKING:
    from assay.conformance.fuzz._search import FuzzReport

__all__ = ["fuzz_command"]

PROFILES = {"de-facto": Profile.LENIENT, "strict": Profile.STRICT}

MAX_SEED = 2**32


@click.command("fuzz", short_help="Search for conversations that a kernel gets wrong.")
@click.option("--cmd", is_flag=True, help="KERNEL and ARGV are a command to run.")
@click.option(
    "--existing",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Use the kernel that listens where the connection FILE says.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="How long to search.",
)
@click.option(
    "--conversations",
    type=click.IntRange(min=1),
    metavar="N",
    help="Play N conversations at most.",
)
@click.option("--seed", type=click.IntRange(min=0), help="Play the conversations of this number.")
@click.option(
    "--profile",
    type=click.Choice(sorted(PROFILES)),
    default="de-facto",
    show_default=True,
    help="How single messages are judged.",
)
@click.option("--language", metavar="NAME|FILE", help="The language of the code that is run.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Write a recording of each failure here.",
)
@click.option(
    "--replay",
    "recording",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Invent nothing: send what the clients of this recording have sent.",
)
@click.argument("kernel", required=False)
@click.argument("argv", nargs=-1, type=click.UNPROCESSED)
def fuzz_command(
    *,
    cmd: bool,
    existing: Path | None,
    minutes: float,
    conversations: int | None,
    seed: int | None,
    profile: str,
    language: str | None,
    output: Path | None,
    recording: Path | None,
    kernel: str | None,
    argv: tuple[str, ...],
) -> int:
    """Play invented conversations to KERNEL: right requests of several clients in any order, with
    interrupts, broken frames and wrong contents between them.

    Each failure is shrunk to the smallest conversation that shows it.

    \b
    assay fuzz python3 --minutes 5
    assay fuzz python3 --seed 7 --output failures
    assay fuzz --cmd -- python -m mykernel -f {connection_file}

    \b
    Exit codes: 0 nothing was found, 1 something was, 2 the command makes no sense, 3 the kernel
    does not start.
    """  # fmt: skip
    try:
        target = _target(cmd=cmd, existing=existing, kernel=kernel, argv=argv)
        if recording is not None:
            return _replay(target, Recording.read(recording), PROFILES[profile])
        search = _Search(minutes, conversations, seed, PROFILES[profile], language)
        return _search(target, search, output)
    except LaunchError as error:
        click.echo(f"assay: {error}", err=True)
        return Exit.KERNEL


class _Search(NamedTuple):
    """How to search."""

    minutes: float
    conversations: int | None
    seed: int | None
    profile: Profile
    language: str | None


def _search(target: Target, how: _Search, output: Path | None) -> int:
    if find_spec("hypothesis") is None:
        raise click.ClickException(
            "assay fuzz needs Hypothesis: pip install 'assay-kernel[testing]'"
        )
    from assay.conformance.fuzz._search import fuzz  # noqa: PLC0415 - needs Hypothesis

    console = Console(stderr=True, highlight=False, markup=False)
    report = fuzz(
        target,
        seed=secrets.randbelow(MAX_SEED) if how.seed is None else how.seed,
        minutes=how.minutes,
        most=how.conversations,
        profile=how.profile,
        language=how.language,
        on_event=lambda text: console.print(f"[assay] {text}", soft_wrap=True),
    )
    _show(report, output)
    return Exit.RAISED if report.found else Exit.OK


def _replay(target: Target, recording: Recording, profile: Profile) -> int:
    with Testee.start(target) as testee:
        failure = replay(testee, recording, profile=profile)
    click.echo("nothing is wrong" if failure is None else failure.text)
    return Exit.OK if failure is None else Exit.RAISED


def _target(
    *, cmd: bool, existing: Path | None, kernel: str | None, argv: tuple[str, ...]
) -> Target:
    given = [existing is not None, kernel is not None].count(True)
    if given != 1:
        raise click.UsageError("wanted a KERNEL, --cmd COMMAND or --existing FILE, one of them")
    if existing is not None:
        return Target.running(existing)
    assert kernel is not None
    if cmd:
        return Target.command((kernel, *argv))
    if argv:
        raise click.UsageError(
            f"wanted one KERNEL, found also {argv[0]!r}; for a command say --cmd"
        )
    return Target.named(kernel)


def _show(report: FuzzReport, output: Path | None) -> None:
    from assay.conformance.fuzz._steps import shown  # noqa: PLC0415 - needs Hypothesis

    for number, one in enumerate(report.found, 1):
        click.echo(f"{number}. {one.failure.text}")
        for step in one.steps:
            click.echo(f"     {shown(step)}")
        if output is not None:
            output.mkdir(parents=True, exist_ok=True)
            path = output / f"failure-{report.seed}-{number}.json"
            one.recording.write(path)
            click.echo(f"     recorded in {path}")
    for failure in report.unreproduced:
        click.echo(f"seen once, not with a fresh kernel: {failure.text}")
    click.echo(
        f"{report.kernel}: {len(report.found)} kinds of failure in {report.conversations} "
        f"conversations, {report.seconds:.0f} s; --seed {report.seed}"
    )
