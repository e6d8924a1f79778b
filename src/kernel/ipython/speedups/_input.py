"""Cells that are plain Python are found out before IPython takes them apart.

IPython tokenizes each cell to look for its own syntax, asks seven objects what a cell of one line
may be short for, and compiles it once more than it needs to learn whether it awaits: a quarter of
the time of a small cell. All is spared where the text holds none of the characters, names or words
that the answer depends on.
"""

from __future__ import annotations

import re
from typing import Any

from IPython.core import prefilter
from IPython.core.autocall import IPyAutocall
from IPython.core.inputtransformer2 import TransformerManager
from IPython.core.macro import Macro

__all__ = ["PrefilterManager", "QuickTransformer", "may_await"]

SPECIAL = re.compile(
    r"""
      [%!?]                             # magics, commands, help
    | ^[ \t]*[,;/]                      # quoting and calling at the beginning of a line
    | >>> | \.\.\. | In[ ]\[            # prompts that were pasted
    | \A\s                              # leading empty lines and indentation
    | ^[^\S\n]+$                        # lines of white space, which are emptied
    | [\r\v\f\x1c-\x1e\x85\u2028\u2029] # other ends of lines
    """,
    re.VERBOSE | re.MULTILINE,
)
"""What a cell must hold for any of IPython's own transformations to change it."""

FIRST_NAME = re.compile(r"(?![\s,;/%!?])[\w.*]*")
"""What a line without IPython's own syntax may be a short command by."""


class QuickTransformer(TransformerManager):  # type: ignore[misc]  # IPython is untyped here
    """A `TransformerManager` that finds the same sooner."""

    def __init__(self) -> None:
        super().__init__()
        self._own = self._present()

    def transform_cell(self, cell: str) -> str:
        """Return *cell* as Python, with a line end."""
        if not SPECIAL.search(cell) and self.is_plain:
            return cell if cell.endswith("\n") else f"{cell}\n"
        transformed: str = super().transform_cell(cell)
        return transformed

    @property
    def is_plain(self) -> bool:
        """True if it transforms cells as IPython does, and nothing else has been added."""
        return self._present() == self._own

    def _present(self) -> list[object]:
        return [*self.cleanup_transforms, *self.line_transforms, *self.token_transformers]


class PrefilterManager(prefilter.PrefilterManager):  # type: ignore[misc]  # IPython is untyped here
    """IPython's, which finds the same sooner.

    It looks at cells of one line: an automatic magic, a macro, a function that is called without
    parentheses. Its name is IPython's, which is what ``%config`` knows it by.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._own = self._present()

    def prefilter_lines(self, lines: str, continue_prompt: bool = False) -> str:
        """Return *lines*, a line with or without its end, as Python without a line end."""
        line = lines.removesuffix("\n")
        if self._is_python(line) and self._present() == self._own:
            self.shell._last_input_line = line
            return line
        filtered: str = super().prefilter_lines(lines, continue_prompt)
        return filtered

    def _is_python(self, line: str) -> bool:
        """Return True if *line* certainly is no short command."""
        found = FIRST_NAME.match(line)
        shell = self.shell
        if found is None or "\n" in line or shell.autocall:
            return False
        name = found[0]
        if isinstance(shell.user_ns.get(name), (Macro, IPyAutocall)):
            return False
        magics = shell.magics_manager
        return not (name in magics.magics["line"] or name in magics.lazy_magics)

    def _present(self) -> tuple[object, ...]:
        return [*self.transformers, *self.checkers], dict(self.handlers)


def may_await(cell: str) -> bool:
    """Return False if *cell*, Python code, certainly awaits nothing at its top level."""
    return "await" in cell or "async" in cell
