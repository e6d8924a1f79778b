"""A file that would fill the memory is refused before it does, whoever reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from assay._small_file import MAX_FILE_BYTES
from assay.kernel._command_line import parse
from assay.kernel.engine._cluster import find_cluster
from assay.kernel.engine._options import EngineOptions
from assay.protocol import ConnectionFile, RegistrationFile
from assay.transport._kernelspecs import InstalledKernel

READERS: dict[str, Callable[[Path], object]] = {
    "k.json": ConnectionFile.read,
    "registration.json": RegistrationFile.read,
    "kernel.json": lambda path: InstalledKernel.read(path.parent),
    "engine.json": lambda path: find_cluster(EngineOptions(path=str(path))),
    "key": lambda path: parse([f"--Session.keyfile={path}"]),
}


@pytest.mark.parametrize("name", sorted(READERS))
def test_a_file_that_is_too_long_is_refused(tmp_path: Path, name: str) -> None:
    """The error names the file and the limit; nothing of that length is read (CONN-17)."""
    path = tmp_path / name
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)

    with pytest.raises(Exception, match=f"wanted at most {MAX_FILE_BYTES:,} ") as caught:
        READERS[name](path)

    assert str(path) in str(caught.value)


def test_the_longest_file_is_read(tmp_path: Path) -> None:
    """What has just as many bytes as is allowed is read."""
    data = ConnectionFile(key="k").to_json()
    path = tmp_path / "k.json"
    path.write_bytes(data + b" " * (MAX_FILE_BYTES - len(data)))

    assert ConnectionFile.read(path) == ConnectionFile(key="k")


def test_a_key_file_that_never_ends() -> None:
    """A device is read to the limit and refused."""
    with pytest.raises(Exception, match="/dev/zero, found more"):
        parse(["--Session.keyfile=/dev/zero"])
