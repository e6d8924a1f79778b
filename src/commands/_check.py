"""``assay check``: what a kernel does right and wrong."""

from __future__ import annotations

from pathlib import Path

import click

from assay.commands._exit import Exit

__all__ = ["check_command"]


@click.command(
    "check",
    short_help="Check a kernel against the specification.",
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": True},
)
@click.argument("kernel", required=False, metavar="[KERNEL]")
@click.argument("argv", nargs=-1, type=click.UNPROCESSED, metavar="[ARGV]...")
@click.option("--cmd", "is_command", is_flag=True, help="KERNEL and ARGV are a command to run.")
@click.option(
    "--existing",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    metavar="FILE",
    help="Check the kernel that listens where the connection FILE says.",
)
@click.option("--select", "chosen", multiple=True, metavar="NAMES", help="Only these checks.")
@click.option("--ignore", "ignored", multiple=True, metavar="NAMES", help="Not these checks.")
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True)
@click.option("--language", metavar="NAME|FILE", help="The language of the code that is run.")
def check_command(
    *,
    kernel: str | None,
    argv: tuple[str, ...],
    is_command: bool,
    existing: Path | None,
    chosen: tuple[str, ...],
    ignored: tuple[str, ...],
    jobs: int,
    language: str | None,
) -> int:
    """Check KERNEL, an installed one, against the specification.

    \b
    assay check python3
    assay check --select SHELL,HDR-12 python3
    assay check --cmd -- python -m mykernel -f {connection_file}
    """
    from assay import conformance  # noqa: PLC0415 - only this command needs it

    if existing is not None:
        target = conformance.Target.running(existing)
    elif kernel is None:
        raise click.UsageError("wanted a KERNEL, --cmd or --existing FILE; found none")
    elif is_command:
        target = conformance.Target.command((kernel, *argv))
    else:
        target = conformance.Target.named(kernel)
    checks = conformance.select(_split(chosen), _split(ignored))
    snippets = None if language is None else conformance.language_named(language)
    options = conformance.Options(jobs=jobs, language=snippets)
    report = conformance.run_checks(target, checks, options)
    click.echo(conformance.text_report(report), nl=False)
    if report.error:
        return Exit.KERNEL
    return Exit.RAISED if report.failures(["MUST"]) else Exit.OK


def _split(names: tuple[str, ...]) -> list[str]:
    return [name for several in names for name in several.split(",") if name]
