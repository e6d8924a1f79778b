"""``assay fuzz``: the options, and what each leads to."""

from __future__ import annotations

from pathlib import Path

import click

from assay.commands._ending import exit_code_of
from assay.commands._kernel_command import KernelCommand

__all__ = ["fuzz_command"]

PROFILES = ("de-facto", "strict")


@click.command(
    "fuzz",
    cls=KernelCommand,
    short_help="Search for conversations that a kernel gets wrong.",
)
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
    help="How long to search; to shrink the last failure may take some two minutes more.",
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
    type=click.Choice(PROFILES),
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
    does not start, 130 Ctrl-C, 143 SIGTERM.
    """  # fmt: skip
    from assay.commands import _fuzzing  # noqa: PLC0415 - sockets are for this command alone
    from assay.commands._target import target_of  # noqa: PLC0415 - as above

    how = _fuzzing.Search(minutes, conversations, seed, profile, language)
    target = target_of(kernel, argv, is_command=cmd, existing=existing)
    return exit_code_of(lambda: _fuzzing.run(target, how, output=output, recording=recording))
