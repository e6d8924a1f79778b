"""Where the data files are: a link to the repository's ``spec/``, a folder in the wheel."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from assay.spec._errors import SpecError

__all__ = ["Table", "data_folder", "read_json", "read_toml", "text_of"]

FORMAT = 1
"""The format of every file that this package reads (docs/spec-format.md)."""

# Whatever a file holds; each reader checks by what it makes of it.
Table = dict[str, Any]


def data_folder() -> Traversable:
    """Return the folder of ``requirements.toml``, ``errata.toml``, ``schemas``, ``vectors``."""
    return files("assay.spec") / "data"


def text_of(path: str) -> str:
    """Return the text of a file, whose *path* is relative to the folder.

    Raises:
        SpecError: there is no such file.
    """
    try:
        return data_folder().joinpath(*path.split("/")).read_text("utf-8")
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error.strerror}") from error


def read_toml(path: str) -> Table:
    """Return what is in a TOML file.

    Raises:
        SpecError: the file is missing, is not TOML, or has a format that is not known.
    """
    try:
        return _checked(path, tomllib.loads(text_of(path)))
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{path}: wanted TOML: {error}") from error


def read_json(path: str) -> Table:
    """Return what is in a JSON file.

    Raises:
        SpecError: the file is missing, is not JSON, or has a format that is not known.
    """
    try:
        return _checked(path, json.loads(text_of(path)))
    except ValueError as error:
        raise SpecError(f"{path}: wanted JSON: {error}") from error


def _checked(path: str, table: Any) -> Table:
    found = table.get("format") if isinstance(table, dict) else None
    if found != FORMAT:
        raise SpecError(f"{path}: wanted format {FORMAT}, found {found!r}")
    checked: Table = table
    return checked
