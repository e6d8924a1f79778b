"""What ``assay check`` does."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from attrs import evolve, frozen

from assay import conformance
from assay.commands._ending import discard_stdout
from assay.commands._exit import Exit
from assay.commands._reach_options import reach_of
from assay.commands._target import target_of
from assay.conformance import Check, Report, Result, Verdict
from assay.protocol import AssayError
from assay.spec import UnknownNameError, requirement
from assay.transport import HandshakeForm, Reach

__all__ = ["Wishes", "run"]

LEVELS = ("MUST", "SHOULD", "MAY")

MARKS = {Verdict.FAILED: "✗", Verdict.NOTE: "i"}


@frozen(kw_only=True)
class Wishes:
    """The command line."""

    kernel: str | None
    argv: tuple[str, ...]
    is_command: bool
    existing: Path | None
    trace: Path | None
    chosen: tuple[str, ...]
    ignored: tuple[str, ...]
    profile: str
    jobs: int
    language: str | None
    start_timeout: float
    time_limit: float | None
    formats: tuple[str, ...]
    outputs: tuple[Path, ...]
    badge: Path | None
    baseline: Path | None
    write_baseline: Path | None
    fail_on: str
    lists: bool
    explain: str | None
    compare: tuple[Path, Path] | None
    quiet: bool
    transport: str
    ip: str
    encrypt: bool
    handshake: HandshakeForm | None

    @property
    def reach(self) -> Reach:
        """How the kernel shall be reached."""
        return reach_of(self.transport, ip=self.ip, encrypt=self.encrypt, handshake=self.handshake)


def run(wishes: Wishes) -> int:
    """Do what the command line wishes, and return the exit code.

    Raises:
        click.UsageError: it makes no sense.
    """
    try:
        if wishes.explain is not None:
            return _explain(wishes.explain)
        if wishes.compare is not None:
            return _compare(*wishes.compare, wishes.fail_on)
        checks = conformance.select(_split(wishes.chosen), _split(wishes.ignored))
        if wishes.lists:
            return _list(checks)
        if wishes.trace is not None:
            return _trace(wishes, wishes.trace)
        return _check(wishes, checks)
    except (
        conformance.RecordingError,
        conformance.SelectionError,
        conformance.LanguageError,
        conformance.BaselineError,
        conformance.ReportError,
    ) as error:
        raise click.UsageError(str(error)) from error


def _check(wishes: Wishes, checks: Sequence[Check]) -> int:
    account = Account.of(wishes)
    language = None if wishes.language is None else conformance.language_named(wishes.language)
    options = conformance.Options(
        jobs=wishes.jobs,
        language=language,
        profile=conformance.Profile(wishes.profile),
        start_limit=wishes.start_timeout,
        time_limit=wishes.time_limit,
        ignored=conformance.rules_named(_split(wishes.ignored)),
    )
    if not checks:
        raise click.UsageError(_none_selected(_split(wishes.chosen)))
    target = target_of(
        wishes.kernel,
        wishes.argv,
        is_command=wishes.is_command,
        existing=wishes.existing,
        reach=wishes.reach,
    )
    target = evolve(target, argument=_asked_alike(wishes, target.argument))
    account.must_be_writable()
    begins = "starting the kernel" if target.can_start else "waiting for the kernel"
    with _progress(len(checks), begins, quiet=wishes.quiet) as on_result:
        report = conformance.run_checks(target, checks, options, on_result=on_result)
    return account.give(report)


def _asked_alike(wishes: Wishes, argument: str) -> str:
    """Return *argument* behind the options without which one check would find something else."""
    usual = conformance.Options()
    words = [] if wishes.language is None else ["--language", wishes.language]
    if wishes.profile != usual.profile:
        words += ["--profile", wishes.profile]
    if wishes.start_timeout != usual.start_limit:
        words += ["--start-timeout", f"{wishes.start_timeout:g}"]
    return " ".join((*map(shlex.quote, words), argument))


@frozen(kw_only=True)
class Account:
    """Where a report goes, and what is accepted in it."""

    wishes: Wishes
    places: Sequence[tuple[str, Path | None]]
    accepted: Mapping[str, str]

    @classmethod
    def of(cls, wishes: Wishes) -> Account:
        """Return what *wishes* ask for.

        Raises:
            click.UsageError: formats and files do not match.
            BaselineError: the baseline cannot be read.
        """
        baseline = wishes.baseline
        return cls(
            wishes=wishes,
            places=_places(wishes),
            accepted={} if baseline is None else conformance.baseline_in(baseline),
        )

    def must_be_writable(self) -> None:
        """Find out before minutes of work whether everything can be written."""
        files = [path for _, path in self.places]
        for path in (*files, self.wishes.badge, self.wishes.write_baseline):
            _must_be_writable(path)

    def give(self, report: Report) -> int:
        """Write all that is made of *report*, and return the exit code."""
        wishes = self.wishes
        if wishes.write_baseline is not None:
            _write(wishes.write_baseline, conformance.baseline_of(report))
        report, stale = conformance.apply_baseline(report, self.accepted)
        for name, path in self.places:
            _write(path, conformance.FORMATS[name](report))
        if wishes.badge is not None:
            _write(wishes.badge, conformance.badge(report))
        for check in stale:
            click.echo(f"assay: {wishes.baseline} accepts {check}, which passes", err=True)
        if all(path is not None for _, path in self.places):
            self._summarize(report)
        return _exit_code(report, _levels(wishes.fail_on))

    def _summarize(self, report: Report) -> None:
        """Say on stderr what is in the files: no report goes to stdout."""
        wishes = self.wishes
        if report.error or not wishes.quiet:
            text = conformance.summary_text(report, _levels(wishes.fail_on))
            click.echo(text, nl=False, err=True)
        files = [path for _, path in self.places]
        for path in (*files, wishes.badge, wishes.write_baseline):
            if path is not None and not wishes.quiet:
                click.echo(f"wrote {path}", err=True)


def _exit_code(report: Report, levels: Sequence[str]) -> int:
    """Return what became of a run; *levels* are those whose failures count."""
    if report.error:
        return Exit.KERNEL
    if report.failures(levels):
        return Exit.RAISED
    return Exit.UNASKED if report.unasked and levels else Exit.OK


def _trace(wishes: Wishes, path: Path) -> int:
    if wishes.kernel is not None or wishes.existing is not None:
        raise click.UsageError("wanted a kernel or --trace, found both")
    if wishes.chosen:
        raise click.UsageError("wanted --ignore with --trace, found --select: nothing is asked")
    account = Account.of(wishes)
    account.must_be_writable()
    report = conformance.check_recording(
        conformance.Recording.read(path),
        profile=conformance.Profile(wishes.profile),
        argument=_asked_alike(wishes, f"--trace {shlex.quote(str(path))}"),
        ignored=conformance.rules_named(_split(wishes.ignored)),
    )
    return account.give(report)


def _places(wishes: Wishes) -> list[tuple[str, Path | None]]:
    """Return each format with its file; None is stdout."""
    names, files = list(wishes.formats), list(wishes.outputs)
    if not names:
        names = [_format_of(path) for path in files] or ["text"]
    if len(files) > len(names):
        raise click.UsageError(f"wanted a --format for each --output, found {len(names)}")
    without = names[len(files) :]
    # One report may go to stdout; beside files that is the text for people.
    if len(without) > 1 or (files and without not in ([], ["text"])):
        raise click.UsageError("wanted an --output for each --format, found fewer")
    return list(zip(names, [*files, *[None] * len(without)], strict=True))


def _format_of(path: Path) -> str:
    known = {".json": "json", ".xml": "junit", ".html": "html", ".md": "markdown", ".txt": "text"}
    if path.suffix not in known:
        raise click.UsageError(
            f"wanted a --format for {path}, or a name that ends in {', '.join(known)}; found none"
        )
    return known[path.suffix]


def _list(checks: Sequence[Check]) -> int:
    for one in checks:
        click.echo(f"{one.id:<16}{one.requirement.level:<8}{one.title}")
    click.echo(f"{len(checks)} checks", err=True)
    return Exit.OK


def _none_selected(names: Sequence[str]) -> str:
    if names and not conformance.select(names):
        return (
            f"wanted checks to ask, found none of {', '.join(names)}: it is judged in the traffic"
            " of all checks, so select those whose traffic shall be judged"
        )
    return "wanted checks to ask, found that the names select none"


def _explain(name: str) -> int:
    found = () if name.endswith(".0") else conformance.select([name])
    if not found:
        return _explain_rule(name.upper().removesuffix(".0"))
    for one in found:
        rule = one.requirement
        click.echo(f"{one.id}: {one.title}")
        rows = {
            "requirement": f"{rule.id} ({rule.level}): {rule.text}",
            "also": ", ".join(one.also),
            "judged": ""
            if one.judged
            else "no kernel: no document says it, it is our reading, or another page differs",
            "kernel": "fresh" if one.fresh else "shared with other checks",
            "snippets": ", ".join(one.snippets),
            "feature": one.feature or "",
            "usually": one.mistake,
            "source": "; ".join(rule.source),
        }
        for label, text in rows.items():
            if text:
                click.echo(f"  {label + ':':<13}{text}")
    return Exit.OK


def _explain_rule(name: str) -> int:
    """Explain a requirement that no check asks for: it is judged in the traffic of all checks."""
    try:
        rule = requirement(name)
    except UnknownNameError as error:
        raise click.UsageError(str(error)) from error
    click.echo(f"{rule.id}.0: what breaks {rule.id} in the traffic of all checks")
    click.echo(f"{rule.level}: {rule.text}")
    if rule.untestable is not None:
        click.echo(f"not tested: {rule.untestable}")
    return Exit.OK


def _compare(before: Path, after: Path, fail_on: str) -> int:
    first, second = (conformance.read_report(_read(one), str(one)) for one in (before, after))
    found = conformance.compare(first, second)
    click.echo(conformance.comparison_text(found), nl=False)
    levels = _levels(fail_on)
    worse = found.stopped or any(one.level in levels for one in found.broken)
    return Exit.RAISED if worse and levels else Exit.OK


def _levels(lowest: str) -> tuple[str, ...]:
    wanted = lowest.upper()
    return LEVELS[: LEVELS.index(wanted) + 1] if wanted in LEVELS else ()


def _split(names: tuple[str, ...]) -> list[str]:
    return [name.strip() for several in names for name in several.split(",") if name.strip()]


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{path}: cannot be read: {error}") from error


def _write(path: Path | None, text: str) -> None:
    try:
        if path is None:
            click.echo(text, nl=False)
        else:
            path.write_text(text, encoding="utf-8")
    except BrokenPipeError:
        raise
    except OSError as error:
        if path is None:
            discard_stdout()
        place = "stdout" if path is None else path
        raise AssayError(f"{place}: cannot be written: {error.strerror}") from error


def _must_be_writable(path: Path | None) -> None:
    """Make the folder of *path*, and find out before minutes of work whether it can be written."""
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        there = path.exists()
        with path.open("ab"):
            pass
        if not there:
            path.unlink()
    except OSError as error:
        raise click.UsageError(f"{path}: cannot be written: {error.strerror}") from error


@contextmanager
def _progress(count: int, begins: str, *, quiet: bool) -> Iterator[conformance.OnResult | None]:
    """Show a bar and what fails while the checks run, on a terminal only."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 - takes time, and only a terminal needs it
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True, highlight=False, markup=False)
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(begins, total=count)

        def show(result: Result) -> None:
            if result.outcome in MARKS:
                bar.console.print(f"{MARKS[result.outcome]} {result.check} {result.title}")
            bar.update(task, advance=1, description=result.check)

        yield show
