"""Find the Pythons of this machine that the project supports.

    python3 scripts/pythons.py           all of them, one a line, oldest first: 3.12 /usr/bin/python
    python3 scripts/pythons.py 3.13      the path of that one
    python3 scripts/pythons.py newest    the path of the newest

Looks along PATH, and where pyenv and uv keep theirs. Works with any Python 3.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = 11
NEWEST = 15
"""The minor versions that are looked for, the second excluded."""

PLACES = (
    ("PYENV_ROOT", "~/.pyenv", "versions/3.{minor}.*/bin/python3.{minor}"),
    (
        "UV_PYTHON_INSTALL_DIR",
        "~/.local/share/uv/python",
        "cpython-3.{minor}.*/bin/python3.{minor}",
    ),
)
"""A variable that names a folder, where that is by default, and what Pythons are called in it."""


def main() -> None:
    """Run with the command line's arguments."""
    found = {minor: path for minor in range(OLDEST, NEWEST) if (path := find(minor))}
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    if not wanted:
        for minor, path in found.items():
            print(f"3.{minor} {path}")
    elif wanted == "newest" and found:
        print(found[max(found)])
    elif wanted in {f"3.{minor}" for minor in found}:
        print(found[int(wanted.partition(".")[2])])
    else:
        versions = ", ".join(f"3.{minor}" for minor in found) or "none"
        sys.exit(f"wanted Python {wanted}, found {versions} along PATH and where pyenv keeps them")


def find(minor: int) -> str:
    """Return the path of a Python 3.*minor* that runs; empty if there is none."""
    for path in candidates(minor):
        if runs(path, minor):
            return path
    return ""


def candidates(minor: int) -> "list[str]":
    """Return where a Python 3.*minor* may be, the most likely first."""
    own = [sys.executable] if sys.version_info[1] == minor else []
    along_path = shutil.which(f"python3.{minor}")
    kept: list[str] = []
    for variable, default, pattern in PLACES:
        folder = Path(os.environ.get(variable) or default).expanduser()
        found = sorted(folder.glob(pattern.format(minor=minor)), key=patch_of, reverse=True)
        kept += [str(path) for path in found]
    return [*own, *([along_path] if along_path else []), *kept]


def patch_of(path: Path) -> "list[int]":
    """Return the numbers in the name of the folder that a Python is in."""
    name = path.parent.parent.name
    return [int(part) for part in name.replace("-", ".").split(".") if part.isdigit()]


def runs(path: str, minor: int) -> bool:
    """Return True if *path* is a Python 3.*minor*: a name along PATH may stand for none."""
    test = f"import sys; sys.exit(sys.version_info[:2] != (3, {minor}))"
    try:
        done = subprocess.run([path, "-c", test], check=False, capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


if __name__ == "__main__":
    main()
