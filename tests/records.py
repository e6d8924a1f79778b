"""Records as kernels leave them, with another beginning."""

from __future__ import annotations

from pathlib import Path

from assay._record import CELLS_AT

__all__ = ["NO_PROCESS", "amend"]

NO_PROCESS = str(2**22 + 1)
"""More than any system gives."""


def amend(record: Path, **values: str) -> None:
    """Change what *record* says of its kernel: each name to its value."""
    data = record.read_bytes()
    lines = data[:CELLS_AT].rstrip().split(b"\n")
    for name, value in values.items():
        (at,) = (at for at, line in enumerate(lines) if line.startswith(f"{name} ".encode()))
        lines[at] = f"{name} {value}".encode()
    head = b"\n".join(lines)
    record.write_bytes(head.ljust(CELLS_AT - 1) + b"\n" + data[CELLS_AT:])
