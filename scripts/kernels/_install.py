"""Install a kernel into its workplace, and find out which versions that brought."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from attrs import frozen
from scripts.kernels._workplace import Workplace, have, run_within

__all__ = ["InstallError", "Installed", "install", "versions"]

STEP_S = 450.0
"""For one step; a download may be slow."""

LAST_LINES = 12


class InstallError(Exception):
    """A kernel cannot be installed; the text is what was printed last."""


@frozen(kw_only=True)
class Installed:
    """What a kernelspec says, with nothing left to fill in."""

    folder: Path


def install(place: Workplace, *, again: bool = False) -> None:
    """Install what the catalogue says and write the kernelspec that will be run.

    Does nothing if that was done before, unless *again*.

    Raises:
        InstallError: it does not work.
    """
    done = place.folder / "installed"
    if again:
        shutil.rmtree(place.folder, ignore_errors=True)
    # Clients make this folder, and there are kernels that rely on it.
    (place.home / ".local" / "share" / "jupyter" / "runtime").mkdir(parents=True, exist_ok=True)
    if not done.exists():
        place.log.unlink(missing_ok=True)
        _require_debian(place)
        for command in _steps(place):
            _step(place, command)
    _write_spec(place)
    done.touch()


def versions(place: Workplace) -> dict[str, str]:
    """Return the version of each package that the catalogue names, the kernel's first."""
    entry = place.entry
    names = [_bare(one) for one in entry.pip]
    code = (
        "import sys, json\nfrom importlib.metadata import version\n"
        "print(json.dumps({one: version(one) for one in sys.argv[1:]}))"
    )
    found: dict[str, str] = json.loads(_output([str(place.python), "-c", code, *names]) or "{}")
    for name in entry.npm:
        path = place.npm / "lib" / "node_modules" / name / "package.json"
        if path.exists():
            found[name] = str(json.loads(path.read_bytes())["version"])
    for name in (*entry.apt, *entry.programs):
        shown = _output(["dpkg-query", "--showformat", "${Version}", "--show", name])
        if shown:
            found[f"{name} (Debian)"] = shown
    if entry.pip:
        python = _output(
            [str(place.python), "-c", "import platform as p; print(p.python_version())"]
        )
        found["Python"] = python
    if entry.npm:
        found["Node.js"] = _output(["node", "--version"]).removeprefix("v")
    return found


def _steps(place: Workplace) -> list[list[str]]:
    entry = place.entry
    steps = []
    if entry.pip or entry.build:
        steps += _python_steps(place)
    if entry.npm:
        place.npm.mkdir(parents=True, exist_ok=True)
        # Globally, as users do: some packages find their parts only so.
        steps.append(["npm", "install", "--global", "--prefix", str(place.npm), *entry.npm])
    steps += [place.filled(command) for command in entry.setup]
    return steps


def _python_steps(place: Workplace) -> list[list[str]]:
    entry = place.entry
    venv, python = str(place.venv), str(place.python)
    if have("uv"):
        into = ["uv", "pip", "install", "--quiet", "--python", python]
        steps = [["uv", "venv", "--quiet", "--clear", "--python", entry.python, venv]]
    else:
        into = [python, "-m", "pip", "install", "--quiet"]
        steps = [[f"python{entry.python}", "-m", "venv", "--clear", venv]]
    if entry.build:
        steps.append([*into, *entry.build])
        into = [*into, "--no-build-isolation"]
    return [*steps, [*into, *entry.pip]]


def _require_debian(place: Workplace) -> None:
    missing = [name for name in place.entry.apt if not _is_installed(name)]
    if missing:
        raise InstallError(f"wanted these Debian packages, found none: {' '.join(missing)}")


def _is_installed(package: str) -> bool:
    shown = _output(["dpkg-query", "--showformat", "${db:Status-Status}", "--show", package])
    return shown == "installed"


def _step(place: Workplace, command: list[str]) -> None:
    code = run_within(command, STEP_S, env=place.environment(), cwd=place.home, log=place.log)
    if code == 0:
        return
    how = f"did not end within {STEP_S:g} s" if code is None else f"ended with exit code {code}"
    lines = place.log.read_text("utf-8", "replace").splitlines()[-LAST_LINES:]
    raise InstallError("\n".join([f"`{' '.join(command)}` {how}", *lines]))


def _write_spec(place: Workplace) -> None:
    """Write the kernelspec that is checked: the kernel's own, with the path of its Python.

    What a kernelspec calls ``python`` is the Python of who starts it, which is Assay here.
    """
    entry = place.entry
    folder = place.folder / "share" / "jupyter" / "kernels" / entry.name
    shutil.rmtree(folder, ignore_errors=True)
    if entry.argv:
        folder.mkdir(parents=True)
        spec = {"argv": place.filled(entry.argv), "display_name": entry.name, "language": ""}
    else:
        source = _own_spec(place)
        shutil.copytree(source, folder)
        spec = json.loads((source / "kernel.json").read_bytes())
        spec["argv"][0] = _absolute(place, str(spec["argv"][0]))
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")


def _own_spec(place: Workplace) -> Path:
    name = place.entry.spec
    homes = (place.venv / "share", place.home / ".local" / "share")
    places = [Path(name), *(home / "jupyter" / "kernels" / name for home in homes)]
    for folder in places:
        if (folder / "kernel.json").is_file():
            return folder
    found = sorted(path.name for home in homes for path in (home / "jupyter" / "kernels").glob("*"))
    raise InstallError(f"wanted a kernelspec {name!r}, found {', '.join(found) or 'none'}")


def _absolute(place: Workplace, program: str) -> str:
    own = place.venv / "bin" / program
    return str(own) if "/" not in program and own.exists() else program


def _bare(requirement: str) -> str:
    for mark in "[<>=!~ ":
        requirement = requirement.partition(mark)[0]
    return requirement


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else ""
