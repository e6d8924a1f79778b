"""Cells that are plain Python are found out before IPython takes them apart.

IPython tokenizes each cell to look for its own syntax, and compiles it once more than it needs to
learn whether it awaits: a sixth of the time of a small cell. Both are spared where the text holds
none of the characters, or words, that the answer depends on.
"""

from __future__ import annotations

import re

from IPython.core.inputtransformer2 import TransformerManager

__all__ = ["QuickTransformer", "may_await"]

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


class QuickTransformer(TransformerManager):  # type: ignore[misc]  # IPython is untyped here
    """A `TransformerManager` that finds the same sooner."""

    def __init__(self) -> None:
        super().__init__()
        self._own = self._present()

    def transform_cell(self, cell: str) -> str:
        """Return *cell* as Python, with a line end."""
        if cell and not SPECIAL.search(cell) and self._present() == self._own:
            return cell if cell.endswith("\n") else f"{cell}\n"
        transformed: str = super().transform_cell(cell)
        return transformed

    def _present(self) -> list[object]:
        return [*self.cleanup_transforms, *self.line_transforms, *self.token_transformers]


def may_await(cell: str) -> bool:
    """Return False if *cell*, Python code, certainly awaits nothing at its top level."""
    return "await" in cell or "async" in cell
