"""What ``assay fuzz`` does."""

from __future__ import annotations

import secrets
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click
from rich.console import Console

from assay.commands._exit import Exit
from assay.conformance import (
    Language,
    LanguageError,
    Recording,
    RecordingError,
    Target,
    Testee,
    language_named,
    replay,
)
from assay.protocol import Profile
from assay.transport import LaunchError

if TYPE_CHECKING:
    from assay.conformance.fuzz._search import FuzzReport

__all__ = ["Search", "run"]

PROFILES = {"de-facto": Profile.LENIENT, "strict": Profile.STRICT}

MAX_SEED = 2**32


class Search(NamedTuple):
    """How to search."""

    minutes: float
    conversations: int | None
    seed: int | None
    profile: str
    language: str | None


def run(target: Target, how: Search, *, output: Path | None, recording: Path | None) -> int:
    """Search, or play a recording once more, and return the exit code."""
    try:
        language = None if how.language is None else language_named(how.language)
        if recording is not None:
            return _replay(target, Recording.read(recording), PROFILES[how.profile])
        return _search(target, how, language, output)
    except LaunchError as error:
        click.echo(f"assay: {error}", err=True)
        return Exit.KERNEL
    except (LanguageError, RecordingError) as error:
        raise click.UsageError(str(error)) from error


def _search(target: Target, how: Search, language: Language | None, output: Path | None) -> int:
    if find_spec("hypothesis") is None:
        raise click.UsageError("assay fuzz needs Hypothesis: pip install 'assay-kernel[testing]'")
    from assay.conformance.fuzz._search import fuzz  # noqa: PLC0415 - needs Hypothesis

    console = Console(stderr=True, highlight=False, markup=False)
    report = fuzz(
        target,
        seed=secrets.randbelow(MAX_SEED) if how.seed is None else how.seed,
        minutes=how.minutes,
        most=how.conversations,
        profile=PROFILES[how.profile],
        language=language,
        on_event=lambda text: console.print(f"[assay] {text}", soft_wrap=True),
    )
    _show(report, output)
    return Exit.RAISED if report.found else Exit.OK


def _replay(target: Target, recording: Recording, profile: Profile) -> int:
    with Testee.start(target) as testee:
        failure = replay(testee, recording, profile=profile)
    click.echo("nothing is wrong" if failure is None else failure.text)
    return Exit.OK if failure is None else Exit.RAISED


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
