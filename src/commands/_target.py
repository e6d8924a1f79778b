"""The kernel that the command line of ``assay check`` or ``assay fuzz`` names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from assay.conformance import Target
from assay.protocol import ConnectionFileError
from assay.transport import USUAL_REACH, KernelSpecError, Reach

__all__ = ["target_of"]

PLACE = "{connection_file}"


def target_of(
    kernel: str | None,
    argv: Sequence[str],
    *,
    is_command: bool,
    existing: Path | None,
    reach: Reach = USUAL_REACH,
) -> Target:
    """Return the kernel that is named.

    Raises:
        click.UsageError: none is, or several are, or there is no such kernel.
    """
    if existing is not None and (kernel is not None or is_command):
        raise click.UsageError("wanted one of KERNEL, --cmd and --existing, found several")
    if existing is not None and reach != USUAL_REACH:
        raise click.UsageError(
            f"wanted {reach.options[0]} for a kernel that is started, found --existing"
        )
    try:
        if existing is not None:
            return Target.running(existing)
        if kernel is None:
            raise click.UsageError("wanted a KERNEL, --cmd -- ARGV or --existing FILE, found none")
        if not is_command:
            return _named(kernel, argv, reach)
    except (KernelSpecError, ConnectionFileError) as error:
        raise click.UsageError(str(error)) from error
    command = (kernel, *argv)
    if not any(PLACE in word for word in command):
        raise click.UsageError(f"wanted {PLACE} in the command, where the path goes; found none")
    return Target.command(command, reach=reach)


def _named(kernel: str, argv: Sequence[str], reach: Reach) -> Target:
    if argv:
        raise click.UsageError(
            f"wanted one KERNEL, found {argv[0]!r} behind it; for a command say --cmd --"
        )
    return Target.named(kernel, reach=reach)
