"""What a debugger has to know of IPython: the user's names, and how cells are compiled.

Imported with the first debug_request that needs it.
"""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import IPython
import traitlets
from IPython.core.inputtransformer2 import leading_empty_lines

import assay
from assay.protocol import decode_json, encode_json

if TYPE_CHECKING:
    from assay.kernel._interpreter import CellTracer
    from assay.kernel.ipython._interpreter import IPythonInterpreter
    from assay.protocol import Json, JsonObject

__all__ = ["IPythonDebuggee"]

NUMBERED = re.compile(r"_i\d*|_\d+|_{1,3}|_ii|_iii")
"""Names of earlier inputs and results."""

HIDDEN = frozenset({"In", "Out", "_dh", "_ih", "_oh", "exit", "get_ipython", "open", "quit"})
"""Names that IPython puts into the namespace."""

MODULE_NAMES = frozenset(
    {"__annotations__", "__builtin__", "__builtins__", "__doc__", "__file__", "__loader__"}
    | {"__name__", "__package__", "__session__", "__spec__"}
)
"""Names that every module has, and what a server adds."""


class IPythonDebuggee:
    """The `Debuggee` of an IPython shell."""

    def __init__(self, interpreter: IPythonInterpreter) -> None:
        self._interpreter = interpreter
        self._tracer: CellTracer | None = None
        self._removed: list[tuple[int, Any]] = []
        self.machinery: Sequence[str] = [
            str(Path(module.__file__).parent)
            for module in (assay, IPython, traitlets)
            if module.__file__ is not None
        ]

    def variables(self) -> Mapping[str, object]:
        """Return what the user has defined, by name."""
        names = self._interpreter.shell.user_ns.copy()
        return {name: value for name, value in names.items() if not self.is_hidden(name)}

    def is_hidden(self, name: str) -> bool:
        """Return True for what IPython and Python put into the namespace."""
        return name in HIDDEN or name in MODULE_NAMES or NUMBERED.fullmatch(name) is not None

    def rich_form(self, value: object) -> tuple[JsonObject, JsonObject]:
        """Return what `display` would send for *value*."""
        data, metadata = self._interpreter.shell.display_formatter.format(value)
        found: Json = decode_json(encode_json([data, metadata]))
        assert isinstance(found, list)
        parts = [dict(part) if isinstance(part, Mapping) else {} for part in found]
        return parts[0], parts[1]

    def files_of(self, code: str) -> list[str]:
        """Return the names that cells with this source have been compiled under, newest first."""
        shell = self._interpreter.shell
        try:
            lines = shell.transform_cell(code).splitlines()
        except SyntaxError:
            return []
        if code[:1].isspace():
            return []  # lines before the first statement are not compiled without a session
        names = sorted(shell.compile._filename_map.items(), key=lambda item: -item[1])
        return [name for name, _ in names if _has_lines(name, lines)]

    def trace_cells(self, tracer: CellTracer | None) -> None:
        """Let *tracer* follow the cells, and name what is compiled."""
        shell = self._interpreter.shell
        self._tracer = tracer
        transforms = shell.input_transformer_manager.cleanup_transforms
        if tracer is None:
            self._interpreter.cell_tracing = shell.tracer = None
            with suppress(AttributeError):  # it has been ended before
                del shell.compile.get_code_name
            for place, transform in self._removed:
                transforms.insert(place, transform)
            self._removed = []
            return
        self._interpreter.cell_tracing = self._traced
        shell.tracer = tracer
        shell.compile.get_code_name = lambda raw, *_: tracer.file_of(raw)
        if leading_empty_lines in transforms:
            # A breakpoint's line counts them, so they have to be compiled.
            place = transforms.index(leading_empty_lines)
            self._removed.append((place, transforms.pop(place)))

    @contextmanager
    def _traced(self) -> Iterator[None]:
        tracer = self._tracer
        if tracer is None:
            yield
            return
        tracer.begin()
        try:
            yield
        finally:
            tracer.end()


def _has_lines(name: str, lines: list[str]) -> bool:
    entry = linecache.cache.get(name)
    return (
        entry is not None and len(entry) > 2 and [line.rstrip("\n") for line in entry[2]] == lines
    )
