"""Put Assay's kernelspec where Jupyter finds it, and take it away again."""

from __future__ import annotations

import json
import secrets
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from attrs import frozen

from assay._command import COMMAND, kernel_argv
from assay._platform import require_kernel_system
from assay.protocol import KERNEL_NAME, PROTOCOL_VERSION, AssayError, KernelSpec, unstructure

__all__ = [
    "DEFAULT_DISPLAY_NAME",
    "DEFAULT_NAME",
    "InstallError",
    "Place",
    "find_installed",
    "foreign_spec",
    "install",
    "is_ours",
    "kernel_spec",
    "uninstall",
]

DEFAULT_NAME = "assay"

DEFAULT_DISPLAY_NAME = "Python 3 (Assay)"

PYTHONS = ("python", "python3")
"""Of a command, the Python that installs it."""

INSTALLER = "installed_by_assay"
"""What the metadata of other kernels' kernelspecs says, so that they can be removed again."""

RESOURCES = ("logo-32x32.png", "logo-64x64.png", "logo-svg.svg")


class InstallError(AssayError):
    """A kernelspec cannot be written or removed."""


@frozen(kw_only=True)
class Place:
    """Where kernelspecs are kept."""

    user: bool = False
    """The user's own data folder."""

    prefix: Path | None = None
    """An environment; with `user` false and no prefix, the folder for all users is meant."""

    @property
    def folder(self) -> Path:
        """The folder that holds the kernelspecs, each in a folder of its own."""
        from jupyter_core import paths  # noqa: PLC0415 - takes time, and few commands need it

        if self.user:
            return Path(paths.jupyter_data_dir()) / "kernels"
        if self.prefix is not None:
            return self.prefix / "share" / "jupyter" / "kernels"
        return Path(paths.SYSTEM_JUPYTER_PATH[0]) / "kernels"


def kernel_spec(
    *,
    display_name: str = DEFAULT_DISPLAY_NAME,
    env: Mapping[str, str] | None = None,
    python: str = sys.executable,
) -> KernelSpec:
    """Return the kernelspec of this kernel.

    Args:
        display_name: What menus show.
        env: Added to the kernel's environment.
        python: The Python that runs it.
    """
    return KernelSpec(
        argv=kernel_argv(python),
        display_name=display_name,
        language="python",
        interrupt_mode="signal",
        env=dict(env or {}),
        metadata={
            "debugger": find_spec("debugpy") is not None,
            "supported_encryption": ["curve"],  # SPEC-07
        },
        kernel_protocol_version=PROTOCOL_VERSION,
    )


