"""A command line that names a kernel, or the command that starts one."""

from __future__ import annotations

import click

__all__ = ["KernelCommand"]


class KernelCommand(click.Command):
    """A command that takes a KERNEL or, behind ``--cmd --``, what starts one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Say what is missing where an option of the kernel's command is taken for one of ours."""
        lacks_dashes = "--cmd" in args and "--" not in args
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if not lacks_dashes:
                raise
            raise click.UsageError(
                f"wanted -- between --cmd and the command, found {error.option_name} without it: "
                "--cmd -- python -m mykernel -f {connection_file}",
                ctx,
            ) from error
