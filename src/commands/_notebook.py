"""A notebook file: its code cells, and the outputs that they get."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import nbformat

from assay.protocol import (
    AssayError,
    ClearOutput,
    Content,
    DisplayData,
    Error,
    ExecuteInput,
    ExecuteResult,
    JsonObject,
    Stream,
    UnsetType,
    UpdateDisplayData,
    unstructure,
)

__all__ = ["Notebook", "NotebookCell", "NotebookError"]

NOTEBOOK_VERSION = 4

EXPECTED_ERROR_TAG = "raises-exception"
SKIP_TAG = "skip-execution"

Node: TypeAlias = dict[str, Any]
"""A part of the file; Any, because nbformat gives its nodes no types."""


class NotebookError(AssayError):
    """A file is no notebook, or cannot be read or written."""


class Notebook:
    """A notebook that is being executed."""

    def __init__(self, node: nbformat.NotebookNode, path: Path) -> None:
        self.path = path
        self._node = node
        self._displays: dict[str, list[Node]] = {}

    @classmethod
    def read(cls, path: Path) -> Notebook:
        """Return the notebook at *path*, of any version.

        Raises:
            NotebookError: it cannot be read, or is none.
        """
        try:
            text = path.read_text(encoding="utf-8")
            # nbformat's functions have no annotations.
            node = nbformat.reads(text, as_version=NOTEBOOK_VERSION)  # type: ignore[no-untyped-call]
        except OSError as error:
            raise NotebookError(f"{path}: cannot be read: {error.strerror}") from error
        except Exception as error:  # nbformat raises a dozen kinds, some of them built-in
            raise NotebookError(f"{path}: wanted a notebook, found none: {error}") from error
        return cls(node, path)

    @property
    def language(self) -> str | None:
        """The language of the code, in lower case; None if the file does not say."""
        metadata = self._node.metadata
        name = metadata.get("kernelspec", {}).get("language") or metadata.get(
            "language_info", {}
        ).get("name")
        return str(name).lower() if name else None

    def cells(self) -> Iterator[NotebookCell]:
        """Yield the code cells in order, those that are empty or to be skipped left out."""
        for node in self._node.cells:
            if node.cell_type == "code":
                cell = NotebookCell(node, self._displays)
                if cell.code.strip() and SKIP_TAG not in cell.tags:
                    yield cell

    def describe(self, language_info: JsonObject) -> None:
        """Say in the file which language its code is in."""
        self._node.metadata["language_info"] = dict(language_info)

    def write(self, path: Path) -> None:
        """Write the notebook to *path*, all of it or nothing.

        Raises:
            NotebookError: the file cannot be written.
        """
        text = nbformat.writes(self._node)  # type: ignore[no-untyped-call]  # as in `read`
        if not text.endswith("\n"):
            text += "\n"
        try:
            _write(path, text)
        except OSError as error:
            raise NotebookError(f"{path}: cannot be written: {error.strerror}") from error


class NotebookCell:
    """A code cell, and the outputs it has got."""

    def __init__(self, node: Node, displays: dict[str, list[Node]]) -> None:
        self._node = node
        self._displays = displays
        self._clear_next = False

    @property
    def code(self) -> str:
        """The source."""
        return str(self._node["source"])

    @property
    def tags(self) -> frozenset[str]:
        """Words by which notebooks say how a cell is to be run."""
        return frozenset(self._node["metadata"].get("tags", ()))

    @property
    def may_raise(self) -> bool:
        """True if an exception is part of the cell's purpose."""
        return EXPECTED_ERROR_TAG in self.tags

    def clear(self) -> None:
        """Forget the outputs of an earlier run."""
        self._node["outputs"] = []
        self._node["execution_count"] = None

    def add(self, content: Content) -> None:
        """Take what was published for this cell."""
        match content:
            case ExecuteInput(execution_count=count):
                self._node["execution_count"] = count
            case ClearOutput(wait=wait):
                if wait:
                    self._clear_next = True
                else:
                    self._node["outputs"] = []
            case UpdateDisplayData():
                self._update(content)
            case Stream():
                self._add_text(str(content.name), content.text)
            case DisplayData() | ExecuteResult() | Error():
                self._append({"output_type": content.msg_type, **_without_transient(content)})
                if not isinstance(content, Error):
                    self._remember(content.transient)

    def _append(self, output: Node) -> None:
        if self._clear_next:
            self._clear_next = False
            self._node["outputs"] = []
        self._node["outputs"].append(nbformat.from_dict(output))  # type: ignore[no-untyped-call]  # as above

    def _add_text(self, name: str, text: str) -> None:
        outputs = self._node["outputs"]
        last = outputs[-1] if outputs and not self._clear_next else None
        if last is not None and last["output_type"] == "stream" and last["name"] == name:
            last["text"] += text
        else:
            self._append({"output_type": "stream", "name": name, "text": text})

    def _remember(self, transient: JsonObject | UnsetType) -> None:
        display_id = None if isinstance(transient, UnsetType) else transient.get("display_id")
        if isinstance(display_id, str):
            self._displays.setdefault(display_id, []).append(self._node["outputs"][-1])

    def _update(self, content: UpdateDisplayData) -> None:
        shown = self._displays.get(str(content.transient.get("display_id")), ())
        for output in shown:
            output["data"] = nbformat.from_dict(dict(content.data))  # type: ignore[no-untyped-call]  # as above
            output["metadata"] = nbformat.from_dict(dict(content.metadata))  # type: ignore[no-untyped-call]  # as above


def _without_transient(content: Content) -> Node:
    fields = unstructure(content)
    fields.pop("transient", None)
    return {name: fields[name] for name in fields if name not in content.extra}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).chmod(_mode_for(path))
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _mode_for(path: Path) -> int:
    """Return the permissions that *path* has, or would get from an ordinary program."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