def foreign_spec(
    command: str,
    *,
    language: str,
    display_name: str,
    env: Mapping[str, str] | None = None,
    interrupt_mode: Literal["signal", "message"] = "signal",
) -> KernelSpec:
    """Return a kernelspec for any kernel.

    Args:
        command: As a shell reads it, with ``{connection_file}`` in it.
        language: The name of its language.
        display_name: What menus show.
        env: Added to the kernel's environment.
        interrupt_mode: How it wants to be interrupted.

    Raises:
        InstallError: *command* is none, names no file, or names a program that is not there.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InstallError(f"--argv: wanted a command, found {command!r}: {error}") from error
    if not words or not any("{connection_file}" in word for word in words):
        raise InstallError(
            f"--argv: wanted a command with {{connection_file}} in it, found {command!r}"
        )
    if words[0] in PYTHONS:
        words[0] = sys.executable
    elif shutil.which(words[0]) is None:
        raise InstallError(f"--argv: wanted a program, found no {words[0]!r} on the PATH")
    return KernelSpec(
        argv=tuple(words),
        display_name=display_name,
        language=language,
        interrupt_mode=interrupt_mode,
        env=dict(env or {}),
        metadata={INSTALLER: True},
    )


def install(
    place: Place, spec: KernelSpec, *, name: str = DEFAULT_NAME, force: bool = False
) -> Path:
    """Write *spec* and the logos, and return the folder they are in.

    An earlier kernelspec of ours is replaced, all of it at once.

    Args:
        place: Where to.
        spec: What to write.
        name: The folder's name, by which clients know the kernel.
        force: Replace the kernelspec of another kernel, too.

    Raises:
        InstallError: *name* is no kernel name, another kernel has it, or the place is not writable.
        UnsupportedSystemError: it would not start here.
    """
    require_kernel_system()
    if not KERNEL_NAME.fullmatch(name):
        raise InstallError(
            f"wanted a name of ASCII letters, digits, '-', '.' and '_', found {name!r}"
        )
    target = place.folder / name.lower()
    if target.exists() and not force and not is_ours(target):
        raise InstallError(
            f"{target} is the kernelspec of another kernel; --force replaces it, --name picks "
            f"another name"
        )
    with _writing(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.parent / f".{target.name}-{secrets.token_hex(4)}"
        fresh.mkdir()
        try:
            _fill(fresh, spec, logos=INSTALLER not in spec.metadata)
            _replace(target, fresh)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
    return target


def find_installed(name: str, places: Iterable[Place] = ()) -> tuple[Path, ...]:
    """Return every folder of a kernelspec called *name*, in any case (SPEC-02).

    Args:
        name: The kernel's name.
        places: Where to look; none looks wherever Jupyter does.
    """
    from assay.transport import kernelspec_folders  # noqa: PLC0415 - as in `is_ours`

    folders = tuple(place.folder for place in places) or kernelspec_folders()
    return tuple(
        entry
        for folder in dict.fromkeys(folders)
        if folder.is_dir()
        for entry in sorted(folder.iterdir())
        if entry.name.lower() == name.lower() and (entry / "kernel.json").is_file()
    )


def uninstall(folders: Sequence[Path], *, force: bool = False) -> None:
    """Remove these kernelspecs, all of them or none if one is another kernel's.

    Raises:
        InstallError: one is not ours and *force* is false, or cannot be removed.
    """
    for folder in folders:
        if not force and not is_ours(folder):
            raise InstallError(f"{folder} is the kernelspec of another kernel; --force removes it")
    for folder in folders:
        with _writing(folder.parent):
            if folder.is_symlink():
                folder.unlink()
            else:
                shutil.rmtree(folder)


def is_ours(folder: Path) -> bool:
    """Return True if *folder* holds a kernelspec of this kernel, or one that was written here."""
    # Here: `assay spec` and `--help` need no sockets.
    from assay.transport import InstalledKernel, KernelSpecError  # noqa: PLC0415 - see above

    try:
        spec = InstalledKernel.read(folder).spec
    except KernelSpecError:
        return False
    if spec.metadata.get(INSTALLER) is True:
        return True
    length, argv = len(COMMAND), spec.argv
    return any(argv[i : i + length] == COMMAND for i in range(len(argv)))


def _fill(folder: Path, spec: KernelSpec, *, logos: bool) -> None:
    text = json.dumps(unstructure(spec), indent=2, ensure_ascii=False)
    (folder / "kernel.json").write_text(f"{text}\n", encoding="utf-8")
    resources = files("assay.kernel") / "resources"
    for name in RESOURCES if logos else ():
        (folder / name).write_bytes((resources / name).read_bytes())


def _replace(target: Path, fresh: Path) -> None:
    if not target.exists():
        fresh.rename(target)
        return
    # A folder cannot be renamed over one that has files: the old one steps aside first.
    old = fresh.with_name(f"{fresh.name}-old")
    target.rename(old)
    try:
        fresh.rename(target)
    except BaseException:
        old.rename(target)
        raise
    shutil.rmtree(old)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InstallError(
            f"{folder} cannot be written: {error.strerror}. Choose a place of your own: "
            f"--user (for you alone) or --sys-prefix (for this environment, {sys.prefix})"
        ) from error
