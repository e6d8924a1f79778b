"""Write the package of a new kernel: language, kernelspec, tests, CI."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template

from attrs import frozen

from assay.commands._install import InstallError
from assay.protocol import KERNEL_NAME

__all__ = ["NewKernel", "write_package"]

TEMPLATES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "kernel.json": "kernelspec/kernel.json",
    "init.py": "src/$package/__init__.py",
    "main.py": "src/$package/__main__.py",
    "language.py": "src/$package/_language.py",
    "py.typed": "src/$package/py.typed",
    "test_kernel.py": "tests/test_kernel.py",
    "workflow.yml": ".github/workflows/test.yml",
    "gitignore": ".gitignore",
}
"""What is written, and where to."""


@frozen(kw_only=True)
class NewKernel:
    """What the package is to be called."""

    name: str
    """The kernel's, by which clients know it: ``sqlite``."""

    language: str
    """The language's, in small letters: ``sql``."""

    display_name: str
    """What menus show."""

    extension: str
    """Of files of source, with the dot."""

    @property
    def package(self) -> str:
        """The name of the Python package."""
        return f"{re.sub(r'[^a-z0-9]+', '_', self.name.lower()).strip('_')}_kernel"

    @property
    def words(self) -> Mapping[str, str]:
        """What the templates name."""
        return {
            "name": self.name.lower(),
            "language": self.language,
            "display_name": self.display_name,
            "extension": self.extension,
            "package": self.package,
            "distribution": self.package.replace("_", "-"),
            "language_class": "".join(word.title() for word in self.package.split("_")[:-1]),
        }


def write_package(kernel: NewKernel, folder: Path) -> tuple[Path, ...]:
    """Write the package into *folder*, and return the paths of its files.

    Raises:
        InstallError: the kernel's name is none, *folder* is not empty, or cannot be written.
    """
    _check(kernel)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InstallError(f"wanted a new or empty folder, found {folder} with something in it")
    written = []
    try:
        for template, where in TEMPLATES.items():
            path = folder / Template(where).substitute(kernel.words)
            path.parent.mkdir(parents=True, exist_ok=True)
            text = (files("assay.commands") / "templates" / f"{template}.in").read_text("utf-8")
            path.write_text(_filled(text, kernel.words), encoding="utf-8")
            written.append(path)
    except OSError as error:
        raise InstallError(f"{folder} cannot be written: {error.strerror}") from error
    return tuple(written)


class _Words(Template):
    """Templates of TOML, YAML and Python, where a dollar sign may mean something."""

    delimiter = "@"


def _filled(text: str, words: Mapping[str, str]) -> str:
    return _Words(text).substitute(words)


def _check(kernel: NewKernel) -> None:
    if not KERNEL_NAME.fullmatch(kernel.name):
        raise InstallError(
            f"wanted a name of ASCII letters, digits, '-', '.' and '_', found {kernel.name!r}"
        )
    if not kernel.package.isidentifier() or keyword.iskeyword(kernel.package):
        raise InstallError(f"wanted a name that begins with a letter, found {kernel.name!r}")
    for what, value in (("--language", kernel.language), ("--extension", kernel.extension)):
        if not re.fullmatch(r"[\w.+#-]+( [\w.+#-]+)*", value):
            raise InstallError(f"{what}: wanted a word, found {value!r}")
    if re.search(r'["\\\x00-\x1f@]', kernel.display_name):
        raise InstallError(f"--display-name: wanted plain text, found {kernel.display_name!r}")
