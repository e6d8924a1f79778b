"""The kernels to measure: read from a TOML file, never from the code."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

FOLDER: Final = Path(__file__).parent
EXAMPLE: Final = FOLDER / "kernels.example.toml"
OWN_FILE: Final = FOLDER / "kernels.toml"
FILE_VARIABLE: Final = "BENCHMARK_KERNELS"

REFERENCE: Final = "ipykernel"
"""The kernel that every ratio is taken to."""
FLOORS: Final = ("echo", "echo-json")
"""The two processes that do no work: without, and with, JSON and signatures."""

InterruptMode = Literal["signal", "message"]


class ConfigurationError(Exception):
    """The file of kernels is missing or wrong."""


@dataclass(frozen=True, kw_only=True)
class KernelSpec:
    """How to start one kernel."""

    name: str
    argv: tuple[str, ...]
    """The command; one argument holds `{connection_file}`."""
    interrupt: InterruptMode = "signal"
    """SIGINT to the process, or an `interrupt_request` on control."""
    signed: bool = True
    """Whether its messages must carry a right signature; only a floor may do without."""
    requirements: tuple[str, ...] = ()
    """What `setup` installs into its environment, as pip names it; empty: no environment."""
    environment: Path | None = None
    """The folder of its virtual environment."""
    environ: tuple[tuple[str, str], ...] = ()
    """Variables to set for it."""

    @property
    def is_floor(self) -> bool:
        """Whether this is no kernel but one of our echo processes."""
        return self.name in FLOORS

    def command(self, connection_file: Path) -> list[str]:
        """Return the arguments to start it with."""
        return [part.replace("{connection_file}", str(connection_file)) for part in self.argv]


def find_file(given: Path | None) -> Path:
    """Return the file to read: *given*, else the environment's, else our own, else the example."""
    if given is not None:
        return given
    if named := os.environ.get(FILE_VARIABLE):
        return Path(named)
    return OWN_FILE if OWN_FILE.exists() else EXAMPLE


def load(path: Path) -> tuple[KernelSpec, ...]:
    """Return the kernels of the file *path*, in its order.

    Raises:
        ConfigurationError: The file cannot be read, or a table in it is not as the example's.
    """
    try:
        document = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"cannot read {path}: {error}") from error
    environments = Path(document.get("environments", path.parent / "environments"))
    if not environments.is_absolute():
        environments = path.parent / environments
    tables = document.get("kernels", {})
    return tuple(_spec(name, table, environments) for name, table in tables.items())


def floors() -> tuple[KernelSpec, ...]:
    """Return the two floors, run by this interpreter."""
    root = str(FOLDER.parent)
    return tuple(
        KernelSpec(
            name=name,
            argv=(sys.executable, "-P", "-m", "benchmarks.floor", name, "{connection_file}"),
            interrupt="message",
            signed=name != "echo",
            environ=(("PYTHONPATH", root),),
        )
        for name in FLOORS
    )


def _spec(name: str, table: Mapping[str, object], environments: Path) -> KernelSpec:
    argv, requirements = table.get("argv"), table.get("requirements", [])
    interrupt, environ = table.get("interrupt", "signal"), table.get("env", {})
    if name in FLOORS:
        raise ConfigurationError(f"the name {name} is taken by a floor")
    if not isinstance(argv, list) or not any("{connection_file}" in str(part) for part in argv):
        raise ConfigurationError(f"{name}: argv must be a list with {{connection_file}}")
    if not isinstance(requirements, list) or not isinstance(environ, dict):
        raise ConfigurationError(f"{name}: requirements is a list and env a table")
    if interrupt not in {"signal", "message"}:
        raise ConfigurationError(f"{name}: interrupt is signal or message, not {interrupt}")
    folder = environments / str(table.get("environment", name))
    places = {
        "{environment}": str(folder),
        "{python}": sys.executable,
        "{root}": str(FOLDER.parent),
    }
    return KernelSpec(
        name=name,
        argv=tuple(_fill(str(part), places) for part in argv),
        interrupt="message" if interrupt == "message" else "signal",
        requirements=tuple(_fill(str(item), places) for item in requirements),
        environment=folder if requirements else None,
        environ=tuple((str(key), str(value)) for key, value in environ.items()),
    )


def _fill(part: str, places: Mapping[str, str]) -> str:
    for place, value in places.items():
        part = part.replace(place, value)
    return part
