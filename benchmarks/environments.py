"""Make the environments of the peers, one each, so that no peer changes another's figures."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.kernels import EXAMPLE, load


def setup(folder: Path, say: Callable[[str], None]) -> Path:
    """Create or update the environments in *folder* and return the file of kernels there.

    Args:
        folder: Where the environments go; made if missing. It should be outside the repository.
        say: Told what happens, a line at a time.

    Raises:
        CalledProcessError: An environment could not be made, or pip failed.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "kernels.toml"
    text = EXAMPLE.read_text()
    path.write_text(f'environments = "{folder}"\n\n{text}')
    wanted = {spec.environment: spec.requirements for spec in load(path) if spec.environment}
    for environment, requirements in wanted.items():
        say(f"{environment.name}: {' '.join(requirements)}")
        _make(environment, requirements)
    return path


def _make(environment: Path, requirements: tuple[str, ...]) -> None:
    python = environment / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--upgrade", *requirements]
    subprocess.run(install, check=True)
