"""``assay why``: what a kernel that died has left."""

from __future__ import annotations

import glob
from pathlib import Path

import click

from assay._record_reader import RecordError, find_story, newest_story
from assay.commands._exit import Exit

__all__ = ["why_command"]


@click.command("why", short_help="Say why a kernel died.")
@click.argument(
    "file", required=False, type=click.Path(dir_okay=False, path_type=Path), metavar="[FILE]"
)
def why_command(*, file: Path | None) -> int:
    """Say why a kernel died: what ended it, which cell ran, and where it was.

    FILE is its connection file, which need not be there any more, or the record beside it; a name
    without a folder is looked for in Jupyter's runtime folder as well. Without FILE, the kernel
    that died last of those in that folder is meant. A kernel that ends well leaves no record.

    \b
    assay why
    assay why kernel-1234.json

    \b
    Exit codes: 0 there is a record, 1 there is none, 2 the command makes no sense.
    """
    try:
        story = newest_story(_runtime_folder()) if file is None else find_story(_found(file))
    except RecordError as error:
        click.echo(f"assay: {error}", err=True)
        return Exit.RAISED
    click.echo(story.text())
    return Exit.OK


def _found(file: Path) -> Path:
    there = _runtime_folder() / file
    beside = any(file.parent.glob(f".{glob.escape(file.name)}*.record"))
    return file if file.exists() or beside or file.name != str(file) else there


def _runtime_folder() -> Path:
    from jupyter_core.paths import jupyter_runtime_dir  # noqa: PLC0415 - for this alone

    return Path(jupyter_runtime_dir())
