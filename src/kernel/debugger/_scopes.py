"""Which variables of a stopped frame are the user's: a cell's namespace holds others too.

debugpy shows a namespace whole. What is not the user's is left out, but only there: a local
variable of a function, or an attribute, may have any of these names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from assay.protocol import Json, JsonObject

__all__ = ["Scopes"]

MODULE = "<module>"
"""What the name of the frame of a cell's own code begins with; its local variables are global."""

GROUPS = frozenset({"special variables", "function variables", "class variables"})
"""Entries under which debugpy puts a part of a namespace."""


class Scopes:
    """References to the user's namespace, as clients come to know them.

    Args:
        is_hidden: Returns True for the name of a variable that is not the user's.
        is_cell: Returns True for the path of a cell.
    """

    def __init__(self, is_hidden: Callable[[str], bool], is_cell: Callable[[str], bool]) -> None:
        self._is_hidden = is_hidden
        self._is_cell = is_cell
        self.forget()

    def forget(self) -> None:
        """Forget all: the session is over, and the references with it."""
        self._of_cells: dict[object, bool] = {}
        self._namespaces: set[object] = set()

    def note_frames(self, frames: Sequence[Json]) -> None:
        """Note which of *frames* run the code of cells, and which of these the outermost."""
        for frame in frames:
            if isinstance(frame, Mapping):
                source = frame.get("source")
                path = source.get("path") if isinstance(source, Mapping) else None
                if isinstance(path, str) and self._is_cell(path):
                    is_outermost = str(frame.get("name")).startswith(MODULE)
                    self._of_cells[frame.get("id")] = is_outermost

    def note_scopes(self, frame: Json, scopes: Json) -> None:
        """Note which of *scopes*, those of *frame*, are the user's namespace."""
        if frame not in self._of_cells:
            return
        for scope in scopes if isinstance(scopes, list) else []:
            if isinstance(scope, Mapping):
                is_local = scope.get("presentationHint") == "locals"
                if not is_local or self._of_cells[frame]:
                    self._namespaces.add(scope.get("variablesReference"))

    def without_hidden(self, reference: int, body: JsonObject) -> JsonObject:
        """Return the *body* that answers ``variables`` for *reference* with the user's alone."""
        found = body.get("variables")
        if reference not in self._namespaces or not isinstance(found, list):
            return body
        kept: list[Json] = []
        for one in found:
            name = one.get("name") if isinstance(one, Mapping) else None
            if isinstance(one, Mapping) and name in GROUPS:
                self._namespaces.add(one.get("variablesReference"))
            if not (isinstance(name, str) and self._is_hidden(name)):
                kept.append(one)
        return {**body, "variables": kept}
