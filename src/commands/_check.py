"""``assay check``: the options, and what each leads to."""

from __future__ import annotations

from pathlib import Path

import click

from assay.commands._ending import exit_code_of
from assay.commands._kernel_command import KernelCommand
from assay.commands._reach_options import reach_options

__all__ = ["check_command"]

FORMATS = ("text", "json", "junit", "html", "markdown")
LEVELS = ("MUST", "SHOULD", "MAY", "never")

file_option = click.Path(dir_okay=False, path_type=Path)


@click.command(
    "check",
    cls=KernelCommand,
    short_help="Check a kernel against the specification.",
)
@click.argument("kernel", required=False, metavar="[KERNEL]")
@click.argument("argv", nargs=-1, metavar="[ARGV]...")
@click.option("--cmd", "is_command", is_flag=True, help="What stands behind -- is a command.")
@click.option(
    "--existing",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    metavar="FILE",
    help="Check the kernel that listens where the connection FILE says.",
)
@click.option(
    "--trace",
    type=file_option,
    metavar="FILE",
    help="Judge a recording, as `assay fuzz --output` writes it; no kernel is started.",
)
@click.option(
    "--select",
    "chosen",
    multiple=True,
    metavar="NAMES",
    help="Only these: checks, requirements, prefixes or chapters, with commas; may be repeated.",
)
@click.option("--ignore", "ignored", multiple=True, metavar="NAMES", help="All but these.")
@click.option(
    "--profile",
    type=click.Choice(("strict", "de-facto")),
    default="strict",
    show_default=True,
    help="Ask for all that the text does, or excuse what well-known kernels do as well.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=2,
    show_default=True,
    help="How many kernels are asked at the same time.",
)
@click.option(
    "--language",
    metavar="NAME|FILE",
    help="Whose code to run; by default what the kernel says. A FILE of snippets ends in .toml.",
)
@click.option(
    "--start-timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a kernel may take to give a sign of life.",
)
@click.option(
    "--time-limit",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Begin no further check after this time, and report what was found.",
)
@click.option(
    "--format",
    "formats",
    type=click.Choice(FORMATS),
    multiple=True,
    help="How to report; several are written to the files of --output, in the same order.",
)
@click.option(
    "-o",
    "--output",
    "outputs",
    type=file_option,
    multiple=True,
    metavar="FILE",
    help="Where the report goes, once for each --format; by default the first goes to stdout.",
)
@click.option("--badge", type=file_option, metavar="FILE", help="Write an SVG badge.")
@click.option(
    "--baseline",
    type=file_option,
    metavar="FILE",
    help="Accept the failures in this file of ids and reasons.",
)
@click.option(
    "--write-baseline",
    type=file_option,
    metavar="FILE",
    help="Write a baseline that accepts all that failed.",
)
@click.option(
    "--fail-on",
    type=click.Choice(LEVELS, case_sensitive=False),
    default="MUST",
    show_default=True,
    help="The lowest level whose failures make the exit code 1.",
)
@click.option("--list", "lists", is_flag=True, help="List the checks and do nothing else.")
@click.option("--explain", metavar="ID", help="Explain a check and do nothing else.")
@click.option(
    "--compare",
    nargs=2,
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    metavar="BEFORE AFTER",
    help="Tell what has changed between two JSON reports, and do nothing else.",
)
@reach_options
@click.option(
    "-q",
    "--quiet",
    is_flag=True,
    help="Show no progress, and on stderr only why there are no results.",
)
def check_command(**given: object) -> int:
    """Check KERNEL, an installed one, against the specification.

    The kernel is started, asked over its sockets, and ended. What it does wrong is named by
    requirement, with the messages that show it.

    \b
    assay check python3
    assay check python3 --select SHELL,HDR-12 --format html --output report.html
    assay check --cmd -- python -m mykernel -f {connection_file}
    assay check assay --encrypt --ip ::1
    assay check --existing connection.json
    assay check --trace recording.json
    assay check --compare before.json after.json

    \b
    Exit codes: 0 no MUST failed (see --fail-on), 1 one did, 2 the command makes no sense, 3 the
    kernel did not start, or that of --existing does not answer (there is a report all the same),
    4 no MUST failed, and checks were left unasked: by --time-limit, or because the kernel of
    --existing was still busy (0 with --fail-on never), 130 Ctrl-C, 143 SIGTERM: the kernels are
    ended, and there is no report.
    """
    from assay.commands import _checking  # noqa: PLC0415 - sockets are for this command alone

    wishes = _checking.Wishes(**given)  # type: ignore[arg-type]  # click's own types
    return exit_code_of(lambda: _checking.run(wishes))
