"""The command line: ``python -m scripts.kernels``."""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import click
from scripts.kernels._catalogue import CatalogueError, Entry, choose, read_catalogue
from scripts.kernels._install import InstallError, install
from scripts.kernels._pages import DATA, disagreements, keep, write_pages
from scripts.kernels._record import Record
from scripts.kernels._run import check
from scripts.kernels._workplace import Workplace

only_option = click.option(
    "--only", "names", multiple=True, metavar="NAME", help="This kernel; may be repeated."
)
work_option = click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(tempfile.gettempdir()) / "assay-kernels",
    show_default=True,
    metavar="FOLDER",
    help="Where the kernels are installed; some gigabytes for all.",
)
again_option = click.option("--again", is_flag=True, help="Do anew what was done before.")


@click.group()
def main() -> None:
    """Check the kernels that people use, and write the comparison in docs/kernels.md.

    \b
    python -m scripts.kernels list
    python -m scripts.kernels run --only bash_kernel
    python -m scripts.kernels run                      # all that have no result yet
    python -m scripts.kernels pages                    # from the results, without running anything
    python -m scripts.kernels pages --check

    Each kernel has an environment and a home folder of its own, so that nothing of the user's is
    read or written. Packages come from PyPI and npm; Debian packages are not installed, but named
    if they are missing. How kernels are installed is data: scripts/kernels/catalogue.toml.
    """
    # So that what runs is ended as after Ctrl-C: it is in sessions of its own.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


@main.command("list")
def list_command() -> None:
    """List the kernels and whether there are results."""
    for one in read_catalogue():
        known = "has a result" if (DATA / f"{one.name}.json").exists() else ""
        click.echo(f"{one.name:<28}{one.group:<14}{known}")


@main.command("install")
@only_option
@work_option
@again_option
def install_command(names: tuple[str, ...], work: Path, *, again: bool) -> None:
    """Install kernels without running them."""
    for entry in _chosen(names):
        try:
            install(_place(work, entry), again=again)
        except InstallError as error:
            click.echo(f"{entry.name}: {error}")
        else:
            click.echo(f"{entry.name}: installed")


@main.command("run")
@only_option
@work_option
@again_option
@click.option("--failed", "known", is_flag=True, help="Ask only what failed in the last run.")
@click.option("--reinstall", is_flag=True, help="Install kernels anew.")
@click.option("--seconds", default=300.0, show_default=True, help="For one kernel.")
@click.option("--jobs", default=2, show_default=True, help="How many of a kernel run at a time.")
def run_command(
    names: tuple[str, ...],
    work: Path,
    *,
    again: bool,
    known: bool,
    reinstall: bool,
    seconds: float,
    jobs: int,
) -> None:
    """Install and check kernels, one after the other; those that have a result are left out.

    A kernel that is named with --only is checked whether it has one or not.
    """
    for entry in _chosen(names):
        if not names and not again and (DATA / f"{entry.name}.json").exists():
            continue
        click.echo(f"{entry.name}: ", nl=False)
        began = time.monotonic()
        place = _place(work, entry)
        record = check(place, seconds=seconds, jobs=jobs, again=reinstall, known=known)
        keep(record)
        click.echo(f"{_told(record)}, {time.monotonic() - began:.0f} s")
    write_pages()


@main.command("pages")
@click.option(
    "--check", "checks", is_flag=True, help="Write nothing; exit 1 if one is out of date."
)
def pages_command(*, checks: bool) -> None:
    """Write the pages from the results."""
    if not checks:
        write_pages()
        return
    if found := disagreements():
        click.echo("\n".join(found), err=True)
        click.echo("out of date: run python -m scripts.kernels pages", err=True)
        sys.exit(1)


def _chosen(names: Iterable[str]) -> tuple[Entry, ...]:
    try:
        return choose(read_catalogue(), tuple(names))
    except CatalogueError as error:
        raise click.UsageError(str(error)) from error


def _place(work: Path, entry: Entry) -> Workplace:
    return Workplace(folder=(work / entry.name).resolve(), entry=entry)


def _told(record: Record) -> str:
    if record.state != "checked":
        return record.state
    passed = sum(map(len, record.passed.values()))
    left = f", left running: {'; '.join(record.left)}" if record.left else ""
    return f"{passed} passed, {len(record.failed)} failed, {len(record.notes)} notes{left}"


if __name__ == "__main__":
    main()
