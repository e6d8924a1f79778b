"""The kernels to check: how each is installed and started, as data in ``catalogue.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from attrs import frozen

__all__ = ["CATALOGUE", "CatalogueError", "Entry", "choose", "read_catalogue"]

CATALOGUE = Path(__file__).with_name("catalogue.toml")

LISTS = ("pip", "build", "apt", "npm", "argv", "programs")
TEXTS = ("spec", "language", "python", "remark")
TABLES = ("setup", "env")


class CatalogueError(Exception):
    """The catalogue, or a name on the command line, makes no sense."""


@frozen(kw_only=True)
class Entry:
    """One kernel.

    In `setup`, `argv` and `language` stand ``{python}`` and ``{venv}`` for its own environment,
    ``{npm}`` for programs from npm, ``{assay}`` and ``{root}`` for the Python and the folder of
    this project.
    """

    name: str
    """What the kernel is called in pages and on the command line."""

    group: str
    """The table that it stands in."""

    pip: tuple[str, ...] = ()
    """Packages from PyPI, the kernel's own first; its version is the kernel's."""

    build: tuple[str, ...] = ()
    """Packages without which the former cannot be built: old packages do not name them."""

    apt: tuple[str, ...] = ()
    """Debian packages that have to be there; they are not installed, as that takes rights."""

    npm: tuple[str, ...] = ()
    """Packages from npm, installed into a folder of their own."""

    programs: tuple[str, ...] = ()
    """Further packages whose version matters, such as the interpreter behind the kernel."""

    setup: tuple[tuple[str, ...], ...] = ()
    """Commands that write the kernelspec."""

    spec: str = ""
    """The kernelspec: a name below the environment, or a folder."""

    argv: tuple[str, ...] = ()
    """The command, for a kernel without a kernelspec."""

    env: Mapping[str, str] = {}
    """Added to the environment of setup and kernel."""

    python: str = "3.11"
    """The version of Python that the environment has."""

    language: str = ""
    """Whose snippets to use, where the kernel's own word for its language is not enough.

    The name of a language, or a file.
    """

    remark: str = ""
    """What a reader of the page should know."""


def read_catalogue(path: Path = CATALOGUE) -> tuple[Entry, ...]:
    """Return all kernels, in the order of the file.

    Raises:
        CatalogueError: the file is not as it should be.
    """
    with path.open("rb") as file:
        tables = tomllib.load(file)["kernel"]
    entries = tuple(_entry(table) for table in tables)
    names = [one.name for one in entries]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise CatalogueError(f"wanted each kernel once, found {', '.join(twice)} several times")
    return entries


def choose(entries: Iterable[Entry], names: Sequence[str]) -> tuple[Entry, ...]:
    """Return those of *entries* that are called one of *names*; all, if there are none.

    Raises:
        CatalogueError: nothing is called so.
    """
    known = {one.name: one for one in entries}
    if unknown := [name for name in names if name not in known]:
        raise CatalogueError(f"wanted one of {', '.join(known)}; found {', '.join(unknown)}")
    return tuple(one for name, one in known.items() if not names or name in names)


def _entry(table: Mapping[str, object]) -> Entry:
    known = {"name", "group", *LISTS, *TEXTS, *TABLES}
    if unknown := sorted(set(table) - known):
        raise CatalogueError(f"{table.get('name')}: wanted {sorted(known)}, found {unknown}")
    setup = table.get("setup", [])
    env = table.get("env", {})
    if not isinstance(setup, list) or not isinstance(env, dict):
        raise CatalogueError(f"{table.get('name')}: setup is a list of commands, env a table")
    lists = {key: tuple(map(str, _list(table, key))) for key in LISTS if key in table}
    texts = {key: str(table[key]) for key in TEXTS if key in table}
    return Entry(
        name=str(table["name"]),
        group=str(table["group"]),
        setup=tuple(tuple(map(str, command)) for command in setup),
        env={str(key): str(value) for key, value in env.items()},
        **lists,  # type: ignore[arg-type]  # the names are those of the fields
        **texts,  # type: ignore[arg-type]  # the same
    )


def _list(table: Mapping[str, object], key: str) -> list[object]:
    value = table[key]
    if not isinstance(value, list):
        raise CatalogueError(f"{table.get('name')}: {key}: wanted a list, found {value!r}")
    return value
