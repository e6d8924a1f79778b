"""The file of kernels."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import kernels

ARGV = 'argv = ["{environment}/bin/python", "{python}", "-f", "{connection_file}"]\n'


def write(folder: Path, text: str) -> Path:
    """Return the path of a new file of kernels."""
    path = folder / "kernels.toml"
    path.write_text(text)
    return path


def test_the_example_is_valid() -> None:
    """The tracked example names the reference kernel and no floor."""
    names = [spec.name for spec in kernels.load(kernels.EXAMPLE)]

    assert kernels.REFERENCE in names
    assert not set(names) & set(kernels.FLOORS)


def test_places_are_filled_in(tmp_path: Path) -> None:
    """Environment and interpreter are known when it is read, the connection file at the start."""
    path = write(tmp_path, 'environments = "there"\n[kernels.one]\nenvironment = "e"\n' + ARGV)

    (spec,) = kernels.load(path)

    wanted = [str(tmp_path / "there" / "e" / "bin" / "python"), sys.executable, "-f", "/c.json"]
    assert spec.command(Path("/c.json")) == wanted


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[kernels.one]\n", "argv must be a list"),
        ('[kernels.one]\nargv = ["python"]\n', "connection_file"),
        ("[kernels.echo]\n" + ARGV, "taken by a floor"),
        ('[kernels.one]\ninterrupt = "shout"\n' + ARGV, "signal or message"),
        ("[kernels", "cannot read"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    """The reason says what is wrong with it."""
    path = write(tmp_path, text)

    with pytest.raises(kernels.ConfigurationError, match=reason):
        kernels.load(path)


def test_a_named_file_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The argument comes before the environment, which comes before the tracked example."""
    monkeypatch.setenv(kernels.FILE_VARIABLE, str(tmp_path / "environment.toml"))

    assert kernels.find_file(tmp_path / "given.toml") == tmp_path / "given.toml"
    assert kernels.find_file(None) == tmp_path / "environment.toml"
