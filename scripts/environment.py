"""Make a virtual environment with this project in it, whatever Python the machine has.

    python3 scripts/environment.py FOLDER [EXTRA]

Prints the path of the environment's Python. With an EXTRA, what that extra needs is installed too,
in the versions of constraints.txt. Running it again brings the environment up to date. Needs no
rights and touches nothing outside FOLDER. Works with any Python 3 that can find one of 3.11 or
later.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WANTED = (3, 11)
NAMES = ("python3.14", "python3.13", "python3.12", "python3.11", "python3", "python")


def main() -> None:
    """Run with the command line's arguments."""
    if sys.version_info < WANTED:
        use_newer_python()
    folder = Path(sys.argv[1])
    extra = sys.argv[2] if len(sys.argv) > 2 else ""
    python = make(folder)
    install(python, extra)
    print(python)


def use_newer_python() -> None:
    """Start again with a Python that is new enough, or give up and say what is wanted."""
    for name in NAMES:
        path = shutil.which(name)
        if path and is_new_enough(path):
            os.execv(path, [path, *sys.argv])
    found = ".".join(map(str, sys.version_info[:3]))
    sys.exit(f"wanted Python {WANTED[0]}.{WANTED[1]} or later, found {found} at {sys.executable}")


def is_new_enough(path: str) -> bool:
    """Return True if the Python at *path* will do."""
    test = f"import sys; sys.exit(sys.version_info < {WANTED!r})"
    return subprocess.run([path, "-c", test], check=False).returncode == 0


def make(folder: Path) -> Path:
    """Make the environment unless it is there; return its Python."""
    python = folder / "bin" / "python"
    if python.exists() and is_new_enough(str(python)):
        return python
    say(f"making a virtual environment in {folder}")
    done = subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=False)
    if done.returncode:
        # Some systems leave out what puts pip into an environment; its own pip can reach into one.
        subprocess.run(
            [sys.executable, "-m", "venv", "--clear", "--without-pip", folder], check=True
        )
    return python


def install(python: Path, extra: str) -> None:
    """Install the project into the environment of *python*."""
    say("installing" + (f" with what {extra!r} needs" if extra else ""))
    has_pip = subprocess.run([python, "-m", "pip", "--version"], check=False, capture_output=True)
    pip = (
        [str(python), "-m", "pip"]
        if has_pip.returncode == 0
        else [sys.executable, "-m", "pip", "--python", str(python)]
    )
    pip += ["install", "--quiet", "--disable-pip-version-check"]
    if extra:
        pip += ["--constraint", str(ROOT / "constraints.txt")]
        if has_pip.returncode == 0:
            # The one that Python 3.11 brings takes twice as long to find what is wanted.
            subprocess.run([*pip, "pip"], check=True, stdout=sys.stderr)
        # Most of what the checks need is never imported, and what is, is compiled then.
        pip += ["--no-compile", "--editable"]
    what = f"{ROOT}[{extra}]" if extra else str(ROOT)
    subprocess.run([*pip, what], check=True, stdout=sys.stderr)


def say(text: str) -> None:
    """Tell the person in front of the terminal what takes time."""
    print(f"[assay] {text} …", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"[assay] this failed: {' '.join(map(str, error.cmd))}")
