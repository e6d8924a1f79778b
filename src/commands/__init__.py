"""The command line, all but the kernel itself: ``assay install``, ``run``, ``list`` and so on."""

from __future__ import annotations

from assay.commands._cli import cli, run

__all__ = ["cli", "run"]
