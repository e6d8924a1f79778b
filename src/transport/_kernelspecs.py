"""Installed kernelspecs: finding them where Jupyter looks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from attrs import frozen

from assay._nearest import did_you_mean
from assay._small_file import read_small_file
from assay.protocol import KERNEL_NAME, KernelSpec, RemoteError
from assay.transport._errors import KernelSpecError

__all__ = ["InstalledKernel", "find_kernelspec", "kernelspec_folders", "list_kernelspecs"]


@frozen(kw_only=True)
class InstalledKernel:
    """A kernelspec and the folder it lies in."""

    name: str
    """The folder's name; compared without regard to case (SPEC-02)."""

    folder: Path
    """Holds ``kernel.json`` and the logos; ``{resource_dir}`` in the command."""

    spec: KernelSpec

    @classmethod
    def read(cls, folder: Path) -> InstalledKernel:
        """Return the kernelspec in *folder*.

        Raises:
            KernelSpecError: there is none, or it is not one.
        """
        path = folder / "kernel.json"
        try:
            spec = KernelSpec.from_json(read_small_file(path)[0], name=str(path))
        except OSError as error:
            raise KernelSpecError(f"{path}: cannot be read: {error.strerror}") from error
        except RemoteError as error:
            raise KernelSpecError(str(error)) from error
        return cls(name=folder.name, folder=folder, spec=spec)


def kernelspec_folders() -> tuple[Path, ...]:
    """Return the folders that may hold kernelspecs, the first to be asked first (SPEC-09)."""
    from jupyter_core.paths import jupyter_path  # noqa: PLC0415 - not on the kernel's start-up path

    return tuple(dict.fromkeys(Path(path) for path in jupyter_path("kernels")))


def find_kernelspec(name: str, folders: Iterable[Path] | None = None) -> InstalledKernel:
    """Return the kernelspec called *name*.

    Args:
        name: In any case (SPEC-02).
        folders: Where to look instead of `kernelspec_folders`.

    Raises:
        KernelSpecError: there is none of this name, or it cannot be used.
    """
    places = kernelspec_folders() if folders is None else tuple(folders)
    for folder in _candidates(places):
        if folder.name.lower() == name.lower():
            return InstalledKernel.read(folder)
    names = sorted({folder.name for folder in _candidates(places)})
    found = ", ".join(names) if names else "none at all"
    raise KernelSpecError(
        f"wanted a kernelspec named {name!r}, found {found} "
        f"(looked in {', '.join(str(place) for place in places)}){did_you_mean(name, names)}"
    )


def list_kernelspecs(folders: Iterable[Path] | None = None) -> tuple[InstalledKernel, ...]:
    """Return every usable kernelspec, by name; of equal names the one that would be found."""
    places = kernelspec_folders() if folders is None else tuple(folders)
    found: dict[str, InstalledKernel] = {}
    for folder in _candidates(places):
        if folder.name.lower() in found:
            continue
        try:
            found[folder.name.lower()] = InstalledKernel.read(folder)
        except KernelSpecError:
            continue
    return tuple(found[name] for name in sorted(found))


def _candidates(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        try:
            folders = sorted(place.iterdir())
        except OSError:
            continue  # Most of the places that Jupyter looks in do not exist.
        for folder in folders:
            if KERNEL_NAME.fullmatch(folder.name) and (folder / "kernel.json").is_file():
                yield folder
