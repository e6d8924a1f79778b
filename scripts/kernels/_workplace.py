"""Where the kernels are installed: a folder for each, with an environment, a home and logs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from attrs import frozen
from scripts.kernels._catalogue import Entry

__all__ = ["MARK", "ROOT", "Workplace", "run_within", "still_running"]

ROOT = Path(__file__).resolve().parents[2]

MARK = "ASSAY_KERNELS_RUN"
"""The variable by which the processes of one run are found, however they have detached."""

GRACE_S = 10.0
"""For a process that was asked to end."""


@frozen(kw_only=True)
class Workplace:
    """The folder of one kernel."""

    folder: Path
    entry: Entry

    @property
    def venv(self) -> Path:
        """Its virtual environment."""
        return self.folder / "venv"

    @property
    def python(self) -> Path:
        """The Python of the environment."""
        return self.venv / "bin" / "python"

    @property
    def npm(self) -> Path:
        """Where its packages from npm are."""
        return self.folder / "npm"

    @property
    def home(self) -> Path:
        """The home folder of the kernel, so that it neither reads nor writes the user's own."""
        return self.folder / "home"

    @property
    def log(self) -> Path:
        """What the installation printed."""
        return self.folder / "install.log"

    def filled(self, words: Sequence[str]) -> list[str]:
        """Return a command with its places filled in; the connection file's is left alone."""
        places = {
            "python": self.python,
            "assay": sys.executable,
            "venv": self.venv,
            "npm": self.npm / "bin",
            "root": ROOT,
        }
        found = list(words)
        for name, path in places.items():
            found = [word.replace(f"{{{name}}}", str(path)) for word in found]
        return found

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of everything that is run for this kernel.

        What the user tells Python is left out: with ``PYTHONDONTWRITEBYTECODE`` a language that
        compiles its library into the cache would do so at each start, for minutes.
        """
        path = [str(self.venv / "bin"), str(self.npm / "bin")]
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
            "PATH": os.pathsep.join([*path, os.environ["PATH"]]),
            "HOME": str(self.home),
            "JUPYTER_PATH": str(self.folder / "share" / "jupyter"),
            "JUPYTER_PREFER_ENV_PATH": "0",
            **self.entry.env,
            **more,
        }


def run_within(
    command: Sequence[str], seconds: float, *, env: Mapping[str, str], cwd: Path, log: Path
) -> int | None:
    """Run *command* and return its exit code, or None if it was stopped after *seconds*.

    What it prints is added to *log*. The command's whole process group ends with it.
    """
    with log.open("ab") as file:
        child = subprocess.Popen(
            command,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        _end_group(child)


def _end_group(child: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_S)
            return


def still_running(mark: str) -> dict[int, str]:
    """Return the processes that carry *mark* in their environment, with their command lines."""
    wanted = f"{MARK}={mark}".encode()
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal() or int(folder.name) == os.getpid():
            continue
        with suppress(OSError):
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                words = (folder / "cmdline").read_bytes().split(b"\0")
                line = b" ".join(words).decode(errors="replace").strip()
                if line:  # a zombie has none: its parent has not asked for it yet
                    found[int(folder.name)] = line
    return found


def have(program: str) -> bool:
    """Return whether *program* is on the path."""
    return shutil.which(program) is not None


def now() -> float:
    """Return seconds of a clock that only goes on."""
    return time.monotonic()
