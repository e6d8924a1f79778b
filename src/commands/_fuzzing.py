"""What ``assay fuzz`` does."""

from __future__ import annotations

import secrets
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from tempfile import TemporaryFile
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
    in_lines,
    language_named,
    replay,
    visible,
)
from assay.protocol import Profile
from assay.transport import LaunchError

if TYPE_CHECKING:
    from assay.conformance.fuzz._search import Found, FuzzReport

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
        click.echo(visible(in_lines([f"assay: {error}"])), err=True)
        return Exit.KERNEL
    except (LanguageError, RecordingError) as error:
        raise click.UsageError(str(error)) from error


def _search(target: Target, how: Search, language: Language | None, output: Path | None) -> int:
    if find_spec("hypothesis") is None:
        raise click.UsageError("assay fuzz needs Hypothesis: pip install 'assay-kernel[testing]'")
    from assay.conformance.fuzz._search import fuzz  # noqa: PLC0415 - needs Hypothesis

    console = Console(stderr=True, highlight=False, markup=False)
    seed = secrets.randbelow(MAX_SEED) if how.seed is None else how.seed
    if output is not None:
        _make_folder(output)
    numbers = count(1)
    report = fuzz(
        target,
        seed=seed,
        minutes=how.minutes,
        most=how.conversations,
        profile=PROFILES[how.profile],
        language=language,
        on_event=lambda text: console.print(f"[assay] {text}", soft_wrap=True),
        on_found=lambda found: _show(found, next(numbers), seed, output),
    )
    _summarize(report)
    return Exit.RAISED if report.found else Exit.OK


def _replay(target: Target, recording: Recording, profile: Profile) -> int:
    with Testee.start(target) as testee:
        failure = replay(testee, recording, profile=profile)
    click.echo("nothing is wrong" if failure is None else failure.text)
    return Exit.OK if failure is None else Exit.RAISED


def _make_folder(output: Path) -> None:
    """Find out before minutes of work whether a recording can be written."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=output):
            pass
    except OSError as error:
        raise click.UsageError(f"{output}: cannot be written: {error.strerror}") from error


def _show(found: Found, number: int, seed: int, output: Path | None) -> None:
    from assay.conformance.fuzz._steps import shown  # noqa: PLC0415 - needs Hypothesis

    click.echo(f"{number}. {found.failure.text}")
    for step in found.steps:
        click.echo(f"     {shown(step)}")
    if output is not None:
        path = output / f"failure-{seed}-{number}.json"
        found.recording.write(path)
        click.echo(f"     recorded in {path}")


def _summarize(report: FuzzReport) -> None:
    for failure in report.unreproduced:
        click.echo(f"seen once, not with a fresh kernel: {failure.text}")
    click.echo(
        f"{report.kernel}: {len(report.found)} kinds of failure in {report.conversations} "
        f"conversations, {report.seconds:.0f} s; --seed {report.seed}"
    )
